//! The extension, the host or the server come later than the person, or come back changed.

use anyhow::{Result, ensure};
use e2e::evidence::Mark;
use e2e::harness::Scenario;
use e2e::visit::Visit;
use futures_util::FutureExt;
use std::os::unix::fs::PermissionsExt;
use support::World;
use support::keystore::Kind;

const FAY: &str = "fay@acme.test";

pub fn scenarios() -> Vec<Scenario<World>> {
    vec![Scenario {
        name: "a_host_of_another_version_is_named_and_a_factor_offered",
        show: |world| another_version(world).boxed_local(),
    }]
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
