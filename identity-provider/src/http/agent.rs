//! `POST /agent/*`: what extensions send. One file per endpoint; refusals all look alike.

mod answers;
mod bindings;
mod confirmations;
mod devices;
mod failures;
mod heartbeats;

use super::browser_cookie;
use crate::{
    app::App,
    domain::agent::{AgentError, Call},
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::DefaultBodyLimit,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Serialize, de::DeserializeOwned};
use wire::{
    dpop, limits,
    reason::Reason,
    server::{self, ErrorResponse},
    version::{self, V},
};

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route(server::DEVICES, post(devices::post))
        .route(server::BINDINGS, post(bindings::post))
        .route(server::ANSWERS, post(answers::post))
        .route(server::FAILURES, post(failures::post))
        .route(server::HEARTBEATS, post(heartbeats::post))
        .route(server::CONFIRMATIONS, post(confirmations::post))
        .layer(DefaultBodyLimit::max(limits::AGENT_BODY))
}

/// What every call carries besides its body.
fn call<'a>(headers: &'a HeaderMap, url: &'a str) -> Call<'a> {
    let mut proofs = headers.get_all(dpop::HEADER_NAME).iter();
    let proof = match (proofs.next(), proofs.next()) {
        (Some(proof), None) => proof.to_str().ok(),
        _ => None,
    };
    Call {
        proof,
        cookie: browser_cookie(headers),
        url,
    }
}

fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    version::parse_bounded(body, limits::AGENT_BODY).map_err(|refusal| {
        let reason = match refusal {
            version::Refusal::Version { .. } => Reason::VersionMismatch,
            _ => Reason::Malformed,
        };
        Refused {
            reason,
            message: Some(refusal.to_string()),
        }
    })
}

/// A refusal as the extension gets it.
struct Refused {
    reason: Reason,
    /// What was wrong, where that says more than the reason's own words.
    message: Option<String>,
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            message: None,
        }
    }
}

impl From<AgentError> for Refused {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::Refused(reason) => reason.into(),
            AgentError::Store(error) => error.into(),
        }
    }
}

impl From<crate::store::StoreError> for Refused {
    fn from(error: crate::store::StoreError) -> Self {
        tracing::error!(%error, "an agent's call failed");
        Reason::ServerUnreachable.into()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        metrics::counter!("tacit_refusals_total", "reason" => self.reason.code()).increment(1);
        tracing::info!(reason = self.reason.code(), "refused an agent's call");
        let message = self.message.unwrap_or_else(|| self.reason.words().into());
        let body = ErrorResponse {
            v: V,
            reason: self.reason,
            message,
        };
        (status(self.reason), Json(body)).into_response()
    }
}

fn status(reason: Reason) -> StatusCode {
    match reason {
        Reason::Malformed | Reason::VersionMismatch => StatusCode::BAD_REQUEST,
        Reason::ChallengeUnknown => StatusCode::NOT_FOUND,
        Reason::ChallengeExpired => StatusCode::GONE,
        Reason::AlreadyScored | Reason::ChallengeClosed | Reason::Replayed => StatusCode::CONFLICT,
        Reason::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        // Ours to mend, or too much at once: the same message may be sent again.
        Reason::ServerUnreachable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::FORBIDDEN,
    }
}

type Answered<T> = Result<Json<T>, Refused>;

fn answered<T: Serialize>(body: T) -> Answered<T> {
    Ok(Json(body))
}
