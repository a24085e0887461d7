//! What the browser loads as it is: manifest, managed schema and scripts keep to what they promise.

use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::PathBuf};

#[test]
fn the_managed_schema_describes_every_member_of_the_configuration() {
    let schema = json_of("www/extension/schema.json");
    assert_eq!(schema["type"], "object");
    let described: BTreeSet<&str> = members(&schema["properties"]);
    let full: wire::config::Configuration = serde_json::from_value(json!({
        "server_origin": "https://login.acme.test",
        "okta_origins": ["https://acme.okta.com"],
        "enrolment_token": "t",
        "excluded_sites": ["health.test"],
        "password_timing": true,
    }))
    .unwrap();
    let full = serde_json::to_value(full).unwrap();
    assert_eq!(described, members(&full));
    for (name, property) in schema["properties"].as_object().unwrap() {
        assert!(property["title"].is_string(), "{name} has no title");
        assert!(
            property["description"].is_string(),
            "{name} is not described"
        );
        let kind = property["type"].as_str().unwrap();
        let value = &full[name];
        let fits = match kind {
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array() && property["items"]["type"] == "string",
            _ => false,
        };
        assert!(fits, "{name} is {value} and not a {kind}");
    }
}

#[test]
fn the_manifest_asks_for_no_more_than_it_needs() {
    let manifest = json_of("manifest.json");
    assert_eq!(manifest["manifest_version"], 3);
    assert_eq!(manifest["incognito"], "not_allowed");
    let asked: Vec<&str> = manifest["permissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|permission| permission.as_str().unwrap())
        .collect();
    assert_eq!(
        asked,
        [
            "alarms",
            "identity",
            "identity.email",
            "idle",
            "nativeMessaging",
            "scripting",
            "storage",
            "webNavigation",
            "webRequest",
        ]
    );
    for absent in [
        "web_accessible_resources",
        "externally_connectable",
        "content_scripts",
        "optional_permissions",
    ] {
        assert!(manifest.get(absent).is_none(), "{absent}");
    }
    let policy = manifest["content_security_policy"]["extension_pages"]
        .as_str()
        .unwrap();
    assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';"));
    assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"));
}

#[test]
fn the_readme_names_the_id_of_the_manifests_key() {
    use ring::digest::{SHA256, digest};
    let manifest = json_of("manifest.json");
    let key = standard_base64(manifest["key"].as_str().unwrap());
    let id: String = digest(&SHA256, &key).as_ref()[..16]
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|half| char::from(b'a' + half))
        .collect();
    assert!(text_of("extension/README.md").contains(&id), "{id}");
}

#[test]
fn the_capture_script_stays_small() {
    let script = text_of("www/extension/capture.js");
    assert!(
        script.lines().count() <= 150,
        "{} lines",
        script.lines().count()
    );
    assert!(script.len() <= 6_000, "{} bytes", script.len());
}

/// Listeners that appear later miss events: the script calls `addListener` at its top level and never in WebAssembly.
#[test]
fn listeners_are_registered_by_the_boot_script_alone() {
    let boot = text_of("www/extension/boot.js");
    for event in [
        "runtime.onMessage",
        "runtime.onInstalled",
        "runtime.onStartup",
        "webRequest.onBeforeRequest",
        "webNavigation.onCommitted",
        "webNavigation.onReferenceFragmentUpdated",
        "webNavigation.onTabReplaced",
        "tabs.onRemoved",
        "idle.onStateChanged",
        "alarms.onAlarm",
        "storage.onChanged",
    ] {
        assert!(boot.contains(event), "{event}");
    }
    let waits = |line: &&str| line.contains("await ") && !line.starts_with(' ');
    let waiting: Vec<_> = boot.lines().filter(waits).collect();
    assert!(waiting.is_empty(), "a wait at the top level: {waiting:?}");
}

#[test]
fn nothing_but_the_browser_module_touches_the_browser() {
    let mut folders = vec![root().join("extension/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("browser.rs") {
                let text = fs::read_to_string(&path).unwrap();
                assert!(!text.contains("js_namespace"), "{}", path.display());
                assert!(!text.contains("extern \"C\""), "{}", path.display());
            }
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text_of(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn json_of(path: &str) -> Value {
    serde_json::from_str(&text_of(path)).unwrap()
}

fn members(object: &Value) -> BTreeSet<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// The manifest's key is ordinary base64, which the protocol never uses.
fn standard_base64(text: &str) -> Vec<u8> {
    let unpadded = text
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_");
    wire::b64::decode(&unpadded).unwrap()
}
