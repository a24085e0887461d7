//! How many ID tokens are built and signed per second and core, beside the bare RSA-2048 signatures that they contain.
//! Prints one JSON object. Run it with `--release`; the two are measured in turn, so that both see the same machine.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use standards::oidc::{
    id_token::{IdToken, access_token_hash, compact},
    jwt::Alg,
};
use std::{collections::BTreeMap, hint::black_box, time::Instant};

const ROUNDS: usize = 15;
const PER_ROUND: u32 = 200;

fn main() {
    let key = pem(include_str!("../test-only-keys/identity-provider.key.pem"));
    let key = RsaKeyPair::from_pkcs8(&key).expect("a test key is RSA");
    let sign = |message: &[u8]| {
        let mut signature = vec![0; key.public_modulus_len()];
        let random = SystemRandom::new();
        key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
            .expect("the buffer fits the key");
        signature
    };
    let message = [7; 600];
    let (mut signatures, mut tokens) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        signatures.push(rate(|| drop(black_box(sign(black_box(&message))))));
        tokens.push(rate(|| drop(black_box(token(&sign)))));
    }
    let (signatures, tokens) = (median(signatures), median(tokens));
    println!(
        "{{\"id_tokens_per_s\":{tokens:.0},\"signatures_per_s\":{signatures:.0},\"ratio\":{:.3},\"rounds\":{ROUNDS}}}",
        tokens / signatures
    );
}

/// One ID token as it is handed out, with its access token's hash.
fn token(sign: &impl Fn(&[u8]) -> Vec<u8>) -> String {
    let amr = ["hwk", "pop", "mfa"].map(str::to_owned);
    let claims = BTreeMap::from([
        (
            "preferred_username".to_owned(),
            Value::from("alice@acme.test"),
        ),
        ("email".to_owned(), Value::from("alice@acme.test")),
    ]);
    let token = IdToken {
        iss: "https://login.tacit.test/oidc/acme",
        sub: "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000",
        aud: "PHzLqnR3vJ0mYy1kVx2W",
        exp: 1_767_225_900,
        iat: 1_767_225_600,
        auth_time: 1_767_225_600,
        nonce: Some("7f6a8c1e8c1f0e6a4d1b4c0f9a3e5d7b"),
        acr: "urn:tacit:possession",
        amr: &amr,
        sid: "o3rWv0s1m2k3j4h5g6f7d8",
        at_hash: &access_token_hash("C5dV8nq0W2m4X6z8B1c3D5f7H9j1L3n5P7r9T1v3X5z"),
        claims: &claims,
    };
    let input = token.signing_input(Alg::RS256, "0199cccc-bbbb-7ccc-8ddd-eeeeffff0000");
    compact(&input, &sign(input.as_bytes()))
}

fn rate(mut run: impl FnMut()) -> f64 {
    let begin = Instant::now();
    (0..PER_ROUND).for_each(|_| run());
    f64::from(PER_ROUND) / begin.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn pem(text: &str) -> Vec<u8> {
    let base64: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    STANDARD.decode(base64).expect("a test key is PEM")
}
