//! The scenes of the demo.

use crate::evidence::{Mark, Record};
use crate::person::Person;
use crate::visit::Visit;
use anyhow::Result;
use futures_util::future::{Either, select};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant};
use support::browser::Window;
use support::keystore::Kind;
use support::{Browser, Settings, World, okta};

/// The sample user.
pub const ANN: &str = "ann@acme.test";
const BEN: &str = "ben@acme.test";

/// A world with Ann at her browser: enrolled, on a software TPM, under the policy that ships.
pub struct Stage {
    ann: Visit,
    world: World,
}

/// What came of the first scene.
pub struct Scene {
    /// Whether it was silent, by both logs.
    pub silent: bool,
    okta_session: String,
    challenge_ms: Value,
    sign_in_ms: Option<i64>,
}

impl Scene {
    /// The line that scripts read.
    pub fn json(&self) -> Value {
        json!({
            "silent": self.silent,
            "okta_session": self.okta_session,
            "challenge_ms": self.challenge_ms,
            "sign_in_ms": self.sign_in_ms,
        })
    }
}

impl Stage {
    /// Starts everything, enrols Ann's device and teaches the extension how `learned` types and moves.
    pub async fn set(window: Window, learned: &Person) -> Result<Self> {
        let world = step("start server, org and policy", async {
            World::start(Settings::default())
        })
        .await?;
        let visit = step(
            "open the browser; the policy installs the extension",
            async { Visit::begin_with(&world, "ann", Kind::Tpm, window).await },
        )
        .await?;
        step(
            "enrol the device in a roll-out window",
            visit.enrol(&world, ANN),
        )
        .await?;
        step(
            "learn from earlier days of the recording",
            learned.teach(&visit.browser, &world, ANN),
        )
        .await?;
        Ok(Self { ann: visit, world })
    }

    async fn sign_in(&self, user: &str) -> Result<Scene> {
        let record = self.ann.sign_in(&self.world, user).await?;
        print_timeline(&record);
        self.scene(&record).await
    }

    async fn scene(&self, record: &Record) -> Result<Scene> {
        let okta_session = self.ann.okta_session().await?;
        let took = record
            .mark("session_created")
            .zip(record.mark("password_ok"));
        Ok(Scene {
            silent: record.is_silent() && okta_session == "ACTIVE",
            okta_session,
            challenge_ms: record.decision["challenge_ms"].clone(),
            sign_in_ms: took.map(|(end, begin)| end - begin),
        })
    }

    async fn work(&self, person: &Person) -> Result<()> {
        let length = person.live().iter().map(|part| part.length()).sum();
        let work = person.work(&self.ann.browser, &self.world);
        let work = with_bar(length, work);
        step("type a few lines and move the pointer", work).await
    }
}

/// Scene 1: Ann works, then signs in.
pub async fn own_sign_in(stage: &Stage, ann: &Person) -> Result<Scene> {
    println!("\nScene 1: Ann signs in");
    stage.work(ann).await?;
    stage.sign_in(ANN).await
}

/// Scenes 2 to 4: another person, no host, somebody else's sign-in.
pub async fn others(stage: &mut Stage, impostor: &Person, pictures: Option<&Path>) -> Result<()> {
    let browser = &stage.ann.browser;
    if let Some(folder) = pictures {
        take_popup(browser, folder).await?;
    }
    println!("\nScene 4: somebody else started the sign-in; its link is opened here");
    println!("  (played now, while the typing is still Ann's)");
    stage.ann.sign_out().await?;
    let mark = Mark::now(&stage.world)?;
    let link = stage
        .world
        .okta
        .link_with_state_token(&stage.world.client, ANN)?;
    follow_link(stage, &link).await?;
    print_outcome(&mark.record(&stage.world)?);
    println!("  the page says: {}", stage.ann.browser.reason().await?);
    stage.world.set_org(okta::Org::default())?;

    println!("\nScene 3: the same person in a browser without the host");
    let other = Visit::without_host(&stage.world, "no-host").await?;
    let mark = Mark::now(&stage.world)?;
    other.enter_password(ANN).await?;
    other.wait_for_state(&["step_up"]).await?;
    print_outcome(&mark.record(&stage.world)?);
    println!("  the page says: {}", other.reason().await?);
    let challenge = other.client.current_url().await?;
    println!("\nScene 4, second half: that browser's challenge, opened in Ann's");
    stage.ann.browser.open(challenge.as_str()).await?;
    let state = stage
        .ann
        .browser
        .wait_for_state(&["opened_elsewhere"])
        .await?;
    println!("  {state}: {}", stage.ann.browser.reason().await?);
    other.close().await?;

    println!("\nScene 2: another person at Ann's browser");
    stage.work(impostor).await?;
    let mark = Mark::now(&stage.world)?;
    stage.ann.sign_in(&stage.world, ANN).await?;
    print_outcome(&mark.record(&stage.world)?);
    println!("  the page says: {}", stage.ann.browser.reason().await?);
    if let Some(folder) = pictures {
        stage.ann.browser.client.set_window_size(1100, 900).await?;
        stage
            .ann
            .browser
            .screenshot(&folder.join("fallback.png"))
            .await?;
    }
    Ok(())
}

/// The host's key store is replaced, and the binding record rewritten for the new key.
pub async fn with_another_device_key(stage: &mut Stage, ann: &Person) -> Result<Scene> {
    println!("\nBroken: the device key");
    stage.ann.replace_device_key(&stage.world, ANN).await?;
    stage.work(ann).await?;
    stage.sign_in(ANN).await
}

/// The host gets a record that says that the device is Ben's, and Ben's password is entered.
pub async fn with_a_forged_subject(stage: &Stage, ann: &Person) -> Result<Scene> {
    println!("\nBroken: the subject");
    stage.ann.forge_binding(ANN, BEN)?;
    stage.work(ann).await?;
    stage.sign_in(BEN).await
}

