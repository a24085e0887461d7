//! The extension, the host or the server come later than the person, or come back changed.

use anyhow::{Result, ensure};
use e2e::evidence::Mark;
use e2e::harness::Scenario;
use e2e::person::{self, Person};
use e2e::policy;
use e2e::visit::Visit;
use futures_util::FutureExt;
use std::os::unix::fs::PermissionsExt;
use support::keystore::Kind;
use support::{Browser, World};

const EMIL: &str = "emil@acme.test";
const FAY: &str = "fay@acme.test";

pub fn scenarios() -> Vec<Scenario<World>> {
    vec![
        Scenario {
            name: "silent_after_typing_in_a_tab_that_was_open_before_the_extension_came",
            show: |world| open_tab(world).boxed_local(),
        },
        Scenario {
            name: "a_host_of_another_version_is_named_and_a_factor_offered",
            show: |world| another_version(world).boxed_local(),
        },
    ]
}

async fn open_tab(world: &mut World) -> Result<()> {
    let emil = Person::number(6)?;
    world.tacit.set_policy(&policy::silent_from("software"))?;
    let (keystore, host) = world.install_host("open-tab", Kind::Software)?;
    world.set_extension_installed(false)?;
    let browser = Browser::start(world, "open-tab", Some(&host)).await?;
    browser.open(&world.updates.url("/notes")).await?;
    ensure!(!browser.worker_runs()?, "the extension is there already");
    world.set_extension_installed(true)?;
    browser.reload_policy().await?;
    browser.wait_for_extension().await?;

    let notes = browser.open_tab().await?;
    let device = person::wait_for_device(&browser).await?;
    let visit = Visit::of(browser, host, keystore, device, "open-tab");
    visit.enrol(world, EMIL).await?;
    emil.teach(&visit.browser, world, EMIL).await?;
    let other = visit.browser.client.window().await?;

    visit.browser.client.switch_to_window(notes).await?;
    visit.browser.click("#notes").await?;
    emil.has_typed_here(&visit.browser).await?;
    visit.browser.client.switch_to_window(other).await?;
    let record = visit.sign_in(world, EMIL).await?;
    ensure!(record.is_silent(), "not silent: {}", record.describe());
    Ok(())
}

async fn another_version(world: &mut World) -> Result<()> {
    let mut visit = Visit::begin(world, "version", Kind::Software).await?;
    visit.stop_browser().await?;
    // It answers whatever it is asked in a version that nobody speaks yet.
    let reply = r#"{"v":99,"id":1,"body":{"type":"hello","host":"99.0.0"}}"#;
    let length: String = (reply.len() as u32)
        .to_ne_bytes()
        .iter()
        .map(|byte| format!("\\{byte:03o}"))
        .collect();
    let script = format!("#!/bin/sh\nprintf '{length}%s' '{reply}'\nexec cat > /dev/null\n");
    let wrapper = visit.host.folder.join("tacit-host.sh");
    std::fs::write(&wrapper, script)?;
    std::fs::set_permissions(&wrapper, PermissionsExt::from_mode(0o755))?;

    visit.start_browser(world).await?;
    let mark = Mark::now(world)?;
    visit.browser.enter_password(FAY).await?;
    visit.browser.wait_for_state(&["step_up"]).await?;
    let record = mark.record(world)?;
    ensure!(record.outcome() == "step_up", "{}", record.describe());
    ensure!(
        record.reasons().contains(&"version_mismatch"),
        "{}",
        record.describe()
    );
    visit.browser.find("[data-factor]").await?;
    Ok(())
}
