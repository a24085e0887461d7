//! What ends when a person leaves, and what returns with them. A device that stood for this person alone is revoked; it
//! comes back as pending, bound to nobody, if the person does. What lies on devices is wiped at their next sign of life
//! ([`Store::logins_to_wipe`]).

use crate::{
    clock::Millis,
    domain::{scim::Person, user::UserId},
    store::{Result, Store, Write},
};

impl Store {
    /// Ends sign-ins under way and bindings, revokes devices, and notes what is to be wiped where.
    pub(super) async fn depart(write: &mut Write<'_>, person: &Person, now: Millis) -> Result<()> {
        let id = person.id.as_str();
        sqlx::query(
            "INSERT INTO departures (user_id, device_id, login, at) SELECT n.user_id, n.device_id, $2, $3 FROM norms n \
             WHERE n.user_id = $1 ON CONFLICT (user_id, device_id) DO UPDATE SET login = excluded.login, at = excluded.at",
        )
        .bind(id)
        .bind(&person.user.user_name)
        .bind(now)
        .execute(&mut **write)
        .await?;
        sqlx::query(
            "UPDATE devices SET revoked_at = $2, status = 'revoked' WHERE revoked_at = 0 \
             AND id IN (SELECT b.device_id FROM bindings b WHERE b.user_id = $1 AND b.revoked_at = 0) \
             AND NOT EXISTS (SELECT 1 FROM bindings o WHERE o.device_id = devices.id AND o.user_id <> $1 AND o.revoked_at = 0)",
        )
        .bind(id)
        .bind(now)
        .execute(&mut **write)
        .await?;
        for statement in [
            "UPDATE bindings SET revoked_at = $2 WHERE user_id = $1 AND revoked_at = 0",
            "UPDATE challenges SET expires_at = $2 WHERE user_id = $1 AND expires_at > $2",
            "UPDATE oidc_codes SET expires_at = $2 WHERE expires_at > $2 \
             AND challenge_id IN (SELECT c.id FROM challenges c WHERE c.user_id = $1)",
            "UPDATE oidc_tokens SET revoked_at = $2 WHERE user_id = $1 AND revoked_at = 0",
        ] {
            sqlx::query(statement)
                .bind(id)
                .bind(now)
                .execute(&mut **write)
                .await?;
        }
        Ok(())
    }

    /// Lets devices register again that were revoked for no other reason than that this person left.
    pub(super) async fn come_back(write: &mut Write<'_>, id: &UserId) -> Result<()> {
        for statement in [
            "UPDATE devices SET revoked_at = 0, status = 'pending' WHERE revoked_at <> 0 AND EXISTS \
             (SELECT 1 FROM departures d WHERE d.user_id = $1 AND d.device_id = devices.id AND d.at = devices.revoked_at)",
            // What is to be wiped of somebody who had this name before stays.
            "DELETE FROM departures WHERE user_id = $1 AND at <> 0",
        ] {
            sqlx::query(statement)
                .bind(id.as_str())
                .execute(&mut **write)
                .await?;
        }
        Ok(())
    }

    /// The row stands for somebody else from now on: devices do not come back, and nothing that was learned or set up does.
    pub(super) async fn replace(write: &mut Write<'_>, person: &Person, now: Millis) -> Result<()> {
        Self::depart(write, person, now).await?;
        Self::forget_factors(write, &person.id).await?;
        for statement in [
            // No device was revoked at 0.
            "UPDATE departures SET at = 0 WHERE user_id = $1",
            "DELETE FROM norms WHERE user_id = $1",
        ] {
            sqlx::query(statement)
                .bind(person.id.as_str())
                .execute(&mut **write)
                .await?;
        }
        Ok(())
    }

    /// Deletes what the person signs in with.
    async fn forget_factors(write: &mut Write<'_>, id: &UserId) -> Result<()> {
        for statement in [
            "DELETE FROM passkeys WHERE user_id = $1",
            "DELETE FROM totp_secrets WHERE user_id = $1",
            "DELETE FROM prompts WHERE user_id = $1",
            "DELETE FROM rollout_uses WHERE user_id = $1",
            "DELETE FROM preregistrations WHERE user_id = $1",
        ] {
            sqlx::query(statement)
                .bind(id.as_str())
                .execute(&mut **write)
                .await?;
        }
        Ok(())
    }

    /// Deletes the person. Decisions, events and what is still to be wiped stay.
    pub(super) async fn erase(write: &mut Write<'_>, id: &UserId) -> Result<()> {
        Self::forget_factors(write, id).await?;
        for statement in [
            "UPDATE scim_groups SET version = version + 1 WHERE id IN (SELECT group_id FROM scim_members WHERE user_id = $1)",
            "DELETE FROM scim_members WHERE user_id = $1",
            "DELETE FROM user_groups WHERE user_id = $1",
            "DELETE FROM bindings WHERE user_id = $1",
            "DELETE FROM norms WHERE user_id = $1",
            "DELETE FROM users WHERE id = $1",
        ] {
            sqlx::query(statement)
                .bind(id.as_str())
                .execute(&mut **write)
                .await?;
        }
        Ok(())
    }
}
