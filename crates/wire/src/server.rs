//! Extension → server: JSON bodies of `POST /agent/*`. Each call carries a [`crate::dpop`] proof by the installation key
//! and the browser cookie.

use crate::id::{ChallengeId, DeviceId, Nonce, UserName};
use crate::reason::Reason;
use crate::version::V;
use serde::{Deserialize, Serialize};

/// `POST /agent/devices`: registers a pending device.
pub const DEVICES: &str = "/agent/devices";
/// `POST /agent/bindings`: offers it for binding.
pub const BINDINGS: &str = "/agent/bindings";
/// `POST /agent/answers`: answers a challenge.
pub const ANSWERS: &str = "/agent/answers";
/// `POST /agent/failures`: says that no answer will come, so that nobody waits.
pub const FAILURES: &str = "/agent/failures";
/// `POST /agent/heartbeats`: sign of life.
pub const HEARTBEATS: &str = "/agent/heartbeats";
/// `POST /agent/confirmations`: asks whether a strong factor passed.
pub const CONFIRMATIONS: &str = "/agent/confirmations";

/// Body of [`DEVICES`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    /// Protocol version.
    pub v: V,
    /// The organisation's enrolment token.
    pub token: String,
    /// JWS of [`crate::statement::Registration`].
    pub statement: String,
    /// The managed browser profile's e-mail, if the browser tells; corroborates a first use.
    pub profile_email: Option<String>,
}

/// Answer of [`DEVICES`] and [`HEARTBEATS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceResponse {
    /// Protocol version.
    pub v: V,
    /// The device.
    pub device: DeviceId,
    /// Its state.
    pub status: DeviceStatus,
    /// People whose bindings to this device *and this installation* stand.
    pub users: Vec<UserName>,
    /// People whose templates and records have to go now.
    pub wipe: Vec<UserName>,
    /// ms until the next heartbeat is wanted.
    pub next_heartbeat_ms: u32,
}

/// State of a device on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceStatus {
    /// Known, bound to nobody.
    Pending,
    /// Bound to somebody.
    Bound,
    /// No heartbeat for long; expired.
    Stale,
    /// Taken back by an administrator.
    Revoked,
}

/// Body of [`BINDINGS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BindRequest {
    /// Protocol version.
    pub v: V,
    /// JWS of [`crate::statement::Binding`].
    pub statement: String,
}

/// Answer of [`BINDINGS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BindResponse {
    /// Protocol version.
    pub v: V,
    /// The person, if the binding was made at once; else it waits for a supervised factor of this challenge.
    pub user: Option<UserName>,
    /// Why it was not made at once.
    pub reasons: Vec<Reason>,
}

/// Body of [`ANSWERS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerRequest {
    /// Protocol version.
    pub v: V,
    /// JWS of [`crate::statement::Answer`].
    pub statement: String,
}

/// Answer of [`ANSWERS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerResponse {
    /// Protocol version.
    pub v: V,
    /// What policy made of it.
    pub outcome: Outcome,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// What policy makes of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered silently.
    Allow,
    /// An ordinary factor is asked for.
    StepUp,
    /// Left to Okta's other factors.
    Decline,
    /// The would-be decision was recorded; an ordinary factor is asked for.
    Observe,
}

impl Outcome {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::StepUp => "step_up",
            Self::Decline => "decline",
            Self::Observe => "observe",
        }
    }
}

/// Body of [`FAILURES`]. Unsigned: it can only make the page ask for an ordinary factor sooner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureRequest {
    /// Protocol version.
    pub v: V,
    /// The challenge.
    pub challenge: ChallengeId,
    /// Its nonce.
    pub nonce: Nonce,
    /// What failed.
    pub reason: Reason,
}

/// Body of [`HEARTBEATS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatRequest {
    /// Protocol version.
    pub v: V,
    /// JWS of [`crate::statement::Heartbeat`].
    pub statement: String,
}

/// Body of [`CONFIRMATIONS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmationRequest {
    /// Protocol version.
    pub v: V,
    /// The device that asks; the proof's key must be one of its installations.
    pub device: DeviceId,
    /// The challenge.
    pub challenge: ChallengeId,
}

/// Answer of [`CONFIRMATIONS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmationResponse {
    /// Protocol version.
    pub v: V,
    /// The person whose strong factor passed in this browser; `None` if none did (yet).
    pub confirmed: Option<UserName>,
    /// Whether that person is bound to this device and installation now.
    pub bound: bool,
}

/// Body of every refusal of `/agent/*` (status 4xx or 5xx).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorResponse {
    /// Protocol version.
    pub v: V,
    /// Which kind.
    pub reason: Reason,
    /// One sentence.
    pub message: String,
}
