//! What the fallback answers: the next step, as JSON for the page's script or as the page itself.

use super::{
    Asked,
    page::{ChallengeView, Panel, TotpSetUp},
    words::grouped,
};
use crate::{
    domain::{
        challenge::{Challenge, Passed, State},
        factor::passkey::PasskeyError,
    },
    store::StoreError,
};
use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde_json::{Value, json};
use wire::reason::Reason;

/// What comes next.
pub(super) enum Step {
    /// The factor passed; the outcome holds the form.
    Passed,
    /// The browser is to ask for a passkey.
    Passkey { options: Value },
    /// The page is to ask for six digits.
    Totp,
    /// The page is to show the number and ask for the code.
    Code { number: String },
    /// An authenticator app is to be set up.
    EnrolTotp(TotpSetUp),
    /// The browser is to make a passkey.
    EnrolPasskey { options: Value },
    /// It did not pass; the same panel stays open.
    Retry { message: &'static str, panel: Panel },
}

/// Why nothing was tried.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The request came from a page of somebody else.
    #[error("this request did not come from Tacit's own page")]
    CrossSite,
    /// No such challenge or factor.
    #[error("this sign-in is not known")]
    Unknown,
    /// Without the cookie of the browser that was asked.
    #[error("this sign-in was started in another browser")]
    AnotherBrowser,
    /// Okta has given up.
    #[error("this sign-in has expired; go back and sign in again")]
    Expired,
    /// Decided already.
    #[error("this sign-in was decided already")]
    Closed,
    /// Policy or doubt took the factor off the chooser.
    #[error("this way is not open for this sign-in; choose another")]
    NotOffered,
    /// Too many requests.
    #[error("too many attempts; begin the sign-in again")]
    TooMany,
    /// A device was bound or a factor added less than a day ago.
    #[error(
        "a device or a way to sign in was added less than a day ago, so no further one can be added yet; a help-desk code for this sign-in alone still works"
    )]
    Held,
    /// Ours.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Ours or the authenticator's.
    #[error(transparent)]
    Passkey(#[from] PasskeyError),
    /// Ours.
    #[error(transparent)]
    Page(#[from] askama::Error),
}

impl Step {
    pub(super) fn code(challenge: &Challenge) -> Self {
        Self::Code {
            number: grouped(&challenge.matching),
        }
    }

    pub(super) fn retry(message: &'static str, panel: Panel) -> Self {
        Self::Retry { message, panel }
    }

    /// What became of a factor that held.
    pub(super) fn of_passed(passed: Passed) -> Result<Self, Refusal> {
        match passed {
            Passed::Allowed { .. } => Ok(Self::Passed),
            Passed::Refused(reason) => Err(Refusal::of_reason(reason)),
        }
    }

    fn into_response(self, asked: &Asked<'_>, headers: &HeaderMap) -> Response {
        if wants_json(headers) {
            let status = match self {
                Self::Retry { .. } => StatusCode::UNPROCESSABLE_ENTITY,
                _ => StatusCode::OK,
            };
            return unstored((status, Json(self.json())).into_response());
        }
        let (status, panel, message) = match self {
            Self::Passed => {
                let complete = format!("{}/complete", super::page::path_of(&asked.challenge.id));
                return Redirect::to(&complete).into_response();
            }
            Self::Totp => (StatusCode::OK, Panel::Totp, ""),
            Self::Code { number } => (StatusCode::OK, Panel::Code { number }, ""),
            Self::EnrolTotp(set_up) => (StatusCode::OK, Panel::EnrolTotp(set_up), ""),
            Self::Retry { message, panel } => (StatusCode::UNPROCESSABLE_ENTITY, panel, message),
            Self::Passkey { .. } | Self::EnrolPasskey { .. } => {
                let message =
                    "A passkey needs a browser with scripts switched on. Choose another way.";
                (StatusCode::OK, Panel::Closed, message)
            }
        };
        let mut view = ChallengeView::of(&asked.challenge, asked.now);
        view.state = State::StepUp.code();
        view.begun = true;
        view.panel = panel;
        view.message = message.to_owned();
        match view.html() {
            Ok(html) => unstored(crate::http::challenge_page(
                &asked.challenge,
                (status, html).into_response(),
            )),
            Err(error) => refused(&error.into(), headers),
        }
    }

    fn json(self) -> Value {
        match self {
            Self::Passed => json!({ "step": "passed" }),
            Self::Passkey { options } => json!({ "step": "passkey", "options": options }),
            Self::Totp => json!({ "step": "totp" }),
            Self::Code { number } => json!({ "step": "code", "number": number }),
            Self::EnrolTotp(s) => {
                json!({ "step": "enrol_totp", "secret": s.secret, "uri": s.uri, "size": s.size, "path": s.path })
            }
            Self::EnrolPasskey { options } => {
                json!({ "step": "enrol_passkey", "options": options })
            }
            Self::Retry { message, .. } => json!({ "step": "retry", "message": message }),
        }
    }
}

impl Refusal {
    pub(super) fn of_reason(reason: Reason) -> Self {
        match reason {
            Reason::ChallengeExpired => Self::Expired,
            Reason::ChallengeClosed => Self::Closed,
            Reason::RateLimited => Self::TooMany,
            _ => Self::NotOffered,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::CrossSite | Self::AnotherBrowser | Self::NotOffered | Self::Held => {
                StatusCode::FORBIDDEN
            }
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Expired => StatusCode::GONE,
            Self::Closed => StatusCode::CONFLICT,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Store(_) | Self::Passkey(_) | Self::Page(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// What a request about an open challenge came to, in the form that was asked for.
pub(super) fn answer(
    done: Result<Step, Refusal>,
    asked: &Asked<'_>,
    headers: &HeaderMap,
) -> Response {
    match done {
        Ok(step) => step.into_response(asked, headers),
        Err(refusal) => refused(&refusal, headers),
    }
}

/// The answer where nothing was tried. What failed inside is logged here, once, and not told.
pub(super) fn refused(refusal: &Refusal, headers: &HeaderMap) -> Response {
    let status = refusal.status();
    let message = match status {
        StatusCode::INTERNAL_SERVER_ERROR => {
            tracing::error!(error = %refusal, "a fallback request failed");
            "Something failed on our side. Try again.".to_owned()
        }
        _ => capitalised(&refusal.to_string()),
    };
    if wants_json(headers) {
        return unstored(
            (
                status,
                Json(json!({ "step": "closed", "message": message })),
            )
                .into_response(),
        );
    }
    crate::http::notice(status, "That did not work", &message, "")
}

fn wants_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.starts_with("application/json"))
}

fn unstored(mut response: Response) -> Response {
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-store"),
    );
    response
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).chain(['.']).collect()
}
