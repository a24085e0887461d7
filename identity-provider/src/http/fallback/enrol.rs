//! Adding a factor, once a help-desk code of its own purpose has opened that. The challenge passes with the code.

use super::{
    Asked, Refusal, Step,
    check::{context, taken},
    page::{Panel, TotpSetUp},
};
use crate::{
    domain::{
        challenge::pass_code,
        code::{self, Purpose},
        enrolment,
        factor::{passkey::PasskeyError, totp},
        notice::{self, Notice},
        user::User,
    },
    random,
    store::{Store, StoreError, Write, decision::Event, factor::PasskeyRow},
};
use qrcode::{Color, EcLevel, QrCode};

const TOTP: &str = "enrol totp";
const PASSKEY: &str = "enrol passkey";
const ISSUER: &str = "Tacit";

pub(super) async fn start_totp(asked: &Asked<'_>, user: &User) -> Result<Step, Refusal> {
    refuse_while_held(asked, user)?;
    let secret = totp::Secret::new(random::bytes());
    let sealed = asked.app.master.seal(&context(&user.id), secret.as_bytes());
    asked
        .app
        .store
        .put_factor_attempt(asked.challenge.id.as_str(), TOTP, &sealed, asked.now)
        .await?;
    Ok(Step::EnrolTotp(set_up(&secret, user)))
}

pub(super) async fn finish_totp(asked: &Asked<'_>, typed: &str) -> Result<Step, Refusal> {
    let (user, sealed) = under_way(asked, TOTP).await?;
    let secret = asked
        .app
        .master
        .open(&context(&user.id), &sealed)
        .and_then(|bytes| totp::Secret::from_slice(&bytes));
    let secret = secret.ok_or(StoreError::Corrupt("secret of an authenticator app"))?;
    let Some(step) = totp::find_step(&secret, typed, asked.now, 0) else {
        let key = format!("enrol {}", asked.challenge.id);
        if !asked
            .app
            .store
            .count_attempt(
                &key,
                code::ATTEMPTS,
                crate::domain::challenge::LIFETIME,
                asked.now,
            )
            .await?
        {
            return Err(Refusal::TooMany);
        }
        asked
            .app
            .store
            .put_factor_attempt(asked.challenge.id.as_str(), TOTP, &sealed, asked.now)
            .await?;
        let message = "That is not the code that the app shows for this key. Try the next one.";
        return Ok(Step::retry(
            message,
            Panel::EnrolTotp(set_up(&secret, user)),
        ));
    };
    let mut write = asked.app.store.write().await?;
    match Store::add_totp(&mut write, &user.id, &sealed, step, asked.now).await? {
        true => added(asked, user, Purpose::Totp, write).await,
        false => Err(Refusal::Held),
    }
}

pub(super) async fn start_passkey(asked: &Asked<'_>, user: &User) -> Result<Step, Refusal> {
    refuse_while_held(asked, user)?;
    let started =
        asked
            .passkeys()?
            .start_registration(&user.id, &user.login, &asked.credentials().await?)?;
    asked
        .app
        .store
        .put_factor_attempt(
            asked.challenge.id.as_str(),
            PASSKEY,
            &started.state,
            asked.now,
        )
        .await?;
    Ok(Step::EnrolPasskey {
        options: started.options,
    })
}

pub(super) async fn finish_passkey(asked: &Asked<'_>, answer: &str) -> Result<Step, Refusal> {
    const WRONG: &str =
        "The browser's answer could not be accepted. Ask for another code and try again.";
    let (user, state) = under_way(asked, PASSKEY).await?;
    let stored = match asked.passkeys()?.finish_registration(&state, answer) {
        Ok(stored) => stored,
        Err(error @ (PasskeyError::Origin | PasskeyError::Corrupt)) => return Err(error.into()),
        Err(error) => {
            tracing::info!(challenge = %asked.challenge.id, %error, "no passkey was made");
            return Ok(Step::retry(WRONG, Panel::Closed));
        }
    };
    let row = PasskeyRow {
        credential_id: stored.credential_id,
        user_id: user.id.as_str().to_owned(),
        credential: stored.credential,
        label: String::new(),
        created_at: asked.now,
        last_used_at: 0,
    };
    let mut write = asked.app.store.write().await?;
    match Store::add_passkey(&mut write, &user.id, &row, asked.now).await {
        Ok(true) => added(asked, user, Purpose::Passkey, write).await,
        Ok(false) => Err(Refusal::Held),
        // The same credential again, maybe of somebody else: never two people with one.
        Err(StoreError::Conflict) => Ok(Step::retry(WRONG, Panel::Closed)),
        Err(error) => Err(error.into()),
    }
}

