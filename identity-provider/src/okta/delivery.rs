//! Takes actions to the orgs: each until it is done or given up, and each with the same effect however often it is tried.
//!
//! Membership and registration are made true to what holds at that moment; ending what has ended already does nothing; a
//! security event keeps its `jti`. So a process that dies between an effect and its record has the next one try again, and
//! the org sees one effect.

use super::{
    client::{Client, Error, Json, Kind, RiskLevel, Subject, User},
    connect::ConnectError,
    transmitter::{self, TransmitterError},
};
use crate::{
    app::App,
    backoff::Backoff,
    clock::{HOUR, Millis, SECOND},
    delivery::{self, Problem, Tries},
    domain::okta::{ActionKind, OktaOrg, OnTakeover},
    store::{
        StoreError,
        decision::Event,
        okta::{ACTIONS, ActionRow},
    },
};
use serde_json::{Value, json};
use standards::secevent;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;

/// How often an action is tried before it is given up: over most of a day.
pub const TRIES: Tries = Tries {
    most: 30,
    backoff: Backoff {
        first: 5 * SECOND,
        longest: HOUR,
    },
};
/// Who claimed an action has it to himself for so long; longer than an attempt may take.
pub const LEASE: Millis = 30 * SECOND;
const ATTEMPT: Duration = Duration::from_secs(25);
/// Actions of one look.
const ROUND: i64 = 200;
/// Calls under way at once.
const AT_ONCE: usize = 8;
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A reason has letters, digits, spaces, hyphens, commas and full stops.
const RISK_REASON: &str = "Tacit noticed somebody else at the keyboard of a device of this person";

/// Delivers until it is aborted.
pub async fn run(app: App) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = deliver_due(&app).await {
            tracing::warn!(%error, "actions at orgs could not be read or noted");
        }
    }
}

/// Tries everything that is due, and returns how many were done.
pub async fn deliver_due(app: &App) -> Result<usize, StoreError> {
    let mut total = 0;
    loop {
        let mut due = app
            .store
            .due(&ACTIONS, app.now_ms(), ROUND)
            .await?
            .into_iter();
        let (mut under_way, mut done) = (JoinSet::new(), 0);
        loop {
            for id in due.by_ref().take(AT_ONCE - under_way.len().min(AT_ONCE)) {
                under_way.spawn(deliver(app.clone(), id));
            }
            match under_way.join_next().await {
                None => break,
                Some(Ok(Ok(is_done))) => done += usize::from(is_done),
                // One row that cannot be read holds up no other.
                Some(Ok(Err(error))) => {
                    tracing::warn!(%error, "an action at an org could not be read or noted");
                }
                // Its lease ends, and somebody tries again.
                Some(Err(error)) => tracing::error!(%error, "an attempt at an action ended early"),
            }
        }
        total += done;
        if done == 0 {
            return Ok(total);
        }
    }
}

/// Once a minute: finds what no action was written for, and tells metrics how things stand.
pub async fn look_after(app: &App) -> Result<(), StoreError> {
    for org in app.store.list_okta_orgs().await? {
        let found = app.store.queue_untold(&org, app.now_ms()).await?;
        if found > 0 {
            tracing::info!(connection = %org.connection, found, "the org has not been told of some people");
        }
    }
    let counts = app.store.count(&ACTIONS).await?;
    for (state, n) in [("waiting", counts.waiting), ("dead", counts.dead)] {
        let n = i32::try_from(n).unwrap_or(i32::MAX);
        metrics::gauge!("tacit_okta_actions", "state" => state).set(f64::from(n));
    }
    Ok(())
}

