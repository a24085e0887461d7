//! `/api/v1/users`.

use super::{Client, Error, Group, Json, Path, http::Call};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Users on one page: the most that Okta gives.
const PAGE: &str = "200";

/// A user of the org.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// `00u…`
    pub id: String,
    /// Where the person stands.
    pub status: UserStatus,
    /// `login`, `email` and what else the schema has.
    pub profile: Json,
    /// Everything else, so that nothing is lost in between.
    #[serde(flatten)]
    pub rest: Json,
}

impl User {
    /// A text of the profile.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.profile.get(attribute)?.as_str()
    }

    /// The user name.
    pub fn login(&self) -> &str {
        self.text("login").unwrap_or_default()
    }
}

/// Where a user stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UserStatus {
    /// Made, not activated.
    Staged,
    /// Activated, has no password yet.
    Provisioned,
    /// Signs in.
    Active,
    /// Has forgotten the password.
    Recovery,
    /// Tried too often.
    LockedOut,
    /// Has to choose another password.
    PasswordExpired,
    /// Kept out for a while.
    Suspended,
    /// Deactivated.
    Deprovisioned,
    /// One that came later than this list.
    #[serde(other)]
    Unknown,
}

impl UserStatus {
    /// Whether the org keeps this person out.
    pub fn is_kept_out(self) -> bool {
        matches!(self, Self::Suspended | Self::Deprovisioned)
    }
}

/// A state transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// Without mail to the person.
    Activate,
    /// Ends everything.
    Deactivate,
    /// For a while.
    Suspend,
    /// Back again.
    Unsuspend,
    /// After too many tries.
    Unlock,
}

impl Client {
    /// The user of this id or login.
    pub async fn user(&self, id_or_login: &str) -> Result<Option<User>, Error> {
        self.find(&users(&[id_or_login])?).await
    }

    /// Users for whom an expression of `search` holds; found a little late after a change.
    pub async fn search_users(&self, search: &str) -> Result<Vec<User>, Error> {
        let path = users(&[])?.with("search", search).with("limit", PAGE);
        self.list(&path).await
    }

    /// Users for whom a `filter` holds, which knows fewer attributes than `search` and is never late.
    pub async fn filter_users(&self, filter: &str) -> Result<Vec<User>, Error> {
        let path = users(&[])?.with("filter", filter).with("limit", PAGE);
        self.list(&path).await
    }

    /// A new, active user. `body`: profile, credentials, groups.
    pub async fn create_user(&self, body: &Json) -> Result<User, Error> {
        self.create(&users(&[])?.with("activate", "true"), body)
            .await
    }

    /// Sets the attributes named and leaves the others: a POST. A PUT would empty what is not named.
    pub async fn set_profile(&self, id: &str, attributes: &Json) -> Result<User, Error> {
        self.update(&users(&[id])?, &json!({ "profile": attributes }))
            .await
    }

    /// Moves a user on. Moving to a state twice is refused by the org with E0000001 or E0000016, as it says so.
    pub async fn move_user(&self, id: &str, to: Lifecycle) -> Result<(), Error> {
        let (verb, query) = match to {
            Lifecycle::Activate => ("activate", true),
            Lifecycle::Deactivate => ("deactivate", true),
            Lifecycle::Suspend => ("suspend", false),
            Lifecycle::Unsuspend => ("unsuspend", false),
            Lifecycle::Unlock => ("unlock", false),
        };
        let path = users(&[id, "lifecycle", verb])?;
        let path = match query {
            true => path.with("sendEmail", "false"),
            false => path,
        };
        self.call(&Call::new(Method::POST, &path)).await.map(|_| ())
    }

    /// Deactivates a user, or deletes one who is deactivated; `false` if there is none.
    pub async fn delete_user(&self, id: &str) -> Result<bool, Error> {
        self.delete(&users(&[id])?).await
    }

    /// Ends all of the user's sessions at the org, with the tokens that came of them.
    pub async fn end_sessions(&self, id: &str) -> Result<(), Error> {
        let path = users(&[id, "sessions"])?.with("oauthTokens", "true");
        self.call(&Call::new(Method::DELETE, &path))
            .await
            .map(|_| ())
    }

    /// The groups a user is in.
    pub async fn groups_of(&self, id: &str) -> Result<Vec<Group>, Error> {
        self.list(&users(&[id, "groups"])?).await
    }
}

pub(super) fn users(rest: &[&str]) -> Result<Path, Error> {
    Path::new(&["api", "v1", "users"])?.then(rest)
}
