//! What a person types stays nowhere: not with the server, not with the host, not in the extension's storage, and in the
//! browser's profile only where the browser itself keeps it without Tacit too.

use crate::leak::{Depth, Hit, Search};
use anyhow::{Context, Result, ensure};
use e2e::evidence::Mark;
use e2e::harness::Scenario;
use e2e::person;
use futures_util::FutureExt;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use support::host::Host;
use support::keystore::Kind;
use support::{Browser, World, okta, world};

pub fn scenarios() -> Vec<Scenario<World>> {
    vec![Scenario {
        name: "what_is_typed_is_found_nowhere_and_a_planted_leak_is_found",
        show: |world| canary(world).boxed_local(),
    }]
}

const USER: &str = "kim@acme.test";
/// Words that are in no dictionary, nor in anybody's code.
const SENTENCE: &str = "brulfidax womtizzle karpunex fjordwick yantrobel quizdumpf";
/// Typed into a password field of a page.
const SECRET: &str = "vortumbl4x93qyze";
const PAGE: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Canary</title>\
    <textarea id=text autocomplete=off rows=5 cols=80></textarea>\
    <form onsubmit='return false'><input id=secret type=password autocomplete=off></form>";

async fn canary(world: &mut World) -> Result<()> {
    world.updates.set_html("/canary", None, PAGE);
    let search = Search::new(&[
        ("sentence", SENTENCE),
        ("password", SECRET),
        ("org password", okta::PASSWORD),
    ]);

    world.set_extension_installed(false)?;
    let without = without_tacit(world).await;
    world.set_extension_installed(true)?;
    without?;
    let usual = search.folder(&world::profile(world, "canary-without"), |_| Depth::Plain)?;

    let host = with_tacit(world, &search).await?;
    let profile = world::profile(world, "canary");
    let extension = world.extension_id.clone();
    let depth = |file: &str| match file.contains(&extension) {
        true => Depth::Deep,
        false => Depth::Plain,
    };
    let found = search.folder(&profile, depth)?;
    ensure_only_usual(&found, &usual)?;
    for folder in [&host.folder, &world.path().join("tacit")] {
        let found = search.folder(folder, |_| Depth::Deep)?;
        ensure!(found.is_empty(), "{}: {found:?}", folder.display());
    }
    let stdin = std::fs::metadata(host.folder.join("stdin")).context("the host's stdin")?;
    ensure!(stdin.len() > 100, "the host was told nothing");

    // A build that leaks would be caught: the same search, after the extension was made to keep the codes.
    plant(world, &host).await?;
    let found = search.folder(&profile, depth)?;
    ensure!(
        ensure_only_usual(&found, &usual).is_err(),
        "the planted leak was not found"
    );
    Ok(())
}

async fn without_tacit(world: &World) -> Result<()> {
    let browser = Browser::start(world, "canary-without", None).await?;
    type_secrets(&browser, world).await?;
    browser.enter_password(USER).await?;
    browser.wait_for_state(&["step_up"]).await?;
    browser.close().await
}

/// The same typing with everything at work, and one challenge that was judged by it.
async fn with_tacit(world: &World, search: &Search) -> Result<Host> {
    let (keystore, host) = world.install_host("canary", Kind::Software)?;
    record_stdin(&host)?;
    let browser = Browser::start(world, "canary", Some(&host)).await?;
    browser.wait_for_extension().await?;
    let device = person::wait_for_device(&browser).await?;
    world
        .tacit
        .run(&["device", "preregister", "--device", &device, "--user", USER])?;
    browser.enter_password(USER).await?;
    browser.wait_for_state(&["step_up"]).await?;
    let status = host.status()?;
    ensure!(
        status["bindings"].to_string().contains(USER),
        "not bound: {status}"
    );

    type_secrets(&browser, world).await?;
    ensure_clean(&browser, search, "while it was typed").await?;
    let mark = Mark::now(world)?;
    browser.enter_password(USER).await?;
    browser.find("#signed-in, body[data-state=step_up]").await?;
    let record = mark.record(world)?;
    let verdict = record.decision["verdict"].as_str().unwrap_or_default();
    ensure!(
        !matches!(verdict, "" | "no_evidence"),
        "the typing was not captured, so nothing is shown: {}",
        record.describe()
    );
    ensure_clean(&browser, search, "after the challenge").await?;
    browser.close().await?;
    drop(keystore);
    Ok(host)
}

async fn type_secrets(browser: &Browser, world: &World) -> Result<()> {
    browser.open(&world.updates.url("/canary")).await?;
    for _ in 0..3 {
        browser.fill("#text", SENTENCE).await?;
        browser.fill("#secret", SECRET).await?;
    }
    Ok(())
}

/// Everything that the extension has stored and would export, the sealed template opened.
async fn ensure_clean(browser: &Browser, search: &Search, when: &str) -> Result<()> {
    const DUMP: &str = "const done = arguments[0]; \
        Promise.all(['local', 'session', 'sync', 'managed'].map((name) => chrome.storage[name].get(null))) \
        .then((all) => done(JSON.stringify(all)), (why) => done('thrown ' + why))";
    let exported = person::ask_popup(browser, json!({ "type": "export" })).await?;
    let before = browser.open_tab().await?;
    browser.open(&browser.extension_page("popup.html")).await?;
    let dump = browser.run_async(DUMP, Vec::new()).await?;
    browser.client.close_window().await?;
    browser.client.switch_to_window(before).await?;
    let dump = dump.as_str().context("no dump")?;
    ensure!(
        dump.len() > 500 && !dump.starts_with("thrown"),
        "the storage was not read: {dump}"
    );
    ensure!(
        exported["type"] == "exported",
        "nothing exported: {exported}"
    );
    for text in [dump, exported["json"].as_str().unwrap_or_default()] {
        let found = search.bytes(text.as_bytes(), Depth::Deep);
        ensure!(found.is_empty(), "{when} the extension held {found:?}");
    }
    Ok(())
}

/// The browser keeps form text and addresses of its own; a file that has nothing of it without Tacit must have nothing.
fn ensure_only_usual(found: &BTreeSet<Hit>, usual: &BTreeSet<Hit>) -> Result<()> {
    let unusual: Vec<&Hit> = found
        .iter()
        .filter(|hit| {
            !usual
                .iter()
                .any(|known| known.file == hit.file && known.secret == hit.secret)
        })
        .collect();
    ensure!(unusual.is_empty(), "found: {unusual:?}");
    Ok(())
}

async fn plant(world: &World, host: &Host) -> Result<()> {
    let browser = Browser::start(world, "canary", Some(host)).await?;
    browser.wait_for_extension().await?;
    browser.open(&browser.extension_page("popup.html")).await?;
    let codes: Vec<u8> = SENTENCE.to_ascii_uppercase().into_bytes();
    let planted = browser
        .run_async(
            "const [codes, done] = arguments; chrome.storage.local.set({ planted: codes }).then(() => done(true))",
            vec![json!(codes)],
        )
        .await?;
    ensure!(planted == Value::Bool(true), "not planted: {planted}");
    browser.close().await
}

/// Keeps what the browser tells the host, for the search.
fn record_stdin(host: &Host) -> Result<()> {
    let wrapper = host.folder.join("tacit-host.sh");
    let script = std::fs::read_to_string(&wrapper)?;
    let (before, command) = script
        .split_once("exec ")
        .context("the wrapper has another form")?;
    let copy = Path::new(&host.folder).join("stdin");
    let script = format!("{before}tee -a '{}' | {command}", copy.display());
    std::fs::write(&wrapper, script).context("writing the wrapper")
}
