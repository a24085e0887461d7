//! Groups and their members. Members are rows, and a change touches only those it names, in a transaction that holds the
//! group: two changes at once both count, whatever their order.

use super::{Deed, placeholders};
use crate::{
    clock::Millis,
    domain::scim::{GroupRow, Membership},
    random,
    store::{Result, Store, StoreError, Write, scim::Refusal},
};
use sqlx::AssertSqlSafe;
use standards::scim::{
    filter::matches_element,
    fold,
    group::{Change, Group},
    limits,
    schema::GROUP,
};

/// Values bound by one statement; SQLite takes 32,766, PostgreSQL 65,535.
const CHUNK: usize = 500;

/// What a group is after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// This.
    Group(GroupRow),
    /// Nothing: somebody named as a member is unknown.
    UnknownMember(String),
    /// Nothing: it would have more members than a group may have.
    TooMany,
}

macro_rules! columns {
    () => {
        "id, name, external_id, version, created_at, updated_at"
    };
}

impl Store {
    /// Adds a group; [`StoreError::Conflict`] if the connection has one of this name.
    pub async fn insert_group(
        &self,
        connection: &str,
        group: &Group,
        now: Millis,
    ) -> Result<Changed> {
        let row = GroupRow {
            id: random::id(now),
            name: group.display_name.clone(),
            external_id: group.external_id.clone().unwrap_or_default(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO scim_groups (id, connection_id, name, name_folded, external_id, version, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, 1, $6, $6)",
        )
        .bind(&row.id)
        .bind(connection)
        .bind(&row.name)
        .bind(fold(&row.name))
        .bind(&row.external_id)
        .bind(now)
        .execute(&mut *write)
        .await?;
        let members = group.members.as_deref().unwrap_or_default();
        if let Some(unknown) = add(&mut write, connection, &row.id, members).await? {
            return Ok(Changed::UnknownMember(unknown));
        }
        let detail = format!("{} with {} members", row.name, members.len());
        deed(&mut write, "scim_group_created", connection, &detail, now).await?;
        write.commit().await?;
        Ok(Changed::Group(row))
    }

    /// The group of this id, if it is this connection's.
    pub async fn find_group(&self, connection: &str, id: &str) -> Result<Option<GroupRow>> {
        let found = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM scim_groups WHERE id = $1 AND connection_id = $2"
        ))
        .bind(id)
        .bind(connection)
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }

    /// Carries changes out, all or none, unless `refuse` has a reason against it.
    pub async fn change_group<E>(
        &self,
        connection: &str,
        id: &str,
        changes: &[Change],
        now: Millis,
        refuse: impl FnOnce(&GroupRow) -> std::result::Result<(), E>,
    ) -> Result<std::result::Result<Changed, Refusal<E>>> {
        let mut write = self.write().await?;
        let Some(before) = lock(&mut write, connection, id).await? else {
            return Ok(Err(Refusal::Unknown));
        };
        if let Err(refused) = refuse(&before) {
            return Ok(Err(Refusal::Refused(refused)));
        }
        let mut after = GroupRow {
            version: before.version + 1,
            updated_at: now.max(before.updated_at),
            ..before.clone()
        };
        let (mut added, mut removed) = (0, 0);
        for change in changes {
            match change {
                Change::Rename(name) => after.name.clone_from(name),
                Change::ExternalId(id) => after.external_id.clone_from(id),
                Change::Add(ids) => {
                    added += ids.len();
                    if let Some(unknown) = add(&mut write, connection, id, ids).await? {
                        return Ok(Ok(Changed::UnknownMember(unknown)));
                    }
                }
                Change::Remove(ids) => removed += remove(&mut write, id, ids).await?,
                Change::RemoveMatching(filter) => {
                    let list = GROUP.core_attribute("members");
                    let fits = |m: &Membership| {
                        let value =
                            serde_json::json!({ "value": m.id, "display": m.name, "type": "User" });
                        list.is_some_and(|list| matches_element(filter, list, &value) == Ok(true))
                    };
                    let members = members(&mut write, id).await?;
                    let ids: Vec<String> = members.into_iter().filter(fits).map(|m| m.id).collect();
                    removed += remove(&mut write, id, &ids).await?;
                }
                Change::Replace(ids) => {
                    removed += clear(&mut write, id).await?;
                    added += ids.len();
                    if let Some(unknown) = add(&mut write, connection, id, ids).await? {
                        return Ok(Ok(Changed::UnknownMember(unknown)));
                    }
                }
            }
        }
        if added > 0 && count(&mut write, id).await? > limits::MEMBERS {
            return Ok(Ok(Changed::TooMany));
        }
        match update(&mut write, &after).await {
            Ok(()) => {}
            Err(StoreError::Conflict) => return Ok(Err(Refusal::Taken)),
            Err(other) => return Err(other),
        }
        let detail = format!("{}: {added} members named, {removed} removed", after.name);
        deed(&mut write, "scim_group_changed", connection, &detail, now).await?;
        write.commit().await?;
        Ok(Ok(Changed::Group(after)))
    }

    /// Deletes a group, unless `refuse` has a reason against it.
    pub async fn delete_group<E>(
        &self,
        connection: &str,
        id: &str,
        now: Millis,
        refuse: impl FnOnce(&GroupRow) -> std::result::Result<(), E>,
    ) -> Result<std::result::Result<(), Refusal<E>>> {
        let mut write = self.write().await?;
        let Some(before) = lock(&mut write, connection, id).await? else {
            return Ok(Err(Refusal::Unknown));
        };
        if let Err(refused) = refuse(&before) {
            return Ok(Err(Refusal::Refused(refused)));
        }
        clear(&mut write, id).await?;
        sqlx::query("DELETE FROM scim_groups WHERE id = $1")
            .bind(id)
            .execute(&mut *write)
            .await?;
        deed(
            &mut write,
            "scim_group_deleted",
            connection,
            &before.name,
            now,
        )
        .await?;
        write.commit().await?;
        Ok(Ok(()))
    }
}

