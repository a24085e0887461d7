//! People: made, changed and deleted, each in one transaction that holds the row.

use super::Deed;
use crate::{
    clock::Millis,
    domain::{scim::Person, user::UserId},
    store::{Result, Store, StoreError, Write, corrupt, json},
};
use sqlx::{FromRow, Row, any::AnyRow};
use standards::scim::{fold, user::User};

impl FromRow<'_, AnyRow> for Person {
    fn from_row(row: &AnyRow) -> std::result::Result<Self, sqlx::Error> {
        let profile: String = row.try_get("profile")?;
        let user: User = serde_json::from_str(&profile).map_err(|_| corrupt("profile"))?;
        let (status, external_id): (String, String) =
            (row.try_get("status")?, row.try_get("external_id")?);
        let (created_at, updated_at): (Millis, Millis) =
            (row.try_get("created_at")?, row.try_get("updated_at")?);
        Ok(Self {
            id: UserId::from_row_text(row.try_get("id")?),
            connection: row.try_get("connection_id")?,
            // The columns are what everything else goes by.
            user: User {
                user_name: row.try_get("login")?,
                active: Some(status == "active"),
                external_id: Some(external_id).filter(|id| !id.is_empty()),
                ..user
            },
            version: row.try_get("version")?,
            created_at,
            updated_at: updated_at.max(created_at),
        })
    }
}

macro_rules! columns {
    () => {
        "id, connection_id, login, status, external_id, profile, version, created_at, updated_at"
    };
}
pub(super) use columns;

/// Why a person was not changed.
#[derive(Debug)]
pub enum Refusal<E> {
    /// There is none of this id for this connection.
    Unknown,
    /// Somebody else has that name.
    Taken,
    /// The caller's own reason.
    Refused(E),
}

