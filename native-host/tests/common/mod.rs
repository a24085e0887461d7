//! A folder with a configuration, and the real binary speaking frames.
#![expect(dead_code, reason = "each test binary uses its own part")]

pub mod stores;

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use wire::host::{Fault, RequestBody, Response, ResponseBody};
use wire::jws::{self, Jwk};

pub const ALLOWED: &str = "abcdefghijklmnopabcdefghijklmnop";
pub const SERVER: &str = "https://login.tacit-idp.test";
/// What a hanging host may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The real binary: cargo names it to tests, and it lies above the folder of examples.
pub fn program() -> PathBuf {
    match option_env!("CARGO_BIN_EXE_tacit-host") {
        Some(program) => program.into(),
        None => std::env::current_exe()
            .unwrap()
            .with_file_name("../tacit-host"),
    }
}

/// A machine of its own: configuration, data folder, removed at the end.
pub struct Machine {
    pub root: PathBuf,
    pub environment: Vec<(String, String)>,
}

impl Machine {
    pub fn new(top: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("tacit-host-{}-{n}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(&root).unwrap();
        let machine = Self {
            root,
            environment: Vec::new(),
        };
        machine.configure(top);
        machine
    }

    /// `top` holds the keys before `[configuration]`.
    pub fn configure(&self, top: &str) {
        let data = self.data();
        let text = format!(
            "allowed_extensions = [\"{ALLOWED}\"]\ndata_dir = \"{}\"\n{top}\n[configuration]\n\
             server_origin = \"{SERVER}\"\nokta_origins = [\"https://acme.okta-standin.test\"]\n\
             enrolment_token = \"token-of-the-organisation\"\n",
            data.display()
        );
        self.write_config(&text);
    }

    pub fn write_config(&self, text: &str) {
        std::fs::write(self.config(), text).unwrap();
    }

    pub fn config(&self) -> PathBuf {
        self.root.join("host.toml")
    }

    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(program());
        command.arg("--config").arg(self.config());
        command.envs(self.environment.iter().map(|(k, v)| (k, v)));
        command
    }

    /// A host called by the allowed extension.
    pub fn start(&self) -> Host {
        self.start_for(ALLOWED)
    }

    pub fn start_for(&self, extension: &str) -> Host {
        let mut command = self.command();
        command.arg(format!("chrome-extension://{extension}/"));
        Host::spawn(command)
    }

    /// A host that runs as an ordinary user, even if the test runs as root: root may do everything.
    pub fn start_unprivileged(&self) -> Host {
        use std::os::unix::fs::{MetadataExt, chown};
        use std::os::unix::process::CommandExt;
        const NOBODY: u32 = 65534;
        if self.root.metadata().unwrap().uid() != 0 {
            return self.start();
        }
        std::fs::create_dir_all(self.data()).unwrap();
        chown(self.data(), Some(NOBODY), Some(NOBODY)).unwrap();
        let copy = self.root.join("tacit-host");
        copy_program(&program(), &copy);
        let mut command = Command::new(copy);
        command.arg("--config").arg(self.config());
        command.arg(format!("chrome-extension://{ALLOWED}/"));
        command.uid(NOBODY).gid(NOBODY);
        Host::spawn(command)
    }

