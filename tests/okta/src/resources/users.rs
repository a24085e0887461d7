//! Users: profile, credentials, life cycle.

use serde_json::{Map, Value, json};

use super::{Fault, Resources, date, schema};
use crate::clock::Millis;
use crate::ids;

#[derive(Debug, Clone)]
pub struct UserRow {
    pub status: Status,
    pub created: Millis,
    pub activated: Option<Millis>,
    pub status_changed: Option<Millis>,
    pub last_login: Option<Millis>,
    pub last_updated: Millis,
    pub password_changed: Option<Millis>,
    pub profile: Map<String, Value>,
    /// Its hash.
    pub password: Option<[u8; 32]>,
    pub recovery_question: Option<String>,
    /// Level and reason, where an administrator or a provider of signals has set them.
    pub risk: Option<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Staged,
    Provisioned,
    Active,
    Recovery,
    PasswordExpired,
    LockedOut,
    Suspended,
    Deprovisioned,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Status::Staged => "STAGED",
            Status::Provisioned => "PROVISIONED",
            Status::Active => "ACTIVE",
            Status::Recovery => "RECOVERY",
            Status::PasswordExpired => "PASSWORD_EXPIRED",
            Status::LockedOut => "LOCKED_OUT",
            Status::Suspended => "SUSPENDED",
            Status::Deprovisioned => "DEPROVISIONED",
        }
    }
}

