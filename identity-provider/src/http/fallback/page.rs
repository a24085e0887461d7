//! What a person sees of a challenge, as values; the templates turn them into HTML.

use super::{
    assets,
    words::{ago_in_words, browser_in_words},
};
use crate::{
    clock::Millis,
    domain::challenge::{Challenge, Factor, State},
};
use askama::Template;
use axum::response::Html;
use std::sync::LazyLock;
use wire::{page::RequestBody, reason::Reason};

/// The challenge page.
#[derive(Debug, Clone)]
pub struct ChallengeView {
    /// What `answer.js` hands to the worker; also names the page's own path.
    pub request: RequestBody,
    /// The person, as Okta named them.
    pub subject: String,
    /// The application, or whatever the person knows this sign-in by.
    pub application: String,
    /// Where the sign-in was asked for: address and browser.
    pub place: String,
    /// `waiting`, `step_up`, `allowed`, `declined` or `expired`.
    pub state: &'static str,
    /// Why an ordinary factor is asked for.
    pub reasons: Vec<Reason>,
    /// The factors on offer.
    pub offered: Vec<Factor>,
    /// Whether a factor has been begun.
    pub begun: bool,
    /// What is open below the chooser.
    pub panel: Panel,
    /// What went wrong with the last try; empty if nothing did.
    pub message: String,
}

/// What is open below the chooser, for people without script; with script, `challenge.js` opens it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Panel {
    /// Nothing yet.
    #[default]
    Closed,
    /// The field for the six digits.
    Totp,
    /// The matching number and the field for the code.
    Code {
        /// In groups of three.
        number: String,
    },
    /// The set-up of an authenticator app.
    EnrolTotp(TotpSetUp),
}

/// What a person needs to set up an authenticator app.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSetUp {
    /// Base 32 in groups of four.
    pub secret: String,
    /// `otpauth://…`
    pub uri: String,
    /// Modules along one side of the QR code.
    pub size: usize,
    /// SVG path of the dark modules.
    pub path: String,
}

impl std::fmt::Debug for TotpSetUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSetUp(..)")
    }
}

/// The page for a link that was opened in another browser than the one in which the sign-in began.
#[derive(Debug, Clone)]
pub struct OpenedElsewhereView {
    /// The application.
    pub application: String,
    /// Where it was started: address and browser.
    pub place: String,
    /// When, in words or RFC 3339.
    pub started: String,
}

/// A page that only says something.
#[derive(Debug, Clone)]
pub struct NoticeView {
    /// The heading.
    pub title: String,
    /// One or two sentences.
    pub text: String,
    /// What to tell an administrator; may be empty.
    pub reference: String,
}

/// The form that goes on to Okta, for people without script.
#[derive(Debug, Clone)]
pub struct CompleteView {
    /// The application.
    pub application: String,
    /// `allowed` or `declined`.
    pub state: &'static str,
    /// Where the form goes.
    pub action: String,
    /// Its hidden fields.
    pub fields: Vec<(String, String)>,
}

/// A form that goes on by itself: an answer for the service provider alone.
#[derive(Debug, Clone)]
pub struct GoOnView {
    /// Where the form goes.
    pub action: String,
    /// Its hidden fields.
    pub fields: Vec<(&'static str, String)>,
}

#[derive(Template)]
#[template(path = "go_on.html")]
struct GoOnPage<'a> {
    css: String,
    js: String,
    action: &'a str,
    fields: &'a [(&'static str, String)],
}

impl GoOnView {
    /// As HTML.
    pub fn html(&self) -> Result<Html<String>, askama::Error> {
        let page = GoOnPage {
            css: assets::CHALLENGE_CSS.href(),
            js: assets::GO_ON_JS.href(),
            action: &self.action,
            fields: &self.fields,
        };
        page.render().map(Html)
    }
}

