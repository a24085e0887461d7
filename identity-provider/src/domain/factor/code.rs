//! The help desk's codes: nine characters, one minute, one purpose, one challenge.

use crate::clock::{MINUTE, Millis};
use crate::random::READABLE;
use zeroize::Zeroizing;

/// Characters of a code: 45 bits, against a handful of tries in a minute.
pub const LENGTH: usize = 9;
/// How long one lives.
pub const LIFETIME: Millis = MINUTE;
/// Wrong codes that one challenge takes before it hears no more of them. The device path is not touched by it.
pub const ATTEMPTS: i64 = 5;

/// What a code is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Binds the device that offered itself in this challenge, and passes.
    Bind,
    /// Opens the set-up of an authenticator app, which passes once it is confirmed.
    Totp,
    /// Opens the making of a passkey, which passes once it is made.
    Passkey,
    /// Passes this one sign-in.
    SignIn,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::SignIn, Self::Bind, Self::Passkey, Self::Totp];

    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Totp => "totp",
            Self::Passkey => "passkey",
            Self::SignIn => "sign-in",
        }
    }

    /// What the console calls it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Bind => "Enrol this browser and device",
            Self::Totp => "Add an authenticator app",
            Self::Passkey => "Make a passkey",
            Self::SignIn => "This sign-in only",
        }
    }

    /// The purpose with this stable name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.code() == code)
    }

    /// Whether it adds a factor that can be used again on this page, which waits for the hold of 24 hours. (Whether a
    /// device may be bound is for the binding to say.)
    pub const fn adds_factor(self) -> bool {
        matches!(self, Self::Totp | Self::Passkey)
    }
}

/// What a person typed, as the alphabet spells it: case, spaces and hyphens do not matter, and look-alikes are read as
/// the character that the alphabet has. `None` if it cannot be a code.
pub fn parse(typed: &str) -> Option<Zeroizing<String>> {
    let mut code = Zeroizing::new(String::with_capacity(LENGTH));
    for c in typed.chars().filter(|c| !c.is_whitespace() && *c != '-') {
        let c = match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        if code.len() == LENGTH || !u8::try_from(c).is_ok_and(|c| READABLE.contains(&c)) {
            return None;
        }
        code.push(c);
    }
    (code.len() == LENGTH).then_some(code)
}

/// In groups of three, as people read it out.
pub fn grouped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 3);
    for (n, c) in text.chars().enumerate() {
        if n > 0 && n % 3 == 0 {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_types_is_read_kindly() {
        for typed in ["7K0 1MX 9QZ", "7ko-imx-9qz", " 7kO lmX9Qz"] {
            assert_eq!(parse(typed).unwrap().as_str(), "7K01MX9QZ", "{typed}");
        }
        for typed in ["", "7K01MX9Q", "7K01MX9QZ0", "7K01MX9QU", "7K01MX9Qé", "7K01MX9Q\u{130}"] {
            assert_eq!(parse(typed), None, "{typed}");
        }
    }

    #[test]
    fn a_code_is_read_out_in_threes() {
        assert_eq!(grouped("7K01MX9QZ"), "7K0 1MX 9QZ");
        assert_eq!(grouped("482107"), "482 107");
        assert_eq!(parse(&grouped("7K01MX9QZ")).unwrap().as_str(), "7K01MX9QZ");
    }

    #[test]
    fn purposes_lead_back_from_their_names() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::from_code(purpose.code()), Some(purpose));
        }
        assert_eq!(Purpose::from_code("everything"), None);
    }
}