impl UserRow {
    pub fn login(&self) -> &str {
        self.profile
            .get("login")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub fn text(&self, attribute: &str) -> &str {
        self.profile
            .get(attribute)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

impl Resources {
    /// By id, login (case does not count), or the login's first part if only one fits.
    pub fn user_id(&self, name: &str) -> Result<String, Fault> {
        if self.users.find(name).is_some() {
            return Ok(name.to_owned());
        }
        if let Some(id) = self.user_id_of_login(name) {
            return Ok(id.to_owned());
        }
        let mut short = self
            .users
            .iter()
            .filter(|(_, user)| user.login().split('@').next() == Some(name));
        match (short.next(), short.next()) {
            (Some((id, _)), None) => Ok(id.to_owned()),
            _ => {
                let name: String = name.chars().take(100).collect();
                Err(Fault::NotFound(format!("{name} (User)")))
            }
        }
    }

    pub fn user_id_of_login(&self, login: &str) -> Option<&str> {
        let login = login.to_lowercase();
        let mut rows = self.users.iter();
        rows.find(|(_, user)| user.login().to_lowercase() == login)
            .map(|(id, _)| id)
    }

    pub fn user_of_login(&self, login: &str) -> Option<&UserRow> {
        self.users.find(self.user_id_of_login(login)?)
    }

    /// `POST /api/v1/users`
    pub fn create_user(
        &mut self,
        body: &Value,
        activate: bool,
        now: Millis,
    ) -> Result<String, Fault> {
        let profile = body
            .get("profile")
            .and_then(Value::as_object)
            .ok_or_else(|| Fault::blank("profile"))?;
        let mut profile = profile.clone();
        profile.retain(|_, value| !value.is_null());
        schema::check(&self.attributes, &profile, "newUser")?;
        self.check_login(&profile, None, "newUser")?;
        let groups = group_ids(body)?;
        for group in &groups {
            self.groups.row(group)?;
        }
        let credentials = read_credentials(body)?;
        let status = match (activate, credentials.0.is_some()) {
            (false, _) => Status::Staged,
            (true, true) => Status::Active,
            (true, false) => Status::Provisioned,
        };
        let is_active = activate.then_some(now);
        let row = UserRow {
            status,
            created: now,
            activated: is_active,
            status_changed: is_active,
            last_login: None,
            last_updated: now,
            password_changed: credentials.0.map(|_| now),
            profile,
            password: credentials.0,
            recovery_question: credentials.1,
            risk: None,
        };
        let id = ids::generate_id("00u");
        self.users.insert(id.clone(), row)?;
        for group in &groups {
            self.add_member(group, &id, now)?;
        }
        Ok(id)
    }

    /// `POST /api/v1/users/{id}` changes what is named; `PUT` leaves nothing else.
    pub fn update_user(
        &mut self,
        id: &str,
        body: &Value,
        replaces: bool,
        now: Millis,
    ) -> Result<(), Fault> {
        let current = self.users.row(id)?;
        if current.status == Status::Deprovisioned {
            return Err(Fault::refused(
                403,
                "E0000038",
                "This operation is not allowed in the user's current status.",
            ));
        }
        let mut profile = match replaces {
            true => Map::new(),
            false => current.profile.clone(),
        };
        match body.get("profile") {
            Some(Value::Object(changes)) => profile.extend(changes.clone()),
            // Recorded: a PUT of credentials alone leaves the profile as it is.
            None if !replaces || body.get("credentials").is_some() => {
                profile.clone_from(&current.profile);
            }
            _ => return Err(Fault::blank("profile")),
        }
        profile.retain(|_, value| !value.is_null());
        schema::check(&self.attributes, &profile, "user")?;
        self.check_login(&profile, Some(id), "user")?;
        let (password, question) = read_credentials(body)?;
        let user = self.users.row_mut(id)?;
        user.profile = profile;
        user.last_updated = now;
        if password.is_some() {
            user.password = password;
            user.password_changed = Some(now);
        }
        if question.is_some() {
            user.recovery_question = question;
        }
        Ok(())
    }

    /// `…/lifecycle/{operation}`; returns the answer's body.
    pub fn change_user(&mut self, id: &str, operation: &str, now: Millis) -> Result<Value, Fault> {
        let origin = self.origin.clone();
        let user = self.users.row_mut(id)?;
        let (status, answer) = match (operation, user.status) {
            ("activate", Status::Staged | Status::Deprovisioned | Status::Provisioned) => {
                let token = ids::generate_secret();
                let answer = json!({ "activationUrl": format!("{origin}/welcome/{token}"), "activationToken": token });
                user.activated = Some(now);
                match user.password {
                    Some(_) => (Status::Active, answer),
                    None => (Status::Provisioned, answer),
                }
            }
            ("activate", _) => {
                return Err(Fault::refused(
                    403,
                    "E0000016",
                    "Activation failed because the user is already active",
                ));
            }
            ("reactivate", Status::Provisioned | Status::Recovery) => {
                let token = ids::generate_secret();
                (
                    user.status,
                    json!({ "activationUrl": format!("{origin}/welcome/{token}"), "activationToken": token }),
                )
            }
            ("deactivate", _) => (Status::Deprovisioned, json!({})),
            ("suspend", Status::Active | Status::Provisioned) => (Status::Suspended, json!({})),
            ("suspend", _) => {
                return Err(Fault::invalid(
                    "Cannot suspend a user that is not active",
                    "Cannot suspend a user that is not active",
                ));
            }
            ("unsuspend", Status::Suspended) => (Status::Active, json!({})),
            ("unsuspend", _) => {
                return Err(Fault::invalid(
                    "Cannot unsuspend a user that is not suspended",
                    "Cannot unsuspend a user that is not suspended",
                ));
            }
            ("unlock", Status::LockedOut) => (Status::Active, json!({})),
            ("unlock", _) => {
                return Err(Fault::refused(
                    403,
                    "E0000032",
                    "Unlock is not allowed for this user.",
                ));
            }
            ("expire_password", Status::Active) => (Status::PasswordExpired, json!({})),
            ("reset_password", Status::Active | Status::Recovery | Status::PasswordExpired) => {
                let token = ids::generate_secret();
                (
                    Status::Recovery,
                    json!({ "resetPasswordUrl": format!("{origin}/reset_password/{token}") }),
                )
            }
            ("reset_factors", status) if status != Status::Deprovisioned => {
                (user.status, json!({}))
            }
            _ => {
                return Err(Fault::refused(
                    403,
                    "E0000038",
                    "This operation is not allowed in the user's current status.",
                ));
            }
        };
        if status != user.status {
            user.status_changed = Some(now);
        }
        user.status = status;
        user.last_updated = now;
        Ok(answer)
    }

    /// `DELETE /api/v1/users/{id}`: the first time deactivates, the second removes. Tells whether the user is gone.
    pub fn delete_user(&mut self, id: &str, now: Millis) -> Result<bool, Fault> {
        if self.users.row(id)?.status != Status::Deprovisioned {
            self.change_user(id, "deactivate", now)?;
            return Ok(false);
        }
        self.users.remove(id)?;
        for (_, group) in self.groups.iter_mut() {
            group.members.remove(id);
        }
        for (_, idp) in self.idps.iter_mut() {
            idp.links.remove(id);
        }
        for (_, app) in self.apps.iter_mut() {
            app.assignments.remove(id);
        }
        Ok(true)
    }

    /// As one user alone is shown, with the links of what may be done.
    pub fn user_body(&self, id: &str) -> Result<Value, Fault> {
        let user = self.users.row(id)?;
        let mut body = self.listed_user_body(id, user);
        let post = |name: &str| json!({ "href": self.url(&format!("/api/v1/users/{id}/{name}")), "method": "POST" });
        let links = &mut body["_links"];
        links["schema"] = json!({ "href": self.url(&format!("/api/v1/meta/schemas/user/{}", schema::schema_id())) });
        links["type"] =
            json!({ "href": self.url(&format!("/api/v1/meta/types/user/{}", schema::type_id())) });
        let lifecycle = |name: &str| post(&format!("lifecycle/{name}"));
        match user.status {
            Status::Provisioned => {
                links["suspend"] = lifecycle("suspend");
                links["resetPassword"] = lifecycle("reset_password");
                links["reactivate"] = lifecycle("reactivate");
                links["deactivate"] = lifecycle("deactivate");
            }
            Status::Active => {
                links["suspend"] = lifecycle("suspend");
                links["resetPassword"] = lifecycle("reset_password");
                links["forgotPassword"] = post("credentials/forgot_password");
                links["expirePassword"] = lifecycle("expire_password");
                links["changeRecoveryQuestion"] = post("credentials/change_recovery_question");
                links["changePassword"] = post("credentials/change_password");
                links["deactivate"] = lifecycle("deactivate");
            }
            Status::Suspended => {
                links["unsuspend"] = lifecycle("unsuspend");
                links["deactivate"] = lifecycle("deactivate");
            }
            Status::LockedOut => {
                links["unlock"] = lifecycle("unlock");
                links["deactivate"] = lifecycle("deactivate");
            }
            Status::Deprovisioned => {
                links["activate"] = lifecycle("activate");
                links["delete"] =
                    json!({ "href": self.url(&format!("/api/v1/users/{id}")), "method": "DELETE" });
            }
            Status::Staged => {
                links["activate"] = lifecycle("activate");
                links["deactivate"] = lifecycle("deactivate");
            }
            Status::Recovery | Status::PasswordExpired => {
                links["resetPassword"] = lifecycle("reset_password");
                links["deactivate"] = lifecycle("deactivate");
            }
        }
        Ok(body)
    }

    /// As a list shows a user.
    pub fn listed_user_body(&self, id: &str, user: &UserRow) -> Value {
        let mut profile = user.profile.clone();
        for name in ["mobilePhone", "secondEmail"] {
            profile.entry(name).or_insert(Value::Null);
        }
        json!({
            "id": id,
            "status": user.status.name(),
            "created": date(Some(user.created)),
            "activated": date(user.activated),
            "statusChanged": date(user.status_changed),
            "lastLogin": date(user.last_login),
            "lastUpdated": date(Some(user.last_updated)),
            "passwordChanged": date(user.password_changed),
            "type": { "id": schema::type_id() },
            "profile": profile,
            "credentials": credentials_body(user),
            "_links": { "self": { "href": self.url(&format!("/api/v1/users/{id}")) } },
        })
    }

    /// The id of every group that the user is in.
    pub fn groups_of(&self, user: &str) -> impl Iterator<Item = (&str, &super::groups::GroupRow)> {
        self.groups
            .iter()
            .filter(move |(_, group)| group.holds_everyone() || group.members.contains(user))
    }

    fn check_login(
        &self,
        profile: &Map<String, Value>,
        except: Option<&str>,
        subject: &str,
    ) -> Result<(), Fault> {
        let login = profile
            .get("login")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !(5..=100).contains(&login.len()) {
            return Err(Fault::invalid(
                subject,
                "login: Username must be between 5 and 100 characters long",
            ));
        }
        if login.chars().any(char::is_control) || !login.contains('@') {
            return Err(Fault::invalid(
                subject,
                "login: Username must be in the form of an email address",
            ));
        }
        match self.user_id_of_login(login) {
            Some(id) if Some(id) != except => Err(Fault::Invalid {
                member: "login".to_owned(),
                causes: vec![
                    "login: An object with this field already exists in the current organization"
                        .to_owned(),
                ],
            }),
            _ => Ok(()),
        }
    }
}

pub fn credentials_body(user: &UserRow) -> Value {
    let mut credentials = json!({ "provider": { "type": "OKTA", "name": "OKTA" } });
    if user.password.is_some() {
        credentials["password"] = json!({});
    }
    if let Some(question) = &user.recovery_question {
        credentials["recovery_question"] = json!({ "question": question });
    }
    credentials
}

fn group_ids(body: &Value) -> Result<Vec<String>, Fault> {
    match body.get("groupIds") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(ids)) if ids.len() <= 20 => ids
            .iter()
            .map(|id| id.as_str().map(str::to_owned).ok_or(Fault::Malformed))
            .collect(),
        Some(_) => Err(Fault::Malformed),
    }
}

type Credentials = (Option<[u8; 32]>, Option<String>);

fn read_credentials(body: &Value) -> Result<Credentials, Fault> {
    let credentials = &body["credentials"];
    let password = match credentials["password"].get("value") {
        None | Some(Value::Null) => None,
        Some(Value::String(password)) if (8..=72).contains(&password.len()) => {
            Some(ids::hash(password))
        }
        Some(Value::String(_)) => {
            return Err(Fault::invalid(
                "password",
                "password: Password requirements were not met. Password requirements: at least 8 characters.",
            ));
        }
        Some(_) => return Err(Fault::Malformed),
    };
    let question = credentials["recovery_question"]["question"].as_str();
    Ok((
        password,
        question.map(|text| text.chars().take(100).collect()),
    ))
}
