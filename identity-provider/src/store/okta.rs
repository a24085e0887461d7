//! Orgs, what they know of our people, and what is on its way to them.

mod action;
mod hook;
mod org;
mod person;

pub use action::{ACTIONS, ActionRow, WAITING};
pub use hook::Followed;
pub use person::OktaPerson;

use super::{Result, Store, Write, from_json, json};

/// Whether the person of row `u` is enrolled: active, with a key. 1 or 0.
macro_rules! enrolled {
    () => {
        "CAST(CASE WHEN u.status = 'active' AND (EXISTS (SELECT 1 FROM bindings b JOIN devices d ON d.id = b.device_id \
         WHERE b.user_id = u.id AND b.revoked_at = 0 AND d.revoked_at = 0) \
         OR EXISTS (SELECT 1 FROM passkeys k WHERE k.user_id = u.id)) THEN 1 ELSE 0 END AS BIGINT)"
    };
}
use enrolled;
