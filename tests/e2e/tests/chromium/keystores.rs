//! The silent answer with the platform's key stores, under the policy that ships.

use anyhow::{Result, ensure};
use e2e::harness::Scenario;
use e2e::person::Person;
use e2e::visit::Visit;
use futures_util::FutureExt;
use support::keystore::Kind;
use support::{Settings, World};

const CLEO: &str = "cleo@acme.test";
const DORA: &str = "dora@acme.test";

/// Two people with different machines, who have both been there for a while when the first of them works.
pub struct Platforms {
    // Before the world, so that the browsers end first.
    tpm: Visit,
    secrets: Visit,
    person: Person,
    /// Server, org and all.
    pub world: World,
}

impl Platforms {
    /// Both are enrolled and known.
    pub async fn open() -> Result<Self> {
        let world = World::start(Settings::default())?;
        let person = Person::number(6)?;
        let tpm = Visit::enrolled(&world, "tpm", Kind::Tpm, CLEO, &person).await?;
        let secrets =
            Visit::enrolled(&world, "secrets", Kind::SecretService, DORA, &person).await?;
        Ok(Self {
            tpm,
            secrets,
            person,
            world,
        })
    }
}

pub fn scenarios() -> Vec<Scenario<Platforms>> {
    vec![
        Scenario {
            name: "silent_with_a_tpm_and_the_server_knows_that_the_key_is_in_hardware",
            show: |all| sign_in(all, &all.tpm, CLEO).boxed_local(),
        },
        Scenario {
            name: "silent_with_the_secret_service_and_the_server_knows_that_the_system_keeps_the_key",
            show: |all| sign_in(all, &all.secrets, DORA).boxed_local(),
        },
    ]
}

async fn sign_in(all: &Platforms, visit: &Visit, user: &str) -> Result<()> {
    all.person.has_typed(&visit.browser, &all.world).await?;
    let record = visit.sign_in(&all.world, user).await?;
    ensure!(record.is_silent(), "not silent: {}", record.describe());
    ensure!(
        record.decision["protection_class"] == visit.keystore.protection_class(),
        "{}",
        record.decision
    );
    visit.browser.wait_until_signed_in(user).await
}
