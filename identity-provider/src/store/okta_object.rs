//! What the organiser made in an org.

use super::{Result, Store};
use crate::clock::{MINUTE, Millis};
use sqlx::FromRow;

/// How long another node's intention is believed to be alive.
pub const INTENTION: Millis = 10 * MINUTE;

/// One object in an org.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct OktaObjectRow {
    /// Which file.
    pub set_name: String,
    /// Okta's id of the org.
    pub org: String,
    /// What it is.
    pub kind: String,
    /// Its name in the file.
    pub name: String,
    /// Okta's id of it; empty until it is known.
    pub okta_id: String,
    /// Okta's id of what it is part of; empty if it is part of nothing.
    pub parent_id: String,
    /// `intended` or `made`.
    pub state: String,
    /// 1 if it was there before.
    pub adopted: i64,
    /// Fingerprint of the secret that was sent.
    pub secret: String,
    /// Whose intention it is.
    pub holder: String,
    /// When it was meant to be made.
    pub intended_at: Millis,
    /// When it was; 0 while intended.
    pub made_at: Millis,
}

macro_rules! columns {
    () => {
        "set_name, org, kind, name, okta_id, parent_id, state, adopted, secret, holder, intended_at, made_at"
    };
}

impl Store {
    /// Everything that a file made or means to make in an org.
    pub async fn okta_objects(&self, set: &str, org: &str) -> Result<Vec<OktaObjectRow>> {
        let rows = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM okta_objects WHERE set_name = $1 AND org = $2 ORDER BY made_at, kind, name"
        ))
        .bind(set)
        .bind(org)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// Writes down that `row` is about to be made, before it is. `seen` is the id that the record had when that was decided,
    /// empty for none. `false` if the record has moved on since, or if another node is making it at this time.
    pub async fn intend_okta_object(&self, row: &OktaObjectRow, seen: &str) -> Result<bool> {
        let mut write = self.one().await?;
        let done = sqlx::query(concat!(
            "INSERT INTO okta_objects (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, '', $5, 'intended', 0, $6, $7, $8, 0) \
             ON CONFLICT (set_name, org, kind, name) DO UPDATE SET \
             okta_id = '', parent_id = excluded.parent_id, state = 'intended', adopted = 0, secret = excluded.secret, \
             holder = excluded.holder, intended_at = excluded.intended_at, made_at = 0 \
             WHERE okta_objects.okta_id = $9 AND (okta_objects.state = 'made' OR okta_objects.holder = excluded.holder \
             OR okta_objects.intended_at < $10)"
        ))
        .bind(&row.set_name)
        .bind(&row.org)
        .bind(&row.kind)
        .bind(&row.name)
        .bind(&row.parent_id)
        .bind(&row.secret)
        .bind(&row.holder)
        .bind(row.intended_at)
        .bind(seen)
        .bind(row.intended_at - INTENTION)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Writes down what stands in the org.
    pub async fn put_okta_object(&self, row: &OktaObjectRow) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query(concat!(
            "INSERT INTO okta_objects (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, 'made', $7, $8, $9, $10, $11) \
             ON CONFLICT (set_name, org, kind, name) DO UPDATE SET \
             okta_id = excluded.okta_id, parent_id = excluded.parent_id, state = 'made', adopted = excluded.adopted, \
             secret = excluded.secret, holder = excluded.holder, made_at = excluded.made_at"
        ))
        .bind(&row.set_name)
        .bind(&row.org)
        .bind(&row.kind)
        .bind(&row.name)
        .bind(&row.okta_id)
        .bind(&row.parent_id)
        .bind(row.adopted)
        .bind(&row.secret)
        .bind(&row.holder)
        .bind(row.intended_at)
        .bind(row.made_at)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// Forgets an object.
    pub async fn forget_okta_object(&self, row: &OktaObjectRow) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query(
            "DELETE FROM okta_objects WHERE set_name = $1 AND org = $2 AND kind = $3 AND name = $4",
        )
        .bind(&row.set_name)
        .bind(&row.org)
        .bind(&row.kind)
        .bind(&row.name)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// When somebody was last let in through a connection, if not before `since`.
    pub async fn last_allowed(&self, connection: &str, since: Millis) -> Result<Option<Millis>> {
        let at = sqlx::query_scalar(
            "SELECT at FROM decisions WHERE connection_id = $1 AND outcome = 'allow' AND at >= $2 ORDER BY at DESC LIMIT 1",
        )
        .bind(connection)
        .bind(since)
        .fetch_optional(&self.pool)
        .await?;
        Ok(at)
    }
}
