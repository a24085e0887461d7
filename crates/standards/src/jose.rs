//! The part of JOSE that our own protocol uses: P-256 keys, their thumbprints, ES256, and DPoP proofs. The texts
//! themselves are types of `wire`.
//!
//! ```
//! use standards::jose;
//! use wire::jws::{Crv, Jwk, Kty};
//! let no_point = Jwk { kty: Kty::EC, crv: Crv::P256, x: vec![0; 31], y: vec![0; 32] };
//! assert_eq!(jose::thumbprint(&no_point), Err(jose::KeyError::NotAPoint));
//! ```

pub mod dpop;

use ring::{
    digest::{SHA256, digest as hash},
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use serde::{Deserialize, de::DeserializeOwned};
use wire::{
    b64,
    id::{Digest, Thumbprint},
    jws::{self, Jwk, JwsError},
    statement::{REGISTRATION_TYP, Registration},
};

/// Why a JWK is not a key of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A coordinate is not 32 bytes.
    #[error("the coordinates are not those of a P-256 point")]
    NotAPoint,
}

/// The RFC 7638 thumbprint.
pub fn thumbprint(key: &Jwk) -> Result<Thumbprint, KeyError> {
    key.point().ok_or(KeyError::NotAPoint)?;
    Thumbprint::new(sha256(&key.thumbprint_input())).map_err(|_| KeyError::NotAPoint)
}

/// SHA-256 of `bytes` as our protocol writes it; a proof's `ath` for a posted statement.
pub fn digest(bytes: &[u8]) -> Digest {
    Digest::new(sha256(bytes)).expect("32 bytes as base64url are always a Digest")
}

/// Whether `signature` (r ‖ s) over `message` is ES256 by `key`. A point off the curve verifies nothing.
pub fn verify_es256(key: &Jwk, message: &[u8], signature: &[u8]) -> bool {
    key.point().is_some_and(|point| {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(message, signature)
            .is_ok()
    })
}

/// Verifies a statement of type `typ` by `key`; its `kid` has to be the key's thumbprint.
pub fn verify_statement<T: DeserializeOwned>(
    text: &str,
    typ: &str,
    key: &Jwk,
) -> Result<T, JwsError> {
    let statement = jws::parse_compact(text, typ)?;
    if thumbprint(key).as_ref() != Ok(&statement.header.kid) {
        return Err(JwsError::Signature);
    }
    statement.verified(|message, signature| verify_es256(key, message, signature))
}

/// Verifies a device's introduction of itself: the key is the one that the statement brings along, so this proves
/// possession of that key and nothing else. `iss` and `kid` have to name it.
pub fn verify_registration(text: &str) -> Result<Registration, JwsError> {
    #[derive(Deserialize)]
    struct Introduced {
        jwk: Jwk,
    }
    let (_, claims) = text
        .rsplit_once('.')
        .and_then(|(input, _)| input.split_once('.'))
        .filter(|_| text.len() <= wire::limits::JWS)
        .ok_or(JwsError::Shape)?;
    let claims = b64::decode(claims).ok_or(JwsError::Shape)?;
    let Introduced { jwk } = serde_json::from_slice(&claims).map_err(|_| JwsError::Claims)?;
    let registration: Registration = verify_statement(text, REGISTRATION_TYP, &jwk)?;
    let named = thumbprint(&registration.jwk).map_err(|_| JwsError::Claims)?;
    (registration.iss.as_str() == named.as_str())
        .then_some(registration)
        .ok_or(JwsError::Claims)
}

fn sha256(bytes: &[u8]) -> String {
    b64::encode(hash(&SHA256, bytes).as_ref())
}
