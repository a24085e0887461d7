//! The help desk: from the number that a caller reads out to a code for exactly that challenge.

use super::{Refusal, html, respond, session, view::DeskFragment, wants_fragment, whole_page};
use crate::{
    app::App,
    clock::MINUTE,
    domain::{
        challenge::Challenge,
        code::{self, Purpose},
    },
    http::fallback::{
        page::application_of,
        words::{ago_in_words, browser_in_words, grouped},
    },
};
use axum::{
    Form,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

/// Numbers that one administrator may look up in a minute: guessing one finds somebody's sign-in.
const LOOKS: i64 = 20;

/// Where the help desk stands.
pub(super) enum Desk {
    /// For a number.
    Ask { problem: &'static str },
    /// One open challenge shows it.
    Found { found: Found },
    /// The code, shown once.
    Issued {
        subject: String,
        purpose: &'static str,
        code: String,
    },
}

/// What the issuer sees of the challenge.
pub(super) struct Found {
    pub(super) matching: String,
    pub(super) subject: String,
    pub(super) application: String,
    pub(super) place: String,
    pub(super) agent: String,
    pub(super) started: String,
    pub(super) purposes: Vec<Purpose>,
    /// Why a purpose is missing; may be empty.
    pub(super) note: &'static str,
}

#[derive(Deserialize)]
pub(super) struct LookForm {
    matching: String,
}

#[derive(Deserialize)]
pub(super) struct IssueForm {
    matching: String,
    purpose: String,
}

pub(super) async fn ask(State(app): State<App>, headers: HeaderMap) -> Response {
    respond(async {
        session::admin(&app, &headers, session::Use::ByPerson).await?;
        match wants_fragment(&headers) {
            true => html(&DeskFragment {
                desk: &Desk::Ask { problem: "" },
            }),
            false => Ok(Redirect::to("/console").into_response()),
        }
    })
    .await
}

pub(super) async fn look(
    State(app): State<App>,
    headers: HeaderMap,
    Form(form): Form<LookForm>,
) -> Response {
    respond(async {
        let admin = session::acting_admin(&app, &headers).await?;
        let desk = match find(&app, &admin.name, &form.matching).await? {
            Ok(challenge) => Desk::Found {
                found: Found::of(&app, &challenge).await?,
            },
            Err(problem) => Desk::Ask { problem },
        };
        show(&app, &headers, &admin, desk).await
    })
    .await
}

pub(super) async fn issue(
    State(app): State<App>,
    headers: HeaderMap,
    Form(form): Form<IssueForm>,
) -> Response {
    respond(async {
        let admin = session::acting_admin(&app, &headers).await?;
        let desk = issued(&app, &admin.name, &form).await?;
        show(&app, &headers, &admin, desk).await
    })
    .await
}

async fn issued(app: &App, admin: &str, form: &IssueForm) -> Result<Desk, Refusal> {
    let challenge = match find(app, admin, &form.matching).await? {
        Ok(challenge) => challenge,
        Err(problem) => return Ok(Desk::Ask { problem }),
    };
    let found = Found::of(app, &challenge).await?;
    let Some(purpose) =
        Purpose::from_code(&form.purpose).filter(|purpose| found.purposes.contains(purpose))
    else {
        return Ok(Desk::Ask {
            problem: "A code for that cannot be issued for this sign-in.",
        });
    };
    let code = code::issue(app, &challenge, purpose, admin, app.now_ms()).await?;
    Ok(Desk::Issued {
        subject: found.subject,
        purpose: words_of(&purpose),
        code: grouped(&code),
    })
}

/// What the console calls a purpose.
pub(super) const fn words_of(purpose: &Purpose) -> &'static str {
    match purpose {
        Purpose::SignIn => "This sign-in only",
        Purpose::Bind => "Enrol this browser and device",
        Purpose::Passkey => "Make a passkey",
        Purpose::Totp => "Add an authenticator app",
    }
}

async fn show(
    app: &App,
    headers: &HeaderMap,
    admin: &session::Admin,
    desk: Desk,
) -> Result<Response, Refusal> {
    match wants_fragment(headers) {
        true => html(&DeskFragment { desk: &desk }),
        false => whole_page(app, admin, desk).await,
    }
}

/// The one open challenge that shows this number.
async fn find(
    app: &App,
    admin: &str,
    matching: &str,
) -> Result<Result<Challenge, &'static str>, Refusal> {
    let now = app.now_ms();
    if !app
        .store
        .count_attempt(&format!("look {admin}"), LOOKS, MINUTE, now)
        .await?
    {
        return Ok(Err("Too many numbers at once. Wait a minute."));
    }
    let matching: String = matching
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .take(16)
        .collect();
    let mut found = app.store.find_challenges_matching(&matching, now).await?;
    Ok(match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => {
            Err("Two sign-ins show this number just now. Ask the caller to begin again.")
        }
        (None, _) => Err(
            "No open sign-in shows this number. It may have expired: ask the caller to look again.",
        ),
    })
}

impl Found {
    async fn of(app: &App, challenge: &Challenge) -> Result<Self, Refusal> {
        let now = app.now_ms();
        let code::Openings { purposes, note } = code::openings(app, challenge, now).await?;
        Ok(Self {
            matching: challenge.matching.clone(),
            subject: challenge.subject.to_string(),
            application: application_of(challenge),
            place: challenge.place.clone(),
            agent: browser_in_words(&challenge.agent),
            started: ago_in_words(challenge.created_at, now),
            purposes,
            note,
        })
    }
}