impl Store {
    /// Adds a person; [`StoreError::Conflict`] if anybody has that name, in whatever case.
    pub async fn insert_person(
        &self,
        connection: &str,
        user: &User,
        now: Millis,
    ) -> Result<Person> {
        let id = UserId::generate(now);
        let is_active = user.active != Some(false);
        let mut write = self.write().await?;
        let done = sqlx::query(
            "INSERT INTO users (id, login, login_folded, status, additions_held_until, created_at, connection_id, external_id, \
             display_folded, profile, version, updated_at) SELECT $1, $2, $3, $4, 0, $5, $6, $7, $8, $9, 1, $5 \
             WHERE NOT EXISTS (SELECT 1 FROM users WHERE login_folded = $3)",
        )
        .bind(id.as_str())
        .bind(&user.user_name)
        .bind(fold(&user.user_name))
        .bind(status(is_active))
        .bind(now)
        .bind(connection)
        .bind(user.external_id.as_deref().unwrap_or_default())
        .bind(folded(user.display_name.as_ref()))
        .bind(json(user))
        .execute(&mut *write)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        let deed = Deed {
            kind: "scim_user_created",
            connection,
            user: id.as_str(),
            detail: &user.user_name,
        };
        Self::insert_deed(&mut write, &deed, now).await?;
        write.commit().await?;
        Ok(Person {
            id,
            connection: connection.into(),
            user: User {
                active: Some(is_active),
                ..user.clone()
            },
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    /// The person of this id, as far as this connection may know.
    pub async fn find_person(&self, connection: &str, id: &UserId) -> Result<Option<Person>> {
        let found = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM users WHERE id = $1 AND (connection_id = $2 OR connection_id = '')"
        ))
        .bind(id.as_str())
        .bind(connection)
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }

    /// Changes a person as `change` says, who sees them as they are while nobody else can change them. What changes
    /// nothing leaves the version as it is. Deactivation ends everything they could sign in with, in the same transaction.
    pub async fn change_person<E>(
        &self,
        connection: &str,
        id: &UserId,
        now: Millis,
        change: impl FnOnce(&Person) -> std::result::Result<User, E>,
    ) -> Result<std::result::Result<Person, Refusal<E>>> {
        let mut write = self.write().await?;
        let Some(before) = lock(&mut write, connection, id).await? else {
            return Ok(Err(Refusal::Unknown));
        };
        let user = match change(&before) {
            Ok(user) => user,
            Err(refused) => return Ok(Err(Refusal::Refused(refused))),
        };
        // Neither "active" nor the client's id is forgotten because a request leaves it out.
        let user = User {
            active: user.active.or(before.user.active),
            external_id: user.external_id.or_else(|| before.user.external_id.clone()),
            ..user
        };
        if user == before.user && before.connection == connection {
            return Ok(Ok(before));
        }
        let after = Person {
            connection: connection.into(),
            user,
            version: before.version + 1,
            updated_at: now.max(before.updated_at),
            ..before.clone()
        };
        if !update(&mut write, &after).await? {
            return Ok(Err(Refusal::Taken));
        }
        Self::follow(&mut write, &before, &after, now).await?;
        write.commit().await?;
        Ok(Ok(after))
    }

    /// Deletes a person, unless `refuse` has a reason against it.
    pub async fn delete_person<E>(
        &self,
        connection: &str,
        id: &UserId,
        now: Millis,
        refuse: impl FnOnce(&Person) -> std::result::Result<(), E>,
    ) -> Result<std::result::Result<(), Refusal<E>>> {
        let mut write = self.write().await?;
        let Some(before) = lock(&mut write, connection, id).await? else {
            return Ok(Err(Refusal::Unknown));
        };
        if let Err(refused) = refuse(&before) {
            return Ok(Err(Refusal::Refused(refused)));
        }
        Self::depart(&mut write, &before, now).await?;
        // While the row is there to tell whom it is about.
        Self::queue_enrolment(&mut write, &before.id, now).await?;
        Self::erase(&mut write, &before.id).await?;
        let deed = Deed {
            kind: "scim_user_deleted",
            connection,
            user: id.as_str(),
            detail: &before.user.user_name,
        };
        Self::insert_deed(&mut write, &deed, now).await?;
        write.commit().await?;
        Ok(Ok(()))
    }

    /// Deactivates or activates a person within the caller's transaction because an event of the org's says so, with all
    /// that follows; `false` if they were that already.
    pub(in crate::store) async fn move_by_hook(
        write: &mut Write<'_>,
        connection: &str,
        id: &UserId,
        to_active: bool,
        now: Millis,
    ) -> Result<bool> {
        let Some(before) = lock(write, connection, id).await? else {
            return Ok(false);
        };
        if before.is_active() == to_active {
            return Ok(false);
        }
        sqlx::query(
            "UPDATE users SET status = $2, version = version + 1, updated_at = $3 WHERE id = $1",
        )
        .bind(id.as_str())
        .bind(status(to_active))
        .bind(now.max(before.updated_at))
        .execute(&mut **write)
        .await?;
        match to_active {
            true => Self::come_back(write, id).await?,
            false => Self::depart(write, &before, now).await?,
        }
        Self::queue_enrolment(write, id, now).await?;
        Ok(true)
    }

    /// What a change of a person brings with it.
    async fn follow(
        write: &mut Write<'_>,
        before: &Person,
        after: &Person,
        now: Millis,
    ) -> Result<()> {
        // A name that was given to somebody new: nothing of the old person's may let the new one in. Of an active person it
        // is a client that counts its people anew.
        let is_another = !before.is_active()
            && before
                .user
                .external_id
                .as_ref()
                .is_some_and(|id| after.user.external_id.as_ref() != Some(id));
        let kind = match (before.is_active(), after.is_active()) {
            (true, false) => "scim_user_deactivated",
            (false, true) => "scim_user_activated",
            _ => "scim_user_changed",
        };
        if is_another {
            Self::replace(write, before, now).await?;
        } else if before.is_active() && !after.is_active() {
            Self::depart(write, before, now).await?;
        } else if !before.is_active() && after.is_active() {
            Self::come_back(write, &after.id).await?;
        }
        if before.is_active() != after.is_active() || is_another {
            Self::overrule_hooks(write, &after.id).await?;
            Self::queue_enrolment(write, &after.id, now).await?;
        }
        let detail = match (is_another, before.user.user_name == after.user.user_name) {
            (true, _) => format!("{} is somebody else now", after.user.user_name),
            (false, true) => after.user.user_name.clone(),
            (false, false) => format!("{} → {}", before.user.user_name, after.user.user_name),
        };
        let deed = Deed {
            kind,
            connection: &after.connection,
            user: after.id.as_str(),
            detail: &detail,
        };
        Self::insert_deed(write, &deed, now).await
    }
}

/// The person, whom nobody else can change until the transaction ends: SQLite has its one write lock already, PostgreSQL
/// locks the row that an UPDATE touched.
async fn lock(write: &mut Write<'_>, connection: &str, id: &UserId) -> Result<Option<Person>> {
    let found = sqlx::query_as(concat!(
        "UPDATE users SET version = version WHERE id = $1 AND (connection_id = $2 OR connection_id = '') RETURNING ",
        columns!()
    ))
    .bind(id.as_str())
    .bind(connection)
    .fetch_optional(&mut **write)
    .await?;
    Ok(found)
}

/// `false` if somebody else has that name.
async fn update(write: &mut Write<'_>, after: &Person) -> Result<bool> {
    let user = &after.user;
    let done = sqlx::query(
        "UPDATE users SET login = $2, login_folded = $3, status = $4, connection_id = $5, external_id = $6, display_folded = $7, \
         profile = $8, version = $9, updated_at = $10 \
         WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM users o WHERE o.login_folded = $3 AND o.id <> $1)",
    )
    .bind(after.id.as_str())
    .bind(&user.user_name)
    .bind(fold(&user.user_name))
    .bind(status(after.is_active()))
    .bind(&after.connection)
    .bind(user.external_id.as_deref().unwrap_or_default())
    .bind(folded(user.display_name.as_ref()))
    .bind(json(user))
    .bind(after.version)
    .bind(after.updated_at)
    .execute(&mut **write)
    .await;
    match done.map_err(StoreError::from) {
        Ok(done) => Ok(done.rows_affected() == 1),
        // Another process took the name between our look and our write.
        Err(StoreError::Conflict) => Ok(false),
        Err(other) => Err(other),
    }
}

const fn status(is_active: bool) -> &'static str {
    match is_active {
        true => "active",
        false => "disabled",
    }
}

fn folded(text: Option<&String>) -> String {
    text.map(|t| fold(t)).unwrap_or_default()
}
