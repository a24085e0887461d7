//! The compact JWS of RFC 7515 as bytes: what to sign and how to put the parts together. Signing and verifying happen
//! elsewhere.

use crate::{b64, id::Thumbprint, limits};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The protected header of every statement that a device key signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Always ES256.
    pub alg: Alg,
    /// What kind of statement: a `TYP` of [`crate::statement`].
    pub typ: String,
    /// Thumbprint of the signing key.
    pub kid: Thumbprint,
}

/// The only algorithm of our own protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Alg {
    /// ECDSA on P-256 with SHA-256.
    ES256,
}

/// A P-256 public key as RFC 7518 section 6.2 has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwk {
    /// Always EC.
    pub kty: Kty,
    /// Always P-256.
    pub crv: Crv,
    /// 32 bytes.
    #[serde(with = "b64")]
    pub x: Vec<u8>,
    /// 32 bytes.
    #[serde(with = "b64")]
    pub y: Vec<u8>,
}

/// The only key type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kty {
    /// Elliptic curve.
    EC,
}

/// The only curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Crv {
    /// NIST P-256.
    #[serde(rename = "P-256")]
    P256,
}

impl Jwk {
    /// From the uncompressed point `04 ‖ x ‖ y`; `None` for anything else.
    pub fn from_point(point: &[u8]) -> Option<Self> {
        let [0x04, xy @ ..] = point else { return None };
        let (x, y) = (xy.len() == 64).then(|| xy.split_at(32))?;
        Some(Self {
            kty: Kty::EC,
            crv: Crv::P256,
            x: x.into(),
            y: y.into(),
        })
    }

    /// The uncompressed point; `None` if a coordinate is not 32 bytes.
    pub fn point(&self) -> Option<[u8; 65]> {
        let mut point = [0x04; 65];
        (self.x.len() == 32 && self.y.len() == 32).then(|| {
            point[1..33].copy_from_slice(&self.x);
            point[33..].copy_from_slice(&self.y);
            point
        })
    }

    /// The bytes whose SHA-256 is the key's RFC 7638 thumbprint.
    pub fn thumbprint_input(&self) -> Vec<u8> {
        let (x, y) = (b64::encode(&self.x), b64::encode(&self.y));
        format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).into_bytes()
    }
}

/// The text to sign: `BASE64URL(header) . BASE64URL(claims)`.
pub fn signing_input(header: &impl Serialize, claims: &impl Serialize) -> String {
    // Our own types with string keys: serde_json cannot fail on them.
    let part = |bytes: Result<Vec<u8>, _>| b64::encode(&bytes.unwrap_or_default());
    format!(
        "{}.{}",
        part(serde_json::to_vec(header)),
        part(serde_json::to_vec(claims))
    )
}

/// The finished compact JWS; `signature` is r ‖ s, 64 bytes.
pub fn compact(signing_input: &str, signature: &[u8]) -> String {
    format!("{signing_input}.{}", b64::encode(signature))
}

/// The parts of a compact JWS. Nothing here is verified: there is no way to the claims but [`Unverified::verified`].
#[derive(Debug, Clone)]
pub struct Unverified<'a> {
    /// The protected header, to choose the key by.
    pub header: Header,
    /// What was signed.
    pub signing_input: &'a str,
    /// r ‖ s.
    pub signature: Vec<u8>,
    claims: Vec<u8>,
}

/// Why a text is not a JWS of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Over [`limits::JWS`].
    #[error("longer than {} bytes", limits::JWS)]
    TooLong,
    /// Not three base64url parts with a signature of 64 bytes.
    #[error("not a compact JWS")]
    Shape,
    /// A header that is not [`Header`].
    #[error("a header of another kind")]
    Header,
    /// A `typ` other than the expected one.
    #[error("a statement of another type")]
    Type,
    /// The signature does not fit the key.
    #[error("the signature does not fit")]
    Signature,
    /// Signed, but the claims are not those of this statement.
    #[error("the claims are malformed")]
    Claims,
}

/// Splits a compact JWS that should be a statement of type `typ`.
pub fn parse_compact<'a>(text: &'a str, typ: &str) -> Result<Unverified<'a>, JwsError> {
    if text.len() > limits::JWS {
        return Err(JwsError::TooLong);
    }
    let (signing_input, signature) = text.rsplit_once('.').ok_or(JwsError::Shape)?;
    let (header, claims) = signing_input.split_once('.').ok_or(JwsError::Shape)?;
    let signature = b64::decode(signature)
        .filter(|s| s.len() == 64)
        .ok_or(JwsError::Shape)?;
    let header = b64::decode(header).ok_or(JwsError::Shape)?;
    let claims = b64::decode(claims).ok_or(JwsError::Shape)?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| JwsError::Header)?;
    if header.typ != typ {
        return Err(JwsError::Type);
    }
    Ok(Unverified {
        header,
        signing_input,
        signature,
        claims,
    })
}

impl Unverified<'_> {
    /// Hands the claims out if `check(signing input, signature)` says that the signature fits.
    pub fn verified<T: DeserializeOwned>(
        self,
        check: impl FnOnce(&[u8], &[u8]) -> bool,
    ) -> Result<T, JwsError> {
        if !check(self.signing_input.as_bytes(), &self.signature) {
            return Err(JwsError::Signature);
        }
        serde_json::from_slice(&self.claims).map_err(|_| JwsError::Claims)
    }
}
