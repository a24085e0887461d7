//! What an administrator tells the extension, by managed storage or by the host's machine file. Both have these keys.

use crate::{id::Origin, limits};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// The configuration of one browser. Without it the extension does nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// The Tacit server; the only origin that may ask.
    pub server_origin: Origin,
    /// The Okta org's origins: where a sign-in may start.
    #[serde(deserialize_with = "bounded")]
    pub okta_origins: Vec<Origin>,
    /// Registers a *pending* device; not a secret towards anybody on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolment_token: Option<String>,
    /// Host names on which nothing is captured; `example.org` covers its sub-domains.
    #[serde(default, deserialize_with = "bounded")]
    pub excluded_sites: Vec<String>,
    /// Whether password fields may give timing (never keys). Off unless policy says so.
    #[serde(default)]
    pub password_timing: bool,
}

fn bounded<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    let list = Vec::<T>::deserialize(from)?;
    if list.len() > limits::LIST {
        return Err(D::Error::custom(format!(
            "more than {} entries",
            limits::LIST
        )));
    }
    Ok(list)
}
