//! Policy files for Linux: one JSON file per browser, to be laid into the folder that its name says.

use super::site::Site;
use anyhow::Result;
use serde_json::{Value, json};
use std::path::Path;

/// Folder below the root, by browser.
const FOLDERS: &[(&str, &str)] = &[
    ("chrome", "etc/opt/chrome/policies/managed"),
    ("chromium", "etc/chromium/policies/managed"),
    ("edge", "etc/opt/edge/policies/managed"),
    ("brave", "etc/brave/policies/managed"),
];

/// Writes them, each below the folder where its browser looks.
pub fn write(folder: &Path, site: &Site) -> Result<()> {
    let text = serde_json::to_string_pretty(&policy(site))? + "\n";
    for (browser, place) in FOLDERS {
        let file = folder.join(browser).join(place).join("tacit.json");
        super::write(&file, text.as_bytes())?;
    }
    Ok(())
}

fn policy(site: &Site) -> Value {
    let mut policy = json!({
        "ExtensionSettings": site.extension_settings(),
        "3rdparty": { "extensions": { &site.id: site.configuration() } },
    });
    for (name, value) in Site::switches() {
        policy[name] = match name {
            // A yes or no as JSON, a number elsewhere.
            "NativeMessagingUserLevelHosts" => json!(value != 0),
            _ => json!(value),
        };
    }
    policy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::site::tests::example;

    #[test]
    fn managed_storage_lies_under_the_extensions_id() {
        let policy = policy(&example());
        let stored = &policy["3rdparty"]["extensions"]["a".repeat(32)];
        assert_eq!(stored["server_origin"], "https://login.acme.com");
        assert_eq!(policy["NativeMessagingUserLevelHosts"], false);
        assert_eq!(policy["ExtensionDeveloperModeSettings"], 1);
    }
}
