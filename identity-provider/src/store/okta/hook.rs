//! What an org's events do to our people. Each event counts once; of two about the same thing the one that happened later at
//! the org holds, whenever it comes; and an event brings nobody back whom something else disabled.

use super::{Result, Store, Write};
use crate::{
    clock::{DAY, Millis},
    domain::{
        okta::{Aspect, Heard},
        user::UserId,
    },
    store::decision::Event,
};
use wire::id::ConnectionId;

/// How long an event is known: Okta repeats within minutes.
const KNOWN: Millis = 7 * DAY;

/// What an event did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// It had come before.
    Again,
    /// It is about nobody here.
    Nobody,
    /// Nothing is different for it.
    Same,
    /// The person left.
    Left,
    /// The person came back.
    Returned,
}

impl Followed {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Again => "again",
            Self::Nobody => "nobody",
            Self::Same => "same",
            Self::Left => "left",
            Self::Returned => "returned",
        }
    }
}

impl Store {
    /// Something else than an event has decided whether the person may come in: no event undoes that.
    pub(in crate::store) async fn overrule_hooks(
        write: &mut Write<'_>,
        user: &UserId,
    ) -> Result<()> {
        sqlx::query("UPDATE okta_people SET left_by_hook = 0 WHERE user_id = $1")
            .bind(user.as_str())
            .execute(&mut **write)
            .await?;
        Ok(())
    }

    /// Does what an event of a connection's org says, once.
    pub async fn follow_event(
        &self,
        connection: &ConnectionId,
        heard: &Heard,
        now: Millis,
    ) -> Result<Followed> {
        let mut write = self.write().await?;
        let followed = follow(&mut write, connection, heard, now).await?;
        write.commit().await?;
        Ok(followed)
    }
}

async fn follow(
    write: &mut Write<'_>,
    connection: &ConnectionId,
    heard: &Heard,
    now: Millis,
) -> Result<Followed> {
    let noted = sqlx::query(
        "INSERT INTO replays (kind, value, expires_at) VALUES ('okta event', $1, $2) ON CONFLICT (kind, value) DO NOTHING",
    )
    .bind(format!("{connection} {} {}", heard.event, heard.okta_id))
    .bind(now + KNOWN)
    .execute(&mut **write)
    .await?;
    if noted.rows_affected() == 0 {
        return Ok(Followed::Again);
    }
    let Some(user) = person(write, connection, heard).await? else {
        return Ok(Followed::Nobody);
    };
    // What is said to happen far in the future would outlive everything that does happen.
    let at = heard.at.min(now + DAY);
    let noted = note(write, connection, &user, heard, at).await?;
    // Only what this event says itself counts: what was heard before has been followed, or something else has decided since.
    let to_active = match (noted.is_news, heard.is_out) {
        (true, true) => false,
        (true, false) if !noted.is_out && noted.left_by_hook => true,
        _ => return Ok(Followed::Same),
    };
    if !Store::move_by_hook(write, connection.as_str(), &user, to_active, now).await? {
        return Ok(Followed::Same);
    }
    let followed = match to_active {
        true => Followed::Returned,
        false => Followed::Left,
    };
    sqlx::query(
        "UPDATE okta_people SET left_by_hook = $3 WHERE connection_id = $1 AND user_id = $2",
    )
    .bind(connection.as_str())
    .bind(user.as_str())
    .bind(i64::from(followed == Followed::Left))
    .execute(&mut **write)
    .await?;
    let event = Event {
        user_id: user.to_string(),
        ..Event::by_administrator(
            now,
            match to_active {
                true => "okta_user_returned",
                false => "okta_user_left",
            },
            &format!("okta:{connection}"),
            &format!("{} by event {}", heard.login, heard.event),
        )
    };
    Store::append_event_in(write, &event).await?;
    Ok(followed)
}

/// Whom the event is about, as far as this connection may know: by the org's id, else by a login that only one has.
async fn person(
    write: &mut Write<'_>,
    connection: &ConnectionId,
    heard: &Heard,
) -> Result<Option<UserId>> {
    let by_id: Vec<String> = sqlx::query_scalar(
        "SELECT u.id FROM users u WHERE u.connection_id = $1 AND u.external_id = $2 UNION \
         SELECT u.id FROM users u JOIN okta_people p ON p.user_id = u.id AND p.connection_id = $1 AND p.okta_id = $2 \
         WHERE u.connection_id = '' OR u.connection_id = $1 LIMIT 2",
    )
    .bind(connection.as_str())
    .bind(&heard.okta_id)
    .fetch_all(&mut **write)
    .await?;
    let found = match by_id.is_empty() && !heard.login.is_empty() {
        false => by_id,
        true => {
            sqlx::query_scalar(
                "SELECT id FROM users WHERE login_folded = $2 AND (connection_id = '' OR connection_id = $1) LIMIT 2",
            )
            .bind(connection.as_str())
            .bind(heard.login.to_ascii_lowercase())
            .fetch_all(&mut **write)
            .await?
        }
    };
    // Of two it is nobody: better one too many than the wrong one.
    Ok(match <[String; 1]>::try_from(found) {
        Ok([only]) => Some(UserId::from_row_text(only)),
        Err(_) => None,
    })
}

struct Noted {
    /// Nothing newer of this aspect was known.
    is_news: bool,
    /// Of any aspect.
    is_out: bool,
    /// And by nothing else.
    left_by_hook: bool,
}

/// Notes what was heard, unless something newer was.
async fn note(
    write: &mut Write<'_>,
    connection: &ConnectionId,
    user: &UserId,
    heard: &Heard,
    at: Millis,
) -> Result<Noted> {
    sqlx::query(
        "INSERT INTO okta_people (connection_id, user_id, login, okta_id, member, registered, life, life_at, watched, \
         watched_at, left_by_hook) VALUES ($1, $2, '', '', 0, 0, 0, 0, 0, 0, 0) ON CONFLICT (connection_id, user_id) DO NOTHING",
    )
    .bind(connection.as_str())
    .bind(user.as_str())
    .execute(&mut **write)
    .await?;
    // Of two at the same time, the one that keeps somebody out.
    let sql = match heard.aspect {
        Aspect::Life => {
            "UPDATE okta_people SET life = $3, life_at = $4 WHERE connection_id = $1 AND user_id = $2 \
             AND (life_at < $4 OR (life_at = $4 AND $3 < life))"
        }
        Aspect::Watched => {
            "UPDATE okta_people SET watched = $3, watched_at = $4 WHERE connection_id = $1 AND user_id = $2 \
             AND (watched_at < $4 OR (watched_at = $4 AND $3 < watched))"
        }
    };
    let done = sqlx::query(sql)
        .bind(connection.as_str())
        .bind(user.as_str())
        .bind(if heard.is_out { -1_i64 } else { 1 })
        .bind(at)
        .execute(&mut **write)
        .await?;
    let (life, watched, by_hook): (i64, i64, i64) = sqlx::query_as(
        "SELECT life, watched, left_by_hook FROM okta_people WHERE connection_id = $1 AND user_id = $2",
    )
    .bind(connection.as_str())
    .bind(user.as_str())
    .fetch_one(&mut **write)
    .await?;
    Ok(Noted {
        is_news: done.rows_affected() == 1,
        is_out: life < 0 || watched < 0,
        left_by_hook: by_hook != 0,
    })
}
