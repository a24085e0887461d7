//! Health, metrics, policy versions, key roll-over, and the program itself.

use crate::support::{Agent, Browser, Server, on_both_databases, server::acme};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use standards::saml::certificate::Certificate;
use std::{
    io::{Read, Write},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
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

struct Folder(tempfile::TempDir);

impl Folder {
    fn initialised() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let key = rcgen::generate_simple_self_signed(["login.tacit-idp.test".to_owned()]).unwrap();
        std::fs::write(folder.path("c.pem"), key.cert.pem()).unwrap();
        std::fs::write(folder.path("k.pem"), key.signing_key.serialize_pem()).unwrap();
        std::fs::write(folder.path("pw"), "a long enough password\n").unwrap();
        let init = folder.tacit(&folder.init("127.0.0.1:0"));
        assert!(init.status.success(), "{}", text(&init.stderr));
        folder
    }

    fn init(&self, listen: &str) -> Vec<String> {
        let files = [self.path("c.pem"), self.path("k.pem"), self.path("pw")];
        let [c, k, pw] = files.map(|p| p.display().to_string());
        [
            "init",
            "--origin",
            "https://login.tacit-idp.test",
            "--listen",
            listen,
            "--tls-cert",
            &c,
            "--tls-key",
            &k,
            "--admin-password-file",
            &pw,
        ]
        .map(Into::into)
        .to_vec()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tacit"));
        command
            .env("TACIT_DATA", self.path("data"))
            .current_dir(self.0.path());
        command
    }

    fn tacit(&self, arguments: &[impl AsRef<std::ffi::OsStr>]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    fn good(&self, arguments: &[&str]) -> String {
        let output = self.tacit(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    fn bad(&self, arguments: &[&str]) -> String {
        let output = self.tacit(arguments);
        assert!(
            !output.status.success(),
            "{arguments:?}: {}",
            text(&output.stdout)
        );
        text(&output.stderr)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn an_administrator_sets_a_server_up_from_the_command_line() {
    let folder = Folder::initialised();
    assert!(
        folder
            .bad(&[
                "init",
                "--origin",
                "https://x.test",
                "--trusted-proxy",
                "10.0.0.1",
                "--admin-password-file",
                "pw"
            ])
            .contains("has been initialised")
    );
    let doctor = folder.tacit(&["doctor"]);
    assert!(
        !doctor.status.success() && text(&doctor.stdout).contains("repair: tacit connection add"),
        "{}",
        text(&doctor.stdout)
    );

    folder.good(&["connection", "add", "acme", "--role", "factor"]);
    assert!(
        folder
            .bad(&["connection", "add", "acme", "--role", "factor"])
            .contains("exists already")
    );
    assert!(
        folder
            .bad(&["connection", "add", "Ac me", "--role", "factor"])
            .contains("lower-case")
    );
    std::fs::write(folder.path("bad.xml"), "<x/>").unwrap();
    assert!(
        folder
            .bad(&["connection", "update", "acme", "--metadata", "bad.xml"])
            .contains("not Okta's SP metadata")
    );
    std::fs::write(folder.path("sp.xml"), crate::support::server::METADATA).unwrap();
    folder.good(&["connection", "update", "acme", "--metadata", "sp.xml"]);
    let shown: Value =
        serde_json::from_str(&folder.good(&["connection", "show", "acme", "--json"])).unwrap();
    assert_eq!(
        shown["issuer"],
        "https://login.tacit-idp.test/saml/acme/metadata"
    );
    assert_eq!(
        shown["sso_url"],
        "https://login.tacit-idp.test/saml/acme/sso"
    );
    assert!(
        shown["certificate_pem"]
            .as_str()
            .unwrap()
            .starts_with("-----BEGIN CERTIFICATE-----\n")
    );
    assert_eq!(shown["acs_url"], crate::support::server::ACS);
    folder.good(&["connection", "rotate", "acme"]);
    assert!(
        folder
            .bad(&["connection", "rotate", "acme"])
            .contains("--promote")
    );
    folder.good(&["connection", "rotate", "acme", "--promote"]);

    folder.good(&["user", "add", "ann@acme.test", "--group", "staff"]);
    assert!(
        folder
            .bad(&["user", "add", "ann@acme.test"])
            .contains("exists already")
    );
    let user: Value = serde_json::from_str(&folder.good(&["user", "list", "--json"])).unwrap();
    assert_eq!(
        (&user["login"], &user["groups"]),
        (&json!("ann@acme.test"), &json!(["staff"]))
    );
    assert_eq!(
        folder
            .good(&["token", "create", "--purpose", "enrolment"])
            .trim()
            .len(),
        43
    );
    let window = folder.good(&["rollout", "open", "--group", "staff", "--hours", "72"]);
    folder.good(&["rollout", "close", window.trim()]);
    assert!(
        folder
            .bad(&["rollout", "close", window.trim()])
            .contains("no open window")
    );
    folder.good(&[
        "device",
        "preregister",
        "--device",
        &"A".repeat(43),
        "--user",
        "ann@acme.test",
    ]);
    assert!(
        folder
            .bad(&[
                "device",
                "preregister",
                "--device",
                "x",
                "--user",
                "ann@acme.test"
            ])
            .contains("thumbprint")
    );
    assert!(
        folder
            .bad(&["device", "revoke", &"A".repeat(43)])
            .contains("no device")
    );
    assert!(
        folder
            .bad(&[
                "device",
                "code",
                "--matching",
                "123456",
                "--purpose",
                "bind"
            ])
            .contains("no open sign-in")
    );
    assert_eq!(folder.good(&["device", "list", "--json"]), "");

    std::fs::write(
        folder.path("all.toml"),
        "format = 1\n[[rule]]\nname = \"all\"\nthen = \"allow\"",
    )
    .unwrap();
    assert!(
        folder
            .bad(&["policy", "set", "all.toml"])
            .contains("rule \"all\" allows without")
    );
    std::fs::write(folder.path("none.toml"), "format = 1").unwrap();
    folder.good(&["policy", "set", "none.toml"]);
    folder.good(&["policy", "restore", "1"]);
    assert_eq!(folder.good(&["policy", "show"]), SHIPPED);
    assert_eq!(folder.good(&["policy", "history"]).lines().count(), 3);
    assert_eq!(folder.good(&["audit", "decisions", "--json"]), "");
    assert!(folder.good(&["audit", "events", "--json"]).lines().count() > 8);
    let doctor = folder.tacit(&["doctor"]);
    let said = text(&doctor.stdout);
    assert!(
        said.contains("FAIL  connection acme: metadata: Okta does not sign its requests"),
        "{said}"
    );
    assert_eq!(said.matches("FAIL").count(), 1, "{said}");
}

#[test]
fn doctor_names_the_step_that_fails() {
    let folder = Folder::initialised();
    let failing = |repair: &str| {
        let output = text(&folder.tacit(&["doctor", "--json"]).stdout);
        let steps: Vec<Value> = output
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        let found = steps
            .iter()
            .find(|s| s["good"] == false && s["repair"].as_str().unwrap().contains(repair));
        assert!(found.is_some(), "{repair}: {output}");
    };
    std::fs::rename(folder.path("c.pem"), folder.path("away.pem")).unwrap();
    failing("[tls]");
    let key = folder.path("data/master.key");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    failing("mode 600");
    std::fs::write(folder.path("data/tacit.toml"), "nonsense").unwrap();
    failing("tacit init");
}

#[test]
fn the_server_speaks_tls_and_stops_when_asked_to() {
    let folder = Folder::initialised();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let settings = std::fs::read_to_string(folder.path("data/tacit.toml"))
        .unwrap()
        .replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
    std::fs::write(folder.path("data/tacit.toml"), settings).unwrap();
    let mut server = Running(
        folder
            .command()
            .arg("serve")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let deadline = Instant::now() + Duration::from_secs(30);
    // An open connection on which nothing comes must not keep the server from stopping.
    let _idle = loop {
        match std::net::TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::yield_now();
    };
    let reply = https_get(&folder.path("c.pem"), port, "/health/ready");
    assert!(
        reply.starts_with("HTTP/1.1 200") && reply.ends_with("ready\n"),
        "{reply}"
    );
    let status = Command::new("kill")
        .args(["-TERM", &server.0.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    let asked = Instant::now();
    loop {
        if let Some(status) = server.0.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
        assert!(
            asked.elapsed() < Duration::from_secs(40),
            "it does not stop"
        );
        std::thread::yield_now();
    }
    let mut log = String::new();
    server
        .0
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    assert!(log.contains("serving") && log.contains("stopped"), "{log}");
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn https_get(ca: &Path, port: u16, path: &str) -> String {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "login.tacit-idp.test".try_into().unwrap();
    let mut tls = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut stream = rustls::Stream::new(&mut tls, &mut stream);
    stream
        .write_all(
            format!(
                "GET {path} HTTP/1.1\r\nhost: login.tacit-idp.test\r\nconnection: close\r\n\r\n"
            )
            .as_bytes(),
        )
        .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}
