//! One browser with its own profile, driven as a person would.

use crate::driver::{self, Post};
use crate::host::Host;
use crate::world::{self, World};
use crate::{okta, poll, process};
use anyhow::{Context, Result, ensure};
use fantoccini::elements::Element;
pub use fantoccini::wd::WindowHandle;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Long enough for a page on two busy cores.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running browser; ended on drop.
pub struct Browser {
    /// The WebDriver session.
    pub client: Client,
    /// Its profile.
    pub profile: PathBuf,
    extension_id: String,
    debugger: String,
    tabs: RefCell<HashMap<&'static str, WindowHandle>>,
    has_ended: Cell<bool>,
}

impl Browser {
    /// Starts one with the profile `name`, and with `host` registered if there is one. The same name means the same profile.
    pub async fn start(world: &World, name: &str, host: Option<&Host>) -> Result<Self> {
        Self::start_with(world, name, host, Window::Headless).await
    }

    /// The same, to be looked at or not.
    pub async fn start_with(
        world: &World,
        name: &str,
        host: Option<&Host>,
        window: Window,
    ) -> Result<Self> {
        let profile = world::profile(world, name);
        std::fs::create_dir_all(&profile)?;
        if let Some(host) = host {
            host.register(&profile, &world.extension_id)?;
        }
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(world, &profile, window))
            .connect(&world.driver.url())
            .await
            .context("starting the browser")?;
        let capabilities = client.capabilities().context("no capabilities")?;
        let debugger = capabilities
            .get("goog:chromeOptions")
            .and_then(|options| options["debuggerAddress"].as_str())
            .context("no debugger address")?
            .to_owned();
        Ok(Self {
            client,
            profile,
            extension_id: world.extension_id.clone(),
            debugger,
            tabs: RefCell::default(),
            has_ended: Cell::new(false),
        })
    }

    /// Ends it as a person would, so that the profile is written.
    pub async fn close(self) -> Result<()> {
        self.client
            .clone()
            .close()
            .await
            .context("closing the browser")
    }

    /// Waits until the policy has installed the extension and its worker has started.
    pub async fn wait_for_extension(&self) -> Result<()> {
        poll::until_async("the extension", Duration::from_secs(40), async || {
            // While it starts, the browser closes connections to its debugger.
            Ok(self.worker_target().ok().flatten().map(drop))
        })
        .await
    }

    /// Makes a running browser read its policy anew, by the button that administrators have for it. By itself it looks every
    /// quarter of an hour, and when a file changes only once it watches them: it begins to at its leisure after the start,
    /// so that a change made before escapes it.
    pub async fn reload_policy(&self) -> Result<()> {
        const PRESS: &str = r##"const done = arguments[0];
            const look = () => {
              const button = document.querySelector("policy-app")?.shadowRoot?.querySelector("#reload-policies");
              if (!button) return setTimeout(look, 50);
              button.click();
              // It can be pressed again once the policy has been read.
              const wait = () => (button.disabled ? setTimeout(wait, 50) : done(true));
              setTimeout(wait, 50);
            };
            look();"##;
        let before = self.open_tab().await?;
        self.open("chrome://policy").await?;
        let pressed = self.run_async(PRESS, Vec::new()).await;
        self.client.close_window().await?;
        self.client.switch_to_window(before).await?;
        pressed.map(drop).context("reloading the policy")
    }

    /// Kills the extension's worker, as Chrome does when it is idle or short of memory.
    pub fn kill_worker(&self) -> Result<()> {
        let id = self.worker_target()?.context("no worker runs")?;
        close_target(&self.debugger, &id)?;
        // While it is being stopped the browser still hands it events, which nobody would ever see.
        poll::until("the worker has stopped", PATIENCE, || {
            Ok((self.worker_target()?.as_ref() != Some(&id)).then_some(()))
        })
    }

    /// Kills the worker as soon as a tab shows a page whose URL contains `part`, beside what is done meanwhile.
    pub fn kill_worker_at(&self, part: &'static str) -> tokio::task::JoinHandle<Result<()>> {
        let (debugger, extension_id) = (self.debugger.clone(), self.extension_id.clone());
        tokio::task::spawn_blocking(move || {
            let id = poll::until(part, PATIENCE, || {
                let targets = targets(&debugger)?;
                let is_there = targets
                    .iter()
                    .any(|target| target["url"].as_str().is_some_and(|url| url.contains(part)));
                Ok(worker_among(&targets, &extension_id).filter(|_| is_there))
            })?;
            close_target(&debugger, &id)
        })
    }

    /// Whether the extension's worker runs.
    pub fn worker_runs(&self) -> Result<bool> {
        Ok(self.worker_target()?.is_some())
    }

    /// Opens a URL, as if typed into the address bar.
    pub async fn open(&self, url: &str) -> Result<()> {
        self.client
            .goto(url)
            .await
            .with_context(|| format!("opening {url}"))
    }

    /// Opens a tab, goes there and returns the one that was there before.
    pub async fn open_tab(&self) -> Result<WindowHandle> {
        let before = self.client.window().await?;
        let made = self.client.new_window(true).await?;
        self.client.switch_to_window(made.handle).await?;
        Ok(before)
    }

    /// Works in a tab of its own that shows `page` of [`World::updates`], and comes back. The tab stays open, so that it
    /// grows old enough for [`crate::replay`]; the first call opens it.
    pub async fn in_tab_of<T>(
        &self,
        world: &World,
        page: &'static str,
        work: impl AsyncFnOnce() -> Result<T>,
    ) -> Result<T> {
        self.in_tab_at(page, &world.updates.url(page), work).await
    }

    /// The same for any URL, with a name for its tab.
    pub async fn in_tab_at<T>(
        &self,
        name: &'static str,
        url: &str,
        work: impl AsyncFnOnce() -> Result<T>,
    ) -> Result<T> {
        let before = self.client.window().await?;
        let known = self.tabs.borrow().get(name).cloned();
        match known {
            Some(tab) => self.client.switch_to_window(tab).await?,
            None => {
                self.open_tab().await?;
                self.open(url).await?;
                let tab = self.client.window().await?;
                self.tabs.borrow_mut().insert(name, tab);
            }
        }
        let done = work().await;
        self.client.switch_to_window(before).await?;
        done
    }

    /// Width and height of the page's part of the window, in pixels.
    pub async fn viewport(&self) -> Result<[f64; 2]> {
        let size = self
            .run("return [innerWidth, innerHeight]", Vec::new())
            .await?;
        let [width, height] = [size[0].as_f64(), size[1].as_f64()];
        Ok([width.context("no width")?, height.context("no height")?])
    }

    /// Waits for an element.
    pub async fn find(&self, css: &str) -> Result<Element> {
        self.find_within(css, PATIENCE).await
    }

    /// Waits for an element, for so long. Between two pages the driver reports odd errors, so every error means "not yet".
    pub async fn find_within(&self, css: &str, patience: Duration) -> Result<Element> {
        let mut last = None;
        let found = poll::until_async(css, patience, async || {
            match self.client.find(Locator::Css(css)).await {
                Ok(element) => Ok(Some(element)),
                Err(why) => {
                    last = Some(why);
                    Ok(None)
                }
            }
        })
        .await;
        match found {
            Ok(element) => Ok(element),
            Err(why) => {
                let last = last.map(|why| why.to_string()).unwrap_or_default();
                Err(why.context(format!("{} | {last}", self.describe().await)))
            }
        }
    }

    /// Waits for an element that can be clicked, and clicks it once: pages that draw themselves have it before it can.
    pub async fn click(&self, css: &str) -> Result<()> {
        let mut last = None;
        let clicked = poll::until_async(css, PATIENCE, async || {
            match self.client.find(Locator::Css(css)).await {
                Ok(element) => match element.click().await {
                    Ok(()) => return Ok(Some(())),
                    Err(why) => last = Some(why),
                },
                Err(why) => last = Some(why),
            }
            Ok(None)
        })
        .await;
        match clicked {
            Ok(()) => Ok(()),
            Err(why) => {
                let last = last.map(|why| why.to_string()).unwrap_or_default();
                Err(why.context(format!(
                    "clicking {css}: {} | {last}",
                    self.describe().await
                )))
            }
        }
    }

    /// Waits for a field and types into it.
    pub async fn fill(&self, css: &str, text: &str) -> Result<()> {
        self.find(css)
            .await?
            .send_keys(text)
            .await
            .with_context(|| format!("typing into {css}"))
    }

    /// Runs a function body in the page and returns what it returns.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        self.client
            .execute(script, arguments)
            .await
            .with_context(|| format!("running {script}"))
    }

    /// The same with a callback as its last argument.
    pub async fn run_async(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        self.client
            .execute_async(script, arguments)
            .await
            .with_context(|| format!("running {script}"))
    }

    /// Goes to the application, signs in at the org with a password, and stops after the click. A password manager fills the
    /// form: keys that the driver presses all at once would count as evidence of a machine.
    pub async fn enter_password(&self, user: &str) -> Result<()> {
        self.open(&format!("{}/login", okta::APP_ORIGIN)).await?;
        self.fill_sign_in(user).await?;
        self.click(okta::SIGN_IN_BUTTON).await
    }

    /// Fills the org's form.
    pub async fn fill_sign_in(&self, user: &str) -> Result<()> {
        self.click(okta::USERNAME_FIELD).await?;
        // Every script that may watch the fields is told, as a browser tells it after filling them.
        let script = "for (const [css, text] of arguments[0]) { \
                        const field = document.querySelector(css); \
                        field.value = text; \
                        for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind, { bubbles: true })); \
                      }";
        let fields = json!([
            [okta::USERNAME_FIELD, user],
            [okta::PASSWORD_FIELD, okta::PASSWORD]
        ]);
        self.run(script, vec![fields]).await.map(drop)
    }

    /// Waits until the application says who is signed in.
    pub async fn wait_until_signed_in(&self, user: &str) -> Result<()> {
        let shown = self.find("#signed-in").await?.text().await?;
        ensure!(
            shown.contains(user),
            "signed in as {shown:?} instead of {user}"
        );
        Ok(())
    }

    /// Waits until the challenge page has one of these states, and returns it.
    pub async fn wait_for_state(&self, states: &[&str]) -> Result<String> {
        let script = "return document.body?.dataset.state ?? ''";
        let what = format!("the state {}", states.join(" or "));
        let found = poll::until_async(&what, PATIENCE, async || {
            let state = self.client.execute(script, Vec::new()).await.ok();
            let state = state.as_ref().and_then(Value::as_str).unwrap_or_default();
            Ok(states.contains(&state).then(|| state.to_owned()))
        })
        .await;
        match found {
            Ok(state) => Ok(state),
            Err(why) => Err(why.context(self.describe().await)),
        }
    }

    /// What the challenge page says.
    pub async fn reason(&self) -> Result<String> {
        Ok(self.find("#reason").await?.text().await?)
    }

    /// URL, title and the beginning of the text, for messages about failures.
    pub async fn describe(&self) -> String {
        let script = "return [location.href, document.body?.dataset.state ?? '-', \
                      (document.body?.innerText ?? '').slice(0, 400)].join(' | ')";
        match self.client.execute(script, Vec::new()).await {
            Ok(Value::String(text)) => text,
            other => format!("{other:?}"),
        }
    }

    /// Writes what the window shows to a PNG file.
    pub async fn screenshot(&self, file: &Path) -> Result<()> {
        let png = self.client.screenshot().await?;
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(file, png).with_context(|| format!("writing {}", file.display()))
    }

    /// URL of a page of the extension.
    pub fn extension_page(&self, name: &str) -> String {
        format!("chrome-extension://{}/{name}", self.extension_id)
    }

    /// Sends a message to the worker from a page of the extension, and returns the reply.
    pub async fn tell_worker(&self, page: &str, message: Value) -> Result<Value> {
        let script = "const [message, done] = arguments; \
                      chrome.runtime.sendMessage(message).then(done, why => done({ thrown: String(why) }))";
        self.run_on(page, script, vec![message]).await
    }

    /// Runs a function body with a callback as its last argument in a page of the extension.
    pub async fn run_in_extension(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        self.run_on("popup.html", script, arguments).await
    }

    /// The same in the extension's page of that name, in a tab of its own.
    pub async fn run_on(&self, page: &str, script: &str, arguments: Vec<Value>) -> Result<Value> {
        let before = self.open_tab().await?;
        let opened = self.open(&self.extension_page(page)).await;
        let reply = match opened {
            Ok(()) => self.run_async(script, arguments).await,
            Err(why) => Err(why),
        };
        self.client.close_window().await?;
        self.client.switch_to_window(before).await?;
        reply
    }

    /// Adds an authenticator that says yes for its user.
    pub async fn add_virtual_authenticator(&self) -> Result<()> {
        self.client
            .issue_cmd(Post::virtual_authenticator())
            .await
            .context("adding an authenticator")?;
        Ok(())
    }

    /// Runs W3C actions.
    pub async fn act(&self, sources: Value) -> Result<()> {
        self.client
            .issue_cmd(Post::actions(sources))
            .await
            .context("actions")?;
        Ok(())
    }

    /// Runs a DevTools command on the current page.
    pub async fn devtools(&self, method: &str, params: Value) -> Result<Value> {
        driver::devtools(&self.client, method, params).await
    }

    /// Where DevTools listen, and their id of the page in front: WebDriver calls it by the same name.
    pub async fn page_in_front(&self) -> Result<(String, String)> {
        let window = self.client.window().await?;
        Ok((self.debugger.clone(), String::from(window)))
    }

    fn worker_target(&self) -> Result<Option<String>> {
        let targets = targets(&self.debugger)?;
        Ok(worker_among(&targets, &self.extension_id))
    }
}

