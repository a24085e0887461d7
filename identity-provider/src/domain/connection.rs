//! One configured Okta integration, and the keys that sign for it.

use crate::clock::Millis;
use wire::id::ConnectionId;

/// One configured Okta integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Part of its URLs.
    pub id: ConnectionId,
    /// What Okta uses it for.
    pub role: Role,
    /// Whether a refusal lets the person choose another of Okta's factors; if not, refusing only leads back here.
    pub okta_offers_choice: bool,
    /// The SP's metadata as imported; empty until then.
    pub metadata: String,
    /// Last change.
    pub updated_at: Millis,
}

/// What Okta uses a connection for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Okta did the first factor.
    Factor,
    /// We are the only factor.
    Sso,
}

impl Role {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Factor => "factor",
            Self::Sso => "sso",
        }
    }

    /// The role of this name.
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Factor, Self::Sso]
            .into_iter()
            .find(|r| r.code() == code)
    }
}

/// A signing key as stored.
#[derive(Clone)]
pub struct SigningKey {
    /// Its name in the records.
    pub id: String,
    /// Whether it signs.
    pub status: KeyStatus,
    /// DER; what Okta is given.
    pub certificate: Vec<u8>,
    /// PKCS#8 under the master key.
    pub sealed_key: String,
    /// Made.
    pub created_at: Millis,
}

/// Which of the (at most two) keys of a connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStatus {
    /// Signs.
    Current,
    /// Is in the metadata already, and will sign.
    Next,
    /// Signed once.
    Retired,
}

impl KeyStatus {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Next => "next",
            Self::Retired => "retired",
        }
    }

    /// The status of this name.
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Current, Self::Next, Self::Retired]
            .into_iter()
            .find(|s| s.code() == code)
    }
}
