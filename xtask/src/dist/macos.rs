//! Configuration profiles for macOS: one per browser, with its policies and the extension's managed storage.

use super::site::Site;
use anyhow::Result;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use std::path::Path;

/// Name and preference domain.
const BROWSERS: &[(&str, &str)] = &[
    ("chrome", "com.google.Chrome"),
    ("edge", "com.microsoft.Edge"),
];

/// Writes `tacit-chrome.mobileconfig` and `tacit-edge.mobileconfig`.
pub fn write(folder: &Path, site: &Site) -> Result<()> {
    for (browser, domain) in BROWSERS {
        let file = folder.join(format!("tacit-{browser}.mobileconfig"));
        super::write(&file, document(&profile(site, browser, domain)).as_bytes())?;
    }
    Ok(())
}

fn profile(site: &Site, browser: &str, domain: &str) -> Value {
    let mut policies = json!({ "ExtensionSettings": site.extension_settings() });
    for (name, value) in Site::switches() {
        policies[name] = match name {
            "NativeMessagingUserLevelHosts" => json!(value != 0),
            _ => json!(value),
        };
    }
    let managed = format!("{domain}.extensions.{}", site.id);
    let payloads = [
        payload(domain, policies, "policies"),
        payload(&managed, site.configuration(), "settings"),
    ];
    json!({
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadScope": "System",
        "PayloadIdentifier": format!("tacit.{browser}"),
        "PayloadUUID": uuid(&format!("{}/{browser}", site.id)),
        "PayloadDisplayName": format!("Tacit for {browser}"),
        "PayloadContent": payloads,
    })
}

fn payload(domain: &str, mut content: Value, what: &str) -> Value {
    content["PayloadType"] = domain.into();
    content["PayloadVersion"] = 1.into();
    content["PayloadIdentifier"] = format!("tacit.{what}.{domain}").into();
    content["PayloadUUID"] = uuid(domain).into();
    content
}

/// A name-based UUID (RFC 9562, version 8), so that a new profile takes the place of the one before.
fn uuid(name: &str) -> String {
    let hash = digest(&SHA256, name.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = crate::run::hex(&bytes).to_uppercase();
    [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ]
    .join("-")
}

fn document(value: &Value) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n{}</plist>\n",
        element(value, 0)
    )
}

/// A property list's element. Our values are objects, arrays, texts, whole numbers and booleans.
fn element(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) => {
            let inner: String = members
                .iter()
                .map(|(key, value)| {
                    format!(
                        "{indent}  <key>{}</key>\n{}",
                        text(key),
                        element(value, depth + 1)
                    )
                })
                .collect();
            format!("{indent}<dict>\n{inner}{indent}</dict>\n")
        }
        Value::Array(values) => {
            let inner: String = values
                .iter()
                .map(|value| element(value, depth + 1))
                .collect();
            format!("{indent}<array>\n{inner}{indent}</array>\n")
        }
        Value::Bool(true) => format!("{indent}<true/>\n"),
        Value::Bool(false) | Value::Null => format!("{indent}<false/>\n"),
        Value::Number(number) => format!("{indent}<integer>{number}</integer>\n"),
        Value::String(string) => format!("{indent}<string>{}</string>\n", text(string)),
    }
}

fn text(raw: &str) -> String {
    raw.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::site::tests::example;

    #[test]
    fn managed_storage_is_a_payload_of_its_own() {
        let profile = profile(&example(), "chrome", "com.google.Chrome");
        let domains: Vec<&str> = profile["PayloadContent"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|payload| payload["PayloadType"].as_str())
            .collect();
        let managed = format!("com.google.Chrome.extensions.{}", "a".repeat(32));
        assert_eq!(domains, ["com.google.Chrome", managed.as_str()]);
        let document = document(&profile);
        assert!(document.contains("<key>NativeMessagingUserLevelHosts</key>\n      <false/>"));
    }

    #[test]
    fn a_name_gives_the_same_uuid_each_time() {
        assert_eq!(uuid("a"), uuid("a"));
        assert_ne!(uuid("a"), uuid("b"));
        assert_eq!(uuid("a").len(), 36);
    }
}
