//! `/oidc/{connection}/…`: the OpenID Provider. Each connection is an issuer of its own with one client, so that nothing of
//! one is worth anything at another.

mod answer;
mod authorize;
mod discovery;
mod logout;
mod page;
mod signer;
mod token;
mod userinfo;

pub use answer::{OidcError, respond};
pub use discovery::published;
pub use signer::{OidcCache, Signer, SignerError};

use crate::{
    app::App,
    domain::{connection::Connection, oidc::OidcClient},
    store::StoreError,
};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use standards::oidc::{ErrorCode, parameters};
use wire::id::ConnectionId;

/// A body with parameters: what `standards` reads, and no more.
const BODY: usize = parameters::PARAMETERS_BYTES;
/// How long discovery and keys may be kept by whoever read them, in seconds: shorter than a roll-over takes.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route(
            "/oidc/{connection}/.well-known/openid-configuration",
            get(discovery::configuration),
        )
        .route("/oidc/{connection}/jwks", get(discovery::jwks))
        .route(
            "/oidc/{connection}/authorize",
            get(authorize::get).post(authorize::post),
        )
        .route("/oidc/{connection}/token", axum::routing::post(token::post))
        .route(
            "/oidc/{connection}/userinfo",
            get(userinfo::get).post(userinfo::get),
        )
        .route(
            "/oidc/{connection}/logout",
            get(logout::get).post(logout::post),
        )
        .route(
            "/oidc/{connection}/logout/confirm",
            axum::routing::post(logout::confirm),
        )
        .layer(DefaultBodyLimit::max(BODY))
}

/// What a connection calls itself towards its client.
pub fn issuer(app: &App, connection: &ConnectionId) -> String {
    app.url(&format!("/oidc/{connection}"))
}

/// A URL below the issuer.
pub fn url(app: &App, connection: &ConnectionId, path: &str) -> String {
    app.url(&format!("/oidc/{connection}/{path}"))
}

/// Connection and client of a path; none if there is no such connection, or if it speaks SAML.
async fn find(app: &App, connection: &str) -> Result<Option<(Connection, OidcClient)>, StoreError> {
    let Ok(id) = ConnectionId::new(connection) else {
        return Ok(None);
    };
    let Some(client) = app.store.find_oidc_client(&id).await? else {
        return Ok(None);
    };
    let connection = app.store.find_connection(&id).await?;
    Ok(connection.map(|connection| (connection, client)))
}

/// The error body of RFC 6749 section 5.2. The description states a fact about the request and nothing about us.
fn error(code: ErrorCode, description: &str) -> Response {
    let status = match code {
        ErrorCode::InvalidClient | ErrorCode::InvalidToken => StatusCode::UNAUTHORIZED,
        ErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    let body = json!({ "error": code.code(), "error_description": description });
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}

/// A failure of ours, for a program.
fn failed(cause: &dyn std::error::Error) -> Response {
    tracing::error!(error = %cause, "request failed");
    error(ErrorCode::ServerError, "something failed on our side")
}
