//! `/api/v1/eventHooks`: events that the org posts to us.

use super::{Client, Error, Json, Path};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An event hook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventHook {
    /// `who…`
    pub id: String,
    /// Shown to administrators.
    pub name: String,
    /// `ACTIVE` or `INACTIVE`.
    #[serde(default)]
    pub status: String,
    /// `UNVERIFIED` or `VERIFIED`.
    #[serde(rename = "verificationStatus", default)]
    pub verification: String,
    /// `{"type": "EVENT_TYPE", "items": […]}`
    #[serde(default)]
    pub events: Value,
    /// Where to; never the shared secret.
    #[serde(default)]
    pub channel: Value,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Json,
}

impl EventHook {
    /// Where events are posted to.
    pub fn uri(&self) -> Option<&str> {
        self.channel.get("config")?.get("uri")?.as_str()
    }
}

impl Client {
    /// All event hooks.
    pub async fn event_hooks(&self) -> Result<Vec<EventHook>, Error> {
        self.list(&hooks(&[])?).await
    }

    /// The event hook of this id.
    pub async fn event_hook(&self, id: &str) -> Result<Option<EventHook>, Error> {
        self.find(&hooks(&[id])?).await
    }

    /// A new event hook: posts `events` to `uri` with `secret` in `Authorization`.
    pub async fn create_event_hook(
        &self,
        name: &str,
        uri: &str,
        secret: &str,
        events: &[&str],
    ) -> Result<EventHook, Error> {
        let body = event_hook(name, uri, secret, events);
        self.create(&hooks(&[])?, &body).await
    }

    /// Replaces one.
    pub async fn replace_event_hook(
        &self,
        id: &str,
        name: &str,
        uri: &str,
        secret: &str,
        events: &[&str],
    ) -> Result<EventHook, Error> {
        let body = event_hook(name, uri, secret, events);
        self.replace(&hooks(&[id])?, &body).await
    }

    /// Has the org ask the receiver whether it wants the events.
    pub async fn verify_event_hook(&self, id: &str) -> Result<(), Error> {
        self.lifecycle(&hooks(&[id])?, "verify").await
    }

    /// Posts no more.
    pub async fn deactivate_event_hook(&self, id: &str) -> Result<(), Error> {
        self.lifecycle(&hooks(&[id])?, "deactivate").await
    }

    /// Deletes one, which has to be deactivated; `false` if there is none.
    pub async fn delete_event_hook(&self, id: &str) -> Result<bool, Error> {
        self.delete(&hooks(&[id])?).await
    }
}

fn event_hook(name: &str, uri: &str, secret: &str, events: &[&str]) -> Value {
    json!({ "name": name, "events": { "type": "EVENT_TYPE", "items": events },
        "channel": { "type": "HTTP", "version": "1.0.0", "config": { "uri": uri,
            "authScheme": { "type": "HEADER", "key": "Authorization", "value": secret } } } })
}

fn hooks(rest: &[&str]) -> Result<Path, Error> {
    Path::new(&["api", "v1", "eventHooks"])?.then(rest)
}
