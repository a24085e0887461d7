//! chromedriver, and the W3C and DevTools commands that fantoccini has no function for.

use crate::{net, poll, process};
use anyhow::{Context, Result};
use fantoccini::wd::WebDriverCompatibleCommand;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// A running chromedriver.
pub struct Driver {
    process: process::Process,
    /// Where it listens.
    pub port: u16,
}

impl Driver {
    /// Starts one whose browsers live in `home`.
    pub fn start(home: &Path) -> Result<Self> {
        let port = net::free_port()?;
        let mut command = process::command("chromedriver");
        command
            .arg(format!("--port={port}"))
            .env("HOME", home)
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("XDG_CACHE_HOME", home.join(".cache"))
            .env_remove("DBUS_SESSION_BUS_ADDRESS");
        let process = process::Process::start(command, &home.join("chromedriver.log"))?;
        let mut this = Self { process, port };
        poll::until("chromedriver", Duration::from_secs(20), || {
            this.process.ensure_running()?;
            Ok(net::listens(port).then_some(()))
        })?;
        Ok(this)
    }

    /// What fantoccini connects to.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// A POST to a path below the session, with a JSON body.
#[derive(Debug)]
pub struct Post {
    path: &'static str,
    body: Value,
}

impl Post {
    /// W3C "perform actions".
    pub fn actions(sources: Value) -> Self {
        Self {
            path: "actions",
            body: json!({ "actions": sources }),
        }
    }

    /// A command of the DevTools protocol to the current page's target, or to the browser for `Target.*`.
    pub fn devtools(method: &str, params: Value) -> Self {
        Self {
            path: "goog/cdp/execute",
            body: json!({ "cmd": method, "params": params }),
        }
    }

    /// WebAuthn, section 11.4: a virtual authenticator that verifies its user.
    pub fn virtual_authenticator() -> Self {
        Self {
            path: "webauthn/authenticator",
            body: json!({
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": true,
                "hasUserVerification": true,
                "isUserConsenting": true,
                "isUserVerified": true,
            }),
        }
    }
}

impl WebDriverCompatibleCommand for Post {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

/// Runs a DevTools command.
pub async fn devtools(client: &fantoccini::Client, method: &str, params: Value) -> Result<Value> {
    let sent = client.issue_cmd(Post::devtools(method, params)).await;
    sent.with_context(|| method.to_owned())
}
