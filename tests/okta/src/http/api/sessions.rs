//! `/api/v1/sessions/me`: the browser's own session.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::clock::format_iso;
use crate::http::error::ApiError;
use crate::http::login::{find_session, log_session_end, session_cookie};
use crate::ids;
use crate::org::Org;
use crate::system_log::Client;

pub async fn show(
    State(org): State<Arc<Org>>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let session = find_session(&org, &headers)
        .ok_or_else(|| ApiError::NotFound("me (Session)".to_owned()))?;
    let origin = &org.config.org_origin;
    Ok(Json(json!({
        "id": session.id,
        "userId": org.user_id(&session.login),
        "login": session.login,
        "createdAt": format_iso(session.created_at),
        "expiresAt": format_iso(session.expires_at),
        "status": "ACTIVE",
        "lastPasswordVerification": session.transaction.marks.password_ok.map(format_iso),
        "lastFactorVerification": session.transaction.marks.acs_received.map(format_iso),
        "amr": session.amr,
        "idp": { "id": ids::derive_id("0oa", "okta"), "type": "OKTA" },
        "mfaActive": true,
        "_links": {
            "self": { "href": format!("{origin}/api/v1/sessions/me"), "hints": { "allow": ["GET", "DELETE"] } },
            "refresh": { "href": format!("{origin}/api/v1/sessions/me/lifecycle/refresh"),
                         "hints": { "allow": ["POST"] } },
            "user": { "name": session.login, "href": format!("{origin}/api/v1/users/me"),
                      "hints": { "allow": ["GET"] } },
        },
    })))
}

pub async fn end(
    State(org): State<Arc<Org>>,
    headers: HeaderMap,
    client: Client,
) -> Result<StatusCode, ApiError> {
    let ended = session_cookie(&org, &headers).and_then(|value| org.state().end_session(value));
    let session = ended.ok_or_else(|| ApiError::NotFound("me (Session)".to_owned()))?;
    log_session_end(&org, &session, &client);
    Ok(StatusCode::NO_CONTENT)
}
