//! The DPoP proof (RFC 9449) that an installation key makes for each call to `/agent/*`.

use crate::{
    id::Nonce,
    jws::{Alg, Jwk},
};
use serde::{Deserialize, Serialize};

/// The HTTP header that carries the proof.
pub const HEADER_NAME: &str = "DPoP";
/// The `typ` of a proof.
pub const TYP: &str = "dpop+jwt";

/// Protected header of a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Always ES256.
    pub alg: Alg,
    /// Always [`TYP`].
    pub typ: String,
    /// The installation's public key.
    pub jwk: Jwk,
}

/// Claims of a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// 16 or more random bytes, base64url; used once.
    pub jti: String,
    /// HTTP method, upper case.
    pub htm: String,
    /// The full URL without query and fragment.
    pub htu: String,
    /// Seconds since 1970.
    pub iat: i64,
    /// SHA-256 of the posted statement (the compact JWS as ASCII), base64url; of the body where there is no statement.
    /// RFC 9449 uses the member for an access token; the statement takes that place here.
    pub ath: String,
    /// The challenge's nonce; absent where no challenge is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Nonce>,
}
