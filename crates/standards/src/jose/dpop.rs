//! DPoP proofs (RFC 9449) as our own protocol uses them; see `wire::dpop` for what the members mean.
//!
//! ```
//! use standards::jose::{self, dpop::{self, DpopError, Expected}};
//! let ath = jose::digest(b"the statement");
//! let expected = Expected::new("POST", "https://login.example.com/agent/answers", 1_760_000_000, &ath);
//! assert_eq!(dpop::verify("a.b", &expected), Err(DpopError::Shape));
//! ```

use super::{thumbprint, verify_es256};
use wire::{
    b64,
    dpop::{Claims, Header, TYP},
    id::{Digest, Nonce, Thumbprint},
    limits,
};

/// How far `iat` may be off, in seconds, unless told otherwise.
pub const MAX_SKEW_S: i64 = 120;
/// Bounds of a `jti`, in characters: 16 random bytes are 22 characters of base64url.
pub const JTI_CHARACTERS: std::ops::RangeInclusive<usize> = 22..=64;

/// What the call is about.
#[derive(Debug, Clone)]
pub struct Expected<'a> {
    /// HTTP method, upper case.
    pub method: &'a str,
    /// The full URL without query and fragment, as the server knows itself.
    pub url: &'a str,
    /// Seconds since 1970 by the server's clock.
    pub now: i64,
    /// SHA-256 of the posted statement or body.
    pub ath: &'a Digest,
    /// The challenge's nonce; `None` where no challenge is meant, and then the proof must not carry one.
    pub nonce: Option<&'a Nonce>,
    /// How far `iat` may be off in either direction, in seconds.
    pub max_skew_s: i64,
}

impl<'a> Expected<'a> {
    /// Without a nonce and with [`MAX_SKEW_S`].
    pub fn new(method: &'a str, url: &'a str, now: i64, ath: &'a Digest) -> Self {
        Self {
            method,
            url,
            now,
            ath,
            nonce: None,
            max_skew_s: MAX_SKEW_S,
        }
    }

    /// With the nonce of a challenge.
    pub fn with_nonce(self, nonce: &'a Nonce) -> Self {
        Self {
            nonce: Some(nonce),
            ..self
        }
    }
}

/// A verified proof. The caller refuses a second use of (`jkt`, `jti`) until `iat` has left the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DpopProof {
    jkt: Thumbprint,
    jti: String,
    iat: i64,
}

impl DpopProof {
    /// Thumbprint of the key that made it.
    pub fn jkt(&self) -> &Thumbprint {
        &self.jkt
    }

    /// Its identifier, to be used once.
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// When it was made by the installation's clock, in seconds since 1970.
    pub fn iat(&self) -> i64 {
        self.iat
    }
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DpopError {
    /// Over `wire::limits::JWS`.
    #[error("the proof is longer than {} bytes", limits::JWS)]
    TooLong,
    /// Not three base64url parts with a signature of 64 bytes.
    #[error("the proof is not a compact JWS")]
    Shape,
    /// The header has other members, another algorithm or another kind of key.
    #[error("the proof's header is not ES256 with a P-256 key and nothing else")]
    Header,
    /// `typ` is not `dpop+jwt`.
    #[error("the token is not a DPoP proof")]
    Type,
    /// The header's key is no P-256 point.
    #[error("the proof's key is not a P-256 key")]
    Key,
    /// The signature does not fit the header's key.
    #[error("the proof's signature does not fit its key")]
    Signature,
    /// Signed, but with other claims.
    #[error("the proof's claims are malformed")]
    Claims,
    /// `jti` is too short, too long, or not base64url.
    #[error("the proof's jti is not 22 to 64 characters of base64url")]
    Jti,
    /// Made for another method.
    #[error("the proof was made for another method")]
    Method,
    /// Made for another URL.
    #[error("the proof was made for another URL")]
    Url,
    /// Too old.
    #[error("the proof is too old, or the installation's clock is slow")]
    Expired,
    /// From the future.
    #[error("the proof comes from the future: the installation's clock is fast")]
    NotYetValid,
    /// Made for another statement or body.
    #[error("the proof was made for another statement")]
    AccessTokenHash,
    /// There is no nonce, and there has to be one.
    #[error("the proof carries no nonce")]
    NonceMissing,
    /// Another nonce, or one where none is meant.
    #[error("the proof carries another nonce")]
    Nonce,
}

/// Verifies `proof` (RFC 9449 section 4.3). Replay is the caller's to refuse.
pub fn verify(proof: &str, expected: &Expected<'_>) -> Result<DpopProof, DpopError> {
    let (header, claims) = open(proof)?;
    if !JTI_CHARACTERS.contains(&claims.jti.len()) || !claims.jti.bytes().all(is_base64url) {
        return Err(DpopError::Jti);
    }
    if claims.htm != expected.method {
        return Err(DpopError::Method);
    }
    if claims.htu != expected.url {
        return Err(DpopError::Url);
    }
    if claims.iat < expected.now.saturating_sub(expected.max_skew_s) {
        return Err(DpopError::Expired);
    }
    if claims.iat > expected.now.saturating_add(expected.max_skew_s) {
        return Err(DpopError::NotYetValid);
    }
    if claims.ath != expected.ath.as_str() {
        return Err(DpopError::AccessTokenHash);
    }
    match (&claims.nonce, expected.nonce) {
        (None, Some(_)) => return Err(DpopError::NonceMissing),
        (theirs, ours) if theirs.as_ref() != ours => return Err(DpopError::Nonce),
        _ => {}
    }
    let jkt = thumbprint(&header.jwk).map_err(|_| DpopError::Key)?;
    Ok(DpopProof {
        jkt,
        jti: claims.jti,
        iat: claims.iat,
    })
}

/// Checks shape and signature, in that order, and only then reads the claims.
fn open(proof: &str) -> Result<(Header, Claims), DpopError> {
    if proof.len() > limits::JWS {
        return Err(DpopError::TooLong);
    }
    let (signing_input, signature) = proof.rsplit_once('.').ok_or(DpopError::Shape)?;
    let (header, claims) = signing_input.split_once('.').ok_or(DpopError::Shape)?;
    let decode = |part: &str| b64::decode(part).ok_or(DpopError::Shape);
    let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
    if signature.len() != 64 {
        return Err(DpopError::Shape);
    }
    let header: Header = serde_json::from_slice(&header).map_err(|_| DpopError::Header)?;
    if header.typ != TYP {
        return Err(DpopError::Type);
    }
    header.jwk.point().ok_or(DpopError::Key)?;
    if !verify_es256(&header.jwk, signing_input.as_bytes(), &signature) {
        return Err(DpopError::Signature);
    }
    let claims = serde_json::from_slice(&claims).map_err(|_| DpopError::Claims)?;
    Ok((header, claims))
}

fn is_base64url(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'-' || c == b'_'
}
