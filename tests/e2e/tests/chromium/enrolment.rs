//! Setting the factor up at Okta: one round trip that the person starts and Tacit answers.

use anyhow::{Result, ensure};
use e2e::evidence::Mark;
use e2e::harness::Scenario;
use e2e::office::{ANN, Office};
use futures_util::FutureExt;
use support::okta::Org;

pub fn scenarios() -> Vec<Scenario<Office>> {
    vec![
        Scenario {
            name: "the_factor_is_set_up_in_oktas_own_pages_with_classic",
            show: |office| classic(office).boxed_local(),
        },
        Scenario {
            name: "the_factor_is_set_up_in_oktas_own_pages_with_identity_engine",
            show: |office| identity_engine(office).boxed_local(),
        },
    ]
}

async fn classic(office: &mut Office) -> Result<()> {
    let steps = [
        "form input[type=submit][value='Configure factor']",
        "form input[type=submit][value=Enroll]",
    ];
    set_up(office, Org::default(), &steps).await
}

async fn identity_engine(office: &mut Office) -> Result<()> {
    let org = Org {
        identity_engine: true,
        ..Org::default()
    };
    let steps = ["a.select-factor"];
    set_up(office, org, &steps).await
}

/// Signs in as somebody whose factor Okta does not know yet, and presses these buttons, each once its page is there.
async fn set_up(office: &mut Office, org: Org, steps: &[&str]) -> Result<()> {
    office.ann_has_just_worked().await?;
    office.ann.sign_out().await?;
    office.world.set_org(Org {
        enrolled: false,
        ..org
    })?;
    let done = async {
        let browser = &office.ann.browser;
        let mark = Mark::now(&office.world)?;
        browser.enter_password(ANN).await?;
        for button in steps {
            browser.click(button).await?;
        }
        browser.wait_until_signed_in(ANN).await?;
        let record = mark.record(&office.world)?;
        ensure!(record.is_silent(), "not silent: {}", record.describe());
        ensure!(
            record.factor_was_set_up(),
            "Okta did not note it: {}",
            record.describe()
        );
        Ok(())
    }
    .await;
    office.world.set_org(Org::default())?;
    done
}
