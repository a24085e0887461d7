//! SQLite's one writer, with group commit: whoever writes at the same time shares one COMMIT, and with it one wait for the
//! disk. Nobody is told that something stands before it does (`synchronous = FULL`).
//!
//! ```text
//! turn ─ SAVEPOINT … RELEASE ─┐
//! turn ─ one statement ───────┼─▶ COMMIT ─▶ all three are told
//! turn ─ SAVEPOINT … dropped ─┘   (ROLLBACK TO: this one alone is undone)
//! ```
//!
//! Turns come one after the other on one connection, inside one transaction. Who commits queues for the connection behind
//! those who are there already, so a batch is whatever came while the last one was being written: nobody waits for a timer,
//! and an idle server commits each write at once. A batch that cannot be committed fails for all of it.
//!
//! Control statements run in tasks of their own: a caller who goes away in the middle of one leaves nothing half done.

use sqlx::{Any, AnyConnection, Connection, Transaction, pool::PoolConnection};
use std::{
    fmt, mem,
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::{
    sync::{Notify, OwnedMappedMutexGuard, OwnedMutexGuard, oneshot},
    task::JoinHandle,
};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// A transaction that may write; what it did stands once [`Write::commit`] has returned. Dropped, it has done nothing.
pub struct Write<'a>(Inner<'a>);

enum Inner<'a> {
    /// PostgreSQL, which groups commits itself.
    Own(Transaction<'a, Any>),
    /// PostgreSQL, for one statement.
    Alone(PoolConnection<Any>),
    /// A turn on SQLite's one writer.
    Turn(Turn),
}

impl<'a> Write<'a> {
    pub(super) const fn own(transaction: Transaction<'a, Any>) -> Self {
        Self(Inner::Own(transaction))
    }

    pub(super) const fn alone(connection: PoolConnection<Any>) -> Self {
        Self(Inner::Alone(connection))
    }

    /// Makes everything stand, durably.
    pub async fn commit(self) -> Result<()> {
        match self.0 {
            Inner::Own(transaction) => transaction.commit().await,
            Inner::Alone(_) => Ok(()),
            Inner::Turn(turn) => turn.commit().await,
        }
    }
}

impl Deref for Write<'_> {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        match &self.0 {
            Inner::Own(transaction) => transaction,
            Inner::Alone(connection) => connection,
            Inner::Turn(turn) => &turn.connection,
        }
    }
}

impl DerefMut for Write<'_> {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        match &mut self.0 {
            Inner::Own(transaction) => transaction,
            Inner::Alone(connection) => connection,
            Inner::Turn(turn) => &mut turn.connection,
        }
    }
}

/// The connection that all writes of this process go through.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    committer: JoinHandle<()>,
}

struct Shared {
    connection: Arc<tokio::sync::Mutex<Option<AnyConnection>>>,
    /// A transaction is open. Changes only while the connection is held.
    is_open: AtomicBool,
    /// The last turn ended without a commit, and has to be undone. Changes only while the connection is held.
    is_abandoned: AtomicBool,
    /// Those whose turn is over and not committed yet.
    waiting: Mutex<Vec<oneshot::Sender<bool>>>,
    work: Notify,
    commits: AtomicU64,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared(..)")
    }
}

type Held = OwnedMappedMutexGuard<Option<AnyConnection>, AnyConnection>;

/// One caller's time on the connection.
struct Turn {
    connection: Held,
    shared: Arc<Shared>,
    /// Began with a savepoint, because it has several statements.
    has_savepoint: bool,
    is_over: bool,
}

impl Writer {
    pub(super) fn new(connection: AnyConnection) -> Self {
        let shared = Arc::new(Shared {
            connection: Arc::new(tokio::sync::Mutex::new(Some(connection))),
            is_open: AtomicBool::new(false),
            is_abandoned: AtomicBool::new(false),
            waiting: Mutex::default(),
            work: Notify::new(),
            commits: AtomicU64::new(0),
        });
        let committer = tokio::spawn(commit_batches(shared.clone()));
        Self { shared, committer }
    }

