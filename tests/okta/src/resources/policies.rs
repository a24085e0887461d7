//! Policies: who a family of rules is for, in which order.

use serde_json::{Value, json};

use super::rules::RuleRow;
use super::{Fault, Resources, Table, date, initial_status, text};
use crate::clock::Millis;
use crate::ids;

#[derive(Debug)]
pub struct PolicyRow {
    pub kind: Kind,
    pub name: String,
    pub description: Option<String>,
    pub priority: u32,
    pub status: &'static str,
    /// Made by Okta: it cannot be deleted or switched off, and is the last of its kind.
    pub is_system: bool,
    pub conditions: Value,
    pub settings: Value,
    pub created: Millis,
    pub last_updated: Millis,
    pub rules: Table<RuleRow>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    SignOn,
    MfaEnroll,
    Password,
    IdpDiscovery,
    AccessPolicy,
}

impl Kind {
    pub const ALL: [Kind; 5] = [
        Kind::SignOn,
        Kind::MfaEnroll,
        Kind::Password,
        Kind::IdpDiscovery,
        Kind::AccessPolicy,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::SignOn => "OKTA_SIGN_ON",
            Kind::MfaEnroll => "MFA_ENROLL",
            Kind::Password => "PASSWORD",
            Kind::IdpDiscovery => "IDP_DISCOVERY",
            Kind::AccessPolicy => "ACCESS_POLICY",
        }
    }

    pub fn of(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub fn id_prefix(self) -> &'static str {
        match self {
            Kind::AccessPolicy => "rst",
            _ => "00p",
        }
    }
}

impl PolicyRow {
    pub fn new(kind: Kind, name: &str, is_system: bool, now: Millis) -> PolicyRow {
        PolicyRow {
            kind,
            name: name.to_owned(),
            description: None,
            priority: 1,
            status: "ACTIVE",
            is_system,
            conditions: Value::Null,
            settings: Value::Null,
            created: now,
            last_updated: now,
            rules: Table::new("PolicyRule", 100),
        }
    }
}

impl Resources {
    pub fn create_policy(
        &mut self,
        body: &Value,
        activate: bool,
        now: Millis,
    ) -> Result<String, Fault> {
        let kind = Kind::of(text(body, "type", 40)?)
            .ok_or_else(|| Fault::invalid("type", "type: The policy type is not supported"))?;
        if kind == Kind::IdpDiscovery {
            // There is exactly one, and Okta makes it.
            return Err(Fault::invalid(
                "type",
                "type: A policy of type IDP_DISCOVERY cannot be created",
            ));
        }
        let mut row = PolicyRow::new(kind, text(body, "name", 255)?, false, now);
        self.check_policy_name(kind, &row.name, None)?;
        row.status = match activate {
            true => initial_status(body)?,
            false => "INACTIVE",
        };
        self.read_policy(&mut row, body)?;
        let wanted = read_priority(body)?;
        let id = ids::generate_id(kind.id_prefix());
        self.policies.insert(id.clone(), row)?;
        if kind == Kind::AccessPolicy {
            self.add_catch_all(&id, now)?;
        }
        self.order_policies(kind, &id, wanted);
        Ok(id)
    }

    pub fn replace_policy(&mut self, id: &str, body: &Value, now: Millis) -> Result<(), Fault> {
        let row = self.policies.row(id)?;
        let kind = row.kind;
        if body["type"]
            .as_str()
            .is_some_and(|name| name != kind.name())
        {
            return Err(Fault::invalid(
                "type",
                "type: The type of a policy cannot be changed",
            ));
        }
        let name = text(body, "name", 255)?.to_owned();
        self.check_policy_name(kind, &name, Some(id))?;
        let mut changed = PolicyRow::new(kind, &name, row.is_system, row.created);
        self.read_policy(&mut changed, body)?;
        let wanted = read_priority(body)?;
        let row = self.policies.row_mut(id)?;
        row.name = name;
        row.description = changed.description;
        row.settings = changed.settings;
        row.last_updated = now;
        if !row.is_system {
            row.conditions = changed.conditions;
            self.order_policies(kind, id, wanted);
        }
        Ok(())
    }

    pub fn set_policy_status(
        &mut self,
        id: &str,
        status: &'static str,
        now: Millis,
    ) -> Result<(), Fault> {
        let row = self.policies.row_mut(id)?;
        if row.is_system {
            return Err(Fault::refused(
                403,
                "E0000086",
                "This policy cannot be activated at this time.",
            ));
        }
        row.status = status;
        row.last_updated = now;
        Ok(())
    }

