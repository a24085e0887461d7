//! `tacit.toml` in the data folder: what this server is and where it listens. Everything else is in the database.

mod mail;

pub use mail::{Mail, MailTls};

use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};
use wire::id::Origin;

/// Name of the file in the data folder.
pub const FILE: &str = "tacit.toml";
/// Name of the master key's file in the data folder.
pub const MASTER_KEY_FILE: &str = "master.key";
/// How old a challenge may be when its silent answer comes, in ms.
pub const FRESHNESS_MS: i64 = 60_000;

/// What is in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What browsers call this server.
    pub origin: Origin,
    /// Where it listens.
    pub listen: SocketAddr,
    /// `sqlite:…` or `postgres://…`
    pub database: String,
    /// Certificate chain and key in PEM; without them a trusted proxy has to do TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Addresses whose `X-Forwarded-For` is believed, and which may speak plain HTTP.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted_proxies: Vec<IpAddr>,
    /// Addresses besides this machine's own that may read `/metrics`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics_from: Vec<IpAddr>,
    /// The folder with `tacit.crx` and `update.xml`, if browsers get the extension from this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<PathBuf>,
    /// How old a challenge may be when its silent answer comes, in ms.
    #[serde(default = "freshness", skip_serializing_if = "is_default_freshness")]
    pub freshness_ms: i64,
    /// Who takes our notices; without it they are in the audit trail and on the console only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<Mail>,
}

/// Files for TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM certificates, ours first.
    pub certificate: PathBuf,
    /// PEM private key.
    pub key: PathBuf,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{0}: {1} (has `tacit init` been run?)")]
    File(PathBuf, std::io::Error),
    /// It is not such a file.
    #[error("{0}: {1}")]
    Content(PathBuf, Box<toml::de::Error>),
    /// Plain HTTP to the world.
    #[error("without a TLS certificate there has to be a trusted proxy in front")]
    Plain,
    /// A time that makes no sense.
    #[error("freshness_ms has to be between 5000 and 300000")]
    Freshness,
    /// Mail that could not be sent, or not safely.
    #[error("[mail]: {0}")]
    Mail(String),
}

impl Settings {
    /// Reads and checks the file in `data`.
    pub fn load(data: &Path) -> Result<Self, SettingsError> {
        let path = data.join(FILE);
        let text =
            std::fs::read_to_string(&path).map_err(|e| SettingsError::File(path.clone(), e))?;
        let settings: Self =
            toml::from_str(&text).map_err(|e| SettingsError::Content(path, Box::new(e)))?;
        settings.checked()
    }

    /// Refuses what would be unsafe.
    pub fn checked(self) -> Result<Self, SettingsError> {
        if self.tls.is_none() && self.trusted_proxies.is_empty() {
            return Err(SettingsError::Plain);
        }
        if !(5_000..=300_000).contains(&self.freshness_ms) {
            return Err(SettingsError::Freshness);
        }
        if let Some(mail) = &self.mail {
            mail.checked()?;
        }
        Ok(self)
    }
}

const fn freshness() -> i64 {
    FRESHNESS_MS
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
const fn is_default_freshness(ms: &i64) -> bool {
    *ms == FRESHNESS_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(extra: &str) -> Result<Settings, String> {
        let text = format!(
            "origin = \"https://login.acme.test\"\nlisten = \"127.0.0.1:1\"\ndatabase = \"sqlite:x\"\n{extra}"
        );
        let settings: Settings = toml::from_str(&text).map_err(|e| e.to_string())?;
        settings.checked().map_err(|e| e.to_string())
    }

    #[test]
    fn plain_http_needs_a_declared_proxy() {
        assert!(check("trusted_proxies = [\"10.0.0.1\"]").is_ok());
        assert!(check("[tls]\ncertificate = \"a\"\nkey = \"b\"").is_ok());
        assert!(check("").is_err());
        assert!(check("trusted_proxies = [\"10.0.0.1\"]\nsurprise = 1").is_err());
        assert!(check("trusted_proxies = [\"10.0.0.1\"]\nfreshness_ms = 1").is_err());
    }
}
