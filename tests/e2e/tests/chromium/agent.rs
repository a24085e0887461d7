//! What happens to extension, worker and host in the course of a day.

use anyhow::{Result, ensure};
use e2e::evidence::Mark;
use e2e::harness::Scenario;
use e2e::office::{ANN, Office};
use e2e::person::{self, Person};
use e2e::visit::Visit;
use futures_util::FutureExt;
use std::time::Duration;
use support::okta::{self, Org};
use support::{Browser, poll};

pub fn scenarios() -> Vec<Scenario<Office>> {
    vec![
        Scenario {
            name: "silent_although_the_worker_was_killed_in_the_middle",
            show: |office| worker_killed(office).boxed_local(),
        },
        Scenario {
            name: "a_worker_killed_while_the_challenge_waits_leaves_nobody_without_an_answer",
            show: |office| worker_killed_at_the_challenge(office).boxed_local(),
        },
        Scenario {
            name: "challenges_in_two_tabs_are_both_answered",
            show: |office| two_challenges(office).boxed_local(),
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
            name: "who_takes_over_without_an_unlock_does_not_inherit_the_silence",
            show: |office| taken_over(office).boxed_local(),
        },
        Scenario {
            name: "a_revoked_device_wipes_itself_at_its_next_heartbeat_and_is_never_silent_again",
            show: |office| revoked(office).boxed_local(),
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
    browser.click(okta::SIGN_IN_BUTTON).await?;
    browser.find("#signed-in, body[data-state=step_up]").await?;
    let record = mark.record(&office.world)?;
    ensure!(record.is_silent(), "not silent: {}", record.describe());
    Ok(())
}

/// At whatever moment of the ceremony it dies, the page asks the next worker. A worker that dies before it has noted how the
/// tab came to the challenge takes that with it: then nothing is proven, and a factor is asked for.
async fn worker_killed_at_the_challenge(office: &mut Office) -> Result<()> {
    const ROUNDS: usize = 3;
    let mut silent = 0;
    for _ in 0..ROUNDS {
        office.ann_has_just_worked().await?;
        office.ann.sign_out().await?;
        let browser = &office.ann.browser;
        let began = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        browser.open(&format!("{}/login", okta::APP_ORIGIN)).await?;
        browser.fill_sign_in(ANN).await?;
        input_is_noted(browser, began.as_millis()).await?;
        let mark = Mark::now(&office.world)?;
        let killed = browser.kill_worker_at("/challenge/");
        browser.click(okta::SIGN_IN_BUTTON).await?;
        let either = "#signed-in, body[data-state=step_up] [data-factor]";
        browser.find(either).await?;
        killed.await??;
        let record = mark.last_record(&office.world)?;
        if record.is_silent() {
            browser.wait_until_signed_in(ANN).await?;
            silent += 1;
        } else {
            let reasons = record.reasons();
            ensure!(
                reasons == ["started_elsewhere"] || reasons == ["no_agent"],
                "{}",
                record.describe()
            );
        }
    }
    println!("    {silent} of {ROUNDS} were silent although the worker was killed");
    ensure!(silent > 0, "no worker was followed by another");
    Ok(())
}

async fn two_challenges(office: &mut Office) -> Result<()> {
    office.ann_has_just_worked().await?;
    office.ann.sign_out().await?;
    office.world.set_org(Org {
        skip_verify: false,
        ..Org::default()
    })?;
    let shown = answer_both(office).await;
    office.world.set_org(Org::default())?;
    shown
}

async fn answer_both(office: &Office) -> Result<()> {
    let browser = &office.ann.browser;
    let mark = Mark::now(&office.world)?;
    browser.enter_password(ANN).await?;
    browser.find(okta::VERIFY_BUTTON).await?;
    let first = browser.open_tab().await?;
    browser.enter_password(ANN).await?;
    browser.click(okta::VERIFY_BUTTON).await?;
    browser.wait_until_signed_in(ANN).await?;
    browser.client.close_window().await?;
    browser.client.switch_to_window(first).await?;
    browser.click(okta::VERIFY_BUTTON).await?;
    browser.wait_until_signed_in(ANN).await?;
    let decisions = mark.decisions(&office.world)?;
    let silent = decisions
        .iter()
        .filter(|decision| decision["outcome"] == "allow" && decision["factor"] == "silent");
    ensure!(
        silent.count() == 2 && decisions.len() == 2,
        "both are silent: {decisions:?}"
    );
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
    let noted = browser.run_in_extension(LOOK, vec![serde_json::json!(began as u64)]);
    noted.await.map(drop)
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

async fn taken_over(office: &mut Office) -> Result<()> {
    let browser = &office.ann.browser;
    office.ann.lock(ANN).await?;
    for number in [2, 4] {
        let other = Person::number(number)?;
        other
            .has_taken_over(browser, &office.world, &office.person)
            .await?;
        let record = office.ann.sign_in(&office.world, ANN).await?;
        println!(
            "    person {number} after Ann: {} with a log-likelihood ratio of {}",
            record.decision["verdict"], record.decision["llr"]
        );
        ensure!(
            record.outcome() == "step_up" && record.decision["verdict"] != "genuine",
            "{}",
            record.describe()
        );
        ensure!(!record.session_was_created(), "{}", record.describe());
        office.ann.lock(ANN).await?;
    }
    Ok(())
}

async fn revoked(office: &mut Office) -> Result<()> {
    let browser = &office.ann.browser;
    let before = person::popup_state(browser).await?;
    ensure!(
        before["stored"].to_string().contains(ANN),
        "no template is stored: {before}"
    );
    let device = office.ann.device.as_str();
    office.world.tacit.run(&["device", "revoke", device])?;
    // The browser lets no alarm come sooner than after half a minute.
    let script = "const done = arguments[0]; \
                  chrome.alarms.create('heartbeat', { when: Date.now() }).then(() => done(true))";
    browser.run_in_extension(script, Vec::new()).await?;
    poll::until_async("the wipe", Duration::from_secs(60), async || {
        let state = person::popup_state(browser).await?;
        let gone = state["stored"].as_array().is_some_and(Vec::is_empty);
        let bound = office.ann.host.status()?["bindings"]
            .to_string()
            .contains(ANN);
        Ok((gone && !bound).then_some(()))
    })
    .await?;
    let dump = "const done = arguments[0]; chrome.storage.local.get(null).then((all) => done(Object.keys(all)))";
    let left = browser.run_in_extension(dump, Vec::new()).await?;
    ensure!(
        !left.to_string().contains("template"),
        "left in the browser: {left}"
    );

    office.person.has_typed(browser, &office.world).await?;
    let record = office.ann.sign_in(&office.world, ANN).await?;
    ensure!(record.outcome() == "step_up", "{}", record.describe());
    ensure!(!record.session_was_created(), "{}", record.describe());
    Ok(())
}
