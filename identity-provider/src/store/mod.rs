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
pub mod okta;
pub mod okta_object;
pub mod outbox;
pub mod policy;
pub mod prompt;
pub mod queue;
mod recent;
pub mod replay;
pub mod rollout;
pub mod scim;
pub mod token;
pub mod user;
mod writer;

pub use writer::Write;

use crate::{
    clock::Millis,
    domain::connection::{Connection, SigningKey},
};
use recent::Recent;
use sqlx::{
    AnyConnection, AnyPool, Connection as _, Row,
    any::{AnyPoolOptions, AnyRow, install_default_drivers},
};
use std::{sync::Arc, time::Duration};
use writer::Writer;

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

/// The database.
///
/// `pool` reads. What writes goes through [`Store::write`] or, where it is a single statement, [`Store::one`]: on SQLite both
/// share one connection and one wait for the disk with whatever else is written at the time, and a write past them would
/// have to fight for the lock.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
    /// SQLite's one writer; PostgreSQL needs none.
    writer: Option<Arc<Writer>>,
    recent: Arc<Remembered>,
}

/// What is kept in memory for a moment.
#[derive(Debug, Default)]
struct Remembered {
    connections: Recent<Option<Connection>>,
    signing_keys: Recent<Vec<SigningKey>>,
    policy_version: Recent<Option<i64>>,
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
        let options = AnyPoolOptions::new().acquire_timeout(Duration::from_secs(10));
        match url.split_once(':') {
            Some(("sqlite", _)) => {
                let mut connection = AnyConnection::connect(url).await?;
                prepare_sqlite(&mut connection).await?;
                let pool = options
                    .max_connections(8)
                    // A file does not go away as a server does, and asking it each time costs as much as a query.
                    .test_before_acquire(false)
                    .after_connect(|connection, _| Box::pin(prepare_sqlite(connection)))
                    .connect(url)
                    .await?;
                let writer = Some(Arc::new(Writer::new(connection)));
                Ok(Self {
                    pool,
                    writer,
                    recent: Arc::default(),
                })
            }
            Some(("postgres" | "postgresql", _)) => {
                let pool = options.max_connections(16).connect(url).await?;
                Ok(Self {
                    pool,
                    writer: None,
                    recent: Arc::default(),
                })
            }
            _ => Err(StoreError::UnknownDatabase),
        }
    }

    /// Begins a transaction that may write. Until it is over, nothing else of the same task may write.
    pub async fn write(&self) -> Result<Write<'_>> {
        Ok(match &self.writer {
            Some(writer) => writer.turn().await?,
            None => Write::own(self.pool.begin().await?),
        })
    }

    /// As [`Self::write`], for exactly one statement.
    pub async fn one(&self) -> Result<Write<'_>> {
        Ok(match &self.writer {
            Some(writer) => writer.one().await?,
            None => Write::alone(self.pool.acquire().await?),
        })
    }

    /// How often this process has waited for the disk so far; `None` on PostgreSQL, which does that elsewhere.
    pub fn commits(&self) -> Option<u64> {
        self.writer.as_ref().map(|writer| writer.commits())
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Closes all connections.
    pub async fn close(&self) {
        if let Some(writer) = &self.writer {
            writer.close().await;
        }
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
            let mut write = self.one().await?;
            let done = sqlx::query(statement)
                .bind(now)
                .execute(&mut *write)
                .await?;
            write.commit().await?;
            gone += done.rows_affected();
        }
        for queue in [&outbox::LETTERS, &okta::ACTIONS] {
            gone += self.sweep_queue(queue, now).await?;
        }
        Ok(gone + self.sweep_prompts(now).await?)
    }
}

async fn prepare_sqlite(connection: &mut AnyConnection) -> std::result::Result<(), sqlx::Error> {
    for pragma in [
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
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

/// A row that this version did not write, where `sqlx` wants an error of its own.
fn corrupt(what: &'static str) -> sqlx::Error {
    sqlx::Error::Decode(StoreError::Corrupt(what).into())
}

/// Text of a row as an identifier.
fn id<T: TryFrom<String>>(
    row: &AnyRow,
    column: &'static str,
) -> std::result::Result<T, sqlx::Error> {
    let text: String = row.try_get(column)?;
    T::try_from(text).map_err(|_| corrupt(column))
}
