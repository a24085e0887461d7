//! Links of the chain, each broken by whoever runs the machine. What the typing says does not matter then.
//!
//! `matrix` breaks the template, `elsewhere` the provenance.

use anyhow::{Result, ensure};
use e2e::evidence::Record;
use e2e::harness::Scenario;
use e2e::person::Person;
use e2e::policy;
use e2e::visit::Visit;
use futures_util::FutureExt;
use support::World;
use support::keystore::Kind;

pub fn scenarios() -> Vec<Scenario<World>> {
    vec![Scenario {
        name: "a_forged_record_a_lost_cookie_and_another_device_key_are_never_silent",
        show: |world| broken(world).boxed_local(),
    }]
}

const USER: &str = "max@acme.test";
const OTHER: &str = "nia@acme.test";

async fn broken(world: &mut World) -> Result<()> {
    world.tacit.set_policy(&policy::silent_from("software"))?;
    let person = Person::number(6)?;
    let mut visit = Visit::enrolled(world, "broken", Kind::Software, USER, &person).await?;
    let record = type_and_sign_in(world, &visit, &person, USER).await?;
    ensure!(
        record.is_silent(),
        "not silent although nothing is broken: {}",
        record.describe()
    );

    visit.forge_binding(USER, OTHER)?;
    let record = type_and_sign_in(world, &visit, &person, OTHER).await?;
    ensure_refused(&record, "not_enrolled")?;

    without_cookies(world, &mut visit).await?;

    visit.replace_device_key(world, USER).await?;
    let record = type_and_sign_in(world, &visit, &person, USER).await?;
    ensure_refused(&record, "not_enrolled")?;
    visit.browser.close().await
}

/// The browser keeps no cookie of the server. The page that it is then led to is of no browser, and asks nobody.
async fn without_cookies(world: &mut World, visit: &mut Visit) -> Result<()> {
    visit.stop_browser().await?;
    world.block_server_cookies()?;
    visit.start_browser(world).await?;
    visit.sign_out().await?;
    visit.browser.enter_password(USER).await?;
    visit.browser.wait_for_state(&["opened_elsewhere"]).await?;
    ensure!(
        visit.okta_session().await? == "NONE",
        "signed in without a cookie"
    );
    visit.stop_browser().await?;
    world.set_extension_installed(true)?;
    visit.start_browser(world).await
}

async fn type_and_sign_in(
    world: &World,
    visit: &Visit,
    person: &Person,
    user: &str,
) -> Result<Record> {
    visit.lock(USER).await?;
    person.has_typed(&visit.browser, world).await?;
    visit.sign_in(world, user).await
}

fn ensure_refused(record: &Record, reason: &str) -> Result<()> {
    ensure!(
        record.outcome() == "step_up" && !record.session_was_created(),
        "{}",
        record.describe()
    );
    ensure!(
        record.reasons().contains(&reason),
        "for another reason: {}",
        record.describe()
    );
    Ok(())
}
