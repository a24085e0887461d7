//! What an org knows of our people.

use super::{ACTIONS, Result, Store};
use crate::{
    clock::Millis,
    domain::{okta::ActionKind, user::UserId},
    store::decision::Event,
};
use sqlx::FromRow;
use wire::id::ConnectionId;

/// A person as an org knows them.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct OktaPerson {
    /// Under which `okta_id` was found.
    pub login: String,
    /// `00u…`; empty if it was not looked up yet.
    pub okta_id: String,
    /// Of the kept group: 1, 0, or -1 for unknown.
    pub member: i64,
    /// The kept attribute: likewise.
    pub registered: i64,
}

impl OktaPerson {
    /// What the org was told last about this kind; `None` if that is not known.
    pub fn told(&self, kind: ActionKind) -> Option<bool> {
        let told = match kind {
            ActionKind::Membership => self.member,
            ActionKind::Registration => self.registered,
            ActionKind::Takeover(_) => -1,
        };
        (told >= 0).then_some(told == 1)
    }
}

impl Store {
    /// What an org knows of a person.
    pub async fn find_okta_person(
        &self,
        connection: &ConnectionId,
        user: &UserId,
    ) -> Result<Option<OktaPerson>> {
        let found = sqlx::query_as(
            "SELECT login, okta_id, member, registered FROM okta_people WHERE connection_id = $1 AND user_id = $2",
        )
        .bind(connection.as_str())
        .bind(user.as_str())
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }

    /// The id that the org's own provisioning gave for a person; empty if it did not provision them.
    pub async fn external_id_of(&self, connection: &ConnectionId, user: &UserId) -> Result<String> {
        let found: Option<String> = sqlx::query_scalar(
            "SELECT external_id FROM users WHERE id = $2 AND connection_id = $1",
        )
        .bind(connection.as_str())
        .bind(user.as_str())
        .fetch_optional(&self.pool)
        .await?;
        Ok(found.unwrap_or_default())
    }

    /// Remembers under which id a login was found; an empty one forgets it.
    pub async fn put_okta_id(
        &self,
        connection: &ConnectionId,
        user: &UserId,
        login: &str,
        okta_id: &str,
    ) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query(
            "INSERT INTO okta_people (connection_id, user_id, login, okta_id, member, registered, life, life_at, watched, \
             watched_at, left_by_hook) VALUES ($1, $2, $3, $4, 0, 0, 0, 0, 0, 0, 0) \
             ON CONFLICT (connection_id, user_id) DO UPDATE SET login = excluded.login, okta_id = excluded.okta_id",
        )
        .bind(connection.as_str())
        .bind(user.as_str())
        .bind(login)
        .bind(okta_id)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// An action about enrolment has been made: the org believes `is_enrolled` now.
    pub async fn action_told(
        &self,
        id: &str,
        (connection, user): (&ConnectionId, &UserId),
        kind: ActionKind,
        is_enrolled: bool,
        now: Millis,
    ) -> Result<()> {
        let sql = match kind {
            ActionKind::Registration => {
                "INSERT INTO okta_people (connection_id, user_id, login, okta_id, member, registered, life, life_at, watched, \
                 watched_at, left_by_hook) VALUES ($1, $2, '', '', 0, $3, 0, 0, 0, 0, 0) \
                 ON CONFLICT (connection_id, user_id) DO UPDATE SET registered = excluded.registered"
            }
            _ => {
                "INSERT INTO okta_people (connection_id, user_id, login, okta_id, member, registered, life, life_at, watched, \
                 watched_at, left_by_hook) VALUES ($1, $2, '', '', $3, 0, 0, 0, 0, 0, 0) \
                 ON CONFLICT (connection_id, user_id) DO UPDATE SET member = excluded.member"
            }
        };
        let mut write = self.write().await?;
        sqlx::query(sql)
            .bind(connection.as_str())
            .bind(user.as_str())
            .bind(i64::from(is_enrolled))
            .execute(&mut *write)
            .await?;
        // Of somebody who is gone here and there nothing is left to know.
        sqlx::query(
            "DELETE FROM okta_people WHERE connection_id = $1 AND user_id = $2 AND member = 0 AND registered = 0 \
             AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = $2)",
        )
        .bind(connection.as_str())
        .bind(user.as_str())
        .execute(&mut *write)
        .await?;
        Self::sent_in(&mut write, &ACTIONS, id, now).await?;
        write.commit().await?;
        Ok(())
    }

    /// An action has been made, and stands in the record.
    pub async fn action_made(&self, id: &str, event: &Event, now: Millis) -> Result<()> {
        let mut write = self.write().await?;
        if Self::sent_in(&mut write, &ACTIONS, id, now).await? {
            Self::append_event_in(&mut write, event).await?;
        }
        write.commit().await?;
        Ok(())
    }
}
