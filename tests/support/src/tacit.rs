//! The server under test and its command line.

use crate::certificates::Certificate;
use crate::{net, poll, process, programs};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Its name in the browser.
pub const HOST: &str = "login.tacit-idp.test";
/// Its origin.
pub const ORIGIN: &str = "https://login.tacit-idp.test";
/// The one connection.
pub const CONNECTION: &str = "okta";
/// Of the console's administrator `admin`.
pub const ADMIN_PASSWORD: &str = "an administrator's long test password";

/// An initialised server, running or not.
pub struct Tacit {
    /// Where it listens.
    pub port: u16,
    /// Its data.
    pub data: PathBuf,
    folder: PathBuf,
    process: Option<process::Process>,
}

impl Tacit {
    /// `tacit init` below `folder`.
    pub fn init(folder: &Path, certificate: &Certificate) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let this = Self {
            port: net::free_port()?,
            data: folder.join("data"),
            folder: folder.to_owned(),
            process: None,
        };
        let password = folder.join("admin-password");
        std::fs::write(&password, ADMIN_PASSWORD)?;
        let mut init = this.command()?;
        init.args(["init", "--origin", ORIGIN])
            .args(["--listen", &format!("127.0.0.1:{}", this.port)])
            .arg("--tls-cert")
            .arg(&certificate.chain)
            .arg("--tls-key")
            .arg(&certificate.key)
            .arg("--admin-password-file")
            .arg(&password);
        process::output(&mut init)?;
        Ok(this)
    }

    /// Runs one command to its end and returns what it printed.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        process::output(self.command()?.args(arguments))
    }

    /// Runs one command that prints one JSON value.
    pub fn read(&self, arguments: &[&str]) -> Result<Value> {
        let said = self.run(&[arguments, &["--json"]].concat())?;
        serde_json::from_str(&said).with_context(|| format!("{arguments:?} printed {said}"))
    }

    /// `tacit serve`, until it is ready.
    pub fn serve(&mut self, client: &net::Client) -> Result<()> {
        let mut command = self.command()?;
        command.arg("serve");
        self.process = Some(process::Process::start(
            command,
            &self.folder.join("tacit.log"),
        )?);
        poll::until("tacit to be ready", Duration::from_secs(20), || {
            self.ensure_running()?;
            let ready = client.get(self.port, HOST, "/health/ready", None);
            Ok(matches!(ready, Ok((200, _))).then_some(()))
        })
    }

    /// Ends `tacit serve`.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// What it logged.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.join("tacit.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// All decisions, oldest first.
    pub fn decisions(&self) -> Result<Vec<Value>> {
        let said = self.run(&["audit", "decisions", "--json"])?;
        let mut rows: Vec<Value> = said
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()
            .with_context(|| format!("not one JSON object per line: {said}"))?;
        rows.sort_by_key(|row| row["at"].as_i64());
        Ok(rows)
    }

    /// Puts a policy into force.
    pub fn set_policy(&self, toml: &str) -> Result<()> {
        let file = self.folder.join("policy.toml");
        std::fs::write(&file, toml)?;
        self.run(&["policy", "set", &file.to_string_lossy()])
            .map(drop)
    }

    fn ensure_running(&mut self) -> Result<()> {
        match &mut self.process {
            Some(process) => process.ensure_running().context("tacit serve"),
            None => anyhow::bail!("tacit serve was not started"),
        }
    }

    fn command(&self) -> Result<Command> {
        let mut command = process::command(programs::program("tacit")?);
        command
            .env("TACIT_DATA", &self.data)
            .env("RUST_LOG", "info");
        Ok(command)
    }
}
