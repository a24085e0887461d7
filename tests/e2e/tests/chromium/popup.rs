//! The popup: what it says, and that it can be worked by keyboard alone.

use crate::fallback;
use anyhow::{Context, Result, ensure};
use e2e::harness::Scenario;
use e2e::looks::{self, POPUP};
use e2e::person::Person;
use e2e::policy;
use e2e::visit::Visit;
use futures_util::FutureExt;
use serde_json::{Value, json};
use support::browser::{PATIENCE, WindowHandle};
use support::keystore::Kind;
use support::{Browser, World, poll};

pub fn scenarios() -> Vec<Scenario<World>> {
    vec![Scenario {
        name: "the_popup_says_what_was_decided_and_is_worked_by_keyboard_alone",
        show: |world| popup(world).boxed_local(),
    }]
}

const USER: &str = "lea@acme.test";
/// Keys of WebDriver, section 17.4.2.
const TAB: &str = "\u{E004}";
const ENTER: &str = "\u{E007}";
const ESCAPE: &str = "\u{E00C}";

async fn popup(world: &mut World) -> Result<()> {
    world.tacit.set_policy(&policy::silent_from("software"))?;
    let visit = Visit::begin(world, "popup", Kind::Software).await?;
    let browser = &visit.browser;
    visit.enrol(world, USER).await?;
    let person = Person::number(6)?;
    person.teach(browser, world, USER).await?;

    // What was learned is there, and no ordinary factor has passed yet.
    let tab = open(browser).await?;
    press(browser, "export", "ordinary factor").await?;
    browser.client.close_window().await?;
    browser.client.switch_to_window(tab).await?;

    let number = fallback::choose_code(browser).await?;
    let code = fallback::issue_code(world, &number, "sign-in")?;
    fallback::type_code(browser, &code).await?;
    browser.wait_until_signed_in(USER).await?;
    person.has_typed(browser, world).await?;
    let record = visit.sign_in(world, USER).await?;
    ensure!(record.is_silent(), "not silent: {}", record.describe());

    open(browser).await?;
    says_what_was_decided(browser).await?;
    looks::examine(browser, "popup", &[POPUP]).await?;
    ensure_every_control_is_reached(browser).await?;
    diagnose(browser).await?;
    pause(browser).await?;
    let popup = browser.open_tab().await?;
    let record = visit.sign_in(world, USER).await?;
    ensure!(record.outcome() == "step_up", "{}", record.describe());
    ensure!(record.reasons() == ["paused"], "{}", record.describe());
    let said = browser.reason().await?;
    ensure!(said.contains("Tacit is paused"), "the page says {said:?}");
    browser.client.switch_to_window(popup).await?;
    press(browser, "resume", "Tacit goes on.").await?;
    wait_for_focus(browser, "pause").await?;
    export(browser, world).await?;
    delete(browser).await?;
    visit.browser.close().await
}

/// Opens the popup in a tab of its own; gives the one in which people sign in.
async fn open(browser: &Browser) -> Result<WindowHandle> {
    let before = browser.open_tab().await?;
    browser.open(&browser.extension_page("popup.html")).await?;
    browser.find("#stored:not(:empty)").await?;
    Ok(before)
}

async fn says_what_was_decided(browser: &Browser) -> Result<()> {
    let text = async |css: &str| anyhow::Ok(browser.find(css).await?.text().await?);
    let sentence = text("#sentence").await?;
    ensure!(
        sentence.contains("answers silently") && sentence.contains(USER),
        "the sentence is {sentence:?}"
    );
    let expected = [
        ("Answered silently", "fit this person"),
        ("Ordinary factor passed", "passed an ordinary factor"),
        ("Not answered", "not enrolled"),
    ];
    for (at, (outcome, reason)) in expected.iter().enumerate() {
        let entry = text(&format!("#decisions li:nth-child({})", at + 1)).await?;
        ensure!(
            entry.contains(outcome) && entry.contains(reason),
            "decision {at} is {entry:?}"
        );
    }
    let people = text("#people").await?;
    ensure!(
        people.contains(USER) && people.contains("learned"),
        "learning is {people:?}"
    );
    let stored = text("#stored").await?;
    ensure!(
        stored.contains(USER) && stored.contains("kB, sealed"),
        "stored is {stored:?}"
    );
    let versions = text("#versions").await?;
    ensure!(
        versions.contains("host") && versions.contains("key in a file"),
        "versions are {versions:?}"
    );
    Ok(())
}

