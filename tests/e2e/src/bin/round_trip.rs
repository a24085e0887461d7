//! `tacit-round-trip`: the silent challenge in Chromium, beside a bare hop over two pages that submit themselves.
//! `cargo xtask bench challenge` calls it; the last line is one JSON object.

use anyhow::{Context, Result, ensure};
use e2e::office::{ANN, Office};
use serde_json::{Value, json};
use std::time::Duration;
use support::poll;

const ROUNDS: usize = 20;

fn main() -> Result<()> {
    support::signals::run(run())?
}

async fn run() -> Result<()> {
    let mut office = Office::open().await?;
    office.ann_has_just_worked().await?;
    set_hops(&office);
    // One of each by turns, so that both see the same machine; the first pair warms up.
    let (mut silent, mut bare) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (challenge, hop) = (challenge(&mut office).await?, hop(&office).await?);
        if round > 0 {
            silent.push(challenge);
            bare.push(hop);
        }
    }
    let (silent, bare) = (summary(&mut silent), summary(&mut bare));
    let ratio = silent["p50"]
        .as_f64()
        .zip(bare["p50"].as_f64())
        .map(|(a, b)| a / b);
    println!(
        "{}",
        json!({ "challenge_ms": silent, "bare_hop_ms": bare, "ratio": ratio, "rounds": ROUNDS })
    );
    Ok(())
}

/// From the page with the AuthnRequest leaving Okta to the Response arriving there, by Okta's clock.
async fn challenge(office: &mut Office) -> Result<f64> {
    let record = office.ann_signs_in().await?;
    ensure!(record.is_silent(), "not silent: {}", record.describe());
    office.ann.browser.wait_until_signed_in(ANN).await?;
    let took = record.mark("acs_received").zip(record.mark("idp_redirect"));
    let (end, begin) = took.context("the System Log lacks a moment")?;
    Ok((end - begin) as f64)
}

/// The same way for the browser, with nothing in between: a page that submits itself to another site, which does the same.
async fn hop(office: &Office) -> Result<f64> {
    let updates = &office.world.updates;
    let before = updates.last_visit("/hop-3");
    office.ann.browser.open(&updates.url("/hop-1")).await?;
    let end = poll::until("the last page", Duration::from_secs(10), || {
        Ok(updates
            .last_visit("/hop-3")
            .filter(|at| Some(*at) != before))
    })?;
    let begin = updates.last_visit("/hop-1").context("the first page")?;
    Ok(end.duration_since(begin).as_secs_f64() * 1_000.0)
}

/// `localhost` and `127.0.0.1` are two sites, as Okta and we are.
fn set_hops(office: &Office) {
    let updates = &office.world.updates;
    let form = |to: &str| {
        format!(
            "<!doctype html><form method=post action=\"{to}\"><input type=hidden name=a value=b></form>\
             <script>document.forms[0].submit()</script>"
        )
    };
    let elsewhere = format!("http://localhost:{}/hop-2", updates.port);
    updates.set_html("/hop-1", None, &form(&elsewhere));
    updates.set_html("/hop-2", None, &form(&updates.url("/hop-3")));
    updates.set_html("/hop-3", None, "<!doctype html><p>There");
}

fn summary(times: &mut [f64]) -> Value {
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get((times.len() - 1) * share / 100).copied();
    json!({ "p50": at(50), "p95": at(95), "least": at(0) })
}
