//! The ID token (OpenID Connect Core section 2), ours and, as a hint, ours again.

use super::{
    jwk::JwkSet,
    jwt::{Alg, JwtError, Keys, UnverifiedJwt},
};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wire::{b64, jws};

/// What an ID token says.
#[derive(Debug, Clone, Serialize)]
pub struct IdToken<'a> {
    /// The connection's issuer.
    pub iss: &'a str,
    /// The person, the same for ever.
    pub sub: &'a str,
    /// The client.
    pub aud: &'a str,
    /// Seconds since 1970.
    pub exp: i64,
    /// Seconds since 1970.
    pub iat: i64,
    /// When the person's factor passed, in seconds since 1970.
    pub auth_time: i64,
    /// The request's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<&'a str>,
    /// How good the authentication was, as a whole.
    pub acr: &'a str,
    /// What was done (RFC 8176).
    pub amr: &'a [String],
    /// This sign-in, for logout.
    pub sid: &'a str,
    /// Half of the access token's hash.
    pub at_hash: &'a str,
    /// Everything else, by name.
    #[serde(flatten)]
    pub claims: &'a BTreeMap<String, serde_json::Value>,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: Alg,
    typ: &'static str,
    kid: &'a str,
}

impl IdToken<'_> {
    /// The text to sign by the key `kid`.
    pub fn signing_input(&self, alg: Alg, kid: &str) -> String {
        jws::signing_input(
            &Header {
                alg,
                typ: "JWT",
                kid,
            },
            self,
        )
    }
}

/// The finished token.
pub fn compact(signing_input: &str, signature: &[u8]) -> String {
    jws::compact(signing_input, signature)
}

/// `at_hash` (section 3.1.3.6) for the algorithms that we sign with: both hash with SHA-256.
pub fn access_token_hash(access_token: &str) -> String {
    let hash = digest(&SHA256, access_token.as_bytes());
    b64::encode(&hash.as_ref()[..16])
}

/// What an ID token of ours says when it comes back as a hint. It may have expired (RP-Initiated Logout section 2).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hint {
    iss: String,
    aud: String,
    sub: String,
    #[serde(default)]
    sid: String,
}

impl Hint {
    /// Reads a hint that `issuer` signed for `client_id` with `alg` and one of its keys.
    pub fn verify(
        text: &str,
        issuer: &str,
        client_id: &str,
        alg: Alg,
        ours: &JwkSet,
    ) -> Result<Self, JwtError> {
        let keys = Keys {
            secrets: &[],
            set: Some(ours),
        };
        let hint: Self = UnverifiedJwt::parse(text)?.verify(alg, keys)?;
        match hint.iss == issuer && hint.aud == client_id {
            true => Ok(hint),
            false => Err(JwtError::Claims),
        }
    }

    /// The person.
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// The sign-in.
    pub fn sid(&self) -> &str {
        &self.sid
    }
}
