//! `/challenge/{id}`: its page, the long poll for its outcome, and the way on to whoever asked.
//!
//! The outcome is held until something is decided or the policy's patience is over, and answered at once when the
//! challenge is past waiting; the page then asks again now and then, because a late answer still counts.

use super::{
    Arrived, ClientAddress, Failed, browser_cookie, challenge_page,
    fallback::page::{ChallengeView, CompleteView, OpenedElsewhereView, application_of},
    is_same_origin, notice,
    oidc::{self, OidcError},
    saml::{self, Form, SamlError},
    set_browser_cookie, shell,
};
use crate::{
    app::App,
    clock::Millis,
    domain::{
        answer,
        challenge::{Challenge, Echo, State as ChallengeState},
        connection::Connection,
        request::{self, Asked, Received, Visitor},
    },
    limits::Slot,
    store::StoreError,
};
use axum::{
    Extension, Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use serde::Serialize;
use std::{
    net::IpAddr,
    time::{Duration, Instant},
};
use wire::{id::ChallengeId, reason::Reason};

/// Another process may have moved the challenge: look so often.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// No request is held for longer, whatever the clock does; the longest patience a policy may ask for.
const HOLD: Duration = Duration::from_secs(10);

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/challenge/{id}", get(page))
        .route("/challenge/{id}/outcome", get(outcome))
        .route("/challenge/{id}/complete", get(complete))
}

/// Who brought a request, and when.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// Of the request.
    pub headers: &'a HeaderMap,
    /// The address.
    pub from: IpAddr,
    /// By our clock.
    pub now: Millis,
}

/// Begins the ceremony of a verified request, whatever standard it came by: the browser goes to the page of its challenge,
/// or is told that the sign-in was opened elsewhere. `Err` is why the request cannot be answered.
pub async fn begin(
    app: &App,
    connection: &Connection,
    asked: Asked,
    sender: &Sender<'_>,
) -> Result<Result<Response, Reason>, Failed> {
    let agent = sender.headers.get(header::USER_AGENT);
    let visitor = Visitor {
        cookie: browser_cookie(sender.headers),
        place: sender.from.to_string(),
        agent: agent
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .into(),
    };
    let received = request::receive(app, connection, asked, &visitor, sender.now).await?;
    Ok(match received {
        Received::Here(challenge, cookie) => {
            let mut response =
                Redirect::to(&format!("/challenge/{}", challenge.id)).into_response();
            set_browser_cookie(&cookie, &mut response);
            Ok(response)
        }
        Received::Elsewhere(challenge) => {
            request::note_elsewhere(app, &challenge, &visitor.place, sender.now).await?;
            let page = OpenedElsewhereView::of(&challenge, sender.now).html();
            let page = page.map_err(|_| StoreError::Corrupt("page"))?;
            let response = (StatusCode::FORBIDDEN, page).into_response();
            Ok(challenge_page(&challenge, response))
        }
        Received::Refused(reason) => Err(reason),
    })
}

/// The way on from a decided challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Onward {
    /// A form that the browser posts.
    Form(Form),
    /// A URL that the browser goes to.
    Location(String),
}

