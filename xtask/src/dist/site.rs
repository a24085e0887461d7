//! What the policies of one organisation say, whatever the platform.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

/// One organisation's values.
pub struct Site {
    /// Of the extension.
    pub id: String,
    /// Origin of the Tacit server.
    pub server: String,
    /// Origins of the Okta org.
    pub okta: Vec<String>,
    /// Where browsers find the packed extension and its update manifest, without a slash at the end.
    update_base: String,
}

impl Site {
    /// Checks what would otherwise fail silently on every machine.
    pub fn new(
        id: String,
        server: &str,
        okta: &[String],
        update_base: Option<&str>,
    ) -> Result<Self> {
        for origin in okta.iter().map(String::as_str).chain([server]) {
            check_origin(origin)?;
        }
        let update_base = match update_base {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("{server}/extension"),
        };
        ensure!(
            update_base.starts_with("https://") && plain(&update_base["https://".len()..]),
            "--update-base has to be an https URL, such as https://login.example.com/extension"
        );
        Ok(Self {
            id,
            server: server.to_owned(),
            okta: okta.to_vec(),
            update_base,
        })
    }

    /// Whether nobody named an organisation.
    pub fn is_example(&self) -> bool {
        self.server.ends_with("example.com")
    }

    /// Of the packed extension.
    pub fn crx_url(&self) -> String {
        format!("{}/tacit.crx", self.update_base)
    }

    /// Of the update manifest.
    pub fn update_url(&self) -> String {
        format!("{}/update.xml", self.update_base)
    }

    /// `ExtensionSettings`: ours is installed and may run at our server and at Okta, all others may not run there. An
    /// extension that reads those pages could type for the person, or take the Response.
    pub fn extension_settings(&self) -> Value {
        let guarded: Vec<String> = self
            .okta
            .iter()
            .chain([&self.server])
            .map(|origin| format!("*://{}", host(origin)))
            .collect();
        json!({
            "*": { "runtime_blocked_hosts": guarded },
            &self.id: {
                "installation_mode": "force_installed",
                "update_url": self.update_url(),
                // Updates come from the URL above even if a later version's manifest names another.
                "override_update_url": true,
                "runtime_blocked_hosts": [],
                "runtime_allowed_hosts": guarded,
            },
        })
    }

    /// Managed storage of the extension; keys as in `www/extension/schema.json`.
    pub fn configuration(&self) -> Value {
        json!({ "server_origin": self.server, "okta_origins": self.okta })
    }

    /// Policies with plain values, for every platform.
    pub fn switches() -> [(&'static str, u32); 3] {
        [
            // Manifests in a user's own folder could shadow the machine's host.
            ("NativeMessagingUserLevelHosts", 0),
            // No developer mode on the extensions page: unpacked copies of the extension would have its id.
            ("ExtensionDeveloperModeSettings", 1),
            // Developer tools everywhere but on extensions that policy installed.
            ("DeveloperToolsAvailability", 0),
        ]
    }
}

fn check_origin(origin: &str) -> Result<()> {
    let host = origin.strip_prefix("https://").unwrap_or_default();
    ensure!(
        !host.is_empty() && !host.contains('/') && plain(host),
        "{origin:?} is not an origin: it has to look like https://login.example.com, without a slash at the end"
    );
    Ok(())
}

/// Letters that need no escape in JSON, XML, registry files and match patterns.
fn plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte))
}

/// Match patterns in policy have no port.
fn host(origin: &str) -> &str {
    let host = origin.trim_start_matches("https://");
    host.split(':').next().unwrap_or(host)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn example() -> Site {
        let okta = ["https://acme.okta.com".to_owned()];
        Site::new("a".repeat(32), "https://login.acme.com", &okta, None).unwrap()
    }

    #[test]
    fn other_extensions_are_kept_out_of_our_pages_and_ours_is_not() {
        let settings = example().extension_settings();
        let guarded = json!(["*://acme.okta.com", "*://login.acme.com"]);
        assert_eq!(settings["*"]["runtime_blocked_hosts"], guarded);
        let ours = &settings["a".repeat(32)];
        assert_eq!(ours["runtime_blocked_hosts"], json!([]));
        assert_eq!(ours["runtime_allowed_hosts"], guarded);
        assert_eq!(
            ours["update_url"],
            "https://login.acme.com/extension/update.xml"
        );
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for wrong in [
            "",
            "login.acme.com",
            "http://login.acme.com",
            "https://login.acme.com/",
            "https://login.acme.com\"",
            "https://a<b",
        ] {
            let why = Site::new(String::new(), wrong, &[], None).err().unwrap();
            assert!(
                why.to_string().contains("is not an origin"),
                "{wrong}: {why}"
            );
        }
    }
}
