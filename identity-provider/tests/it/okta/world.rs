//! An org with a state: who is in its group, whose attribute is set, what it was told; and what of that had an effect.

use super::org::{Org, Say, Seen, TOKEN};
use crate::support::{Server, server::acme};
use axum::http::Method;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};
use tacit::{
    domain::okta::{Effects, OktaOrg, OnTakeover},
    okta::connect::StoredCredential,
};

pub const GROUP: &str = "00gKept";
pub const WATCHED: &str = "00gWatched";

#[derive(Default)]
pub struct State {
    /// Ids of those in the group.
    pub members: BTreeSet<String>,
    /// Ids of those whose attribute is set.
    pub registered: BTreeSet<String>,
    /// Ids of those whose sessions have ended; everybody has one before.
    pub ended: BTreeSet<String>,
    /// By event's name: who, and which event.
    pub events: BTreeMap<String, (String, String)>,
    /// Security events as they came.
    pub tokens: Vec<String>,
    /// How often anything was different afterwards, by what it was.
    pub effects: BTreeMap<String, u32>,
    /// What it says instead of doing anything.
    pub mood: Mood,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Good,
    Down,
    /// The limit begins anew in so many seconds.
    Limited(i64),
    Forbidding,
    /// Obeys, and hangs up before it says so.
    Absent,
}

pub struct World {
    pub org: Org,
    pub state: Arc<Mutex<State>>,
}

impl World {
    pub async fn new() -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = state.clone();
        let org = Org::start(move |seen, _| {
            let mut state = shared.lock().unwrap();
            match state.mood {
                Mood::Down => return Say::json(503, json!({ "errorCode": "E0000010", "errorSummary": "The operation failed because the database is in read only mode." })),
                Mood::Forbidding => return Say::json(403, json!({ "errorCode": "E0000006", "errorSummary": "You do not have permission to perform the requested action" })),
                Mood::Limited(wait_s) => {
                    let now_s = tacit::clock::Clock::System.now_ms() / 1000;
                    return Say::json(429, json!({ "errorCode": "E0000047", "errorSummary": "API call exceeded rate limit due to too many requests." }))
                        .with("X-Rate-Limit-Reset", now_s + wait_s)
                        .with("X-Rate-Limit-Remaining", 0);
                }
                Mood::Good | Mood::Absent => {}
            }
            let say = state.answer(seen);
            match state.mood {
                Mood::Absent => Say::HangUp,
                _ => say,
            }
        })
        .await;
        Self { org, state }
    }

    pub fn is(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    pub fn members(&self) -> Vec<String> {
        self.state.lock().unwrap().members.iter().cloned().collect()
    }

    pub fn registered(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.registered.iter().cloned().collect()
    }

    /// What was done, without questions, in the order of its coming.
    pub fn deeds(&self) -> Vec<String> {
        let seen = self.org.seen();
        let deeds = seen.iter().filter(|s| s.method != Method::GET);
        deeds.map(Seen::line).collect()
    }

    pub fn row(&self, server: &Server, effects: Effects) -> OktaOrg {
        let stored = StoredCredential::Token {
            token: TOKEN.into(),
        };
        OktaOrg {
            connection: acme(),
            org: self.org.origin(),
            sealed_credential: stored.seal(&server.app.master, &acme()),
            ca: self.org.ca.clone(),
            addresses: [(crate::okta::org::HOST.to_owned(), self.org.address)].into(),
            effects,
            hook_hash: String::new(),
            updated_at: server.now(),
        }
    }

    pub async fn connect(&self, server: &Server, effects: Effects) {
        let row = self.row(server, effects);
        server.app.store.put_okta_org(&row).await.unwrap();
    }
}

/// Group and attribute.
pub fn kept() -> Effects {
    Effects {
        group: Some(GROUP.into()),
        attribute: Some("byndidRegistered".into()),
        ..Effects::default()
    }
}

pub fn on_takeover(effects: &[OnTakeover]) -> Effects {
    Effects {
        on_takeover: effects.to_vec(),
        ..Effects::default()
    }
}

/// `ann@acme.test` is `00uann`.
pub fn id_of(login: &str) -> String {
    format!("00u{}", login.split('@').next().unwrap())
}

impl State {
    fn effect(&mut self, what: String) {
        *self.effects.entry(what).or_default() += 1;
    }

