//! `/saml/{connection}/…`: metadata for Okta, and requests from it by Redirect and POST.

mod metadata;
mod response;
mod sso;

pub use response::{Form, SamlCache, SamlError, Signer, respond};

use crate::app::App;
use axum::{Router, extract::DefaultBodyLimit, routing::get};
use wire::id::ConnectionId;

/// A request by POST: what `standards` reads, and no more.
const BODY: usize = standards::saml::authn_request::PARAMETERS_BYTES;

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/saml/{connection}/metadata", get(metadata::get))
        .route("/saml/{connection}/sso", get(sso::get).post(sso::post))
        .layer(DefaultBodyLimit::max(BODY))
}

/// What a connection calls itself towards Okta.
pub fn issuer(app: &App, connection: &ConnectionId) -> String {
    app.url(&format!("/saml/{connection}/metadata"))
}

/// Where Okta sends requests of a connection.
pub fn sso_url(app: &App, connection: &ConnectionId) -> String {
    app.url(&format!("/saml/{connection}/sso"))
}
