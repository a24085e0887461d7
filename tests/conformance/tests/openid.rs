//! openid-client, by the author of the libraries that many relying parties are made of, signs people in at a running server,
//! on both databases. The browser and the agent are those of the server's own tests.

#[path = "../../../identity-provider/tests/it/support/mod.rs"]
#[expect(dead_code, reason = "the server's own tests use all of it")]
mod support;

use serde_json::{Value, json};
use standards::oidc::{client::AuthMethod, jwt::Alg};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};
use support::{
    Agent, Browser, Server,
    oidc::{CALLBACK, Change, RP_KEY, Rp, SECRET, answer, pass, rp_jwks},
    on_both_databases,
    server::{ORIGIN, START},
};
use tacit::domain::{challenge::Factor, connection::Role};

/// openid-client in a Node of its own.
struct Judge {
    node: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Judge {
    fn start() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(
            folder.join("node_modules/openid-client").is_dir(),
            "tests/conformance/node_modules is missing or incomplete: run `npm ci` in tests/conformance first"
        );
        let mut node = Command::new("node")
            .arg(folder.join("oidc.mjs"))
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Node.js has to be installed");
        let (stdin, stdout) = (node.stdin.take().unwrap(), node.stdout.take().unwrap());
        Self {
            node,
            stdin,
            stdout: BufReader::new(stdout),
        }
    }

    /// What openid-client makes of a task.
    async fn ask(&mut self, task: Value) -> Value {
        writeln!(self.stdin, "{task}").unwrap();
        // The server answers from this very runtime: the reading must not hold it up.
        let line = tokio::task::block_in_place(|| {
            let mut line = String::new();
            self.stdout.read_line(&mut line).unwrap();
            line
        });
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
    }

