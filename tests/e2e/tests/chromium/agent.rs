//! What happens to extension, worker and host in the course of a day.

use anyhow::{Result, ensure};
use e2e::evidence::Mark;
use e2e::harness::Scenario;
use e2e::office::{ANN, Office};
use e2e::person::Person;
use e2e::visit::Visit;
use futures_util::FutureExt;
use support::{Browser, okta};

pub fn scenarios() -> Vec<Scenario<Office>> {
    vec![
        Scenario {
            name: "silent_although_the_worker_was_killed_in_the_middle",
            show: |office| worker_killed(office).boxed_local(),
        },
        Scenario {
            name: "a_challenge_in_one_tab_leaves_those_in_others_alone",
            show: |office| several_tabs(office).boxed_local(),
        },
        Scenario {
            name: "a_reloaded_challenge_is_the_same_challenge",
            show: |office| reload(office).boxed_local(),
        },
        Scenario {
            name: "without_a_host_the_page_names_it_and_offers_a_factor",
            show: |office| host_missing(office).boxed_local(),
        },
        Scenario {
            name: "silent_again_after_the_server_was_restarted",
            show: |office| server_restarted(office).boxed_local(),
        },
        Scenario {
            name: "silent_again_after_the_browser_was_restarted",
            show: |office| restarted(office).boxed_local(),
        },
        Scenario {
            name: "other_people_at_the_same_browser_are_asked_for_a_factor",
            show: |office| another_person(office).boxed_local(),
        },
    ]
}

async fn worker_killed(office: &mut Office) -> Result<()> {
    office.ann_has_just_worked().await?;
    office.ann.sign_out().await?;
    let browser = &office.ann.browser;
    browser.open(&format!("{}/login", okta::APP_ORIGIN)).await?;
    let began = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    browser.fill_sign_in(ANN).await?;
    // Chrome kills a worker that is idle, not one between two events.
    input_is_noted(browser, began.as_millis()).await?;
    browser.kill_worker()?;
    let mark = Mark::now(&office.world)?;
    browser.click("#okta-signin-submit").await?;
    browser.find("#signed-in, body[data-state=step_up]").await?;
    let record = mark.record(&office.world)?;
    ensure!(record.is_silent(), "not silent: {}", record.describe());
    Ok(())
}

/// Waits until the worker has written into the tab's record that somebody typed or clicked on an Okta page since `began`.
async fn input_is_noted(browser: &Browser, began: u128) -> Result<()> {
    const LOOK: &str = r#"const [began, done] = arguments;
        const look = async () => {
          const all = Object.entries(await chrome.storage.session.get(null));
          const text = JSON.stringify(all.filter(([key]) => key.startsWith("tab.")));
          const times = [...text.matchAll(/input_at\\*":(\d+)/g)].map((found) => Number(found[1]));
          if (times.some((time) => time >= began)) done(true); else setTimeout(look, 50);
        };
        look();"#;
    let before = browser.open_tab().await?;
    browser.open(&browser.extension_page("popup.html")).await?;
    let noted = browser
        .run_async(LOOK, vec![serde_json::json!(began as u64)])
        .await;
    browser.client.close_window().await?;
    browser.client.switch_to_window(before).await?;
    noted.map(drop)
}

async fn several_tabs(office: &mut Office) -> Result<()> {
    office.ann_has_just_worked().await?;
    office.ann.sign_out().await?;
    let browser = &office.ann.browser;
    let link = office
        .world
        .okta
        .link_with_state_token(&office.world.client, ANN)?;
    let mark = Mark::now(&office.world)?;
    let own = browser.open_tab().await?;
    browser.open(&link).await?;
    browser.wait_for_state(&["step_up"]).await?;
    let foreign = browser.client.window().await?;

    browser.client.switch_to_window(own.clone()).await?;
    browser.enter_password(ANN).await?;
    browser.wait_until_signed_in(ANN).await?;
    let record = mark.last_record(&office.world)?;
    ensure!(record.is_silent(), "not silent: {}", record.describe());

    browser.client.switch_to_window(foreign).await?;
    browser.wait_for_state(&["step_up"]).await?;
    ensure!(
        mark.decisions(&office.world)?.len() == 2,
        "one decision for each challenge"
    );
    browser.client.close_window().await?;
    browser.client.switch_to_window(own).await?;
    Ok(())
}

async fn reload(office: &mut Office) -> Result<()> {
    office.ann_has_just_worked().await?;
    office.ann.sign_out().await?;
    let browser = &office.ann.browser;
    let link = office
        .world
        .okta
        .link_with_state_token(&office.world.client, ANN)?;
    let mark = Mark::now(&office.world)?;
    browser.open(&link).await?;
    browser.wait_for_state(&["step_up"]).await?;
    let before = browser.client.current_url().await?;
    browser.client.refresh().await?;
    browser.wait_for_state(&["step_up"]).await?;
    ensure!(browser.client.current_url().await? == before);
    let decisions = mark.decisions(&office.world)?;
    ensure!(
        decisions.len() == 1,
        "a reload is no second challenge: {decisions:?}"
    );
    Ok(())
}

async fn host_missing(office: &mut Office) -> Result<()> {
    let browser = Visit::without_host(&office.world, "no-host").await?;
    let mark = Mark::now(&office.world)?;
    browser.enter_password(ANN).await?;
    browser.wait_for_state(&["step_up"]).await?;
    let record = mark.record(&office.world)?;
    ensure!(record.outcome() == "step_up", "{}", record.describe());
    ensure!(!record.session_was_created(), "{}", record.describe());
    let said = browser.reason().await?;
    ensure!(
        said.contains("host is not installed"),
        "the page says: {said}"
    );
    browser.find("[data-factor]").await?;
    browser.close().await
}

async fn server_restarted(office: &mut Office) -> Result<()> {
    office.ann_has_just_worked().await?;
    office.world.restart_server()?;
    let record = office.ann_signs_in().await?;
    ensure!(record.is_silent(), "not silent: {}", record.describe());
    Ok(())
}

async fn restarted(office: &mut Office) -> Result<()> {
    office.ann.restart_browser(&office.world).await?;
    office.forget_work();
    let record = office.ann_signs_in().await?;
    ensure!(record.is_silent(), "not silent: {}", record.describe());
    Ok(())
}

async fn another_person(office: &mut Office) -> Result<()> {
    office.forget_work();
    for number in [2, 4] {
        let other = Person::number(number)?;
        // A new morning each time: what somebody else typed before counts for nobody.
        office.ann.restart_browser(&office.world).await?;
        other.type_only(&office.ann.browser, &office.world).await?;
        let record = office.ann.sign_in(&office.world, ANN).await?;
        println!(
            "    person {number} as Ann: {} with a log-likelihood ratio of {}",
            record.decision["verdict"], record.decision["llr"]
        );
        ensure!(record.outcome() == "step_up", "{}", record.describe());
        ensure!(!record.session_was_created(), "{}", record.describe());
        ensure!(
            record.decision["verdict"] != "genuine",
            "{}",
            record.describe()
        );
    }
    Ok(())
}
