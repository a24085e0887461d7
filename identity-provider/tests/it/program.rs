//! The program itself: its commands, its doctor, and the server as a process.

use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tacit::domain::policy::SHIPPED;

pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn initialised() -> Self {
        Self::listening_on(0)
    }

    pub fn listening_on(port: u16) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let key = rcgen::generate_simple_self_signed(["login.tacit-idp.test".to_owned()]).unwrap();
        std::fs::write(folder.path("c.pem"), key.cert.pem()).unwrap();
        std::fs::write(folder.path("k.pem"), key.signing_key.serialize_pem()).unwrap();
        std::fs::write(folder.path("pw"), "a long enough password\n").unwrap();
        let init = folder.tacit(&folder.init(&format!("127.0.0.1:{port}")));
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

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tacit"));
        command
            .env("TACIT_DATA", self.path("data"))
            .current_dir(self.0.path());
        command
    }

    fn tacit(&self, arguments: &[impl AsRef<std::ffi::OsStr>]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    pub fn good(&self, arguments: &[&str]) -> String {
        let output = self.tacit(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    pub fn bad(&self, arguments: &[&str]) -> String {
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
    let doctor = text(&folder.tacit(&["doctor"]).stdout);
    assert!(
        doctor.contains("acme: metadata: Okta's is missing"),
        "{doctor}"
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

    folder.good(&["admin", "set", "second", "--password-file", "pw"]);
    std::fs::write(folder.path("short"), "short").unwrap();
    let refused = folder.bad(&["admin", "set", "third", "--password-file", "short"]);
    assert!(refused.contains("at least 12"), "{refused}");
    let rows = std::fs::metadata(folder.path("data/tacit.db")).unwrap();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&rows.permissions()) & 0o777,
        0o600
    );

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
fn a_server_is_not_made_with_a_certificate_that_cannot_be_used() {
    let folder = Folder(tempfile::tempdir().unwrap());
    std::fs::write(folder.path("pw"), "a long enough password\n").unwrap();
    let init = folder.init("127.0.0.1:0");
    let refused = |part: &str| {
        let said = text(&folder.tacit(&init).stderr);
        assert!(said.contains(part), "{said}");
        assert!(!folder.path("data/tacit.db").exists());
    };
    refused("reading");
    std::fs::write(folder.path("c.pem"), "not a certificate").unwrap();
    std::fs::write(folder.path("k.pem"), "not a key").unwrap();
    refused("k.pem holds no private key");
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
fn doctor_says_whether_notices_reach_anybody() {
    let folder = Folder::initialised();
    let said = |of: &Folder| text(&of.tacit(&["doctor"]).stdout);
    assert!(said(&folder).contains("good  mail: not set up"));
    assert!(
        folder
            .bad(&["mail", "test", "ann@acme.test"])
            .contains("has no [mail]")
    );
    let file = folder.path("data/tacit.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    let with = |mail: &str| std::fs::write(&file, format!("{settings}\n[mail]\n{mail}")).unwrap();
    with(
        "host = \"mail.acme.test\"\nport = 25\nfrom = \"t@acme.test\"\ntls = \"none-on-loopback\"",
    );
    assert!(
        said(&folder).contains("FAIL  settings: [mail]: tls"),
        "{}",
        said(&folder)
    );
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    with(&format!(
        "host = \"127.0.0.1\"\nport = {port}\nfrom = \"t@acme.test\"\ntls = \"none-on-loopback\""
    ));
    let down = said(&folder);
    assert!(
        down.contains(&format!("FAIL  mail: 127.0.0.1:{port}:"))
            && down.contains("tacit mail test ADDRESS"),
        "{down}"
    );
    assert!(down.contains("good  notices: 0 on their way"), "{down}");
    let refused = folder.bad(&["mail", "test", "ann@acme.test"]);
    assert!(refused.contains("did not take it"), "{refused}");
    assert_eq!(folder.good(&["mail", "list", "--json"]), "");
    assert!(
        folder
            .good(&["mail", "retry"])
            .starts_with("0 will be tried again")
    );
}

#[test]
fn scim_tokens_are_made_shown_once_and_warned_about() {
    let folder = Folder::initialised();
    folder.good(&["connection", "add", "acme", "--role", "factor"]);
    let create = |days: &'static str| {
        [
            "token",
            "create",
            "--purpose",
            "scim",
            "--connection",
            "acme",
            "--days",
            days,
        ]
    };
    folder.bad(&["token", "create", "--purpose", "scim"]);
    let never = ["token", "create", "--purpose", "enrolment", "--days", "0"];
    assert!(folder.bad(&never).contains("at least one day"));
    folder.bad(&[
        "token",
        "create",
        "--purpose",
        "scim",
        "--connection",
        "nothing",
    ]);
    assert!(folder.bad(&create("0")).contains("1 to 365"));
    let token = folder.good(&create("5"));
    assert_eq!(token.trim().len(), 43);
    let database = std::fs::read(folder.path("data/tacit.db")).unwrap();
    let wal = std::fs::read(folder.path("data/tacit.db-wal")).unwrap_or_default();
    for file in [database, wal] {
        let token = token.trim().as_bytes();
        assert!(
            !file.windows(token.len()).any(|part| part == token),
            "only its hash is kept"
        );
    }
    let finding = || {
        let output = text(&folder.tacit(&["doctor", "--json"]).stdout);
        let lines = output
            .lines()
            .map(|l| serde_json::from_str::<Value>(l).unwrap());
        let mut found = lines.filter(|l| l["step"] == "connection acme: SCIM token");
        found.next().unwrap()
    };
    assert_eq!(
        finding()["good"],
        false,
        "five days are too short a warning to wait for"
    );
    folder.good(&create("90"));
    assert_eq!(finding()["good"], true);
    assert!(
        folder
            .bad(&create("90"))
            .contains("two tokens of acme are good already")
    );
    let show: Value =
        serde_json::from_str(&folder.good(&["scim", "show", "--connection", "acme", "--json"]))
            .unwrap();
    assert_eq!(
        show["base_url"],
        "https://login.tacit-idp.test/scim/acme/v2"
    );
    assert_eq!(show["tokens"].as_array().unwrap().len(), 2);
    assert!(!show.to_string().contains(token.trim()));

    let expected = |text: &str| std::fs::write(folder.path("expected.json"), text).unwrap();
    let drift = [
        "scim",
        "drift",
        "--connection",
        "acme",
        "--expected",
        "expected.json",
    ];
    expected(r#"{"users":[],"groups":[]}"#);
    assert!(folder.good(&drift).contains("nothing differs"));
    expected(r#"[{"id":"00u1","status":"ACTIVE","credentials":{"userName":"ann@acme.test"}}]"#);
    let output = folder.tacit(&drift);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("user missing here: ann@acme.test"));
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

pub struct Running(pub Child);

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
