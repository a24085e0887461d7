//! Health, metrics, policy versions, key roll-over, and what must not be in logs and rows.

use crate::support::{Agent, Browser, Server, on_both_databases, server::acme};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use standards::saml::certificate::Certificate;
use std::{
    io::Write,
    sync::{Arc, Mutex, OnceLock},
};
use tacit::domain::{
    connection::KeyStatus,
    policy::{Policy, SHIPPED},
    signing,
};

/// The certificate that the Response of a silent sign-in carries.
async fn signing_certificate(server: &Server, agent: &Agent) -> Vec<u8> {
    let browser = Browser::default();
    let page = browser.start(server, "ann@acme.test").await;
    agent.answers(server, &browser, &page).await;
    let outcome = browser.outcome(server, &page).await;
    let xml = STANDARD
        .decode(outcome["form"]["fields"]["SAMLResponse"].as_str().unwrap())
        .unwrap();
    let xml = String::from_utf8(xml).unwrap();
    let (_, rest) = xml.split_once("<ds:X509Certificate>").unwrap();
    STANDARD.decode(rest.split_once('<').unwrap().0).unwrap()
}

on_both_databases! {
    async fn keys_roll_over_with_two_certificates_announced(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let metadata = async || {
            let xml = server.get("/saml/acme/metadata", &[]).await.body;
            xml.split("<ds:X509Certificate>").skip(1).map(|rest| STANDARD.decode(rest.split_once('<').unwrap().0).unwrap()).collect::<Vec<_>>()
        };
        let first = signing_certificate(&server, &agent).await;
        assert_eq!(metadata().await, std::slice::from_ref(&first));
        let next = signing::generate(&server.app, &acme(), KeyStatus::Next, server.now()).unwrap();
        server.app.store.announce_key(&acme(), &next).await.unwrap();
        assert!(server.app.store.announce_key(&acme(), &next).await.is_err(), "one at a time");
        assert_eq!(metadata().await, [first.clone(), next.certificate.clone()]);
        assert_eq!(signing_certificate(&server, &agent).await, first, "announced is not in use");
        assert!(server.app.store.promote_key(&acme(), server.now()).await.unwrap());
        assert_eq!(signing_certificate(&server, &agent).await, next.certificate);
        assert_eq!(metadata().await, [next.certificate]);
        assert!(!server.app.store.promote_key(&acme(), server.now()).await.unwrap(), "none is announced");
        assert!(Certificate::from_der(&first).unwrap().not_after_ms() > server.now());
    }

    async fn a_new_policy_is_in_force_at_once_and_an_old_one_can_come_back(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let store = &server.app.store;
        let outcome = async || {
            let browser = Browser::default();
            let page = browser.start(&server, "ann@acme.test").await;
            let outcome = agent.answers(&server, &browser, &page).await["outcome"].clone();
            let row = store.decisions_of(page.challenge.as_str()).await.unwrap().remove(0);
            (outcome, row.policy_version)
        };
        assert_eq!(store.insert_policy(SHIPPED, "test", server.now()).await.unwrap(), 1);
        assert_eq!(outcome().await, (json!("allow"), 1));
        assert_eq!(store.insert_policy("format = 1", "test", server.now()).await.unwrap(), 2);
        assert_eq!(outcome().await, (json!("step_up"), 2));
        let first = store.find_policy(1).await.unwrap().unwrap();
        assert_eq!(store.insert_policy(&first.text, "test", server.now()).await.unwrap(), 3);
        assert_eq!(outcome().await, (json!("allow"), 3));
        assert_eq!(store.list_policies().await.unwrap().iter().map(|p| p.version).collect::<Vec<_>>(), [3, 2, 1]);
        assert_eq!(store.insert_policy("this is no policy", "test", server.now()).await.unwrap(), 4);
        assert_eq!(outcome().await, (json!("step_up"), 4), "what cannot be read allows nothing");
    }

    async fn health_and_metrics_answer_and_hold_no_names(database: Database) {
        let server = Server::new(database).await;
        tacit::metrics::handle();
        let agent = Agent::enrolled(&server).await;
        signing_certificate(&server, &agent).await;
        assert_eq!(server.get("/health/live", &[]).await.status, 200);
        assert_eq!(server.get("/health/ready", &[]).await.status, 200);
        let metrics = server.get("/metrics", &[]).await.body;
        assert!(metrics.contains("tacit_decisions_total{"), "{metrics}");
        assert!(!metrics.contains("ann@acme.test") && !metrics.contains(agent.device_id().as_str()));
        server.app.store.close().await;
        assert_eq!(server.get("/health/live", &[]).await.status, 200);
        assert_eq!(server.get("/health/ready", &[]).await.status, 503);
        let reply = Browser::default().get(&server, "/challenge/x").await;
        assert_eq!(reply.status, 500);
        assert!(!reply.body.to_lowercase().contains("pool") && !reply.body.to_lowercase().contains("sql"), "{}", reply.body);
    }
}

