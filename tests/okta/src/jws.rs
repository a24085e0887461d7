//! Compact JWS of others, verified with their published keys. Nothing of it is a fact before.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

pub struct Unverified {
    header: Value,
    claims: Value,
    message: String,
    signature: Vec<u8>,
}

pub fn parse(token: &str) -> Option<Unverified> {
    if token.len() > MOST_BYTES {
        return None;
    }
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        return None;
    };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let json = |part: &str| serde_json::from_slice::<Value>(&decode(part)?).ok();
    Some(Unverified {
        header: json(header)?,
        claims: json(claims)?,
        message: format!("{header}.{claims}"),
        signature: decode(signature)?,
    })
}

impl Unverified {
    /// Whose key to look for; nothing more.
    pub fn claimed_issuer(&self) -> Option<&str> {
        self.claims["iss"].as_str()
    }

    pub fn kind(&self) -> Option<&str> {
        self.header["typ"].as_str()
    }

    /// The claims, if a key of the set has signed them with one of the algorithms.
    pub fn verify(self, keys: &Value, algorithms: &[&str]) -> Option<Value> {
        let algorithm = self.header["alg"]
            .as_str()
            .filter(|name| algorithms.contains(name))?;
        let list = keys["keys"].as_array()?;
        let kid = &self.header["kid"];
        // Without a key identifier a set of one key is clear enough.
        let key = match kid.is_null() {
            true if list.len() == 1 => &list[0],
            true => return None,
            false => list.iter().take(50).find(|key| key["kid"] == *kid)?,
        };
        let bytes = |name: &str| {
            URL_SAFE_NO_PAD
                .decode(key[name].as_str().unwrap_or_default())
                .ok()
        };
        let message = self.message.as_bytes();
        let fits = match (algorithm, key["kty"].as_str()) {
            ("RS256", Some("RSA")) => {
                let key = RsaPublicKeyComponents {
                    n: bytes("n")?,
                    e: bytes("e")?,
                };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, &self.signature)
                    .is_ok()
            }
            ("ES256", Some("EC")) => {
                let point = [&[4][..], &bytes("x")?, &bytes("y")?].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, &self.signature)
                    .is_ok()
            }
            _ => false,
        };
        fits.then_some(self.claims)
    }
}

const MOST_BYTES: usize = 64 * 1024;
