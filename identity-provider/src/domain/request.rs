//! From a verified request, of whatever standard, to a challenge, for the browser that brought it.

use crate::{
    app::App,
    clock::Millis,
    domain::{
        answer,
        challenge::{Challenge, Echo, LIFETIME, SamlEcho, State},
        connection::Connection,
    },
    keys, random,
    store::StoreError,
};
use standards::saml::authn_request::AuthnRequest;
use wire::{
    id::{ChallengeId, ConnectionId, Digest, UserName},
    reason::Reason,
};

/// Digits of the number that page and help desk compare.
const MATCHING: usize = 6;

/// Where a request came from.
#[derive(Debug, Clone)]
pub struct Visitor<'a> {
    /// The browser cookie, if there was one.
    pub cookie: Option<&'a str>,
    /// The address.
    pub place: String,
    /// `User-Agent`.
    pub agent: String,
}

/// A verified request: who is asked for, and what the answer has to repeat.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The person; none if the request names nobody that can be a person's name.
    pub subject: Option<UserName>,
    /// The application, as far as the sender said.
    pub application: String,
    /// For the answer; its id names the request.
    pub echo: Echo,
}

impl Asked {
    /// What a verified AuthnRequest asks. One that forbids us to show anything never comes here.
    pub fn of_saml(request: &AuthnRequest) -> Self {
        let subject = request
            .subject()
            .and_then(|s| UserName::new(s.value.as_str()).ok());
        Self {
            subject,
            application: application_of(request.application_context()),
            echo: Echo::Saml(echo_of(request)),
        }
    }
}

/// What became of a request.
#[derive(Debug, Clone)]
pub enum Received {
    /// A challenge for this browser, new or resumed; and the cookie it has to have from now on.
    Here(Box<Challenge>, String),
    /// The request was brought by another browser first.
    Elsewhere(Box<Challenge>),
    /// The request cannot be answered.
    Refused(Reason),
}

/// Makes the challenge of a request, or resumes it.
pub async fn receive(
    app: &App,
    connection: &Connection,
    asked: Asked,
    visitor: &Visitor<'_>,
    now: Millis,
) -> Result<Received, StoreError> {
    let Some(subject) = asked.subject else {
        return Ok(Received::Refused(Reason::Malformed));
    };
    let cookie = match visitor.cookie.filter(|c| is_cookie(c)) {
        Some(cookie) => cookie.to_owned(),
        None => random::token::<32>(),
    };
    let user = app.store.find_user_by_name(subject.as_str()).await?;
    let mut challenge = Challenge {
        // Invariant: 16 bytes as base64url are within what an id may be.
        id: ChallengeId::new(random::token::<16>()).expect("a token is a challenge id"),
        connection: connection.id.clone(),
        req: req(&connection.id, asked.echo.id()),
        request: asked.echo,
        subject,
        user: user.map(|u| u.id),
        browser: keys::hash(cookie.as_bytes()),
        nonce: random::nonce(),
        nonce_used: false,
        state: State::Waiting,
        reasons: Vec::new(),
        allowed_factors: Vec::new(),
        fallback_at: None,
        factor: String::new(),
        amr: Vec::new(),
        passed_at: None,
        matching: random::digits(MATCHING),
        place: visitor.place.clone(),
        agent: visitor
            .agent
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect(),
        application: asked.application,
        candidate: None,
        answered_by: None,
        created_at: now,
        expires_at: now + LIFETIME,
        decided_at: 0,
    };
    challenge.allowed_factors = answer::first_factors(app, &challenge, connection, now).await?;
    match app.store.insert_challenge(&challenge).await {
        Ok(()) => Ok(Received::Here(Box::new(challenge), cookie)),
        Err(StoreError::Conflict) => resume(app, &challenge, cookie).await,
        Err(other) => Err(other),
    }
}

async fn resume(app: &App, asked: &Challenge, cookie: String) -> Result<Received, StoreError> {
    let known = app
        .store
        .find_challenge_of_request(&asked.connection, asked.request.id())
        .await?;
    Ok(match known.map(Box::new) {
        None => Received::Refused(Reason::Replayed),
        Some(challenge) if challenge.is_browser(Some(&cookie)) => Received::Here(challenge, cookie),
        Some(challenge) => Received::Elsewhere(challenge),
    })
}

/// Digest of connection and request id, as the device key signs it.
pub fn req(connection: &ConnectionId, request_id: &str) -> Digest {
    standards::jose::digest(format!("{connection}\n{request_id}").as_bytes())
}

fn echo_of(request: &AuthnRequest) -> SamlEcho {
    SamlEcho {
        id: request.id().into(),
        acs: request.acs().into(),
        audience: request.issuer().into(),
        name_id: request
            .subject()
            .map(|s| s.value.clone())
            .unwrap_or_default(),
        name_id_format: request.response_name_id_format().into(),
        relay_state: request.relay_state().map(Into::into),
        application: request.application_context().to_vec(),
    }
}

/// The name that Okta gives the application, in either standard.
pub fn application_of(context: &[(String, String)]) -> String {
    let name = context
        .iter()
        .filter(|(name, _)| name == "OktaAppName" || name == "app_name")
        .map(|(_, value)| value.as_str())
        .next();
    name.unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(100)
        .collect()
}

/// 32 bytes as base64url: nothing else was ever ours.
fn is_cookie(text: &str) -> bool {
    wire::b64::decode(text).is_some_and(|bytes| bytes.len() == 32)
}

/// Notes, once per challenge, that its request or its page turned up in another browser.
pub async fn note_elsewhere(
    app: &App,
    challenge: &Challenge,
    place: &str,
    now: Millis,
) -> Result<(), StoreError> {
    let forget_at = challenge.expires_at.max(now) + LIFETIME;
    if app
        .store
        .note_once("elsewhere", challenge.id.as_str(), forget_at)
        .await?
    {
        let detail = format!("started at {}, opened at {place}", challenge.place);
        app.store
            .insert_event(
                now,
                Reason::OpenedElsewhere.code(),
                "browser",
                challenge,
                &detail,
            )
            .await?;
        tracing::warn!(challenge = %challenge.id, "a sign-in was opened in another browser");
    }
    Ok(())
}
