//! Notices on their way. Written in the transaction of what they tell of; whoever claims a row moves its time on, so that a
//! process that dies with it leaves it to the next.

use super::{Result, Store, Write};
use crate::{
    clock::{DAY, Millis},
    random,
};
use sqlx::FromRow;

/// Notices that may wait. What comes after them is in the audit trail alone: a mail server that is gone for good must not
/// fill the disk.
pub const WAITING: i64 = 10_000;
/// How long a notice that was sent is remembered.
const SENT_KEPT: Millis = 7 * DAY;
/// How long one that could not be delivered is.
const DEAD_KEPT: Millis = 90 * DAY;

/// One notice to one recipient.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, serde::Serialize)]
pub struct OutboxRow {
    /// Its name; part of the Message-ID.
    pub id: String,
    /// `waiting`, `sent` or `dead`.
    pub state: String,
    /// A mail address.
    pub recipient: String,
    /// One line.
    pub subject: String,
    /// Plain text; empty once it was sent.
    #[serde(skip)]
    pub body: String,
    /// So far.
    pub attempts: i64,
    /// Of the next attempt.
    pub due_at: Millis,
    /// What the last attempt failed with.
    pub problem: String,
    /// Written.
    pub created_at: Millis,
    /// Sent or given up; 0 while it waits.
    pub ended_at: Millis,
}

/// How the outbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxCounts {
    /// Not sent yet.
    pub waiting: i64,
    /// Of those: tried at least once.
    pub tried: i64,
    /// Given up.
    pub dead: i64,
}

macro_rules! columns {
    () => {
        "id, state, recipient, subject, body, attempts, due_at, problem, created_at, ended_at"
    };
}

impl Store {
    /// Puts a notice into the outbox; `false` if it is full.
    pub async fn insert_letter(
        write: &mut Write<'_>,
        recipient: &str,
        subject: &str,
        body: &str,
        now: Millis,
    ) -> Result<bool> {
        let done = sqlx::query(
            "INSERT INTO outbox (id, state, recipient, subject, body, attempts, due_at, problem, created_at, ended_at) \
             SELECT $1, 'waiting', $2, $3, $4, 0, $5, '', $5, 0 \
             WHERE (SELECT count(*) FROM outbox WHERE state = 'waiting') < $6",
        )
        .bind(random::id(now))
        .bind(recipient)
        .bind(subject)
        .bind(body)
        .bind(now)
        .bind(WAITING)
        .execute(&mut **write)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Names of the notices that are due, the oldest first.
    pub async fn due_letters(&self, now: Millis, most: i64) -> Result<Vec<String>> {
        let ids = sqlx::query_scalar(
            "SELECT id FROM outbox WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at, id LIMIT $2",
        )
        .bind(now)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        Ok(ids)
    }

    /// Takes a due notice until `lease`; `None` if somebody else has it.
    pub async fn claim_letter(
        &self,
        id: &str,
        now: Millis,
        lease: Millis,
    ) -> Result<Option<OutboxRow>> {
        let mut write = self.one().await?;
        let row = sqlx::query_as(concat!(
            "UPDATE outbox SET attempts = attempts + 1, due_at = $3 \
             WHERE id = $1 AND state = 'waiting' AND due_at <= $2 RETURNING ",
            columns!()
        ))
        .bind(id)
        .bind(now)
        .bind(lease)
        .fetch_optional(&mut *write)
        .await?;
        write.commit().await?;
        Ok(row)
    }

    /// The mail server has it. What it said is not kept.
    pub async fn letter_sent(&self, id: &str, now: Millis) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query("UPDATE outbox SET state = 'sent', body = '', problem = '', ended_at = $2 WHERE id = $1")
            .bind(id)
            .bind(now)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(())
    }

    /// It is tried again at `due_at`.
    pub async fn letter_waits(&self, id: &str, problem: &str, due_at: Millis) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query(
            "UPDATE outbox SET problem = $2, due_at = $3 WHERE id = $1 AND state = 'waiting'",
        )
        .bind(id)
        .bind(problem)
        .bind(due_at)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// It is not tried again.
    pub async fn letter_died(&self, id: &str, problem: &str, now: Millis) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query("UPDATE outbox SET state = 'dead', problem = $2, ended_at = $3 WHERE id = $1 AND state = 'waiting'")
            .bind(id)
            .bind(problem)
            .bind(now)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(())
    }

    /// Tries everything again that was given up. Returns how many that are.
    pub async fn revive_letters(&self, now: Millis) -> Result<u64> {
        let mut write = self.one().await?;
        let done = sqlx::query(
            "UPDATE outbox SET state = 'waiting', attempts = 0, due_at = $1, ended_at = 0 WHERE state = 'dead'",
        )
        .bind(now)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected())
    }

    /// How the outbox stands.
    pub async fn count_letters(&self) -> Result<OutboxCounts> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT state, CAST(count(*) AS BIGINT), CAST(sum(CASE WHEN attempts > 0 THEN 1 ELSE 0 END) AS BIGINT) \
             FROM outbox WHERE state <> 'sent' GROUP BY state",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut counts = OutboxCounts::default();
        for (state, n, tried) in rows {
            match state.as_str() {
                "dead" => counts.dead = n,
                _ => (counts.waiting, counts.tried) = (n, tried),
            }
        }
        Ok(counts)
    }

    /// The newest notices, whatever became of them.
    pub async fn latest_letters(&self, most: i64) -> Result<Vec<OutboxRow>> {
        let rows = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM outbox ORDER BY created_at DESC, id DESC LIMIT $1"
        ))
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// The notice that was given up last.
    pub async fn latest_dead_letter(&self) -> Result<Option<OutboxRow>> {
        let row = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM outbox WHERE state = 'dead' ORDER BY ended_at DESC, id DESC LIMIT 1"
        ))
        .fetch_optional(&self.pool)
        .await?;
        Ok(row)
    }

    /// Forgets what ended long ago.
    pub(super) async fn sweep_outbox(&self, now: Millis) -> Result<u64> {
        let mut write = self.one().await?;
        let done = sqlx::query(
            "DELETE FROM outbox WHERE (state = 'sent' AND ended_at < $1) OR (state = 'dead' AND ended_at < $2)",
        )
        .bind(now - SENT_KEPT)
        .bind(now - DEAD_KEPT)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected())
    }
}
