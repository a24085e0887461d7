//! Versions of the policy. The newest is in force; restoring an older one makes it the newest.

use super::{Result, Store};
use crate::clock::Millis;
use sqlx::FromRow;

/// One version.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, serde::Serialize)]
pub struct PolicyRow {
    /// Counted from 1.
    pub version: i64,
    /// TOML.
    pub text: String,
    /// Who set it.
    pub author: String,
    /// When.
    pub created_at: Millis,
}

impl Store {
    /// Appends a version and returns its number.
    pub async fn insert_policy(&self, text: &str, author: &str, now: Millis) -> Result<i64> {
        // Two at once collide on the primary key, and the second is told so.
        let mut write = self.one().await?;
        let version = sqlx::query_scalar(
            "INSERT INTO policies (version, text, author, created_at) \
             SELECT CAST(COALESCE(max(version), 0) + 1 AS BIGINT), $1, $2, $3 FROM policies RETURNING version",
        )
        .bind(text)
        .bind(author)
        .bind(now)
        .fetch_one(&mut *write)
        .await?;
        write.commit().await?;
        self.recent.policy_version.forget();
        Ok(version)
    }

    /// The number of the version in force.
    pub async fn policy_version(&self) -> Result<Option<i64>> {
        let ticket = match self.recent.policy_version.find("") {
            Ok(version) => return Ok(version),
            Err(ticket) => ticket,
        };
        let version =
            sqlx::query_scalar("SELECT version FROM policies ORDER BY version DESC LIMIT 1")
                .fetch_optional(&self.pool)
                .await?;
        self.recent.policy_version.put(ticket, "", &version);
        Ok(version)
    }

    /// One version.
    pub async fn find_policy(&self, version: i64) -> Result<Option<PolicyRow>> {
        let row = sqlx::query_as(
            "SELECT version, text, author, created_at FROM policies WHERE version = $1",
        )
        .bind(version)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row)
    }

    /// All versions, newest first.
    pub async fn list_policies(&self) -> Result<Vec<PolicyRow>> {
        let rows = sqlx::query_as(
            "SELECT version, text, author, created_at FROM policies ORDER BY version DESC",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }
}