#[tokio::test]
async fn metrics_are_for_this_machine_and_whom_the_settings_name() {
    use axum::{body::Body, extract::ConnectInfo, http::Request};
    use std::net::SocketAddr;
    use tower::ServiceExt;
    let server = Server::new(crate::support::Database::sqlite()).await;
    for (from, status) in [
        ("127.0.0.1:9", 200),
        ("[::1]:9", 200),
        ("198.51.100.7:9", 404),
    ] {
        let mut request = Request::get("/metrics").body(Body::empty()).unwrap();
        let from: SocketAddr = from.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(from));
        let reply = tacit::http::router(server.app.clone())
            .oneshot(request)
            .await
            .unwrap();
        assert_eq!(reply.status(), status, "{from}");
    }
}

/// Where everything that is logged goes, from the first call on and at the lowest level.
fn log_of_this_program() -> Arc<Mutex<Vec<u8>>> {
    static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();
    #[derive(Clone)]
    struct Writer(Arc<Mutex<Vec<u8>>>);
    impl Write for Writer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = LOG.get_or_init(|| {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Writer(log.clone());
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .init();
        log
    });
    log.clone()
}

/// Whether `haystack` has `secret`.
fn has(haystack: &[u8], secret: &str) -> bool {
    haystack
        .windows(secret.len())
        .any(|part| part == secret.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_neither_logged_nor_stored() {
    use crate::support::{Database, server::TOKEN};
    use tacit::domain::code::{self, Purpose};
    let log = log_of_this_program();
    let database = Database::sqlite();
    let file = database
        .url
        .trim_start_matches("sqlite:")
        .trim_end_matches("?mode=rwc")
        .to_owned();
    let server = Server::new(database).await;
    let agent = Agent::enrolled(&server).await;
    let browser = Browser::default();
    let page = browser.start(&server, "ann@acme.test").await;
    let mut answer = agent.answer(&server, &page);
    answer.evidence.verdict = wire::statement::Verdict::Unsure;
    let statement = agent.device.statement(wire::statement::ANSWER_TYP, &answer);
    let proof = agent.proof(
        &server,
        wire::server::ANSWERS,
        statement.as_bytes(),
        Some(&page.nonce),
    );
    agent.send_with(&server, &browser, &statement, &proof).await;
    let challenge = server
        .app
        .store
        .find_challenge(&page.challenge)
        .await
        .unwrap()
        .unwrap();
    let text = code::issue(
        &server.app,
        &challenge,
        Purpose::SignIn,
        "desk",
        server.now(),
    )
    .await
    .unwrap();
    let path = format!("/challenge/{}/fallback/code/check", page.challenge);
    assert_eq!(
        browser
            .submit(&server, &path, format!("code={text}"))
            .await
            .json()["step"],
        "passed"
    );
    let outcome = browser.outcome(&server, &page).await;
    let response = outcome["form"]["fields"]["SAMLResponse"].as_str().unwrap();
    server.app.store.close().await;

    let cookie = browser.cookie();
    let secrets = [
        ("cookie", cookie.split_once('=').unwrap().1),
        ("token", TOKEN),
        ("code", &text),
        ("statement", &statement),
        ("proof", &proof),
        ("response", response),
    ];
    let logged = log.lock().unwrap().clone();
    assert!(
        has(&logged, page.challenge.as_str()),
        "the decision is logged"
    );
    for (what, secret) in secrets {
        assert!(!has(&logged, secret), "{what} was logged");
    }
    let mut stored = std::fs::read(&file).unwrap();
    stored.extend(std::fs::read(format!("{file}-wal")).unwrap_or_default());
    assert!(
        has(&stored, page.nonce.as_str()),
        "the nonce is a row's own; it is used up"
    );
    for (what, secret) in secrets {
        assert!(!has(&stored, secret), "{what} was stored");
    }
    assert!(!has(&stored, "PRIVATE KEY") && !has(&logged, page.nonce.as_str()));
}

#[test]
fn the_shipped_policy_is_one() {
    Policy::parse(SHIPPED).unwrap();
}
