//! A SCIM client of connection `acme`, as an Okta org is one.

use super::{Reply, Server, server::acme};
use axum::http::Method;
use serde_json::{Value, json};
use tacit::{clock::DAY, keys::hash, random, store::token::TokenRow};

pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

pub struct Provisioner<'a> {
    server: &'a Server,
    connection: String,
    pub token: String,
}

impl<'a> Provisioner<'a> {
    pub async fn new(server: &'a Server) -> Self {
        Self::of(server, acme().as_str()).await
    }

    pub async fn of(server: &'a Server, connection: &str) -> Self {
        let token = add_token(server, connection)
            .await
            .expect("two tokens at most");
        Self {
            server,
            connection: connection.into(),
            token,
        }
    }

    pub fn path(&self, rest: &str) -> String {
        format!("/scim/{}/v2{rest}", self.connection)
    }

    pub async fn call(&self, method: Method, rest: &str, body: Option<Value>) -> Reply {
        self.call_with(method, rest, &[], body).await
    }

    pub async fn call_with(
        &self,
        method: Method,
        rest: &str,
        extra: &[(&str, &str)],
        body: Option<Value>,
    ) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("accept", "application/scim+json"),
            ("content-type", "application/scim+json; charset=utf-8"),
        ];
        headers.extend(extra);
        let body = body.map(|b| b.to_string()).unwrap_or_default();
        self.server
            .send(method, &self.path(rest), &headers, body.into())
            .await
    }

    pub async fn get(&self, rest: &str) -> Reply {
        self.call(Method::GET, rest, None).await
    }

    pub async fn post(&self, rest: &str, body: Value) -> Reply {
        self.call(Method::POST, rest, Some(body)).await
    }

    pub async fn put(&self, rest: &str, body: Value) -> Reply {
        self.call(Method::PUT, rest, Some(body)).await
    }

    pub async fn patch(&self, rest: &str, operations: Value) -> Reply {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations,
        });
        self.call(Method::PATCH, rest, Some(body)).await
    }

    pub async fn delete(&self, rest: &str) -> Reply {
        self.call(Method::DELETE, rest, None).await
    }

    /// Assigns a person as Okta does; returns our id.
    pub async fn push(&self, login: &str) -> String {
        let made = self.post("/Users", person(login)).await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.json()["id"].as_str().unwrap().into()
    }

    /// Pushes a group; returns our id.
    pub async fn push_group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
        let body = json!({ "schemas": [GROUP], "displayName": name, "members": members });
        let made = self.post("/Groups", body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.json()["id"].as_str().unwrap().into()
    }

    /// Logins that a filter finds.
    pub async fn find(&self, filter: &str) -> Vec<String> {
        let reply = self
            .get(&format!("/Users?filter={}", encoded(filter)))
            .await;
        assert_eq!(reply.status, 200, "{filter}: {}", reply.body);
        let body = reply.json();
        let found = body["Resources"].as_array().unwrap();
        let mut logins: Vec<String> = found
            .iter()
            .map(|r| r["userName"].as_str().unwrap().into())
            .collect();
        assert_eq!(body["totalResults"], logins.len(), "{filter}");
        logins.sort();
        logins
    }

    pub async fn members(&self, group: &str) -> Vec<String> {
        let body = self.get(&format!("/Groups/{group}")).await.json();
        let members = body["members"]
            .as_array()
            .unwrap_or_else(|| panic!("{body}"));
        members
            .iter()
            .map(|m| m["value"].as_str().unwrap().into())
            .collect()
    }
}

pub async fn add_token(server: &Server, connection: &str) -> Option<String> {
    let (token, now) = (random::token::<32>(), server.now());
    let row = TokenRow {
        id: random::id(now),
        purpose: "scim".into(),
        connection: connection.into(),
        created_at: now,
        expires_at: now + 30 * DAY,
        revoked_at: 0,
        last_used_at: 0,
    };
    let added = server
        .app
        .store
        .insert_scim_token(&row, &hash(token.as_bytes()), now)
        .await;
    added.unwrap().then_some(token)
}

/// What Okta sends when a person is assigned.
pub fn person(login: &str) -> Value {
    json!({
        "schemas": [USER], "userName": login, "name": { "givenName": "Alice", "familyName": "Liddell" },
        "emails": [{ "primary": true, "value": login, "type": "work" }], "displayName": "Alice Liddell",
        "locale": "en-US", "externalId": format!("00u-{login}"), "groups": [], "password": "1mz050nq", "active": true,
    })
}

pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| match b.is_ascii_alphanumeric() {
            true => char::from(b).to_string(),
            false => format!("%{b:02X}"),
        })
        .collect()
}
