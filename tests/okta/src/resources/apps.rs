//! Applications and who is assigned to them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::policies::Kind;
use super::{Fault, Resources, date, default_at, initial_status, text};
use crate::clock::Millis;
use crate::ids;

#[derive(Debug)]
pub struct AppRow {
    /// As shown, without id, dates, status and links.
    pub body: Value,
    pub status: &'static str,
    pub created: Millis,
    pub last_updated: Millis,
    /// The access policy's id.
    pub access_policy: String,
    /// By user.
    pub assignments: BTreeMap<String, Assignment>,
    /// Where its users are provisioned to.
    pub provisioning: Option<Provisioning>,
    /// Groups whose members may use it.
    pub groups: BTreeSet<String>,
    /// Groups that are pushed: the group's id and the one it got there.
    pub pushed_groups: BTreeMap<String, String>,
    /// Scopes that a service app was granted.
    pub grants: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Assignment {
    pub created: Millis,
    pub last_updated: Millis,
    pub profile: Value,
    /// The identifier that the application gave.
    pub external_id: Option<String>,
    /// Why the last push failed.
    pub error: Option<String>,
}

/// How an app changes people (facts: "catalogue" apps PATCH, those of the wizard PUT).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Catalogue,
    Wizard,
}

#[derive(Clone)]
pub struct Provisioning {
    pub dialect: Dialect,
    pub base_url: String,
    pub token: String,
}

impl std::fmt::Debug for Provisioning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provisioning")
            .field("dialect", &self.dialect)
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

impl AppRow {
    pub fn label(&self) -> &str {
        self.body["label"].as_str().unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.body["name"].as_str().unwrap_or_default()
    }

    pub fn is_active(&self) -> bool {
        self.status == "ACTIVE"
    }
}

impl Resources {
    pub fn create_app(
        &mut self,
        body: &Value,
        activate: bool,
        now: Millis,
    ) -> Result<String, Fault> {
        let id = ids::generate_id("0oa");
        let complete = self.complete_app(body, None, &id)?;
        let row = AppRow {
            body: complete,
            status: if activate {
                initial_status(body)?
            } else {
                "INACTIVE"
            },
            created: now,
            last_updated: now,
            access_policy: self.default_access_policy(),
            assignments: BTreeMap::new(),
            provisioning: None,
            pushed_groups: BTreeMap::new(),
            groups: BTreeSet::new(),
            grants: Vec::new(),
        };
        self.apps.insert(id.clone(), row)?;
        Ok(id)
    }

    pub fn replace_app(&mut self, id: &str, body: &Value, now: Millis) -> Result<(), Fault> {
        let name = self.apps.row(id)?.body["name"].clone();
        let mut complete = self.complete_app(body, Some(id), id)?;
        complete["name"] = name;
        let row = self.apps.row_mut(id)?;
        row.body = complete;
        row.last_updated = now;
        Ok(())
    }

    pub fn delete_app(&mut self, id: &str) -> Result<(), Fault> {
        match self.apps.row(id)?.is_active() {
            true => Err(Fault::refused(
                403,
                "E0000056",
                "Delete application forbidden.",
            )),
            false => self.apps.remove(id).map(drop),
        }
    }

    pub fn app_body(&self, id: &str, row: &AppRow) -> Value {
        let path = |end: &str| format!("/api/v1/apps/{id}{end}");
        let mut body = row.body.clone();
        body["id"] = json!(id);
        body["orn"] = json!(format!(
            "orn:okta:idp:{}:apps:{}:{id}",
            ids::derive_id("00o", &self.origin),
            row.name()
        ));
        body["status"] = json!(row.status);
        body["created"] = date(Some(row.created));
        body["lastUpdated"] = date(Some(row.last_updated));
        let operation = if row.is_active() {
            "deactivate"
        } else {
            "activate"
        };
        let mut links = json!({
            "uploadLogo": self.link(&path("/logo"), &["POST"]),
            "appLinks": [],
            "policies": self.link(&path("/policies"), &["PUT"]),
            "groups": { "href": self.url(&path("/groups")) },
            "logo": [{ "name": "medium", "href": self.url("/assets/img/logos/default.png"), "type": "image/png" }],
            "accessPolicy": { "href": self.url(&format!("/api/v1/policies/{}", row.access_policy)) },
            "users": { "href": self.url(&path("/users")) },
        });
        links[operation] = json!({ "href": self.url(&path(&format!("/lifecycle/{operation}"))) });
        body["_links"] = links;
        body
    }