async fn deliver(app: App, id: String) -> Result<bool, StoreError> {
    let now = app.now_ms();
    // Between the two another process may have taken it.
    let claimed: Option<ActionRow> = app.store.claim(&ACTIONS, &id, now, now + LEASE).await?;
    let Some(row) = claimed else {
        return Ok(false);
    };
    let attempt = tokio::time::timeout(ATTEMPT, attempt(&app, &row)).await;
    let result = match attempt {
        Ok(Ok(Made::Told(is_enrolled))) => {
            let person = (&row.connection, &row.user);
            app.store
                .action_told(&row.id, person, row.kind, is_enrolled, app.now_ms())
                .await?;
            "sent"
        }
        Ok(Ok(Made::Done)) => {
            let event = Event {
                user_id: row.user.to_string(),
                challenge_id: row.cause.clone(),
                ..Event::by_administrator(
                    app.now_ms(),
                    &format!("okta_{}", row.kind.code()),
                    &format!("okta:{}", row.connection),
                    &row.login,
                )
            };
            app.store.action_made(&row.id, &event, app.now_ms()).await?;
            "sent"
        }
        Ok(Ok(Made::Unwanted)) => {
            app.store.sent(&ACTIONS, &row.id, app.now_ms()).await?;
            "unwanted"
        }
        Ok(Err(Stopped::Store(error))) => return Err(error),
        Ok(Err(Stopped::Problem(problem))) => failed(&app, &row, &problem).await?,
        Err(_) => failed(&app, &row, &Problem::Later("it took too long".into())).await?,
    };
    metrics::counter!("tacit_okta_actions_total", "kind" => row.kind.code(), "result" => result)
        .increment(1);
    Ok(matches!(result, "sent" | "unwanted"))
}

async fn failed(app: &App, row: &ActionRow, problem: &Problem) -> Result<&'static str, StoreError> {
    let soonest = app.now_ms() + TRIES.backoff.first;
    let problem = &match problem {
        // A limit that says nothing of its end.
        Problem::NotBefore(until, why) => Problem::NotBefore(soonest.max(*until), why.clone()),
        other => other.clone(),
    };
    let became = delivery::failed(app, &ACTIONS, &TRIES, (&row.id, row.attempts), problem).await?;
    if let Problem::NotBefore(until, _) = problem {
        app.store.put_off_actions(&row.connection, *until).await?;
    }
    let (action, kind, attempts) = (&row.id, row.kind.code(), row.attempts);
    match became {
        delivery::Became::Later => {
            tracing::info!(
                action,
                kind,
                ?problem,
                attempts,
                "an action at an org has to wait"
            );
        }
        delivery::Became::Dead => {
            tracing::error!(
                action,
                kind,
                ?problem,
                attempts,
                "an action at an org was given up"
            );
        }
    }
    Ok(became.code())
}

/// What an attempt came to.
enum Made {
    /// The org believes this of the person's enrolment now.
    Told(bool),
    /// It was done.
    Done,
    /// Nobody wants it any more.
    Unwanted,
}

