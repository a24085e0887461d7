//! Takes notices from the outbox to the mail server: each at least once, none for ever.

use super::{Letter, Mailer, Problem};
use crate::{
    app::App,
    backoff::Backoff,
    clock::{HOUR, MINUTE, Millis, SECOND},
    random,
    store::{StoreError, outbox::OutboxRow},
};
use std::time::Duration;

/// Attempts at one notice, spread over most of a day.
pub const ATTEMPTS: i64 = 16;
/// Notices handed over in one round.
const ROUND: i64 = 20;
/// Who claimed a row has it to himself for so long; longer than one message may take.
const LEASE: Millis = 2 * MINUTE;
const BACKOFF: Backoff = Backoff {
    first: 30 * SECOND,
    longest: 2 * HOUR,
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
    for id in app.store.due_letters(app.now_ms(), ROUND).await? {
        let now = app.now_ms();
        // Between the two another process may have taken it.
        if let Some(row) = app.store.claim_letter(&id, now, now + LEASE).await? {
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
    let sent = mailer.send(&letter).await;
    let now = app.now_ms();
    let result = match &sent {
        Ok(()) => "sent",
        Err(Problem::Later(_)) if row.attempts < ATTEMPTS => "later",
        Err(_) => "dead",
    };
    metrics::counter!("tacit_notices_total", "result" => result).increment(1);
    match sent {
        Ok(()) => app.store.letter_sent(&row.id, now).await?,
        Err(problem) if result == "later" => {
            tracing::info!(notice = row.id, %problem, attempts = row.attempts, "a notice has to wait");
            let due_at = now + BACKOFF.pause(row.attempts, random::below(1_000));
            app.store
                .letter_waits(&row.id, &problem.to_string(), due_at)
                .await?;
        }
        Err(problem) => {
            tracing::error!(notice = row.id, %problem, attempts = row.attempts, "a notice could not be delivered");
            app.store
                .letter_died(&row.id, &problem.to_string(), now)
                .await?;
        }
    }
    Ok(result == "sent")
}
