//! Calls on their way to an org: written in the transaction of what causes them. What an action about enrolment does is
//! decided when it is made, by what is true then; so their order does not matter, and one too many does nothing.

use super::{Result, Store, Write, enrolled, from_json};
use crate::{
    clock::{DAY, Millis},
    domain::{
        okta::{ActionKind, Effects, OktaOrg},
        user::UserId,
    },
    random,
    store::{corrupt, queue::Queue},
};
use sqlx::{FromRow, Row, any::AnyRow};
use wire::id::ConnectionId;

/// Actions that may wait. Whatever of enrolment does not fit is found again later ([`Store::untold`]).
pub const WAITING: i64 = 100_000;
/// People of whom one look finds that the org has not been told.
const UNTOLD: i64 = 1_000;

/// The actions. Of one lane only the first is due: two calls about the same thing could overtake each other.
pub const ACTIONS: Queue = Queue {
    table: "okta_actions",
    columns: "id, state, connection_id, kind, user_id, login, cause, attempts, due_at, problem, created_at, ended_at",
    ready: "AND NOT EXISTS (SELECT 1 FROM okta_actions o WHERE o.lane = q.lane AND o.state = 'waiting' \
            AND (o.created_at < q.created_at OR (o.created_at = q.created_at AND o.id < q.id)))",
    emptied: "",
    sent_kept: 7 * DAY,
    dead_kept: 90 * DAY,
};

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ActionRow {
    /// Its name.
    pub id: String,
    /// `waiting`, `sent` or `dead`.
    pub state: String,
    /// At whose org.
    pub connection: ConnectionId,
    /// What.
    #[serde(serialize_with = "code")]
    pub kind: ActionKind,
    /// About whom.
    #[serde(skip)]
    pub user: UserId,
    /// The person's login when it was written.
    pub login: String,
    /// A challenge, or the action itself.
    pub cause: String,
    /// So far.
    pub attempts: i64,
    /// Of the next attempt.
    pub due_at: Millis,
    /// What the last attempt failed with.
    pub problem: String,
    /// Written.
    pub created_at: Millis,
    /// Made or given up; 0 while it waits.
    pub ended_at: Millis,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn code<S: serde::Serializer>(
    kind: &ActionKind,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.code())
}

impl FromRow<'_, AnyRow> for ActionRow {
    fn from_row(row: &AnyRow) -> std::result::Result<Self, sqlx::Error> {
        let text = |column: &'static str| row.try_get::<String, _>(column);
        Ok(Self {
            id: text("id")?,
            state: text("state")?,
            connection: ConnectionId::new(text("connection_id")?)
                .map_err(|_| corrupt("connection"))?,
            kind: ActionKind::from_code(&text("kind")?).ok_or_else(|| corrupt("kind"))?,
            user: UserId::from_row_text(text("user_id")?),
            login: text("login")?,
            cause: text("cause")?,
            attempts: row.try_get("attempts")?,
            due_at: row.try_get("due_at")?,
            problem: text("problem")?,
            created_at: row.try_get("created_at")?,
            ended_at: row.try_get("ended_at")?,
        })
    }
}

