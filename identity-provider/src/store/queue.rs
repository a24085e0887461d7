//! What waits to be delivered, whatever it is: notices, calls to an org. A row is written in the transaction of what it
//! tells of. Whoever claims it moves its time on, so that a process that dies with it leaves it to the next.

use super::{Result, Store, Write};
use crate::clock::Millis;
use sqlx::{AssertSqlSafe, FromRow, any::AnyRow};

/// A table with the columns `id, state, attempts, due_at, problem, created_at, ended_at`, and others of its own.
#[derive(Debug, Clone, Copy)]
pub struct Queue {
    /// The table.
    pub(super) table: &'static str,
    /// What a row is read from.
    pub(super) columns: &'static str,
    /// A further condition on `q` that a row has to meet to be due; begins with `AND`.
    pub(super) ready: &'static str,
    /// What is emptied once it was sent; ends with a comma.
    pub(super) emptied: &'static str,
    /// How long what was sent is remembered.
    pub(super) sent_kept: Millis,
    /// How long what was given up is.
    pub(super) dead_kept: Millis,
}

/// How a queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Not delivered yet.
    pub waiting: i64,
    /// Of those: tried at least once.
    pub tried: i64,
    /// Given up.
    pub dead: i64,
}

impl Store {
    /// Names of what is due, the oldest first.
    pub async fn due(&self, queue: &Queue, now: Millis, most: i64) -> Result<Vec<String>> {
        let Queue { table, ready, .. } = queue;
        let sql = format!(
            "SELECT q.id FROM {table} q WHERE q.state = 'waiting' AND q.due_at <= $1 {ready} ORDER BY q.due_at, q.id LIMIT $2"
        );
        let ids = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(now)
            .bind(most)
            .fetch_all(&self.pool)
            .await?;
        Ok(ids)
    }

    /// Takes what is due until `lease`; `None` if somebody else has it.
    pub async fn claim<R>(
        &self,
        queue: &Queue,
        id: &str,
        now: Millis,
        lease: Millis,
    ) -> Result<Option<R>>
    where
        R: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let Queue { table, columns, .. } = queue;
        let sql = format!(
            "UPDATE {table} SET attempts = attempts + 1, due_at = $3 \
             WHERE id = $1 AND state = 'waiting' AND due_at <= $2 RETURNING {columns}"
        );
        let mut write = self.one().await?;
        let row = sqlx::query_as(AssertSqlSafe(sql))
            .bind(id.to_owned())
            .bind(now)
            .bind(lease)
            .fetch_optional(&mut *write)
            .await?;
        write.commit().await?;
        Ok(row)
    }

    /// It was delivered. What the other side said is not kept.
    pub async fn sent(&self, queue: &Queue, id: &str, now: Millis) -> Result<()> {
        let mut write = self.one().await?;
        Self::sent_in(&mut write, queue, id, now).await?;
        write.commit().await?;
        Ok(())
    }

    /// As [`Self::sent`], within the caller's transaction; `false` if it was not waiting.
    pub(super) async fn sent_in(
        write: &mut Write<'_>,
        queue: &Queue,
        id: &str,
        now: Millis,
    ) -> Result<bool> {
        let Queue { table, emptied, .. } = queue;
        let sql = format!(
            "UPDATE {table} SET {emptied} state = 'sent', problem = '', ended_at = $2 WHERE id = $1 AND state = 'waiting'"
        );
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(id.to_owned())
            .bind(now)
            .execute(&mut **write)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// It is tried again at `due_at`.
    pub async fn waits(
        &self,
        queue: &Queue,
        id: &str,
        problem: &str,
        due_at: Millis,
    ) -> Result<()> {
        self.wait_on(queue, id, problem, due_at, 0).await
    }

    /// It is tried again at `due_at`, and the attempt does not count: the other side asked to be left alone.
    pub async fn is_put_off(
        &self,
        queue: &Queue,
        id: &str,
        problem: &str,
        due_at: Millis,
    ) -> Result<()> {
        self.wait_on(queue, id, problem, due_at, 1).await
    }

    async fn wait_on(
        &self,
        queue: &Queue,
        id: &str,
        problem: &str,
        due_at: Millis,
        uncounted: i64,
    ) -> Result<()> {
        let sql = format!(
            "UPDATE {} SET problem = $2, due_at = $3, attempts = attempts - $4 WHERE id = $1 AND state = 'waiting'",
            queue.table
        );
        let mut write = self.one().await?;
        sqlx::query(AssertSqlSafe(sql))
            .bind(id.to_owned())
            .bind(problem.to_owned())
            .bind(due_at)
            .bind(uncounted)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(())
    }

    /// It is not tried again.
    pub async fn died(&self, queue: &Queue, id: &str, problem: &str, now: Millis) -> Result<()> {
        let sql = format!(
            "UPDATE {} SET state = 'dead', problem = $2, ended_at = $3 WHERE id = $1 AND state = 'waiting'",
            queue.table
        );
        let mut write = self.one().await?;
        sqlx::query(AssertSqlSafe(sql))
            .bind(id.to_owned())
            .bind(problem.to_owned())
            .bind(now)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(())
    }

    /// Tries everything again that was given up. Returns how many that are.
    pub async fn revive(&self, queue: &Queue, now: Millis) -> Result<u64> {
        let sql = format!(
            "UPDATE {} SET state = 'waiting', attempts = 0, due_at = $1, ended_at = 0 WHERE state = 'dead'",
            queue.table
        );
        let mut write = self.one().await?;
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(now)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(done.rows_affected())
    }

    /// How it stands.
    pub async fn count(&self, queue: &Queue) -> Result<Counts> {
        let sql = format!(
            "SELECT state, CAST(count(*) AS BIGINT), CAST(sum(CASE WHEN attempts > 0 THEN 1 ELSE 0 END) AS BIGINT) \
             FROM {} WHERE state <> 'sent' GROUP BY state",
            queue.table
        );
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(AssertSqlSafe(sql))
            .fetch_all(&self.pool)
            .await?;
        let mut counts = Counts::default();
        for (state, n, tried) in rows {
            match state.as_str() {
                "dead" => counts.dead = n,
                _ => (counts.waiting, counts.tried) = (n, tried),
            }
        }
        Ok(counts)
    }

    /// The newest rows, whatever became of them.
    pub async fn latest<R>(&self, queue: &Queue, most: i64) -> Result<Vec<R>>
    where
        R: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let Queue { table, columns, .. } = queue;
        let sql =
            format!("SELECT {columns} FROM {table} ORDER BY created_at DESC, id DESC LIMIT $1");
        let rows = sqlx::query_as(AssertSqlSafe(sql))
            .bind(most)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows)
    }

    /// What was given up, the latest first.
    pub async fn dead<R>(&self, queue: &Queue, most: i64) -> Result<Vec<R>>
    where
        R: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let Queue { table, columns, .. } = queue;
        let sql = format!(
            "SELECT {columns} FROM {table} WHERE state = 'dead' ORDER BY ended_at DESC, id DESC LIMIT $1"
        );
        let rows = sqlx::query_as(AssertSqlSafe(sql))
            .bind(most)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows)
    }

    /// Forgets what ended long ago.
    pub(super) async fn sweep_queue(&self, queue: &Queue, now: Millis) -> Result<u64> {
        let sql = format!(
            "DELETE FROM {} WHERE (state = 'sent' AND ended_at < $1) OR (state = 'dead' AND ended_at < $2)",
            queue.table
        );
        let mut write = self.one().await?;
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(now - queue.sent_kept)
            .bind(now - queue.dead_kept)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(done.rows_affected())
    }
}
