//! Sends events to event hooks: at least once, in no order, with one retry, as Okta does.

use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::clock::format_iso;
use crate::ids;
use crate::org::Org;
use crate::outbound::{Call, OutboundError};
use crate::system_log::{Change, Client};

pub struct Delivery {
    pub hook: String,
    pub event: Value,
}

/// Until the org is gone.
pub async fn run(org: Weak<Org>, mut deliveries: mpsc::Receiver<Delivery>) {
    let mut held: Vec<(Delivery, bool)> = Vec::new();
    loop {
        // Held deliveries wait for a later one, but not for ever.
        let next = match held.is_empty() {
            true => deliveries.recv().await,
            false => match tokio::time::timeout(LONGEST_HOLD, deliveries.recv()).await {
                Ok(next) => next,
                Err(_) => {
                    let Some(org) = org.upgrade() else { return };
                    held.drain(..)
                        .for_each(|(delivery, twice)| start(&org, delivery, twice));
                    continue;
                }
            },
        };
        let (Some(delivery), Some(org)) = (next, org.upgrade()) else {
            return;
        };
        let (twice, waits) = org.faults().meet_delivery();
        if waits && held.len() < MOST_HELD {
            held.push((delivery, twice));
            continue;
        }
        start(&org, delivery, twice);
        held.drain(..)
            .rev()
            .for_each(|(delivery, twice)| start(&org, delivery, twice));
    }
}

fn start(org: &Arc<Org>, delivery: Delivery, twice: bool) {
    let org = Arc::clone(org);
    tokio::spawn(async move {
        // The event's id stays the same however often it is sent: that is how a receiver knows.
        let body = org.hook_body(&delivery);
        for _ in 0..if twice { 2 } else { 1 } {
            send(&org, &delivery.hook, &body).await;
        }
    });
}

async fn send(org: &Org, hook: &str, body: &str) {
    let Some((url, mut headers)) = org.hook_target(hook) else {
        return;
    };
    headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    headers.push(("User-Agent".to_owned(), "Okta EventHooks 1.0.0".to_owned()));
    for attempt in 0..2 {
        let call = Call {
            method: "POST",
            url: &url,
            headers: &headers,
            body: Some(body),
            patience: PATIENCE,
        };
        match org.outbound.call(&call).await {
            Ok(answer) if (200..300).contains(&answer.status) => return,
            // What the receiver refuses is not tried again.
            Ok(answer) if answer.status < 500 => {
                return log_failure(org, hook, &format!("status {}", answer.status));
            }
            Ok(answer) if attempt == 1 => {
                return log_failure(org, hook, &format!("status {}", answer.status));
            }
            Err(error) if attempt == 1 => return log_failure(org, hook, &error.to_string()),
            _ => {}
        }
    }
}

fn log_failure(org: &Org, hook: &str, reason: &str) {
    let actor = json!({ "id": "system", "type": "SystemPrincipal", "alternateId": "system@okta.com", "displayName": "Okta System",
                        "detailEntry": null });
    let mut change = Change::new("event_hook.delivery", "Deliver event hook", actor).target(
        hook,
        "EventHook",
        hook,
        hook,
    );
    change.failure = Some(reason.to_owned());
    org.write_change(
        change,
        &Client {
            ip: "127.0.0.1".to_owned(),
            user_agent: "stand-in".to_owned(),
        },
    );
}

impl Org {
    fn hook_target(&self, hook: &str) -> Option<(String, Vec<(String, String)>)> {
        let resources = self.resources();
        let row = resources.event_hooks.find(hook)?;
        row.is_listening()
            .then(|| (row.url().to_owned(), row.headers()))
    }

    fn hook_body(&self, delivery: &Delivery) -> String {
        json!({
            "eventType": "com.okta.event_hook",
            "eventTypeVersion": "1.0",
            "cloudEventsVersion": "0.1",
            "contentType": "application/json",
            "source": format!("{}/api/v1/eventHooks/{}", self.config.org_origin, delivery.hook),
            "eventId": ids::generate_uuid(),
            "eventTime": format_iso(self.now()),
            "data": { "events": [delivery.event] },
        })
        .to_string()
    }

    /// The one-time challenge that a hook's receiver has to echo.
    pub async fn verify_hook(&self, hook: &str) -> Result<bool, OutboundError> {
        let target = {
            let resources = self.resources();
            resources
                .event_hooks
                .find(hook)
                .map(|row| (row.url().to_owned(), row.headers()))
        };
        let Some((url, mut headers)) = target else {
            return Ok(false);
        };
        let challenge = ids::generate_secret();
        headers.push((
            "x-okta-verification-challenge".to_owned(),
            challenge.clone(),
        ));
        headers.push(("Accept".to_owned(), "application/json".to_owned()));
        let call = Call {
            method: "GET",
            url: &url,
            headers: &headers,
            body: None,
            patience: PATIENCE,
        };
        let answer = self.outbound.call(&call).await?;
        Ok(answer.status == 200 && answer.json()?["verification"] == challenge.as_str())
    }
}

/// Okta waits three seconds.
const PATIENCE: Duration = Duration::from_secs(3);
const LONGEST_HOLD: Duration = Duration::from_millis(300);
const MOST_HELD: usize = 1000;