async fn ensure_every_control_is_reached(browser: &Browser) -> Result<()> {
    browser
        .run("document.activeElement.blur()", Vec::new())
        .await?;
    for expected in [
        "decisions",
        "minutes",
        "pause",
        "diagnose",
        "export",
        "delete",
    ] {
        key(browser, TAB).await?;
        let reached = focus(browser).await?;
        ensure!(reached == expected, "{reached} comes before {expected}");
    }
    Ok(())
}

async fn diagnose(browser: &Browser) -> Result<()> {
    press(browser, "diagnose", "Every step works.").await?;
    let script = "return [...document.querySelectorAll('#steps li')].map((step) => step.innerText)";
    let steps = browser.run(script, Vec::new()).await?;
    let steps = steps.as_array().context("no steps")?;
    ensure!(
        steps.len() >= 6
            && steps
                .iter()
                .all(|step| step.as_str().is_some_and(|step| step.starts_with('✓'))),
        "the steps are {steps:?}"
    );
    looks::examine(browser, "popup-diagnosis", &[POPUP]).await
}

async fn pause(browser: &Browser) -> Result<()> {
    press(browser, "pause", "Paused.").await?;
    wait_for_focus(browser, "resume").await?;
    let sentence = browser.find("#sentence").await?.text().await?;
    ensure!(
        sentence == "Paused for 30 more minutes.",
        "the sentence is {sentence:?}"
    );
    looks::examine(browser, "popup-paused", &[POPUP]).await
}

async fn export(browser: &Browser, world: &World) -> Result<()> {
    let folder = world.path().join("downloads");
    std::fs::create_dir_all(&folder)?;
    let behaviour = json!({ "behavior": "allow", "downloadPath": folder });
    browser
        .devtools("Browser.setDownloadBehavior", behaviour)
        .await?;
    press(browser, "export", "Exported.").await?;
    let file = folder.join("tacit-export.json");
    let exported: Value = poll::until("the export", PATIENCE, || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        Ok(serde_json::from_str(&text).ok())
    })?;
    ensure!(
        exported["templates"][0]["user"] == USER && exported["templates"][0]["sealed"].is_string(),
        "exported without the template: {exported}"
    );
    ensure!(
        exported["decisions"]
            .as_array()
            .is_some_and(|all| all.len() >= 3),
        "exported without decisions: {exported}"
    );
    Ok(())
}

/// The question is first thought better of.
async fn delete(browser: &Browser) -> Result<()> {
    const LEFT: &str = "return document.getElementById('stored').innerText";
    press(browser, "delete", "").await?;
    browser.find("#sure[open]").await?;
    looks::examine(browser, "popup-sure", &[POPUP]).await?;
    key(browser, ESCAPE).await?;
    browser.find("#sure:not([open])").await?;
    let left = browser.run(LEFT, Vec::new()).await?;
    ensure!(left.to_string().contains(USER), "deleted without a yes");
    press(browser, "delete", "").await?;
    browser.find("#sure[open]").await?;
    key(browser, TAB).await?;
    key(browser, ENTER).await?;
    wait_for_outcome(browser, "Deleted.").await?;
    let left = browser.run(LEFT, Vec::new()).await?;
    ensure!(
        left == "Nothing has been learned yet.",
        "left behind: {left}"
    );
    Ok(())
}

/// Goes to a button and presses Enter; waits for what the popup says then.
async fn press(browser: &Browser, id: &str, outcome: &str) -> Result<()> {
    let go = "document.getElementById(arguments[0]).focus()";
    browser.run(go, vec![json!(id)]).await?;
    ensure!(focus(browser).await? == id, "{id} takes no focus");
    key(browser, ENTER).await?;
    wait_for_outcome(browser, outcome).await
}

async fn wait_for_outcome(browser: &Browser, part: &str) -> Result<()> {
    let script = "return document.getElementById('outcome').innerText";
    poll::until_async(part, PATIENCE, async || {
        let said = browser.run(script, Vec::new()).await?;
        Ok(said
            .as_str()
            .is_some_and(|said| said.contains(part))
            .then_some(()))
    })
    .await
}

async fn wait_for_focus(browser: &Browser, id: &str) -> Result<()> {
    let what = format!("the focus to go to {id}");
    poll::until_async(&what, PATIENCE, async || {
        Ok((focus(browser).await? == id).then_some(()))
    })
    .await
}

async fn focus(browser: &Browser) -> Result<String> {
    let script = "return document.activeElement?.id ?? ''";
    let id = browser.run(script, Vec::new()).await?;
    Ok(id.as_str().unwrap_or_default().to_owned())
}

async fn key(browser: &Browser, value: &str) -> Result<()> {
    let press = |kind: &str| json!({ "type": kind, "value": value });
    let actions = [press("keyDown"), press("keyUp")];
    browser
        .act(json!([{ "type": "key", "id": "keyboard", "actions": actions }]))
        .await
}
