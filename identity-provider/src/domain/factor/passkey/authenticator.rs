//! A software authenticator for tests: one P-256 key, attestation `none`, as WebAuthn Level 3 section 6 lays it out.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use wire::b64::encode;

/// An authenticator with one key, and the browser in front of it.
pub(crate) struct Authenticator {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    origin: String,
    /// Bits of the authenticator data: user present, user verified.
    pub flags: u8,
}

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;

impl Authenticator {
    pub(crate) fn new(origin: &str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let mut id = vec![0; 32];
        aws_lc_rs::rand::fill(&mut id).unwrap();
        Self {
            key,
            id,
            origin: origin.into(),
            flags: PRESENT | VERIFIED,
        }
    }

    /// The same, but nobody unlocks it.
    pub(crate) fn without_user_verification(mut self) -> Self {
        self.flags = PRESENT;
        self
    }

    pub(crate) fn id(&self) -> String {
        encode(&self.id)
    }

    /// Answers `navigator.credentials.create`.
    pub(crate) fn create(&self, options: &Value) -> String {
        let mut data = self.data(options["publicKey"]["rp"]["id"].as_str().unwrap(), ATTESTED);
        data.extend([0; 16]); // AAGUID
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        // COSE_Key {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}.
        let point = self.key.public_key().as_ref();
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 32]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 32]);
        data.extend(&point[33..]);
        // {"fmt": "none", "attStmt": {}, "authData": data}.
        let mut object = vec![0xa3, 0x63];
        object.extend(b"fmt\x64none\x67attStmt\xa0\x68authData\x59");
        object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend(&data);
        let client = self.client_data("webauthn.create", options);
        json!({
            "id": self.id(), "rawId": self.id(), "type": "public-key", "extensions": {},
            "response": { "attestationObject": encode(&object), "clientDataJSON": encode(&client) },
        })
        .to_string()
    }

    /// Answers `navigator.credentials.get`, whatever the options allow.
    pub(crate) fn get(&self, options: &Value) -> String {
        let data = self.data(options["publicKey"]["rpId"].as_str().unwrap(), 0);
        let client = self.client_data("webauthn.get", options);
        let signed = [&data[..], digest(&SHA256, &client).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": self.id(), "rawId": self.id(), "type": "public-key", "extensions": {},
            "response": {
                "authenticatorData": encode(&data), "clientDataJSON": encode(&client), "signature": encode(signature.as_ref()),
            },
        })
        .to_string()
    }

    fn data(&self, rp: &str, flags: u8) -> Vec<u8> {
        let mut data = digest(&SHA256, rp.as_bytes()).as_ref().to_vec();
        data.push(self.flags | flags);
        data.extend([0; 4]); // no counter
        data
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let challenge = options["publicKey"]["challenge"].as_str().unwrap();
        json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false })
            .to_string()
            .into_bytes()
    }
}
