//! `[mail]`: the server that takes our notices.

use super::SettingsError;
use lettre::{Address, message::Mailbox};
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, path::PathBuf};

/// Administrators that every notice goes to.
const ADMINISTRATORS: usize = 20;

/// How notices leave the house.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// Name or address of the server that takes mail from us.
    pub host: String,
    /// Its port: usually 465 for `required`, 587 for `starttls`.
    pub port: u16,
    /// How the way there is protected.
    #[serde(default)]
    pub tls: MailTls,
    /// PEM certificates to trust besides the system's, for a server inside the house.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Whom notices come from: `Tacit <tacit@example.com>` or the address alone.
    pub from: String,
    /// Who gets every notice besides the person it concerns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub administrators: Vec<String>,
    /// Name of our account there; none if the server knows us by our address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// File that holds the account's password, readable by its owner only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
}

/// How the way to the mail server is protected. There is no "if the server offers it": whoever sits on the way would
/// only have to take the offer out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailTls {
    /// TLS from the first byte.
    #[default]
    Required,
    /// TLS by STARTTLS, without which nothing is sent.
    Starttls,
    /// No TLS, to a relay on this machine.
    NoneOnLoopback,
}

impl Mail {
    /// Refuses what could not be sent, or would be sent unsafely.
    pub(super) fn checked(&self) -> Result<(), SettingsError> {
        let refused = |what: &str| Err(SettingsError::Mail(what.to_owned()));
        if self.host.trim().is_empty() {
            return refused("host is empty");
        }
        if self.tls == MailTls::NoneOnLoopback && !is_loopback(&self.host) {
            return refused(
                "tls = \"none-on-loopback\" is for a relay on this machine only: 127.0.0.1, ::1 or localhost",
            );
        }
        if self.from.parse::<Mailbox>().is_err() {
            return refused("from is no address such as `Tacit <tacit@example.com>`");
        }
        if self.administrators.len() > ADMINISTRATORS {
            return refused("there are more than 20 administrators: use a list's address");
        }
        if let Some(wrong) = self
            .administrators
            .iter()
            .find(|a| a.parse::<Address>().is_err())
        {
            return refused(&format!("the administrator {wrong:?} is no mail address"));
        }
        if self.user.is_some() != self.password_file.is_some() {
            return refused("user and password_file go together");
        }
        Ok(())
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Mail, String> {
        let mail: Mail = toml::from_str(text).map_err(|e| e.to_string())?;
        mail.checked().map_err(|e| e.to_string())?;
        Ok(mail)
    }

    #[test]
    fn mail_is_sent_in_the_clear_to_this_machine_only() {
        let with = |rest: &str| check(&format!("port = 25\nfrom = \"t@acme.test\"\n{rest}"));
        assert_eq!(
            with("host = \"mail.acme.test\"").unwrap().tls,
            MailTls::Required
        );
        assert!(with("host = \"mail.acme.test\"\ntls = \"starttls\"").is_ok());
        for host in ["127.0.0.1", "::1", "localhost"] {
            assert!(with(&format!("host = \"{host}\"\ntls = \"none-on-loopback\"")).is_ok());
        }
        for host in [
            "mail.acme.test",
            "10.0.0.1",
            "localhost.acme.test",
            "127.0.0.1.acme.test",
        ] {
            let refused =
                with(&format!("host = \"{host}\"\ntls = \"none-on-loopback\"")).unwrap_err();
            assert!(refused.contains("this machine only"), "{refused}");
        }
        assert!(with("host = \"mail.acme.test\"\ntls = \"opportunistic\"").is_err());
    }

    #[test]
    fn what_could_not_be_sent_is_refused_when_it_is_read() {
        let with = |rest: &str| {
            check(&format!("host = \"mail.acme.test\"\nport = 465\n{rest}")).unwrap_err()
        };
        assert!(with("from = \"nobody\"").contains("from is no address"));
        assert!(
            with("from = \"t@acme.test\\r\\nBcc: x@evil.test\"").contains("from is no address")
        );
        assert!(with("from = \"t@acme.test\"\nadministrators = [\"ops\"]").contains("\"ops\""));
        assert!(with("from = \"t@acme.test\"\nuser = \"tacit\"").contains("go together"));
        assert!(with("from = \"t@acme.test\"\npassword = \"secret\"").contains("unknown field"));
    }
}
