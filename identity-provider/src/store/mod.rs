//! All SQL: one text for SQLite and PostgreSQL over sqlx's `Any`, in the subset that migrations/0001 states. One file per
//! subject, each an `impl Store`. Whatever may happen once is one conditional UPDATE or one unique INSERT.
//!
//! No `Option<f64>` is ever bound: `Any` sends it as a four-byte float, and PostgreSQL keeps the first prepared type.

pub mod addition;
pub mod admin;
pub mod challenge;
pub mod code;
pub mod connection;
pub mod console;
pub mod decision;
pub mod device;
pub mod factor;
pub mod oidc;
pub mod policy;
pub mod replay;
pub mod rollout;
pub mod token;
pub mod user;

use crate::clock::Millis;
use sqlx::{
    Any, AnyPool, Transaction,
    any::{AnyPoolOptions, install_default_drivers},
};
use std::time::Duration;

/// What can go wrong with a query. That nothing was found is no error but an `Option`.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique value exists already.
    #[error("it exists already")]
    Conflict,
    /// A row that this version did not write.
    #[error("the stored {0} cannot be read")]
    Corrupt(&'static str),
    /// The database URL names neither SQLite nor PostgreSQL.
    #[error("the database has to be sqlite:… or postgres:…")]
    UnknownDatabase,
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Everything else.
    #[error("database: {0}")]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Self::Conflict,
            _ => Self::Database(error),
        }
    }
}

/// What a store function returns.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A transaction of either database.
pub type Write<'a> = Transaction<'a, Any>;

/// The database.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
    /// How a transaction that writes begins: SQLite has to take its lock before it reads.
    begin: &'static str,
}

impl Store {
    /// Opens `url` and brings its schema up to date.
    pub async fn open(url: &str) -> Result<Self> {
        let store = Self::connect(url).await?;
        sqlx::migrate!().run(&store.pool).await?;
        Ok(store)
    }

    async fn connect(url: &str) -> Result<Self> {
        install_default_drivers();
        let (begin, connections) = match url.split_once(':') {
            Some(("sqlite", _)) => ("BEGIN IMMEDIATE", 8),
            Some(("postgres" | "postgresql", _)) => ("BEGIN", 16),
            _ => return Err(StoreError::UnknownDatabase),
        };
        let options = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(10));
        let options = match begin {
            "BEGIN" => options,
            _ => options.after_connect(|connection, _| Box::pin(prepare_sqlite(connection))),
        };
        let pool = options.connect(url).await?;
        Ok(Self { pool, begin })
    }

    /// Begins a transaction that may write.
    pub async fn write(&self) -> Result<Write<'_>> {
        Ok(self.pool.begin_with(self.begin).await?)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Deletes what has outlived its use. Returns how many rows went.
    pub async fn sweep(&self, now: Millis) -> Result<u64> {
        let mut gone = 0;
        for statement in [
            "DELETE FROM replays WHERE expires_at < $1",
            "DELETE FROM admin_sessions WHERE expires_at < $1",
            // Request ids stay known far beyond the time in which a request is fresh.
            "DELETE FROM challenges WHERE expires_at < $1 - 86400000",
            "DELETE FROM oidc_codes WHERE expires_at < $1 - 86400000",
            "DELETE FROM oidc_tokens WHERE expires_at < $1 - 86400000",
            "DELETE FROM factor_attempts WHERE created_at < $1 - 86400000",
            "DELETE FROM help_desk_codes WHERE expires_at < $1 - 86400000",
            "DELETE FROM attempts WHERE since < $1 - 86400000",
            // Devices that were registered, never bound, and not heard of for 45 days. What was bound once stays known.
            "DELETE FROM devices WHERE status = 'pending' AND revoked_at = 0 AND last_seen < $1 - 3888000000 \
             AND NOT EXISTS (SELECT 1 FROM norms WHERE norms.device_id = devices.id)",
            "DELETE FROM installations WHERE last_seen < $1 - 3888000000 \
             AND NOT EXISTS (SELECT 1 FROM devices WHERE devices.id = installations.device_id)",
        ] {
            let done = sqlx::query(statement).bind(now).execute(&self.pool).await?;
            gone += done.rows_affected();
        }
        Ok(gone)
    }
}

async fn prepare_sqlite(
    connection: &mut sqlx::AnyConnection,
) -> std::result::Result<(), sqlx::Error> {
    for pragma in [
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = NORMAL",
        "PRAGMA busy_timeout = 5000",
        "PRAGMA secure_delete = ON",
    ] {
        sqlx::query(pragma).execute(&mut *connection).await?;
    }
    Ok(())
}

/// JSON of one of our own types; they have string keys only, so this cannot fail.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str, what: &'static str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt(what))
}
