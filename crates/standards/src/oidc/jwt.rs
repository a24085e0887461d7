//! A signed JWT that somebody else made (RFC 7515, 7519): read only after its signature fits, by the one algorithm that was
//! agreed with its maker.
//!
//! The header decides nothing but which of the registered keys to try: `alg` has to be the agreed one, and it picks the kind
//! of key; `jku`, `x5u`, `jwk` and `x5c` are not looked at; `crit` is refused, because nothing critical is understood.

use super::jwk::JwkSet;
use ring::hmac;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use wire::b64;

/// One JWT, in bytes.
pub const JWT_BYTES: usize = 16 * 1024;
/// A secret that signs is at least so long (RFC 7518 section 3.2 demands the hash's length, which is more for two of them).
const SECRET_BYTES: usize = 32;

/// The algorithms of RFC 7518 that a client may agree on. `none` is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Alg {
    /// HMAC with SHA-256 by the client's secret.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
}

impl Alg {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::ES256,
    ];

    /// As the header has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::ES256 => "ES256",
        }
    }

    /// The algorithm of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.name() == name)
    }

    /// Whether the client's secret signs, and not a key pair.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }

    fn hmac(self) -> Option<hmac::Algorithm> {
        match self {
            Self::HS256 => Some(hmac::HMAC_SHA256),
            Self::HS384 => Some(hmac::HMAC_SHA384),
            Self::HS512 => Some(hmac::HMAC_SHA512),
            _ => None,
        }
    }
}

/// What a client signs with, as it was registered: texts of secrets (two during a roll-over), or public keys.
#[derive(Clone, Copy, Default)]
pub struct Keys<'a> {
    /// For the HMAC algorithms.
    pub secrets: &'a [&'a str],
    /// For the others.
    pub set: Option<&'a JwkSet>,
}

impl std::fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({} secrets, {:?})", self.secrets.len(), self.set)
    }
}

/// Why a JWT is not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Over [`JWT_BYTES`].
    #[error("the token is longer than {JWT_BYTES} bytes")]
    TooLong,
    /// Not three base64url parts, or encrypted.
    #[error("the token is not a compact JWS")]
    Shape,
    /// The header is no JSON object of known types.
    #[error("the token's header is malformed")]
    Header,
    /// `crit` names an extension.
    #[error("the token's header has members that have to be understood, and are not")]
    Critical,
    /// Another algorithm than the agreed one, `none` included.
    #[error("the token is not signed by the algorithm that was registered for it")]
    Algorithm,
    /// No registered key fits.
    #[error("the token's signature fits no registered key")]
    Signature,
    /// Signed, but no JSON of the expected kind.
    #[error("the token's claims are malformed")]
    Claims,
}

/// A JWT whose signature nobody has looked at.
#[derive(Debug, Clone)]
pub struct UnverifiedJwt<'a> {
    alg: String,
    kid: Option<String>,
    signing_input: &'a str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<serde::de::IgnoredAny>,
}

impl<'a> UnverifiedJwt<'a> {
    /// Splits `text`.
    pub fn parse(text: &'a str) -> Result<Self, JwtError> {
        if text.len() > JWT_BYTES {
            return Err(JwtError::TooLong);
        }
        let (signing_input, signature) = text.rsplit_once('.').ok_or(JwtError::Shape)?;
        let (header, claims) = signing_input.split_once('.').ok_or(JwtError::Shape)?;
        let decode = |part: &str| b64::decode(part).ok_or(JwtError::Shape);
        let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
        let header: Header = serde_json::from_slice(&header).map_err(|_| JwtError::Header)?;
        if header.crit.is_some() {
            return Err(JwtError::Critical);
        }
        Ok(Self {
            alg: header.alg,
            kid: header.kid,
            signing_input,
            claims,
            signature,
        })
    }

    /// The claims, if the signature is by `alg` and one of `keys`.
    pub fn verify<T: DeserializeOwned>(self, alg: Alg, keys: Keys<'_>) -> Result<T, JwtError> {
        if self.alg != alg.name() {
            return Err(JwtError::Algorithm);
        }
        let message = self.signing_input.as_bytes();
        let fits = match alg.hmac() {
            Some(hash) => keys.secrets.iter().any(|secret| {
                secret.len() >= SECRET_BYTES
                    && hmac::verify(
                        &hmac::Key::new(hash, secret.as_bytes()),
                        message,
                        &self.signature,
                    )
                    .is_ok()
            }),
            None => keys.set.is_some_and(|set| {
                let mut candidates = set.candidates(alg, self.kid.as_deref());
                candidates.any(|key| key.verifies(alg, message, &self.signature))
            }),
        };
        match fits {
            true => serde_json::from_slice(&self.claims).map_err(|_| JwtError::Claims),
            false => Err(JwtError::Signature),
        }
    }
}
