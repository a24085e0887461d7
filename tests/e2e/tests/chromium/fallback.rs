//! What a person does when no agent answers: each ordinary factor, from adding it to using it.

use anyhow::{Context, Result, ensure};
use e2e::evidence::Mark;
use e2e::harness::Scenario;
use e2e::looks::{self, DESK, PHONE};
use e2e::visit::Visit;
use futures_util::FutureExt;
use serde_json::{Value, json};
use std::time::Duration;
use support::keystore::Kind;
use support::{Browser, World, okta, poll};

pub fn scenarios() -> Vec<Scenario<World>> {
    vec![
        Scenario {
            name: "without_a_host_a_help_desk_code_signs_in",
            show: |world| help_desk_code(world).boxed_local(),
        },
        Scenario {
            name: "a_passkey_made_under_a_supervised_code_signs_in_the_next_time",
            show: |world| passkey(world).boxed_local(),
        },
        Scenario {
            name: "an_authenticator_app_added_under_a_supervised_code_signs_in_and_no_code_of_it_works_twice",
            show: |world| authenticator_app(world).boxed_local(),
        },
        Scenario {
            name: "a_help_desk_code_binds_a_device_for_which_no_roll_out_window_is_open",
            show: |world| binding(world).boxed_local(),
        },
    ]
}

async fn help_desk_code(world: &mut World) -> Result<()> {
    const USER: &str = "fay@acme.test";
    let browser = start_without_host(world, "desk-code").await?;
    let mark = begin_sign_in(&browser, world, USER).await?;
    looks::examine(&browser, "fallback", &[DESK, PHONE]).await?;
    let number = choose_code(&browser).await?;

    type_code(&browser, "0000 0000 0").await?;
    let said = message(&browser).await?;
    ensure!(
        said.contains("code is wrong"),
        "a wrong code is answered with {said:?}"
    );
    looks::examine(&browser, "fallback-code", &[DESK, PHONE]).await?;

    let code = issue_code(world, &number, "sign-in")?;
    type_code(&browser, &code).await?;
    browser.wait_until_signed_in(USER).await?;
    ensure_passed_by(world, mark, "code")?;
    browser.close().await
}

async fn passkey(world: &mut World) -> Result<()> {
    const USER: &str = "gus@acme.test";
    let browser = start_without_host(world, "passkey").await?;
    let mark = begin_sign_in(&browser, world, USER).await?;
    browser.add_virtual_authenticator().await?;
    let number = choose_code(&browser).await?;
    type_code(&browser, &issue_code(world, &number, "passkey")?).await?;
    browser
        .click("#panel-enrol_passkey:not([hidden]) button")
        .await?;
    browser.wait_until_signed_in(USER).await?;
    ensure_passed_by(world, mark, "code")?;

    sign_out(&browser).await?;
    let mark = begin_sign_in(&browser, world, USER).await?;
    browser.click("[data-factor=passkey]").await?;
    browser.wait_until_signed_in(USER).await?;
    ensure_passed_by(world, mark, "passkey")?;
    browser.close().await
}

async fn authenticator_app(world: &mut World) -> Result<()> {
    const USER: &str = "hana@acme.test";
    let browser = start_without_host(world, "totp").await?;
    let mark = begin_sign_in(&browser, world, USER).await?;
    let number = choose_code(&browser).await?;
    type_code(&browser, &issue_code(world, &number, "totp")?).await?;
    browser.find("#panel-enrol_totp:not([hidden])").await?;
    looks::examine(&browser, "fallback-enrol-totp", &[DESK, PHONE]).await?;
    let secret = browser.find("#secret").await?.text().await?;
    let step = time_step(&browser).await?;
    let code = one_time_code(&browser, &secret, step).await?;
    browser.fill("#enrol-totp", &code).await?;
    browser.click("#panel-enrol_totp button.primary").await?;
    browser.wait_until_signed_in(USER).await?;
    ensure_passed_by(world, mark, "code")?;

    // The step with which the app was added is used up, the next one counts once.
    sign_out(&browser).await?;
    let mark = begin_sign_in(&browser, world, USER).await?;
    browser.click("[data-factor=totp]").await?;
    ensure_refused(&browser, &code).await?;
    ensure_still_in_time(&browser, step).await?;
    let next = one_time_code(&browser, &secret, step + 1).await?;
    type_one_time_code(&browser, &next).await?;
    browser.wait_until_signed_in(USER).await?;
    ensure_passed_by(world, mark, "totp")?;

    sign_out(&browser).await?;
    begin_sign_in(&browser, world, USER).await?;
    browser.click("[data-factor=totp]").await?;
    ensure_refused(&browser, &next).await?;
    ensure_still_in_time(&browser, step + 1).await?;
    browser.close().await
}