    fn answer(&mut self, seen: &Seen) -> Say {
        let path = seen.path.split('?').next().unwrap();
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let is_public = matches!(parts[..], [".well-known", _] | ["security", ..]);
        if !is_public && seen.header("authorization") != format!("SSWS {TOKEN}") {
            return Say::json(
                401,
                json!({ "errorCode": "E0000011", "errorSummary": "Invalid token provided" }),
            );
        }
        let unknown = || {
            Say::json(
                404,
                json!({ "errorCode": "E0000007", "errorSummary": "Not found: Resource not found: x (User)", "errorCauses": [] }),
            )
        };
        let login_of = |name: &str| {
            let name = name.replace("%40", "@");
            let local = name.strip_prefix("00u").map(str::to_owned);
            let local =
                local.unwrap_or_else(|| name.split('@').next().unwrap_or_default().to_owned());
            (!local.is_empty() && !local.starts_with("nobody"))
                .then(|| format!("{local}@acme.test"))
        };
        let user = |login: &str| json!({ "id": id_of(login), "status": "ACTIVE", "profile": { "login": login, "email": format!("mail-{login}") } });
        match (seen.method.as_str(), parts.as_slice()) {
            ("GET", [".well-known", "okta-organization"]) => Say::json(
                200,
                json!({ "id": "00o1", "pipeline": "idx", "settings": { "itpEnabled": true } }),
            ),
            ("GET", ["api", "v1", "users", name]) => match login_of(name) {
                Some(login) => Say::json(200, user(&login)),
                None => unknown(),
            },
            ("GET", ["api", "v1", "groups", GROUP]) => Say::json(
                200,
                json!({ "id": GROUP, "type": "OKTA_GROUP", "profile": { "name": "Enrolled" } }),
            ),
            ("GET", ["api", "v1", "groups"]) => Say::json(200, json!([])),
            ("GET", ["api", "v1", "meta", "schemas", "user", "default"]) => Say::json(
                200,
                json!({ "definitions": { "base": {}, "custom": { "properties": { "byndidRegistered": { "type": "boolean" } } } } }),
            ),
            ("PUT", ["api", "v1", "groups", GROUP, "users", id]) => {
                if self.members.insert((*id).to_owned()) {
                    self.effect(format!("add {id}"));
                }
                Say::status(204)
            }
            ("DELETE", ["api", "v1", "groups", GROUP, "users", id]) => {
                if self.members.remove(*id) {
                    self.effect(format!("remove {id}"));
                }
                Say::status(204)
            }
            ("POST", ["api", "v1", "users", id]) => {
                match &seen.json()["profile"]["byndidRegistered"] {
                    Value::Bool(true) => self.registered.insert((*id).to_owned()),
                    Value::Null => self.registered.remove(*id),
                    other => panic!("neither set nor cleared: {other}"),
                };
                Say::json(200, user(&login_of(id).unwrap()))
            }
            ("DELETE", ["api", "v1", "users", id, "sessions"]) => {
                if self.ended.insert((*id).to_owned()) {
                    self.effect(format!("end_sessions {id}"));
                }
                Say::status(204)
            }
            ("PUT", ["api", "v1", "users", id, "risk"]) => {
                self.effect(format!("risk {id} {}", seen.json()["riskLevel"]));
                Say::json(200, seen.body.clone())
            }
            ("POST", ["oauth2", "v1", "global-token-revocation"]) => {
                self.effect(format!("logout {}", seen.json()["sub_id"]["id"]));
                Say::status(204)
            }
            ("POST", ["security", "api", "v1", "security-events"]) => {
                let claims = seen
                    .body
                    .split('.')
                    .nth(1)
                    .and_then(wire::b64::decode)
                    .unwrap();
                let claims: Value = serde_json::from_slice(&claims).unwrap();
                let (uri, event) = claims["events"].as_object().unwrap().iter().next().unwrap();
                let who = event["subject"]["user"]["email"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                let jti = claims["jti"].as_str().unwrap().to_owned();
                if self
                    .events
                    .insert(jti, (who.clone(), uri.clone()))
                    .is_none()
                {
                    self.effect(format!("{} {who}", uri.rsplit('/').next().unwrap()));
                }
                self.tokens.push(seen.body.clone());
                Say::status(202)
            }
            _ => unknown(),
        }
    }
}