/// Why there is no way on.
#[derive(Debug, thiserror::Error)]
pub enum OnwardError {
    /// Of a SAML request.
    #[error(transparent)]
    Saml(#[from] SamlError),
    /// Of an OpenID request.
    #[error(transparent)]
    Oidc(#[from] OidcError),
}

async fn onward(app: &App, challenge: &Challenge, now: Millis) -> Result<Onward, OnwardError> {
    Ok(match &challenge.request {
        Echo::Saml(_) => Onward::Form(saml::respond(app, challenge, now).await?),
        Echo::Oidc(echo) => oidc::respond(app, challenge, echo, now).await?,
    })
}

async fn find(app: &App, id: &str) -> Result<Option<Challenge>, StoreError> {
    match ChallengeId::new(id) {
        Ok(id) => app.store.find_challenge(&id).await,
        Err(_) => Ok(None),
    }
}

async fn page(
    State(app): State<App>,
    Path(id): Path<String>,
    Arrived(now): Arrived,
    ClientAddress(from): ClientAddress,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let Some(challenge) = find(&app, &id).await? else {
        return Ok(shell::not_found().await);
    };
    let is_here = challenge.is_browser(browser_cookie(&headers));
    if !is_here {
        request::note_elsewhere(&app, &challenge, &from.to_string(), now).await?;
    }
    let (status, html) = match is_here {
        true => (StatusCode::OK, ChallengeView::of(&challenge, now).html()),
        false => (
            StatusCode::FORBIDDEN,
            OpenedElsewhereView::of(&challenge, now).html(),
        ),
    };
    let html = html.map_err(|_| StoreError::Corrupt("page"))?;
    Ok(challenge_page(&challenge, (status, html).into_response()))
}

/// What the page's script is told.
#[derive(Debug, Serialize)]
struct Outcome {
    state: &'static str,
    reasons: Vec<Reason>,
    /// What the chooser still offers: a verdict may have taken some away since the page was made.
    factors: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<Form>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
}

async fn outcome(
    State(app): State<App>,
    Path(id): Path<String>,
    Arrived(now): Arrived,
    Extension(slot): Extension<Slot>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    if !is_same_origin(&headers, &app.settings.origin) {
        return Ok(StatusCode::FORBIDDEN.into_response());
    }
    let Some(challenge) = find(&app, &id).await? else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    if !challenge.is_browser(browser_cookie(&headers)) {
        return Ok((
            StatusCode::FORBIDDEN,
            Json(said("opened_elsewhere", vec![Reason::OpenedElsewhere])),
        )
            .into_response());
    }
    let challenge = match challenge.state {
        ChallengeState::Waiting if !challenge.is_expired(now) => {
            slot.give_back();
            wait(&app, challenge).await?
        }
        _ => challenge,
    };
    told(&app, challenge).await
}

/// Until the challenge is past waiting, or patience is.
async fn wait(app: &App, challenge: Challenge) -> Result<Challenge, StoreError> {
    let id = challenge.id.clone();
    let (_, policy) = app.policies.current(&app.store).await?;
    let until = challenge.created_at + Millis::from(policy.patience_ms);
    let waiter = app.wakeups.wait_for(&id);
    let began = Instant::now();
    loop {
        let moved = waiter.moved();
        let Some(current) = app.store.find_challenge(&id).await? else {
            return Ok(challenge);
        };
        if current.state != ChallengeState::Waiting || began.elapsed() > HOLD {
            return Ok(current);
        }
        let now = app.now_ms();
        if now >= until {
            answer::patience_is_over(app, &current, now).await?;
            return Ok(app.store.find_challenge(&id).await?.unwrap_or(current));
        }
        let left = Duration::from_millis(u64::try_from(until - now).unwrap_or(0));
        // Whichever comes first, the row is read again.
        let _ = tokio::time::timeout(left.min(LOOK_EVERY), moved).await;
    }
}

async fn told(app: &App, challenge: Challenge) -> Result<Response, Failed> {
    let now = app.now_ms();
    if challenge.is_expired(now) {
        return Ok(Json(said("expired", vec![Reason::ChallengeExpired])).into_response());
    }
    let (form, location) = match challenge.state {
        ChallengeState::Waiting | ChallengeState::StepUp => (None, None),
        ChallengeState::Allowed | ChallengeState::Declined => {
            match onward(app, &challenge, now).await {
                Ok(Onward::Form(form)) => (Some(form), None),
                Ok(Onward::Location(location)) => (None, Some(location)),
                Err(error) => return Ok(unanswered(&challenge, error)),
            }
        }
    };
    let state = challenge.state.code();
    let factors = challenge.allowed_factors.iter().map(|f| f.code()).collect();
    Ok(Json(Outcome {
        state,
        reasons: challenge.reasons,
        factors,
        form,
        location,
    })
    .into_response())
}

fn said(state: &'static str, reasons: Vec<Reason>) -> Outcome {
    Outcome {
        state,
        reasons,
        factors: Vec::new(),
        form: None,
        location: None,
    }
}

/// The way without script: a form with a button.
async fn complete(
    State(app): State<App>,
    Path(id): Path<String>,
    Arrived(now): Arrived,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let Some(challenge) = find(&app, &id).await? else {
        return Ok(shell::not_found().await);
    };
    let open = matches!(
        challenge.state,
        ChallengeState::Allowed | ChallengeState::Declined
    );
    if !challenge.is_browser(browser_cookie(&headers)) || challenge.is_expired(now) || !open {
        return Ok(Redirect::to(&format!("/challenge/{}", challenge.id)).into_response());
    }
    let form = match onward(&app, &challenge, now).await {
        Ok(Onward::Form(form)) => form,
        Ok(Onward::Location(location)) => return Ok(Redirect::to(&location).into_response()),
        Err(error) => return Ok(unanswered(&challenge, error)),
    };
    let view = CompleteView {
        application: application_of(&challenge),
        state: challenge.state.code(),
        action: form.action,
        fields: form
            .fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    };
    let html = view.html().map_err(|_| StoreError::Corrupt("page"))?;
    Ok(challenge_page(&challenge, html.into_response()))
}

fn unanswered(challenge: &Challenge, error: OnwardError) -> Response {
    tracing::error!(challenge = %challenge.id, %error, "no answer could be made");
    notice(
        StatusCode::INTERNAL_SERVER_ERROR,
        "That did not work",
        "Something failed on our side. Please try again.",
        "",
    )
}
