//! The organisation's tokens. A token is 32 random bytes, so its plain SHA-256 is all that is stored.

use super::{Result, Store};
use crate::clock::Millis;
use sqlx::FromRow;

/// A token as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, serde::Serialize)]
pub struct TokenRow {
    /// Its name in the records.
    pub id: String,
    /// `enrolment` or `scim`.
    pub purpose: String,
    /// The connection it is good for; empty where that does not matter.
    #[sqlx(rename = "connection_id")]
    pub connection: String,
    /// Made.
    pub created_at: Millis,
    /// 0 = never.
    pub expires_at: Millis,
    /// 0 = not revoked.
    pub revoked_at: Millis,
    /// Last used, to the hour; 0 = never, or not noted for this purpose.
    pub last_used_at: Millis,
}

impl TokenRow {
    /// Whether it is good at `now`.
    pub const fn is_good(&self, now: Millis) -> bool {
        self.revoked_at == 0 && (self.expires_at == 0 || self.expires_at > now)
    }
}

impl Store {
    /// Adds a token by its hash.
    pub async fn insert_token(&self, token: &TokenRow, hash: &str) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query("INSERT INTO tokens (id, purpose, hash, created_at, expires_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(&token.id)
            .bind(&token.purpose)
            .bind(hash)
            .bind(token.created_at)
            .bind(token.expires_at)
            .bind(token.revoked_at)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(())
    }

    /// The token with this hash, if it is good for `purpose` now.
    pub async fn find_token(
        &self,
        purpose: &str,
        hash: &str,
        now: Millis,
    ) -> Result<Option<TokenRow>> {
        let row = sqlx::query_as(
            "SELECT id, purpose, connection_id, created_at, expires_at, revoked_at, last_used_at FROM tokens WHERE hash = $1 AND purpose = $2 \
             AND revoked_at = 0 AND (expires_at = 0 OR expires_at > $3)",
        )
        .bind(hash)
        .bind(purpose)
        .bind(now)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row)
    }

    /// All tokens, newest first.
    pub async fn list_tokens(&self) -> Result<Vec<TokenRow>> {
        let rows = sqlx::query_as("SELECT id, purpose, connection_id, created_at, expires_at, revoked_at, last_used_at FROM tokens ORDER BY created_at DESC, id")
            .fetch_all(&self.pool)
            .await?;
        Ok(rows)
    }

    /// Revokes a token; `false` if there is none of this id that stands.
    pub async fn revoke_token(&self, id: &str, now: Millis) -> Result<bool> {
        let mut write = self.one().await?;
        let done =
            sqlx::query("UPDATE tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at = 0")
                .bind(id)
                .bind(now)
                .execute(&mut *write)
                .await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }
}
