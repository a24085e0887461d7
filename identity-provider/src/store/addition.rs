//! Adding an ordinary factor to a person, in a transaction that also begins the hold: of two additions at once only one
//! happens.

use super::{Result, Store, Write, factor::PasskeyRow};
use crate::{
    clock::Millis,
    domain::{enrolment::HOLD, user::UserId},
};

impl Store {
    /// Adds a passkey; `false` while a hold stands. [`super::StoreError::Conflict`] if the credential is known.
    pub async fn add_passkey(
        write: &mut Write<'_>,
        user: &UserId,
        passkey: &PasskeyRow,
        now: Millis,
    ) -> Result<bool> {
        if !begin_hold(write, user, now).await? {
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
        .execute(&mut **write)
        .await?;
        Self::queue_enrolment(write, user, now).await?;
        Ok(true)
    }

    /// Puts a secret of which `step` was just shown in place of an older one; `false` while a hold stands.
    pub async fn add_totp(
        write: &mut Write<'_>,
        user: &UserId,
        sealed_secret: &str,
        step: i64,
        now: Millis,
    ) -> Result<bool> {
        if !begin_hold(write, user, now).await? {
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
        .execute(&mut **write)
        .await?;
        Ok(true)
    }
}

/// Begins the hold, unless one stands (see [`crate::domain::enrolment::may_add_factor`]). Of two at once the second waits
/// for the row, and then sees the first one's hold.
async fn begin_hold(write: &mut Write<'_>, user: &UserId, now: Millis) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE users SET additions_held_until = $2 WHERE id = $1 AND additions_held_until <= $3",
    )
    .bind(user.as_str())
    .bind(now + HOLD)
    .bind(now)
    .execute(&mut **write)
    .await?;
    Ok(done.rows_affected() == 1)
}
