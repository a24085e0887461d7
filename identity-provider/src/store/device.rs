//! Devices, installations, bindings, and what holds per person and device.

use super::{Result, Store, StoreError, Write, corrupt, from_json, id, json};
use crate::{
    clock::Millis,
    domain::{
        device::{Binding, Device, Norm, protection_class},
        user::UserId,
    },
};
use sqlx::{FromRow, Row, any::AnyRow};
use wire::{
    id::{DeviceId, Thumbprint, UserName},
    reason::Reason,
    statement::Learning,
};

macro_rules! device {
    () => {
        "id, jwk, status, protection_class, os_account, profile_email, posture, extension, host, registered_at, last_seen, \
         revoked_at"
    };
}

macro_rules! binding {
    () => {
        "id, device_id, jkt, user_id, how, created_at, revoked_at"
    };
}

impl FromRow<'_, AnyRow> for Device {
    fn from_row(row: &AnyRow) -> std::result::Result<Self, sqlx::Error> {
        let text = |column: &'static str| row.try_get::<String, _>(column);
        Ok(Self {
            id: id(row, "id")?,
            key: from_json(&text("jwk")?, "jwk").map_err(|_| corrupt("jwk"))?,
            bound: text("status")? == "bound",
            revoked_at: row.try_get("revoked_at")?,
            protection_class: protection_class(&text("protection_class")?)
                .ok_or_else(|| corrupt("protection class"))?,
            os_account: text("os_account")?,
            profile_email: text("profile_email")?,
            posture: from_json(&text("posture")?, "posture").map_err(|_| corrupt("posture"))?,
            extension: text("extension")?,
            host: text("host")?,
            registered_at: row.try_get("registered_at")?,
            last_seen: row.try_get("last_seen")?,
        })
    }
}

impl FromRow<'_, AnyRow> for Binding {
    fn from_row(row: &AnyRow) -> std::result::Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            device: id(row, "device_id")?,
            installation: id(row, "jkt")?,
            user: UserId::from_row_text(row.try_get("user_id")?),
            how: row.try_get("how")?,
            created_at: row.try_get("created_at")?,
            revoked_at: row.try_get("revoked_at")?,
        })
    }
}

impl FromRow<'_, AnyRow> for Norm {
    fn from_row(row: &AnyRow) -> std::result::Result<Self, sqlx::Error> {
        let off: Millis = row.try_get("silence_off_at")?;
        let reason: String = row.try_get("silence_off_reason")?;
        Ok(Self {
            silence_off: (off != 0).then(|| (off, Reason::from_code(&reason))),
            unsure_at: row.try_get("unsure_at")?,
            progress: row.try_get("progress")?,
            mature: row.try_get::<i64, _>("mature")? != 0,
            confirmations: row.try_get("confirmations")?,
        })
    }
}

/// What is known of a person before any device has answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// By name.
    pub groups: Vec<String>,
    /// Silence was switched off on some device.
    pub has_silence_off: bool,
}

