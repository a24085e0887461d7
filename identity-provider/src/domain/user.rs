//! People.

use crate::clock::Millis;
use std::fmt;
use wire::id::UserName;

/// Our own name of a person; stays the same when Okta renames the login.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(String);

impl UserId {
    /// A new one.
    pub fn generate(now: Millis) -> Self {
        Self(crate::random::id(now))
    }

    /// The id that no row has.
    pub(crate) fn nobody() -> Self {
        Self(String::new())
    }

    pub(crate) fn from_row_text(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Ours.
    pub id: UserId,
    /// Okta's.
    pub login: UserName,
    /// Whether anything may succeed.
    pub status: UserStatus,
    /// No further factor may be added before this time.
    pub additions_held_until: Millis,
    /// Added.
    pub created_at: Millis,
}

/// Whether a person may sign in at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserStatus {
    /// Yes.
    Active,
    /// No.
    Disabled,
}

impl UserStatus {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}
