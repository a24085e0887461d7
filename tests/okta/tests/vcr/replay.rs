//! One recording against one stand-in: identifiers of the recorded org become ours as they appear.

use std::collections::HashMap;
use std::net::SocketAddr;

use axum::http::{Method, header};
use okta_stand_in::Pipeline;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common::{Browser, ORG, Page, Stand};
use super::compare;

#[derive(Debug, Deserialize)]
pub struct Exchange {
    pub method: String,
    pub path: String,
    pub status: u16,
    pub body: Option<Value>,
    pub response: Option<Value>,
    pub text: Option<String>,
}

pub struct Outcome {
    /// `METHOD /path/{id}`
    pub at: String,
    pub differences: Vec<String>,
}

pub struct Replay {
    stand: Stand,
    admin: Browser,
    /// Recorded identifier to ours.
    ids: HashMap<String, String>,
}

impl Replay {
    /// A stand-in that has what the recorded org had before the recording began, as far as the recording needs it.
    pub async fn new(exchanges: &[Exchange], receiver: SocketAddr) -> Replay {
        let stand = Stand::with(|config| {
            config.idp = None;
            config.pipeline = Pipeline::Oie;
            config.network.plain = true;
            let hooks = exchanges
                .iter()
                .filter_map(|exchange| exchange.body.as_ref());
            for uri in hooks.filter_map(|body| body.pointer("/channel/config/uri")?.as_str()) {
                let host = uri
                    .trim_start_matches("https://")
                    .split('/')
                    .next()
                    .unwrap();
                config.network.hosts.insert(host.to_owned(), receiver);
            }
        })
        .await;
        let mut replay = Replay {
            stand,
            admin: Browser::new(),
            ids: HashMap::new(),
        };
        replay.prepare(exchanges).await;
        replay
    }

    pub async fn run(&mut self, exchange: &Exchange) -> Outcome {
        let path = self.translated(&exchange.path);
        let body = exchange
            .body
            .as_ref()
            .map(|body| self.translated(&body.to_string()));
        let page = self
            .send(&exchange.method, &path, body.unwrap_or_default())
            .await;
        let at = format!("{} {}", exchange.method, template(&exchange.path));
        let mut differences = Vec::new();
        if page.status.as_u16() != exchange.status {
            let said: String = page.body.chars().take(200).collect();
            differences.push(format!(
                "status {}, recorded {}: {said}",
                page.status.as_u16(),
                exchange.status
            ));
            return Outcome { at, differences };
        }
        match (&exchange.response, &exchange.text) {
            (Some(recorded), _) => {
                let ours: Value = serde_json::from_str(&page.body).unwrap_or(Value::Null);
                self.learn(recorded, &ours);
                let recorded: Value =
                    serde_json::from_str(&self.translated(&recorded.to_string())).unwrap();
                differences = compare::differences(&recorded, &ours);
            }
            (None, Some(recorded)) => differences = compare_xml(recorded, &page.body),
            (None, None) if !page.body.is_empty() => {
                differences.push("a body, recorded none".to_owned())
            }
            (None, None) => {}
        }
        Outcome { at, differences }
    }

    async fn send(&mut self, method: &str, path: &str, body: String) -> Page {
        let authorization = format!("SSWS {}", self.stand.config.api_token);
        let length = body.len().to_string();
        let accept = if path.ends_with(".xml") {
            "application/xml"
        } else {
            "application/json"
        };
        let headers = [
            (header::AUTHORIZATION, authorization.as_str()),
            (header::ACCEPT, accept),
            (header::CONTENT_TYPE, "application/json"),
            (header::CONTENT_LENGTH, length.as_str()),
        ];
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.admin
            .send(&self.stand, method, &format!("{ORG}{path}"), &headers, body)
            .await
    }

    async fn api(&mut self, method: &str, path: &str, body: Value) -> Value {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let page = self.send(method, path, body).await;
        assert!(page.status.is_success(), "{method} {path}: {page:?}");
        serde_json::from_str(&page.body).unwrap_or(Value::Null)
    }

    /// The other side's identifiers, member by member.
    fn learn(&mut self, recorded: &Value, ours: &Value) {
        match (recorded, ours) {
            (Value::Object(recorded), Value::Object(ours)) => {
                for (name, value) in recorded {
                    let Some(mine) = ours.get(name) else { continue };
                    if let (Some(theirs), Some(mine)) = (value.as_str(), mine.as_str())
                        && matches!(name.as_str(), "id" | "kid")
                    {
                        self.ids
                            .entry(theirs.to_owned())
                            .or_insert_with(|| mine.to_owned());
                    }
                    self.learn(value, mine);
                }
            }
            (Value::Array(theirs), Value::Array(mine)) => {
                for row in theirs {
                    let same = |mine: &&Value| {
                        let name = |value: &Value| {
                            value
                                .pointer("/profile/name")
                                .or(value.get("key"))
                                .or(value.get("name"))
                                .cloned()
                        };
                        name(row).is_some()
                            && name(row) == name(mine)
                            && row["system"] == mine["system"]
                    };
                    if let Some(mine) = mine.iter().find(same) {
                        self.learn(row, mine);
                    }
                }
            }
            _ => {}
        }
    }

    fn translated(&self, text: &str) -> String {
        let mut text = text.replace("https://org.example", ORG);
        for (theirs, ours) in &self.ids {
            text = text.replace(theirs, ours);
        }
        text
    }

