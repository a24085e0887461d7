//! Lists: a page at a time, whatever is asked for. Where columns hold all that the filter asks, the database counts and
//! pages; where not, rows that may fit are looked at in batches, and only those on the page are kept.

use super::{
    filter::{Bind, Condition, order},
    person, placeholders,
};
use crate::{
    domain::scim::{GroupRow, Membership, Person},
    store::{Result, Store},
};
use sqlx::{Any, AssertSqlSafe, FromRow, any::AnyRow, query::Query as Statement, query::QueryAs};
use standards::scim::{
    document::Document,
    error::ScimError,
    query::Query,
    schema::{GROUP, ResourceType, USER},
};

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// How many there are on all pages.
    pub total: u64,
    /// Those on this one.
    pub rows: Vec<T>,
}

/// Rows of one batch where each has to be looked at.
const BATCH: usize = 500;
/// Memberships of one page; a page with more ends early, but not before its first resource.
const MEMBERSHIPS: i64 = 20_000;

impl Store {
    /// People whom this connection may know.
    pub async fn list_persons(
        &self,
        connection: &str,
        query: &Query,
    ) -> Result<std::result::Result<Page<Person>, ScimError>> {
        let list = List {
            resource: &USER,
            columns: person::columns!(),
            table: "users",
            scope: "(connection_id = $1 OR connection_id = '')",
        };
        self.list(&list, connection, query, |person: &Person| {
            // Where an attribute of the answer has no column, a filter may still ask for it.
            person.document("")
        })
        .await
    }

    /// Groups of this connection.
    pub async fn list_groups(
        &self,
        connection: &str,
        query: &Query,
    ) -> Result<std::result::Result<Page<GroupRow>, ScimError>> {
        let list = List {
            resource: &GROUP,
            columns: "id, name, external_id, version, created_at, updated_at",
            table: "scim_groups",
            scope: "connection_id = $1",
        };
        self.list(&list, connection, query, |group: &GroupRow| {
            group.document("")
        })
        .await
    }

