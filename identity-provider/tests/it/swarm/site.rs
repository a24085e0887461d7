//! One or two server processes on one database, with as many enrolled devices as are wanted.

use super::{Line, Member};
use crate::support::{Agent, Database, Server};
use anyhow::{Context, Result, ensure};
use sqlx::{AnyConnection, AnyPool, Connection};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tacit::{clock::Clock, random};
use tempfile::TempDir;

/// A running server process.
pub struct Process {
    child: Mutex<Child>,
    address: SocketAddr,
    is_up: AtomicBool,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Process {
    fn start(program: &Path, data: &Path, port: u16) -> Result<Self> {
        let log = std::fs::File::create(data.join("log"))?;
        let child = Command::new(program)
            .env("TACIT_DATA", data)
            .env("RUST_LOG", "error")
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("starting tacit serve")?;
        Ok(Self {
            child: Mutex::new(child),
            address: ([127, 0, 0, 1], port).into(),
            is_up: AtomicBool::new(true),
        })
    }

    /// kill -9.
    pub fn kill(&self) {
        self.is_up.store(false, Ordering::Relaxed);
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Of `/proc`: resident memory now and at its height, in megabytes, and processor time so far, in seconds.
    pub fn used(&self) -> (f64, f64, f64) {
        let id = self.child.lock().unwrap().id();
        let read =
            |name: &str| std::fs::read_to_string(format!("/proc/{id}/{name}")).unwrap_or_default();
        let status = read("status");
        let megabytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes =
                line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            kilobytes.unwrap_or(0.0) / 1024.0
        };
        let stat = read("stat");
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks: f64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|n| n.parse::<f64>().ok())
            .sum();
        (megabytes("VmRSS:"), megabytes("VmHWM:"), ticks / 100.0)
    }
}

/// The processes, their database and who is enrolled.
pub struct Site {
    /// In the order of their starts.
    pub processes: Vec<Process>,
    clock: Server,
    url: String,
    _database: Option<Database>,
    _folders: Vec<TempDir>,
}

impl Site {
    /// Starts `processes` servers: one on SQLite, or any number on a PostgreSQL database.
    pub async fn start(
        program: &Path,
        postgres: Option<Database>,
        processes: usize,
    ) -> Result<Self> {
        ensure!(
            postgres.is_some() || processes == 1,
            "SQLite serves one process"
        );
        let mut folders = Vec::new();
        let mut running = Vec::new();
        for n in 0..processes {
            let folder = tempfile::tempdir()?;
            let data = folder.path().join("data");
            let port = std::net::TcpListener::bind("127.0.0.1:0")?
                .local_addr()?
                .port();
            init(program, folder.path(), &data, port, postgres.as_ref(), n)?;
            if n > 0 {
                // All processes of one site have its master key.
                let first: &TempDir = &folders[0];
                std::fs::copy(
                    first.path().join("data/master.key"),
                    data.join("master.key"),
                )?;
            }
            running.push((data, port));
            folders.push(folder);
        }
        let data = folders[0].path().join("data");
        let clock = Server::on(&data).await;
        let url = clock.app.settings.database.clone();
        let processes = running
            .iter()
            .map(|(data, port)| Process::start(program, data, *port));
        let site = Self {
            processes: processes.collect::<Result<_>>()?,
            clock,
            url,
            _database: postgres,
            _folders: folders,
        };
        for n in 0..site.processes.len() {
            site.is_ready(n).await?;
        }
        Ok(site)
    }

    async fn is_ready(&self, process: usize) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Ok(mut line) = self.connect(process).await
                && line
                    .ask("GET", "/health/ready", &[], "")
                    .await
                    .is_ok_and(|r| r.status == 200)
            {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the server does not come up");
            tokio::task::yield_now().await;
        }
    }

    /// A connection to a process, or to the next that is up.
    pub async fn connect(&self, process: usize) -> Result<Line> {
        let count = self.processes.len();
        let up = (0..count).map(|n| &self.processes[(process + n) % count]);
        let process = up.into_iter().find(|p| p.is_up.load(Ordering::Relaxed));
        Line::to(process.context("no process is up")?.address).await
    }

    /// Whether this process was not killed.
    pub fn is_up(&self, process: usize) -> bool {
        self.processes[process % self.processes.len()]
            .is_up
            .load(Ordering::Relaxed)
    }

    /// A server that only tells the time: agents build their statements by it.
    pub fn clock(&self) -> &Server {
        &self.clock
    }

    /// The database, past the processes.
    pub async fn pool(&self) -> Result<AnyPool> {
        Ok(AnyPool::connect(&self.url).await?)
    }

    /// Bytes of SQLite's file.
    pub fn database_bytes(&self) -> u64 {
        let path = self
            .url
            .trim_start_matches("sqlite:")
            .split('?')
            .next()
            .unwrap_or_default();
        std::fs::metadata(path).map_or(0, |m| m.len())
    }

    /// Enrols `count` people with a device each, past the ceremony, which is tested elsewhere.
    pub async fn enrol(&self, count: usize, from: usize) -> Result<Vec<Member>> {
        let now = Clock::System.now_ms();
        let mut connection = AnyConnection::connect(&self.url).await?;
        let mut members = Vec::with_capacity(count);
        for chunk in (from..from + count).collect::<Vec<_>>().chunks(2_000) {
            let mut write = connection.begin().await?;
            for &n in chunk {
                let member = Member {
                    login: format!("u{n}@acme.test"),
                    agent: Agent::new(),
                    address: format!("10.{}.{}.{}", n / 62_500, n / 250 % 250, n % 250),
                };
                insert(&mut write, &member, n, now).await?;
                members.push(member);
            }
            write.commit().await?;
        }
        Ok(members)
    }
}