/// The person, and the server's half of the exchange that a redeemed code began.
async fn under_way<'a>(asked: &'a Asked<'_>, kind: &str) -> Result<(&'a User, String), Refusal> {
    let user = asked.user.as_ref().ok_or(Refusal::NotOffered)?;
    let state = taken(asked, kind).await?.ok_or(Refusal::NotOffered)?;
    Ok((user, state))
}

/// The store refuses too, atomically; this tells the person before anything is set up.
fn refuse_while_held(asked: &Asked<'_>, user: &User) -> Result<(), Refusal> {
    match enrolment::may_add_factor(user, asked.now) {
        true => Ok(()),
        false => Err(Refusal::Held),
    }
}

/// Ends the transaction that added a factor, with its event and its notices.
async fn added(
    asked: &Asked<'_>,
    user: &User,
    purpose: Purpose,
    mut write: Write<'_>,
) -> Result<Step, Refusal> {
    let (challenge, now) = (&asked.challenge, asked.now);
    let actor = user.login.as_str();
    let event = Event::about(challenge, now, "factor_added", actor, purpose.code());
    Store::append_event_in(&mut write, &event).await?;
    let notice = Notice::factor_added(challenge, purpose, now);
    notice::queue(asked.app, &mut write, user, &notice, now).await?;
    write.commit().await.map_err(StoreError::from)?;
    Step::of_passed(pass_code(asked.app, &asked.challenge, &user.id, purpose, asked.now).await?)
}

fn set_up(secret: &totp::Secret, user: &User) -> TotpSetUp {
    let uri = secret.uri(ISSUER, user.login.as_str());
    let (size, path) = qr(uri.as_bytes());
    let base32 = secret.base32();
    let groups: Vec<&str> = (0..base32.len())
        .step_by(4)
        .filter_map(|at| base32.get(at..at + 4))
        .collect();
    TotpSetUp {
        secret: groups.join(" "),
        uri: uri.to_string(),
        size,
        path,
    }
}

/// Side length in modules, and the SVG path of the dark ones, row by row. A text that is too long for any QR code has
/// none; the key can still be typed.
fn qr(text: &[u8]) -> (usize, String) {
    use std::fmt::Write as _;
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else {
        return (0, String::new());
    };
    let size = code.width();
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(size).enumerate() {
        let mut x = 0;
        while x < size {
            let dark = row[x..]
                .iter()
                .take_while(|color| **color == Color::Dark)
                .count();
            if dark > 0 {
                // Writing to a string cannot fail.
                let _ = write!(path, "M{x} {y}h{dark}v1h-{dark}z");
            }
            x += dark.max(1);
        }
    }
    (size, path)
}

#[cfg(test)]
mod tests {
    use super::qr;

    #[test]
    fn a_qr_code_has_its_three_corner_marks() {
        let (size, path) = qr(b"otpauth://totp/Tacit:ann@acme.test?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Tacit");
        assert!(size >= 29, "{size}");
        for corner in [
            "M0 0h7v1h-7z".to_owned(),
            format!("M{} 0h7v1h-7z", size - 7),
            format!("M0 {}h7v1h-7z", size - 1),
        ] {
            assert!(path.contains(&corner), "{corner}");
        }
        assert_eq!(qr(&[b'x'; 5_000]), (0, String::new()));
    }
}
