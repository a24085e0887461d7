//! Where Ann's own sign-in is silent.

use anyhow::{Result, ensure};
use e2e::harness::Scenario;
use e2e::office::{ANN, EXCLUDED, Office};
use e2e::person::{FRAMED, NOTES, STRICT};
use futures_util::FutureExt;
use support::okta::{self, Org};

pub fn scenarios() -> Vec<Scenario<Office>> {
    vec![
        Scenario {
            name: "a_sign_in_is_silent_after_some_typing",
            show: |office| after_some_typing(office).boxed_local(),
        },
        Scenario {
            name: "silent_with_a_click_on_oktas_verify_page",
            show: |office| verify_page(office).boxed_local(),
        },
        Scenario {
            name: "silent_in_identity_engine_with_requests_by_redirect",
            show: |office| identity_engine(office).boxed_local(),
        },
        Scenario {
            name: "silent_after_typing_on_a_page_with_the_strictest_policy",
            show: |office| strict_page(office).boxed_local(),
        },
        Scenario {
            name: "silent_after_typing_in_a_frame_inside_a_page",
            show: |office| in_a_frame(office).boxed_local(),
        },
        Scenario {
            name: "what_is_typed_on_an_excluded_site_is_no_evidence",
            show: |office| excluded_site(office).boxed_local(),
        },
        Scenario {
            name: "the_engine_gives_the_same_bits_in_the_worker_as_natively",
            show: |office| same_bits(office).boxed_local(),
        },
    ]
}

async fn after_some_typing(office: &mut Office) -> Result<()> {
    let record = office.ann_signs_in().await?;
    ensure!(record.is_silent(), "not silent: {}", record.describe());
    ensure!(
        record.decision["protection_class"] == "software",
        "{}",
        record.decision
    );
    office.ann.browser.wait_until_signed_in(ANN).await?;
    ensure!(office.ann.okta_session().await? == "ACTIVE");
    Ok(())
}

async fn same_bits(office: &mut Office) -> Result<()> {
    let message = serde_json::json!({ "type": "parity" });
    let browser = &office.ann.browser;
    let reply = browser.tell_worker("rehearse.html", message).await?;
    let reply = match reply.as_str() {
        Some(text) => serde_json::from_str(text)?,
        None => reply,
    };
    let native = biometrics::parity_fixture();
    ensure!(!native.is_empty(), "there is nothing to compare");
    let native: Vec<String> = native.iter().map(|bits| format!("{bits:016x}")).collect();
    ensure!(
        reply == serde_json::json!(native),
        "the worker says {reply}, natively it is {native:?}"
    );
    Ok(())
}

async fn verify_page(office: &mut Office) -> Result<()> {
    office.ann_has_just_worked().await?;
    office.world.set_org(Org {
        skip_verify: false,
        ..Org::default()
    })?;
    let shown = async {
        let mark = e2e::evidence::Mark::now(&office.world)?;
        office.ann.browser.enter_password(ANN).await?;
        office.ann.browser.click(okta::VERIFY_BUTTON).await?;
        office.ann.browser.wait_until_signed_in(ANN).await?;
        let record = mark.record(&office.world)?;
        ensure!(record.is_silent(), "not silent: {}", record.describe());
        Ok(())
    }
    .await;
    office.world.set_org(Org::default())?;
    shown
}

async fn identity_engine(office: &mut Office) -> Result<()> {
    office.ann_has_just_worked().await?;
    office.world.set_org(Org {
        identity_engine: true,
        by_redirect: true,
        ..Org::default()
    })?;
    let record = office.ann.sign_in(&office.world, ANN).await;
    office.world.set_org(Org::default())?;
    let record = record?;
    ensure!(record.is_silent(), "not silent: {}", record.describe());
    Ok(())
}

async fn in_a_frame(office: &mut Office) -> Result<()> {
    office.ann.lock(ANN).await?;
    let browser = &office.ann.browser;
    browser
        .in_tab_of(&office.world, FRAMED, async || {
            browser.find("iframe").await?.enter_frame().await?;
            browser.click("#notes").await?;
            office.person.has_typed_here(browser).await?;
            Ok(browser.client.enter_parent_frame().await?)
        })
        .await?;
    let record = office.ann.sign_in(&office.world, ANN).await?;
    ensure!(record.is_silent(), "not silent: {}", record.describe());
    Ok(())
}

/// The same typing, the same person: only the site differs from where it is silent.
async fn excluded_site(office: &mut Office) -> Result<()> {
    office.ann.lock(ANN).await?;
    let browser = &office.ann.browser;
    let url = office.world.updates.excluded_url(NOTES);
    browser
        .in_tab_at(EXCLUDED, &url, async || {
            browser.click("#notes").await?;
            office.person.has_typed_here(browser).await?;
            let typed = browser
                .run(
                    "return document.getElementById('notes').value.length",
                    Vec::new(),
                )
                .await?;
            ensure!(
                typed.as_u64().is_some_and(|length| length > 50),
                "nothing was typed: {typed}"
            );
            Ok(())
        })
        .await?;
    let record = office.ann.sign_in(&office.world, ANN).await?;
    office.forget_work();
    ensure!(
        record.reasons() == ["no_evidence"] && record.outcome() == "step_up",
        "{}",
        record.describe()
    );
    Ok(())
}

async fn strict_page(office: &mut Office) -> Result<()> {
    // A new morning, so that only what is typed there counts.
    office.ann.lock(ANN).await?;
    let browser = &office.ann.browser;
    office
        .person
        .has_typed_on(browser, &office.world, STRICT)
        .await?;
    let record = office.ann.sign_in(&office.world, ANN).await?;
    ensure!(record.is_silent(), "not silent: {}", record.describe());
    Ok(())
}