/// The path of a challenge's page.
pub fn path_of(challenge: &wire::id::ChallengeId) -> String {
    format!("/challenge/{challenge}")
}

impl ChallengeView {
    /// The page of `challenge` as it stands. The chooser depends on nothing that tells whether the person exists.
    pub fn of(challenge: &Challenge, now: Millis) -> Self {
        let is_late =
            challenge.is_expired(now) && matches!(challenge.state, State::Waiting | State::StepUp);
        Self {
            request: RequestBody::Challenge {
                challenge: challenge.id.clone(),
                nonce: challenge.nonce.clone(),
                req: challenge.req.clone(),
                subject: challenge.subject.clone(),
            },
            subject: challenge.subject.to_string(),
            application: application_of(challenge),
            place: place_of(challenge),
            state: if is_late {
                "expired"
            } else {
                challenge.state.code()
            },
            reasons: challenge.reasons.clone(),
            offered: Factor::ALL
                .into_iter()
                .filter(|factor| challenge.allows(*factor))
                .collect(),
            begun: challenge.fallback_at.is_some(),
            panel: Panel::Closed,
            message: String::new(),
        }
    }

    /// As HTML.
    pub fn html(&self) -> Result<Html<String>, askama::Error> {
        let (RequestBody::Challenge { challenge, .. } | RequestBody::Passed { challenge }) =
            &self.request;
        let page = ChallengePage {
            title: match self.state {
                "step_up" => "Show that it is you",
                "expired" => "This sign-in has expired",
                _ => "One moment",
            },
            // Types of our own with string keys: this cannot fail, and an empty text would only mean no silent answer.
            meta: serde_json::to_string(&meta_of(&self.request)).unwrap_or_default(),
            words: &WORDS,
            css: assets::CHALLENGE_CSS.href(),
            noscript_css: assets::NOSCRIPT_CSS.href(),
            js: assets::CHALLENGE_JS.href(),
            base: path_of(challenge),
            state: self.state,
            begun: self.begun,
            application: &self.application,
            place: &self.place,
            is_doubtful: self
                .reasons
                .iter()
                .any(|reason| matches!(reason, Reason::StartedElsewhere | Reason::OpenedElsewhere)),
            subject: &self.subject,
            reasons: &self.reasons,
            offered: &self.offered,
            panel: &self.panel,
            message: &self.message,
        };
        page.render().map(Html)
    }
}

impl OpenedElsewhereView {
    /// About `challenge`; holds nothing to answer with.
    pub fn of(challenge: &Challenge, now: Millis) -> Self {
        Self {
            application: application_of(challenge),
            place: place_of(challenge),
            started: ago_in_words(challenge.created_at, now),
        }
    }

    /// As HTML.
    pub fn html(&self) -> Result<Html<String>, askama::Error> {
        let page = OpenedElsewherePage {
            css: assets::CHALLENGE_CSS.href(),
            reason: Reason::OpenedElsewhere.words(),
            application: &self.application,
            place: &self.place,
            started: &self.started,
        };
        page.render().map(Html)
    }
}

impl NoticeView {
    /// As HTML.
    pub fn html(&self) -> Result<Html<String>, askama::Error> {
        let page = NoticePage {
            css: assets::CHALLENGE_CSS.href(),
            title: &self.title,
            text: &self.text,
            reference: &self.reference,
        };
        page.render().map(Html)
    }
}

impl CompleteView {
    /// As HTML.
    pub fn html(&self) -> Result<Html<String>, askama::Error> {
        let page = CompletePage {
            css: assets::CHALLENGE_CSS.href(),
            application: &self.application,
            state: self.state,
            action: &self.action,
            fields: &self.fields,
        };
        page.render().map(Html)
    }
}

