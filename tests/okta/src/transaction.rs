//! The values of a sign-in: what [`crate::state::State`] keeps and hands out.

use crate::clock::Millis;
use crate::config::Pipeline;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Identity Engine: the page is open, nobody has been named.
    Identify,
    /// Identity Engine, identifier first: the password is asked for.
    Password,
    /// Identity Engine: the browser may go to the identity provider that this name is routed to.
    Routed { failed: bool },
    /// First factor right, the second is enrolled but not chosen yet.
    FactorRequired,
    /// The browser may go to the identity provider to verify.
    FactorChallenge { failed: bool },
    /// Password right, the factor has to be set up first.
    EnrolRequired,
    /// The browser may go to the identity provider to enrol.
    EnrolActivate { failed: bool },
    /// Enrolled; the person has to press "Finish".
    EnrolFinished,
    /// Whoever holds the state token may turn it into a session, once.
    Success { is_redeemed: bool },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    pub password_ok: Option<Millis>,
    pub idp_redirect: Option<Millis>,
    pub acs_received: Option<Millis>,
    pub session_created: Option<Millis>,
}

#[derive(Debug, Clone)]
pub struct Transaction {
    /// `transaction.id` of the System Log; not a secret.
    pub id: String,
    pub token: String,
    pub pipeline: Pipeline,
    pub from_uri: String,
    pub expires_at: Millis,
    pub login: String,
    pub stage: Stage,
    /// The identity provider of the stage: where the name is routed to, or whose factor is asked for.
    pub idp: String,
    /// `pwd`, `fed`: what has been done so far.
    pub methods: Vec<&'static str>,
    pub marks: Marks,
    /// The newest AuthnRequest.
    pub request_id: Option<String>,
    pub amr: Vec<String>,
}

/// An AuthnRequest that waits for its Response.
#[derive(Debug, Clone)]
pub struct PendingRequest {
    pub id: String,
    pub relay_state: String,
    pub token: String,
    /// Who is expected; empty if nobody has been named.
    pub login: String,
    /// The identity provider that it was sent to.
    pub idp: String,
}

/// A user as the password is checked against.
#[derive(Debug, Clone)]
pub struct Account {
    pub login: String,
    /// Its hash.
    pub password: Option<[u8; 32]>,
    pub is_active: bool,
}

#[derive(Debug, Clone)]
pub struct Session {
    pub id: String,
    pub login: String,
    pub created_at: Millis,
    pub expires_at: Millis,
    pub amr: Vec<String>,
    pub transaction: Transaction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    Verified,
    Enrolled,
    /// An identity provider has done the first factor, and none more is needed.
    SignedIn,
    /// The same, and a factor follows.
    FactorFollows,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    #[error("the state token is unknown, used up or expired")]
    InvalidToken,
    #[error("the transaction is not at a stage where this is allowed")]
    NotAllowed,
    #[error("user name or password is wrong, or the user is locked out")]
    AuthenticationFailed,
    #[error("too many attempts")]
    RateLimited,
    #[error("a policy denies it")]
    Denied,
    #[error("the relay state is unknown, used up or expired")]
    UnknownRelayState,
}
