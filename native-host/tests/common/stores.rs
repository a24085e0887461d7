//! Real key stores of one test's own: a simulated TPM and a gnome-keyring on a private bus. Missing programs fail the
//! test: a skipped key store would be an untested one.

use super::{Machine, PATIENCE};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A TPM 2.0 in a process.
pub struct SwTpm {
    child: Child,
    state: PathBuf,
    port: u16,
}

impl SwTpm {
    /// Starts on the state in `folder`, which is made if need be.
    pub fn start(folder: &Path) -> Self {
        Self::start_at(folder, free_port_pair())
    }

    fn start_at(folder: &Path, port: u16) -> Self {
        let state = folder.join("tpm");
        std::fs::create_dir_all(&state).unwrap();
        let child = Command::new("swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .args(["--tpmstate", &format!("dir={}", state.display())])
            .args(["--server", &format!("type=tcp,port={port}")])
            .args(["--ctrl", &format!("type=tcp,port={}", port + 1)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("swtpm has to be installed (apt-get install swtpm)");
        let tpm = Self { child, state, port };
        wait("swtpm listens", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        tpm
    }

    pub fn tcti(&self) -> String {
        format!("swtpm:host=127.0.0.1,port={}", self.port)
    }

    /// As a machine that shuts down in order and starts again.
    pub fn restart(self) -> Self {
        let folder = self.state.parent().unwrap().to_owned();
        let port = self.port;
        drop(self);
        Self::start_at(&folder, port)
    }
}

impl Drop for SwTpm {
    /// TPM2_Shutdown(CLEAR) first: a TPM that is switched off without it counts that as an attack.
    fn drop(&mut self) {
        // A host that is still connected keeps the only place, and then there is nobody to tell.
        let shutdown = [0x80, 0x01, 0, 0, 0, 12, 0, 0, 1, 0x45, 0, 0];
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.set_read_timeout(Some(Duration::from_millis(500)));
            let _ = stream.write_all(&shutdown);
            let _ = stream.read(&mut [0; 64]);
        }
        terminate(&mut self.child);
    }
}

/// A gnome-keyring on a session bus of its own, with private folders.
pub struct Keyring {
    bus: Child,
    daemon: Option<Child>,
    root: PathBuf,
    pub address: String,
}

impl Keyring {
    /// Starts on the keyrings in `folder` and unlocks the login keyring with a password, as a login does.
    pub fn start(folder: &Path) -> Self {
        let mut keyring = Self::bus(folder);
        let mut daemon = keyring.daemon(&["--unlock"]);
        daemon.stdin.take().unwrap().write_all(b"pw").unwrap();
        keyring.daemon = Some(daemon);
        wait("the Secret Service answers", || keyring.has_owner());
        keyring
    }

    /// As when the bus starts the daemon and nobody gave a password: there is no default collection.
    pub fn without_password(folder: &Path) -> Self {
        let mut keyring = Self::bus(folder);
        keyring.daemon = Some(keyring.daemon(&[]));
        wait("the Secret Service answers", || keyring.has_owner());
        keyring
    }

    /// A bus on which nobody keeps secrets.
    pub fn bus(folder: &Path) -> Self {
        let root = folder.join("session");
        let runtime = root.join("run");
        std::fs::create_dir_all(&runtime).unwrap();
        std::fs::create_dir_all(root.join("share")).unwrap();
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&runtime, std::fs::Permissions::from_mode(0o700)).unwrap();
        let socket = runtime.join("bus");
        let _ = std::fs::remove_file(&socket);
        let address = format!("unix:path={}", socket.display());
        // No folder of services: the bus must not start a daemon by itself.
        let configuration = format!(
            r#"<busconfig><type>session</type><listen>{address}</listen><policy context="default">
            <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
            </policy></busconfig>"#
        );
        std::fs::write(root.join("bus.conf"), configuration).unwrap();
        let bus = private(Command::new("dbus-daemon"), &root, &address)
            .args(["--nofork", "--nopidfile", "--config-file"])
            .arg(root.join("bus.conf"))
            .spawn()
            .expect("dbus-daemon has to be installed (apt-get install dbus)");
        wait("the bus listens", || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        });
        Self {
            bus,
            daemon: None,
            root,
            address,
        }
    }

    fn daemon(&self, arguments: &[&str]) -> Child {
        private(
            Command::new("gnome-keyring-daemon"),
            &self.root,
            &self.address,
        )
        .args(["--foreground", "--components=secrets"])
        .args(arguments)
        .stdin(Stdio::piped())
        .spawn()
        .expect("gnome-keyring-daemon has to be installed (apt-get install gnome-keyring)")
    }

    /// What a process in this session sees.
    pub fn environment(&self) -> Vec<(String, String)> {
        vec![("DBUS_SESSION_BUS_ADDRESS".into(), self.address.clone())]
    }

    pub fn restart(self) -> Self {
        let folder = self.root.parent().unwrap().to_owned();
        drop(self);
        Self::start(&folder)
    }

    /// Runs `call` on a connection to this bus.
    pub fn on_bus<T>(&self, call: impl AsyncFnOnce(zbus::Connection) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let connection = zbus::connection::Builder::address(self.address.as_str())
                .unwrap()
                .build()
                .await
                .unwrap();
            call(connection).await
        })
    }

    fn has_owner(&self) -> bool {
        self.on_bus(async |connection| {
            zbus::fdo::DBusProxy::new(&connection)
                .await
                .unwrap()
                .name_has_owner("org.freedesktop.secrets".try_into().unwrap())
                .await
                .unwrap()
        })
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            terminate(daemon);
        }
        terminate(&mut self.bus);
    }
}

/// Nothing of the developer's own session.
fn private(mut command: Command, root: &Path, address: &str) -> Command {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", root)
        .env("XDG_RUNTIME_DIR", root.join("run"))
        .env("XDG_DATA_HOME", root.join("share"))
        .env("DBUS_SESSION_BUS_ADDRESS", address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// A machine that uses this TPM.
pub fn machine_with(tpm: &SwTpm) -> String {
    format!("keystore = \"tpm\"\ntcti = \"{}\"", tpm.tcti())
}

/// A folder for stores that outlive a machine's configuration.
pub fn machine() -> Machine {
    Machine::new("")
}

fn terminate(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process};
    if child.try_wait().unwrap().is_some() {
        return;
    }
    let process = Pid::from_child(child);
    kill_process(process, Signal::TERM).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
        }
        std::thread::yield_now();
    }
}

pub fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::yield_now();
    }
}

/// swtpm's control port is the one after its data port, by the TSS's convention.
fn free_port_pair() -> u16 {
    loop {
        let first = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}
