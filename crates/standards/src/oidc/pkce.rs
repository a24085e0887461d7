//! Proof Key for Code Exchange (RFC 7636), `S256` only.
//!
//! ```
//! use standards::oidc::pkce;
//! // RFC 7636, appendix B.
//! let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
//! assert!(pkce::is_challenge(challenge));
//! assert!(pkce::fits(challenge, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
//! assert!(!pkce::fits(challenge, challenge));
//! ```

use wire::b64;

/// Whether `text` can be a challenge by S256: SHA-256 as base64url (section 4.2).
pub fn is_challenge(text: &str) -> bool {
    text.len() == 43 && b64::decode(text).is_some_and(|bytes| bytes.len() == 32)
}

/// Whether `verifier` (43 to 128 unreserved characters, section 4.1) is the one of `challenge`.
pub fn fits(challenge: &str, verifier: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(allowed)
        && crate::jose::digest(verifier.as_bytes()).as_str() == challenge
}