/// -1 (unknown) differs from both; nobody has been told of somebody without a row, and need not be that they are nothing.
macro_rules! untold {
    ($column:literal) => {
        concat!(
            "SELECT u.id, u.login FROM users u LEFT JOIN okta_people p ON p.connection_id = $1 AND p.user_id = u.id \
             WHERE (u.connection_id = '' OR u.connection_id = $1) AND coalesce(p.",
            $column,
            ", 0) <> ",
            enrolled!(),
            " AND NOT EXISTS (SELECT 1 FROM okta_actions a WHERE a.lane = $1 || ' ' || $2 || ' ' || u.id \
             AND a.state IN ('waiting', 'dead')) ORDER BY u.id LIMIT $3"
        )
    };
}
impl Store {
    /// A person's keys or standing have changed: every org that keeps a picture of it will be told.
    pub async fn queue_enrolment(write: &mut Write<'_>, user: &UserId, now: Millis) -> Result<()> {
        let orgs: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT o.connection_id, o.effects, u.login FROM okta_orgs o JOIN users u \
             ON u.connection_id = '' OR u.connection_id = o.connection_id WHERE u.id = $1",
        )
        .bind(user.as_str())
        .fetch_all(&mut **write)
        .await?;
        for (connection, effects, login) in orgs {
            let effects: Effects = from_json(&effects, "effects")?;
            for kind in effects.kept() {
                let id = random::id(now);
                insert(write, &connection, kind, user, &login, &id, &id, now).await?;
            }
        }
        Ok(())
    }

    /// Somebody else is at the person's keyboard: what the connection wants done at its org will be. Once per challenge.
    pub async fn queue_takeover(
        write: &mut Write<'_>,
        connection: &ConnectionId,
        user: &UserId,
        challenge: &str,
        now: Millis,
    ) -> Result<()> {
        let found: Option<(String, String)> = sqlx::query_as(
            "SELECT o.effects, u.login FROM okta_orgs o JOIN users u ON u.id = $2 WHERE o.connection_id = $1",
        )
        .bind(connection.as_str())
        .bind(user.as_str())
        .fetch_optional(&mut **write)
        .await?;
        let Some((effects, login)) = found else {
            return Ok(());
        };
        let effects: Effects = from_json(&effects, "effects")?;
        for effect in effects.on_takeover {
            let (kind, id) = (ActionKind::Takeover(effect), random::id(now));
            insert(
                write,
                connection.as_str(),
                kind,
                user,
                &login,
                challenge,
                &id,
                now,
            )
            .await?;
        }
        Ok(())
    }

    /// Queues what the org of a connection has not been told of people, however that came. Returns how much that is.
    pub async fn queue_untold(&self, org: &OktaOrg, now: Millis) -> Result<usize> {
        let mut queued = 0;
        for kind in org.effects.kept() {
            let people = self.untold(&org.connection, kind).await?;
            queued += people.len();
            for chunk in people.chunks(100) {
                let mut write = self.write().await?;
                for (user, login) in chunk {
                    let (user, id) = (UserId::from_row_text(user.clone()), random::id(now));
                    let connection = org.connection.as_str();
                    insert(&mut write, connection, kind, &user, login, &id, &id, now).await?;
                }
                write.commit().await?;
            }
        }
        Ok(queued)
    }

    /// People of whom the org believes something else than what is true, and about whom nothing waits or was given up.
    async fn untold(
        &self,
        connection: &ConnectionId,
        kind: ActionKind,
    ) -> Result<Vec<(String, String)>> {
        let sql = match kind {
            ActionKind::Registration => untold!("registered"),
            _ => untold!("member"),
        };
        let people = sqlx::query_as(sql)
            .bind(connection.as_str())
            .bind(kind.code())
            .bind(UNTOLD)
            .fetch_all(&self.pool)
            .await?;
        Ok(people)
    }

    /// Forgets what the org of a connection was told, of people without a key as well, so that all of it is told again.
    pub async fn forget_told(&self, connection: &ConnectionId) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query(
            "INSERT INTO okta_people (connection_id, user_id, login, okta_id, member, registered, life, life_at, watched, \
             watched_at, left_by_hook) SELECT $1, u.id, '', '', -1, -1, 0, 0, 0, 0, 0 FROM users u \
             WHERE u.connection_id = '' OR u.connection_id = $1 \
             ON CONFLICT (connection_id, user_id) DO UPDATE SET member = -1, registered = -1",
        )
        .bind(connection.as_str())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// Lets everything of a connection wait until its org may be called again.
    pub async fn put_off_actions(&self, connection: &ConnectionId, until: Millis) -> Result<()> {
        let mut write = self.one().await?;
        sqlx::query(
            "UPDATE okta_actions SET due_at = $2 WHERE connection_id = $1 AND state = 'waiting' AND due_at < $2",
        )
        .bind(connection.as_str())
        .bind(until)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// Whether the person is enrolled: active, with a key. Nobody is not.
    pub async fn is_enrolled(&self, user: &UserId) -> Result<bool> {
        let found: Option<i64> = sqlx::query_scalar(concat!(
            "SELECT ",
            enrolled!(),
            " FROM users u WHERE u.id = $1"
        ))
        .bind(user.as_str())
        .fetch_optional(&self.pool)
        .await?;
        Ok(found == Some(1))
    }
}

#[expect(clippy::too_many_arguments, reason = "one column each")]
async fn insert(
    write: &mut Write<'_>,
    connection: &str,
    kind: ActionKind,
    user: &UserId,
    login: &str,
    cause: &str,
    id: &str,
    now: Millis,
) -> Result<()> {
    let done = sqlx::query(
        "INSERT INTO okta_actions (id, state, connection_id, kind, user_id, login, cause, lane, attempts, due_at, problem, \
         created_at, ended_at) SELECT $1, 'waiting', $2, $3, $4, $5, $6, $7, 0, $8, '', $8, 0 \
         WHERE (SELECT count(*) FROM okta_actions WHERE state = 'waiting') < $9 \
         ON CONFLICT (connection_id, kind, cause) DO NOTHING",
    )
    .bind(id)
    .bind(connection)
    .bind(kind.code())
    .bind(user.as_str())
    .bind(login)
    .bind(cause)
    .bind(format!("{connection} {} {user}", kind.code()))
    .bind(now)
    .bind(WAITING)
    .execute(&mut **write)
    .await?;
    if done.rows_affected() == 0 {
        tracing::warn!(
            connection,
            kind = kind.code(),
            "an action at the org was not queued: too many wait, or it is queued"
        );
    }
    Ok(())
}
