//! People and their groups.

use super::{Result, Store, StoreError, Write};
use crate::{
    clock::Millis,
    domain::user::{User, UserId, UserStatus},
};
use sqlx::{FromRow, Row, any::AnyRow};
use wire::id::UserName;

impl FromRow<'_, AnyRow> for User {
    fn from_row(row: &AnyRow) -> std::result::Result<Self, sqlx::Error> {
        let login: String = row.try_get("login")?;
        let status: String = row.try_get("status")?;
        Ok(Self {
            id: UserId::from_row_text(row.try_get("id")?),
            login: UserName::new(login).map_err(|e| sqlx::Error::Decode(e.into()))?,
            status: match status.as_str() {
                "active" => UserStatus::Active,
                _ => UserStatus::Disabled,
            },
            additions_held_until: row.try_get("additions_held_until")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

macro_rules! columns {
    () => {
        "id, login, status, additions_held_until, created_at"
    };
}

impl Store {
    /// Adds a person with these groups; [`StoreError::Conflict`] if the login is taken.
    pub async fn insert_user(&self, user: &User, groups: &[String]) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO users (id, login, login_folded, status, additions_held_until, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $6)",
        )
        .bind(user.id.as_str())
        .bind(user.login.as_str())
        .bind(user.login.as_str().to_ascii_lowercase())
        .bind(user.status.code())
        .bind(user.additions_held_until)
        .bind(user.created_at)
        .execute(&mut *write)
        .await?;
        for group in groups {
            sqlx::query("INSERT INTO user_groups (user_id, name) VALUES ($1, $2) ON CONFLICT (user_id, name) DO NOTHING")
                .bind(user.id.as_str())
                .bind(group)
                .execute(&mut *write)
                .await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// The person with exactly this login, byte for byte; else the only one whose login is the same but for ASCII case;
    /// nobody if there are several of those.
    pub async fn find_user_by_name(&self, name: &str) -> Result<Option<User>> {
        // One query, whoever is looked for: people who do not exist take as long to find.
        let found: Vec<User> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM users WHERE login_folded = $1 \
             ORDER BY CASE WHEN login = $2 THEN 0 ELSE 1 END LIMIT 2"
        ))
        .bind(name.to_ascii_lowercase())
        .bind(name)
        .fetch_all(&self.pool)
        .await?;
        let is_one = found.len() == 1;
        let first = found.into_iter().next();
        Ok(first.filter(|user| is_one || user.login.as_str() == name))
    }

    /// The person with this id.
    pub async fn find_user(&self, id: &UserId) -> Result<Option<User>> {
        let user = sqlx::query_as(concat!("SELECT ", columns!(), " FROM users WHERE id = $1"))
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await?;
        Ok(user)
    }

    /// Everybody, by login.
    pub async fn list_users(&self) -> Result<Vec<User>> {
        let users = sqlx::query_as(concat!("SELECT ", columns!(), " FROM users ORDER BY login"))
            .fetch_all(&self.pool)
            .await?;
        Ok(users)
    }

    /// Groups of a person, named here or pushed by Okta, by name.
    pub async fn groups_of(&self, id: &UserId) -> Result<Vec<String>> {
        let groups = sqlx::query_scalar(
            "SELECT name FROM groups_of_people WHERE user_id = $1 ORDER BY name",
        )
        .bind(id.as_str())
        .fetch_all(&self.pool)
        .await?;
        Ok(groups)
    }

    /// Activates or disables a person; `false` if there is none with this id.
    pub async fn set_user_status(
        &self,
        id: &UserId,
        status: UserStatus,
        now: Millis,
    ) -> Result<bool> {
        let mut write = self.write().await?;
        let done = sqlx::query("UPDATE users SET status = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(status.code())
            .execute(&mut *write)
            .await?;
        Self::overrule_hooks(&mut write, id).await?;
        Self::queue_enrolment(&mut write, id, now).await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Lets no further factor be added before `until`.
    pub(crate) async fn hold_additions(
        write: &mut Write<'_>,
        id: &UserId,
        until: Millis,
    ) -> Result<()> {
        let done = sqlx::query("UPDATE users SET additions_held_until = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(until)
            .execute(&mut **write)
            .await?;
        match done.rows_affected() {
            1 => Ok(()),
            _ => Err(StoreError::Corrupt("binding of a person who is gone")),
        }
    }
}
