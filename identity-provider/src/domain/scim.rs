//! People and groups as a SCIM client sees them: what is stored, its version, and the resource made of it.

pub mod drift;

use crate::{
    clock::{Millis, rfc3339},
    domain::user::UserId,
};
use serde_json::{Value, json};
use standards::scim::{
    document::Document,
    etag,
    schema::{GROUP, ResourceType, USER},
    user::User,
};

/// One person and what was pushed about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Ours.
    pub id: UserId,
    /// The connection that provisions them; empty for one whom an administrator made here.
    pub connection: String,
    /// Everything that a client may write.
    pub user: User,
    /// Counts changes.
    pub version: i64,
    /// Made.
    pub created_at: Millis,
    /// Last changed.
    pub updated_at: Millis,
}

/// One group without its members.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct GroupRow {
    /// Ours.
    pub id: String,
    /// Its name, as policy rules say it.
    pub name: String,
    /// The client's; empty if it did not say.
    pub external_id: String,
    /// Counts changes.
    pub version: i64,
    /// Made.
    pub created_at: Millis,
    /// Last changed.
    pub updated_at: Millis,
}

/// One membership: of a group's members, or of a person's groups.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Membership {
    /// Whose list it is in.
    pub owner: String,
    /// The other's id.
    pub id: String,
    /// The other's name.
    pub name: String,
}

impl Person {
    /// Whether they may sign in.
    pub fn is_active(&self) -> bool {
        self.user.active == Some(true)
    }

    /// The opaque part of the entity tag. An administrator's `tacit user disable` counts too.
    pub fn version_text(&self) -> String {
        format!(
            "{}{}",
            self.version,
            if self.is_active() { "a" } else { "d" }
        )
    }

    /// The resource without groups; `base` is the URL that ends in `/v2`.
    pub fn document(&self, base: &str) -> Document {
        let mut document = self.user.document();
        document.put("id", self.id.as_str());
        document.put(
            "meta",
            meta(
                &USER,
                base,
                self.id.as_str(),
                &self.version_text(),
                self.created_at,
                self.updated_at,
            ),
        );
        document
    }
}

impl GroupRow {
    /// The opaque part of the entity tag.
    pub fn version_text(&self) -> String {
        self.version.to_string()
    }

    /// The resource without members.
    pub fn document(&self, base: &str) -> Document {
        let mut document = Document::default();
        document.put("id", self.id.as_str());
        document.put("displayName", self.name.as_str());
        if !self.external_id.is_empty() {
            document.put("externalId", self.external_id.as_str());
        }
        document.put(
            "meta",
            meta(
                &GROUP,
                base,
                &self.id,
                &self.version_text(),
                self.created_at,
                self.updated_at,
            ),
        );
        document
    }
}

/// `groups` of a person.
pub fn groups_value(groups: &[Membership], base: &str) -> Value {
    let value = |g: &Membership| json!({ "value": g.id, "$ref": format!("{base}/Groups/{}", g.id), "display": g.name, "type": "direct" });
    groups.iter().map(value).collect()
}

/// `members` of a group.
pub fn members_value(members: &[Membership], base: &str) -> Value {
    let value = |m: &Membership| json!({ "value": m.id, "$ref": format!("{base}/Users/{}", m.id), "display": m.name, "type": "User" });
    members.iter().map(value).collect()
}

fn meta(
    resource: &ResourceType,
    base: &str,
    id: &str,
    version: &str,
    created_at: Millis,
    updated_at: Millis,
) -> Value {
    json!({
        "resourceType": resource.name,
        "created": rfc3339(created_at),
        "lastModified": rfc3339(updated_at),
        "location": format!("{base}{}/{id}", resource.endpoint),
        "version": etag::weak(version),
    })
}
