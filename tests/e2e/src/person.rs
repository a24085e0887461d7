//! A recorded person: earlier days to learn from, and something new to type and move.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::player::{self, Recording};
use support::{Browser, World, poll, replay};

/// The page to write on.
pub const NOTES: &str = "/notes";
/// The same inside another page.
pub const FRAMED: &str = "/framed";
/// The same under the strictest policy for content.
pub const STRICT: &str = "/strict";

/// Presses and releases of a few lines.
const FEW_LINES: usize = 160;

/// A recording from `tests/fixtures/recordings`, or one of the same form.
pub struct Person {
    name: String,
    days: Value,
    keys: Recording,
    few_lines: Recording,
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
        // Who recorded only one of the two has only that.
        let part = |name: &str| match &value["live"][name] {
            Value::Null => Ok(Recording::default()),
            events => Recording::from_value(events).with_context(|| format!("live.{name}")),
        };
        ensure!(
            value["learn"]
                .as_array()
                .is_some_and(|days| !days.is_empty()),
            "{} has no days to learn from",
            file.display()
        );
        let name = file.file_stem().context("a recording without a name")?;
        let keys = part("keys")?;
        let pointer = part("pointer")?;
        ensure!(
            !keys.events.is_empty() || !pointer.events.is_empty(),
            "{} has nothing to play live",
            file.display()
        );
        let few = keys.events.iter().take(FEW_LINES).cloned().collect();
        Ok(Self {
            few_lines: Recording { events: few },
            name: name.to_string_lossy().into_owned(),
            keys,
            pointer,
            days: value["learn"].clone(),
        })
    }

    /// The days to learn from, as the rehearsal takes them.
    pub fn days(&self) -> &Value {
        &self.days
    }

    /// What is typed, then how the pointer moves.
    pub fn live(&self) -> [&Recording; 2] {
        [&self.keys, &self.pointer]
    }

    /// Teaches the extension of `browser` how this person types and moves, as `user`: the earlier days of the recording
    /// go through the real engine at their recorded times. Only the rehearsal build of the extension listens to it, and its
    /// page fetches the days, which are megabytes, by itself.
    pub async fn teach(&self, browser: &Browser, world: &World, user: &str) -> Result<()> {
        const SCRIPT: &str = "const [url, user, done] = arguments; \
            fetch(url).then((found) => found.json()) \
            .then((days) => chrome.runtime.sendMessage({ type: 'rehearse', user, days })) \
            .then(done, (why) => done({ thrown: String(why) }))";
        let path = format!("/{}.json", self.name);
        world.updates.set_json(&path, &self.days);
        let arguments = vec![json!(world.updates.url(&path)), json!(user)];
        let reply = browser.run_on("rehearse.html", SCRIPT, arguments).await?;
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
        player::play(browser, &self.keys).await
    }

    /// The beginning of what is typed.
    pub fn few_lines(&self) -> &Recording {
        &self.few_lines
    }

    /// Has typed a few lines, with the recorded rhythm but in a fraction of the time, in a tab of its own.
    pub async fn has_typed(&self, browser: &Browser, world: &World) -> Result<()> {
        self.has_typed_on(browser, world, NOTES).await
    }

    /// `other` has typed a few lines, and two seconds later this person has, too, without an unlock in between.
    pub async fn has_taken_over(
        &self,
        browser: &Browser,
        world: &World,
        other: &Person,
    ) -> Result<()> {
        let typed = [&other.few_lines, &self.few_lines];
        self.has_done(browser, world, NOTES, &typed).await
    }

    /// Has typed and moved the pointer: all of what [`Person::work`] does.
    pub async fn has_worked(&self, browser: &Browser, world: &World) -> Result<()> {
        self.has_done(browser, world, NOTES, &self.live()).await
    }

    /// The same on another page of the world.
    pub async fn has_typed_on(
        &self,
        browser: &Browser,
        world: &World,
        page: &'static str,
    ) -> Result<()> {
        let typed = [&self.few_lines];
        self.has_done(browser, world, page, &typed).await
    }

    async fn has_done(
        &self,
        browser: &Browser,
        world: &World,
        page: &'static str,
        parts: &[&Recording],
    ) -> Result<()> {
        browser
            .in_tab_of(world, page, async || {
                browser.click("#notes").await?;
                replay::play(browser, parts).await
            })
            .await
    }

    /// Has typed a few lines into whatever has the focus.
    pub async fn has_typed_here(&self, browser: &Browser) -> Result<()> {
        replay::play(browser, &[&self.few_lines]).await
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
