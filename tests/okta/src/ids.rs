//! Identifiers and tokens of the shapes that Okta uses.

use aws_lc_rs::{digest, rand};

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const DIGITS: &[u8] = b"0123456789";
const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `00` and 40 characters: a Classic state token.
pub fn generate_classic_state_token() -> String {
    format!("00{}", pick(ALPHANUMERIC, 40))
}

/// `02` and 40 characters: an Identity Engine state handle.
pub fn generate_idx_state_handle() -> String {
    format!("02{}", pick(ALPHANUMERIC, 40))
}

/// `id` and 24 digits: an AuthnRequest's ID.
pub fn generate_request_id() -> String {
    format!("id{}", pick(DIGITS, 24))
}

/// Session cookies, session tokens and one-time codes.
pub fn generate_secret() -> String {
    pick(ALPHANUMERIC, 43)
}

/// Standard base64 on purpose: its `+`, `/` and `=` show whether a relay state
/// survives forms and query strings unchanged.
pub fn generate_relay_state() -> String {
    use base64::Engine as _;
    let mut bytes = [0_u8; 31];
    fill(&mut bytes);
    // The first three bytes force a "+" and a "/" into every relay state.
    bytes[..3].copy_from_slice(&[0xfb, 0xef, 0xff]);
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// 22 characters, as `transaction.id` in the System Log.
pub fn generate_transaction_id() -> String {
    pick(ALPHANUMERIC, 22)
}

/// `errorId` of an API error.
pub fn generate_error_id() -> String {
    format!("oae{}", pick(ALPHANUMERIC, 22))
}

/// `https://www.okta.com/saml2/service-provider/sp` and 18 lowercase letters.
pub fn generate_entity_id() -> String {
    format!(
        "https://www.okta.com/saml2/service-provider/sp{}",
        pick(LETTERS, 18)
    )
}

pub fn generate_uuid() -> String {
    let mut b = [0_u8; 16];
    fill(&mut b);
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    let hex: String = b.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// A 20-character id with Okta's three-character prefix (`00u`, `0oa`, `aut`, …)
/// that is the same in every run, so that logs of several runs can be compared.
pub fn derive_id(prefix: &str, of: &str) -> String {
    let digest = digest::digest(&digest::SHA256, format!("{prefix}|{of}").as_bytes());
    let tail: String = digest.as_ref()[..17]
        .iter()
        .map(|byte| char::from(ALPHANUMERIC[usize::from(*byte) % ALPHANUMERIC.len()]))
        .collect();
    format!("{prefix}{tail}")
}

/// A new 20-character id with this prefix.
pub fn generate_id(prefix: &str) -> String {
    format!("{prefix}{}", pick(ALPHANUMERIC, 17))
}

pub fn hash(secret: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
    out
}

fn pick(alphabet: &[u8], length: usize) -> String {
    let mut out = String::with_capacity(length);
    let limit = 256 - 256 % alphabet.len();
    while out.len() < length {
        let mut bytes = [0_u8; 64];
        fill(&mut bytes);
        for byte in bytes {
            let byte = usize::from(byte);
            if byte < limit && out.len() < length {
                out.push(char::from(alphabet[byte % alphabet.len()]));
            }
        }
    }
    out
}

fn fill(bytes: &mut [u8]) {
    // Invariant: the library's generator fails only if the operating system has no
    // entropy source, and then nothing of this program can work.
    rand::fill(bytes).expect("the system's random generator works");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_shapes_of_okta() {
        assert_eq!(generate_request_id().len(), 26);
        assert_eq!(derive_id("00u", "ann@acme.test").len(), 20);
        assert_eq!(
            derive_id("00u", "ann@acme.test"),
            derive_id("00u", "ann@acme.test")
        );
        assert_ne!(
            derive_id("00u", "ann@acme.test"),
            derive_id("00u", "ben@acme.test")
        );
        assert!(generate_relay_state().contains('+'));
        assert!(generate_relay_state().contains('/'));
        assert!(generate_relay_state().ends_with('='));
        assert_eq!(generate_uuid().len(), 36);
    }
}
