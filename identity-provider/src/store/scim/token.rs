//! Bearer tokens of SCIM clients: good for one connection and a limited time, two at once so that one can take over.

use crate::{
    clock::{HOUR, Millis},
    store::{Result, Store, token::TokenRow},
};
use sqlx::FromRow;

/// Tokens of one connection that may be good at the same time.
pub const AT_ONCE: i64 = 2;

/// A token that a request presented and that is good.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Presented {
    /// Its name in the records.
    pub id: String,
    /// When it stops being good.
    pub expires_at: Millis,
    /// To the hour.
    pub last_used_at: Millis,
}

impl Store {
    /// Adds a token for `row.connection`; `false` if two are good already.
    pub async fn insert_scim_token(&self, row: &TokenRow, hash: &str, now: Millis) -> Result<bool> {
        let mut write = self.write().await?;
        // Whoever else makes a token for this connection waits here.
        sqlx::query("UPDATE connections SET updated_at = updated_at WHERE id = $1")
            .bind(&row.connection)
            .execute(&mut *write)
            .await?;
        let good: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM tokens WHERE purpose = 'scim' AND connection_id = $1 AND revoked_at = 0 AND expires_at > $2",
        )
        .bind(&row.connection)
        .bind(now)
        .fetch_one(&mut *write)
        .await?;
        if good >= AT_ONCE {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO tokens (id, purpose, hash, created_at, expires_at, revoked_at, connection_id) \
             VALUES ($1, 'scim', $2, $3, $4, 0, $5)",
        )
        .bind(&row.id)
        .bind(hash)
        .bind(row.created_at)
        .bind(row.expires_at)
        .bind(&row.connection)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(true)
    }

    /// The token with this hash, if it is good for this connection now. Notes each hour that it is in use, so that an
    /// administrator sees when the old one of two is not any more.
    pub async fn present_scim_token(
        &self,
        connection: &str,
        hash: &str,
        now: Millis,
    ) -> Result<Option<Presented>> {
        let found: Option<Presented> = sqlx::query_as(
            "SELECT id, expires_at, last_used_at FROM tokens WHERE hash = $1 AND purpose = 'scim' AND connection_id = $2 \
             AND revoked_at = 0 AND expires_at > $3",
        )
        .bind(hash)
        .bind(connection)
        .bind(now)
        .fetch_optional(&self.pool)
        .await?;
        if let Some(token) = &found
            && now - token.last_used_at >= HOUR
        {
            let mut write = self.one().await?;
            sqlx::query("UPDATE tokens SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2")
                .bind(&token.id)
                .bind(now - now.rem_euclid(HOUR))
                .execute(&mut *write)
                .await?;
            write.commit().await?;
        }
        Ok(found)
    }
}
