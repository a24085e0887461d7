//! Clients, their secrets, codes and access tokens of the OpenID Provider.

use super::{Result, Store, StoreError, Write, from_json, json};
use crate::{
    clock::Millis,
    domain::{
        connection::{Connection, SigningKey},
        oidc::{OidcClient, Subject},
        user::UserId,
    },
};
use sqlx::{FromRow, Row, any::AnyRow};
use wire::id::{ChallengeId, ConnectionId};

fn corrupt(what: &'static str) -> sqlx::Error {
    sqlx::Error::Decode(StoreError::Corrupt(what).into())
}

impl FromRow<'_, AnyRow> for OidcClient {
    fn from_row(row: &AnyRow) -> std::result::Result<Self, sqlx::Error> {
        let text = |column: &'static str| row.try_get::<String, _>(column);
        Ok(Self {
            connection: ConnectionId::new(text("connection_id")?)
                .map_err(|_| corrupt("connection"))?,
            client: from_json(&text("registration")?, "client").map_err(|_| corrupt("client"))?,
            groups: from_json(&text("assigned_groups")?, "groups")
                .map_err(|_| corrupt("groups"))?,
            subject: Subject::from_code(&text("subject")?).ok_or_else(|| corrupt("subject"))?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

/// A secret as stored.
#[derive(Clone, FromRow)]
pub struct SecretRow {
    /// Its name in the records.
    pub id: String,
    /// What presented ones are compared with.
    pub hash: String,
    /// Itself under the master key, or nothing.
    pub sealed: String,
    /// Made.
    pub created_at: Millis,
}

/// A code as stored.
#[derive(Debug, Clone)]
pub struct CodeRow {
    /// Of which sign-in.
    pub challenge_id: ChallengeId,
}

/// What an access token opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// Through which connection.
    pub connection: ConnectionId,
    /// Of which sign-in.
    pub challenge: ChallengeId,
    /// Of whom.
    pub user: UserId,
    /// Hash of the cookie of the browser that signed in.
    pub browser: String,
    /// What of them.
    pub scope: String,
    /// Made.
    pub created_at: Millis,
    /// No longer good.
    pub expires_at: Millis,
}

impl FromRow<'_, AnyRow> for AccessToken {
    fn from_row(row: &AnyRow) -> std::result::Result<Self, sqlx::Error> {
        let text = |column: &'static str| row.try_get::<String, _>(column);
        Ok(Self {
            connection: ConnectionId::new(text("connection_id")?)
                .map_err(|_| corrupt("connection"))?,
            challenge: ChallengeId::new(text("challenge_id")?).map_err(|_| corrupt("challenge"))?,
            user: UserId::from_row_text(text("user_id")?),
            browser: text("browser")?,
            scope: text("scope")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
        })
    }
}

impl Store {
    /// Adds a connection that speaks OpenID Connect: all of it or nothing.
    pub async fn insert_oidc_connection(
        &self,
        connection: &Connection,
        key: &SigningKey,
        client: &OidcClient,
        secret: Option<&SecretRow>,
    ) -> Result<()> {
        let mut write = self.write().await?;
        Self::insert_connection_in(&mut write, connection, key).await?;
        sqlx::query(
            "INSERT INTO oidc_clients (connection_id, client_id, registration, assigned_groups, subject, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(client.connection.as_str())
        .bind(&client.client.client_id)
        .bind(json(&client.client))
        .bind(json(&client.groups))
        .bind(client.subject.code())
        .bind(client.updated_at)
        .execute(&mut *write)
        .await?;
        if let Some(secret) = secret {
            insert_secret(&mut write, &client.connection, secret).await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// Replaces what can change of a client; `false` if there is none.
    pub async fn update_oidc_client(&self, client: &OidcClient) -> Result<bool> {
        let mut write = self.one().await?;
        let done = sqlx::query(
            "UPDATE oidc_clients SET registration = $2, assigned_groups = $3, subject = $4, updated_at = $5 \
             WHERE connection_id = $1",
        )
        .bind(client.connection.as_str())
        .bind(json(&client.client))
        .bind(json(&client.groups))
        .bind(client.subject.code())
        .bind(client.updated_at)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// The client of a connection; none if the connection speaks SAML, or does not exist.
    pub async fn find_oidc_client(&self, connection: &ConnectionId) -> Result<Option<OidcClient>> {
        let found = sqlx::query_as(
            "SELECT connection_id, registration, assigned_groups, subject, updated_at FROM oidc_clients WHERE connection_id = $1",
        )
        .bind(connection.as_str())
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }

    /// The secrets in force, newest first.
    pub async fn oidc_secrets_of(&self, connection: &ConnectionId) -> Result<Vec<SecretRow>> {
        let rows = sqlx::query_as(
            "SELECT id, hash, sealed, created_at FROM oidc_secrets WHERE connection_id = $1 AND retired_at = 0 \
             ORDER BY created_at DESC, id DESC",
        )
        .bind(connection.as_str())
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// Adds a secret; [`StoreError::Conflict`] if two are in force already.
    pub async fn insert_oidc_secret(
        &self,
        connection: &ConnectionId,
        secret: &SecretRow,
    ) -> Result<()> {
        let mut write = self.write().await?;
        // The row of the client serves as the lock that makes two additions at once impossible.
        sqlx::query("UPDATE oidc_clients SET updated_at = updated_at + 1 WHERE connection_id = $1")
            .bind(connection.as_str())
            .execute(&mut *write)
            .await?;
        let in_force: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM oidc_secrets WHERE connection_id = $1 AND retired_at = 0",
        )
        .bind(connection.as_str())
        .fetch_one(&mut *write)
        .await?;
        if in_force >= 2 {
            return Err(StoreError::Conflict);
        }
        insert_secret(&mut write, connection, secret).await?;
        write.commit().await?;
        Ok(())
    }

    /// Retires all secrets but the newest. Returns how many went.
    pub async fn retire_oidc_secrets(&self, connection: &ConnectionId, now: Millis) -> Result<u64> {
        let Some(newest) = self.oidc_secrets_of(connection).await?.into_iter().next() else {
            return Ok(0);
        };
        let mut write = self.one().await?;
        let done = sqlx::query(
            "UPDATE oidc_secrets SET retired_at = $3, sealed = '' WHERE connection_id = $1 AND retired_at = 0 AND id <> $2",
        )
        .bind(connection.as_str())
        .bind(newest.id)
        .bind(now)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected())
    }

    /// Keeps no secret in the clear any more, only hashes.
    pub async fn forget_oidc_secrets_in_the_clear(&self, connection: &ConnectionId) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query("UPDATE oidc_secrets SET sealed = '' WHERE connection_id = $1")
            .bind(connection.as_str())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(())
    }

    /// Writes the code of a challenge down, by its hash; nothing happens if it is there already.
    pub async fn insert_oidc_code(
        &self,
        hash: &str,
        connection: &ConnectionId,
        challenge: &ChallengeId,
        expires_at: Millis,
    ) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query(
            "INSERT INTO oidc_codes (hash, connection_id, challenge_id, expires_at, used_at) VALUES ($1, $2, $3, $4, 0) \
             ON CONFLICT (challenge_id) DO NOTHING",
        )
        .bind(hash)
        .bind(connection.as_str())
        .bind(challenge.as_str())
        .bind(expires_at)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// The code with this hash, if it is of this connection.
    pub async fn find_oidc_code(
        &self,
        hash: &str,
        connection: &ConnectionId,
    ) -> Result<Option<CodeRow>> {
        let id: Option<String> = sqlx::query_scalar(
            "SELECT challenge_id FROM oidc_codes WHERE hash = $1 AND connection_id = $2",
        )
        .bind(hash)
        .bind(connection.as_str())
        .fetch_optional(&self.pool)
        .await?;
        id.map(|id| ChallengeId::new(id).map_err(|_| StoreError::Corrupt("code")))
            .transpose()
            .map(|id| id.map(|challenge_id| CodeRow { challenge_id }))
    }

    /// Uses a code up: of many at once exactly one gets `true`, and none after its time.
    pub async fn use_oidc_code(write: &mut Write<'_>, hash: &str, now: Millis) -> Result<bool> {
        let done = sqlx::query("UPDATE oidc_codes SET used_at = $2 WHERE hash = $1 AND used_at = 0 AND expires_at > $2")
            .bind(hash)
            .bind(now)
            .execute(&mut **write)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Whether a code was used.
    pub async fn is_oidc_code_used(write: &mut Write<'_>, hash: &str) -> Result<bool> {
        let used: Option<i64> =
            sqlx::query_scalar("SELECT used_at FROM oidc_codes WHERE hash = $1")
                .bind(hash)
                .fetch_optional(&mut **write)
                .await?;
        Ok(used.is_some_and(|at| at != 0))
    }

    /// Writes an access token down, by its hash.
    pub async fn insert_oidc_token(
        write: &mut Write<'_>,
        hash: &str,
        token: &AccessToken,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO oidc_tokens (hash, connection_id, challenge_id, user_id, browser, scope, created_at, expires_at, revoked_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)",
        )
        .bind(hash)
        .bind(token.connection.as_str())
        .bind(token.challenge.as_str())
        .bind(token.user.as_str())
        .bind(&token.browser)
        .bind(&token.scope)
        .bind(token.created_at)
        .bind(token.expires_at)
        .execute(&mut **write)
        .await?;
        Ok(())
    }

    /// The access token with this hash, if it is good at this connection now.
    pub async fn find_oidc_token(
        &self,
        hash: &str,
        connection: &ConnectionId,
        now: Millis,
    ) -> Result<Option<AccessToken>> {
        let found = sqlx::query_as(
            "SELECT connection_id, challenge_id, user_id, browser, scope, created_at, expires_at FROM oidc_tokens \
             WHERE hash = $1 AND connection_id = $2 AND revoked_at = 0 AND expires_at > $3",
        )
        .bind(hash)
        .bind(connection.as_str())
        .bind(now)
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }

    /// Revokes the tokens of one sign-in.
    pub async fn revoke_oidc_tokens_of(
        write: &mut Write<'_>,
        challenge: &ChallengeId,
        now: Millis,
    ) -> Result<u64> {
        let done = sqlx::query(
            "UPDATE oidc_tokens SET revoked_at = $2 WHERE challenge_id = $1 AND revoked_at = 0",
        )
        .bind(challenge.as_str())
        .bind(now)
        .execute(&mut **write)
        .await?;
        Ok(done.rows_affected())
    }

    /// Revokes the tokens of every sign-in of one browser at one connection.
    pub async fn revoke_oidc_tokens_in(
        &self,
        browser: &str,
        connection: &ConnectionId,
        now: Millis,
    ) -> Result<u64> {
        let mut write = self.one().await?;
        let done = sqlx::query(
            "UPDATE oidc_tokens SET revoked_at = $3 WHERE browser = $1 AND connection_id = $2 AND revoked_at = 0",
        )
        .bind(browser)
        .bind(connection.as_str())
        .bind(now)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected())
    }

    /// The certificates of all keys whose signatures may still be out there: the current one, the announced one, and those
    /// retired after `since`.
    pub async fn published_keys_of(
        &self,
        id: &ConnectionId,
        since: Millis,
    ) -> Result<Vec<SigningKey>> {
        let keys = sqlx::query_as(
            "SELECT id, status, certificate, sealed_key, created_at FROM signing_keys \
             WHERE connection_id = $1 AND (status <> 'retired' OR retired_at > $2) ORDER BY status, created_at",
        )
        .bind(id.as_str())
        .bind(since)
        .fetch_all(&self.pool)
        .await?;
        Ok(keys)
    }
}

async fn insert_secret(
    write: &mut Write<'_>,
    connection: &ConnectionId,
    secret: &SecretRow,
) -> Result<()> {
    sqlx::query("INSERT INTO oidc_secrets (id, connection_id, hash, sealed, created_at, retired_at) VALUES ($1, $2, $3, $4, $5, 0)")
        .bind(&secret.id)
        .bind(connection.as_str())
        .bind(&secret.hash)
        .bind(&secret.sealed)
        .bind(secret.created_at)
        .execute(&mut **write)
        .await?;
    Ok(())
}