/// The members of [`RequestBody::Challenge`] without its tag, as the contract with `answer.js` has them.
fn meta_of(request: &RequestBody) -> serde_json::Value {
    match request {
        RequestBody::Challenge {
            challenge,
            nonce,
            req,
            subject,
        } => serde_json::json!({
            "challenge": challenge, "nonce": nonce, "req": req, "subject": subject,
        }),
        RequestBody::Passed { challenge } => serde_json::json!({ "challenge": challenge }),
    }
}

/// The application, as far as Okta said.
pub fn application_of(challenge: &Challenge) -> String {
    match challenge.application.as_str() {
        "" => "your organisation's sign-in".into(),
        name => name.into(),
    }
}

fn place_of(challenge: &Challenge) -> String {
    format!(
        "{}, {}",
        challenge.place,
        browser_in_words(&challenge.agent)
    )
}

/// What the chooser calls a factor, and what it says about it.
const fn words_of(factor: &Factor) -> (&'static str, &'static str) {
    match factor {
        Factor::Passkey => ("Passkey", "Unlock this device, phone or security key"),
        Factor::Totp => (
            "Authenticator app",
            "Type the six digits that your app shows",
        ),
        Factor::Code => ("Help desk", "Call them and type the code they give you"),
    }
}

/// The sentence of each reason, for `challenge.js`.
static WORDS: LazyLock<String> = LazyLock::new(|| {
    let words: serde_json::Map<_, _> = Reason::ALL
        .iter()
        .map(|reason| (reason.code().to_owned(), reason.words().into()))
        .collect();
    serde_json::Value::Object(words).to_string()
});

#[derive(Template)]
#[template(path = "challenge.html")]
struct ChallengePage<'a> {
    title: &'a str,
    meta: String,
    words: &'a str,
    css: String,
    noscript_css: String,
    js: String,
    base: String,
    state: &'a str,
    begun: bool,
    application: &'a str,
    place: &'a str,
    is_doubtful: bool,
    subject: &'a str,
    reasons: &'a [Reason],
    offered: &'a [Factor],
    panel: &'a Panel,
    message: &'a str,
}

#[derive(Template)]
#[template(path = "opened_elsewhere.html")]
struct OpenedElsewherePage<'a> {
    css: String,
    reason: &'a str,
    application: &'a str,
    place: &'a str,
    started: &'a str,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct NoticePage<'a> {
    css: String,
    title: &'a str,
    text: &'a str,
    reference: &'a str,
}

#[derive(Template)]
#[template(path = "complete.html")]
struct CompletePage<'a> {
    css: String,
    application: &'a str,
    state: &'a str,
    action: &'a str,
    fields: &'a [(String, String)],
}

impl Panel {
    fn is_totp(&self) -> bool {
        matches!(self, Self::Totp)
    }

    fn is_code(&self) -> bool {
        matches!(self, Self::Code { .. })
    }

    fn is_enrol_totp(&self) -> bool {
        matches!(self, Self::EnrolTotp(_))
    }

    fn is_of(&self, factor: &Factor) -> bool {
        match self {
            Self::Closed => false,
            Self::Totp => *factor == Factor::Totp,
            Self::Code { .. } | Self::EnrolTotp(_) => *factor == Factor::Code,
        }
    }

    fn number(&self) -> &str {
        match self {
            Self::Code { number } => number,
            _ => "",
        }
    }

    fn set_up(&self) -> Option<&TotpSetUp> {
        match self {
            Self::EnrolTotp(set_up) => Some(set_up),
            _ => None,
        }
    }

    fn secret(&self) -> &str {
        self.set_up().map_or("", |s| &s.secret)
    }

    fn uri(&self) -> &str {
        self.set_up().map_or("", |s| &s.uri)
    }

    fn path(&self) -> &str {
        self.set_up().map_or("", |s| &s.path)
    }

    /// The four modules of quiet zone that readers want are part of the view.
    fn view_box(&self) -> String {
        let side = self.set_up().map_or(0, |s| s.size) + 8;
        format!("-4 -4 {side} {side}")
    }
}

#[cfg(test)]
mod tests;
