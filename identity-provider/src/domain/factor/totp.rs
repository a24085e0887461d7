//! Time-based one-time codes as RFC 6238 and RFC 4226 define them: HMAC-SHA-1, six digits, steps of 30 seconds, which is
//! what every authenticator app speaks.

use crate::clock::Millis;
use aws_lc_rs::hmac;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

/// Bytes of a secret: the length of the hash, as RFC 4226 recommends.
pub const SECRET: usize = 20;
/// Milliseconds of one time step.
pub const STEP: Millis = 30_000;

/// A shared secret.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; SECRET]>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// A secret of these (random) bytes.
    pub fn new(bytes: [u8; SECRET]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The secret as it was stored; `None` if it is not one.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self::new(bytes.try_into().ok()?))
    }

    /// For sealing.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// RFC 4648 base 32 without padding, as people type it into an app.
    pub fn base32(&self) -> Zeroizing<String> {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        // Twenty bytes are 32 groups of five bits exactly.
        let mut out = String::with_capacity(SECRET * 8 / 5);
        let (mut bits, mut held) = (0u32, 0u32);
        for &byte in self.0.iter() {
            bits = (bits << 8 | u32::from(byte)) & 0xffff;
            held += 8;
            while held >= 5 {
                held -= 5;
                out.push(char::from(ALPHABET[(bits >> held & 31) as usize]));
            }
        }
        Zeroizing::new(out)
    }

    /// The key URI that authenticator apps read.
    pub fn uri(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits=6&period=30",
            self.base32().as_str(),
            issuer = percent_encoded(issuer),
            account = percent_encoded(account),
        ))
    }

    /// The six digits of one time step.
    fn digits(&self, step: i64) -> [u8; 6] {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.as_bytes());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[tag.len() - 1] & 15);
        let mut number = u32::from_be_bytes([tag[at] & 127, tag[at + 1], tag[at + 2], tag[at + 3]]);
        let mut out = [0; 6];
        for digit in out.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
        out
    }
}

/// The time step to which `typed` belongs, if it is the current one, the one before or the one after, and later than
/// `last_step`. All three are computed and compared whatever the outcome, so that time tells nothing.
pub fn find_step(secret: &Secret, typed: &str, now: Millis, last_step: i64) -> Option<i64> {
    let typed: Vec<u8> = typed.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let typed: [u8; 6] = typed.try_into().ok()?;
    let current = now.div_euclid(STEP);
    let mut found = i64::MIN;
    for step in [current - 1, current, current + 1] {
        let fits = secret.digits(step).ct_eq(&typed) & Choice::from(u8::from(step > last_step));
        found.conditional_assign(&step, fits);
    }
    (found != i64::MIN).then_some(found)
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
pub(crate) fn code_at(secret: &Secret, now: Millis) -> String {
    String::from_utf8(secret.digits(now.div_euclid(STEP)).to_vec()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rfc() -> Secret {
        Secret::new(*b"12345678901234567890")
    }

    #[test]
    fn the_vectors_of_rfc_6238_hold() {
        // Appendix B gives eight digits; six are their tail.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(&rfc(), seconds * 1_000), code);
        }
    }

    #[test]
    fn one_step_on_either_side_is_taken_and_two_are_not() {
        let now = 1_111_111_111_000;
        let current = now / STEP;
        for (steps, taken) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let typed = code_at(&rfc(), now + steps * STEP);
            let found = find_step(&rfc(), &typed, now, 0);
            assert_eq!(found, taken.then_some(current + steps), "{steps}");
        }
    }

    #[test]
    fn a_step_counts_once_and_no_earlier_one_counts_after_it() {
        let now = 1_111_111_111_000;
        let current = now / STEP;
        assert_eq!(find_step(&rfc(), &code_at(&rfc(), now), now, current), None);
        assert_eq!(
            find_step(&rfc(), &code_at(&rfc(), now - STEP), now, current),
            None
        );
        assert_eq!(
            find_step(&rfc(), &code_at(&rfc(), now + STEP), now, current),
            Some(current + 1)
        );
    }

    #[test]
    fn what_is_not_six_digits_fits_nothing() {
        for typed in ["", "28708", "2870822", "28708x", "２８７０８２", "-87082"] {
            assert_eq!(find_step(&rfc(), typed, 59_000, 0), None, "{typed}");
        }
        assert_eq!(find_step(&rfc(), " 287 082 ", 59_000, 0), Some(1));
    }

    #[test]
    fn secrets_print_as_base_32_and_never_as_debug() {
        assert_eq!(rfc().base32().as_str(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(format!("{:?}", rfc()), "Secret(..)");
        assert_eq!(
            rfc().uri("Tacit", "ann lee@acme.test").as_str(),
            "otpauth://totp/Tacit:ann%20lee@acme.test?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Tacit&algorithm=SHA1&digits=6&period=30"
        );
    }
}