async fn binding(world: &mut World) -> Result<()> {
    for window in lines(&world.tacit.run(&["rollout", "list", "--json"])?)? {
        let id = window["id"].as_str().context("a window without id")?;
        // A window that is over already cannot be closed.
        let _ = world.tacit.run(&["rollout", "close", id]);
    }
    let shown = binding_by_code(world).await;
    world
        .tacit
        .run(&["rollout", "open", "--group", "staff", "--hours", "72"])?;
    shown
}

async fn binding_by_code(world: &World) -> Result<()> {
    const USER: &str = "ivo@acme.test";
    let visit = Visit::begin(world, "bind-by-code", Kind::Software).await?;
    bind_by_code(world, &visit, USER).await?;
    let devices = lines(&world.tacit.run(&["device", "list", "--json"])?)?;
    let ours = devices
        .iter()
        .find(|device| device["id"] == visit.device.as_str());
    let ours = ours.with_context(|| format!("the server lists no device {}", visit.device))?;
    ensure!(
        ours["bindings"].to_string().contains(USER),
        "the server has no binding: {ours}"
    );
    visit.browser.close().await
}

/// Binds the browser's device to `user`, who has nothing else yet, and signs them in on the way.
pub async fn bind_by_code(world: &World, visit: &Visit, user: &str) -> Result<()> {
    let mark = Mark::now(world)?;
    visit.browser.enter_password(user).await?;
    visit.browser.wait_for_state(&["step_up"]).await?;
    let record = mark.record_of(world, user)?;
    ensure!(
        record.reasons().contains(&"not_enrolled"),
        "{}",
        record.describe()
    );
    ensure!(
        !is_bound(visit, user)?,
        "bound although no window is open: {}",
        visit.host.status()?
    );

    let number = choose_code(&visit.browser).await?;
    let code = poll::until_async(
        "the device to be offered for the sign-in",
        Duration::from_secs(10),
        async || Ok(issue_code(world, &number, "bind").ok()),
    )
    .await?;
    type_code(&visit.browser, &code).await?;
    visit.browser.wait_until_signed_in(user).await?;
    let record = mark.last_record_of(world, user)?;
    ensure!(record.is_passed_by("code"), "{}", record.describe());
    poll::until_async(
        "the host to record the binding",
        Duration::from_secs(15),
        async || Ok(is_bound(visit, user)?.then_some(())),
    )
    .await
}

fn is_bound(visit: &Visit, user: &str) -> Result<bool> {
    Ok(visit.host.status()?["bindings"].to_string().contains(user))
}

/// A browser whose extension is configured and finds no host. The policy of a fresh installation may come at the browser's
/// next start only, so the host was there once, and its machine file told the extension what it has to know.
pub async fn start_without_host(world: &World, name: &str) -> Result<Browser> {
    Visit::without_host(world, name).await
}

/// Enters the password, and waits for the chooser, which names the missing host.
pub async fn begin_sign_in(browser: &Browser, world: &World, user: &str) -> Result<Mark> {
    let mark = Mark::now(world)?;
    browser.enter_password(user).await?;
    browser.wait_for_state(&["step_up"]).await?;
    let said = browser.reason().await?;
    ensure!(
        said.contains("host is not installed"),
        "the page says {said:?}"
    );
    let record = mark.record(world)?;
    ensure!(
        record.reasons().contains(&"host_missing"),
        "{}",
        record.describe()
    );
    Ok(mark)
}

