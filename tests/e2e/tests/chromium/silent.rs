//! The silent answer, with each key store.

use anyhow::{Result, ensure};
use e2e::harness::Scenario;
use e2e::person::Person;
use e2e::policy;
use e2e::visit::Visit;
use futures_util::FutureExt;
use support::World;
use support::keystore::Kind;

pub const SCENARIOS: &[Scenario<World>] = &[Scenario {
    name: "a_sign_in_is_silent_with_the_software_key_store_where_policy_allows_it",
    show: |world| with_keystore(world, Kind::Software, "software").boxed_local(),
}];

async fn with_keystore(world: &mut World, kind: Kind, name: &'static str) -> Result<()> {
    let ann = Person::number(3)?;
    world.tacit.set_policy(&policy::silent_from("software"))?;
    let visit = Visit::enrolled(world, name, kind, "ann@acme.test", &ann).await?;
    let record = visit.work_and_sign_in(world, &ann, "ann@acme.test").await?;
    ensure!(record.is_silent(), "not silent: {}", record.describe());
    visit.browser.wait_until_signed_in("ann@acme.test").await?;
    ensure!(
        record.decision["protection_class"] == visit.keystore.protection_class(),
        "{}",
        record.decision
    );
    ensure!(visit.okta_session().await? == "ACTIVE");
    Ok(())
}
