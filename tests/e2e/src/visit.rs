//! A person at a browser, from an empty profile to a sign-in.

use crate::evidence::{Mark, Record};
use crate::person::{self, NOTES, Person};
use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use support::browser::Window;
use support::host::Host;
use support::keystore::{Keystore, Kind};
use support::{Browser, World, poll};

/// A browser with its own host and key store.
pub struct Visit {
    /// The browser.
    pub browser: Browser,
    /// The host.
    pub host: Host,
    /// The key store.
    pub keystore: Keystore,
    /// The device as the server knows it.
    pub device: String,
    name: String,
    window: Window,
}

impl Visit {
    /// A fresh profile whose extension has registered its device.
    pub async fn begin(world: &World, name: &str, kind: Kind) -> Result<Self> {
        Self::begin_with(world, name, kind, Window::Headless).await
    }

    /// A visit of what was put together by hand.
    pub fn of(
        browser: Browser,
        host: Host,
        keystore: Keystore,
        device: String,
        name: &str,
    ) -> Self {
        Self {
            browser,
            host,
            keystore,
            device,
            name: name.to_owned(),
            window: Window::Headless,
        }
    }

    /// A fresh profile, with or without a window.
    pub async fn begin_with(world: &World, name: &str, kind: Kind, window: Window) -> Result<Self> {
        let (keystore, host) = world.install_host(name, kind)?;
        let browser = Browser::start_with(world, name, Some(&host), window).await?;
        browser.wait_for_extension().await?;
        // Opened early, so that it is old enough when somebody works in it.
        browser.in_tab_of(world, NOTES, async || Ok(())).await?;
        let device = person::wait_for_device(&browser).await?;
        Ok(Self {
            browser,
            host,
            keystore,
            device,
            name: name.to_owned(),
            window,
        })
    }

    /// The same, enrolled for `user`: the device is preregistered, and a roll-out window is open at its first sign-in, which
    /// steps up. Then the extension learns how `person` types and moves.
    pub async fn enrolled(
        world: &World,
        name: &str,
        kind: Kind,
        user: &str,
        person: &Person,
    ) -> Result<Self> {
        let this = Self::begin(world, name, kind).await?;
        this.enrol(world, user).await?;
        person.teach(&this.browser, world, user).await?;
        Ok(this)
    }

    /// Binds the device to `user` by a first sign-in in a roll-out window.
    pub async fn enrol(&self, world: &World, user: &str) -> Result<()> {
        world.tacit.run(&[
            "device",
            "preregister",
            "--device",
            &self.device,
            "--user",
            user,
        ])?;
        let mut tries = 3;
        loop {
            let mark = Mark::now(world)?;
            self.browser.enter_password(user).await?;
            self.browser.wait_for_state(&["step_up"]).await?;
            let record = mark.record_of(world, user)?;
            if record.reasons().contains(&"not_enrolled") {
                break;
            }
            tries -= 1;
            // The first answer makes keys, which a busy machine may not manage within the policy's patience.
            ensure!(
                tries > 0 && record.reasons().contains(&"no_agent"),
                "the first sign-in must say that nothing is enrolled: {}",
                record.decision
            );
        }
        // The page steps up as soon as the server knows; the host writes its record a moment later.
        poll::until_async(
            "the host to record the binding",
            Duration::from_secs(10),
            async || {
                let status = self.host.status()?;
                Ok(status["bindings"].to_string().contains(user).then_some(()))
            },
        )
        .await
    }

    /// Signs in with the password and waits for the decision.
    pub async fn sign_in(&self, world: &World, user: &str) -> Result<Record> {
        let mark = Mark::now(world)?;
        self.sign_out().await?;
        self.browser.enter_password(user).await?;
        self.browser
            .find("#signed-in, body[data-state=step_up], #okta-error")
            .await?;
        mark.record_of(world, user)
    }

    /// Ends the sessions of application and org in this browser.
    pub async fn sign_out(&self) -> Result<()> {
        let browser = &self.browser;
        browser
            .open(&format!("{}/logout", support::okta::APP_ORIGIN))
            .await?;
        browser
            .open(&format!("{}/login/signout", support::okta::ORG_ORIGIN))
            .await
    }

