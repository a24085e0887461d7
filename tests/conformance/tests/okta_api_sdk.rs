//! `@okta/okta-sdk-nodejs`, Okta's own client, judges the stand-in's management API.

use axum::{Json, Router, http::HeaderMap, routing::get};
use okta_stand_in::{Clock, Config, Pipeline};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::Path, process::Command};
use tokio::net::TcpListener;

const ORG: &str = "https://acme.okta-standin.test";

/// Serves a router on this machine.
async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The receiver of an event hook: echoes the challenge.
fn hook() -> Router {
    let echo = async |headers: HeaderMap| -> Json<Value> {
        let challenge = headers.get("x-okta-verification-challenge");
        Json(json!({ "verification": challenge.and_then(|value| value.to_str().ok()) }))
    };
    Router::new().route("/okta_events", get(echo))
}

#[tokio::test(flavor = "multi_thread")]
async fn okta_s_own_client_finds_an_org_behind_the_stand_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(
        folder.join("node_modules/@okta/okta-sdk-nodejs").is_dir(),
        "tests/conformance/node_modules is missing or incomplete: run `npm ci` in tests/conformance first"
    );
    let mut config = Config::from_toml(okta_stand_in::EXAMPLE).unwrap();
    config.idp = None;
    config.pipeline = Pipeline::Oie;
    config.network.plain = true;
    let hook = serve(hook()).await;
    config
        .network
        .hosts
        .insert("hook.tacit.test".to_owned(), hook);
    let token = config.api_token.clone();
    let data = tempfile::tempdir().unwrap();
    let (org, _) = okta_stand_in::routers(config, data.path(), Clock::System)
        .await
        .unwrap();
    let address = serve(org).await;
    let certificate: String = conformance::okta::IDP_CERTIFICATE
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let node = tokio::task::spawn_blocking(move || {
        Command::new("node")
            .arg(folder.join("okta_sdk.mjs"))
            .current_dir(folder)
            .env("ORG", ORG)
            .env("ADDRESS", format!("http://{address}"))
            .env("TOKEN", token)
            .env("CERTIFICATE", certificate)
            .output()
            .expect("Node.js has to be installed")
    });
    let output = node.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let answer: Value = serde_json::from_str(said.lines().last().unwrap_or_default())
        .unwrap_or_else(|_| panic!("{said} {}", String::from_utf8_lossy(&output.stderr)));
    assert!(
        answer["failed"].is_null(),
        "{}: {}",
        answer["failed"],
        answer["message"].as_str().unwrap_or_default()
    );
    let held = answer["held"].as_array().unwrap().len();
    assert!(held >= 35, "only {held} facts: {answer}");
}
