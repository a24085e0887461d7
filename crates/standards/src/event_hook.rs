//! What an Okta org posts to an event hook: a CloudEvents 0.1 envelope around events of its system log. What the events say
//! of people is read; everything else is passed over, because Okta adds to it without notice.

use serde::Deserialize;

/// Bytes of one body.
pub const BODY_BYTES: usize = 512 * 1024;
/// Events of one body.
pub const EVENTS: usize = 500;
/// Targets of one event that are looked at.
pub const TARGETS: usize = 50;
/// A name or identifier, in bytes.
pub const NAME_BYTES: usize = 256;

/// Why a body is none of Okta's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventHookError {
    /// Over the limit.
    #[error("the body is over {BODY_BYTES} bytes")]
    TooLarge,
    /// Not JSON, or of another shape.
    #[error("the body is not an event hook's")]
    Shape,
    /// Another type or version.
    #[error("the body is not of type com.okta.event_hook, version 1.0")]
    Type,
    /// More than are taken at once.
    #[error("more than {EVENTS} events")]
    TooMany,
}

/// One event of the system log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// Its name: the same event may come again.
    pub uuid: String,
    /// When it happened, in milliseconds since 1970; events come in any order.
    pub published_ms: i64,
    /// As in Okta's catalogue, for example `user.lifecycle.suspend`.
    pub kind: String,
    /// Whether it happened, and was not merely tried.
    pub is_success: bool,
    /// Users it is about.
    pub users: Vec<Target>,
    /// Groups it is about.
    pub groups: Vec<Target>,
}

/// Whom or what an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `00u…`, `00g…`
    pub id: String,
    /// A user's login; empty if the org does not say.
    pub login: String,
}

/// Reads a body. What is wrong with a single event makes that one go; the others are kept.
pub fn parse(body: &[u8]) -> Result<Vec<LogEvent>, EventHookError> {
    if body.len() > BODY_BYTES {
        return Err(EventHookError::TooLarge);
    }
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| EventHookError::Shape)?;
    if envelope.event_type != "com.okta.event_hook" || envelope.event_type_version != "1.0" {
        return Err(EventHookError::Type);
    }
    if envelope.data.events.len() > EVENTS {
        return Err(EventHookError::TooMany);
    }
    let events = envelope.data.events.into_iter();
    Ok(events.filter_map(event).collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    event_type: String,
    event_type_version: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    events: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEvent {
    uuid: String,
    published: String,
    event_type: String,
    #[serde(default)]
    outcome: Option<Outcome>,
    #[serde(default)]
    target: Option<Vec<RawTarget>>,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    result: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTarget {
    #[serde(default)]
    id: Option<String>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    alternate_id: Option<String>,
}

fn event(value: serde_json::Value) -> Option<LogEvent> {
    let raw: RawEvent = serde_json::from_value(value).ok()?;
    let is_name = |text: &str| !text.is_empty() && text.len() <= NAME_BYTES;
    if !is_name(&raw.uuid) || !is_name(&raw.event_type) {
        return None;
    }
    let mut event = LogEvent {
        published_ms: millis(&raw.published)?,
        is_success: raw
            .outcome
            .is_none_or(|o| o.result.is_empty() || o.result == "SUCCESS"),
        uuid: raw.uuid,
        kind: raw.event_type,
        users: Vec::new(),
        groups: Vec::new(),
    };
    for target in raw.target.into_iter().flatten().take(TARGETS) {
        let list = match target.kind.as_deref() {
            Some("User") => &mut event.users,
            Some("UserGroup") => &mut event.groups,
            _ => continue,
        };
        let Some(id) = target.id.filter(|id| is_name(id)) else {
            continue;
        };
        let login = target.alternate_id.filter(|name| is_name(name));
        list.push(Target {
            id,
            login: login.unwrap_or_default(),
        });
    }
    Some(event)
}

/// `2026-12-01T00:40:46.123Z` in milliseconds since 1970.
fn millis(text: &str) -> Option<i64> {
    if text.len() > 40 {
        return None;
    }
    let format = &time::format_description::well_known::Rfc3339;
    let at = time::OffsetDateTime::parse(text, format).ok()?;
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn body(events: Value) -> Vec<u8> {
        json!({ "eventType": "com.okta.event_hook", "eventTypeVersion": "1.0", "cloudEventsVersion": "0.1",
            "contentType": "application/json", "source": "https://acme.okta.test/api/v1/eventHooks/who1",
            "eventId": "b5a188b9", "eventTime": "2026-12-01T00:40:47.000Z", "data": { "events": events } })
        .to_string()
        .into_bytes()
    }

    fn suspended() -> Value {
        json!({ "uuid": "3bdcb7d0", "published": "2026-12-01T00:40:46.123Z", "eventType": "user.lifecycle.suspend",
            "version": "0", "severity": "INFO", "actor": { "id": "00uAdmin", "type": "User" }, "outcome": { "result": "SUCCESS" },
            "target": [{ "id": "00u1", "type": "User", "alternateId": "ann@acme.test", "displayName": "Ann" },
                { "id": "00g1", "type": "UserGroup", "alternateId": "unknown" }, { "id": "0oa1", "type": "AppInstance" }] })
    }

    #[test]
    fn an_event_tells_whom_it_is_about_and_when_it_happened() {
        let [event] = parse(&body(json!([suspended()])))
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!(
            (event.kind.as_str(), event.published_ms, event.is_success),
            ("user.lifecycle.suspend", 1_796_085_646_123, true)
        );
        assert_eq!(
            event.users,
            [Target {
                id: "00u1".into(),
                login: "ann@acme.test".into()
            }]
        );
        assert_eq!(event.groups[0].id, "00g1");
    }

    #[test]
    fn one_event_that_cannot_be_read_does_not_hide_the_others() {
        let mut failed = suspended();
        failed["outcome"]["result"] = "FAILURE".into();
        let mut undated = suspended();
        undated["published"] = "yesterday".into();
        let mut nobodys = suspended();
        nobodys["target"] = Value::Null;
        let events = parse(&body(json!([undated, 7, failed, nobodys, { "uuid": "" }]))).unwrap();
        assert_eq!(
            events
                .iter()
                .map(|e| (e.is_success, e.users.len()))
                .collect::<Vec<_>>(),
            [(false, 1), (true, 0)]
        );
    }

    #[test]
    fn other_bodies_are_refused() {
        use EventHookError as E;
        for (body, expected) in [
            (&b""[..], E::Shape),
            (b"{}", E::Shape),
            (b"[]", E::Shape),
            (b"\xff", E::Shape),
            (
                br#"{"eventType":"a","eventTypeVersion":"1.0","data":{"events":[]}}"#,
                E::Type,
            ),
            (
                br#"{"eventType":"com.okta.event_hook","eventTypeVersion":"2.0","data":{"events":[]}}"#,
                E::Type,
            ),
        ] {
            assert_eq!(parse(body), Err(expected));
        }
        assert_eq!(parse(&vec![b' '; BODY_BYTES + 1]), Err(E::TooLarge));
        let many: Vec<Value> = (0..=EVENTS).map(|_| json!({})).collect();
        assert_eq!(parse(&body(many.into())), Err(E::TooMany));
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(parse(deep.as_bytes()), Err(E::Shape));
    }
}
