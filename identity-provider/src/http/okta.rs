//! What an org reads and posts here: event hooks (`/okta/{connection}/events`), and what it has to know of us to believe our
//! security events (`/ssf/{connection}/…`).

use crate::{
    app::App,
    domain::{self, oidc::KEY_LINGERS, okta::OktaOrg},
    http::{Arrived, Failed, client_of, oidc, shell},
    keys,
    okta::transmitter,
    store::StoreError,
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{ConnectInfo, DefaultBodyLimit, Path, Request, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use standards::event_hook::{self, BODY_BYTES, EventHookError};
use std::net::SocketAddr;
use wire::id::ConnectionId;

/// How long configuration and keys may be kept by whoever read them.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");
/// A challenge of Okta's is a UUID or so.
const CHALLENGE: usize = 256;
/// The longest `Authorization` that is looked at.
const SECRET: usize = 1_024;

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/okta/{connection}/events", get(verify).post(receive))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .route(
            "/ssf/{connection}/.well-known/ssf-configuration",
            get(configuration),
        )
        // Where the Shared Signals Framework looks for an issuer with a path (section 7.2.1).
        .route(
            "/.well-known/ssf-configuration/ssf/{connection}",
            get(configuration),
        )
        .route("/ssf/{connection}/jwks", get(jwks))
}

/// Where an org posts its events to.
pub fn hook_url(app: &App, connection: &ConnectionId) -> String {
    app.url(&format!("/okta/{connection}/events"))
}

/// Why a hook was not heard. Okta looks at the status alone, and tries 5xx once more.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    /// No such connection, or one that takes no events.
    NothingHere,
    /// Too many requests, or too many wrong secrets.
    TooMany,
    /// Another secret.
    Unauthorized,
    /// Not JSON in UTF-8.
    MediaType,
    /// The body.
    Body(EventHookError),
    /// It broke off.
    Incomplete,
    /// Not what a verification has.
    Challenge,
    /// Ours.
    Internal,
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "an event hook failed");
        Self::Internal
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, why) = match &self {
            Self::NothingHere => (StatusCode::NOT_FOUND, "there is no event hook here".into()),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too many requests".into()),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "the shared secret is missing or wrong".into(),
            ),
            Self::MediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body has to be application/json in UTF-8".into(),
            ),
            Self::Body(EventHookError::TooLarge) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                EventHookError::TooLarge.to_string(),
            ),
            Self::Body(error) => (StatusCode::BAD_REQUEST, error.to_string()),
            Self::Incomplete => (StatusCode::BAD_REQUEST, "the body is incomplete".into()),
            Self::Challenge => (
                StatusCode::BAD_REQUEST,
                "there is no x-okta-verification-challenge".into(),
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "something failed on our side".into(),
            ),
        };
        if status.is_client_error() {
            tracing::info!(status = status.as_u16(), why, "refused an event hook");
        }
        metrics::counter!("tacit_okta_events_total", "result" => "refused").increment(1);
        (status, Json(json!({ "error": why }))).into_response()
    }
}

/// Okta asks once whether we want its events: whoever answers with its own words does.
async fn verify(
    State(app): State<App>,
    Path(connection): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    find(&app, connection).await?;
    let challenge = headers
        .get("x-okta-verification-challenge")
        .and_then(|v| v.to_str().ok())
        .filter(|v| (1..=CHALLENGE).contains(&v.len()))
        .ok_or(Refused::Challenge)?;
    Ok(Json(json!({ "verification": challenge })).into_response())
}

/// Takes events. Nothing of the body is looked at before the secret.
async fn receive(
    State(app): State<App>,
    Path(connection): Path<String>,
    Arrived(now): Arrived,
    request: Request,
) -> Result<Response, Refused> {
    let org = find(&app, connection).await?;
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|c| c.0.ip());
    let from = client_of(&app, peer, request.headers());
    let guesses = app.limits.guesses();
    if !app.limits.allows_provisioning(from) || !guesses.allows(from, now) {
        return Err(Refused::TooMany);
    }
    if !knows_secret(request.headers(), &org.hook_hash) {
        guesses.note_wrong(from, now);
        return Err(Refused::Unauthorized);
    }
    if !shell::is_utf8(request.headers(), &["application/json"]) {
        return Err(Refused::MediaType);
    }
    let body = bytes(request, &app).await?;
    let events = event_hook::parse(&body).map_err(Refused::Body)?;
    for event in &events {
        for heard in domain::okta::heard(event, &org.effects) {
            let followed = app.store.follow_event(&org.connection, &heard, now).await?;
            metrics::counter!("tacit_okta_events_total", "result" => followed.code()).increment(1);
            tracing::info!(connection = %org.connection, event = heard.event, kind = event.kind, result = followed.code(), "an event of the org");
        }
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn find(app: &App, connection: String) -> Result<OktaOrg, Refused> {
    let id = ConnectionId::new(connection).map_err(|_| Refused::NothingHere)?;
    let org = app.store.find_okta_org(&id).await?;
    org.filter(|org| !org.hook_hash.is_empty())
        .ok_or(Refused::NothingHere)
}

/// The one `Authorization`, against the secret's hash, in a time that does not depend on where they differ.
fn knows_secret(headers: &HeaderMap, hash: &str) -> bool {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    value.len() <= SECRET && keys::same(&keys::hash(value.as_bytes()), hash)
}

async fn bytes(request: Request, app: &App) -> Result<Bytes, Refused> {
    use axum::extract::FromRequest as _;
    Bytes::from_request(request, app)
        .await
        .map_err(|error| match error {
            BytesRejection::FailedToBufferBody(_)
                if error.status() == StatusCode::PAYLOAD_TOO_LARGE =>
            {
                Refused::Body(EventHookError::TooLarge)
            }
            _ => Refused::Incomplete,
        })
}

async fn configuration(
    State(app): State<App>,
    Path(connection): Path<String>,
) -> Result<Response, Failed> {
    let Some(org) = transmitting(&app, connection).await? else {
        return Ok(shell::not_found().await);
    };
    let issuer = transmitter::issuer(&app, &org.connection);
    let keys = transmitter::jwks_url(&app, &org.connection);
    let metadata = standards::secevent::transmitter_metadata(&issuer, &keys);
    Ok(([(header::CACHE_CONTROL, KEPT)], Json(metadata)).into_response())
}

async fn jwks(
    State(app): State<App>,
    Path(connection): Path<String>,
    Arrived(now): Arrived,
) -> Result<Response, Failed> {
    let Some(org) = transmitting(&app, connection).await? else {
        return Ok(shell::not_found().await);
    };
    let set = oidc::published(&app, &org.connection, now - KEY_LINGERS).await?;
    Ok(([(header::CACHE_CONTROL, KEPT)], Json(set)).into_response())
}

async fn transmitting(app: &App, connection: String) -> Result<Option<OktaOrg>, StoreError> {
    match ConnectionId::new(connection) {
        Ok(id) => app.store.find_okta_org(&id).await,
        Err(_) => Ok(None),
    }
}
