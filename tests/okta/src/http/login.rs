//! The pages of the org around a sign-in, and the ways a browser gets its session cookie.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::error::PageError;
use super::{cookie, pages, percent_encode};
use crate::config::Pipeline;
use crate::ids;
use crate::org::Org;
use crate::resources::idps::Usage;
use crate::resources::users::Status;
use crate::sign_on;
use crate::state::{Session, Transaction};
use crate::system_log::{Client, Event, Kind};

#[derive(Deserialize)]
pub struct SignInQuery {
    #[serde(default, rename = "fromURI")]
    from_uri: String,
}

#[derive(Deserialize)]
pub struct SessionCookieQuery {
    token: String,
    #[serde(default, rename = "redirectUrl")]
    redirect_url: String,
}

#[derive(Deserialize)]
pub struct StateTokenQuery {
    #[serde(rename = "stateToken")]
    state_token: String,
}

#[derive(Deserialize)]
pub struct AppQuery {
    #[serde(default, rename = "RelayState")]
    relay_state: String,
}

pub async fn home() -> Response {
    found("/app/UserHome", None)
}

/// Classic's sign-in page. No transaction exists before the password.
pub async fn sign_in(State(org): State<Arc<Org>>, Query(query): Query<SignInQuery>) -> Response {
    let from_uri = safe_from_uri(&query.from_uri, &org);
    sign_in_page(&org, &from_uri)
}

/// The page comes back after the identity provider; whoever holds the token sees it.
pub async fn refresh_auth_state(
    State(org): State<Arc<Org>>,
    Path(token): Path<String>,
) -> Result<Response, PageError> {
    let transaction = org.state().transaction(&token, org.now())?;
    Ok(show_sign_in(
        &org,
        &transaction.from_uri,
        Some(&transaction.token),
    ))
}

/// The deep link of the application: at once with a session, after a sign-in without.
pub async fn application(
    State(org): State<Arc<Org>>,
    Path((name, id)): Path<(String, String)>,
    Query(query): Query<AppQuery>,
    uri: Uri,
    headers: HeaderMap,
    client: Client,
) -> Result<Response, PageError> {
    if name != org.app_slug || id != org.app_id {
        return Err(PageError::not_found());
    }
    let Some(session) = find_session(&org, &headers) else {
        let from_uri = safe_from_uri(uri.path_and_query().map_or("/", |path| path.as_str()), &org);
        return Ok(match org.config.pipeline {
            Pipeline::Classic => found(
                &format!("/login/login.htm?fromURI={}", percent_encode(&from_uri)),
                None,
            ),
            // Identity Engine shows its page in place, with the state token inside it.
            Pipeline::Oie => sign_in_page(&org, &from_uri),
        });
    };
    let event = Event {
        kind: Kind::Sso,
        outcome: Ok(()),
        login: &session.login,
        transaction: Some(&session.transaction),
        credential_type: None,
        detail: None,
    };
    org.write_log(&event, &client);
    let code = ids::generate_secret();
    let expires_at = org.now() + CODE_LIFETIME;
    let mut application = org.application();
    application.codes.retain(|_, (_, until)| *until > org.now());
    application
        .codes
        .insert(code.clone(), (session.login, expires_at));
    let relay_state = percent_encode(&query.relay_state);
    Ok(found(
        &format!(
            "{}/callback?code={code}&RelayState={relay_state}",
            org.config.app_origin
        ),
        None,
    ))
}

pub async fn user_home(State(org): State<Arc<Org>>, headers: HeaderMap) -> Response {
    match find_session(&org, &headers) {
        Some(session) => page(
            &org,
            pages::user_home(&org.config, &session.login, &org.app_path()),
        ),
        None => sign_in_page(&org, "/app/UserHome"),
    }
}

/// Classic: a session token becomes the cookie of the browser that brings it.
pub async fn session_cookie_redirect(
    State(org): State<Arc<Org>>,
    Query(query): Query<SessionCookieQuery>,
    client: Client,
) -> Result<Response, PageError> {
    let transaction = org.state().redeem_session_token(&query.token, org.now())?;
    let to = safe_from_uri(&query.redirect_url, &org);
    Ok(found(&to, Some(start_session(&org, &transaction, &client))))
}

/// Identity Engine: the same with the state token itself.
pub async fn token_redirect(
    State(org): State<Arc<Org>>,
    Query(query): Query<StateTokenQuery>,
    client: Client,
) -> Result<Response, PageError> {
    let now = org.now();
    if org.state().transaction(&query.state_token, now)?.pipeline != Pipeline::Oie {
        return Err(PageError::expired());
    }
    let transaction = org.state().redeem(&query.state_token, now)?;
    Ok(found(
        &transaction.from_uri,
        Some(start_session(&org, &transaction, &client)),
    ))
}

