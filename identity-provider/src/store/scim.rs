//! What an Okta org pushes over SCIM: people, groups, memberships; and the tokens it does so with.
//!
//! A connection sees the people it provisions and those whom an administrator made here; its first change of one of those
//! makes them its own. People of another connection do not exist for it, but their names are taken.

mod departure;
mod filter;
mod group;
mod list;
mod person;
mod token;

pub use group::Changed;
pub use list::Page;
pub use person::Refusal;
pub use token::{AT_ONCE, Presented};

use super::{Result, Store, Write};
use crate::{clock::Millis, random};

/// One line of the record of what a client did.
pub(super) struct Deed<'a> {
    pub kind: &'static str,
    pub connection: &'a str,
    pub user: &'a str,
    pub detail: &'a str,
}

impl Store {
    /// Notes within the caller's transaction what a SCIM client did.
    pub(super) async fn insert_deed(
        write: &mut Write<'_>,
        deed: &Deed<'_>,
        at: Millis,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO events (id, at, kind, actor, user_id, device_id, challenge_id, detail) \
             VALUES ($1, $2, $3, $4, $5, '', '', $6)",
        )
        .bind(random::id(at))
        .bind(at)
        .bind(deed.kind)
        .bind(format!("scim:{}", deed.connection))
        .bind(deed.user)
        .bind(deed.detail)
        .execute(&mut **write)
        .await?;
        Ok(())
    }
}

/// `$n, $n+1, …` for `count` values.
pub(super) fn placeholders(first: usize, count: usize) -> String {
    let numbers: Vec<String> = (first..first + count).map(|n| format!("${n}")).collect();
    numbers.join(", ")
}
