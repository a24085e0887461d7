//! The ordinary factors of the fallback chooser: what they are called, how strong they are, and what they add to AMR.

pub mod code;
pub mod totp;

use serde::{Deserialize, Serialize};

/// An ordinary factor that a person passes by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// WebAuthn with user verification.
    Passkey,
    /// RFC 6238.
    Totp,
    /// Nine characters from the help desk.
    Code,
}

/// How much a passed factor proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Bound to our origin by the browser: nothing that a person could be talked into handing over.
    PhishingResistant,
    /// A member of the help desk saw place and matching number and vouches for the person.
    Supervised,
    /// Something that a person can be talked into typing elsewhere.
    Ordinary,
}

impl Factor {
    /// All of them, in the order of the chooser.
    pub const ALL: [Self; 3] = [Self::Passkey, Self::Totp, Self::Code];

    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Passkey => "passkey",
            Self::Totp => "totp",
            Self::Code => "code",
        }
    }

    /// The factor with this stable name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factor| factor.code() == code)
    }

    /// What the chooser calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passkey => "Passkey",
            Self::Totp => "Authenticator app",
            Self::Code => "Help desk",
        }
    }

    /// What the chooser says about it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Passkey => "Unlock this device, your phone or a security key",
            Self::Totp => "Type the six digits that your app shows",
            Self::Code => "Call them, read them a number, type their code",
        }
    }

    /// How much it proves when it passes.
    pub const fn strength(self) -> Strength {
        match self {
            Self::Passkey => Strength::PhishingResistant,
            Self::Totp => Strength::Ordinary,
            Self::Code => Strength::Supervised,
        }
    }
}

impl Strength {
    /// Whether it suffices after `Impostor` or `Automated`, and switches silence on again.
    pub const fn is_strong(self) -> bool {
        matches!(self, Self::PhishingResistant | Self::Supervised)
    }
}

/// The factors that the chooser offers: what policy lets through, and after doubt only the strong ones. Which factors
/// the person has added is deliberately no argument, so that the chooser tells nobody who exists.
pub fn offered(allowed: &[Factor], strong_only: bool) -> Vec<Factor> {
    Factor::ALL
        .into_iter()
        .filter(|factor| allowed.contains(factor))
        .filter(|factor| !strong_only || factor.strength().is_strong())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_lead_back() {
        for factor in Factor::ALL {
            assert_eq!(Factor::from_code(factor.code()), Some(factor));
            assert_eq!(serde_json::to_value(factor).unwrap(), factor.code());
        }
        assert_eq!(Factor::from_code("silent"), None);
    }

    #[test]
    fn after_doubt_only_strong_factors_are_offered() {
        assert_eq!(
            offered(&Factor::ALL, true),
            [Factor::Passkey, Factor::Code]
        );
        assert_eq!(offered(&Factor::ALL, false), Factor::ALL);
        assert_eq!(offered(&[Factor::Totp], true), []);
    }
}
