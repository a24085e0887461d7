//! Checking what a person shows.

use super::{Asked, Refusal, Step, enrol, page::Panel, words::grouped};
use crate::{
    clock::Millis,
    domain::{
        challenge::{self, Factor, Strength, pass_code, pass_factor},
        code::{self, Purpose},
        factor::{passkey::PasskeyError, totp},
    },
    store::factor::TotpRow,
};
use wire::reason::Reason;

const PASSKEY: &str = "passkey";

pub(super) async fn ask_for_passkey(asked: &Asked<'_>) -> Result<Step, Refusal> {
    let started = asked
        .passkeys()?
        .start_authentication(&asked.credentials().await?, decoy(asked))?;
    let id = asked.challenge.id.as_str();
    asked
        .app
        .store
        .put_factor_attempt(id, PASSKEY, &started.state, asked.now)
        .await?;
    Ok(Step::Passkey {
        options: started.options,
    })
}

pub(super) async fn passkey(asked: &Asked<'_>, answer: &str) -> Result<Step, Refusal> {
    const WRONG: &str =
        "This passkey does not belong to this account, or the prompt was too long ago. Try again.";
    let retry = || Ok(Step::retry(WRONG, Panel::Closed));
    asked.begin(Factor::Passkey).await?;
    let Some(state) = taken(asked, PASSKEY).await? else {
        return retry();
    };
    let finished =
        asked
            .passkeys()?
            .finish_authentication(&state, &asked.credentials().await?, answer);
    let (stored, strength) = match (finished, &asked.user) {
        (Ok(held), Some(_)) => held,
        (Err(error @ (PasskeyError::Origin | PasskeyError::Corrupt)), _) => {
            return Err(error.into());
        }
        _ => return retry(),
    };
    asked
        .app
        .store
        .touch_passkey(&stored.credential_id, &stored.credential, asked.now)
        .await?;
    pass(asked, Factor::Passkey, strength).await
}

pub(super) async fn totp(asked: &Asked<'_>, typed: &str) -> Result<Step, Refusal> {
    let retry = |message| Ok(Step::retry(message, Panel::Totp));
    asked.begin(Factor::Totp).await?;
    if !asked.count_try("totp").await? {
        return retry("Too many wrong codes. Wait a quarter of an hour, or choose another way.");
    }
    let held = match &asked.user {
        Some(user) => asked
            .app
            .store
            .find_totp(&user.id)
            .await?
            .filter(|row| row.confirmed_at != 0),
        None => None,
    };
    // The work is the same for people who have no secret.
    let secret = held
        .as_ref()
        .and_then(|row| open(asked, row))
        .unwrap_or_else(|| totp::Secret::new(decoy_secret(asked)));
    let last_step = held.as_ref().map_or(Millis::MAX, |row| row.last_step);
    let step = totp::find_step(&secret, typed, asked.now, last_step);
    let passed = match (&asked.user, step) {
        (Some(user), Some(step)) => asked.app.store.use_totp_step(&user.id, step).await?,
        _ => false,
    };
    if !passed {
        return retry(
            "That code is wrong, too old, or was used before. Wait for the next one and try again.",
        );
    }
    asked.forgive_tries("totp").await?;
    pass(asked, Factor::Totp, Strength::Ordinary).await
}

pub(super) async fn code(asked: &Asked<'_>, typed: &str) -> Result<Step, Refusal> {
    asked.begin(Factor::Code).await?;
    let panel = || Panel::Code {
        number: grouped(&asked.challenge.matching),
    };
    let purpose = match code::redeem(asked.app, &asked.challenge, typed, asked.now).await? {
        Ok(purpose) => purpose,
        Err(Reason::RateLimited) => {
            return Ok(Step::retry(
                "Too many wrong codes for this sign-in. Begin it again, or choose another way.",
                panel(),
            ));
        }
        Err(_) => {
            return Ok(Step::retry(
                "That code is wrong, was used before, or is older than a minute. Ask for another.",
                panel(),
            ));
        }
    };
    // No code is issued for people who do not exist or may not sign in.
    let user = asked.user.as_ref().ok_or(Refusal::NotOffered)?;
    match purpose {
        Purpose::SignIn | Purpose::Bind => Step::of_passed(
            pass_code(asked.app, &asked.challenge, &user.id, purpose, asked.now).await?,
        ),
        Purpose::Totp => enrol::start_totp(asked, user).await,
        Purpose::Passkey => enrol::start_passkey(asked, user).await,
    }
}

/// The server's half of an exchange, if one is under way; it serves once.
pub(super) async fn taken(asked: &Asked<'_>, kind: &str) -> Result<Option<String>, Refusal> {
    let since = asked.now - challenge::LIFETIME;
    Ok(asked
        .app
        .store
        .take_factor_attempt(asked.challenge.id.as_str(), kind, since)
        .await?)
}

/// Where a person's secret belongs; it opens nowhere else.
pub(super) fn context(user: &crate::domain::user::UserId) -> String {
    format!("totp {user}")
}

async fn pass(asked: &Asked<'_>, factor: Factor, strength: Strength) -> Result<Step, Refusal> {
    let user = asked.user.as_ref().ok_or(Refusal::NotOffered)?;
    Step::of_passed(
        pass_factor(
            asked.app,
            &asked.challenge,
            &user.id,
            factor,
            strength,
            asked.now,
        )
        .await?,
    )
}

fn open(asked: &Asked<'_>, row: &TotpRow) -> Option<totp::Secret> {
    let user = asked.user.as_ref()?;
    totp::Secret::from_slice(
        &asked
            .app
            .master
            .open(&context(&user.id), &row.sealed_secret)?,
    )
}

/// What the browser is asked for where there is no passkey: the same for the same name each time.
fn decoy(asked: &Asked<'_>) -> [u8; 32] {
    let subject = asked.challenge.subject.as_str().to_ascii_lowercase();
    let hash = asked.app.master.code_hash("passkey decoy", &subject);
    // Invariant: the keyed hash is HMAC-SHA-256 as base64url.
    wire::b64::decode(&hash)
        .and_then(|bytes| bytes.try_into().ok())
        .unwrap_or_default()
}

fn decoy_secret(asked: &Asked<'_>) -> [u8; totp::SECRET] {
    let mut secret = [0; totp::SECRET];
    secret.copy_from_slice(&decoy(asked)[..totp::SECRET]);
    secret
}