async fn insert(write: &mut AnyConnection, member: &Member, n: usize, now: i64) -> Result<()> {
    let (user, device) = (format!("load-{n:032}"), member.agent.device_id());
    let key = &member.agent.installation.thumbprint;
    sqlx::query("INSERT INTO users (id, login, login_folded, status, additions_held_until, created_at, updated_at) VALUES ($1, $2, $2, 'active', 0, $3, $3)")
        .bind(&user)
        .bind(&member.login)
        .bind(now)
        .execute(&mut *write)
        .await?;
    let registration = member.agent.registration_at(now);
    sqlx::query(
        "INSERT INTO devices (id, jwk, status, protection_class, os_account, profile_email, posture, extension, host, \
         registered_at, last_seen, revoked_at) VALUES ($1, $2, 'bound', 'hardware', '', '', $3, '', '', $4, $4, 0)",
    )
    .bind(device.as_str())
    .bind(serde_json::to_string(&registration.jwk)?)
    .bind(serde_json::to_string(&registration.posture)?)
    .bind(now)
    .execute(&mut *write)
    .await?;
    sqlx::query("INSERT INTO installations (device_id, jkt, profile_email, created_at, last_seen) VALUES ($1, $2, '', $3, $3)")
        .bind(device.as_str())
        .bind(key.as_str())
        .bind(now)
        .execute(&mut *write)
        .await?;
    sqlx::query("INSERT INTO bindings (id, device_id, jkt, user_id, how, created_at, revoked_at) VALUES ($1, $2, $3, $4, 'code', $5, 0)")
        .bind(random::id(now))
        .bind(device.as_str())
        .bind(key.as_str())
        .bind(&user)
        .bind(now)
        .execute(&mut *write)
        .await?;
    sqlx::query(
        "INSERT INTO norms (user_id, device_id, silence_off_at, silence_off_reason, unsure_at, progress, mature, \
         confirmations, wiped_at, updated_at) VALUES ($1, $2, 0, '', 0, 100, 1, 5, 0, $3)",
    )
    .bind(&user)
    .bind(device.as_str())
    .bind(now)
    .execute(&mut *write)
    .await?;
    Ok(())
}

fn init(
    program: &Path,
    folder: &Path,
    data: &Path,
    port: u16,
    postgres: Option<&Database>,
    n: usize,
) -> Result<()> {
    std::fs::write(folder.join("pw"), "a long enough password\n")?;
    std::fs::write(folder.join("sp.xml"), crate::support::server::METADATA)?;
    let tacit = |arguments: &[&str]| -> Result<()> {
        let output = Command::new(program)
            .env("TACIT_DATA", data)
            .current_dir(folder)
            .args(arguments)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{arguments:?}: {said}");
        Ok(())
    };
    let (listen, admin) = (format!("127.0.0.1:{port}"), format!("admin{n}"));
    let mut arguments = vec![
        "init",
        "--origin",
        "https://login.tacit-idp.test",
        "--listen",
        &listen,
        "--trusted-proxy",
        "127.0.0.1",
        "--admin",
        &admin,
        "--admin-password-file",
        "pw",
    ];
    if let Some(database) = postgres {
        arguments.extend(["--database", &database.url]);
    }
    tacit(&arguments)?;
    if n == 0 {
        tacit(&[
            "connection",
            "add",
            "acme",
            "--role",
            "factor",
            "--metadata",
            "sp.xml",
        ])?;
        tacit(&["user", "add", "ann@acme.test"])?;
    }
    Ok(())
}

/// A PostgreSQL that waits for the disk, for figures.
pub async fn durable_postgres() -> Database {
    Database::postgres_durable().await
}

/// The server's program beside this one.
pub fn program() -> PathBuf {
    match option_env!("CARGO_BIN_EXE_tacit") {
        Some(program) => program.into(),
        None => std::env::current_exe()
            .expect("a program knows where it is")
            .with_file_name("../tacit"),
    }
}
