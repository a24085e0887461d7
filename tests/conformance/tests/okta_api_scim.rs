//! The stand-in's org provisions our SCIM server as Okta does: assignments in its applications become requests, in both
//! dialects. Okta's CRUD suite drives it, and then the drift that an outage leaves.

use anyhow::{Result, ensure};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use conformance::scim::{self, Answer, Call, server::Server};
use okta_stand_in::{Clock, Config};
use serde_json::{Value, json};
use std::{collections::HashMap, fs, path::PathBuf};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

const ORG: &str = "https://acme.okta-standin.test";

/// An org with one application that provisions to our server.
struct Org {
    runtime: Runtime,
    router: Router,
    token: String,
    app: String,
    _data: tempfile::TempDir,
}

impl Org {
    fn start(server: &Server, dialect: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let mut config = Config::from_toml(okta_stand_in::EXAMPLE)?;
        config.idp = None;
        config.network.plain = true;
        config
            .network
            .hosts
            .insert("login.tacit-idp.test".to_owned(), server.listen()?);
        let token = format!("SSWS {}", config.api_token);
        let data = tempfile::tempdir()?;
        let (router, _) =
            runtime.block_on(okta_stand_in::routers(config, data.path(), Clock::System))?;
        let mut org = Self {
            runtime,
            router,
            token,
            app: String::new(),
            _data: data,
        };
        let made = org.made(
            "POST",
            "/api/v1/apps",
            json!({ "label": "Tacit SCIM", "signOnMode": "BOOKMARK" }),
        )?;
        org.app = made["id"].as_str().unwrap_or_default().to_owned();
        let path = format!("/stand-in/admin/apps/{}/provisioning", org.app);
        let connection =
            |token: &str| json!({ "base_url": server.base(), "token": token, "dialect": dialect });
        let refused = org.call("PUT", &path, connection("not-the-token"))?;
        ensure!(
            refused.status == 400,
            "a wrong token was saved: {}",
            refused.body
        );
        let authorization = server.authorization();
        org.made(
            "PUT",
            &path,
            connection(authorization.trim_start_matches("Bearer ")),
        )?;
        Ok(org)
    }

    fn call(&self, method: &str, path: &str, body: Value) -> Result<Answer> {
        let headers = vec![
            ("Authorization".to_owned(), self.token.clone()),
            ("Content-Type".to_owned(), "application/json".to_owned()),
        ];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.send(&Call {
            method: method.into(),
            url: format!("{ORG}{path}"),
            headers,
            body,
        })
    }

    fn made(&self, method: &str, path: &str, body: Value) -> Result<Value> {
        let answer = self.call(method, path, body)?;
        ensure!(
            (200..300).contains(&answer.status),
            "{method} {path}: {} {}",
            answer.status,
            answer.body
        );
        Ok(answer.body)
    }

    fn send(&self, call: &Call) -> Result<Answer> {
        let path = call.url.strip_prefix(ORG).unwrap_or_default();
        let mut request = Request::builder().method(call.method.as_str()).uri(path);
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        let request = request
            .header("Content-Length", call.body.len())
            .body(Body::from(call.body.clone()))?;
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await?;
            let status = response.status().as_u16();
            let body = to_bytes(response.into_body(), 1 << 24).await?;
            Ok(Answer {
                status,
                body: serde_json::from_slice(&body).unwrap_or_default(),
            })
        })
    }

    fn create(&self, login: &str) -> Result<String> {
        let profile =
            json!({ "login": login, "email": login, "firstName": "Cara", "lastName": "Example" });
        let user = self.made("POST", "/api/v1/users", json!({ "profile": profile }))?;
        Ok(user["id"].as_str().unwrap_or_default().to_owned())
    }

    fn assign(&self, user: &str) -> Result<Value> {
        self.made(
            "POST",
            &format!("/api/v1/apps/{}/users", self.app),
            json!({ "id": user, "scope": "USER" }),
        )
    }
}

/// A person as our server has them.
fn person(server: &Server, login: &str) -> Result<Value> {
    let call = Call {
        method: "GET".into(),
        url: format!(
            "{}/Users?filter=userName%20eq%20%22{login}%22",
            server.base()
        ),
        headers: vec![("Authorization".into(), server.authorization())],
        body: String::new(),
    };
    Ok(server.send(call)?.body["Resources"][0].clone())
}

