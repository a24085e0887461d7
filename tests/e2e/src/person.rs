//! A recorded person: earlier days to learn from, and something new to type and move.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::player::{self, Recording};
use support::{Browser, World, poll};

/// A recording from `tests/fixtures/recordings`, or one of the same form.
pub struct Person {
    days: Value,
    keys: Recording,
    pointer: Recording,
}

impl Person {
    /// One of the six people of the repository, by number from 1.
    pub fn number(number: u32) -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/recordings");
        Self::load(&folder.join(format!("person-{number}.json")))
    }

    /// A recording from a file.
    pub fn load(file: &Path) -> Result<Self> {
        let text = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        let value: Value = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not JSON", file.display()))?;
        let part = |name: &str| {
            Recording::from_value(&value["live"][name]).with_context(|| format!("live.{name}"))
        };
        Ok(Self {
            keys: part("keys")?,
            pointer: part("pointer")?,
            days: value["learn"].clone(),
        })
    }

    /// Teaches the extension of `browser` how this person types and moves, as `user`: the earlier days of the recording
    /// go through the real engine at their recorded times. Only the rehearsal build of the extension listens to it.
    pub async fn teach(&self, browser: &Browser, user: &str) -> Result<()> {
        let message = json!({ "type": "rehearse", "user": user, "days": self.days });
        let reply = browser.tell_worker("rehearse.html", message).await?;
        let reply = match reply {
            Value::String(text) => serde_json::from_str(&text)?,
            other => other,
        };
        ensure!(
            reply["mature"] == true,
            "after the rehearsal the template is not mature: {reply}"
        );
        Ok(())
    }

    /// Types and moves what was not learned, on a page of its own in the current tab.
    pub async fn work(&self, browser: &Browser, world: &World) -> Result<()> {
        browser.open(&world.updates.url("/notes")).await?;
        browser.click("#notes").await?;
        player::play(browser, &self.keys).await?;
        player::play(browser, &self.pointer).await
    }

    /// Only the typing, without the pointer.
    pub async fn type_only(&self, browser: &Browser, world: &World) -> Result<()> {
        browser.open(&world.updates.url("/notes")).await?;
        browser.click("#notes").await?;
        self.type_here(browser).await
    }

    /// Types into whatever has the focus.
    pub async fn type_here(&self, browser: &Browser) -> Result<()> {
        player::play(browser, &self.keys).await
    }
}

/// What the popup would show.
pub async fn popup_state(browser: &Browser) -> Result<Value> {
    ask_popup(browser, json!({ "type": "state" })).await
}

/// One question as the popup asks it.
pub async fn ask_popup(browser: &Browser, body: Value) -> Result<Value> {
    let reply = browser
        .tell_worker("popup.html", json!({ "v": 1, "body": body }))
        .await?;
    let reply: Value = match reply {
        Value::String(text) => serde_json::from_str(&text)?,
        other => other,
    };
    Ok(reply["body"].clone())
}

/// Waits until the extension has its configuration, reached the host and registered the device; returns the device.
pub async fn wait_for_device(browser: &Browser) -> Result<String> {
    let waited = poll::until_async(
        "the extension to register its device",
        Duration::from_secs(40),
        async || {
            let state = popup_state(browser).await?;
            Ok(state["device"].as_str().map(str::to_owned))
        },
    )
    .await;
    match waited {
        Ok(device) => Ok(device),
        Err(why) => {
            let found = ask_popup(browser, json!({ "type": "diagnose" })).await;
            Err(why.context(format!("the extension's own diagnosis: {found:?}")))
        }
    }
}

/// The folder of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
