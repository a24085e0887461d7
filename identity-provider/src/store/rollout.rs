//! Roll-out windows: for one group and a limited time, a first use may bind a device.

use super::{Result, Store};
use crate::{clock::Millis, domain::user::UserId};
use sqlx::FromRow;
use wire::id::DeviceId;

/// One window.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, serde::Serialize)]
pub struct RolloutRow {
    /// Its name in the records.
    pub id: String,
    /// For whom.
    pub group_name: String,
    /// From.
    pub opened_at: Millis,
    /// Until.
    pub closes_at: Millis,
}

impl Store {
    /// Opens a window.
    pub async fn insert_rollout(&self, rollout: &RolloutRow) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query(
            "INSERT INTO rollouts (id, group_name, opened_at, closes_at) VALUES ($1, $2, $3, $4)",
        )
        .bind(&rollout.id)
        .bind(&rollout.group_name)
        .bind(rollout.opened_at)
        .bind(rollout.closes_at)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// All windows, newest first.
    pub async fn list_rollouts(&self) -> Result<Vec<RolloutRow>> {
        let rows = sqlx::query_as(
            "SELECT id, group_name, opened_at, closes_at FROM rollouts ORDER BY opened_at DESC, id",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// Closes a window before its time; `false` if none of this id is open.
    pub async fn close_rollout(&self, id: &str, now: Millis) -> Result<bool> {
        let mut write = self.one().await?;
        let done =
            sqlx::query("UPDATE rollouts SET closes_at = $2 WHERE id = $1 AND closes_at > $2")
                .bind(id)
                .bind(now)
                .execute(&mut *write)
                .await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// A window that is open for one of the person's groups.
    pub async fn open_rollout_for(&self, user: &UserId, now: Millis) -> Result<Option<RolloutRow>> {
        let row = sqlx::query_as(
            "SELECT r.id, r.group_name, r.opened_at, r.closes_at FROM rollouts r \
             JOIN groups_of_people g ON g.name = r.group_name \
             WHERE g.user_id = $1 AND r.opened_at <= $2 AND r.closes_at > $2 ORDER BY r.opened_at LIMIT 1",
        )
        .bind(user.as_str())
        .bind(now)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row)
    }

    /// Whether an administrator said beforehand that this device is this person's.
    pub async fn is_preregistered(&self, device: &DeviceId, user: &UserId) -> Result<bool> {
        let found: Option<String> = sqlx::query_scalar(
            "SELECT user_id FROM preregistrations WHERE device_id = $1 AND user_id = $2",
        )
        .bind(device.as_str())
        .bind(user.as_str())
        .fetch_optional(&self.pool)
        .await?;
        Ok(found.is_some())
    }

    /// Says beforehand that a device will be this person's.
    pub async fn preregister(&self, device: &DeviceId, user: &UserId, now: Millis) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query(
            "INSERT INTO preregistrations (device_id, user_id, created_at) VALUES ($1, $2, $3) \
             ON CONFLICT (device_id, user_id) DO NOTHING",
        )
        .bind(device.as_str())
        .bind(user.as_str())
        .bind(now)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }
}
