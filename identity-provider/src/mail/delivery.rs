//! Takes notices from the outbox to the mail server: each at least once, none for ever.

use super::{Letter, Mailer, Problem};
use crate::{
    app::App,
    backoff::Backoff,
    clock::{HOUR, MINUTE, Millis, SECOND},
    delivery::{self, Became, Tries},
    store::{
        StoreError,
        outbox::{LETTERS, OutboxRow},
    },
};
use std::time::Duration;

/// Attempts at one notice, spread over most of a day.
pub const ATTEMPTS: i64 = 16;
/// Notices handed over in one round.
const ROUND: i64 = 20;
/// Who claimed a row has it to himself for so long; longer than one message may take.
const LEASE: Millis = 2 * MINUTE;
const TRIES: Tries = Tries {
    most: ATTEMPTS,
    backoff: Backoff {
        first: 30 * SECOND,
        longest: 2 * HOUR,
    },
};
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Delivers until it is aborted. A server without mail settings has nothing to do.
pub async fn run(app: App) {
    let Some(mail) = &app.settings.mail else {
        tracing::warn!(
            "no [mail] in tacit.toml: notices are in the audit trail and on the console only"
        );
        return;
    };
    let mailer = match Mailer::new(mail, &app.settings.origin) {
        Ok(mailer) => mailer,
        Err(error) => {
            tracing::error!(%error, "notices wait in the outbox: see `tacit doctor`");
            return;
        }
    };
    let mut every = tokio::time::interval(LOOK_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = deliver_due(&app, &mailer).await {
            tracing::warn!(%error, "the outbox could not be read");
        }
    }
}

/// One round: tries what is due, and returns how many were sent.
pub async fn deliver_due(app: &App, mailer: &Mailer) -> Result<usize, StoreError> {
    let mut sent = 0;
    for id in app.store.due(&LETTERS, app.now_ms(), ROUND).await? {
        let now = app.now_ms();
        // Between the two another process may have taken it.
        if let Some(row) = app.store.claim(&LETTERS, &id, now, now + LEASE).await? {
            sent += usize::from(deliver(app, mailer, &row).await?);
        }
    }
    Ok(sent)
}

async fn deliver(app: &App, mailer: &Mailer, row: &OutboxRow) -> Result<bool, StoreError> {
    let letter = Letter {
        id: &row.id,
        to: &row.recipient,
        subject: &row.subject,
        body: &row.body,
    };
    let result = match mailer.send(&letter).await {
        Ok(()) => {
            app.store.sent(&LETTERS, &row.id, app.now_ms()).await?;
            "sent"
        }
        Err(problem) => {
            let problem = match problem {
                Problem::Later(why) => delivery::Problem::Later(why),
                Problem::Never(why) => delivery::Problem::Never(why),
            };
            let attempt = (row.id.as_str(), row.attempts);
            let became = delivery::failed(app, &LETTERS, &TRIES, attempt, &problem).await?;
            match became {
                Became::Later => {
                    tracing::info!(
                        notice = row.id,
                        ?problem,
                        attempts = row.attempts,
                        "a notice has to wait"
                    );
                }
                Became::Dead => {
                    tracing::error!(
                        notice = row.id,
                        ?problem,
                        attempts = row.attempts,
                        "a notice could not be delivered"
                    );
                }
            }
            became.code()
        }
    };
    metrics::counter!("tacit_notices_total", "result" => result).increment(1);
    Ok(result == "sent")
}
