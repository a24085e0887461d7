//! Devices, the browser profiles on them, and what binds both to a person.

use crate::{
    clock::{DAY, Millis},
    domain::user::UserId,
};
use wire::{
    id::{DeviceId, Thumbprint},
    jws::Jwk,
    reason::Reason,
    server::DeviceStatus,
    statement::{Posture, ProtectionClass},
};

/// Without a sign of life for this long a device answers nothing until it has sent one.
pub const STALE_AFTER: Millis = 14 * DAY;
/// Without a sign of life for this long it has expired: its bindings have to be made anew.
pub const EXPIRED_AFTER: Millis = 45 * DAY;

/// One device key.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// Thumbprint of the key.
    pub id: DeviceId,
    /// The key.
    pub key: Jwk,
    /// Whether it is bound to anybody; revocation is [`Self::revoked_at`].
    pub bound: bool,
    /// 0 = stands.
    pub revoked_at: Millis,
    /// How the key is kept, as the newest statement says.
    pub protection_class: ProtectionClass,
    /// Account of the operating system.
    pub os_account: String,
    /// The managed browser profile's e-mail; empty if unknown.
    pub profile_email: String,
    /// What the host knows about the machine.
    pub posture: Posture,
    /// Version of the extension; empty until the first heartbeat.
    pub extension: String,
    /// Version of the host; empty until the first heartbeat.
    pub host: String,
    /// First seen.
    pub registered_at: Millis,
    /// Newest signed message.
    pub last_seen: Millis,
}

impl Device {
    /// Its state as others see it.
    pub fn status(&self, now: Millis) -> DeviceStatus {
        match self {
            _ if self.revoked_at != 0 => DeviceStatus::Revoked,
            _ if now - self.last_seen > STALE_AFTER => DeviceStatus::Stale,
            _ if self.bound => DeviceStatus::Bound,
            _ => DeviceStatus::Pending,
        }
    }

    /// Why it may not answer, if it may not.
    pub fn refusal(&self, now: Millis) -> Option<Reason> {
        match self.status(now) {
            DeviceStatus::Revoked => Some(Reason::DeviceRevoked),
            DeviceStatus::Stale => Some(Reason::DeviceStale),
            DeviceStatus::Pending | DeviceStatus::Bound => None,
        }
    }

    /// Whether even a heartbeat comes too late.
    pub fn is_expired(&self, now: Millis) -> bool {
        now - self.last_seen > EXPIRED_AFTER
    }
}

/// What makes a device and a browser profile answer for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Its name in the records.
    pub id: String,
    /// The device.
    pub device: DeviceId,
    /// The browser profile's key.
    pub installation: Thumbprint,
    /// The person.
    pub user: UserId,
    /// How it came about.
    pub how: String,
    /// When.
    pub created_at: Millis,
    /// 0 = stands.
    pub revoked_at: Millis,
}

/// What holds for a person on a device, in whatever browser profile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Norm {
    /// When silence was switched off, and why.
    pub silence_off: Option<(Millis, Option<Reason>)>,
    /// When the last answer was unclear.
    pub unsure_at: Millis,
    /// Learning, in per cent.
    pub progress: i64,
    /// Whether the template is mature.
    pub mature: bool,
    /// Confirmed windows.
    pub confirmations: i64,
}

/// The stable name of a state.
pub const fn status_code(status: DeviceStatus) -> &'static str {
    match status {
        DeviceStatus::Pending => "pending",
        DeviceStatus::Bound => "bound",
        DeviceStatus::Stale => "stale",
        DeviceStatus::Revoked => "revoked",
    }
}

/// The class of this name.
pub fn protection_class(code: &str) -> Option<ProtectionClass> {
    [
        ProtectionClass::Software,
        ProtectionClass::OsProtected,
        ProtectionClass::Hardware,
    ]
    .into_iter()
    .find(|c| c.code() == code)
}
