//! The silent answer with the platform's key stores, under the policy that ships.

use anyhow::{Result, ensure};
use e2e::harness::Scenario;
use e2e::person::Person;
use e2e::visit::Visit;
use futures_util::FutureExt;
use support::World;
use support::keystore::Kind;

pub fn scenarios() -> Vec<Scenario<World>> {
    vec![
        Scenario {
            name: "silent_with_a_tpm_and_the_server_knows_that_the_key_is_in_hardware",
            show: |world| with_keystore(world, Kind::Tpm, "tpm", "cleo@acme.test").boxed_local(),
        },
        Scenario {
            name: "silent_with_the_secret_service_and_the_server_knows_that_the_system_keeps_the_key",
            show: |world| {
                with_keystore(world, Kind::SecretService, "secrets", "dora@acme.test").boxed_local()
            },
        },
    ]
}

async fn with_keystore(
    world: &mut World,
    kind: Kind,
    name: &'static str,
    user: &'static str,
) -> Result<()> {
    let person = Person::number(6)?;
    let visit = Visit::enrolled(world, name, kind, user, &person).await?;
    person.type_only(&visit.browser, world).await?;
    let record = visit.sign_in(world, user).await?;
    ensure!(record.is_silent(), "not silent: {}", record.describe());
    ensure!(
        record.decision["protection_class"] == visit.keystore.protection_class(),
        "{}",
        record.decision
    );
    visit.browser.wait_until_signed_in(user).await
}
