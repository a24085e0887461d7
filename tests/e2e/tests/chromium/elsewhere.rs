//! Somebody else's sign-in, brought to Ann's browser while she is working. Never silent.

use anyhow::{Result, ensure};
use e2e::evidence::Mark;
use e2e::harness::Scenario;
use e2e::looks::{self, DESK, PHONE};
use e2e::office::{ANN, Office};
use futures_util::FutureExt;
use support::okta::Org;
use support::{Browser, okta};

pub fn scenarios() -> Vec<Scenario<Office>> {
    vec![
        Scenario {
            name: "a_link_with_oktas_state_token_is_never_silent",
            show: |office| state_token(office).boxed_local(),
        },
        Scenario {
            name: "a_link_to_our_sso_url_is_never_silent",
            show: |office| sso_url(office).boxed_local(),
        },
        Scenario {
            name: "a_challenge_of_another_browser_says_so_and_offers_nothing",
            show: |office| challenge_link(office).boxed_local(),
        },
        Scenario {
            name: "another_persons_account_in_anns_browser_is_not_silent",
            show: |office| wrong_account(office).boxed_local(),
        },
    ]
}

async fn state_token(office: &mut Office) -> Result<()> {
    let link = office
        .world
        .okta
        .link_with_state_token(&office.world.client, ANN)?;
    follow_lure(office, &link).await
}

async fn sso_url(office: &mut Office) -> Result<()> {
    office.world.set_org(Org {
        by_redirect: true,
        ..Org::default()
    })?;
    let link = office
        .world
        .okta
        .link_with_request(&office.world.client, ANN);
    let shown = match link {
        Ok(link) => follow_lure(office, &link).await,
        Err(why) => Err(why),
    };
    office.world.set_org(Org::default())?;
    shown
}

/// Ann, who has just worked, clicks the link in a message.
async fn follow_lure(office: &mut Office, link: &str) -> Result<()> {
    office.ann_has_just_worked().await?;
    office.ann.sign_out().await?;
    let html = format!(
        "<!doctype html><title>Mail</title><a id=lure href=\"{}\">Your invoice</a>",
        link.replace('&', "&amp;")
    );
    office.world.updates.set_html("/mail", None, &html);
    let browser = &office.ann.browser;
    browser.open(&office.world.updates.url("/mail")).await?;
    let mark = Mark::now(&office.world)?;
    browser.click("#lure").await?;
    let state = browser
        .wait_for_state(&["step_up", "allowed", "opened_elsewhere"])
        .await?;
    ensure!(state == "step_up", "{}", browser.describe().await);
    looks::examine(browser, "started-elsewhere", &[DESK, PHONE]).await?;
    let record = mark.record(&office.world)?;
    ensure!(record.outcome() == "step_up", "{}", record.describe());
    ensure!(
        record.reasons().contains(&"started_elsewhere"),
        "{}",
        record.describe()
    );
    ensure!(!record.session_was_created(), "{}", record.describe());
    Ok(())
}

async fn challenge_link(office: &mut Office) -> Result<()> {
    office.ann_has_just_worked().await?;
    let other = Browser::start(&office.world, "other", None).await?;
    other.wait_for_extension().await?;
    other.enter_password(ANN).await?;
    other.wait_for_state(&["step_up"]).await?;
    let url = other.client.current_url().await?;
    let browser = &office.ann.browser;
    browser.open(url.as_str()).await?;
    browser.wait_for_state(&["opened_elsewhere"]).await?;
    let text = browser.find("main").await?.text().await?;
    ensure!(text.contains("another browser"), "{text}");
    let choices = browser
        .run(
            "return document.querySelectorAll('[data-factor]').length",
            Vec::new(),
        )
        .await?;
    ensure!(choices == 0, "{choices} factors are offered");
    looks::examine(browser, "opened-elsewhere", &[DESK, PHONE]).await?;
    other.close().await
}

async fn wrong_account(office: &mut Office) -> Result<()> {
    office.ann_has_just_worked().await?;
    let record = office.ann.sign_in(&office.world, "ben@acme.test").await?;
    ensure!(record.outcome() == "step_up", "{}", record.describe());
    ensure!(!record.session_was_created(), "{}", record.describe());
    office
        .ann
        .browser
        .open(&format!("{}/", okta::APP_ORIGIN))
        .await
}
