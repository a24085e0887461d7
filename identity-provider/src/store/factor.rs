//! Passkeys, TOTP secrets, the state of attempts at them, and counts of failed tries.

use super::{Result, Store};
use crate::{clock::Millis, domain::user::UserId};
use sqlx::FromRow;

/// A person's passkey.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PasskeyRow {
    /// base64url.
    pub credential_id: String,
    /// Whose.
    pub user_id: String,
    /// JSON of the library's credential.
    pub credential: String,
    /// What the person calls it.
    pub label: String,
    /// Enrolled.
    pub created_at: Millis,
    /// 0 = never.
    pub last_used_at: Millis,
}

/// A person's TOTP secret, sealed under the master key.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct TotpRow {
    /// Sealed; see [`crate::keys::MasterKey::open`].
    pub sealed_secret: String,
    /// The newest time step accepted.
    pub last_step: i64,
    /// Made.
    pub created_at: Millis,
    /// 0 until a first code proved possession.
    pub confirmed_at: Millis,
}

impl Store {
    /// All passkeys of a person, oldest first.
    pub async fn passkeys_of(&self, user: &UserId) -> Result<Vec<PasskeyRow>> {
        let rows = sqlx::query_as(
            "SELECT credential_id, user_id, credential, label, created_at, last_used_at \
             FROM passkeys WHERE user_id = $1 ORDER BY created_at, credential_id",
        )
        .bind(user.as_str())
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// Notes a use, with the credential as it is afterwards (its counter has moved).
    pub async fn touch_passkey(
        &self,
        credential_id: &str,
        credential: &str,
        now: Millis,
    ) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query(
            "UPDATE passkeys SET credential = $2, last_used_at = $3 WHERE credential_id = $1",
        )
        .bind(credential_id)
        .bind(credential)
        .bind(now)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// The secret of a person, confirmed or not.
    pub async fn find_totp(&self, user: &UserId) -> Result<Option<TotpRow>> {
        let row = sqlx::query_as(
            "SELECT sealed_secret, last_step, created_at, confirmed_at FROM totp_secrets WHERE user_id = $1",
        )
        .bind(user.as_str())
        .fetch_optional(&self.pool)
        .await?;
        Ok(row)
    }

    /// Accepts time step `step` if it is newer than any accepted before. A code counts once.
    pub async fn use_totp_step(&self, user: &UserId, step: i64) -> Result<bool> {
        let mut write = self.one().await?;
        let done = sqlx::query(
            "UPDATE totp_secrets SET last_step = $2 WHERE user_id = $1 AND last_step < $2 AND confirmed_at > 0",
        )
        .bind(user.as_str())
        .bind(step)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Remembers the server's half of an attempt at a factor; a newer attempt replaces an older one.
    pub async fn put_factor_attempt(
        &self,
        challenge: &str,
        kind: &str,
        state: &str,
        now: Millis,
    ) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query(
            "INSERT INTO factor_attempts (challenge_id, kind, state, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (challenge_id, kind) DO UPDATE SET state = excluded.state, created_at = excluded.created_at",
        )
        .bind(challenge)
        .bind(kind)
        .bind(state)
        .bind(now)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// Takes that half out again: it serves once, and not if it is older than `since`.
    pub async fn take_factor_attempt(
        &self,
        challenge: &str,
        kind: &str,
        since: Millis,
    ) -> Result<Option<String>> {
        let mut write = self.one().await?;
        let state = sqlx::query_scalar(
            "DELETE FROM factor_attempts WHERE challenge_id = $1 AND kind = $2 AND created_at >= $3 RETURNING state",
        )
        .bind(challenge)
        .bind(kind)
        .bind(since)
        .fetch_optional(&mut *write)
        .await?;
        write.commit().await?;
        Ok(state)
    }

    /// Counts one try at `key` before it is judged; `false` once there were `most` since the window of `window` ms began.
    pub async fn count_attempt(
        &self,
        key: &str,
        most: i64,
        window: Millis,
        now: Millis,
    ) -> Result<bool> {
        let mut write = self.one().await?;
        let failures: i64 = sqlx::query_scalar(
            "INSERT INTO attempts (key, failures, since) VALUES ($1, 1, $2) ON CONFLICT (key) DO UPDATE SET \
             failures = CASE WHEN attempts.since < $3 THEN 1 ELSE attempts.failures + 1 END, \
             since = CASE WHEN attempts.since < $3 THEN $2 ELSE attempts.since END RETURNING failures",
        )
        .bind(key)
        .bind(now)
        .bind(now - window)
        .fetch_one(&mut *write)
        .await?;
        write.commit().await?;
        Ok(failures <= most)
    }

    /// Forgets the tries at `key`, because one succeeded.
    pub async fn clear_attempts(&self, key: &str) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query("DELETE FROM attempts WHERE key = $1")
            .bind(key)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(())
    }
}
