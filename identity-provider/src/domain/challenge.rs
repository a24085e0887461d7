//! One factor request, from Okta's message to the Response: what it is, and how it moves.
//!
//! ```text
//! waiting ──answer: allow──▶ allowed          (once; the nonce is used up by one UPDATE)
//!    │ └────answer: other──▶ step_up ──factor passed──▶ allowed
//!    ├──failure, patience──▶ step_up          (soft: a late answer still counts until a factor has begun)
//!    └──policy: decline────▶ declined
//! ```

use crate::{
    app::App,
    clock::{MINUTE, Millis},
    domain::{code::Purpose, enrolment, oidc::OidcEcho, user::UserId},
    keys,
    store::{Store, StoreError, decision::Decision},
};
use serde::{Deserialize, Serialize};
use wire::{
    id::{ChallengeId, ConnectionId, DeviceId, Digest, Nonce, Thumbprint, UserName},
    reason::Reason,
    server::Outcome,
};

/// Okta gives the transaction five minutes.
pub const LIFETIME: Millis = 5 * MINUTE;

/// One factor request.
#[derive(Debug, Clone, PartialEq)]
pub struct Challenge {
    /// Its name.
    pub id: ChallengeId,
    /// Through which connection it came.
    pub connection: ConnectionId,
    /// What the answer to its request has to repeat.
    pub request: Echo,
    /// Digest of connection and request id.
    pub req: Digest,
    /// The person as asked for.
    pub subject: UserName,
    /// The person, if there is one of that name.
    pub user: Option<UserId>,
    /// Hash of the cookie of the browser that was asked.
    pub browser: String,
    /// Good for one answer.
    pub nonce: Nonce,
    /// Whether an answer was scored.
    pub nonce_used: bool,
    /// Where it stands.
    pub state: State,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What the chooser may offer.
    pub allowed_factors: Vec<Factor>,
    /// When an ordinary factor was begun.
    pub fallback_at: Option<Millis>,
    /// What passed: `silent` or the code of a [`Factor`]; empty until then.
    pub factor: String,
    /// Authentication methods for the Response.
    pub amr: Vec<String>,
    /// When an ordinary factor passed.
    pub passed_at: Option<Millis>,
    /// What page and help desk compare.
    pub matching: String,
    /// Address from which it was started.
    pub place: String,
    /// The browser's own name for itself.
    pub agent: String,
    /// The application, as far as Okta said.
    pub application: String,
    /// The device that this browser offered for binding.
    pub candidate: Option<Candidate>,
    /// The device whose answer was scored.
    pub answered_by: Option<DeviceId>,
    /// Made.
    pub created_at: Millis,
    /// Okta has given up by then.
    pub expires_at: Millis,
    /// 0 until decided.
    pub decided_at: Millis,
}

/// What an answer has to repeat of its request. The standards differ; the challenge does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Echo {
    /// Of an AuthnRequest.
    Saml(SamlEcho),
    /// Of an OpenID authorization request.
    Oidc(Box<OidcEcho>),
}

impl Echo {
    /// What names the request: two requests of a connection with the same name are the same request.
    pub fn id(&self) -> &str {
        match self {
            Self::Saml(echo) => &echo.id,
            Self::Oidc(echo) => &echo.request_id,
        }
    }
}

/// What a SAML Response has to repeat of its request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlEcho {
    /// `ID` of the request.
    pub id: String,
    /// Where the Response goes; one of the metadata's.
    pub acs: String,
    /// The SP's entity id.
    pub audience: String,
    /// NameID, byte for byte.
    pub name_id: String,
    /// Its format.
    pub name_id_format: String,
    /// Unchanged.
    pub relay_state: Option<String>,
    /// Okta's application context: names and values.
    pub application: Vec<(String, String)>,
}

/// Where a challenge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// For the agent's answer.
    Waiting,
    /// For an ordinary factor.
    StepUp,
    /// A Response of success may be fetched.
    Allowed,
    /// A Response of failure may be fetched.
    Declined,
}

impl State {
    /// The stable name; also the page's `data-state`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::StepUp => "step_up",
            Self::Allowed => "allowed",
            Self::Declined => "declined",
        }
    }

    /// The state of this name.
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Waiting, Self::StepUp, Self::Allowed, Self::Declined]
            .into_iter()
            .find(|s| s.code() == code)
    }
}

/// A device that waits for a supervised factor of this challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The device.
    pub device: DeviceId,
    /// The browser profile's key.
    pub installation: Thumbprint,
}

/// An ordinary factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// WebAuthn with user verification.
    Passkey,
    /// One-time code of an application.
    Totp,
    /// One-time code of the help desk.
    Code,
}

impl Factor {
    /// All of them, in the order of the chooser.
    pub const ALL: [Self; 3] = [Self::Passkey, Self::Totp, Self::Code];

    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Passkey => "passkey",
            Self::Totp => "totp",
            Self::Code => "code",
        }
    }

    /// The factor of this name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.code() == code)
    }

    /// Whether it still counts when the behaviour was somebody else's or a program's.
    pub const fn resists_an_impostor(self) -> bool {
        matches!(self, Self::Passkey | Self::Code)
    }
}

/// How much a passed factor proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strength {
    /// Can be relayed by a look-alike page.
    Ordinary,
    /// A colleague compared number and place.
    Supervised,
    /// Bound to our origin; `hardware` when the key cannot be copied.
    PhishingResistant {
        /// Whether the authenticator says that the key stays in it.
        hardware: bool,
    },
}

