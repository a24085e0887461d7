//! Learns a template from recorded sessions, at their recorded times. Exists only in builds with the feature
//! `rehearsal`, which are never handed out, and listens to the extension's own pages only.

use super::{person, store, with};
use crate::{browser, capture};
use serde::Deserialize;
use wire::{
    capture::{Event, Events, EventsType},
    id::UserName,
    version::V,
};

#[derive(Deserialize)]
#[serde(tag = "type", rename = "rehearse")]
struct Rehearse {
    user: UserName,
    days: Vec<Day>,
}

#[derive(Deserialize)]
struct Day {
    events: Vec<Event>,
    origin: f64,
    confirm_at: f64,
}

/// What the engine computes here, bit for bit, to be held against what it computes natively: the reply to the message
/// `{"type":"parity"}`.
pub fn parity(text: &str) -> Option<String> {
    let message: serde_json::Value = serde_json::from_str(text).ok()?;
    if message["type"] != "parity" {
        return None;
    }
    let bits = biometrics::parity_fixture();
    // As text: a JSON number does not hold 64 bits.
    let bits: Vec<String> = bits.iter().map(|bits| format!("{bits:016x}")).collect();
    Some(store::text(&serde_json::json!(bits)))
}

/// Replays the days, each of which ends with a confirmation and a lock; gives the reply.
pub async fn rehearse(text: &str) -> Option<String> {
    let Ok(Rehearse { user, days }) = serde_json::from_slice(text.as_bytes()) else {
        return None;
    };
    person::hold(&user).await;
    for day in days {
        with(|w| {
            person::locked(w);
            let batch = Events {
                v: V,
                kind: EventsType::Events,
                origin: day.origin,
                untrusted: 0,
                withheld: 0,
                events: day.events,
            };
            capture::take(&batch, day.confirm_at, |event| w.engine.push(event));
            w.engine.confirm(day.confirm_at);
            person::locked(w);
        });
    }
    let sealed = person::keep().await;
    let now = browser::now();
    let reply = with(|w| {
        let assessment = w.engine.assess(now);
        serde_json::json!({
            "ok": true,
            "sealed": sealed,
            "progress": assessment.progress,
            "mature": assessment.mature,
            "confirmations": assessment.confirmations,
        })
    });
    reply.map(|reply| store::text(&reply))
}
