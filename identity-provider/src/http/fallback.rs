//! `POST /challenge/{id}/fallback/{factor}/…`: the ordinary factors, for `challenge.js` as JSON and without script as pages.
//!
//! ```text
//! begin ──▶ passkey │ totp │ code      the person has chosen; a late silent answer no longer counts
//! check ──▶ passed │ retry │ enrol_…   a help-desk code may open the adding of a factor
//! enrol ──▶ passed │ retry
//! ```

pub mod assets;
mod check;
mod enrol;
pub mod page;
mod step;
pub mod words;

use crate::{
    app::App,
    clock::{MINUTE, Millis},
    domain::{
        challenge::{self, Challenge, Factor},
        code,
        factor::passkey::Passkeys,
        user::{User, UserStatus},
    },
    http::ClientAddress,
    keys,
};
use axum::{
    Form, Router,
    extract::{DefaultBodyLimit, FromRequestParts, Path, State},
    http::{HeaderMap, request::Parts},
    response::Response,
    routing::post,
};
use serde::Deserialize;
use std::{convert::Infallible, net::IpAddr};
use step::{Refusal, Step};
use wire::id::ChallengeId;

/// A form with one field. An authenticator's answer is the longest, and form encoding may treble it.
const BODY: usize = 32 * 1024;
/// Requests that one challenge's fallback takes altogether.
const REQUESTS: i64 = 60;

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/challenge/{id}/fallback/{factor}/begin", post(begin))
        .route(
            "/challenge/{id}/fallback/passkey/check",
            post(check_passkey),
        )
        .route("/challenge/{id}/fallback/totp/check", post(check_totp))
        .route("/challenge/{id}/fallback/code/check", post(check_code))
        .route(
            "/challenge/{id}/fallback/passkey/enrol",
            post(enrol_passkey),
        )
        .route("/challenge/{id}/fallback/totp/enrol", post(enrol_totp))
        .layer(DefaultBodyLimit::max(BODY))
        .merge(assets::routes())
}

/// Who asks: the headers, and the address they came from.
struct Caller {
    headers: HeaderMap,
    from: IpAddr,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let ClientAddress(from) = ClientAddress::from_request_parts(parts, app).await?;
        Ok(Self {
            headers: parts.headers.clone(),
            from,
        })
    }
}

/// A request about an open challenge from the browser that was asked.
struct Asked<'a> {
    app: &'a App,
    challenge: Challenge,
    /// The person, if there is one of that name who may sign in.
    user: Option<User>,
    now: Millis,
}

#[derive(Deserialize)]
struct CodeForm {
    code: String,
}

#[derive(Deserialize)]
struct CredentialForm {
    credential: String,
}

type Answer = Result<Response, Response>;

async fn begin(
    State(app): State<App>,
    Path((id, factor)): Path<(String, String)>,
    caller: Caller,
) -> Answer {
    let asked = open(&app, &id, &caller).await?;
    Ok(step::answer(
        asked.choose(&factor).await,
        &asked,
        &caller.headers,
    ))
}

async fn check_passkey(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    form: Form<CredentialForm>,
) -> Answer {
    let asked = open(&app, &id, &caller).await?;
    Ok(step::answer(
        check::passkey(&asked, &form.credential).await,
        &asked,
        &caller.headers,
    ))
}

async fn check_totp(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    form: Form<CodeForm>,
) -> Answer {
    let asked = open(&app, &id, &caller).await?;
    Ok(step::answer(
        check::totp(&asked, &form.code).await,
        &asked,
        &caller.headers,
    ))
}

async fn check_code(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    form: Form<CodeForm>,
) -> Answer {
    let asked = open(&app, &id, &caller).await?;
    Ok(step::answer(
        check::code(&asked, &form.code).await,
        &asked,
        &caller.headers,
    ))
}

async fn enrol_passkey(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    form: Form<CredentialForm>,
) -> Answer {
    let asked = open(&app, &id, &caller).await?;
    Ok(step::answer(
        enrol::finish_passkey(&asked, &form.credential).await,
        &asked,
        &caller.headers,
    ))
}

async fn enrol_totp(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    form: Form<CodeForm>,
) -> Answer {
    let asked = open(&app, &id, &caller).await?;
    Ok(step::answer(
        enrol::finish_totp(&asked, &form.code).await,
        &asked,
        &caller.headers,
    ))
}

