//! `/api/v1/groups`.

use super::{Client, Error, Json, Path, User, http::Call};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A group of the org.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// `00g…`
    pub id: String,
    /// `OKTA_GROUP`, `APP_GROUP` or `BUILT_IN`; only of the first can we choose the members.
    #[serde(rename = "type")]
    pub kind: String,
    /// `name` and `description`.
    pub profile: Json,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Json,
}

impl Group {
    /// Its name.
    pub fn name(&self) -> &str {
        let name = self.profile.get("name").and_then(|n| n.as_str());
        name.unwrap_or_default()
    }
}

impl Client {
    /// The group of this id.
    pub async fn group(&self, id: &str) -> Result<Option<Group>, Error> {
        self.find(&groups(&[id])?).await
    }

    /// Groups whose name is exactly this; Okta itself compares beginnings.
    pub async fn groups_named(&self, name: &str) -> Result<Vec<Group>, Error> {
        let path = groups(&[])?.with("q", name).with("limit", "200");
        let mut found: Vec<Group> = self.list(&path).await?;
        found.retain(|group| group.name() == name);
        Ok(found)
    }

    /// A new group.
    pub async fn create_group(&self, name: &str, description: &str) -> Result<Group, Error> {
        let body = json!({ "profile": { "name": name, "description": description } });
        self.create(&groups(&[])?, &body).await
    }

    /// Renames or describes a group anew.
    pub async fn replace_group(
        &self,
        id: &str,
        name: &str,
        description: &str,
    ) -> Result<Group, Error> {
        let body = json!({ "profile": { "name": name, "description": description } });
        self.replace(&groups(&[id])?, &body).await
    }

    /// Deletes a group; `false` if there is none.
    pub async fn delete_group(&self, id: &str) -> Result<bool, Error> {
        self.delete(&groups(&[id])?).await
    }

    /// Who is in a group.
    pub async fn members_of(&self, group: &str) -> Result<Vec<User>, Error> {
        self.list(&groups(&[group, "users"])?.with("limit", "200"))
            .await
    }

    /// Puts a user into a group; being in it already is no error.
    pub async fn add_member(&self, group: &str, user: &str) -> Result<(), Error> {
        let path = groups(&[group, "users", user])?;
        self.call(&Call::new(Method::PUT, &path)).await.map(|_| ())
    }

    /// Takes a user out of a group; `false` if there is no such group or user.
    pub async fn remove_member(&self, group: &str, user: &str) -> Result<bool, Error> {
        self.delete(&groups(&[group, "users", user])?).await
    }
}

fn groups(rest: &[&str]) -> Result<Path, Error> {
    Path::new(&["api", "v1", "groups"])?.then(rest)
}
