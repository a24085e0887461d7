//! An RSA key that signs JWTs for a test.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::test_only_key;

pub struct Key(RsaKeyPair);

impl Key {
    pub fn load(name: &str) -> Key {
        let pem = std::fs::read_to_string(test_only_key(name)).unwrap();
        let text: String = pem
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        Key(RsaKeyPair::from_pkcs8(&STANDARD.decode(text).unwrap()).unwrap())
    }

    pub fn jwks(&self) -> Value {
        let der = self.0.public_key().as_ref();
        let n = &der[der.len() - 5 - 256..der.len() - 5];
        json!({ "keys": [{ "kty": "RSA", "kid": "k1", "use": "sig", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode(n) }] })
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message.as_bytes(),
                &mut signature,
            )
            .unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