    /// Rows that the recording uses and did not make itself.
    async fn prepare(&mut self, exchanges: &[Exchange]) {
        let everyone = self
            .api("GET", "/api/v1/groups?q=Everyone", Value::Null)
            .await[0]["id"]
            .clone();
        let made: Vec<&str> = exchanges
            .iter()
            .filter(|exchange| exchange.method == "POST")
            .filter_map(|exchange| exchange.response.as_ref()?["id"].as_str())
            .collect();
        for group in exchanges
            .iter()
            .filter_map(|exchange| exchange.body.as_ref())
        {
            let groups = group
                .pointer("/conditions/people/groups/include")
                .and_then(Value::as_array);
            for id in groups.into_iter().flatten().filter_map(Value::as_str) {
                if !made.contains(&id) {
                    self.ids
                        .insert(id.to_owned(), everyone.as_str().unwrap().to_owned());
                }
            }
        }
        let gets = exchanges.iter().filter(|exchange| exchange.method == "GET");
        for row in gets
            .filter_map(|exchange| exchange.response.as_ref())
            .filter(|row| row.is_object())
        {
            let Some(id) = row["id"].as_str() else {
                continue;
            };
            if made.contains(&id) || self.ids.contains_key(id) {
                continue;
            }
            if row["_links"]["rules"].is_object() {
                self.prepare_policy(id, row).await;
            }
        }
        for (id, row) in authenticators(exchanges) {
            if !self.ids.contains_key(&id) {
                self.prepare_authenticator(&id, row).await;
            }
        }
    }

    async fn prepare_policy(&mut self, id: &str, row: &Value) {
        let kind = row["type"].as_str().unwrap();
        let listed = self
            .api("GET", &format!("/api/v1/policies?type={kind}"), Value::Null)
            .await;
        let same = listed
            .as_array()
            .unwrap()
            .iter()
            .find(|ours| ours["name"] == row["name"]);
        let ours = match same {
            Some(ours) => ours["id"].clone(),
            None => {
                let body =
                    json!({ "type": kind, "name": row["name"], "conditions": row["conditions"] });
                let body = serde_json::from_str(&self.translated(&body.to_string())).unwrap();
                self.api("POST", "/api/v1/policies", body).await["id"].clone()
            }
        };
        self.ids
            .insert(id.to_owned(), ours.as_str().unwrap().to_owned());
    }

    async fn prepare_authenticator(&mut self, id: &str, row: &Value) {
        let listed = self.api("GET", "/api/v1/authenticators", Value::Null).await;
        let same = listed
            .as_array()
            .unwrap()
            .iter()
            .find(|ours| ours["key"] == row["key"]);
        let ours = match same {
            Some(ours) => ours["id"].clone(),
            None if row["key"] == "external_idp" => {
                let idp = self.api("POST", "/api/v1/idps", oidc_provider()).await["id"].clone();
                let path = format!("/stand-in/admin/idps/{}", idp.as_str().unwrap());
                self.api("PUT", &path, json!({ "usage": "FACTOR_ONLY" }))
                    .await;
                let body = json!({ "key": "external_idp", "name": row["name"],
                                   "provider": { "type": "CLAIMS", "configuration": { "idpId": idp } } });
                self.api("POST", "/api/v1/authenticators", body).await["id"].clone()
            }
            None => return,
        };
        self.ids
            .insert(id.to_owned(), ours.as_str().unwrap().to_owned());
    }
}

fn authenticators(exchanges: &[Exchange]) -> Vec<(String, &Value)> {
    let rows = exchanges
        .iter()
        .filter(|exchange| exchange.path.starts_with("/api/v1/authenticators/"))
        .filter_map(|exchange| exchange.response.as_ref());
    rows.filter_map(|row| Some((row["id"].as_str()?.to_owned(), row)))
        .collect()
}

fn oidc_provider() -> Value {
    json!({ "type": "OIDC", "name": "a factor", "protocol": { "type": "OIDC",
        "endpoints": { "authorization": { "url": "https://idp.example.com/authorize" }, "token": { "url": "https://idp.example.com/token" },
                       "jwks": { "url": "https://idp.example.com/keys" } },
        "scopes": ["openid"], "issuer": { "url": "https://idp.example.com" },
        "credentials": { "client": { "client_id": "id", "client_secret": "secret" } } }, "policy": {} })
}

/// Elements and attribute names, in their order.
fn compare_xml(recorded: &str, ours: &str) -> Vec<String> {
    let shape = |text: &str| -> Vec<String> {
        let document = roxmltree::Document::parse(text).expect("metadata is XML");
        let nodes = document.descendants().filter(roxmltree::Node::is_element);
        nodes
            .map(|node| {
                let names: Vec<&str> = node
                    .attributes()
                    .map(|attribute| attribute.name())
                    .collect();
                format!("{} {}", node.tag_name().name(), names.join(" "))
            })
            .collect()
    };
    match shape(recorded) == shape(ours) {
        true => Vec::new(),
        false => vec!["another XML structure".to_owned()],
    }
}

/// `/api/v1/users/{id}`
fn template(path: &str) -> String {
    let path = path.split('?').next().unwrap();
    let is_id = |part: &str| {
        (part.len() == 20
            && part.bytes().all(|b| b.is_ascii_alphanumeric())
            && part.bytes().any(|b| b.is_ascii_digit()))
            || part.len() == 36
    };
    path.split('/')
        .map(|part| if is_id(part) { "{id}" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}