async fn lock(write: &mut Write<'_>, connection: &str, id: &str) -> Result<Option<GroupRow>> {
    let found = sqlx::query_as(concat!(
        "UPDATE scim_groups SET version = version WHERE id = $1 AND connection_id = $2 RETURNING ",
        columns!()
    ))
    .bind(id)
    .bind(connection)
    .fetch_optional(&mut **write)
    .await?;
    Ok(found)
}

async fn update(write: &mut Write<'_>, after: &GroupRow) -> Result<()> {
    sqlx::query("UPDATE scim_groups SET name = $2, name_folded = $3, external_id = $4, version = $5, updated_at = $6 WHERE id = $1")
        .bind(&after.id)
        .bind(&after.name)
        .bind(fold(&after.name))
        .bind(&after.external_id)
        .bind(after.version)
        .bind(after.updated_at)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Adds members; returns the first who is nobody that this connection knows, and then nothing may be kept.
async fn add(
    write: &mut Write<'_>,
    connection: &str,
    group: &str,
    ids: &[String],
) -> Result<Option<String>> {
    for chunk in ids.chunks(CHUNK) {
        let sql = format!(
            "SELECT id FROM users WHERE (connection_id = $1 OR connection_id = '') AND id IN ({})",
            placeholders(2, chunk.len())
        );
        let mut statement = sqlx::query_scalar(AssertSqlSafe(sql)).bind(connection.to_owned());
        for id in chunk {
            statement = statement.bind(id.clone());
        }
        let known: std::collections::HashSet<String> = statement
            .fetch_all(&mut **write)
            .await?
            .into_iter()
            .collect();
        if let Some(unknown) = chunk.iter().find(|id| !known.contains(*id)) {
            return Ok(Some(unknown.clone()));
        }
        let rows: Vec<String> = (2..2 + chunk.len())
            .map(|n| format!("($1, ${n})"))
            .collect();
        let sql = format!(
            "INSERT INTO scim_members (group_id, user_id) VALUES {} ON CONFLICT (group_id, user_id) DO NOTHING",
            rows.join(", ")
        );
        let mut statement = sqlx::query(AssertSqlSafe(sql)).bind(group.to_owned());
        for id in chunk {
            statement = statement.bind(id.clone());
        }
        statement.execute(&mut **write).await?;
    }
    Ok(None)
}

async fn remove(write: &mut Write<'_>, group: &str, ids: &[String]) -> Result<usize> {
    let mut removed = 0;
    for chunk in ids.chunks(CHUNK) {
        let sql = format!(
            "DELETE FROM scim_members WHERE group_id = $1 AND user_id IN ({})",
            placeholders(2, chunk.len())
        );
        let mut statement = sqlx::query(AssertSqlSafe(sql)).bind(group.to_owned());
        for id in chunk {
            statement = statement.bind(id.clone());
        }
        removed += statement.execute(&mut **write).await?.rows_affected();
    }
    Ok(usize::try_from(removed).unwrap_or(usize::MAX))
}

async fn clear(write: &mut Write<'_>, group: &str) -> Result<usize> {
    let done = sqlx::query("DELETE FROM scim_members WHERE group_id = $1")
        .bind(group)
        .execute(&mut **write)
        .await?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
}

async fn count(write: &mut Write<'_>, group: &str) -> Result<usize> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM scim_members WHERE group_id = $1")
        .bind(group)
        .fetch_one(&mut **write)
        .await?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

async fn members(write: &mut Write<'_>, group: &str) -> Result<Vec<Membership>> {
    let members = sqlx::query_as(
        "SELECT m.group_id AS owner, u.id AS id, u.login AS name FROM scim_members m JOIN users u ON u.id = m.user_id \
         WHERE m.group_id = $1",
    )
    .bind(group)
    .fetch_all(&mut **write)
    .await?;
    Ok(members)
}

async fn deed(
    write: &mut Write<'_>,
    kind: &'static str,
    connection: &str,
    detail: &str,
    now: Millis,
) -> Result<()> {
    let deed = Deed {
        kind,
        connection,
        user: "",
        detail,
    };
    Store::insert_deed(write, &deed, now).await
}
