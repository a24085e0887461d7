//! Adding an ordinary factor to a person: one transaction that also begins the hold, so that of two additions at once
//! only one happens.

use super::{Result, Store, Write, factor::PasskeyRow};
use crate::{
    clock::Millis,
    domain::{enrolment::HOLD, user::UserId},
};

impl Store {
    /// Adds a passkey; `false` while a hold stands. [`super::StoreError::Conflict`] if the credential is known.
    pub async fn add_passkey(
        &self,
        user: &UserId,
        passkey: &PasskeyRow,
        now: Millis,
    ) -> Result<bool> {
        let mut write = self.write().await?;
        if !begin_hold(&mut write, user, now).await? {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO passkeys (credential_id, user_id, credential, label, created_at, last_used_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&passkey.credential_id)
        .bind(user.as_str())
        .bind(&passkey.credential)
        .bind(&passkey.label)
        .bind(passkey.created_at)
        .bind(passkey.last_used_at)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(true)
    }

    /// Puts a secret of which `step` was just shown in place of an older one; `false` while a hold stands.
    pub async fn add_totp(
        &self,
        user: &UserId,
        sealed_secret: &str,
        step: i64,
        now: Millis,
    ) -> Result<bool> {
        let mut write = self.write().await?;
        if !begin_hold(&mut write, user, now).await? {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO totp_secrets (user_id, sealed_secret, last_step, created_at, confirmed_at) \
             VALUES ($1, $2, $3, $4, $4) ON CONFLICT (user_id) DO UPDATE SET sealed_secret = excluded.sealed_secret, \
             last_step = excluded.last_step, created_at = excluded.created_at, confirmed_at = excluded.confirmed_at",
        )
        .bind(user.as_str())
        .bind(sealed_secret)
        .bind(step)
        .bind(now)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(true)
    }
}

/// Begins the hold, if none stands or if this is the person's first ordinary factor (see
/// [`crate::domain::enrolment::may_add_factor`]). A transaction that is dropped is rolled back.
async fn begin_hold(write: &mut Write<'_>, user: &UserId, now: Millis) -> Result<bool> {
    // The row is locked by a statement of its own, so that the next one sees what another addition has committed.
    sqlx::query("UPDATE users SET additions_held_until = additions_held_until WHERE id = $1")
        .bind(user.as_str())
        .execute(&mut **write)
        .await?;
    let done = sqlx::query(
        "UPDATE users SET additions_held_until = $2 WHERE id = $1 AND (additions_held_until <= $3 OR NOT (\
         EXISTS (SELECT 1 FROM passkeys WHERE user_id = $1) \
         OR EXISTS (SELECT 1 FROM totp_secrets WHERE user_id = $1 AND confirmed_at > 0)))",
    )
    .bind(user.as_str())
    .bind(now + HOLD)
    .bind(now)
    .execute(&mut **write)
    .await?;
    Ok(done.rows_affected() == 1)
}