/// From now on the browser keeps no cookie of the server.
pub async fn without_cookies(stage: &mut Stage, ann: &Person) -> Result<Scene> {
    println!("\nBroken: the cookie");
    stage.ann.stop_browser().await?;
    stage.world.block_server_cookies()?;
    stage.ann.start_browser(&stage.world).await?;
    stage.work(ann).await?;
    stage.ann.browser.enter_password(ANN).await?;
    let states = ["opened_elsewhere", "step_up", "allowed"];
    let state = stage.ann.browser.wait_for_state(&states).await?;
    println!("  {state}: {}", stage.ann.browser.reason().await?);
    let okta_session = stage.ann.okta_session().await?;
    // Nobody was asked, so there is no decision to join.
    Ok(Scene {
        silent: state == "allowed" || okta_session == "ACTIVE",
        okta_session,
        challenge_ms: Value::Null,
        sign_in_ms: None,
    })
}

/// The stage was set with another person's template.
pub async fn with_another_template(stage: &Stage, ann: &Person) -> Result<Scene> {
    println!("\nBroken: the template");
    stage.work(ann).await?;
    stage.sign_in(ANN).await
}

/// The sign-in begins with a link.
pub async fn with_a_link(stage: &Stage, ann: &Person) -> Result<Scene> {
    println!("\nBroken: the provenance");
    stage.work(ann).await?;
    let mark = Mark::now(&stage.world)?;
    let link = stage
        .world
        .okta
        .link_with_state_token(&stage.world.client, ANN)?;
    follow_link(stage, &link).await?;
    let record = mark.record(&stage.world)?;
    print_timeline(&record);
    stage.scene(&record).await
}

async fn follow_link(stage: &Stage, link: &str) -> Result<()> {
    let html = format!(
        "<!doctype html><title>Mail</title><h1>Mail</h1><p><a id=lure href=\"{}\">Your invoice</a>",
        link.replace('&', "&amp;")
    );
    stage.world.updates.set_html("/mail", None, &html);
    stage
        .ann
        .browser
        .open(&stage.world.updates.url("/mail"))
        .await?;
    stage.ann.browser.click("#lure").await?;
    stage
        .ann
        .browser
        .wait_for_state(&["step_up", "allowed"])
        .await?;
    Ok(())
}

async fn take_popup(browser: &Browser, folder: &Path) -> Result<()> {
    let before = browser.open_tab().await?;
    browser.open(&browser.extension_page("popup.html")).await?;
    browser.find("#stored:not(:empty)").await?;
    // As wide as the browser makes it, and as high as its content.
    let height = "return document.body.offsetHeight";
    let height = browser.run(height, Vec::new()).await?;
    let metrics =
        json!({ "width": 384, "height": height, "deviceScaleFactor": 1, "mobile": false });
    browser
        .devtools("Emulation.setDeviceMetricsOverride", metrics)
        .await?;
    browser.screenshot(&folder.join("popup.png")).await?;
    browser.client.close_window().await?;
    Ok(browser.client.switch_to_window(before).await?)
}

async fn step<T>(what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let started = Instant::now();
    println!("· {what} …");
    let result = work.await;
    let mark = if result.is_ok() { '✓' } else { '✗' };
    println!("{mark} {what} ({:.1} s)", started.elapsed().as_secs_f32());
    result
}

/// Shows on a terminal how much of a `length` is over while `work` is done.
async fn with_bar<T>(length: Duration, work: impl Future<Output = T>) -> T {
    const STEP: Duration = Duration::from_millis(200);
    let bar = ProgressBar::new(length.as_secs());
    if let Ok(style) = ProgressStyle::with_template("  {bar:40} {pos} of about {len} s") {
        bar.set_style(style);
    }
    let started = Instant::now();
    let ticks = async {
        loop {
            bar.set_position(started.elapsed().as_secs());
            tokio::time::sleep(STEP).await;
        }
    };
    let done = match select(pin!(work), pin!(ticks)).await {
        Either::Left((done, _)) => done,
        Either::Right((never, _)) => never,
    };
    bar.finish_and_clear();
    done
}

fn print_outcome(record: &Record) {
    println!(
        "  {} because of {} (verdict {}, log-likelihood ratio {:.1}, after {})",
        record.outcome(),
        record.reasons().join(", "),
        record.decision["verdict"]
            .as_str()
            .filter(|verdict| !verdict.is_empty())
            .unwrap_or("none"),
        record.decision["llr"].as_f64().unwrap_or(0.0),
        milliseconds(record.decision["challenge_ms"].as_i64()),
    );
}

/// The hops of the sign-in, in milliseconds since the password was right.
fn print_timeline(record: &Record) {
    let decided = record.decision["at"].as_i64();
    let took = record.decision["challenge_ms"].as_i64();
    let began = record
        .mark("password_ok")
        .or_else(|| decided.zip(took).map(|(at, ms)| at - ms));
    let hops = [
        ("password is right", record.mark("password_ok")),
        ("Okta sends the AuthnRequest", record.mark("idp_redirect")),
        (
            "Tacit makes the challenge",
            decided.zip(took).map(|(at, ms)| at - ms),
        ),
        ("Tacit decides", decided),
        ("Okta gets the Response", record.mark("acs_received")),
        ("Okta makes the session", record.mark("session_created")),
    ];
    println!();
    for (what, at) in hops {
        if let (Some(at), Some(began)) = (at, began) {
            println!("  {:>7}  {what}", milliseconds(Some(at - began)));
        }
    }
    print_outcome(record);
}

fn milliseconds(value: Option<i64>) -> String {
    value.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"))
}