    pub fn assignment_body(&self, app: &str, user: &str, assignment: &Assignment) -> Value {
        let is_provisioned = self
            .apps
            .find(app)
            .is_some_and(|app| app.provisioning.is_some());
        let status = match (&assignment.error, is_provisioned) {
            (Some(_), _) => "STAGED",
            (None, true) => "PROVISIONED",
            (None, false) => "ACTIVE",
        };
        let login = self.users.find(user).map(|user| user.login().to_owned());
        let path = format!("/api/v1/apps/{app}/users/{user}");
        json!({
            "id": user,
            "externalId": assignment.external_id,
            "created": date(Some(assignment.created)),
            "lastUpdated": date(Some(assignment.last_updated)),
            "scope": "USER",
            "status": status,
            "statusChanged": date(Some(assignment.last_updated)),
            "passwordChanged": null,
            "syncState": if assignment.error.is_some() { "ERROR" } else if is_provisioned { "SYNCHRONIZED" } else { "DISABLED" },
            "lastSync": is_provisioned.then(|| date(Some(assignment.last_updated))),
            "credentials": { "userName": login },
            "profile": assignment.profile,
            "_links": {
                "app": self.link(&format!("/api/v1/apps/{app}"), &["GET"]),
                "user": self.link(&format!("/api/v1/users/{user}"), &["GET"]),
                "self": self.link(&path, &["GET", "DELETE"]),
            },
        })
    }

    pub fn assign(
        &mut self,
        app: &str,
        user: &str,
        body: &Value,
        now: Millis,
    ) -> Result<bool, Fault> {
        self.users.row(user)?;
        let profile = match body.get("profile") {
            Some(profile) if profile.is_object() => profile.clone(),
            _ => json!({}),
        };
        let assignments = &mut self.apps.row_mut(app)?.assignments;
        let is_new = !assignments.contains_key(user);
        let assignment = assignments.entry(user.to_owned()).or_insert(Assignment {
            created: now,
            last_updated: now,
            profile: json!({}),
            external_id: None,
            error: None,
        });
        assignment.profile = profile;
        assignment.last_updated = now;
        Ok(is_new)
    }

    pub fn default_access_policy(&self) -> String {
        let mut policies = self.policies_of(Kind::AccessPolicy).into_iter();
        policies
            .find(|(_, row)| row.is_system)
            .map(|(id, _)| id.to_owned())
            .unwrap_or_default()
    }

    fn complete_app(&self, sent: &Value, except: Option<&str>, id: &str) -> Result<Value, Fault> {
        let label = text(sent, "label", 100)?;
        let mut others = self.apps.iter();
        if others.any(|(other, row)| Some(other) != except && row.label() == label) {
            return Err(Fault::taken("label"));
        }
        let mode = text(sent, "signOnMode", 40)?;
        let modes = [
            "SAML_2_0",
            "OPENID_CONNECT",
            "BOOKMARK",
            "AUTO_LOGIN",
            "BASIC_AUTH",
            "SECURE_PASSWORD_STORE",
            "BROWSER_PLUGIN",
            "SAML_1_1",
            "WS_FEDERATION",
        ];
        if !modes.contains(&mode) {
            return Err(Fault::invalid("signOnMode", "signOnMode: is not supported"));
        }
        let mut out = json!({ "label": label, "signOnMode": mode, "features": sent["features"].as_array().cloned().unwrap_or_default(), "universalLogout": null });
        let slug: String = label
            .to_lowercase()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        out["name"] = match sent["name"].as_str() {
            Some(name) if name.len() <= 100 => json!(name),
            _ => json!(format!("{slug}_1")),
        };
        for member in [
            "accessibility",
            "visibility",
            "credentials",
            "settings",
            "profile",
        ] {
            if let Some(value) = sent.get(member).filter(|value| value.is_object()) {
                out[member] = value.clone();
            }
        }
        for (path, value) in [
            (&["accessibility", "selfService"][..], json!(false)),
            (&["accessibility", "errorRedirectUrl"], Value::Null),
            (&["accessibility", "loginRedirectUrl"], Value::Null),
            (&["visibility", "autoLaunch"], json!(false)),
            (&["visibility", "autoSubmitToolbar"], json!(false)),
            (&["visibility", "hide", "iOS"], json!(false)),
            (&["visibility", "hide", "web"], json!(false)),
            (&["visibility", "appLinks"], json!({})),
            (
                &["credentials", "userNameTemplate", "template"],
                json!("${source.login}"),
            ),
            (
                &["credentials", "userNameTemplate", "type"],
                json!("BUILT_IN"),
            ),
            (&["credentials", "signing", "kid"], json!(self.signing_kid)),
            (&["settings", "app"], json!({})),
            (
                &["settings", "notifications", "vpn", "network", "connection"],
                json!("DISABLED"),
            ),
            (
                &["settings", "notifications", "vpn", "message"],
                Value::Null,
            ),
            (
                &["settings", "notifications", "vpn", "helpUrl"],
                Value::Null,
            ),
            (&["settings", "manualProvisioning"], json!(false)),
            (&["settings", "implicitAssignment"], json!(false)),
            (&["settings", "notes", "admin"], Value::Null),
            (&["settings", "notes", "enduser"], Value::Null),
        ] {
            default_at(&mut out, path, value);
        }
        if mode == "OPENID_CONNECT" {
            default_at(
                &mut out,
                &["credentials", "oauthClient", "client_id"],
                json!(id),
            );
            default_at(
                &mut out,
                &["credentials", "oauthClient", "client_secret"],
                json!(format!(
                    "{}{}",
                    ids::derive_id("sec", id),
                    ids::derive_id("ret", id)
                )),
            );
        }
        Ok(out)
    }
}
