//! Administrators of the console, and their sessions. A session is known by the hash of its cookie.

use super::{Result, Store};
use crate::clock::Millis;
use sqlx::FromRow;

/// One administrator's session.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct AdminSession {
    /// Who.
    pub admin: String,
    /// Since when.
    pub created_at: Millis,
    /// Last request.
    pub last_seen: Millis,
    /// When it ends by itself.
    pub expires_at: Millis,
}

impl Store {
    /// Makes the administrator, or gives an existing one another password; either way all sessions of that name end.
    pub async fn put_admin(&self, name: &str, password_hash: &str, now: Millis) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO admins (name, password_hash, created_at) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash",
        )
        .bind(name)
        .bind(password_hash)
        .bind(now)
        .execute(&mut *write)
        .await?;
        sqlx::query("DELETE FROM admin_sessions WHERE admin = $1")
            .bind(name)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(())
    }

    /// The password hash of the administrator `name`.
    pub async fn find_admin(&self, name: &str) -> Result<Option<String>> {
        let hash = sqlx::query_scalar("SELECT password_hash FROM admins WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        Ok(hash)
    }

    /// Begins a session; `hash` is that of its cookie.
    pub async fn insert_admin_session(&self, hash: &str, session: &AdminSession) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query(
            "INSERT INTO admin_sessions (hash, admin, created_at, last_seen, expires_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(hash)
        .bind(&session.admin)
        .bind(session.created_at)
        .bind(session.last_seen)
        .bind(session.expires_at)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// The session, if it has neither ended nor lain idle since `idle_since`; notes that it was used.
    pub async fn touch_admin_session(
        &self,
        hash: &str,
        idle_since: Millis,
        now: Millis,
    ) -> Result<Option<AdminSession>> {
        let mut write = self.one().await?;
        let session = sqlx::query_as(
            "UPDATE admin_sessions SET last_seen = $3 WHERE hash = $1 AND expires_at > $3 AND last_seen >= $2 \
             RETURNING admin, created_at, last_seen, expires_at",
        )
        .bind(hash)
        .bind(idle_since)
        .bind(now)
        .fetch_optional(&mut *write)
        .await?;
        write.commit().await?;
        Ok(session)
    }

    /// Ends a session.
    pub async fn delete_admin_session(&self, hash: &str) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query("DELETE FROM admin_sessions WHERE hash = $1")
            .bind(hash)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(())
    }
}
