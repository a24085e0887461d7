//! `tacit init`.

use crate::{
    clock::Clock,
    domain::policy,
    keys::{self, MasterKey},
    password, server,
    settings::{FILE, FRESHNESS_MS, MASTER_KEY_FILE, Settings, Tls},
    store::Store,
};
use anyhow::{Context, bail, ensure};
use clap::Args;
use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};
use wire::id::Origin;
use zeroize::Zeroizing;

#[derive(Debug, Args)]
pub struct Init {
    /// What browsers call this server: https://login.example.com
    #[arg(long)]
    origin: String,
    /// Where it listens.
    #[arg(long, default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// PEM certificate chain.
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM private key.
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A proxy in front that does TLS and whose X-Forwarded-For is believed; may be given again.
    #[arg(long)]
    trusted_proxy: Vec<IpAddr>,
    /// postgres://…; SQLite in the data folder if absent.
    #[arg(long)]
    database: Option<String>,
    /// Folder with tacit.crx and update.xml, from `cargo xtask dist`: served to browsers under /extension.
    #[arg(long)]
    extension: Option<PathBuf>,
    /// Name of the first administrator of the console.
    #[arg(long, default_value = "admin")]
    admin: String,
    /// File that holds that administrator's password.
    #[arg(long)]
    admin_password_file: PathBuf,
}

/// SQLite's file in the data folder.
const DATABASE: &str = "tacit.db";
/// The fewest characters of an administrator's password.
pub const PASSWORD: usize = 12;

impl Init {
    pub async fn run(self, data: &Path) -> anyhow::Result<()> {
        let hash = password_hash(&self.admin_password_file)?;
        create_folder(data).with_context(|| format!("making {}", data.display()))?;
        let file = data.join(FILE);
        if file.exists() {
            bail!(
                "{} exists: this data folder has been initialised",
                file.display()
            );
        }
        let settings = self.settings(data)?;
        if let Some(tls) = &settings.tls {
            server::acceptor(tls)?;
        }
        let text = toml::to_string_pretty(&settings)?;
        let store = Store::open(&settings.database)
            .await
            .context("opening the database")?;
        MasterKey::generate_file(&data.join(MASTER_KEY_FILE))?;
        let now = Clock::System.now_ms();
        store.put_admin(&self.admin, &hash, now).await?;
        if store.policy_version().await?.is_none() {
            store.insert_policy(policy::SHIPPED, "shipped", now).await?;
        }
        store.close().await;
        keep_private(&data.join(DATABASE))?;
        // Last, so that an interrupted initialisation can simply be run again.
        keys::write_private(&file, text.as_bytes())
            .with_context(|| format!("writing {}", file.display()))?;
        println!("initialised {}", data.display());
        println!(
            "keep {} safe and apart from backups of the database",
            data.join(MASTER_KEY_FILE).display()
        );
        Ok(())
    }

    fn settings(&self, data: &Path) -> anyhow::Result<Settings> {
        let absolute = |path: &Path| std::path::absolute(path);
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(Tls {
                certificate: absolute(certificate)?,
                key: absolute(key)?,
            }),
            _ => None,
        };
        let database = match &self.database {
            Some(url) => url.clone(),
            None => format!(
                "sqlite:{}?mode=rwc",
                absolute(data)?.join(DATABASE).display()
            ),
        };
        let settings = Settings {
            origin: Origin::new(self.origin.as_str())
                .context("--origin has to look like https://login.example.com")?,
            listen: self.listen,
            database,
            tls,
            trusted_proxies: self.trusted_proxy.clone(),
            metrics_from: Vec::new(),
            extension: self
                .extension
                .as_deref()
                .map(std::path::absolute)
                .transpose()?,
            freshness_ms: FRESHNESS_MS,
            mail: None,
        };
        Ok(settings.checked()?)
    }
}

fn create_folder(data: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(data)
}

/// The hash of the password in `file`.
pub fn password_hash(file: &Path) -> anyhow::Result<String> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let text = Zeroizing::new(text);
    let password = text.trim_end_matches(['\r', '\n']);
    ensure!(
        password.chars().count() >= PASSWORD,
        "an administrator's password needs at least {PASSWORD} characters"
    );
    password::hash(password).context("hashing the password")
}

/// Nobody else reads the database, wherever the data folder is; its journals take its mode over.
fn keep_private(file: &Path) -> anyhow::Result<()> {
    #[cfg(unix)]
    if file.exists() {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))
            .with_context(|| format!("protecting {}", file.display()))?;
    }
    Ok(())
}
