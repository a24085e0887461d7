//! The two web sites: the org and the application. One file per family of endpoints.

mod acs;
mod admin;
mod api;
mod application;
mod arrival;
mod authn;
mod error;
mod idx;
mod login;
mod oidc;
mod pages;
mod provisioning;
mod signals;
mod sso;
mod token;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};

use crate::org::Org;
use crate::server::Peer;
use crate::system_log::Client;

/// The org's own origin.
pub fn org_router(org: Arc<Org>) -> Router {
    Router::new()
        .route("/", get(login::home))
        .route("/assets/{name}", get(pages::asset))
        .route("/login/login.htm", get(login::sign_in))
        .route("/login/signout", get(login::sign_out))
        .route(
            "/login/sessionCookieRedirect",
            get(login::session_cookie_redirect),
        )
        .route("/login/token/redirect", get(login::token_redirect))
        .route(
            "/signin/refresh-auth-state/{token}",
            get(login::refresh_auth_state),
        )
        .route("/app/UserHome", get(login::user_home))
        .route("/app/{name}/{id}/sso/saml", get(login::application))
        .route("/sso/idps/{idp}", get(sso::get))
        .route("/sso/saml2/{idp}", post(acs::post))
        .route("/oauth2/v1/authorize/callback", get(oidc::callback))
        .route("/stand-in/oidc/jwks", get(oidc::keys))
        .route("/api/v1/authn", post(authn::primary))
        .route("/api/v1/authn/introspect", post(authn::introspect))
        .route("/api/v1/authn/factors", post(authn::enrol))
        .route("/api/v1/authn/factors/{factor}/verify", post(authn::verify))
        .route("/api/v1/authn/previous", post(authn::previous))
        .route("/api/v1/authn/skip", post(authn::skip))
        .route("/api/v1/authn/cancel", post(authn::cancel))
        .route("/idp/idx/introspect", post(idx::introspect))
        .route("/idp/idx/identify", post(idx::identify))
        .route("/idp/idx/challenge", post(idx::challenge))
        .route("/idp/idx/challenge/answer", post(idx::answer))
        .route("/idp/idx/credential/enroll", post(idx::enrol))
        .route("/idp/idx/skip", post(idx::skip))
        .route("/idp/idx/cancel", post(idx::cancel))
        .route("/oauth2/v1/token", post(token::issue))
        .route("/oauth2/v1/keys", get(token::keys))
        .route("/oauth2/v1/global-token-revocation", post(signals::revoke))
        .route("/security/api/v1/security-events", post(signals::receive))
        .merge(api::router(&org))
        .merge(admin::router(&org))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(map_response(security_headers))
        .with_state(org)
}

/// The application's origin.
pub fn application_router(org: Arc<Org>) -> Router {
    Router::new()
        .route("/", get(application::home))
        .route("/login", get(application::login))
        .route("/callback", get(application::callback))
        .route("/logout", get(application::logout))
        .route("/assets/{name}", get(pages::asset))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(map_response(security_headers))
        .with_state(org)
}

async fn security_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache, no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // State tokens stand in URLs of the org, as they do at Okta.
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("strict-origin-when-cross-origin"),
    );
    headers.insert("x-stand-in", HeaderValue::from_static("this is not Okta"));
    response
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Client, Infallible> {
        let peer = parts.extensions.get::<axum::extract::ConnectInfo<Peer>>();
        let agent = parts
            .headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok());
        Ok(Client {
            ip: peer.map_or_else(|| "127.0.0.1".to_owned(), |peer| peer.0.0.ip().to_string()),
            user_agent: agent.unwrap_or("unknown").chars().take(300).collect(),
        })
    }
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(found, value)| (found == name).then_some(value))
}

fn percent_encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

const BODY_LIMIT: usize = 512 * 1024;
