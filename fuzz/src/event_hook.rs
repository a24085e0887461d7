//! Bodies that an org posts to an event hook: whatever they hold, what is read of them stays within bounds.

use serde_json::json;
use standards::event_hook::{EVENTS, NAME_BYTES, TARGETS, parse};

pub const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "7",
    "\\u0000",
    "\\ud800",
    "\"eventType\":",
    "\"eventTypeVersion\":\"1.0\"",
    "\"com.okta.event_hook\"",
    "\"data\":{\"events\":[",
    "\"uuid\":",
    "\"published\":",
    "\"target\":",
    "\"type\":\"User\"",
    "\"type\":\"UserGroup\"",
    "\"alternateId\":",
    "\"outcome\":{\"result\":\"FAILURE\"}",
    "user.lifecycle.suspend",
    "2026-12-01T00:40:46.123Z",
    "9999-12-31T23:59:60Z",
    "-0001-01-01T00:00:00Z",
    "+24:00",
    "[[[[[[[[[[[[[[[[",
];

pub fn seeds() -> Vec<Vec<u8>> {
    let event = |kind: &str, at: &str| {
        json!({ "uuid": "3bdcb7d0", "published": at, "eventType": kind, "version": "0", "severity": "INFO",
            "outcome": { "result": "SUCCESS", "reason": null },
            "target": [{ "id": "00u1", "type": "User", "alternateId": "ann@acme.test", "displayName": "Ann" },
                { "id": "00g1", "type": "UserGroup", "alternateId": "unknown", "displayName": null }] })
    };
    let body = |events: serde_json::Value| {
        json!({ "eventType": "com.okta.event_hook", "eventTypeVersion": "1.0", "cloudEventsVersion": "0.1",
            "contentType": "application/json", "source": "https://acme.okta.test/api/v1/eventHooks/who1",
            "eventId": "b5a188b9", "eventTime": "2026-12-01T00:40:47.000Z", "data": { "events": events } })
        .to_string()
        .into_bytes()
    };
    let suspended = event("user.lifecycle.suspend", "2026-12-01T00:40:46.123Z");
    let removed = event(
        "group.user_membership.remove",
        "2026-12-01T01:40:46.123+01:00",
    );
    vec![body(json!([suspended, removed])), body(json!([]))]
}

pub fn run(bytes: &[u8]) -> String {
    match parse(bytes) {
        Err(error) => format!("{error:?}"),
        Ok(events) => {
            assert!(events.len() <= EVENTS);
            for event in &events {
                let targets = event.users.iter().chain(&event.groups);
                let mut names: Vec<&str> = targets.clone().map(|t| t.id.as_str()).collect();
                names.extend([event.uuid.as_str(), event.kind.as_str()]);
                assert!(names.iter().all(|n| (1..=NAME_BYTES).contains(&n.len())));
                assert!(targets.clone().all(|t| t.login.len() <= NAME_BYTES));
                assert!(targets.count() <= TARGETS);
            }
            let shape: Vec<_> = events
                .iter()
                .map(|e| (e.is_success, e.users.len(), e.groups.len()))
                .collect();
            format!("{shape:?}")
        }
    }
}
