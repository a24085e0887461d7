//! Proof of possession towards the org (RFC 9449), which it demands of new service applications: each call carries a proof by
//! a key of this client's, and its access token is good with that key only.

use super::Error;
use crate::{
    clock::{Millis, seconds},
    random,
};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::json;
use wire::jws::{self, Jwk};

/// A key that lives as long as its client.
pub(super) struct DpopKey {
    pair: EcdsaKeyPair,
    jwk: Jwk,
}

impl DpopKey {
    pub fn generate() -> Result<Self, Error> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let pair = pair.map_err(|_| Error::Key)?;
        let jwk = Jwk::from_point(pair.public_key().as_ref()).ok_or(Error::Key)?;
        Ok(Self { pair, jwk })
    }

    /// For one call to `url`, which has no query. `token`: the access token that goes with it.
    pub fn proof(
        &self,
        method: &str,
        url: &str,
        token: Option<&str>,
        nonce: Option<&str>,
        now: Millis,
    ) -> Result<String, Error> {
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk });
        let mut claims =
            json!({ "jti": random::token::<24>(), "htm": method, "htu": url, "iat": seconds(now) });
        if let Some(token) = token {
            claims["ath"] = crate::keys::hash(token.as_bytes()).into();
        }
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        let input = jws::signing_input(&header, &claims);
        let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes());
        let signature = signature.map_err(|_| Error::Key)?;
        Ok(jws::compact(&input, signature.as_ref()))
    }
}
