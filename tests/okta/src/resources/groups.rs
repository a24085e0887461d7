//! Groups and who is in them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Fault, Resources, date, text};
use crate::clock::Millis;
use crate::ids;

#[derive(Debug)]
pub struct GroupRow {
    pub kind: Kind,
    pub name: String,
    pub description: Option<String>,
    pub created: Millis,
    pub last_updated: Millis,
    pub last_membership_updated: Millis,
    /// Ids of users.
    pub members: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Okta,
    /// "Everyone"
    BuiltIn,
    /// Belongs to an application that it was imported from.
    App,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Okta => "OKTA_GROUP",
            Kind::BuiltIn => "BUILT_IN",
            Kind::App => "APP_GROUP",
        }
    }
}

impl GroupRow {
    pub fn new(name: &str, description: Option<&str>, kind: Kind, now: Millis) -> GroupRow {
        GroupRow {
            kind,
            name: name.to_owned(),
            description: description.map(str::to_owned),
            created: now,
            last_updated: now,
            last_membership_updated: now,
            members: BTreeSet::new(),
        }
    }

    /// The built-in group has no list: everybody is in it.
    pub fn holds_everyone(&self) -> bool {
        self.kind == Kind::BuiltIn
    }
}

impl Resources {
    pub fn everyone(&self) -> String {
        ids::derive_id("00g", "Everyone")
    }

    pub fn create_group(&mut self, body: &Value, now: Millis) -> Result<String, Fault> {
        let (name, description) = self.read_group(body, None)?;
        let id = ids::generate_id("00g");
        let row = GroupRow::new(&name, description.as_deref(), Kind::Okta, now);
        self.groups.insert(id.clone(), row)?;
        Ok(id)
    }

    pub fn replace_group(&mut self, id: &str, body: &Value, now: Millis) -> Result<(), Fault> {
        self.only_okta_group(id)?;
        let (name, description) = self.read_group(body, Some(id))?;
        let group = self.groups.row_mut(id)?;
        group.name = name;
        group.description = description;
        group.last_updated = now;
        Ok(())
    }

    pub fn delete_group(&mut self, id: &str) -> Result<(), Fault> {
        self.only_okta_group(id)?;
        self.groups.remove(id).map(drop)
    }

    /// Tells whether something changed: to add somebody twice is no fault.
    pub fn add_member(&mut self, group: &str, user: &str, now: Millis) -> Result<bool, Fault> {
        self.only_okta_group(group)?;
        self.users.row(user)?;
        let group = self.groups.row_mut(group)?;
        let is_new = group.members.insert(user.to_owned());
        if is_new {
            group.last_membership_updated = now;
        }
        Ok(is_new)
    }

    pub fn remove_member(&mut self, group: &str, user: &str, now: Millis) -> Result<bool, Fault> {
        self.only_okta_group(group)?;
        self.users.row(user)?;
        let group = self.groups.row_mut(group)?;
        let was_in = group.members.remove(user);
        if was_in {
            group.last_membership_updated = now;
        }
        Ok(was_in)
    }

    pub fn group_body(&self, id: &str, group: &GroupRow) -> Value {
        let logo = |name: &str, file: &str| json!({ "name": name, "href": self.url(&format!("/assets/img/logos/groups/{file}")), "type": "image/png" });
        json!({
            "id": id,
            "created": date(Some(group.created)),
            "lastUpdated": date(Some(group.last_updated)),
            "lastMembershipUpdated": date(Some(group.last_membership_updated)),
            "objectClass": ["okta:user_group"],
            "type": group.kind.name(),
            "profile": { "name": group.name, "description": group.description },
            "_links": {
                "logo": [logo("medium", "okta-medium.png"), logo("large", "okta-large.png")],
                "users": { "href": self.url(&format!("/api/v1/groups/{id}/users")) },
                "apps": { "href": self.url(&format!("/api/v1/groups/{id}/apps")) },
            },
        })
    }

    fn read_group(
        &self,
        body: &Value,
        except: Option<&str>,
    ) -> Result<(String, Option<String>), Fault> {
        let profile = body.get("profile").ok_or_else(|| Fault::blank("profile"))?;
        let name = text(profile, "name", 255)?;
        let description = match profile.get("description") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.chars().count() <= 1024 => Some(text.clone()),
            Some(_) => {
                return Err(Fault::invalid(
                    "description",
                    "description: The field is too long",
                ));
            }
        };
        if let Some(member) = profile.as_object().and_then(|profile| {
            profile
                .keys()
                .find(|key| !["name", "description"].contains(&key.as_str()))
        }) {
            return Err(Fault::invalid(
                "group",
                format!("Property name '{member}' is not defined in profile"),
            ));
        }
        let mut others = self.groups.iter();
        match others
            .any(|(id, group)| Some(id) != except && group.name == name && group.kind != Kind::App)
        {
            true => Err(Fault::taken("name")),
            false => Ok((name.to_owned(), description)),
        }
    }

    fn only_okta_group(&self, id: &str) -> Result<(), Fault> {
        match self.groups.row(id)?.kind {
            Kind::Okta => Ok(()),
            _ => Err(Fault::refused(
                403,
                "E0000006",
                "You do not have permission to perform the requested action",
            )),
        }
    }
}
