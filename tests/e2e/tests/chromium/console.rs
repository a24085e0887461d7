//! The console shows what happened, in words, and follows by itself.

use crate::fallback;
use anyhow::{Context, Result, ensure};
use e2e::evidence::Mark;
use e2e::harness::Scenario;
use e2e::looks::{self, DESK, PHONE};
use e2e::person::Person;
use e2e::policy;
use e2e::visit::Visit;
use futures_util::FutureExt;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use support::browser::PATIENCE;
use support::keystore::Kind;
use support::okta::{self, Org};
use support::{Browser, World, poll, tacit};

pub fn scenarios() -> Vec<Scenario<World>> {
    vec![Scenario {
        name: "the_console_shows_decisions_devices_and_people_and_updates_itself",
        show: |world| console(world).boxed_local(),
    }]
}

const USER: &str = "jo@acme.test";

async fn console(world: &mut World) -> Result<()> {
    // Rows to read back: an enrolment with its step-up, a sign-in that a help-desk code passed, a silent one, a declined one.
    world.tacit.set_policy(&policy::silent_from("software"))?;
    let visit = Visit::begin(world, "console", Kind::Software).await?;
    visit.enrol(world, USER).await?;
    let browser = &visit.browser;
    let words = words_of_the_challenge_page(browser).await?;
    let number = fallback::choose_code(browser).await?;
    let code = fallback::issue_code(world, &number, "sign-in")?;
    fallback::type_code(browser, &code).await?;
    browser.wait_until_signed_in(USER).await?;
    let person = Person::number(6)?;
    person.teach(browser, world, USER).await?;
    person.has_typed(browser, world).await?;
    let record = visit.sign_in(world, USER).await?;
    ensure!(record.is_silent(), "not silent: {}", record.describe());
    visit.lock(USER).await?;
    declined(world, &visit).await?;

    let browser = &visit.browser;
    sign_in_administrator(browser).await?;
    let shown = ensure_decisions_match(browser, world, &words).await?;
    for tag in ["Step-up", "Passed by factor", "Silent", "Declined"] {
        let expected = (USER.to_owned(), tag.to_owned());
        ensure!(
            shown.contains(&expected),
            "no {tag} for {USER} in {shown:?}"
        );
    }
    ensure_devices_and_people_match(browser, &visit, world).await?;
    looks::examine(browser, "console", &[DESK, PHONE]).await?;

    // A mark in the page is gone if the page is loaded anew.
    browser
        .run("window.sameDocument = true", Vec::new())
        .await?;
    let console = browser.client.window().await?;
    let mark = Mark::now(world)?;
    browser.open_tab().await?;
    visit.sign_out().await?;
    browser.enter_password(USER).await?;
    browser.wait_for_state(&["step_up"]).await?;
    let record = mark.record(world)?;
    let id = record.decision["id"].as_str().context("no id")?;
    browser.client.close_window().await?;
    browser.client.switch_to_window(console).await?;
    browser.find(&format!("[id='decision-{id}']")).await?;
    ensure_decisions_match(browser, world, &words).await?;
    let same = browser
        .run("return window.sameDocument === true", Vec::new())
        .await?;
    ensure!(same == true, "the console was loaded anew");

    visit.browser.close().await
}

/// A connection where Okta lets people choose, and a policy that declines what nobody can judge: Okta gets a Response that
/// says so, and shows its page with the factors again.
async fn declined(world: &mut World, visit: &Visit) -> Result<()> {
    let rule = "[[rule]]\nname = \"nothing to judge\"\nwhen = { verdict = [\"no_evidence\", \"unsure\"] }\nthen = \"decline\"\n\n";
    let usual = policy::silent_from("software");
    let (head, rules) = usual.split_once("[[rule]]").context("no rules")?;
    world
        .tacit
        .set_policy(&format!("{head}{rule}[[rule]]{rules}"))?;
    world.tacit.run(&[
        "connection",
        "update",
        tacit::CONNECTION,
        "--okta-offers-choice",
    ])?;
    world.set_org(Org {
        skip_verify: false,
        ..Org::default()
    })?;
    let shown = ask_and_be_declined(world, visit).await;
    world.set_org(Org::default())?;
    world.tacit.run(&[
        "connection",
        "update",
        tacit::CONNECTION,
        "--no-okta-offers-choice",
    ])?;
    world.tacit.set_policy(&usual)?;
    shown
}

async fn ask_and_be_declined(world: &World, visit: &Visit) -> Result<()> {
    visit.sign_out().await?;
    let browser = &visit.browser;
    let mark = Mark::now(world)?;
    browser.enter_password(USER).await?;
    browser.click(okta::VERIFY_BUTTON).await?;
    let record = mark.record_of(world, USER)?;
    ensure!(record.outcome() == "decline", "{}", record.describe());
    poll::until_async("Okta's page of factors", PATIENCE, async || {
        let url = browser.client.current_url().await?;
        let path = url.path().to_owned();
        Ok(path
            .starts_with("/signin/refresh-auth-state/")
            .then_some(()))
    })
    .await?;
    browser.find(okta::VERIFY_BUTTON).await?;
    let record = mark.last_record_of(world, USER)?;
    ensure!(!record.session_was_created(), "{}", record.describe());
    Ok(())
}

