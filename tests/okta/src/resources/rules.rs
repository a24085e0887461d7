//! Rules of policies: completed as Okta gives them back, in the order of their priorities.

use serde_json::{Value, json};

use super::policies::{Kind, read_priority};
use super::{Fault, Resources, date, default_at, initial_status, text};
use crate::clock::Millis;
use crate::ids;

#[derive(Debug)]
pub struct RuleRow {
    pub name: String,
    pub priority: u32,
    pub status: &'static str,
    /// The last rule, which Okta made and which matches always.
    pub is_system: bool,
    pub conditions: Value,
    pub actions: Value,
    pub created: Millis,
    pub last_updated: Millis,
}

/// The priority of the rule behind all others.
pub const LAST: u32 = 99;

impl Resources {
    pub fn create_rule(
        &mut self,
        policy: &str,
        body: &Value,
        activate: bool,
        now: Millis,
    ) -> Result<String, Fault> {
        let kind = self.policies.row(policy)?.kind;
        let (name, conditions, actions) = self.read_rule(policy, kind, body, None)?;
        let wanted = read_priority(body)?;
        let row = RuleRow {
            name,
            priority: LAST - 1,
            status: if activate {
                initial_status(body)?
            } else {
                "INACTIVE"
            },
            is_system: false,
            conditions,
            actions,
            created: now,
            last_updated: now,
        };
        let id = ids::generate_id(match kind {
            Kind::AccessPolicy => "rul",
            _ => "0pr",
        });
        self.policies
            .row_mut(policy)?
            .rules
            .insert(id.clone(), row)?;
        self.order_rules(policy, &id, wanted)?;
        Ok(id)
    }

    pub fn replace_rule(
        &mut self,
        policy: &str,
        id: &str,
        body: &Value,
        now: Millis,
    ) -> Result<(), Fault> {
        let kind = self.policies.row(policy)?.kind;
        self.only_own_rule(policy, id, kind)?;
        let (name, conditions, actions) = self.read_rule(policy, kind, body, Some(id))?;
        let wanted = read_priority(body)?;
        let row = self.policies.row_mut(policy)?.rules.row_mut(id)?;
        row.name = name;
        row.last_updated = now;
        row.actions = actions;
        if row.is_system {
            return Ok(());
        }
        row.conditions = conditions;
        match wanted {
            Some(_) => self.order_rules(policy, id, wanted),
            None => Ok(()),
        }
    }

