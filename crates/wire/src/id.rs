//! Identifiers that cannot hold a malformed value.

use crate::limits;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is not an identifier of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing there.
    #[error("empty")]
    Empty,
    /// Over the limit in [`limits`].
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// A character outside the allowed set.
    #[error("contains a character that is not allowed")]
    Character,
    /// Not the shape of this kind of identifier.
    #[error("wrong shape")]
    Shape,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text` and takes it over.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                let check: fn(&str) -> Result<(), IdError> = $check;
                check(&text)?;
                Ok(Self(text))
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// One OS user's device key as the server knows it: the RFC 7638 thumbprint of the device's public key.
    DeviceId, thumbprint
);
text_id!(
    /// One factor request.
    ChallengeId, token
);
text_id!(
    /// One configured Okta integration: lower-case letters, digits and hyphens; part of URLs.
    ConnectionId, slug
);
text_id!(
    /// RFC 7638 SHA-256 thumbprint of a public key: 43 characters of base64url.
    Thumbprint, thumbprint
);
text_id!(
    /// 32 random bytes as 43 characters of base64url.
    Nonce, thumbprint
);
text_id!(
    /// SHA-256 as 43 characters of base64url.
    Digest, thumbprint
);
text_id!(
    /// A person's name in the Okta org, its `login`. Compared byte for byte; see the server for the one ASCII case fold.
    UserName, user_name
);
text_id!(
    /// Scheme, host and port, as a browser serialises an origin: `https://login.example.com`, no slash at the end.
    Origin, origin
);

impl DeviceId {
    /// A device is named by its key.
    pub fn of_key(thumbprint: &Thumbprint) -> Self {
        Self(thumbprint.0.clone())
    }
}

fn bounded(text: &str, limit: usize) -> Result<(), IdError> {
    match text.len() {
        0 => Err(IdError::Empty),
        n if n > limit => Err(IdError::TooLong(limit)),
        _ => Ok(()),
    }
}

fn token(text: &str) -> Result<(), IdError> {
    bounded(text, limits::IDENTIFIER)?;
    let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    text.bytes()
        .all(allowed)
        .then_some(())
        .ok_or(IdError::Character)
}

fn slug(text: &str) -> Result<(), IdError> {
    bounded(text, limits::IDENTIFIER)?;
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    text.bytes()
        .all(allowed)
        .then_some(())
        .ok_or(IdError::Character)
}

fn thumbprint(text: &str) -> Result<(), IdError> {
    token(text)?;
    match crate::b64::decode(text) {
        Some(bytes) if bytes.len() == 32 => Ok(()),
        _ => Err(IdError::Shape),
    }
}

fn user_name(text: &str) -> Result<(), IdError> {
    bounded(text, limits::USER_NAME)?;
    (!text.chars().any(char::is_control))
        .then_some(())
        .ok_or(IdError::Character)
}

/// `https://host[:port]`, or `http://` for loopback only: everything else would let a network attacker ask.
fn origin(text: &str) -> Result<(), IdError> {
    bounded(text, limits::ORIGIN)?;
    let (host_and_port, plain) = match (text.strip_prefix("https://"), text.strip_prefix("http://"))
    {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) => (rest, true),
        (None, None) => return Err(IdError::Shape),
    };
    let (host, port) = host_and_port
        .rsplit_once(':')
        .unwrap_or((host_and_port, "443"));
    let host_ok = !host.is_empty()
        && host
            .bytes()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'.');
    let port_ok = port.parse::<u16>().is_ok_and(|n| n != 0) && !port.starts_with('+');
    let secure = !plain || host == "localhost" || host == "127.0.0.1";
    (host_ok && port_ok && secure)
        .then_some(())
        .ok_or(IdError::Shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_only_what_a_browser_serialises() {
        for good in [
            "https://login.acme.test",
            "https://a:8443",
            "http://127.0.0.1:9000",
            "http://localhost:1",
        ] {
            assert!(Origin::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "https://",
            "https://A.test",
            "https://a.test/",
            "http://a.test",
            "a.test",
            "https://a:0",
            "https://u@a.test",
            "https://a.test:99999",
            "https://a.test?x",
            "null",
            "https://ä.test",
        ] {
            assert!(Origin::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn thumbprints_are_32_bytes() {
        assert!(Thumbprint::new("A".repeat(43)).is_ok());
        assert_eq!(Thumbprint::new("A".repeat(44)), Err(IdError::Shape));
        assert_eq!(
            Thumbprint::new("A".repeat(42) + "B"),
            Err(IdError::Shape),
            "bits beyond the 32 bytes are set"
        );
        assert_eq!(Thumbprint::new("+".repeat(43)), Err(IdError::Character));
    }

    #[test]
    fn user_names_hold_no_control_characters() {
        assert!(UserName::new("Ann.Lee@acme.test").is_ok());
        assert_eq!(UserName::new("ann\n@acme.test"), Err(IdError::Character));
    }
}
