//! What a person types stays nowhere: not with the server, not with the host, not in the extension's storage, and in the
//! browser's profile only where the browser itself keeps it without Tacit too.

use crate::fallback::{self, sign_out};
use crate::leak::{BLOCKS, Depth, Hit, Search};
use anyhow::{Context, Result, ensure};
use e2e::evidence::Mark;
use e2e::harness::Scenario;
use e2e::person::{self, Person, repository};
use futures_util::FutureExt;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::host::Host;
use support::keystore::Kind;
use support::{Browser, World, okta, poll, process, programs, world};

pub fn scenarios() -> Vec<Scenario<World>> {
    vec![
        Scenario {
            name: "what_is_typed_is_found_nowhere",
            show: |world| canary(world).boxed_local(),
        },
        Scenario {
            name: "a_build_that_leaks_what_is_typed_is_caught_in_its_storage_and_at_the_host",
            show: |world| leaking(world).boxed_local(),
        },
    ]
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
    // Chromium keeps compiled scripts of Okta's page, and what they held, once it has seen them often enough; it does so
    // without Tacit too, but at moments of its own. The stand-in's small page leaves nothing.
    world.set_org(okta::Org {
        widget: false,
        ..okta::Org::default()
    })?;
    let shown = nothing_is_found(world).await;
    world.set_org(okta::Org::default())?;
    shown
}

async fn nothing_is_found(world: &mut World) -> Result<()> {
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
    let found = search.folder(&profile, |file| depth(world, file))?;
    ensure_only_usual(&found, &usual)?;
    for folder in [&host.folder, &world.path().join("tacit")] {
        let found = search.folder(folder, |_| Depth::Deep)?;
        ensure!(found.is_empty(), "{}: {found:?}", folder.display());
    }
    let stdin = std::fs::metadata(host.folder.join("stdin")).context("the host's stdin")?;
    ensure!(stdin.len() > 100, "the host was told nothing");

    Ok(())
}

/// The same search on the same typing, with a build that writes what is typed into its storage and tells it to the host.
async fn leaking(world: &mut World) -> Result<()> {
    world.updates.set_html("/canary", None, PAGE);
    let search = Search::new(&[("sentence", SENTENCE)]);
    let packed = pack_leaking(world)?;
    world.publish_extension(&packed)?;
    let shown = let_it_leak(world, &search).await;
    world.publish_extension(&programs::built("extension-rehearsal.crx")?)?;
    shown
}

async fn let_it_leak(world: &World, search: &Search) -> Result<()> {
    let (_keystore, host) = world.install_host("leaking", Kind::Software)?;
    record_stdin(&host)?;
    let browser = Browser::start(world, "leaking", Some(&host)).await?;
    browser.wait_for_extension().await?;
    person::wait_for_device(&browser).await?;
    type_secrets(&browser, world).await?;
    poll::until_async("the leak", Duration::from_secs(10), async || {
        Ok(ensure_clean(&browser, search, "leaking").await.err())
    })
    .await?;
    // LevelDB makes a table of its log when that is some megabytes long.
    let fill = "const done = arguments[0]; \
                (async () => { \
                  for (let i = 0; i < 8; i++) await chrome.storage.local.set({ filler: String(i).repeat(1e6) }); \
                })().then(() => done(true), (why) => done('thrown ' + why))";
    let filled = browser.run_in_extension(fill, Vec::new()).await?;
    ensure!(filled == true, "not filled: {filled}");
    browser.close().await?;

    let profile = world::profile(world, "leaking");
    let found = search.folder(&profile, |file| depth(world, file))?;
    let storage = found
        .iter()
        .filter(|hit| hit.file.contains("Local Extension Settings"));
    let storage: Vec<&Hit> = storage.collect();
    ensure!(!storage.is_empty(), "nothing found in storage: {found:?}");
    ensure!(
        storage.iter().any(|hit| hit.file.ends_with(BLOCKS)),
        "nothing found in compressed blocks: {storage:?}"
    );
    let found = search.folder(&host.folder, |_| Depth::Deep)?;
    ensure!(
        found.iter().any(|hit| hit.file == "stdin"),
        "nothing found in what the host was told: {found:?}"
    );
    Ok(())
}

/// The tests' build of the extension with a few lines more, packed as the other is.
fn pack_leaking(world: &World) -> Result<PathBuf> {
    let folder = world.path().join("extension-leaking");
    let built = programs::built("extension-rehearsal")?;
    let output = process::output(Command::new("cp").arg("-r").args([&built, &folder]))?;
    ensure!(output.is_empty(), "{output}");
    let boot = folder.join("boot.js");
    let honest = std::fs::read_to_string(&boot)?;
    let lines = std::fs::read_to_string(repository().join("tests/e2e/leaking/boot.js"))?;
    ensure!(!honest.contains("leak"), "the usual build leaks already");
    std::fs::write(&boot, honest + &lines)?;
    let packed = world.path().join("extension-leaking.crx");
    let mut pack = Command::new(programs::program("xtask")?);
    pack.arg("pack").arg(&folder);
    pack.arg("--key")
        .arg(repository().join("tests/test-only-keys/extension.pem"));
    pack.arg("--out").arg(&packed);
    process::output(&mut pack)?;
    Ok(packed)
}

/// What is ours is looked at more thoroughly.
fn depth(world: &World, file: &str) -> Depth {
    match file.contains(&world.extension_id) {
        true => Depth::Deep,
        false => Depth::Plain,
    }
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
    poll::until_async(
        "the host to record the binding",
        Duration::from_secs(10),
        async || {
            let status = host.status()?;
            Ok(status["bindings"].to_string().contains(USER).then_some(()))
        },
    )
    .await?;
    // An ordinary factor that has just passed lets the person export what is stored.
    let number = fallback::choose_code(&browser).await?;
    fallback::type_code(&browser, &fallback::issue_code(world, &number, "sign-in")?).await?;
    browser.wait_until_signed_in(USER).await?;
    Person::number(6)?.teach(&browser, world, USER).await?;

    type_secrets(&browser, world).await?;
    ensure_clean(&browser, search, "while it was typed").await?;
    let mark = Mark::now(world)?;
    sign_out(&browser).await?;
    browser.enter_password(USER).await?;
    browser.find("#signed-in, body[data-state=step_up]").await?;
    let record = mark.record(world)?;
    let verdict = record.decision["verdict"].as_str().unwrap_or_default();
    ensure!(
        !matches!(verdict, "" | "no_evidence" | "learning"),
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
    let dump = browser.run_in_extension(DUMP, Vec::new()).await?;
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