    async fn good(&mut self, task: Value) -> Value {
        let answer = self.ask(task.clone()).await;
        assert_eq!(answer["ok"], true, "{task}: {answer}");
        answer
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

/// The server at the machine's own time, because openid-client's clock is that; and where it listens.
async fn running(server: &Server) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis();
    server.wait(i64::try_from(now).unwrap() - START);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = tacit::http::router(server.app.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The private half of the relying party's key as a JWK, for WebCrypto.
fn private_jwk() -> Value {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    let der: Pkcs8V1Der<'_> = RP_KEY.as_der().unwrap();
    let pem = pem(der.as_ref());
    let script = "const k=require('node:crypto').createPrivateKey(require('node:fs').readFileSync(0));\
                  process.stdout.write(JSON.stringify(k.export({format:'jwk'})))";
    let mut node = Command::new("node")
        .args(["-e", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin
        .take()
        .unwrap()
        .write_all(pem.as_bytes())
        .unwrap();
    let mut jwk: Value = serde_json::from_slice(&node.wait_with_output().unwrap().stdout).unwrap();
    jwk["kid"] = "rp-1".into();
    jwk
}

fn pem(der: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    const LABEL: &str = "PRIVATE KEY";
    let text = STANDARD.encode(der);
    format!("-----BEGIN {LABEL}-----\n{text}\n-----END {LABEL}-----\n")
}

fn task(rp: &Rp, address: &str, client_auth: &str, id_token_alg: &str) -> Value {
    json!({
        "task": "discover", "name": rp.name, "issuer": rp.issuer(), "origin": ORIGIN, "address": address, "client_id": rp.client_id,
        "client_auth": client_auth, "client_secret": SECRET, "id_token_alg": id_token_alg, "redirect_uri": CALLBACK,
        "post_logout_redirect_uri": "https://app.workplace.test/bye?from=tacit",
    })
}

/// The path and query of an absolute URL of ours.
fn local(url: &Value) -> String {
    url.as_str()
        .unwrap()
        .strip_prefix(ORIGIN)
        .expect("a URL of ours")
        .to_owned()
}

on_both_databases! {
    async fn openid_client_signs_a_person_in_silently_and_out_again(database: Database) {
        let server = Server::new(database).await;
        let address = running(&server).await;
        let (rp, agent, browser, mut judge) = (Rp::okta(&server).await, Agent::enrolled(&server).await, Browser::default(), Judge::start());
        for auth in ["client_secret_post", "client_secret_basic"] {
            let discovered = judge.good(task(&rp, &address, auth, "RS256")).await;
            assert_eq!((discovered["issuer"].as_str(), &discovered["supports_pkce"]), (Some(rp.issuer().as_str()), &json!(true)));
            let url = judge.good(json!({ "task": "authorize", "name": rp.name, "login": "ann@acme.test" })).await["url"].clone();
            let reply = browser.get(&server, &local(&url)).await;
            browser.keep(&reply);
            let page = browser.open(&server, reply.header("location")).await;
            assert_eq!(agent.answers(&server, &browser, &page).await["outcome"], "allow");
            let callback = browser.outcome(&server, &page).await["location"].clone();
            let done = judge.good(json!({ "task": "finish", "name": rp.name, "callback": callback })).await;
            assert_eq!(done["claims"]["amr"], json!(["hwk", "pop", "mfa"]));
            assert_eq!((&done["claims"]["preferred_username"], &done["userinfo"]["email"]), (&json!("ann@acme.test"), &json!("ann@acme.test")));
            let again = judge.ask(json!({ "task": "finish", "name": rp.name, "callback": callback })).await;
            assert_eq!((&again["ok"], &again["cause"]), (&json!(false), &json!("invalid_grant")), "{again}");
            let revoked = judge.ask(json!({ "task": "userinfo", "name": rp.name })).await;
            assert_eq!(revoked["ok"], false, "the second use revoked it: {revoked}");
            let out = browser.get(&server, &local(&done["logout"])).await;
            assert_eq!(out.header("location"), "https://app.workplace.test/bye?from=tacit&state=bye");
        }
    }

    async fn openid_client_shows_itself_by_assertions_and_signs_its_requests(database: Database) {
        let server = Server::new(database).await;
        let address = running(&server).await;
        let mut judge = Judge::start();
        let signed: Change = |c| {
            c.client.token_endpoint_auth_method = AuthMethod::PrivateKeyJwt;
            c.client.jwks = rp_jwks();
            c.client.request_object_signing_alg = Some(Alg::RS256);
            c.client.id_token_signed_response_alg = Alg::ES256;
        };
        let by_secret: Change = |c| {
            c.client.token_endpoint_auth_method = AuthMethod::ClientSecretJwt;
            c.client.id_token_signed_response_alg = Alg::ES256;
        };
        let public: Change = |c| {
            c.client.token_endpoint_auth_method = AuthMethod::None;
            c.client.id_token_signed_response_alg = Alg::ES256;
        };
        for (name, auth, change, form_post) in [
            ("signed", "private_key_jwt", signed, false),
            ("by-secret", "client_secret_jwt", by_secret, true),
            ("public", "none", public, false),
        ] {
            let rp = Rp::with(&server, name, Role::Sso, change).await;
            let mut discover = task(&rp, &address, auth, "ES256");
            discover["client_key"] = private_jwk();
            judge.good(discover).await;
            let mut authorize = json!({ "task": "authorize", "name": name, "login": "ann@acme.test", "form_post": form_post });
            if name == "signed" {
                authorize["request_object_alg"] = "RS256".into();
            }
            let url = judge.good(authorize).await["url"].clone();
            let browser = Browser::default();
            let reply = browser.get(&server, &local(&url)).await;
            browser.keep(&reply);
            assert_eq!(reply.status, 303, "{name}: {}", reply.body);
            let page = browser.open(&server, reply.header("location")).await;
            pass(&server, &page, Factor::Passkey).await;
            let outcome = browser.outcome(&server, &page).await;
            let mut finish = json!({ "task": "finish", "name": name });
            match form_post {
                true => finish["form"] = outcome["form"]["fields"].clone(),
                false => finish["callback"] = outcome["location"].clone(),
            }
            assert!(answer(&outcome).contains_key("code"));
            let done = judge.good(finish).await;
            assert_eq!((&done["claims"]["acr"], &done["claims"]["sub"]), (&json!("phr"), &json!(server.ann.id.as_str())), "{name}");
            assert!(judge.good(json!({ "task": "userinfo", "name": name })).await["userinfo"]["sub"].is_string());
            browser.get(&server, &local(&done["logout"])).await;
            let ended = judge.ask(json!({ "task": "userinfo", "name": name })).await;
            assert_eq!(ended["ok"], false, "{name}, after the sign-out: {ended}");
        }
    }

    async fn openid_client_refuses_what_was_made_for_another_moment(database: Database) {
        let server = Server::new(database).await;
        let address = running(&server).await;
        let (rp, other) = (Rp::okta(&server).await, Rp::with(&server, "other", Role::Factor, |c| c.client.id_token_signed_response_alg = Alg::ES256).await);
        let mut judge = Judge::start();
        judge.good(task(&rp, &address, "client_secret_post", "RS256")).await;
        judge.good(task(&other, &address, "client_secret_post", "ES256")).await;
        let callback = async |name: &str, judge: &mut Judge| {
            let url = judge.good(json!({ "task": "authorize", "name": name, "login": "ann@acme.test" })).await["url"].clone();
            let browser = Browser::default();
            let reply = browser.get(&server, &local(&url)).await;
            browser.keep(&reply);
            let page = browser.open(&server, reply.header("location")).await;
            pass(&server, &page, Factor::Passkey).await;
            browser.outcome(&server, &page).await["location"].clone()
        };
        let foreign = callback(other.name, &mut judge).await;
        let ours = callback(rp.name, &mut judge).await;
        let mixed = judge.ask(json!({ "task": "finish", "name": rp.name, "callback": foreign })).await;
        assert_eq!(mixed["ok"], false, "another issuer's answer: {mixed}");
        let stale = ours.clone();
        callback(rp.name, &mut judge).await;
        let late = judge.ask(json!({ "task": "finish", "name": rp.name, "callback": stale })).await;
        assert_eq!(late["ok"], false, "another request's answer: {late}");
    }
}
