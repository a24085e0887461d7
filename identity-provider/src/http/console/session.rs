//! Who is signed in to the console. A session is 32 random bytes in a cookie that no other site's request carries, known
//! here by its hash.

use super::{Refusal, html, respond, view::SignInPage, wants_fragment};
use crate::{
    app::App,
    clock::{HOUR, MINUTE, Millis},
    http::fallback::assets::CONSOLE_CSS,
    keys, password, random,
    store::admin::AdminSession,
};
use axum::{
    Form,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use std::net::IpAddr;
use tokio::sync::Semaphore;

const COOKIE: &str = "__Host-console";
/// A session ends by itself after a working day,
const LIFETIME: Millis = 12 * HOUR;
/// and earlier when nobody used it. A page that updates itself is no use.
const IDLE: Millis = 2 * HOUR;
/// Tries per name and address in a quarter of an hour, and per name from everywhere.
const TRIES: i64 = 5;
const TRIES_FROM_EVERYWHERE: i64 = 50;
const NAME: usize = 64;
const PASSWORD: usize = 1024;

/// Each check of a password takes 19 MiB and tens of milliseconds: only so many at once.
static CHECKS: Semaphore = Semaphore::const_new(2);

/// A signed-in administrator.
pub(super) struct Admin {
    pub(super) name: String,
}

/// Whether a person acts, or a page by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    ByPerson,
    ByItself,
}

#[derive(Deserialize)]
pub(super) struct SignInForm {
    name: String,
    password: String,
}

/// The administrator of this request's session.
pub(super) async fn admin(app: &App, headers: &HeaderMap, by: Use) -> Result<Admin, Refusal> {
    let signed_out = || Refusal::SignedOut {
        is_fragment: wants_fragment(headers),
    };
    let hash = session_hash(headers).ok_or_else(signed_out)?;
    let now = app.now_ms();
    let name = match by {
        Use::ByPerson => app
            .store
            .touch_admin_session(&hash, now - IDLE, now)
            .await?
            .map(|session| session.admin),
        Use::ByItself => app.store.find_admin_session(&hash, now - IDLE, now).await?,
    };
    Ok(Admin {
        name: name.ok_or_else(signed_out)?,
    })
}

/// As [`admin`], for what changes something: the request has to come from the console itself.
pub(super) async fn acting_admin(app: &App, headers: &HeaderMap) -> Result<Admin, Refusal> {
    require_same_origin(app, headers)?;
    admin(app, headers, Use::ByPerson).await
}

pub(super) async fn show_sign_in(State(app): State<App>, headers: HeaderMap) -> Response {
    respond(async {
        if admin(&app, &headers, Use::ByItself).await.is_ok() {
            return Ok(Redirect::to("/console").into_response());
        }
        sign_in_page("", "")
    })
    .await
}

pub(super) async fn sign_in(
    State(app): State<App>,
    crate::http::ClientAddress(from): crate::http::ClientAddress,
    headers: HeaderMap,
    Form(form): Form<SignInForm>,
) -> Response {
    respond(async {
        require_same_origin(&app, &headers)?;
        let SignInForm { name, password } = form;
        if !may_try(&app, &name, from).await? {
            let page = sign_in_page(&name, "Too many attempts. Wait a quarter of an hour.")?;
            return Ok((StatusCode::TOO_MANY_REQUESTS, page).into_response());
        }
        if !is_right(&app, &name, password).await? {
            tracing::warn!(%from, "refused sign-in to the console");
            let page = sign_in_page(&name, "Name or password is wrong.")?;
            return Ok((StatusCode::UNAUTHORIZED, page).into_response());
        }
        app.store.clear_attempts(&key_of(&name, from)).await?;
        let cookie = begin(&app, &name).await?;
        let now = app.now_ms();
        app.store
            .insert_admin_event(now, "console_signed_in", &name, &format!("from {from}"))
            .await?;
        let mut response = Redirect::to("/console").into_response();
        response.headers_mut().insert(header::SET_COOKIE, cookie);
        Ok(response)
    })
    .await
}

pub(super) async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Response {
    respond(async {
        require_same_origin(&app, &headers)?;
        if let Some(hash) = session_hash(&headers) {
            app.store.delete_admin_session(&hash).await?;
        }
        let mut response = Redirect::to("/console/sign-in").into_response();
        response
            .headers_mut()
            .insert(header::SET_COOKIE, cookie("", 0));
        Ok(response)
    })
    .await
}

fn require_same_origin(app: &App, headers: &HeaderMap) -> Result<(), Refusal> {
    match crate::http::is_same_origin(headers, &app.settings.origin) {
        true => Ok(()),
        false => Err(Refusal::CrossSite),
    }
}

/// Counted before the password is looked at, for names that do not exist as well.
async fn may_try(app: &App, name: &str, from: IpAddr) -> Result<bool, Refusal> {
    if !app.limits.allows_sign_in(from) || name.len() > NAME {
        return Ok(false);
    }
    let now = app.now_ms();
    let here = app
        .store
        .count_attempt(&key_of(name, from), TRIES, 15 * MINUTE, now)
        .await?;
    let key = format!("console {}", keys::hash(name.as_bytes()));
    let everywhere = app
        .store
        .count_attempt(&key, TRIES_FROM_EVERYWHERE, 15 * MINUTE, now)
        .await?;
    Ok(here && everywhere)
}

fn key_of(name: &str, from: IpAddr) -> String {
    format!("console {} {from}", keys::hash(name.as_bytes()))
}

/// Whether that is the administrator's password. It takes as long for names that do not exist.
async fn is_right(app: &App, name: &str, password: String) -> Result<bool, Refusal> {
    let known = app.store.find_admin(name).await?;
    let is_known = known.is_some();
    let hash = known.unwrap_or_else(|| password::NOBODY.to_owned());
    if password.len() > PASSWORD {
        return Ok(false);
    }
    // The semaphore is never closed, and a check that panicked is a wrong password.
    let _permit = CHECKS.acquire().await.ok();
    let checked = tokio::task::spawn_blocking(move || password::verify(&password, &hash)).await;
    Ok(is_known && checked.unwrap_or(false))
}

async fn begin(app: &App, admin: &str) -> Result<HeaderValue, Refusal> {
    let secret = random::token::<32>();
    let now = app.now_ms();
    let session = AdminSession {
        admin: admin.to_owned(),
        created_at: now,
        last_seen: now,
        expires_at: now + LIFETIME,
    };
    app.store
        .insert_admin_session(&keys::hash(secret.as_bytes()), &session)
        .await?;
    Ok(cookie(&secret, LIFETIME / 1_000))
}

fn cookie(value: &str, seconds: i64) -> HeaderValue {
    let text =
        format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict");
    // Invariant: base64url and our own constants are visible ASCII.
    HeaderValue::from_str(&text).expect("a cookie of base64url is a header value")
}

fn session_hash(headers: &HeaderMap) -> Option<String> {
    let secret = crate::http::cookie(headers, COOKIE)?;
    (!secret.is_empty()).then(|| keys::hash(secret.as_bytes()))
}

fn sign_in_page(name: &str, problem: &str) -> Result<Response, Refusal> {
    let name = name.get(..name.len().min(NAME)).unwrap_or_default();
    html(&SignInPage {
        css: CONSOLE_CSS.href(),
        name,
        problem,
    })
}
