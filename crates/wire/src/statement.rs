//! The statements that the host builds from typed fields and signs with the device key, and that the server verifies.

use crate::id::{ChallengeId, DeviceId, Digest, Nonce, Origin, Thumbprint, UserName};
use crate::reason::Reason;
use serde::{Deserialize, Serialize};

/// `typ` of [`Answer`].
pub const ANSWER_TYP: &str = "tacit-answer+jwt";
/// `typ` of [`Registration`].
pub const REGISTRATION_TYP: &str = "tacit-registration+jwt";
/// `typ` of [`Binding`].
pub const BINDING_TYP: &str = "tacit-binding+jwt";
/// `typ` of [`Heartbeat`].
pub const HEARTBEAT_TYP: &str = "tacit-heartbeat+jwt";

/// The reply to one challenge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The device that signs.
    pub iss: DeviceId,
    /// The person, from the host's own binding record.
    pub sub: UserName,
    /// The server, from the host's own configuration.
    pub aud: Origin,
    /// The challenge's nonce.
    pub nonce: Nonce,
    /// The challenge.
    pub jti: ChallengeId,
    /// SHA-256 over connection and request, as the challenge page stated it.
    pub req: Digest,
    /// Seconds since 1970 by the host's clock.
    pub iat: i64,
    /// The installation that asked.
    pub cnf: Confirmation,
    /// Where the sign-in came from.
    pub provenance: Provenance,
    /// Whether somebody is there.
    pub presence: Presence,
    /// What the behaviour says.
    pub evidence: Evidence,
    /// How the device key is kept.
    pub protection_class: ProtectionClass,
}

/// Introduces a device that the server does not know yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The device that signs.
    pub iss: DeviceId,
    /// The server.
    pub aud: Origin,
    /// Seconds since 1970.
    pub iat: i64,
    /// The installation that asks.
    pub cnf: Confirmation,
    /// The public device key.
    pub jwk: crate::jws::Jwk,
    /// How the device key is kept.
    pub protection_class: ProtectionClass,
    /// Name of the operating system's account; corroborates a first use.
    pub os_account: String,
    /// What the host knows about the machine.
    pub posture: Posture,
}

/// Offers a device for binding to the person of one challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The device that signs.
    pub iss: DeviceId,
    /// The server.
    pub aud: Origin,
    /// The challenge's nonce.
    pub nonce: Nonce,
    /// The challenge.
    pub jti: ChallengeId,
    /// As in [`Answer::req`].
    pub req: Digest,
    /// Seconds since 1970.
    pub iat: i64,
    /// The installation that asks.
    pub cnf: Confirmation,
    /// Where the sign-in came from: a device is never bound through somebody else's sign-in.
    pub provenance: Provenance,
    /// How the device key is kept.
    pub protection_class: ProtectionClass,
    /// Name of the operating system's account.
    pub os_account: String,
}

/// A sign of life, so that a lost key is noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// The device that signs.
    pub iss: DeviceId,
    /// The server.
    pub aud: Origin,
    /// Seconds since 1970.
    pub iat: i64,
    /// Random, used once: 16 bytes or more as base64url.
    pub jti: String,
    /// The installation that asks.
    pub cnf: Confirmation,
    /// How the device key is kept.
    pub protection_class: ProtectionClass,
    /// Extension version.
    pub extension: String,
    /// Host version.
    pub host: String,
    /// What has been learned, per bound person.
    pub learning: Vec<Learning>,
    /// What the host knows about the machine.
    pub posture: Posture,
}

/// RFC 7800 confirmation: the installation key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Thumbprint of the installation key.
    pub jkt: Thumbprint,
}

/// How well the platform protects the device key; a later one is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProtectionClass {
    /// A file that the operating system's file permissions protect.
    Software,
    /// The operating system's secret store.
    OsProtected,
    /// A TPM or a secure enclave.
    Hardware,
}

impl ProtectionClass {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::OsProtected => "os-protected",
            Self::Hardware => "hardware",
        }
    }
}

/// Where a sign-in came from, as the worker saw it itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// `None` when the chain led from this person's own typing or clicking to the challenge; else what broke it.
    pub broken_by: Option<Reason>,
    /// ms from the last trusted event on an Okta page of this tab to the challenge.
    pub age_ms: Option<u32>,
    /// The origin from which the chain was entered, when it is another one.
    pub entered_from: Option<Origin>,
}

impl Provenance {
    /// Whether this person started the sign-in in this tab.
    pub fn is_proven(&self) -> bool {
        self.broken_by.is_none() && self.age_ms.is_some()
    }
}

/// Whether somebody is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// Whether the screen is locked, as host and browser report it; `None` if neither can tell.
    pub screen_locked: Option<bool>,
    /// ms since the last trusted input anywhere in this browser.
    pub input_age_ms: Option<u32>,
    /// ms since the operating system's own login or unlock, if the host can tell.
    pub unlock_age_ms: Option<u32>,
}

/// What the engine says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Fits.
    Genuine,
    /// Cannot tell.
    Unsure,
    /// Does not fit.
    Impostor,
    /// The template is not mature.
    Learning,
    /// Produced by a program.
    Automated,
    /// Nothing to judge since the last unlock.
    NoEvidence,
}

impl Verdict {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Genuine => "genuine",
            Self::Unsure => "unsure",
            Self::Impostor => "impostor",
            Self::Learning => "learning",
            Self::Automated => "automated",
            Self::NoEvidence => "no_evidence",
        }
    }
}

/// The engine's summary at the time of the answer. No event and no per-key figure is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The verdict.
    pub verdict: Verdict,
    /// Accumulated calibrated log-likelihood ratio, natural logarithm; finite.
    pub llr: f64,
    /// Keystrokes that it rests on.
    pub keys: u32,
    /// Milliseconds of pointer activity that it rests on.
    pub pointer_ms: u32,
    /// ms since the newest event that it rests on; `None` without evidence.
    pub age_ms: Option<u32>,
    /// Version of the background model.
    pub model: u32,
    /// SHA-256 of the template in use; `None` without one.
    pub template: Option<Digest>,
    /// Progress of learning in per cent.
    pub progress: u8,
    /// Signs of automation, at most eight short codes.
    pub automation: Vec<String>,
    /// The feature groups that moved the verdict most, at most four short codes.
    pub moved_by: Vec<String>,
}

/// Learning state of one person on this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learning {
    /// The person.
    pub user: UserName,
    /// Per cent.
    pub progress: u8,
    /// Whether the template is mature.
    pub mature: bool,
    /// Confirmed windows so far.
    pub confirmations: u32,
}

/// What the host can tell about the machine; `None` where the platform does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Posture {
    /// `linux`, `windows`, `macos`.
    pub platform: String,
    /// Version of the operating system.
    pub os_version: Option<String>,
    /// Whether the system disk is encrypted.
    pub disk_encrypted: Option<bool>,
    /// Whether the screen locks by itself.
    pub screen_lock: Option<bool>,
    /// Whether the screen is locked now.
    pub screen_locked: Option<bool>,
    /// ms since the operating system's own login or unlock.
    pub unlock_age_ms: Option<u32>,
}
