//! What becomes of one attempt to deliver something that waits in a [`Queue`]: sent, tried again later, or given up. None is
//! tried for ever.

use crate::{
    app::App,
    backoff::Backoff,
    clock::Millis,
    random,
    store::{StoreError, queue::Queue},
};

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It may go better later.
    Later(String),
    /// The other side asked to be left alone until then; the attempt does not count.
    NotBefore(Millis, String),
    /// It will never go.
    Never(String),
}

/// How often and how far apart something is tried.
#[derive(Debug, Clone, Copy)]
pub struct Tries {
    /// Attempts before it is given up.
    pub most: i64,
    /// Between them.
    pub backoff: Backoff,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// It is tried again.
    Later,
    /// It is given up.
    Dead,
}

impl Became {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Later => "later",
            Self::Dead => "dead",
        }
    }
}

/// Notes a failed attempt, the `attempts`th, at `id`.
pub async fn failed(
    app: &App,
    queue: &Queue,
    tries: &Tries,
    (id, attempts): (&str, i64),
    problem: &Problem,
) -> Result<Became, StoreError> {
    let now = app.now_ms();
    match problem {
        Problem::NotBefore(due_at, why) => {
            app.store.is_put_off(queue, id, why, *due_at).await?;
            Ok(Became::Later)
        }
        Problem::Later(why) if attempts < tries.most => {
            let due_at = now + tries.backoff.pause(attempts, random::below(1_000));
            app.store.waits(queue, id, why, due_at).await?;
            Ok(Became::Later)
        }
        Problem::Later(why) | Problem::Never(why) => {
            app.store.died(queue, id, why, now).await?;
            Ok(Became::Dead)
        }
    }
}
