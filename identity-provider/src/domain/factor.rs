//! How the ordinary factors are checked, apart from help-desk codes (see [`super::code`]). What they are and what they
//! prove is in [`super::challenge`].

pub mod passkey;
pub mod totp;