    async fn list<T>(
        &self,
        list: &List,
        connection: &str,
        query: &Query,
        document: impl Fn(&T) -> Document,
    ) -> Result<std::result::Result<Page<T>, ScimError>>
    where
        T: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        if let Some(Err(refused)) = query.filter.as_ref().map(|f| f.check(list.resource)) {
            return Ok(Err(refused));
        }
        let condition = match Condition::of(query.filter.as_ref(), list.resource, 2) {
            Ok(condition) => condition,
            Err(refused) => return Ok(Err(refused)),
        };
        let order = match &query.sort_by {
            None => None,
            Some(path) => match order(list.resource, path) {
                Some(column) => Some(column),
                None => return Ok(Err(ScimError::Parameter("sortBy"))),
            },
        };
        let direction = if query.is_descending { "DESC" } else { "ASC" };
        let sorted = match order {
            None | Some("id") => format!("id {direction}"),
            Some(column) => format!("{column} {direction}, id {direction}"),
        };
        match condition.is_exact {
            true => {
                self.page(list, connection, query, &condition, &sorted)
                    .await
            }
            false => {
                let mut page = Page {
                    total: 0,
                    rows: Vec::new(),
                };
                let (offset, count) = (query.offset as u64, query.count);
                let mut seen = 0;
                loop {
                    let rows: Vec<T> = self
                        .batch(list, connection, &condition, &sorted, BATCH, seen)
                        .await?;
                    let last = rows.len() < BATCH;
                    seen += rows.len();
                    for row in rows {
                        let fits = query
                            .filter
                            .as_ref()
                            .is_none_or(|f| f.matches(list.resource, &document(&row)));
                        if fits {
                            if page.total >= offset && page.rows.len() < count {
                                page.rows.push(row);
                            }
                            page.total += 1;
                        }
                    }
                    if last {
                        return Ok(Ok(page));
                    }
                }
            }
        }
    }

    async fn page<T>(
        &self,
        list: &List,
        connection: &str,
        query: &Query,
        condition: &Condition,
        sorted: &str,
    ) -> Result<std::result::Result<Page<T>, ScimError>>
    where
        T: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let rows: Vec<T> = match query.count {
            0 => Vec::new(),
            count => {
                self.batch(list, connection, condition, sorted, count, query.offset)
                    .await?
            }
        };
        // The last page tells how many there are; only others have to ask.
        if (!rows.is_empty() || query.offset == 0) && rows.len() < query.count {
            let total = (query.offset + rows.len()) as u64;
            return Ok(Ok(Page { total, rows }));
        }
        let sql = format!(
            "SELECT COUNT(*) AS n FROM {} WHERE {} AND {}",
            list.table, list.scope, condition.sql
        );
        let counted = bound(
            sqlx::query(AssertSqlSafe(sql)).bind(connection.to_owned()),
            &condition.binds,
        )
        .fetch_one(&self.pool)
        .await?;
        let total: i64 = sqlx::Row::try_get(&counted, "n")?;
        Ok(Ok(Page {
            total: u64::try_from(total).unwrap_or(0),
            rows,
        }))
    }

    async fn batch<T>(
        &self,
        list: &List,
        connection: &str,
        condition: &Condition,
        sorted: &str,
        count: usize,
        offset: usize,
    ) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let next = 2 + condition.binds.len();
        // Everything in this text is a word of ours or the number of a placeholder.
        let sql = format!(
            "SELECT {} FROM {} WHERE {} AND {} ORDER BY {sorted} LIMIT ${next} OFFSET ${}",
            list.columns,
            list.table,
            list.scope,
            condition.sql,
            next + 1
        );
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let rows = bound_as(
            sqlx::query_as(AssertSqlSafe(sql)).bind(connection.to_owned()),
            &condition.binds,
        )
        .bind(number(count))
        .bind(number(offset))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// The groups of these people, in their order; and how many of the people they are complete for.
    pub async fn groups_of_persons(
        &self,
        connection: &str,
        people: &[Person],
    ) -> Result<(Vec<Membership>, usize)> {
        let ids: Vec<&str> = people.iter().map(|p| p.id.as_str()).collect();
        let whole = self.complete("user_id", &ids).await?;
        let ids = &ids[..whole];
        if ids.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let sql = format!(
            "SELECT m.user_id AS owner, g.id AS id, g.name AS name FROM scim_members m JOIN scim_groups g ON g.id = m.group_id \
             WHERE g.connection_id = $1 AND m.user_id IN ({})",
            placeholders(2, ids.len())
        );
        Ok((self.memberships(sql, Some(connection), ids).await?, whole))
    }

    /// The members of these groups; and how many of the groups they are complete for.
    pub async fn members_of_groups(&self, groups: &[GroupRow]) -> Result<(Vec<Membership>, usize)> {
        let ids: Vec<&str> = groups.iter().map(|g| g.id.as_str()).collect();
        let whole = self.complete("group_id", &ids).await?;
        let ids = &ids[..whole];
        if ids.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let sql = format!(
            "SELECT m.group_id AS owner, u.id AS id, u.login AS name FROM scim_members m JOIN users u ON u.id = m.user_id \
             WHERE m.group_id IN ({})",
            placeholders(1, ids.len())
        );
        Ok((self.memberships(sql, None, ids).await?, whole))
    }

    /// How many of these may be told with all their memberships: as many as stay below the limit, and the first in any case.
    async fn complete(&self, column: &'static str, ids: &[&str]) -> Result<usize> {
        if ids.len() < 2 {
            return Ok(ids.len());
        }
        let sql = format!(
            "SELECT {column} AS owner, CAST(COUNT(*) AS BIGINT) AS n FROM scim_members WHERE {column} IN ({}) GROUP BY {column}",
            placeholders(1, ids.len())
        );
        let mut statement = sqlx::query_as(AssertSqlSafe(sql));
        for id in ids {
            statement = statement.bind((*id).to_owned());
        }
        let counts: Vec<(String, i64)> = statement.fetch_all(&self.pool).await?;
        let count = |id: &str| {
            counts
                .iter()
                .find(|(owner, _)| owner == id)
                .map_or(0, |(_, n)| *n)
        };
        let mut sum = 0;
        let fitting = ids.iter().take_while(|id| {
            sum += count(id);
            sum <= MEMBERSHIPS
        });
        Ok(fitting.count().max(1))
    }

    async fn memberships(
        &self,
        sql: String,
        connection: Option<&str>,
        ids: &[&str],
    ) -> Result<Vec<Membership>> {
        let mut statement = sqlx::query_as(AssertSqlSafe(sql));
        for id in connection.iter().chain(ids) {
            statement = statement.bind((*id).to_owned());
        }
        let mut found: Vec<Membership> = statement.fetch_all(&self.pool).await?;
        // The database's order depends on its language, and the reader looks for owners by bytes.
        found.sort_unstable_by(|a, b| (&a.owner, &a.id).cmp(&(&b.owner, &b.id)));
        Ok(found)
    }
}

/// What is listed.
struct List {
    resource: &'static ResourceType,
    columns: &'static str,
    table: &'static str,
    /// The condition on the connection, which is `$1`.
    scope: &'static str,
}

type Arguments = sqlx::any::AnyArguments;

fn bound<'q>(
    statement: Statement<'q, Any, Arguments>,
    binds: &[Bind],
) -> Statement<'q, Any, Arguments> {
    binds.iter().fold(statement, |statement, bind| match bind {
        Bind::Text(text) => statement.bind(text.clone()),
        Bind::Number(number) => statement.bind(*number),
    })
}

fn bound_as<'q, T>(
    statement: QueryAs<'q, Any, T, Arguments>,
    binds: &[Bind],
) -> QueryAs<'q, Any, T, Arguments> {
    binds.iter().fold(statement, |statement, bind| match bind {
        Bind::Text(text) => statement.bind(text.clone()),
        Bind::Number(number) => statement.bind(*number),
    })
}