fn targets(debugger: &str) -> Result<Vec<Value>> {
    let url = format!("http://{debugger}/json/list");
    let mut response = ureq::get(&url).call().context("listing targets")?;
    Ok(serde_json::from_str(
        &response.body_mut().read_to_string()?,
    )?)
}

fn worker_among(targets: &[Value], extension_id: &str) -> Option<String> {
    let prefix = format!("chrome-extension://{extension_id}/");
    targets.iter().find_map(|target| {
        let ours =
            target["url"].as_str()?.starts_with(&prefix) && target["type"] == "service_worker";
        ours.then(|| target["id"].as_str().map(str::to_owned))?
    })
}

fn close_target(debugger: &str, id: &str) -> Result<()> {
    let url = format!("http://{debugger}/json/close/{id}");
    ureq::get(&url).call().context("closing a target")?;
    Ok(())
}

impl Browser {
    /// Ends whatever of it still runs. Once: the profile may have another browser by then.
    pub fn end(&self) {
        if !self.has_ended.replace(true) {
            process::end_all_that_name(&self.profile);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.end();
    }
}

/// How a browser is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// Not at all.
    Headless,
    /// On the desktop.
    Visible,
}

fn capabilities(world: &World, profile: &Path, window: Window) -> Map<String, Value> {
    let mut arguments = vec![
        format!("--user-data-dir={}", profile.display()),
        format!("--host-resolver-rules={}", world.host_rules()),
        "--window-size=1800,1200".to_owned(),
        "--lang=en".to_owned(),
    ];
    arguments.extend(
        [
            // `chrome_debug.log` in the profile holds what the extension's worker writes to its console.
            "--enable-logging",
            "--log-level=0",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--no-default-browser-check",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--password-store=basic",
        ]
        .map(str::to_owned),
    );
    if window == Window::Headless {
        arguments.push("--headless=new".to_owned());
    }
    if rustix::process::geteuid().is_root() {
        // Chromium's sandbox refuses to work for root.
        arguments.push("--no-sandbox".to_owned());
    }
    let mut all = Map::new();
    all.insert("browserName".to_owned(), json!("chrome"));
    all.insert(
        "goog:chromeOptions".to_owned(),
        json!({
            "binary": "/usr/bin/chromium",
            "args": arguments,
            // Force-installed extensions come over it.
            "excludeSwitches": ["disable-background-networking"],
        }),
    );
    all.insert(
        "timeouts".to_owned(),
        json!({ "script": 120_000, "pageLoad": 60_000 }),
    );
    all
}