    /// Waits for a turn of several statements.
    pub(super) async fn turn(&self) -> Result<Write<'static>> {
        self.begin(true).await
    }

    /// Waits for a turn of one statement, which SQLite itself does as a whole or not at all.
    pub(super) async fn one(&self) -> Result<Write<'static>> {
        self.begin(false).await
    }

    async fn begin(&self, has_savepoint: bool) -> Result<Write<'static>> {
        let connection = self.shared.hold().await?;
        let mut turn = Turn {
            connection,
            shared: self.shared.clone(),
            has_savepoint: false,
            is_over: false,
        };
        let is_ready = turn.shared.is_open.load(Ordering::Relaxed)
            && !turn.shared.is_abandoned.load(Ordering::Relaxed)
            && !has_savepoint;
        if is_ready {
            return Ok(Write(Inner::Turn(turn)));
        }
        let begun = tokio::spawn(async move {
            turn.shared.clone().open(&mut turn.connection).await?;
            if has_savepoint {
                sqlx::query("SAVEPOINT turn")
                    .execute(&mut *turn.connection)
                    .await?;
                turn.has_savepoint = true;
            }
            Ok(turn)
        });
        Ok(Write(Inner::Turn(ended(begun.await)?)))
    }

    /// Batches so far.
    pub(super) fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Commits what waits and closes the connection.
    pub(super) async fn close(&self) {
        let mut held = self.shared.connection.lock().await;
        if let Some(mut connection) = held.take() {
            self.shared.end(&mut connection).await;
            let _ = connection.close().await;
        }
        self.committer.abort();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.committer.abort();
    }
}

impl Turn {
    async fn commit(self) -> Result<()> {
        let released = match self.has_savepoint {
            true => ended(tokio::spawn(self.release()).await)?,
            false => self.release().await?,
        };
        match released.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(sqlx::Error::Protocol(
                "the change could not be written to disk".into(),
            )),
        }
    }

    /// Ends the turn; what it did is committed with the rest of its batch.
    async fn release(mut self) -> Result<oneshot::Receiver<bool>> {
        if self.has_savepoint {
            sqlx::query("RELEASE turn")
                .execute(&mut *self.connection)
                .await?;
        }
        let (told, hears) = oneshot::channel();
        self.shared.waiting().push(told);
        self.is_over = true;
        Ok(hears)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_over && self.has_savepoint {
            self.shared.is_abandoned.store(true, Ordering::Relaxed);
        }
        // The connection is let go of after this, so the committer finds everything in place.
        self.shared.work.notify_one();
    }
}

impl Shared {
    async fn hold(&self) -> Result<Held> {
        let held = self.connection.clone().lock_owned().await;
        OwnedMutexGuard::try_map(held, Option::as_mut).map_err(|_| sqlx::Error::PoolClosed)
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<oneshot::Sender<bool>>> {
        // A panic elsewhere leaves the list usable: its entries are independent.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that a transaction is open and holds nothing of a turn that was abandoned.
    async fn open(&self, connection: &mut AnyConnection) -> Result<()> {
        self.undo_abandoned(connection).await;
        if !self.is_open.load(Ordering::Relaxed) {
            sqlx::query("BEGIN IMMEDIATE")
                .execute(&mut *connection)
                .await?;
            self.is_open.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn undo_abandoned(&self, connection: &mut AnyConnection) {
        if !self.is_abandoned.swap(false, Ordering::Relaxed) {
            return;
        }
        let undone = async {
            sqlx::query("ROLLBACK TO turn")
                .execute(&mut *connection)
                .await?;
            sqlx::query("RELEASE turn")
                .execute(&mut *connection)
                .await?;
            Result::Ok(())
        };
        if let Err(error) = undone.await {
            // SQLite gave the whole transaction up by itself (a full disk, for example): so did the batch.
            tracing::warn!(%error, "a batch of writes was lost before its commit");
            self.give_up(connection).await;
        }
    }

    /// Commits what is open and tells those who wait.
    async fn end(&self, connection: &mut AnyConnection) {
        self.undo_abandoned(connection).await;
        if !self.is_open.load(Ordering::Relaxed) {
            return;
        }
        match sqlx::query("COMMIT").execute(&mut *connection).await {
            Ok(_) => {
                self.is_open.store(false, Ordering::Relaxed);
                self.commits.fetch_add(1, Ordering::Relaxed);
                self.tell(true);
            }
            Err(error) => {
                tracing::error!(%error, "a batch of writes could not be committed");
                self.give_up(connection).await;
            }
        }
    }

    async fn give_up(&self, connection: &mut AnyConnection) {
        // Fails where nothing is open any more, which is what is wanted.
        let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
        self.is_open.store(false, Ordering::Relaxed);
        self.tell(false);
    }

    fn tell(&self, stands: bool) {
        let waiting = mem::take(&mut *self.waiting());
        metrics::histogram!("tacit_store_batch")
            .record(u32::try_from(waiting.len()).unwrap_or(u32::MAX));
        for told in waiting {
            // Whoever does not listen any more needs no telling.
            let _ = told.send(stands);
        }
    }
}

async fn commit_batches(shared: Arc<Shared>) {
    loop {
        shared.work.notified().await;
        let Ok(mut connection) = shared.hold().await else {
            return;
        };
        shared.end(&mut connection).await;
    }
}

fn ended<T>(task: std::result::Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    task.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}
