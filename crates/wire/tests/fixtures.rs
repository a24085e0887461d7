//! Every message has a fixture; every fixture is read, written back the same, and refused when it is bent.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::Path};
use wire::{capture, config, dpop, host, jws, page, popup, server, statement, version};

type Check = fn(&[u8]) -> Result<Value, String>;

fn read<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<Value, String> {
    let message: T = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    serde_json::to_value(&message).map_err(|e| e.to_string())
}

/// The type of a fixture follows from the beginning of its name; the longest prefix wins.
fn kinds() -> Vec<(&'static str, Check)> {
    vec![
        ("capture-events", read::<capture::Events>),
        ("configuration", read::<config::Configuration>),
        ("host-request", read::<host::Request>),
        ("host-response", read::<host::Response>),
        ("page-request", read::<page::Request>),
        ("page-response", read::<page::Response>),
        ("popup-request", read::<popup::Request>),
        ("popup-response", read::<popup::Response>),
        ("server-register-request", read::<server::RegisterRequest>),
        ("server-device-response", read::<server::DeviceResponse>),
        ("server-bind-request", read::<server::BindRequest>),
        ("server-bind-response", read::<server::BindResponse>),
        ("server-answer-request", read::<server::AnswerRequest>),
        ("server-answer-response", read::<server::AnswerResponse>),
        ("server-failure-request", read::<server::FailureRequest>),
        ("server-heartbeat-request", read::<server::HeartbeatRequest>),
        (
            "server-confirmation-request",
            read::<server::ConfirmationRequest>,
        ),
        (
            "server-confirmation-response",
            read::<server::ConfirmationResponse>,
        ),
        ("server-error-response", read::<server::ErrorResponse>),
        ("statement-answer", read::<statement::Answer>),
        ("statement-registration", read::<statement::Registration>),
        ("statement-binding", read::<statement::Binding>),
        ("statement-heartbeat", read::<statement::Heartbeat>),
        ("dpop-header", read::<dpop::Header>),
        ("dpop-claims", read::<dpop::Claims>),
        ("jws-header", read::<jws::Header>),
    ]
}

fn fixtures() -> BTreeMap<String, (Check, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (_, check) = kinds()
            .into_iter()
            .find(|(prefix, _)| name.starts_with(prefix))
            .expect(&name);
        all.insert(name, (check, fs::read(&path).unwrap()));
    }
    all
}

#[test]
fn every_fixture_is_read_and_written_back_unchanged() {
    let all = fixtures();
    assert!(all.len() >= 60, "{} fixtures", all.len());
    for (name, (check, bytes)) in &all {
        let original: Value = serde_json::from_slice(bytes).unwrap();
        let mut back = check(bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        if name == "configuration-least" {
            // Members that may be left out come back with their defaults.
            let object = back.as_object_mut().unwrap();
            assert_eq!(object.remove("excluded_sites"), Some(json!([])));
            assert_eq!(object.remove("password_timing"), Some(json!(false)));
        }
        assert_eq!(back, original, "{name}");
    }
}

#[test]
fn every_variant_has_a_fixture() {
    let all = fixtures();
    let count = |prefix: &str| all.keys().filter(|n| n.starts_with(prefix)).count();
    // A new variant changes these figures, and so demands its fixture.
    assert_eq!(count("host-request-"), 13);
    assert_eq!(count("host-response-"), 10);
    assert_eq!(count("page-request-"), 2);
    assert_eq!(count("page-response-"), 2);
    assert_eq!(count("popup-request-"), 6);
    assert_eq!(count("popup-response-"), 5);
    assert_eq!(count("server-"), 11);
}

#[test]
fn an_unknown_member_is_refused_anywhere_in_any_message() {
    for (name, (check, bytes)) in fixtures() {
        let original: Value = serde_json::from_slice(&bytes).unwrap();
        for bent in with_a_foreign_member(&original) {
            let text = serde_json::to_vec(&bent).unwrap();
            assert!(check(&text).is_err(), "{name} took {bent}");
        }
    }
}

#[test]
fn a_missing_member_is_refused_unless_it_may_be_left_out() {
    // Every `Option` and every member with a default that stands at the top of some message.
    let optional = [
        "enrolment_token",
        "excluded_sites",
        "password_timing",
        "nonce",
        "profile_email",
        "user",
        "confirmed",
    ];
    for (name, (check, bytes)) in fixtures() {
        let original: Value = serde_json::from_slice(&bytes).unwrap();
        for key in original.as_object().unwrap().keys() {
            let mut bent = original.clone();
            bent.as_object_mut().unwrap().remove(key);
            let refused = check(&serde_json::to_vec(&bent).unwrap()).is_err();
            let may = optional.contains(&key.as_str()) && !name.starts_with("statement");
            assert!(refused || may, "{name} did without {key}");
        }
    }
}

#[test]
fn another_version_is_refused_as_such() {
    for (name, (_, bytes)) in fixtures() {
        let mut message: Value = serde_json::from_slice(&bytes).unwrap();
        if message.get("v").is_none() {
            continue;
        }
        message["v"] = json!(2);
        let text = serde_json::to_vec(&message).unwrap();
        let refused = version::parse::<host::Request>(&text).unwrap_err();
        assert_eq!(refused, version::Refusal::Version { theirs: 2 }, "{name}");
    }
}

fn with_a_foreign_member(value: &Value) -> Vec<Value> {
    let Value::Object(members) = value else {
        return Vec::new();
    };
    let mut bent = Vec::new();
    let mut here = members.clone();
    here.insert("foreign".into(), json!(1));
    bent.push(Value::Object(here));
    for (key, inner) in members {
        for inner in with_a_foreign_member(inner) {
            let mut outer = members.clone();
            outer.insert(key.clone(), inner);
            bent.push(Value::Object(outer));
        }
    }
    bent
}