/// Chooses the help desk and returns the number that the caller reads out.
pub async fn choose_code(browser: &Browser) -> Result<String> {
    browser.click("[data-factor=code]").await?;
    let number = browser
        .find("#panel-code:not([hidden]) #number:not(:empty)")
        .await?;
    Ok(number.text().await?)
}

/// What the help desk does.
pub fn issue_code(world: &World, number: &str, purpose: &str) -> Result<String> {
    let said = world
        .tacit
        .run(&["device", "code", "--matching", number, "--purpose", purpose])?;
    Ok(said.trim().to_owned())
}

/// Types what the help desk said.
pub async fn type_code(browser: &Browser, code: &str) -> Result<()> {
    let field = browser.find("#panel-code:not([hidden]) #code").await?;
    field.clear().await?;
    field.send_keys(code).await?;
    browser.click("#panel-code button.primary:enabled").await
}

async fn type_one_time_code(browser: &Browser, code: &str) -> Result<()> {
    let field = browser.find("#panel-totp:not([hidden]) #totp").await?;
    field.clear().await?;
    field.send_keys(code).await?;
    browser.click("#panel-totp button.primary:enabled").await
}

async fn ensure_refused(browser: &Browser, code: &str) -> Result<()> {
    type_one_time_code(browser, code).await?;
    let said = message(browser).await?;
    ensure!(
        said.contains("used before"),
        "a used code is answered with {said:?}"
    );
    Ok(())
}

/// The server takes the step before and the one after the current one: only within those does a refusal mean that the code
/// was used.
async fn ensure_still_in_time(browser: &Browser, step: i64) -> Result<()> {
    let now = time_step(browser).await?;
    ensure!(
        (now - 1..=now + 1).contains(&step),
        "this machine is too slow for this test: step {step} was tried at {now}"
    );
    Ok(())
}

async fn message(browser: &Browser) -> Result<String> {
    browser.find("#message:not(:empty)").await?;
    Ok(browser.find("#message").await?.text().await?)
}

fn ensure_passed_by(world: &World, mark: Mark, factor: &str) -> Result<()> {
    let record = mark.last_record(world)?;
    ensure!(
        record.is_passed_by(factor),
        "not passed by {factor}: {}",
        record.describe()
    );
    Ok(())
}

/// Ends the sessions of application and org.
pub async fn sign_out(browser: &Browser) -> Result<()> {
    browser
        .open(&format!("{}/logout", okta::APP_ORIGIN))
        .await?;
    browser
        .open(&format!("{}/login/signout", okta::ORG_ORIGIN))
        .await
}

async fn time_step(browser: &Browser) -> Result<i64> {
    let step = browser.run("return Math.floor(Date.now() / 30000)", Vec::new());
    step.await?.as_i64().context("no time")
}

/// RFC 6238 by the browser's own cryptography: another implementation than the server's.
async fn one_time_code(browser: &Browser, secret: &str, step: i64) -> Result<String> {
    const SCRIPT: &str = r#"
        const [secret, step, done] = arguments;
        const bits = [...secret.replace(/\s/g, "")]
            .map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
        const bytes = new Uint8Array(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
        const counter = new DataView(new ArrayBuffer(8));
        counter.setBigUint64(0, BigInt(step));
        crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-1" }, false, ["sign"])
            .then((key) => crypto.subtle.sign("HMAC", key, counter))
            .then((tag) => {
                const at = new Uint8Array(tag)[19] & 15;
                const number = new DataView(tag).getUint32(at) & 0x7fffffff;
                done(String(number % 1000000).padStart(6, "0"));
            }, (why) => done({ thrown: String(why) }));"#;
    let code = browser
        .run_async(SCRIPT, vec![json!(secret), json!(step)])
        .await?;
    Ok(code
        .as_str()
        .with_context(|| format!("no code: {code}"))?
        .to_owned())
}

/// The JSON values that a command printed, one on each line or all in one array.
pub fn lines(said: &str) -> Result<Vec<Value>> {
    let mut values = Vec::new();
    for value in serde_json::Deserializer::from_str(said).into_iter::<Value>() {
        match value? {
            Value::Array(inner) => values.extend(inner),
            other => values.push(other),
        }
    }
    Ok(values)
}
