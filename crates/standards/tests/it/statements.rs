use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use standards::jose;
use wire::{
    jws::{Jwk, JwsError, compact, signing_input},
    statement::{HEARTBEAT_TYP, REGISTRATION_TYP},
};

/// A device's or installation's key.
pub struct Key(EcdsaKeyPair);

impl Key {
    pub fn generate() -> Self {
        let random = SystemRandom::new();
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
                .unwrap(),
        )
    }

    pub fn jwk(&self) -> Jwk {
        Jwk::from_point(self.0.public_key().as_ref()).unwrap()
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = signing_input(header, claims);
        let signature = self.0.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        compact(&input, signature.as_ref())
    }

    pub fn header(&self, typ: &str) -> Value {
        json!({"alg": "ES256", "typ": typ, "kid": jose::thumbprint(&self.jwk()).unwrap()})
    }

    pub fn registration(&self) -> Value {
        let id = jose::thumbprint(&self.jwk()).unwrap();
        json!({"iss": id, "aud": "https://login.tacit.test", "iat": 1, "cnf": {"jkt": id}, "jwk": self.jwk(),
            "protection_class": "hardware", "os_account": "ann", "posture": {"platform": "linux", "os_version": null,
            "disk_encrypted": null, "screen_lock": null, "screen_locked": null, "unlock_age_ms": null}})
    }
}

/// RFC 7638 has a vector for RSA only; this one is from RFC 9449, section 4 and 6.1: its `jwk` and the `jkt` of its token.
#[test]
fn the_thumbprint_is_the_one_of_rfc_9449() {
    let jwk: Jwk = serde_json::from_value(json!({
        "kty": "EC", "crv": "P-256",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"
    }))
    .unwrap();
    assert_eq!(
        jose::thumbprint(&jwk).unwrap().as_str(),
        "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    );
}

#[test]
fn a_statement_verifies_only_by_the_key_that_it_names() {
    let (key, other) = (Key::generate(), Key::generate());
    let claims = json!({"n": 1});
    let good = key.sign(&key.header(HEARTBEAT_TYP), &claims);
    assert_eq!(
        jose::verify_statement::<Value>(&good, HEARTBEAT_TYP, &key.jwk()),
        Ok(claims.clone())
    );
    assert_eq!(
        jose::verify_statement::<Value>(&good, REGISTRATION_TYP, &key.jwk()),
        Err(JwsError::Type)
    );
    assert_eq!(
        jose::verify_statement::<Value>(&good, HEARTBEAT_TYP, &other.jwk()),
        Err(JwsError::Signature)
    );
    let named_otherwise = key.sign(&other.header(HEARTBEAT_TYP), &claims);
    assert_eq!(
        jose::verify_statement::<Value>(&named_otherwise, HEARTBEAT_TYP, &key.jwk()),
        Err(JwsError::Signature)
    );
    assert_eq!(
        jose::verify_statement::<Value>(&named_otherwise, HEARTBEAT_TYP, &other.jwk()),
        Err(JwsError::Signature)
    );
}

#[test]
fn a_registration_has_to_name_and_carry_the_key_that_signs_it() {
    let (key, other) = (Key::generate(), Key::generate());
    let good = key.sign(&key.header(REGISTRATION_TYP), &key.registration());
    assert_eq!(jose::verify_registration(&good).unwrap().jwk, key.jwk());

    let claims_of_another = key.sign(&key.header(REGISTRATION_TYP), &other.registration());
    assert_eq!(
        jose::verify_registration(&claims_of_another),
        Err(JwsError::Signature)
    );
    let signed_by_another = other.sign(&key.header(REGISTRATION_TYP), &key.registration());
    assert_eq!(
        jose::verify_registration(&signed_by_another),
        Err(JwsError::Signature)
    );
    let mut named_otherwise = key.registration();
    named_otherwise["iss"] = json!(jose::thumbprint(&other.jwk()).unwrap());
    let named_otherwise = key.sign(&key.header(REGISTRATION_TYP), &named_otherwise);
    assert_eq!(
        jose::verify_registration(&named_otherwise),
        Err(JwsError::Claims)
    );
    assert_eq!(jose::verify_registration("a.b"), Err(JwsError::Shape));
    assert_eq!(
        jose::verify_registration(&"a.".repeat(9_000)),
        Err(JwsError::Shape)
    );
}