impl Store {
    /// Adds a device, or brings a known one that is not revoked up to date; and the installation that speaks for it.
    /// `false` if the device is revoked.
    pub async fn put_device(
        &self,
        device: &Device,
        installation: &Thumbprint,
        now: Millis,
    ) -> Result<bool> {
        let mut write = self.write().await?;
        let done = sqlx::query(
            "INSERT INTO devices (id, jwk, status, protection_class, os_account, profile_email, posture, extension, host, \
             registered_at, last_seen, revoked_at) VALUES ($1, $2, 'pending', $3, $4, $5, $6, '', '', $7, $7, 0) \
             ON CONFLICT (id) DO UPDATE SET protection_class = excluded.protection_class, os_account = excluded.os_account, \
             profile_email = excluded.profile_email, posture = excluded.posture, last_seen = excluded.last_seen \
             WHERE devices.revoked_at = 0",
        )
        .bind(device.id.as_str())
        .bind(json(&device.key))
        .bind(device.protection_class.code())
        .bind(&device.os_account)
        .bind(&device.profile_email)
        .bind(json(&device.posture))
        .bind(now)
        .execute(&mut *write)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO installations (device_id, jkt, profile_email, created_at, last_seen) VALUES ($1, $2, $3, $4, $4) \
             ON CONFLICT (device_id, jkt) DO UPDATE SET profile_email = excluded.profile_email, last_seen = excluded.last_seen",
        )
        .bind(device.id.as_str())
        .bind(installation.as_str())
        .bind(&device.profile_email)
        .bind(now)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(true)
    }

    /// The device of this id.
    pub async fn find_device(&self, id: &DeviceId) -> Result<Option<Device>> {
        let found = sqlx::query_as(concat!("SELECT ", device!(), " FROM devices WHERE id = $1"))
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await?;
        Ok(found)
    }

    /// All devices, the latest seen first.
    pub async fn list_devices(&self) -> Result<Vec<Device>> {
        let all = sqlx::query_as(concat!(
            "SELECT ",
            device!(),
            " FROM devices ORDER BY last_seen DESC, id"
        ))
        .fetch_all(&self.pool)
        .await?;
        Ok(all)
    }

    /// Whether `installation` was registered for the device; and with which profile e-mail (empty if unknown).
    pub async fn find_installation(
        &self,
        device: &DeviceId,
        installation: &Thumbprint,
    ) -> Result<Option<String>> {
        let email = sqlx::query_scalar(
            "SELECT profile_email FROM installations WHERE device_id = $1 AND jkt = $2",
        )
        .bind(device.as_str())
        .bind(installation.as_str())
        .fetch_optional(&self.pool)
        .await?;
        Ok(email)
    }

    /// A signed sign of life.
    pub async fn touch_device(
        &self,
        device: &Device,
        installation: &Thumbprint,
        now: Millis,
    ) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query(
            "UPDATE devices SET last_seen = $2, protection_class = $3, posture = $4, extension = $5, host = $6 \
             WHERE id = $1 AND revoked_at = 0",
        )
        .bind(device.id.as_str())
        .bind(now)
        .bind(device.protection_class.code())
        .bind(json(&device.posture))
        .bind(&device.extension)
        .bind(&device.host)
        .execute(&mut *write)
        .await?;
        sqlx::query("UPDATE installations SET last_seen = $3 WHERE device_id = $1 AND jkt = $2")
            .bind(device.id.as_str())
            .bind(installation.as_str())
            .bind(now)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(())
    }

    /// Takes a device back: it answers nothing any more, its bindings end, and it is told to wipe. `false` if there is
    /// none of this id that stands.
    pub async fn revoke_device(write: &mut Write<'_>, id: &DeviceId, now: Millis) -> Result<bool> {
        let done = sqlx::query("UPDATE devices SET revoked_at = $2, status = 'revoked' WHERE id = $1 AND revoked_at = 0")
            .bind(id.as_str())
            .bind(now)
            .execute(&mut **write)
            .await?;
        end_bindings(write, id, now).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Ends all bindings of a device that has expired.
    pub async fn expire_bindings(&self, id: &DeviceId, now: Millis) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query("UPDATE devices SET status = 'pending' WHERE id = $1 AND revoked_at = 0")
            .bind(id.as_str())
            .execute(&mut *write)
            .await?;
        end_bindings(&mut write, id, now).await?;
        write.commit().await?;
        Ok(())
    }

    /// Binds within the caller's transaction. A binding that ended stands again. `false` if the device was revoked.
    pub(crate) async fn insert_binding(write: &mut Write<'_>, binding: &Binding) -> Result<bool> {
        let done =
            sqlx::query("UPDATE devices SET status = 'bound' WHERE id = $1 AND revoked_at = 0")
                .bind(binding.device.as_str())
                .execute(&mut **write)
                .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO bindings (id, device_id, jkt, user_id, how, created_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, 0) \
             ON CONFLICT (device_id, jkt, user_id) DO UPDATE SET how = excluded.how, created_at = excluded.created_at, revoked_at = 0",
        )
        .bind(&binding.id)
        .bind(binding.device.as_str())
        .bind(binding.installation.as_str())
        .bind(binding.user.as_str())
        .bind(&binding.how)
        .bind(binding.created_at)
        .execute(&mut **write)
        .await?;
        sqlx::query(
            "INSERT INTO norms (user_id, device_id, silence_off_at, silence_off_reason, unsure_at, progress, mature, \
             confirmations, wiped_at, updated_at) VALUES ($1, $2, 0, '', 0, 0, 0, 0, 0, $3) \
             ON CONFLICT (user_id, device_id) DO UPDATE SET wiped_at = 0, updated_at = excluded.updated_at",
        )
        .bind(binding.user.as_str())
        .bind(binding.device.as_str())
        .bind(binding.created_at)
        .execute(&mut **write)
        .await?;
        Self::queue_enrolment(write, &binding.user, binding.created_at).await?;
        Ok(true)
    }

    /// Notes the one first use of a person within the caller's transaction; [`StoreError::Conflict`] on a second.
    pub(crate) async fn insert_rollout_use(
        write: &mut Write<'_>,
        user: &UserId,
        rollout: &str,
        device: &DeviceId,
        now: Millis,
    ) -> Result<()> {
        sqlx::query("INSERT INTO rollout_uses (user_id, rollout_id, device_id, used_at) VALUES ($1, $2, $3, $4)")
            .bind(user.as_str())
            .bind(rollout)
            .bind(device.as_str())
            .bind(now)
            .execute(&mut **write)
            .await?;
        Ok(())
    }

    /// Whether the person has used a roll-out window before.
    pub async fn has_used_rollout(&self, user: &UserId) -> Result<bool> {
        let used: Option<String> =
            sqlx::query_scalar("SELECT rollout_id FROM rollout_uses WHERE user_id = $1")
                .bind(user.as_str())
                .fetch_optional(&self.pool)
                .await?;
        Ok(used.is_some())
    }

    /// The binding of device, installation and person, if it stands.
    pub async fn find_binding(
        &self,
        device: &DeviceId,
        installation: &Thumbprint,
        user: &UserId,
    ) -> Result<Option<Binding>> {
        let found = sqlx::query_as(concat!(
            "SELECT ",
            binding!(),
            " FROM bindings WHERE device_id = $1 AND jkt = $2 AND user_id = $3 AND revoked_at = 0"
        ))
        .bind(device.as_str())
        .bind(installation.as_str())
        .bind(user.as_str())
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }

    /// All bindings there ever were of a device, oldest first.
    pub async fn bindings_of_device(&self, device: &DeviceId) -> Result<Vec<Binding>> {
        let found = sqlx::query_as(concat!(
            "SELECT ",
            binding!(),
            " FROM bindings WHERE device_id = $1 ORDER BY created_at, id"
        ))
        .bind(device.as_str())
        .fetch_all(&self.pool)
        .await?;
        Ok(found)
    }

    /// All bindings there ever were of a person, oldest first.
    pub async fn bindings_of_user(&self, user: &UserId) -> Result<Vec<Binding>> {
        let found = sqlx::query_as(concat!(
            "SELECT ",
            binding!(),
            " FROM bindings WHERE user_id = $1 ORDER BY created_at, id"
        ))
        .bind(user.as_str())
        .fetch_all(&self.pool)
        .await?;
        Ok(found)
    }

    /// Logins whose bindings to this device and installation stand.
    pub async fn logins_bound_to(
        &self,
        device: &DeviceId,
        installation: &Thumbprint,
    ) -> Result<Vec<UserName>> {
        let logins: Vec<String> = sqlx::query_scalar(
            "SELECT u.login FROM bindings b JOIN users u ON u.id = b.user_id \
             WHERE b.device_id = $1 AND b.jkt = $2 AND b.revoked_at = 0 AND u.status = 'active' ORDER BY u.login",
        )
        .bind(device.as_str())
        .bind(installation.as_str())
        .fetch_all(&self.pool)
        .await?;
        user_names(logins)
    }

    /// Logins whose data on this device has to go: no binding to it stands, or the person is disabled, or gone.
    pub async fn logins_to_wipe(&self, device: &DeviceId) -> Result<Vec<UserName>> {
        let logins: Vec<String> = sqlx::query_scalar(
            "SELECT u.login FROM norms n JOIN users u ON u.id = n.user_id WHERE n.device_id = $1 \
             AND (u.status <> 'active' OR NOT EXISTS (SELECT b.id FROM bindings b \
             WHERE b.device_id = n.device_id AND b.user_id = n.user_id AND b.revoked_at = 0)) \
             UNION SELECT d.login FROM departures d WHERE d.device_id = $1 \
             AND NOT EXISTS (SELECT b.id FROM bindings b JOIN users u ON u.id = b.user_id \
             WHERE b.device_id = d.device_id AND b.revoked_at = 0 AND u.login = d.login) ORDER BY 1",
        )
        .bind(device.as_str())
        .fetch_all(&self.pool)
        .await?;
        user_names(logins)
    }

    /// What holds for the person on the device.
    pub async fn find_norm(&self, user: &UserId, device: &DeviceId) -> Result<Option<Norm>> {
        let found = sqlx::query_as(
            "SELECT silence_off_at, silence_off_reason, unsure_at, progress, mature, confirmations FROM norms \
             WHERE user_id = $1 AND device_id = $2",
        )
        .bind(user.as_str())
        .bind(device.as_str())
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }

    /// No silent answer for this person on this device until a strong factor passes. `false` if there was none before.
    pub async fn switch_silence_off(
        write: &mut Write<'_>,
        user: &UserId,
        device: &DeviceId,
        reason: Reason,
        now: Millis,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE norms SET silence_off_at = $3, silence_off_reason = $4, updated_at = $3 \
             WHERE user_id = $1 AND device_id = $2 AND silence_off_at = 0",
        )
        .bind(user.as_str())
        .bind(device.as_str())
        .bind(now)
        .bind(reason.code())
        .execute(&mut **write)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// A strong factor of this person passed in a browser of this device.
    pub async fn switch_silence_on(
        write: &mut Write<'_>,
        user: &UserId,
        device: &DeviceId,
        now: Millis,
    ) -> Result<()> {
        sqlx::query(
            "UPDATE norms SET silence_off_at = 0, silence_off_reason = '', updated_at = $3 WHERE user_id = $1 AND device_id = $2",
        )
        .bind(user.as_str())
        .bind(device.as_str())
        .bind(now)
        .execute(&mut **write)
        .await?;
        Ok(())
    }

    /// What is known of a person before any device has answered, in one query.
    pub async fn find_standing(&self, user: &UserId, since: Millis) -> Result<Standing> {
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT CAST(0 AS BIGINT) AS kind, name FROM user_groups WHERE user_id = $1 UNION ALL \
             SELECT CAST(1 AS BIGINT) AS kind, device_id AS name FROM norms WHERE user_id = $1 AND silence_off_at > $2 \
             ORDER BY kind, name",
        )
        .bind(user.as_str())
        .bind(since)
        .fetch_all(&self.pool)
        .await?;
        let (groups, off): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(kind, _)| *kind == 0);
        Ok(Standing {
            groups: groups.into_iter().map(|(_, name)| name).collect(),
            has_silence_off: !off.is_empty(),
        })
    }

    /// Notes an unclear answer.
    pub async fn note_unsure(
        write: &mut Write<'_>,
        user: &UserId,
        device: &DeviceId,
        now: Millis,
    ) -> Result<()> {
        sqlx::query("UPDATE norms SET unsure_at = $3, updated_at = $3 WHERE user_id = $1 AND device_id = $2")
            .bind(user.as_str())
            .bind(device.as_str())
            .bind(now)
            .execute(&mut **write)
            .await?;
        Ok(())
    }

    /// What the device says it has learned about a person that is bound to it.
    pub async fn put_learning(
        &self,
        user: &UserId,
        device: &DeviceId,
        learning: &Learning,
        now: Millis,
    ) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query(
            "UPDATE norms SET progress = $3, mature = $4, confirmations = $5, updated_at = $6 WHERE user_id = $1 AND device_id = $2",
        )
        .bind(user.as_str())
        .bind(device.as_str())
        .bind(i64::from(learning.progress))
        .bind(i64::from(learning.mature))
        .bind(i64::from(learning.confirmations))
        .bind(now)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }
}

fn user_names(logins: Vec<String>) -> Result<Vec<UserName>> {
    let names = logins.into_iter().map(UserName::new);
    names
        .map(|name| name.map_err(|_| StoreError::Corrupt("login")))
        .collect()
}

async fn end_bindings(write: &mut Write<'_>, device: &DeviceId, now: Millis) -> Result<()> {
    let people: Vec<String> = sqlx::query_scalar(
        "UPDATE bindings SET revoked_at = $2 WHERE device_id = $1 AND revoked_at = 0 RETURNING user_id",
    )
    .bind(device.as_str())
    .bind(now)
    .fetch_all(&mut **write)
    .await?;
    for user in people {
        Store::queue_enrolment(write, &UserId::from_row_text(user), now).await?;
    }
    Ok(())
}
