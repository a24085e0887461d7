//! The org's side of a CRUD suite: its users and one app, which provisions over SCIM as Okta's two kinds of apps do.

use super::{Answer, Call};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::HashMap;

/// How an app changes people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// From the catalogue: activity by PATCH without a path.
    Catalogue,
    /// From the wizard: everything by GET and PUT.
    Wizard,
}

/// An org with one app.
pub struct Org<S> {
    dialect: Dialect,
    base: String,
    authorization: String,
    send: S,
    users: HashMap<String, OrgUser>,
}

struct OrgUser {
    profile: Value,
    /// The provisioned person's id, while assigned.
    assigned: Option<String>,
}

/// Where the org lives.
pub const URL: &str = "https://acme.okta-standin.test";

impl<S: FnMut(Call) -> Result<Answer>> Org<S> {
    /// An org that provisions to `base`.
    pub fn new(dialect: Dialect, base: String, authorization: String, send: S) -> Self {
        Self {
            dialect,
            base,
            authorization,
            send,
            users: HashMap::new(),
        }
    }

    /// Answers a request of the suite: to the management API, or on to the SCIM server.
    pub fn answer(&mut self, call: Call) -> Result<Answer> {
        let Some(path) = call.url.strip_prefix(URL) else {
            return (self.send)(call);
        };
        let body: Value = serde_json::from_str(&call.body).unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let parts: Vec<&str> = path.trim_matches('/').split('/').skip(2).collect();
        let (status, body) = match (call.method.as_str(), parts.as_slice()) {
            ("GET", ["apps", _]) => (200, json!({ "status": "ACTIVE" })),
            ("POST", ["users"]) => {
                let id = format!("00u{}", self.users.len());
                let user = OrgUser {
                    profile: body["profile"].clone(),
                    assigned: None,
                };
                self.users.insert(id.clone(), user);
                (200, json!({ "id": id, "status": "ACTIVE" }))
            }
            ("POST", ["apps", _, "users"]) => {
                let id = body["id"].as_str().context("an assignment without an id")?;
                self.assign(id)?;
                (200, json!({ "id": id, "status": "PROVISIONED" }))
            }
            ("PUT", ["users", id]) => {
                self.user(id)?.profile = body["profile"].clone();
                if let Some(person) = self.user(id)?.assigned.clone() {
                    self.put(id, &person, None)?;
                }
                (200, json!({ "id": id }))
            }
            ("POST", ["users", id, "lifecycle", "deactivate"]) => {
                self.unassign(id)?;
                (200, json!({}))
            }
            ("POST", ["users", _, "lifecycle", "activate"]) => (200, json!({})),
            ("DELETE", ["apps", _, "users", id]) => {
                self.unassign(id)?;
                (204, Value::Null)
            }
            _ => (404, json!({ "errorCode": "E0000007" })),
        };
        Ok(Answer { status, body })
    }

    fn user(&mut self, id: &str) -> Result<&mut OrgUser> {
        self.users.get_mut(id).context("no such user in the org")
    }

    /// Looks whether the person exists, then makes or updates them.
    fn assign(&mut self, id: &str) -> Result<()> {
        let login = self.user(id)?.profile["login"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let filter = format!(
            "/Users?filter=userName%20eq%20%22{}%22&startIndex=1&count=100",
            login.replace('@', "%40")
        );
        let found = self.scim("GET", &filter, None, 200)?;
        ensure!(
            found["totalResults"].is_u64(),
            "provisioning dies silently of {found}"
        );
        let person = match found["Resources"][0]["id"].as_str() {
            Some(person) => {
                let person = person.to_owned();
                match self.dialect {
                    Dialect::Wizard => self.put(id, &person, Some(true))?,
                    Dialect::Catalogue => {
                        self.put(id, &person, None)?;
                        self.patch_active(&person, true)?;
                    }
                }
                person
            }
            None => {
                let mut body = self.resource(id)?;
                body["password"] = "1mz050nq".into();
                body["active"] = true.into();
                let made = self.scim("POST", "/Users", Some(body), 201)?;
                made["id"]
                    .as_str()
                    .context("Create new user returned empty user")?
                    .to_owned()
            }
        };
        self.user(id)?.assigned = Some(person);
        Ok(())
    }

    fn unassign(&mut self, id: &str) -> Result<()> {
        let Some(person) = self.user(id)?.assigned.take() else {
            return Ok(());
        };
        match self.dialect {
            Dialect::Catalogue => self.patch_active(&person, false),
            Dialect::Wizard => self.put(id, &person, Some(false)),
        }
    }

    /// Reads the person, changes what the org knows better, and writes all of it back.
    fn put(&mut self, id: &str, person: &str, active: Option<bool>) -> Result<()> {
        let path = format!("/Users/{person}");
        let mut whole = self.scim("GET", &path, None, 200)?;
        let ours = self.resource(id)?;
        for (name, value) in ours.as_object().into_iter().flatten() {
            whole[name] = value.clone();
        }
        if let Some(active) = active {
            whole["active"] = active.into();
        }
        self.scim("PUT", &path, Some(whole), 200).map(drop)
    }

    fn patch_active(&mut self, person: &str, active: bool) -> Result<()> {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "value": { "active": active } }],
        });
        self.scim("PATCH", &format!("/Users/{person}"), Some(body), 200)
            .map(drop)
    }

    fn resource(&mut self, id: &str) -> Result<Value> {
        let profile = self.user(id)?.profile.clone();
        let (first, last) = (&profile["firstName"], &profile["lastName"]);
        Ok(json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": profile["login"],
            "name": { "givenName": first, "familyName": last },
            "emails": [{ "primary": true, "value": profile["email"], "type": "work" }],
            "displayName": format!("{} {}", first.as_str().unwrap_or_default(), last.as_str().unwrap_or_default()),
            "locale": "en-US", "externalId": id, "groups": [],
        }))
    }

    fn scim(
        &mut self,
        method: &str,
        path: &str,
        body: Option<Value>,
        status: u16,
    ) -> Result<Value> {
        let headers = [
            ("User-Agent", "Okta SCIM Client 1.0.0"),
            ("Accept", "application/scim+json"),
            ("Accept-Charset", "utf-8"),
            ("Accept-Encoding", "gzip,deflate"),
            ("Content-Type", "application/scim+json; charset=utf-8"),
            ("Authorization", &self.authorization),
        ];
        let answer = (self.send)(Call {
            method: method.into(),
            url: format!("{}{path}", self.base),
            headers: headers.map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
            body: body.map(|b| b.to_string()).unwrap_or_default(),
        })?;
        ensure!(
            answer.status == status,
            "{method} {path}: {} {}",
            answer.status,
            answer.body
        );
        Ok(answer.body)
    }
}
