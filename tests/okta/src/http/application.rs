//! The application: another site, which knows its user only through the org.
//!
//! The last leg is not Okta's: instead of an assertion the org hands over a one-time code.
//! It is a redirect across sites, as with OpenID Connect, so that a form-action rule which
//! forgets the redirects after the ACS shows itself here.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::error::PageError;
use super::login::found;
use super::{cookie, pages, percent_encode};
use crate::ids;
use crate::org::Org;

#[derive(Deserialize)]
pub struct CallbackQuery {
    code: String,
    #[serde(default, rename = "RelayState")]
    relay_state: String,
}

pub async fn home(State(org): State<Arc<Org>>, headers: HeaderMap) -> Response {
    let login = cookie(&headers, SESSION_COOKIE)
        .and_then(|value| org.application().sessions.get(&ids::hash(value)).cloned());
    (
        pages::headers("'self'"),
        Html(pages::application(&org.config, login.as_deref())),
    )
        .into_response()
}

/// SP-initiated: to the org's deep link, which carries no state token.
pub async fn login(State(org): State<Arc<Org>>) -> Response {
    let relay_state = ids::generate_secret();
    let to = format!(
        "{}{}?RelayState={relay_state}",
        org.config.org_origin,
        org.app_path()
    );
    let name = login_cookie(&relay_state);
    found(
        &to,
        Some(format!(
            "{name}=1; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax"
        )),
    )
}

/// Accepts a code only in the browser that began this sign-in.
pub async fn callback(
    State(org): State<Arc<Org>>,
    Query(query): Query<CallbackQuery>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let claimed = org.application().codes.remove(&query.code);
    let Some((login, _)) = claimed.filter(|(_, until)| *until > org.now()) else {
        return Err(PageError::expired());
    };
    let is_ours = query.relay_state.len() == 43
        && cookie(&headers, &login_cookie(&query.relay_state)).is_some();
    // A person who comes from the org's own home page has begun nothing here.
    if !is_ours && !query.relay_state.is_empty() {
        return Err(PageError::general(
            "This sign-in was not started in this browser.",
        ));
    }
    let value = ids::generate_secret();
    let mut application = org.application();
    if application.sessions.len() >= MAX_SESSIONS {
        application.sessions.clear();
    }
    application.sessions.insert(ids::hash(&value), login);
    Ok(found(
        "/",
        Some(format!(
            "{SESSION_COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Lax"
        )),
    ))
}

/// Ends the application's session and the org's.
pub async fn logout(State(org): State<Arc<Org>>, headers: HeaderMap) -> Response {
    if let Some(value) = cookie(&headers, SESSION_COOKIE) {
        org.application().sessions.remove(&ids::hash(value));
    }
    let back = percent_encode(&format!("{}/", org.config.app_origin));
    found(
        &format!("{}/login/signout?fromURI={back}", org.config.org_origin),
        None,
    )
}

fn login_cookie(relay_state: &str) -> String {
    format!(
        "__Host-login-{}",
        relay_state.chars().take(8).collect::<String>()
    )
}

const SESSION_COOKIE: &str = "__Host-workplace";
const MAX_SESSIONS: usize = 5000;
