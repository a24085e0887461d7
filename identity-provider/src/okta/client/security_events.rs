//! Shared Signals towards the org: who may send, and sending (RFC 8935).

use super::{
    Client, Error, Json, Path,
    error::words,
    http::{Body, Call, Repeat},
};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;

/// A transmitter that the org listens to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecurityEventsProvider {
    /// `sse…`
    pub id: String,
    /// Shown to administrators.
    pub name: String,
    /// `ACTIVE` or `INACTIVE`.
    #[serde(default)]
    pub status: String,
    /// Where its configuration is, or issuer and keys.
    #[serde(default)]
    pub settings: Value,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Json,
}

impl Client {
    /// All transmitters.
    pub async fn security_events_providers(&self) -> Result<Vec<SecurityEventsProvider>, Error> {
        self.list(&providers(&[])?).await
    }

    /// A new transmitter, by the URL of its configuration.
    pub async fn create_security_events_provider(
        &self,
        name: &str,
        well_known_url: &str,
    ) -> Result<SecurityEventsProvider, Error> {
        let body = provider(name, well_known_url);
        self.create(&providers(&[])?, &body).await
    }

    /// Replaces one.
    pub async fn replace_security_events_provider(
        &self,
        id: &str,
        name: &str,
        well_known_url: &str,
    ) -> Result<SecurityEventsProvider, Error> {
        let body = provider(name, well_known_url);
        self.replace(&providers(&[id])?, &body).await
    }

    /// Deletes one; `false` if there is none.
    pub async fn delete_security_events_provider(&self, id: &str) -> Result<bool, Error> {
        self.delete(&providers(&[id])?).await
    }

    /// Sends one signed event. The signature is all that it is believed for, so no credential goes with it; its `jti`
    /// makes sending it twice the same as once.
    pub async fn publish_event(&self, token: &str) -> Result<(), Error> {
        let path = Path::new(&["security", "api", "v1", "security-events"])?;
        let call = Call {
            body: Body::Typed("application/secevent+jwt", Cow::Borrowed(token.as_bytes())),
            is_authorized: false,
            repeat: Repeat::Harmless,
            ..Call::new(Method::POST, &path)
        };
        self.call(&call).await.map(|_| ())
    }
}

/// The receiver's own error body, if it is one.
pub(super) fn refusal(body: &[u8]) -> Option<Error> {
    #[derive(Deserialize)]
    struct Refused {
        err: String,
        #[serde(default)]
        description: String,
    }
    let refused: Refused = serde_json::from_slice(body).ok()?;
    Some(Error::Event {
        err: words(&refused.err, None),
        description: words(&refused.description, None),
    })
}

fn provider(name: &str, well_known_url: &str) -> Value {
    json!({ "name": name, "type": "okta", "settings": { "well_known_url": well_known_url } })
}

fn providers(rest: &[&str]) -> Result<Path, Error> {
    Path::new(&["api", "v1", "security-events-providers"])?.then(rest)
}