impl Strength {
    /// Whether it switches silence on again.
    pub const fn is_strong(self) -> bool {
        !matches!(self, Self::Ordinary)
    }

    /// Methods for the Response. `mfa` is added where Okta did the first factor.
    pub fn amr(self) -> Vec<String> {
        let methods: &[&str] = match self {
            Self::Ordinary | Self::Supervised => &["otp"],
            Self::PhishingResistant { hardware: true } => &["hwk", "pop", "phr"],
            Self::PhishingResistant { hardware: false } => &["swk", "pop", "phr"],
        };
        methods.iter().map(|m| (*m).into()).collect()
    }
}

impl Challenge {
    /// Whether Okta has given up.
    pub fn is_expired(&self, now: Millis) -> bool {
        now >= self.expires_at
    }

    /// Whether a factor may be tried on it.
    pub fn is_open(&self, now: Millis) -> bool {
        !self.is_expired(now) && matches!(self.state, State::Waiting | State::StepUp)
    }

    /// Whether `cookie` is that of the browser that was asked.
    pub fn is_browser(&self, cookie: Option<&str>) -> bool {
        cookie.is_some_and(|cookie| keys::same(&keys::hash(cookie.as_bytes()), &self.browser))
    }

    /// Whether the chooser may offer `factor`.
    pub fn allows(&self, factor: Factor) -> bool {
        self.allowed_factors.contains(&factor)
    }
}

/// Notes that the person has begun an ordinary factor: from now on a late silent answer no longer counts. Call it when
/// the person acts (chooses a factor), not when the chooser is shown.
pub async fn begin_factor(
    app: &App,
    challenge: &Challenge,
    factor: Factor,
    now: Millis,
) -> Result<Result<(), Reason>, StoreError> {
    if challenge.is_expired(now) {
        return Ok(Err(Reason::ChallengeExpired));
    }
    if !challenge.allows(factor) {
        return Ok(Err(Reason::PolicyStepUp));
    }
    let begun = app.store.begin_fallback(&challenge.id, now).await?;
    app.wakeups.wake(&challenge.id);
    Ok(if begun {
        Ok(())
    } else {
        Err(Reason::ChallengeClosed)
    })
}

/// What became of a passed factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passed {
    /// The challenge is allowed.
    Allowed {
        /// Whether the browser's candidate device was bound on the way.
        bound: bool,
    },
    /// It was closed, expired or not open to this factor.
    Refused(Reason),
}

/// A person passed `factor`: decides the challenge, records that, switches silence on again if the factor is strong,
/// binds the candidate device for a code of purpose *bind*, and wakes whoever waits.
pub async fn pass_factor(
    app: &App,
    challenge: &Challenge,
    user: &UserId,
    factor: Factor,
    strength: Strength,
    now: Millis,
) -> Result<Passed, StoreError> {
    pass(app, challenge, user, factor, strength, None, now).await
}

/// As [`pass_factor`], for a help-desk code that was redeemed for `purpose`.
pub async fn pass_code(
    app: &App,
    challenge: &Challenge,
    user: &UserId,
    purpose: Purpose,
    now: Millis,
) -> Result<Passed, StoreError> {
    pass(
        app,
        challenge,
        user,
        Factor::Code,
        Strength::Supervised,
        Some(purpose),
        now,
    )
    .await
}

async fn pass(
    app: &App,
    challenge: &Challenge,
    user: &UserId,
    factor: Factor,
    strength: Strength,
    purpose: Option<Purpose>,
    now: Millis,
) -> Result<Passed, StoreError> {
    if challenge.is_expired(now) {
        return Ok(Passed::Refused(Reason::ChallengeExpired));
    }
    let person = enrolment::active(app, challenge).await?;
    if person.is_none_or(|person| person.id != *user) {
        return Ok(Passed::Refused(Reason::WrongAccount));
    }
    if !challenge.allows(factor) {
        return Ok(Passed::Refused(Reason::PolicyStepUp));
    }
    let mut amr = strength.amr();
    if app.is_second_factor(&challenge.connection).await? {
        amr.push("mfa".into());
    }
    let reasons = [Reason::StrongFactorPassed];
    let mut decision = Decision::of(challenge, Outcome::Allow, &reasons, now);
    decision.factor = factor.code().into();
    decision.policy_version = app.store.policy_version().await?.unwrap_or(0);
    let mut write = app.store.write().await?;
    if !Store::allow_by_factor(&mut write, &challenge.id, factor, &amr, &reasons, now).await? {
        return Ok(Passed::Refused(Reason::ChallengeClosed));
    }
    // Only on the device that answered here: a factor passed elsewhere says nothing about who sits at that one.
    if let Some(device) = challenge
        .answered_by
        .as_ref()
        .filter(|_| strength.is_strong())
    {
        Store::switch_silence_on(&mut write, user, device, now).await?;
    }
    // The device that is bound on the way counts as well: the person is at it.
    let binds = challenge
        .candidate
        .as_ref()
        .filter(|_| purpose == Some(Purpose::Bind))
        .map(|candidate| &candidate.device);
    let device = challenge.answered_by.as_ref().or(binds);
    Store::note_prompt(&mut write, user, &challenge.browser, device, now).await?;
    app.settle(write, decision).await?;
    let candidate = challenge
        .candidate
        .as_ref()
        .filter(|_| purpose == Some(Purpose::Bind));
    let bound = match candidate {
        Some(candidate) => {
            enrolment::bind(app, challenge, candidate, user, enrolment::How::Code, now).await?
        }
        None => false,
    };
    app.wakeups.wake(&challenge.id);
    Ok(Passed::Allowed { bound })
}