async fn sign_in_administrator(browser: &Browser) -> Result<()> {
    browser.open(&format!("{}/console", tacit::ORIGIN)).await?;
    browser.fill("#name", "admin").await?;
    browser.fill("#password", "not the password").await?;
    browser.click("button.primary").await?;
    browser.find(".problem:not(:empty)").await?;
    looks::examine(browser, "console-sign-in", &[DESK, PHONE]).await?;
    let password = browser.find("#password").await?;
    password.clear().await?;
    password.send_keys(tacit::ADMIN_PASSWORD).await?;
    browser.click("button.primary").await?;
    browser.find("#decisions tbody tr").await?;
    Ok(())
}

/// Each row of the console is a row of the audit, newest first, and says its reasons in the words of the challenge page.
/// Gives the rows' people and what the console calls the decisions.
async fn ensure_decisions_match(
    browser: &Browser,
    world: &World,
    words: &HashMap<String, String>,
) -> Result<Vec<(String, String)>> {
    const ROWS: &str = r##"return [...document.querySelectorAll("#decisions tbody tr")].map((row) => ({
        id: row.id.replace("decision-", ""),
        challenge: row.dataset.challenge,
        outcome: row.dataset.outcome,
        user: row.querySelector("[data-label=Person]").innerText.trim(),
        connection: row.querySelector("[data-label=Connection]").innerText.trim(),
        decision: row.querySelector("[data-label=Decision]").innerText.trim(),
        reasons: [...row.querySelectorAll("[data-reason]")].map((one) => [one.dataset.reason, one.innerText.trim()]),
    }))"##;
    let mut decisions = world.tacit.decisions()?;
    decisions.reverse();
    let shown = poll::until_async(
        "the console to show the newest decision",
        Duration::from_secs(20),
        async || {
            let shown = browser.run(ROWS, Vec::new()).await?;
            Ok((shown[0]["id"] == decisions[0]["id"]).then_some(shown))
        },
    )
    .await?;
    let shown = shown.as_array().context("no rows")?;
    ensure!(
        shown.len() == decisions.len() || (shown.len() >= 10 && shown.len() < decisions.len()),
        "{} rows for {} decisions",
        shown.len(),
        decisions.len()
    );
    let mut tags = Vec::new();
    for row in shown {
        let decision = decisions
            .iter()
            .find(|decision| decision["id"] == row["id"]);
        let decision = decision.with_context(|| format!("the audit has no {row}"))?;
        for member in ["challenge", "outcome", "user", "connection"] {
            ensure!(
                row[member] == decision[member],
                "{member}: the console says {row}, the audit {decision}"
            );
        }
        let tag = match (decision["outcome"].as_str(), decision["factor"].as_str()) {
            (Some("allow"), Some("silent")) => "Silent",
            (Some("allow"), _) => "Passed by factor",
            (Some("step_up"), _) => "Step-up",
            (Some("decline"), _) => "Declined",
            _ => "Observed",
        };
        ensure!(row["decision"] == tag, "{row} instead of {tag}");
        let reasons: Vec<Value> = decision["reasons"]
            .as_array()
            .context("no reasons")?
            .iter()
            .map(|code| json!([code, words.get(code.as_str().unwrap_or_default())]))
            .collect();
        ensure!(
            !reasons.is_empty() && row["reasons"] == json!(reasons),
            "the console says {}, the page {reasons:?}",
            row["reasons"]
        );
        let user = decision["user"].as_str().unwrap_or_default();
        tags.push((user.to_owned(), tag.to_owned()));
    }
    Ok(tags)
}

async fn ensure_devices_and_people_match(
    browser: &Browser,
    visit: &Visit,
    world: &World,
) -> Result<()> {
    let devices = fallback::lines(&world.tacit.run(&["device", "list", "--json"])?)?;
    let text = |css: String| async move { anyhow::Ok(browser.find(&css).await?.text().await?) };
    for device in &devices {
        let id = device["id"].as_str().context("a device without id")?;
        let row = text(format!("[id='device-{id}']")).await?;
        let class = device["protection_class"].as_str().context("no class")?;
        ensure!(row.contains(class), "{class} is missing in {row:?}");
    }
    let ours = text(format!("[id='device-{}']", visit.device)).await?;
    ensure!(
        ours.contains(visit.keystore.protection_class()) && ours.contains("Bound"),
        "our device is shown as {ours:?}"
    );
    let people = text("#people tbody".to_owned()).await?;
    for device in &devices {
        for binding in device["bindings"].as_array().into_iter().flatten() {
            let user = binding["user"].as_str().context("a binding without user")?;
            ensure!(people.contains(user), "{user} is missing in {people:?}");
        }
    }
    ensure!(people.contains(USER), "{USER} is missing in {people:?}");
    Ok(())
}

/// The page of a challenge has the words of all reasons.
async fn words_of_the_challenge_page(browser: &Browser) -> Result<HashMap<String, String>> {
    let script = "return document.querySelector('meta[name=tacit-reasons]').content";
    let words = browser.run(script, Vec::new()).await?;
    Ok(serde_json::from_str(words.as_str().context("no words")?)?)
}