enum Stopped {
    Problem(Problem),
    Store(StoreError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ConnectError> for Stopped {
    fn from(error: ConnectError) -> Self {
        // An administrator can mend it.
        Self::Problem(Problem::Later(error.to_string()))
    }
}

impl From<TransmitterError> for Stopped {
    fn from(error: TransmitterError) -> Self {
        Self::Problem(match error {
            TransmitterError::Algorithm(_) => Problem::Never(error.to_string()),
            other => Problem::Later(other.to_string()),
        })
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        let why = error.to_string();
        let is_ours_to_mend = matches!(error, Error::NoToken { .. } | Error::Key | Error::Tls(_))
            || error.kind() == Some(Kind::TokenInvalid);
        Self::Problem(match error.retry_at() {
            Some(until) => Problem::NotBefore(until, why),
            None if error.is_temporary() || is_ours_to_mend => Problem::Later(why),
            None => Problem::Never(why),
        })
    }
}

async fn attempt(app: &App, row: &ActionRow) -> Result<Made, Stopped> {
    let Some(org) = app.store.find_okta_org(&row.connection).await? else {
        return Ok(Made::Unwanted);
    };
    let client = app.okta.of(app, &org)?;
    match row.kind {
        ActionKind::Membership | ActionKind::Registration => {
            tell_enrolment(app, &client, &org, row).await
        }
        ActionKind::Takeover(effect) => follow_takeover(app, &client, &org, row, effect).await,
    }
}

async fn tell_enrolment(
    app: &App,
    client: &Arc<Client>,
    org: &OktaOrg,
    row: &ActionRow,
) -> Result<Made, Stopped> {
    let is_enrolled = app.store.is_enrolled(&row.user).await?;
    let person = app
        .store
        .find_okta_person(&row.connection, &row.user)
        .await?;
    // Of somebody new the org has been told nothing, which is what it is to believe of people without a key.
    let told = person.map_or(Some(false), |person| person.told(row.kind));
    if told == Some(is_enrolled) {
        return Ok(Made::Told(is_enrolled));
    }
    let Some(found) = find(app, client, row).await? else {
        // Of somebody whom the org does not know there is nothing to take back.
        return match is_enrolled {
            false => Ok(Made::Told(false)),
            true => Err(unknown(row)),
        };
    };
    let result = match (row.kind, &org.effects.group, &org.effects.attribute) {
        (ActionKind::Membership, Some(group), _) => match is_enrolled {
            true => client.add_member(group, &found.id).await,
            false => client.remove_member(group, &found.id).await.map(|_| ()),
        },
        (ActionKind::Registration, _, Some(attribute)) => {
            let value = if is_enrolled {
                json!(true)
            } else {
                Value::Null
            };
            let attributes = Json::from_iter([(attribute.clone(), value)]);
            client.set_profile(&found.id, &attributes).await.map(|_| ())
        }
        _ => return Ok(Made::Unwanted),
    };
    check(app, row, &found, result).await?;
    Ok(Made::Told(is_enrolled))
}

async fn follow_takeover(
    app: &App,
    client: &Arc<Client>,
    org: &OktaOrg,
    row: &ActionRow,
    effect: OnTakeover,
) -> Result<Made, Stopped> {
    let found = find(app, client, row).await?.ok_or_else(|| unknown(row))?;
    let event = match effect {
        OnTakeover::EndSessions => {
            let result = client.end_sessions(&found.id).await;
            check(app, row, &found, result).await?;
            return Ok(Made::Done);
        }
        OnTakeover::UniversalLogout => {
            let subject = Subject::Opaque {
                id: found.id.clone(),
            };
            let result = client.revoke_everywhere(&subject).await;
            check(app, row, &found, result).await?;
            return Ok(Made::Done);
        }
        OnTakeover::RiskHigh => {
            let result = client.set_risk(&found.id, RiskLevel::High, RISK_REASON);
            check(app, row, &found, result.await).await?;
            return Ok(Made::Done);
        }
        OnTakeover::SessionRevoked => secevent::Event::SessionRevoked,
        OnTakeover::UserRiskChange => secevent::Event::UserRiskHigh,
    };
    let user = match found.user {
        Some(user) => Some(user),
        None => client.user(&found.id).await?,
    };
    let user = user.ok_or_else(|| unknown(row))?;
    let email = user.text("email").unwrap_or_else(|| user.login());
    let token = transmitter::sign(app, org, row, event, email).await?;
    client.publish_event(&token).await?;
    Ok(Made::Done)
}

/// A person at the org.
struct Found {
    id: String,
    /// If the org was asked just now.
    user: Option<User>,
}

/// Finds the person at the org: by the id that is remembered or that the org's provisioning gave, else by login. Okta also
/// finds people by the beginning of a login, so who is found by one has to have it as a whole.
async fn find(app: &App, client: &Arc<Client>, row: &ActionRow) -> Result<Option<Found>, Stopped> {
    let current = app.store.find_user(&row.user).await?;
    let login = current.map_or_else(|| row.login.clone(), |user| user.login.to_string());
    let known = app
        .store
        .find_okta_person(&row.connection, &row.user)
        .await?;
    if let Some(known) = known.filter(|k| !k.okta_id.is_empty() && k.login == login) {
        return Ok(Some(Found {
            id: known.okta_id,
            user: None,
        }));
    }
    let given = app.store.external_id_of(&row.connection, &row.user).await?;
    for name in [given.as_str(), login.as_str()] {
        if name.is_empty() {
            continue;
        }
        let Some(user) = client.user(name).await? else {
            continue;
        };
        if user.id == name || user.login().eq_ignore_ascii_case(&login) {
            app.store
                .put_okta_id(&row.connection, &row.user, &login, &user.id)
                .await?;
            return Ok(Some(Found {
                id: user.id.clone(),
                user: Some(user),
            }));
        }
    }
    Ok(None)
}

/// Where the org knows no user of a remembered id (any more), the person is looked for anew next time.
async fn check(
    app: &App,
    row: &ActionRow,
    found: &Found,
    result: Result<(), Error>,
) -> Result<(), Stopped> {
    let Err(error) = result else {
        return Ok(());
    };
    if error.kind() == Some(Kind::NotFound) && found.user.is_none() {
        app.store
            .put_okta_id(&row.connection, &row.user, "", "")
            .await?;
        return Err(Stopped::Problem(Problem::Later(error.to_string())));
    }
    Err(error.into())
}

fn unknown(row: &ActionRow) -> Stopped {
    Stopped::Problem(Problem::Never(format!("the org has no user {}", row.login)))
}
