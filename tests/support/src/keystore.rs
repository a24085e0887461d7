//! Platform key stores for one run: a software TPM, a Secret Service of its own, or a file.

use crate::{net, poll, process};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// Which key store a native host uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An encrypted file.
    Software,
    /// swtpm.
    Tpm,
    /// gnome-keyring on a D-Bus of its own.
    SecretService,
}

/// A running key store; ends on drop.
pub struct Keystore {
    /// Which one.
    pub kind: Kind,
    /// Variables that the host needs to find it.
    pub environment: Vec<(&'static str, String)>,
    /// `tcti` of the host's machine file.
    pub tcti: Option<String>,
    _processes: Vec<process::Process>,
}

impl Keystore {
    /// Starts one with its state below `folder`.
    pub fn start(kind: Kind, folder: &Path) -> Result<Self> {
        let home = folder.join("home");
        let runtime = folder.join("run");
        for made in [&home, &runtime] {
            std::fs::create_dir_all(made)?;
        }
        only_ours(&runtime)?;
        let mut this = Self {
            kind,
            environment: vec![
                ("HOME", text(&home)),
                ("XDG_RUNTIME_DIR", text(&runtime)),
                ("XDG_DATA_HOME", text(&home.join("data"))),
                ("XDG_CONFIG_HOME", text(&home.join("config"))),
            ],
            tcti: None,
            _processes: Vec::new(),
        };
        match kind {
            Kind::Software => {}
            Kind::Tpm => this.start_tpm(folder)?,
            Kind::SecretService => this.start_secret_service(folder)?,
        }
        Ok(this)
    }

    /// `keystore` of the host's machine file.
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Software => "software",
            Kind::Tpm => "tpm",
            Kind::SecretService => "secret-service",
        }
    }

    /// The protection class that the server must see.
    pub fn protection_class(&self) -> &'static str {
        match self.kind {
            Kind::Software => "software",
            Kind::Tpm => "hardware",
            Kind::SecretService => "os-protected",
        }
    }

    fn start_tpm(&mut self, folder: &Path) -> Result<()> {
        let state = folder.join("tpm");
        std::fs::create_dir_all(&state)?;
        let (port, control) = net::two_free_ports()?;
        let mut command = process::command("swtpm");
        command
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .arg(format!("--tpmstate=dir={}", state.display()))
            .arg(format!("--server=type=tcp,port={port},bindaddr=127.0.0.1"))
            .arg(format!("--ctrl=type=tcp,port={control},bindaddr=127.0.0.1"));
        let mut tpm = process::Process::start(command, &folder.join("swtpm.log"))?;
        // swtpm serves one data connection at a time, so only its control port is touched here.
        poll::until("swtpm", Duration::from_secs(30), || {
            tpm.ensure_running()?;
            Ok(net::listens(control).then_some(()))
        })?;
        self.tcti = Some(format!("swtpm:host=127.0.0.1,port={port}"));
        self._processes.push(tpm);
        Ok(())
    }

    fn start_secret_service(&mut self, folder: &Path) -> Result<()> {
        let socket = folder.join("run/bus");
        let address = format!("unix:path={}", socket.display());
        self.environment
            .push(("DBUS_SESSION_BUS_ADDRESS", address.clone()));
        // No folder of services: asked too early, the bus would start a keyring by itself, without a password.
        let configuration = folder.join("bus.conf");
        std::fs::write(
            &configuration,
            format!(
                r#"<busconfig><type>session</type><listen>{address}</listen><policy context="default">
                <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
                </policy></busconfig>"#
            ),
        )?;
        let mut bus = process::command("dbus-daemon");
        bus.args(["--nofork", "--nopidfile", "--config-file"])
            .arg(&configuration)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut bus = process::Process::start(bus, &folder.join("dbus.log"))?;
        poll::until("the session bus", Duration::from_secs(30), || {
            bus.ensure_running()?;
            Ok(socket.exists().then_some(()))
        })?;

        // Without a password the keyring would have no default collection.
        let password = folder.join("keyring-password");
        std::fs::write(&password, "only for tests")?;
        let mut keyring = process::command("sh");
        keyring
            .args([
                "-c",
                "exec gnome-keyring-daemon --foreground --unlock --components=secrets < \"$0\"",
            ])
            .arg(&password)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut keyring = process::Process::start(keyring, &folder.join("keyring.log"))?;
        poll::until(
            "the keyring's default collection",
            Duration::from_secs(45),
            || {
                keyring.ensure_running()?;
                Ok(self.has_default_collection()?.then_some(()))
            },
        )?;
        self._processes.push(keyring);
        self._processes.push(bus);
        Ok(())
    }

    /// Asks the service only once it has its name: asked before, the bus would start one of its own, which has no password
    /// and no default collection.
    fn has_default_collection(&self) -> Result<bool> {
        let running = self.ask_bus(&[
            "--dest=org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus.NameHasOwner",
            "string:org.freedesktop.secrets",
        ])?;
        if !running.contains("boolean true") {
            return Ok(false);
        }
        let collection = self.ask_bus(&[
            "--dest=org.freedesktop.secrets",
            "/org/freedesktop/secrets",
            "org.freedesktop.Secret.Service.ReadAlias",
            "string:default",
        ])?;
        Ok(collection.contains("/org/freedesktop/secrets/collection/"))
    }

    fn ask_bus(&self, question: &[&str]) -> Result<String> {
        let answer = process::command("dbus-send")
            .args(["--session", "--print-reply"])
            .args(question)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .context("starting dbus-send")?;
        Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
    }
}

/// D-Bus and the keyring refuse a runtime folder that others may read.
fn only_ours(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700))?;
    Ok(())
}

fn text(path: &Path) -> String {
    PathBuf::from(path).to_string_lossy().into_owned()
}
