//! Public keys as JSON (RFC 7517, 7518): ours for the world, and a client's from its registration.

use super::jwt::Alg;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};
use wire::b64;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Keys in one set.
pub const KEYS: usize = 16;
/// One set, in bytes of JSON.
pub const SET_BYTES: usize = 64 * 1024;

/// One public key, RSA or P-256. Members that we do not use are dropped, private ones are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// Its name within the set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// `sig`, where it is said.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// The algorithm that it is for, where it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// The key itself.
    #[serde(flatten)]
    pub material: Material,
}

/// The key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum Material {
    /// RFC 7518 section 6.3.
    #[serde(rename = "RSA")]
    Rsa {
        /// The modulus, big-endian.
        #[serde(with = "b64")]
        n: Vec<u8>,
        /// The exponent, big-endian.
        #[serde(with = "b64")]
        e: Vec<u8>,
    },
    /// RFC 7518 section 6.2.
    #[serde(rename = "EC")]
    Ec {
        /// `P-256`.
        crv: String,
        /// 32 bytes.
        #[serde(with = "b64")]
        x: Vec<u8>,
        /// 32 bytes.
        #[serde(with = "b64")]
        y: Vec<u8>,
    },
}

/// A set of keys (RFC 7517 section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct JwkSet {
    /// At most [`KEYS`].
    pub keys: Vec<Jwk>,
}

/// Why a text is not a set of keys to verify with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// Over [`SET_BYTES`] or [`KEYS`].
    #[error("more than {KEYS} keys or {SET_BYTES} bytes")]
    TooLarge,
    /// Not JSON of keys of a kind that we know.
    #[error("not a JWK or a set of RSA and P-256 keys: {0}")]
    Shape(String),
    /// A private key was handed over.
    #[error(
        "the key is private: hand over the public one, and make a new pair, because this one was shown"
    )]
    Private,
    /// Too short, too long, or no point of P-256.
    #[error("key {0}: an RSA key needs 2048 to 8192 bits, an elliptic one has to be P-256")]
    Weak(String),
}

impl JwkSet {
    /// Reads a set, or one key alone.
    pub fn parse(text: &str) -> Result<Self, JwkError> {
        if text.len() > SET_BYTES {
            return Err(JwkError::TooLarge);
        }
        let shape = |e: serde_json::Error| JwkError::Shape(e.to_string());
        let value: serde_json::Value = serde_json::from_str(text).map_err(shape)?;
        let all = match value.get("keys") {
            Some(serde_json::Value::Array(keys)) => keys.clone(),
            _ => vec![value],
        };
        if all.len() > KEYS {
            return Err(JwkError::TooLarge);
        }
        let is_private =
            |key: &serde_json::Value| ["d", "k", "p", "q"].iter().any(|m| key.get(m).is_some());
        if all.iter().any(is_private) {
            return Err(JwkError::Private);
        }
        let keys = all.into_iter().map(|key| {
            let key: Jwk = serde_json::from_value(key).map_err(shape)?;
            key.is_usable()
                .then_some(key.clone())
                .ok_or_else(|| JwkError::Weak(key.kid.unwrap_or_default()))
        });
        Ok(Self {
            keys: keys.collect::<Result<_, _>>()?,
        })
    }

    /// The keys that a JWT by `alg` with this `kid` may have been signed with.
    pub(super) fn candidates(&self, alg: Alg, kid: Option<&str>) -> impl Iterator<Item = &Jwk> {
        let fits = move |key: &&Jwk| {
            kid.is_none_or(|kid| key.kid.as_deref().is_none_or(|own| own == kid))
                && key.usage.as_deref().is_none_or(|usage| usage == "sig")
                && key.alg.as_deref().is_none_or(|own| own == alg.name())
        };
        self.keys.iter().filter(fits)
    }
}

impl Jwk {
    /// The public key of an X.509 certificate (DER), RSA or P-256, named `kid`; `None` for any other kind.
    pub fn of_certificate(der: &[u8], kid: &str) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let (material, alg) = match certificate.public_key().parsed().ok()? {
            x509_parser::public_key::PublicKey::RSA(rsa) => {
                let trimmed =
                    |bytes: &[u8]| bytes.iter().copied().skip_while(|&b| b == 0).collect();
                let (n, e) = (trimmed(rsa.modulus), trimmed(rsa.exponent));
                (Material::Rsa { n, e }, Alg::RS256)
            }
            x509_parser::public_key::PublicKey::EC(point) => {
                let point = wire::jws::Jwk::from_point(point.data())?;
                let crv = "P-256".to_owned();
                (
                    Material::Ec {
                        crv,
                        x: point.x,
                        y: point.y,
                    },
                    Alg::ES256,
                )
            }
            _ => return None,
        };
        Some(Self {
            kid: Some(kid.into()),
            usage: Some("sig".into()),
            alg: Some(alg.name().into()),
            material,
        })
    }

    /// Whether `signature` over `message` is by this key and `alg`; never for an algorithm of another kind of key.
    pub(super) fn verifies(&self, alg: Alg, message: &[u8], signature: &[u8]) -> bool {
        let rsa = match alg {
            Alg::RS256 => &RSA_PKCS1_2048_8192_SHA256,
            Alg::RS384 => &RSA_PKCS1_2048_8192_SHA384,
            Alg::RS512 => &RSA_PKCS1_2048_8192_SHA512,
            Alg::ES256 => {
                let point = self.point();
                return point.is_some_and(|point| {
                    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                        .verify(message, signature)
                        .is_ok()
                });
            }
            Alg::HS256 | Alg::HS384 | Alg::HS512 => return false,
        };
        let Material::Rsa { n, e } = &self.material else {
            return false;
        };
        RsaPublicKeyComponents { n, e }
            .verify(rsa, message, signature)
            .is_ok()
    }

    fn point(&self) -> Option<[u8; 65]> {
        let Material::Ec { crv, x, y } = &self.material else {
            return None;
        };
        let key = wire::jws::Jwk {
            kty: wire::jws::Kty::EC,
            crv: wire::jws::Crv::P256,
            x: x.clone(),
            y: y.clone(),
        };
        key.point().filter(|_| crv == "P-256")
    }

    fn is_usable(&self) -> bool {
        match &self.material {
            Material::Rsa { n, e } => {
                let leading = n.first().map_or(0, |b| b.leading_zeros());
                let bits = (n.len() * 8).saturating_sub(usize::try_from(leading).unwrap_or(0));
                (2048..=8192).contains(&bits) && (1..=8).contains(&e.len())
            }
            Material::Ec { .. } => self.point().is_some(),
        }
    }
}
