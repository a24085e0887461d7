//! A database per test. PostgreSQL is one throw-away cluster per test program, or the server that
//! `TACIT_TEST_POSTGRES` names (a URL of a role that may create databases).

use sqlx::{AnyPool, AssertSqlSafe, any::install_default_drivers};
use std::{
    fs,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};
use tempfile::TempDir;
use tokio::sync::OnceCell;

pub struct Database {
    pub url: String,
    _folder: Option<TempDir>,
    _lent: Option<Lent>,
}

impl Database {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!(
            "sqlite:{}?mode=rwc",
            folder.path().join("tacit.db").display()
        );
        Self {
            url,
            _folder: Some(folder),
            _lent: None,
        }
    }

    pub async fn postgres() -> Self {
        Self::on(server_url().await).await
    }

    /// On a cluster of its own that waits for the disk, for figures; it ends with this program.
    pub async fn postgres_durable() -> Self {
        let cluster =
            tokio::task::spawn_blocking(|| Cluster::start("-c fsync=on -c synchronous_commit=on"));
        let cluster: &'static Cluster = Box::leak(Box::new(cluster.await.unwrap()));
        Self::on(&cluster.url).await
    }

    async fn on(server: &'static str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        install_default_drivers();
        let name = format!(
            "tacit_{}_{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let pool = AnyPool::connect(&format!("{server}/postgres"))
            .await
            .expect("PostgreSQL has to answer");
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&pool)
            .await
            .unwrap();
        pool.close().await;
        Self {
            url: format!("{server}/{name}"),
            _folder: None,
            _lent: Some(Lent { server, name }),
        }
    }
}

/// A database of the cluster, dropped with its test: two hundred of them are more than a gigabyte.
struct Lent {
    server: &'static str,
    name: String,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let (server, name) = (self.server, std::mem::take(&mut self.name));
        // The test's own runtime is on its way out, and may not be blocked.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|e| e.to_string())?;
            runtime.block_on(async {
                let pool = AnyPool::connect(&format!("{server}/postgres"))
                    .await
                    .map_err(|e| e.to_string())?;
                sqlx::query(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
                    .execute(&pool)
                    .await
                    .map_err(|e| e.to_string())?;
                pool.close().await;
                Ok::<(), String>(())
            })
        });
        if let Ok(Err(problem)) = dropped.join() {
            eprintln!("a test's database is left behind: {problem}");
        }
    }
}

/// `postgres://…` without a database.
async fn server_url() -> &'static str {
    static SERVER: OnceCell<(String, Option<Cluster>)> = OnceCell::const_new();
    let (url, _) = SERVER
        .get_or_init(|| async {
            match std::env::var("TACIT_TEST_POSTGRES") {
                Ok(url) => (url.trim_end_matches('/').to_owned(), None),
                Err(_) => {
                    let cluster = tokio::task::spawn_blocking(|| Cluster::start(FAST))
                        .await
                        .unwrap();
                    (cluster.url.clone(), Some(cluster))
                }
            }
        })
        .await;
    url
}

/// Tests lose nothing with the machine.
const FAST: &str = "-c fsync=off -c synchronous_commit=off";

struct Cluster {
    url: String,
    /// Ends the cluster when this program does, however it ends: its standard input closes then.
    _warden: Child,
}

impl Cluster {
    fn start(durability: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("tacit-postgres-")
            .tempdir()
            .unwrap()
            .keep();
        // PostgreSQL refuses to run as root, and somebody else has to be able to get in.
        let user = is_root().then_some("postgres");
        if let Some(user) = user {
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
            run(
                Command::new("chown").arg(user).arg(&folder),
                "giving the folder to postgres",
            );
        }
        let data = folder.join("data");
        let port = free_port();
        run(
            as_user(user, &program("initdb"))
                .arg("-D")
                .arg(&data)
                .args(["-U", "tacit", "--auth=trust", "-N", "-E", "UTF8"]),
            "initdb (is PostgreSQL installed?)",
        );
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={} {durability} \
             -c max_connections=400 -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=64MB -c min_wal_size=32MB",
            folder.display()
        );
        run(
            as_user(user, &program("pg_ctl"))
                .arg("-D")
                .arg(&data)
                .args(["-w", "-l"])
                .arg(folder.join("log"))
                .args(["-o", &options, "start"]),
            "pg_ctl start",
        );
        let warden = warden(user, &folder, &data);
        Self {
            url: format!("postgres://tacit@127.0.0.1:{port}"),
            _warden: warden,
        }
    }
}

fn warden(user: Option<&str>, folder: &Path, data: &Path) -> Child {
    let stop = match user {
        Some(user) => format!("runuser -u {user} -- "),
        None => String::new(),
    };
    let script = format!(
        "trap '' INT TERM; cat >/dev/null; {stop}'{}' -D '{}' -m immediate stop >/dev/null 2>&1; rm -rf '{}'",
        program("pg_ctl").display(),
        data.display(),
        folder.display()
    );
    let mut command = Command::new("sh");
    command
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().expect("sh has to be there")
}

fn as_user(user: Option<&str>, program: &Path) -> Command {
    match user {
        None => Command::new(program),
        Some(user) => {
            let mut command = Command::new("runuser");
            command.args(["-u", user, "--"]).arg(program);
            command
        }
    }
}

fn run(command: &mut Command, what: &str) {
    // To a file and not a pipe: the server inherits these, and would keep a pipe open.
    let mut output = tempfile::tempfile().unwrap();
    let (out, err) = (output.try_clone().unwrap(), output.try_clone().unwrap());
    let status = command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .status();
    let status = status.unwrap_or_else(|e| panic!("{what}: {e}"));
    if !status.success() {
        let mut text = String::new();
        std::io::Seek::rewind(&mut output).unwrap();
        output.read_to_string(&mut text).unwrap();
        panic!("{what}: {status}\n{text}");
    }
}

/// In the path, or where Debian keeps it.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        folders.extend(
            versions
                .filter_map(Result::ok)
                .map(|v| v.path().join("bin")),
        );
    }
    let found = folders
        .into_iter()
        .map(|f| f.join(name))
        .find(|p| p.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: these tests need PostgreSQL"))
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .any(|l| l.starts_with("Uid:") && l.split_whitespace().nth(1) == Some("0"))
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
