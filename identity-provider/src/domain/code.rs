//! Help-desk codes: nine characters, one minute, one purpose, one challenge whose place and number the issuer sees.

use crate::{
    app::App,
    clock::{MINUTE, Millis},
    domain::{
        challenge::{Challenge, Factor},
        enrolment,
    },
    random,
    store::{StoreError, code::CodeRow},
};
use wire::reason::Reason;

/// How long a code is good.
pub const LIFETIME: Millis = MINUTE;
/// Tries per challenge, over all its codes.
pub const ATTEMPTS: i64 = 5;
const LENGTH: usize = 9;

/// What a code is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Binds the device that the challenge's browser offered, and passes the challenge.
    Bind,
    /// Lets the person set up one-time codes.
    Totp,
    /// Lets the person set up a passkey.
    Passkey,
    /// Passes the challenge.
    SignIn,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Bind, Self::Totp, Self::Passkey, Self::SignIn];

    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Totp => "totp",
            Self::Passkey => "passkey",
            Self::SignIn => "sign-in",
        }
    }

    /// The purpose of this name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.code() == code)
    }
}

/// What a code may be issued for just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Openings {
    /// In the order in which the help desk sees them.
    pub purposes: Vec<Purpose>,
    /// Why others are missing; empty if none are.
    pub note: &'static str,
}

/// What the help desk may issue for `challenge`, wherever it sits: nothing that the challenge could not take, no binding
/// without a device to bind, no addition while additions are held, and nothing for people who may not sign in.
pub async fn openings(
    app: &App,
    challenge: &Challenge,
    now: Millis,
) -> Result<Openings, StoreError> {
    let none = |note| {
        Ok(Openings {
            purposes: Vec::new(),
            note,
        })
    };
    if !challenge.allows(Factor::Code) {
        return none("Policy takes no help-desk code for this sign-in.");
    }
    let Some(user) = enrolment::active(app, challenge).await? else {
        return none("Nobody who may sign in has this name: no code can be issued.");
    };
    let may_add = enrolment::may_add_factor(&user, now);
    let all = [
        Purpose::SignIn,
        Purpose::Bind,
        Purpose::Passkey,
        Purpose::Totp,
    ];
    let is_open = |purpose: &Purpose| match purpose {
        Purpose::SignIn => true,
        Purpose::Bind => challenge.candidate.is_some(),
        Purpose::Passkey | Purpose::Totp => may_add,
    };
    Ok(Openings {
        purposes: all.into_iter().filter(is_open).collect(),
        note: match (may_add, &challenge.candidate) {
            (false, _) => {
                "A device or a factor was added less than a day ago: no further factor can be added yet."
            }
            (true, None) => "No device waits in this browser, so none can be enrolled.",
            (true, Some(_)) => "",
        },
    })
}

/// Issues a code for `challenge` without asking [`openings`]; the text is for the issuer's eyes and is not stored.
pub async fn issue(
    app: &App,
    challenge: &Challenge,
    purpose: Purpose,
    issued_by: &str,
    now: Millis,
) -> Result<String, StoreError> {
    let text = random::readable(LENGTH);
    let code = CodeRow {
        id: random::id(now),
        challenge: challenge.id.clone(),
        purpose,
        hash: app.master.code_hash(challenge.id.as_str(), &text),
        issued_by: issued_by.into(),
        created_at: now,
        expires_at: now + LIFETIME,
    };
    app.store.insert_code(&code).await?;
    app.store
        .insert_event(now, "code_issued", issued_by, challenge, purpose.code())
        .await?;
    Ok(text)
}

/// Uses up what a person typed as a code of `challenge`. Spaces, hyphens and letter case do not matter.
pub async fn redeem(
    app: &App,
    challenge: &Challenge,
    typed: &str,
    now: Millis,
) -> Result<Result<Purpose, Reason>, StoreError> {
    if !app
        .store
        .count_code_attempt(&challenge.id, ATTEMPTS)
        .await?
    {
        return Ok(Err(Reason::RateLimited));
    }
    let Some(text) = normalised(typed) else {
        return Ok(Err(Reason::Malformed));
    };
    let hash = app.master.code_hash(challenge.id.as_str(), &text);
    let Some((purpose, issued_by)) = app.store.use_code(&challenge.id, &hash, now).await? else {
        return Ok(Err(Reason::PolicyStepUp));
    };
    app.store
        .insert_event(now, "code_used", &issued_by, challenge, purpose.code())
        .await?;
    Ok(Ok(purpose))
}

/// The code in capitals, with the letters that are no part of the alphabet read as their look-alikes.
fn normalised(typed: &str) -> Option<String> {
    if typed.len() > 4 * LENGTH {
        return None;
    }
    let text: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    let readable = |b: u8| random::READABLE.contains(&b);
    (text.len() == LENGTH && text.bytes().all(readable)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::normalised;

    #[test]
    fn codes_may_be_typed_carelessly_but_not_guessed_in_pieces() {
        assert_eq!(normalised("abc-def 01o").as_deref(), Some("ABCDEF010"));
        assert_eq!(normalised("abcdef01"), None);
        assert_eq!(normalised("abcdef01ü"), None);
        assert_eq!(normalised(&" ".repeat(99)), None);
    }
}