    /// What Okta says about this browser's session.
    pub async fn okta_session(&self) -> Result<String> {
        self.browser
            .open(&format!("{}/", support::okta::ORG_ORIGIN))
            .await?;
        let script = "const done = arguments[0]; \
            fetch('/api/v1/sessions/me', { credentials: 'include' }).then(r => r.ok ? r.json() : {}).then(done, () => done({}))";
        let session: Value = self.browser.run_async(script, Vec::new()).await?;
        Ok(session["status"].as_str().unwrap_or("NONE").to_owned())
    }

    /// Locks the screen, as far as the engine is concerned: what was seen before counts for nobody. A day without events is
    /// rehearsed, which begins and ends with a lock and teaches nothing.
    pub async fn lock(&self, user: &str) -> Result<()> {
        let day = json!({ "events": [], "origin": 0, "confirm_at": 0 });
        let message = json!({ "type": "rehearse", "user": user, "days": [day] });
        let reply = self.browser.tell_worker("rehearse.html", message).await?;
        let reply: Value = match reply {
            Value::String(text) => serde_json::from_str(&text)?,
            other => other,
        };
        ensure!(reply["ok"] == true, "not locked: {reply}");
        Ok(())
    }

    /// Adds a record for `to` to the host's, made from the one for `from`: whoever runs the machine can write there.
    pub fn forge_binding(&self, from: &str, to: &str) -> Result<()> {
        let file = |user: &str| {
            // Its name is the digest of the person's.
            let digest = ring::digest::digest(&ring::digest::SHA256, user.as_bytes());
            self.records()
                .join(format!("{}.json", URL_SAFE_NO_PAD.encode(digest)))
        };
        let record = std::fs::read_to_string(file(from)).context("the binding record")?;
        std::fs::write(file(to), record.replace(from, to)).context("forging a record")
    }

    /// The host gets a new key store with a new device key, and its old records, rewritten for that key.
    pub async fn replace_device_key(&mut self, world: &World, user: &str) -> Result<()> {
        let mut records = Vec::new();
        for entry in std::fs::read_dir(self.records())? {
            let file = entry?.path();
            let record = std::fs::read_to_string(&file)?;
            records.push((file, record));
        }
        let old = self.device.clone();
        self.stop_browser().await?;
        std::fs::remove_dir_all(self.host.folder.join("data"))?;
        self.start_browser(world).await?;
        // The host makes a new key when it is needed: at a sign-in, which finds that nothing is enrolled.
        self.sign_in(world, user).await?;
        let status = self.host.status()?;
        let new = status["device"]
            .as_str()
            .with_context(|| format!("no new key: {status}"))?
            .to_owned();
        ensure!(new != old, "the old key is still there");
        std::fs::create_dir_all(self.records())?;
        for (file, record) in records {
            std::fs::write(file, record.replace(&old, &new))?;
        }
        self.device = new;
        Ok(())
    }

    fn records(&self) -> PathBuf {
        self.host.folder.join("data/bindings")
    }

    /// Closes the browser and starts it again with the same profile.
    pub async fn restart_browser(&mut self, world: &World) -> Result<()> {
        self.stop_browser().await?;
        self.start_browser(world).await.context("after the restart")
    }

    /// A browser whose extension is configured and whose host has been uninstalled since.
    pub async fn without_host(world: &World, name: &str) -> Result<Browser> {
        let before = Self::begin(world, name, Kind::Software).await?;
        before.browser.client.clone().close().await?;
        before.browser.end();
        before.host.unregister(&before.browser.profile)?;
        let browser = Browser::start(world, name, None).await?;
        browser.wait_for_extension().await?;
        Ok(browser)
    }

    /// Closes the browser.
    pub async fn stop_browser(&mut self) -> Result<()> {
        let client = self.browser.client.clone();
        client.close().await.context("closing the browser")
    }

    /// Starts it again with the same profile.
    pub async fn start_browser(&mut self, world: &World) -> Result<()> {
        self.browser.end();
        self.browser =
            Browser::start_with(world, &self.name, Some(&self.host), self.window).await?;
        self.browser.wait_for_extension().await?;
        self.browser.in_tab_of(world, NOTES, async || Ok(())).await
    }
}