pub async fn sign_out(
    State(org): State<Arc<Org>>,
    Query(query): Query<SignInQuery>,
    headers: HeaderMap,
    client: Client,
) -> Response {
    if let Some(session) =
        session_cookie(&org, &headers).and_then(|value| org.state().end_session(value))
    {
        log_session_end(&org, &session, &client);
    }
    // Back to the application, or to the org's own front page; to nowhere else.
    let to = match query.from_uri == format!("{}/", org.config.app_origin) {
        true => query.from_uri,
        false => "/".to_owned(),
    };
    found(
        &to,
        Some(format!(
            "{}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=None",
            cookie_name(&org)
        )),
    )
}

pub fn log_session_end(org: &Org, session: &Session, client: &Client) {
    let event = Event {
        kind: Kind::SessionEnd,
        outcome: Ok(()),
        login: &session.login,
        transaction: Some(&session.transaction),
        credential_type: None,
        detail: None,
    };
    org.write_log(&event, client);
}

/// Makes the session, logs it and returns the `Set-Cookie` header's value.
pub fn start_session(org: &Org, transaction: &Transaction, client: &Client) -> String {
    let now = org.now();
    let (value, session) = org.state().create_session(transaction, now);
    {
        let mut resources = org.resources();
        let id = resources
            .user_id_of_login(&session.login)
            .map(str::to_owned);
        if let Some(user) = id.and_then(|id| resources.users.row_mut(&id).ok()) {
            user.last_login = Some(now);
            if user.status == Status::LockedOut {
                user.status = Status::Active;
            }
        }
    }
    let event = Event {
        kind: Kind::SessionStart,
        outcome: Ok(()),
        login: &session.login,
        transaction: Some(&session.transaction),
        credential_type: None,
        detail: None,
    };
    org.write_log(&event, client);
    format!(
        "{}={value}; Path=/; Secure; HttpOnly; SameSite=None",
        cookie_name(org)
    )
}

pub fn find_session(org: &Org, headers: &HeaderMap) -> Option<Session> {
    let value = session_cookie(org, headers)?;
    org.state().session(value, org.now()).cloned()
}

pub fn session_cookie<'h>(org: &Org, headers: &'h HeaderMap) -> Option<&'h str> {
    cookie(headers, cookie_name(org))
}

/// Only paths of the org itself: anything else leads to the user's home.
pub fn safe_from_uri(from: &str, org: &Org) -> String {
    let path = from.strip_prefix(&org.config.org_origin).unwrap_or(from);
    let is_local = path.starts_with('/') && !path.starts_with("//") && !path.contains('\\');
    let is_clean = path.len() <= 2000 && path.bytes().all(|b| b.is_ascii_graphic());
    match is_local && is_clean {
        true => path.to_owned(),
        false => "/app/UserHome".to_owned(),
    }
}

pub fn found(to: &str, set_cookie: Option<String>) -> Response {
    let mut response = StatusCode::FOUND.into_response();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(to) {
        headers.insert(LOCATION, value);
    }
    if let Some(value) = set_cookie.and_then(|value| HeaderValue::from_str(&value).ok()) {
        headers.insert(SET_COOKIE, value);
    }
    response
}

fn sign_in_page(org: &Org, from_uri: &str) -> Response {
    let token = match org.config.pipeline {
        Pipeline::Classic => None,
        Pipeline::Oie => Some(org.state().begin(Pipeline::Oie, from_uri, org.now()).token),
    };
    show_sign_in(org, from_uri, token.as_deref())
}

fn show_sign_in(org: &Org, from_uri: &str, state_token: Option<&str>) -> Response {
    let (idp_name, asks_name_first) = {
        let resources = org.resources();
        let factor = resources
            .idps
            .iter()
            .find(|(_, row)| row.usage == Usage::Factor);
        let name = factor.map(|(_, row)| row.name().to_owned());
        (name.unwrap_or_default(), sign_on::has_routing(&resources))
    };
    let shown = pages::SignIn {
        from_uri,
        state_token,
        skips_verify: org.skips_verify(),
        idp_name: &idp_name,
        asks_name_first,
    };
    page(org, pages::sign_in(&org.config, &shown))
}

fn page(org: &Org, html: String) -> Response {
    let form_action = format!("'self' {}", org.config.app_origin);
    (pages::headers(&form_action), Html(html)).into_response()
}

fn cookie_name(org: &Org) -> &'static str {
    match org.config.pipeline {
        Pipeline::Classic => "sid",
        Pipeline::Oie => "idx",
    }
}

const CODE_LIFETIME: i64 = 60_000;