#[test]
fn okta_s_crud_suite_holds_through_the_org_s_own_applications() -> Result<()> {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/scim/crud.json");
    let suite: Value = serde_json::from_str(&fs::read_to_string(fixtures)?)?;
    for dialect in ["catalogue", "wizard"] {
        let folder = tempfile::tempdir()?;
        let server = Server::start(folder.path())?;
        let org = Org::start(&server, dialect)?;
        let variables: HashMap<String, String> = [
            ("SCIMUrl", server.base().as_str()),
            ("SCIMAuth", &server.authorization()),
            ("oktaOrgUrl", ORG),
            ("oktaToken", org.token.trim_start_matches("SSWS ")),
            ("oktaAppId", &org.app),
            ("okta_user_firstname", "Runscope123"),
            ("okta_user_firstname_update", "Runscope123update"),
            ("okta_user_lastname", "Kabcdefgh456"),
            ("okta_user_email", "Runscope123Kabcdefgh456@atko.com"),
            ("okta_user_title", "Engineer"),
            ("okta_user_primaryphone", "415.123.4567"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let outcome = scim::run(&suite, variables, |call| match call.url.starts_with(ORG) {
            true => org.send(&call),
            false => server.send(call),
        })?;
        ensure!(
            outcome.failures.is_empty(),
            "{dialect}: {:#?}",
            outcome.failures
        );
        ensure!(
            outcome.held >= 19,
            "{dialect}: only {} assertions",
            outcome.held
        );
    }
    Ok(())
}

#[test]
fn groups_follow_and_whoever_leaves_is_switched_off() -> Result<()> {
    for dialect in ["catalogue", "wizard"] {
        let folder = tempfile::tempdir()?;
        let server = Server::start(folder.path())?;
        let org = Org::start(&server, dialect)?;
        let (cara, dora) = (org.create("cara@acme.test")?, org.create("dora@acme.test")?);
        for user in [&cara, &dora] {
            let assigned = org.assign(user)?;
            ensure!(
                assigned["status"] == "PROVISIONED" && assigned["externalId"].is_string(),
                "{dialect}: {assigned}"
            );
        }
        ensure!(person(&server, "cara@acme.test")?["externalId"] == cara.as_str());
        let group = org.made(
            "POST",
            "/api/v1/groups",
            json!({ "profile": { "name": "Pilot" } }),
        )?;
        let group = group["id"].as_str().unwrap_or_default();
        org.made(
            "PUT",
            &format!("/api/v1/groups/{group}/users/{cara}"),
            Value::Null,
        )?;
        org.made(
            "POST",
            &format!("/api/v1/apps/{}/group-push/mappings", org.app),
            json!({ "sourceGroupId": group }),
        )?;
        let members = |expected: usize| -> Result<()> {
            let call = Call {
                method: "GET".into(),
                url: format!(
                    "{}/Groups?filter=displayName%20eq%20%22Pilot%22",
                    server.base()
                ),
                headers: vec![("Authorization".into(), server.authorization())],
                body: String::new(),
            };
            let found = server.send(call)?.body["Resources"][0]["members"].clone();
            ensure!(
                found.as_array().map_or(0, Vec::len) == expected,
                "{dialect}: expected {expected}, found {found}"
            );
            Ok(())
        };
        members(1)?;
        org.made(
            "PUT",
            &format!("/api/v1/groups/{group}/users/{dora}"),
            Value::Null,
        )?;
        members(2)?;
        org.made(
            "DELETE",
            &format!("/api/v1/groups/{group}/users/{cara}"),
            Value::Null,
        )?;
        members(1)?;
        org.made(
            "POST",
            &format!("/api/v1/users/{dora}/lifecycle/deactivate"),
            Value::Null,
        )?;
        ensure!(
            person(&server, "dora@acme.test")?["active"] == false,
            "{dialect}"
        );
        ensure!(
            person(&server, "cara@acme.test")?["active"] == true,
            "{dialect}"
        );
    }
    Ok(())
}