    pub fn delete_policy(&mut self, id: &str) -> Result<(), Fault> {
        let row = self.policies.row(id)?;
        if row.is_system {
            return Err(Fault::refused(
                403,
                "E0000006",
                "You do not have permission to perform the requested action",
            ));
        }
        let kind = row.kind;
        if let Some((_, app)) = self.apps.iter().find(|(_, app)| app.access_policy == id) {
            let cause = format!("The policy is assigned to the application {}", app.label());
            return Err(Fault::invalid("id", cause));
        }
        self.policies.remove(id)?;
        self.order_policies(kind, "", None);
        Ok(())
    }

    pub fn policy_body(&self, id: &str, row: &PolicyRow) -> Value {
        let path = format!("/api/v1/policies/{id}");
        let own: &[&str] = match row.is_system {
            true => &["GET", "PUT"],
            false => &["GET", "PUT", "DELETE"],
        };
        let mut links = json!({
            "self": self.link(&path, own),
            "rules": self.link(&format!("{path}/rules"), &["GET", "POST"]),
        });
        if !row.is_system {
            let operation = if row.status == "ACTIVE" {
                "deactivate"
            } else {
                "activate"
            };
            links["mappings"] = self.link(&format!("{path}/mappings"), &["GET", "POST"]);
            links[operation] = self.link(&format!("{path}/lifecycle/{operation}"), &["POST"]);
        }
        let mut body = json!({
            "id": id,
            "status": row.status,
            "name": row.name,
            "priority": row.priority,
            "system": row.is_system,
            "conditions": row.conditions,
            "created": date(Some(row.created)),
            "lastUpdated": date(Some(row.last_updated)),
            "_links": links,
            "type": row.kind.name(),
        });
        if let Some(description) = &row.description {
            body["description"] = json!(description);
        }
        if !row.settings.is_null() {
            body["settings"] = row.settings.clone();
        }
        body
    }

    /// Policies of a kind, the first to be asked first.
    pub fn policies_of(&self, kind: Kind) -> Vec<(&str, &PolicyRow)> {
        let mut found: Vec<_> = self
            .policies
            .iter()
            .filter(|(_, row)| row.kind == kind)
            .collect();
        found.sort_by_key(|(_, row)| row.priority);
        found
    }

    fn read_policy(&self, row: &mut PolicyRow, body: &Value) -> Result<(), Fault> {
        row.description = body["description"]
            .as_str()
            .map(|text| text.chars().take(255).collect());
        let groups = body.pointer("/conditions/people/groups/include");
        for group in groups.and_then(Value::as_array).into_iter().flatten() {
            let group = group.as_str().ok_or(Fault::Malformed)?;
            if self.groups.find(group).is_none() {
                let cause = format!(
                    "Invalid list of groups specified in conditions.people.groups: {group}"
                );
                return Err(Fault::invalid("conditions", cause));
            }
        }
        if let Some(conditions) = body.get("conditions").filter(|sent| sent.is_object()) {
            row.conditions = conditions.clone();
        }
        if let Some(settings) = body.get("settings").filter(|sent| sent.is_object()) {
            row.settings = settings.clone();
        }
        Ok(())
    }

    fn check_policy_name(&self, kind: Kind, name: &str, except: Option<&str>) -> Result<(), Fault> {
        let mut others = self.policies.iter();
        match others.any(|(id, row)| Some(id) != except && row.kind == kind && row.name == name) {
            true => Err(Fault::invalid("name", "Policy name already in use")),
            false => Ok(()),
        }
    }

    /// Priorities run from 1 without a gap, those of the system last. Access policies all have 1: an application names its own.
    fn order_policies(&mut self, kind: Kind, moved: &str, wanted: Option<u32>) {
        if kind == Kind::AccessPolicy {
            return;
        }
        let mut order: Vec<(String, bool, u32)> = self
            .policies_of(kind)
            .into_iter()
            .map(|(id, row)| (id.to_owned(), row.is_system, row.priority))
            .collect();
        order.sort_by_key(|(id, is_system, priority)| {
            let is_moved = id == moved;
            let priority = match (is_moved, wanted) {
                (true, Some(wanted)) => wanted,
                (true, None) => u32::MAX,
                _ => *priority,
            };
            (*is_system, priority, !is_moved)
        });
        for (n, (id, _, _)) in (1_u32..).zip(order) {
            if let Ok(row) = self.policies.row_mut(&id) {
                row.priority = n;
            }
        }
    }
}

pub fn read_priority(body: &Value) -> Result<Option<u32>, Fault> {
    match body.get("priority") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().and_then(|n| u32::try_from(n).ok()) {
            Some(n) => Ok(Some(n)),
            None => Err(Fault::invalid(
                "priority",
                "priority: must be a number from 0",
            )),
        },
    }
}
