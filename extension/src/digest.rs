//! SHA-256 as the protocol writes it.

use ring::digest::{SHA256, digest};
use wire::{b64, id::Digest, id::Thumbprint, jws::Jwk};

/// SHA-256 of `bytes` as 43 characters of base64url.
pub fn sha256_text(bytes: &[u8]) -> String {
    b64::encode(digest(&SHA256, bytes).as_ref())
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Option<Digest> {
    Digest::new(sha256_text(bytes)).ok()
}

/// The RFC 7638 thumbprint of a public key.
pub fn thumbprint(jwk: &Jwk) -> Option<Thumbprint> {
    Thumbprint::new(sha256_text(&jwk.thumbprint_input())).ok()
}
