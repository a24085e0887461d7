//! Notices on their way to people and administrators.

use super::{Result, Store, Write, queue::Queue};
use crate::{
    clock::{DAY, Millis},
    random,
};
use sqlx::FromRow;

/// Notices that may wait. What comes after them is in the audit trail alone: a mail server that is gone for good must not
/// fill the disk.
pub const WAITING: i64 = 10_000;

/// The notices.
pub const LETTERS: Queue = Queue {
    table: "outbox",
    columns: "id, state, recipient, subject, body, attempts, due_at, problem, created_at, ended_at",
    ready: "",
    emptied: "body = '',",
    sent_kept: 7 * DAY,
    dead_kept: 90 * DAY,
};

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
}
