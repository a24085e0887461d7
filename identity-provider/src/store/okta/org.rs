//! The orgs of connections.

use super::{Result, Store, from_json, json};
use crate::{domain::okta::OktaOrg, store::corrupt};
use sqlx::{FromRow, Row, any::AnyRow};
use wire::id::{ConnectionId, Origin};

impl FromRow<'_, AnyRow> for OktaOrg {
    fn from_row(row: &AnyRow) -> std::result::Result<Self, sqlx::Error> {
        let text = |column: &'static str| row.try_get::<String, _>(column);
        Ok(Self {
            connection: ConnectionId::new(text("connection_id")?)
                .map_err(|_| corrupt("connection"))?,
            org: Origin::new(text("org")?).map_err(|_| corrupt("org"))?,
            sealed_credential: text("sealed_credential")?,
            ca: text("ca")?,
            addresses: from_json(&text("addresses")?, "addresses")
                .map_err(|_| corrupt("addresses"))?,
            effects: from_json(&text("effects")?, "effects").map_err(|_| corrupt("effects"))?,
            hook_hash: text("hook_hash")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

macro_rules! columns {
    () => {
        "connection_id, org, sealed_credential, ca, addresses, effects, hook_hash, updated_at"
    };
}

impl Store {
    /// Puts an org in place of the connection's former one. What that one was told of people says nothing about this one,
    /// nor about another group or attribute.
    pub async fn put_okta_org(&self, org: &OktaOrg) -> Result<()> {
        let mut write = self.write().await?;
        let before: Option<OktaOrg> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM okta_orgs WHERE connection_id = $1"
        ))
        .bind(org.connection.as_str())
        .fetch_optional(&mut *write)
        .await?;
        sqlx::query(
            "INSERT INTO okta_orgs (connection_id, org, sealed_credential, ca, addresses, effects, hook_hash, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (connection_id) DO UPDATE SET org = excluded.org, \
             sealed_credential = excluded.sealed_credential, ca = excluded.ca, addresses = excluded.addresses, \
             effects = excluded.effects, hook_hash = excluded.hook_hash, updated_at = excluded.updated_at",
        )
        .bind(org.connection.as_str())
        .bind(org.org.as_str())
        .bind(&org.sealed_credential)
        .bind(&org.ca)
        .bind(json(&org.addresses))
        .bind(json(&org.effects))
        .bind(&org.hook_hash)
        .bind(org.updated_at)
        .execute(&mut *write)
        .await?;
        if let Some(before) = before {
            let forgotten: &[&str] = match before.org == org.org {
                false => &["DELETE FROM okta_people WHERE connection_id = $1 AND left_by_hook = 0"],
                true if before.effects.group != org.effects.group => {
                    &["UPDATE okta_people SET member = -1 WHERE connection_id = $1"]
                }
                true => &[],
            };
            let attribute = (before.effects.attribute != org.effects.attribute)
                .then_some("UPDATE okta_people SET registered = -1 WHERE connection_id = $1");
            for statement in forgotten.iter().copied().chain(attribute) {
                sqlx::query(statement)
                    .bind(org.connection.as_str())
                    .execute(&mut *write)
                    .await?;
            }
        }
        write.commit().await?;
        Ok(())
    }

    /// The org of a connection.
    pub async fn find_okta_org(&self, connection: &ConnectionId) -> Result<Option<OktaOrg>> {
        let found = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM okta_orgs WHERE connection_id = $1"
        ))
        .bind(connection.as_str())
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }

    /// Takes the credential away, and with it whatever would be done there.
    pub async fn forget_okta_org(&self, connection: &ConnectionId) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query("DELETE FROM okta_orgs WHERE connection_id = $1")
            .bind(connection.as_str())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(())
    }

    /// All orgs, by connection.
    pub async fn list_okta_orgs(&self) -> Result<Vec<OktaOrg>> {
        let all = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM okta_orgs ORDER BY connection_id"
        ))
        .fetch_all(&self.pool)
        .await?;
        Ok(all)
    }
}
