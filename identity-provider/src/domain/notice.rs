//! What people and administrators are told when something is added to an account or taken from it (DESIGN, section 5).
//!
//! A notice is written in the transaction of what it tells of: both stand, or neither does. It holds facts that the reader
//! can check, nothing that opens anything, and no text that a device or a page could choose.

use crate::{
    app::App,
    clock::{Millis, rfc3339},
    domain::{
        challenge::Challenge,
        code::Purpose,
        device::Device,
        enrolment::{HOLD, How},
        user::User,
    },
    http::fallback::words::browser_in_words,
    store::{Store, StoreError, Write},
};
use std::{collections::BTreeSet, fmt::Write as _};
use wire::statement::ProtectionClass;

/// What happened, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// One line, without names.
    pub subject: &'static str,
    /// What happened to whose account: `A device was enrolled for`.
    pub happened: &'static str,
    /// Names and values.
    pub facts: Vec<(&'static str, String)>,
    /// What follows for the reader.
    pub advice: String,
}

impl Notice {
    /// A device and a browser profile answer for the person from now on.
    pub fn bound(challenge: &Challenge, device: &Device, how: How, now: Millis) -> Self {
        let mut facts = vec![("When", minute(now)), ("How", how.words().to_owned())];
        facts.extend(facts_of_device(device));
        facts.extend(facts_of_challenge(challenge));
        Self {
            subject: "A device was enrolled for your sign-ins",
            happened: "A device was enrolled for",
            facts,
            advice: format!(
                "From now on this device can answer sign-ins to this account. No further way to sign in can be added before {}.",
                minute(now + HOLD)
            ),
        }
    }

    /// A passkey or an authenticator app was added.
    pub fn factor_added(challenge: &Challenge, purpose: Purpose, now: Millis) -> Self {
        let what = match purpose {
            Purpose::Passkey => "a passkey",
            Purpose::Totp => "an authenticator app",
            Purpose::Bind | Purpose::SignIn => "a help-desk code",
        };
        let mut facts = vec![("When", minute(now)), ("What", what.to_owned())];
        facts.extend(facts_of_challenge(challenge));
        Self {
            subject: "A way to sign in was added",
            happened: "A way to sign in was added for",
            facts,
            advice: format!("No further one can be added before {}.", minute(now + HOLD)),
        }
    }

    /// A device was taken back.
    pub fn device_revoked(device: &Device, now: Millis) -> Self {
        let mut facts = vec![("When", minute(now))];
        facts.extend(facts_of_device(device));
        Self {
            subject: "A device was revoked",
            happened: "A device was revoked that answered sign-ins for",
            facts,
            advice: "It answers no sign-in any more, and forgets what it learned at its next contact. Until another device is enrolled, \
                     an ordinary factor is asked for."
                .into(),
        }
    }

    /// The whole text.
    pub fn body(&self, user: &User, origin: &str) -> String {
        let width = self
            .facts
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0);
        let mut text = format!("{} {}.\n\n", self.happened, user.login);
        for (name, value) in &self.facts {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {name:width$}  {value}");
        }
        let _ = write!(
            text,
            "\n{}\n\nIf you did not expect this, tell your help desk at once.\n\n-- \nTacit at {origin}. Nobody reads replies to this message, and \
             Tacit never asks for a code or a password by mail.\n",
            self.advice
        );
        text
    }
}

/// Puts a notice about `user` into the outbox, within the caller's transaction: one for the person, if the login is a mail
/// address, and one for each administrator. Without `[mail]` in the settings the event that the caller records is all there
/// is.
pub async fn queue(
    app: &App,
    write: &mut Write<'_>,
    user: &User,
    notice: &Notice,
    now: Millis,
) -> Result<(), StoreError> {
    let Some(mail) = &app.settings.mail else {
        return Ok(());
    };
    let login = user.login.as_str();
    let mut recipients: BTreeSet<&str> = mail.administrators.iter().map(String::as_str).collect();
    if login.parse::<lettre::Address>().is_ok() {
        recipients.insert(login);
    }
    let body = notice.body(user, app.settings.origin.as_str());
    for recipient in recipients {
        if !Store::insert_letter(write, recipient, notice.subject, &body, now).await? {
            metrics::counter!("tacit_notices_total", "result" => "full").increment(1);
            tracing::error!(user = %user.id, "the outbox is full: a notice is in the audit trail only; see `tacit doctor`");
        }
    }
    Ok(())
}

fn facts_of_challenge(challenge: &Challenge) -> [(&'static str, String); 2] {
    [
        ("Address", challenge.place.clone()),
        ("Browser", browser_in_words(&challenge.agent)),
    ]
}

fn facts_of_device(device: &Device) -> [(&'static str, String); 2] {
    // The platform is the device's own word for itself: only known words get into a mail.
    let system = match device.posture.platform.as_str() {
        "linux" => "Linux",
        "windows" => "Windows",
        "macos" => "macOS",
        _ => "an unknown system",
    };
    let key = match device.protection_class {
        ProtectionClass::Hardware => "in hardware",
        ProtectionClass::OsProtected => "in the system's key store",
        ProtectionClass::Software => "in a file",
    };
    let short: String = device.id.as_str().chars().take(10).collect();
    [
        ("Device", format!("{short}… ({system})")),
        ("Its key", format!("kept {key}")),
    ]
}

fn minute(at: Millis) -> String {
    let text = rfc3339(at);
    let (day, time) = (text.get(..10), text.get(11..16));
    format!(
        "{} {} UTC",
        day.unwrap_or_default(),
        time.unwrap_or_default()
    )
}