/// The challenge, once it is clear who asks; else the answer that says why not.
async fn open<'a>(app: &'a App, id: &str, caller: &Caller) -> Result<Asked<'a>, Response> {
    find(app, id, caller)
        .await
        .map_err(|refusal| step::refused(&refusal, &caller.headers))
}

async fn find<'a>(
    app: &'a App,
    id: &str,
    Caller { headers, from }: &Caller,
) -> Result<Asked<'a>, Refusal> {
    if !super::is_same_origin(headers, &app.settings.origin) {
        return Err(Refusal::CrossSite);
    }
    if !app.limits.allows_factor(*from) {
        return Err(Refusal::TooMany);
    }
    let id = ChallengeId::new(id).map_err(|_| Refusal::Unknown)?;
    let challenge = app
        .store
        .find_challenge(&id)
        .await?
        .ok_or(Refusal::Unknown)?;
    if !challenge.is_browser(super::browser_cookie(headers)) {
        return Err(Refusal::AnotherBrowser);
    }
    let now = app.clock.now_ms();
    if challenge.is_expired(now) {
        return Err(Refusal::Expired);
    }
    if !challenge.is_open(now) {
        return Err(Refusal::Closed);
    }
    if !app
        .store
        .count_attempt(
            &format!("fallback {id}"),
            REQUESTS,
            challenge::LIFETIME,
            now,
        )
        .await?
    {
        return Err(Refusal::TooMany);
    }
    let user = match &challenge.user {
        Some(user) => app.store.find_user(user).await?,
        None => None,
    };
    let user = user.filter(|user| user.status == UserStatus::Active);
    Ok(Asked {
        app,
        challenge,
        user,
        now,
    })
}

impl Asked<'_> {
    /// The person has chosen a factor.
    async fn choose(&self, factor: &str) -> Result<Step, Refusal> {
        let factor = Factor::from_code(factor).ok_or(Refusal::Unknown)?;
        self.begin(factor).await?;
        match factor {
            Factor::Passkey => check::ask_for_passkey(self).await,
            Factor::Totp => Ok(Step::Totp),
            Factor::Code => Ok(Step::code(&self.challenge)),
        }
    }

    /// Notes that the person has chosen `factor`, which has to be on offer.
    async fn begin(&self, factor: Factor) -> Result<(), Refusal> {
        let begun = challenge::begin_factor(self.app, &self.challenge, factor, self.now).await?;
        begun.map_err(Refusal::of_reason)
    }

    fn passkeys(&self) -> Result<Passkeys, Refusal> {
        Ok(Passkeys::new(&self.app.settings.origin)?)
    }

    /// The person's passkeys as stored.
    async fn credentials(&self) -> Result<Vec<String>, Refusal> {
        let Some(user) = &self.user else {
            return Ok(Vec::new());
        };
        let rows = self.app.store.passkeys_of(&user.id).await?;
        Ok(rows.into_iter().map(|row| row.credential).collect())
    }

    /// Counts a try at something of this person that can be guessed, over all challenges: a few in a quarter of an hour,
    /// and not many more in a day. It is counted for people who do not exist as well. Only this factor is closed by it.
    async fn count_try(&self, what: &str) -> Result<bool, Refusal> {
        let (store, [soon, day]) = (&self.app.store, self.tries_at(what));
        let few = store
            .count_attempt(&soon, code::ATTEMPTS, 15 * MINUTE, self.now)
            .await?;
        let not_many = store
            .count_attempt(&day, 4 * code::ATTEMPTS, crate::clock::DAY, self.now)
            .await?;
        Ok(few && not_many)
    }

    async fn forgive_tries(&self, what: &str) -> Result<(), Refusal> {
        for tries in self.tries_at(what) {
            self.app.store.clear_attempts(&tries).await?;
        }
        Ok(())
    }

    /// Under which names tries at something of this person are counted: for a quarter of an hour, and for a day.
    fn tries_at(&self, what: &str) -> [String; 2] {
        let subject = self.challenge.subject.as_str().to_ascii_lowercase();
        let subject = keys::hash(subject.as_bytes());
        ["soon", "day"].map(|span| format!("{what} {span} {subject}"))
    }
}