    /// A host that has been greeted.
    pub fn greeted(&self) -> Host {
        let mut host = self.start();
        host.greet();
        host
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

/// The real binary, as a browser sees it.
pub struct Host {
    child: Child,
    pub input: Option<ChildStdin>,
    pub output: Option<ChildStdout>,
    next: u32,
}

impl Host {
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take(),
            output: child.stdout.take(),
            child,
            next: 1,
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn greet(&mut self) {
        let body = self.ask(json!({"type": "hello", "extension": "0.1.0"}));
        assert!(matches!(body, ResponseBody::Hello { .. }), "{body:?}");
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    pub fn send_frame(&mut self, json: &[u8]) {
        let length = u32::try_from(json.len()).unwrap();
        self.send_bytes(&[&length.to_ne_bytes(), json].concat());
    }

    /// Sends a request and returns its id.
    pub fn send(&mut self, body: Value) -> u32 {
        let id = self.next;
        self.next += 1;
        self.send_frame(
            json!({"v": 1, "id": id, "body": body})
                .to_string()
                .as_bytes(),
        );
        id
    }

    /// The next response; `None` at the end of the output.
    pub fn receive(&mut self) -> Option<Response> {
        let mut header = [0; 4];
        let output = self.output.as_mut().unwrap();
        if output.read_exact(&mut header).is_err() {
            return None;
        }
        let length = u32::from_ne_bytes(header) as usize;
        assert!(length <= wire::limits::FRAME, "not a frame: {header:?}");
        let mut json = vec![0; length];
        output.read_exact(&mut json).unwrap();
        Some(wire::version::parse(&json).unwrap())
    }

    /// Sends a request and waits for its response.
    pub fn ask(&mut self, body: Value) -> ResponseBody {
        let id = self.send(body);
        let response = self.receive().expect("the host ended");
        assert_eq!(response.id, id);
        response.body
    }

    /// As [`Self::ask`], of a host that may be gone at any moment; `None` once it is.
    pub fn try_ask(&mut self, body: Value) -> Option<ResponseBody> {
        let id = self.next;
        self.next += 1;
        let json = json!({"v": 1, "id": id, "body": body}).to_string();
        let length = u32::try_from(json.len()).unwrap().to_ne_bytes();
        let input = self.input.as_mut()?;
        input.write_all(&[&length, json.as_bytes()].concat()).ok()?;
        input.flush().ok()?;
        let (mut header, output) = ([0; 4], self.output.as_mut()?);
        output.read_exact(&mut header).ok()?;
        let mut json = vec![0; u32::from_ne_bytes(header) as usize];
        output.read_exact(&mut json).ok()?;
        let response: Response = wire::version::parse(&json).unwrap();
        assert_eq!(response.id, id);
        Some(response.body)
    }

    pub fn request(&mut self, body: &RequestBody) -> ResponseBody {
        self.ask(serde_json::to_value(body).unwrap())
    }

    /// Makes the device key unless there is one.
    pub fn device_key(&mut self) -> (String, Jwk) {
        match self.ask(json!({"type": "ensure_device_key"})) {
            ResponseBody::DeviceKey { device, jwk, .. } => (device.to_string(), jwk),
            other => panic!("{other:?}"),
        }
    }

    pub fn bind(&mut self, user: &str) {
        let body = self.ask(json!({"type": "record_binding", "user": user}));
        assert_eq!(body, ResponseBody::Done {});
    }

    pub fn signed(&mut self, body: Value) -> String {
        match self.ask(body) {
            ResponseBody::Signed { statement } => statement,
            other => panic!("{other:?}"),
        }
    }

    pub fn fault(&mut self, body: Value) -> Fault {
        match self.ask(body) {
            ResponseBody::Refused { fault, message } => {
                assert!(!message.is_empty());
                fault
            }
            other => panic!("not refused: {other:?}"),
        }
    }

    pub fn seal(&mut self, user: &str, plain: &[u8]) -> Vec<u8> {
        let plain = wire::b64::encode(plain);
        match self.ask(json!({"type": "seal", "user": user, "plain": plain})) {
            ResponseBody::Sealed { sealed } => sealed,
            other => panic!("{other:?}"),
        }
    }

    pub fn unseal(&mut self, user: &str, sealed: &[u8]) -> Result<Vec<u8>, Fault> {
        let sealed = wire::b64::encode(sealed);
        match self.ask(json!({"type": "unseal", "user": user, "sealed": sealed})) {
            ResponseBody::Unsealed { plain } => Ok(plain),
            ResponseBody::Refused { fault, .. } => Err(fault),
            other => panic!("{other:?}"),
        }
    }

    /// Closes the pipe, as a browser does, and waits for the end.
    pub fn close(mut self) -> ExitStatus {
        self.input = None;
        self.wait()
    }

    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the host does not end");
            std::thread::yield_now();
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Verifies with ring, as the server does, and hands the claims out.
pub fn verified<T: serde::de::DeserializeOwned>(statement: &str, typ: &str, jwk: &Jwk) -> T {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    let point = jwk.point().unwrap();
    let unverified = jws::parse_compact(statement, typ).unwrap();
    unverified
        .verified(|input, signature| {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point)
                .verify(input, signature)
                .is_ok()
        })
        .unwrap()
}

/// 32 bytes as text, for digests, nonces and thumbprints.
pub fn token(n: u8) -> String {
    wire::b64::encode(&[n; 32])
}

pub fn answer(subject: &str) -> Value {
    json!({
        "type": "answer",
        "origin": SERVER,
        "challenge": "challenge-1",
        "nonce": token(1),
        "req": token(2),
        "subject": subject,
        "installation": token(3),
        "provenance": {"broken_by": null, "age_ms": 1200, "entered_from": null},
        "presence": {"screen_locked": false, "input_age_ms": 300, "unlock_age_ms": null},
        "evidence": {
            "verdict": "genuine", "llr": 4.25, "keys": 120, "pointer_ms": 4000, "age_ms": 800, "model": 1,
            "template": token(4), "progress": 100, "automation": [], "moved_by": ["hold"]
        }
    })
}

/// Copies a program by another process: one that this process had open for writing when another test forked could not
/// be started ("text file busy").
pub fn copy_program(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-p").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}

/// A configuration whose keys last.
pub const SOFTWARE: &str = "keystore = \"software\"\nallow_software = true";

/// Whether `folder` holds `needle` in any file.
pub fn contains(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return contains(&path, needle);
        }
        let content = std::fs::read(&path).unwrap();
        content.windows(needle.len()).any(|part| part == needle)
    })
}
