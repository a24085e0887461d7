//! Connections and their signing keys.

use super::{Result, Store, StoreError};
use crate::{
    clock::Millis,
    domain::connection::{Connection, KeyStatus, Role, SigningKey},
};
use sqlx::{FromRow, Row, any::AnyRow};
use wire::id::ConnectionId;

fn text<T: std::error::Error + Send + Sync + 'static>(error: T) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

impl FromRow<'_, AnyRow> for Connection {
    fn from_row(row: &AnyRow) -> std::result::Result<Self, sqlx::Error> {
        let role: String = row.try_get("role")?;
        Ok(Self {
            id: ConnectionId::new(row.try_get::<String, _>("id")?).map_err(text)?,
            role: Role::from_code(&role).ok_or_else(|| text(StoreError::Corrupt("role")))?,
            okta_offers_choice: row.try_get::<i64, _>("okta_offers_choice")? != 0,
            metadata: row.try_get("metadata")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

impl FromRow<'_, AnyRow> for SigningKey {
    fn from_row(row: &AnyRow) -> std::result::Result<Self, sqlx::Error> {
        let status: String = row.try_get("status")?;
        let certificate: String = row.try_get("certificate")?;
        Ok(Self {
            id: row.try_get("id")?,
            status: KeyStatus::from_code(&status)
                .ok_or_else(|| text(StoreError::Corrupt("key status")))?,
            certificate: wire::b64::decode(&certificate)
                .ok_or_else(|| text(StoreError::Corrupt("certificate")))?,
            sealed_key: row.try_get("sealed_key")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

impl Store {
    /// Adds a connection with its first signing key.
    pub async fn insert_connection(&self, connection: &Connection, key: &SigningKey) -> Result<()> {
        let mut write = self.write().await?;
        Self::insert_connection_in(&mut write, connection, key).await?;
        write.commit().await?;
        Ok(())
    }

    /// As [`Self::insert_connection`], within a transaction.
    pub(super) async fn insert_connection_in(
        write: &mut super::Write<'_>,
        connection: &Connection,
        key: &SigningKey,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO connections (id, role, okta_offers_choice, metadata, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $5)",
        )
        .bind(connection.id.as_str())
        .bind(connection.role.code())
        .bind(i64::from(connection.okta_offers_choice))
        .bind(&connection.metadata)
        .bind(connection.updated_at)
        .execute(&mut **write)
        .await?;
        insert_key(write, &connection.id, key).await
    }

    /// Replaces what can change of a connection; `false` if there is none of this id.
    pub async fn update_connection(&self, connection: &Connection) -> Result<bool> {
        let mut write = self.one().await?;
        let done = sqlx::query(
            "UPDATE connections SET role = $2, okta_offers_choice = $3, metadata = $4, updated_at = $5 WHERE id = $1",
        )
        .bind(connection.id.as_str())
        .bind(connection.role.code())
        .bind(i64::from(connection.okta_offers_choice))
        .bind(&connection.metadata)
        .bind(connection.updated_at)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        self.forget_connections();
        Ok(done.rows_affected() == 1)
    }

    /// The connection of this id.
    pub async fn find_connection(&self, id: &ConnectionId) -> Result<Option<Connection>> {
        let ticket = match self.recent.connections.find(id.as_str()) {
            Ok(found) => return Ok(found),
            Err(ticket) => ticket,
        };
        let found = sqlx::query_as("SELECT id, role, okta_offers_choice, metadata, updated_at FROM connections WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await?;
        if found.is_some() {
            self.recent.connections.put(ticket, id.as_str(), &found);
        }
        Ok(found)
    }

    /// All connections, by id.
    pub async fn list_connections(&self) -> Result<Vec<Connection>> {
        let all = sqlx::query_as("SELECT id, role, okta_offers_choice, metadata, updated_at FROM connections ORDER BY id")
            .fetch_all(&self.pool)
            .await?;
        Ok(all)
    }

    /// The signing keys of a connection that are in use or will be: the current one first.
    pub async fn signing_keys_of(&self, id: &ConnectionId) -> Result<Vec<SigningKey>> {
        let ticket = match self.recent.signing_keys.find(id.as_str()) {
            Ok(found) => return Ok(found),
            Err(ticket) => ticket,
        };
        let keys = sqlx::query_as(
            "SELECT id, status, certificate, sealed_key, created_at FROM signing_keys \
             WHERE connection_id = $1 AND status <> 'retired' ORDER BY status, created_at",
        )
        .bind(id.as_str())
        .fetch_all(&self.pool)
        .await?;
        if !keys.is_empty() {
            self.recent.signing_keys.put(ticket, id.as_str(), &keys);
        }
        Ok(keys)
    }

    /// Announces `key` as the one after the current; [`StoreError::Conflict`] if one is announced already.
    pub async fn announce_key(&self, id: &ConnectionId, key: &SigningKey) -> Result<()> {
        let mut write = self.write().await?;
        // The row of the connection serves as the lock that makes two announcements at once impossible.
        sqlx::query("UPDATE connections SET updated_at = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(key.created_at)
            .execute(&mut *write)
            .await?;
        let announced: Option<String> = sqlx::query_scalar(
            "SELECT id FROM signing_keys WHERE connection_id = $1 AND status = 'next'",
        )
        .bind(id.as_str())
        .fetch_optional(&mut *write)
        .await?;
        if announced.is_some() {
            return Err(StoreError::Conflict);
        }
        insert_key(&mut write, id, key).await?;
        write.commit().await?;
        self.forget_connections();
        Ok(())
    }

    /// Makes the announced key the current one and retires the other; `false` if none is announced.
    pub async fn promote_key(&self, id: &ConnectionId, now: Millis) -> Result<bool> {
        let mut write = self.write().await?;
        sqlx::query("UPDATE connections SET updated_at = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(now)
            .execute(&mut *write)
            .await?;
        let next: Option<String> = sqlx::query_scalar(
            "SELECT id FROM signing_keys WHERE connection_id = $1 AND status = 'next'",
        )
        .bind(id.as_str())
        .fetch_optional(&mut *write)
        .await?;
        let Some(next) = next else { return Ok(false) };
        sqlx::query("UPDATE signing_keys SET status = 'retired', retired_at = $2 WHERE connection_id = $1 AND status = 'current'")
            .bind(id.as_str())
            .bind(now)
            .execute(&mut *write)
            .await?;
        sqlx::query("UPDATE signing_keys SET status = 'current' WHERE id = $1")
            .bind(next)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        self.forget_connections();
        Ok(true)
    }
}

impl Store {
    fn forget_connections(&self) {
        self.recent.connections.forget();
        self.recent.signing_keys.forget();
    }
}

async fn insert_key(
    write: &mut super::Write<'_>,
    id: &ConnectionId,
    key: &SigningKey,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO signing_keys (id, connection_id, status, certificate, sealed_key, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&key.id)
    .bind(id.as_str())
    .bind(key.status.code())
    .bind(wire::b64::encode(&key.certificate))
    .bind(&key.sealed_key)
    .bind(key.created_at)
    .execute(&mut **write)
    .await?;
    Ok(())
}