    pub fn set_rule_status(
        &mut self,
        policy: &str,
        id: &str,
        status: &'static str,
        now: Millis,
    ) -> Result<(), Fault> {
        let row = self.policies.row_mut(policy)?.rules.row_mut(id)?;
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

    pub fn delete_rule(&mut self, policy: &str, id: &str) -> Result<(), Fault> {
        let row = self.policies.row_mut(policy)?;
        if row.rules.row(id)?.is_system {
            return Err(Fault::refused(
                403,
                "E0000006",
                "You do not have permission to perform the requested action",
            ));
        }
        row.rules.remove(id)?;
        self.order_rules(policy, "", None)
    }

    pub fn rule_body(&self, policy: &str, kind: Kind, id: &str, row: &RuleRow) -> Value {
        let path = format!("/api/v1/policies/{policy}/rules/{id}");
        let own: &[&str] = match row.is_system {
            true => &["GET", "PUT"],
            false => &["GET", "PUT", "DELETE"],
        };
        let mut links = json!({ "self": self.link(&path, own) });
        if !row.is_system {
            let operation = if row.status == "ACTIVE" {
                "deactivate"
            } else {
                "activate"
            };
            links[operation] = self.link(&format!("{path}/lifecycle/{operation}"), &["POST"]);
        }
        json!({
            "id": id,
            "status": row.status,
            "name": row.name,
            "priority": row.priority,
            "created": date(Some(row.created)),
            "lastUpdated": date(Some(row.last_updated)),
            "system": row.is_system,
            "conditions": row.conditions,
            "actions": row.actions,
            "_links": links,
            "type": rule_type(kind),
        })
    }

    /// Rules of a policy, the first to be asked first.
    pub fn rules_of(&self, policy: &str) -> Result<Vec<(&str, &RuleRow)>, Fault> {
        let mut found: Vec<_> = self.policies.row(policy)?.rules.iter().collect();
        found.sort_by_key(|(_, row)| (row.is_system, row.priority));
        Ok(found)
    }

    /// The rule that every access policy begins with.
    pub fn add_catch_all(&mut self, policy: &str, now: Millis) -> Result<(), Fault> {
        let verification = json!({ "factorMode": "2FA", "type": "ASSURANCE", "reauthenticateIn": "PT12H",
            "constraints": [{ "possession": { "required": true, "deviceBound": "REQUIRED" } }] });
        let actions = json!({ "appSignOn": { "access": "ALLOW", "verificationMethod": verification,
            "keepMeSignedIn": { "postAuth": "NOT_ALLOWED" } } });
        let id = ids::generate_id("rul");
        self.policies
            .row_mut(policy)?
            .rules
            .insert(id, RuleRow::last("Catch-all Rule", LAST, actions, now))
    }

    fn only_own_rule(&self, policy: &str, id: &str, kind: Kind) -> Result<(), Fault> {
        let is_system = self.policies.row(policy)?.rules.row(id)?.is_system;
        match is_system && kind == Kind::IdpDiscovery {
            true => Err(Fault::refused(
                403,
                "E0000006",
                "You do not have permission to perform the requested action",
            )),
            false => Ok(()),
        }
    }

    fn read_rule(
        &self,
        policy: &str,
        kind: Kind,
        body: &Value,
        except: Option<&str>,
    ) -> Result<(String, Value, Value), Fault> {
        let name = text(body, "name", 255)?;
        let mut others = self.policies.row(policy)?.rules.iter();
        if others.any(|(id, row)| Some(id) != except && row.name == name) {
            return Err(Fault::invalid("name", "Policy rule name already in use"));
        }
        if body["type"]
            .as_str()
            .is_some_and(|sent| sent != rule_type(kind) && sent != kind.name())
        {
            return Err(Fault::invalid(
                "type",
                format!("type: must be {}", rule_type(kind)),
            ));
        }
        let object = |member: &str| match body.get(member) {
            Some(sent) if sent.is_object() => sent.clone(),
            _ => json!({}),
        };
        let (mut conditions, mut actions) = (object("conditions"), object("actions"));
        self.check_people(&conditions)?;
        match kind {
            Kind::IdpDiscovery => self.complete_discovery(&mut conditions, &mut actions)?,
            Kind::SignOn => complete_sign_on(&mut conditions, &mut actions)?,
            Kind::AccessPolicy => complete_access(&mut conditions, &mut actions)?,
            Kind::MfaEnroll => {
                default_at(&mut conditions, &["people", "users", "exclude"], json!([]));
                default_at(&mut actions, &["enroll", "self"], json!("CHALLENGE"));
            }
            Kind::Password => {
                default_at(&mut conditions, &["people", "users", "exclude"], json!([]))
            }
        }
        Ok((name.to_owned(), conditions, actions))
    }

    fn check_people(&self, conditions: &Value) -> Result<(), Fault> {
        let list = |path: &str| {
            conditions
                .pointer(path)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        for which in ["include", "exclude"] {
            for group in list(&format!("/people/groups/{which}")) {
                if self
                    .groups
                    .find(group.as_str().unwrap_or_default())
                    .is_none()
                {
                    return Err(Fault::invalid(
                        "conditions",
                        format!("people.groups: {group} does not exist"),
                    ));
                }
            }
            for user in list(&format!("/people/users/{which}")) {
                if self.users.find(user.as_str().unwrap_or_default()).is_none() {
                    return Err(Fault::invalid(
                        "conditions",
                        format!("people.users: {user} does not exist"),
                    ));
                }
            }
        }
        Ok(())
    }

    fn complete_discovery(&self, conditions: &mut Value, actions: &mut Value) -> Result<(), Fault> {
        default_at(conditions, &["network", "connection"], json!("ANYWHERE"));
        default_at(conditions, &["userIdentifier", "patterns"], json!([]));
        default_at(conditions, &["app", "include"], json!([]));
        default_at(conditions, &["app", "exclude"], json!([]));
        let identifier = &conditions["userIdentifier"];
        let patterns = identifier["patterns"].as_array().ok_or(Fault::Malformed)?;
        for pattern in patterns {
            let is_known = ["SUFFIX", "EQUALS", "STARTS_WITH", "CONTAINS", "EXPRESSION"]
                .iter()
                .any(|kind| pattern["matchType"] == *kind);
            if !is_known || !pattern["value"].is_string() {
                return Err(Fault::invalid(
                    "userIdentifier",
                    "userIdentifier.patterns: matchType and value are needed",
                ));
            }
        }
        match (
            identifier["type"].as_str(),
            identifier["attribute"].as_str(),
        ) {
            (None, _) if patterns.is_empty() => {}
            (Some("IDENTIFIER"), None | Some("")) => {}
            (Some("ATTRIBUTE"), Some(attribute)) if self.knows_attribute(attribute) => {}
            (Some("ATTRIBUTE"), Some(attribute)) => {
                let cause = format!(
                    "userIdentifier.attribute: {attribute} is not an attribute of the user profile"
                );
                return Err(Fault::invalid("userIdentifier", cause));
            }
            _ => {
                return Err(Fault::invalid(
                    "userIdentifier",
                    "userIdentifier.type: must be IDENTIFIER or ATTRIBUTE",
                ));
            }
        }
        let idp = &mut actions["idp"];
        default_at(idp, &["providers"], json!([]));
        default_at(idp, &["idpSelectionType"], json!("SPECIFIC"));
        if let Some(idp) = idp.as_object_mut() {
            idp.remove("shouldFallBackToOkta");
        }
        let providers = idp["providers"].as_array_mut().ok_or(Fault::Malformed)?;
        for provider in providers.iter_mut() {
            if provider["type"] == "OKTA" {
                continue;
            }
            let id = provider["id"].as_str().unwrap_or_default();
            let Some(row) = self.idps.find(id) else {
                return Err(Fault::invalid(
                    "actions.idp",
                    format!("providers: the identity provider {id:?} does not exist"),
                ));
            };
            // A provider that is a factor only cannot be routed to.
            if row.usage == super::idps::Usage::Factor {
                return Err(Fault::invalid(
                    "actions.idp",
                    format!("providers: {} is used as a factor only", row.name()),
                ));
            }
            provider["type"] = json!(row.kind());
        }
        if idp["idpSelectionType"] == "SPECIFIC" && providers_are_empty(idp) {
            return Err(Fault::blank("providers"));
        }
        for criterion in idp
            .get_mut("matchCriteria")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            default_at(criterion, &["propertyName"], json!("name"));
        }
        Ok(())
    }

    fn knows_attribute(&self, attribute: &str) -> bool {
        self.attributes.contains_key(attribute) || super::schema::is_base(attribute)
    }

    /// Priorities run from 1 without a gap; access rules keep 0 as their first. The rule of the system stays last.
    fn order_rules(&mut self, policy: &str, moved: &str, wanted: Option<u32>) -> Result<(), Fault> {
        let row = self.policies.row_mut(policy)?;
        let first = u32::from(row.kind != Kind::AccessPolicy);
        let mut order: Vec<(String, u32)> = row
            .rules
            .iter()
            .filter(|(_, rule)| !rule.is_system)
            .map(|(id, rule)| (id.to_owned(), rule.priority))
            .collect();
        order.sort_by_key(|(id, priority)| {
            let is_moved = id == moved;
            let priority = match (is_moved, wanted) {
                (true, Some(wanted)) => wanted.min(LAST - 1),
                (true, None) => LAST - 1,
                _ => *priority,
            };
            (priority, is_moved == wanted.is_none())
        });
        for (n, (id, _)) in (first..).zip(order) {
            row.rules.row_mut(&id)?.priority = n;
        }
        Ok(())
    }
}

impl RuleRow {
    /// A rule of the system, which matches always.
    pub fn last(name: &str, priority: u32, actions: Value, now: Millis) -> RuleRow {
        RuleRow {
            name: name.to_owned(),
            priority,
            status: "ACTIVE",
            is_system: true,
            conditions: Value::Null,
            actions,
            created: now,
            last_updated: now,
        }
    }
}

fn providers_are_empty(idp: &Value) -> bool {
    idp["providers"].as_array().is_none_or(Vec::is_empty)
}

fn complete_sign_on(conditions: &mut Value, actions: &mut Value) -> Result<(), Fault> {
    for (path, value) in [
        (&["people", "users", "exclude"][..], json!([])),
        (&["network", "connection"], json!("ANYWHERE")),
        (&["authContext", "authType"], json!("ANY")),
        (&["identityProvider", "provider"], json!("ANY")),
    ] {
        default_at(conditions, path, value);
    }
    // Recorded: risk is told of only where the rule names it.
    if conditions["riskScore"].is_object() {
        default_at(conditions, &["risk", "behaviors"], json!([]));
    }
    let sign_on = &mut actions["signon"];
    if !["ALLOW", "DENY"]
        .iter()
        .any(|access| sign_on["access"] == *access)
    {
        return Err(Fault::invalid(
            "actions.signon.access",
            "access: must be ALLOW or DENY",
        ));
    }
    for (path, value) in [
        (&["requireFactor"][..], json!(false)),
        (&["primaryFactor"], json!("PASSWORD_IDP_ANY_FACTOR")),
        (&["rememberDeviceByDefault"], json!(false)),
        (&["session", "usePersistentCookie"], json!(false)),
        (&["session", "maxSessionIdleMinutes"], json!(120)),
        (&["session", "maxSessionLifetimeMinutes"], json!(0)),
    ] {
        default_at(sign_on, path, value);
    }
    Ok(())
}

fn complete_access(conditions: &mut Value, actions: &mut Value) -> Result<(), Fault> {
    for (path, value) in [
        (&["people", "users", "exclude"][..], json!([])),
        (&["network", "connection"], json!("ANYWHERE")),
        (&["userType", "include"], json!([])),
        (&["userType", "exclude"], json!([])),
    ] {
        default_at(conditions, path, value);
    }
    match conditions["platform"]["include"].is_array() {
        true => default_at(conditions, &["platform", "exclude"], json!([])),
        // Recorded: a platform that names nothing is forgotten.
        false => {
            conditions.as_object_mut().map(|all| all.remove("platform"));
        }
    }
    for platform in conditions
        .pointer_mut("/platform/include")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if platform["os"]["type"] != "OTHER"
            && let Some(os) = platform["os"].as_object_mut()
        {
            os.remove("expression");
        }
    }
    let sign_on = &mut actions["appSignOn"];
    if !["ALLOW", "DENY"]
        .iter()
        .any(|access| sign_on["access"] == *access)
    {
        return Err(Fault::invalid(
            "actions.appSignOn.access",
            "access: must be ALLOW or DENY",
        ));
    }
    default_at(
        sign_on,
        &["keepMeSignedIn", "postAuth"],
        json!("NOT_ALLOWED"),
    );
    Ok(())
}

fn rule_type(kind: Kind) -> &'static str {
    match kind {
        Kind::SignOn => "SIGN_ON",
        other => other.name(),
    }
}
