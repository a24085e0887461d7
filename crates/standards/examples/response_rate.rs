//! How many Responses are built and signed per second and core, beside the bare RSA-2048 signatures that they contain.
//! Prints one JSON object. Run it with `--release`; the two are measured in turn, so that both see the same machine.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use standards::saml::{
    CONTEXT_PASSWORD_PROTECTED_TRANSPORT, FORMAT_UNSPECIFIED,
    certificate::Certificate,
    response::{Assertion, Envelope, SignedPart, Signing, form_value, success},
};
use std::{hint::black_box, time::Instant};

const ROUNDS: usize = 15;
const PER_ROUND: u32 = 200;

fn main() {
    let key = pem(include_str!("../test-only-keys/identity-provider.key.pem"));
    let key = RsaKeyPair::from_pkcs8(&key).expect("a test key is RSA");
    let certificate = Certificate::from_der(&pem(include_str!(
        "../test-only-keys/identity-provider.crt.pem"
    )));
    let certificate = certificate.expect("a test certificate is one");
    let sign = |message: &[u8]| {
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message,
            &mut signature,
        )
        .ok()?;
        Some(signature)
    };
    let signing = Signing {
        certificate_der: certificate.der(),
        sign: &sign,
    };
    let message = [7; 600];
    let (mut signatures, mut responses) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        signatures.push(rate(|| drop(black_box(sign(black_box(&message))))));
        responses.push(rate(|| drop(black_box(response(&signing)))));
    }
    let (signatures, responses) = (median(signatures), median(responses));
    println!(
        "{{\"responses_per_s\":{responses:.0},\"signatures_per_s\":{signatures:.0},\"ratio\":{:.3},\"rounds\":{ROUNDS}}}",
        responses / signatures
    );
}

/// One Response as it is posted.
fn response(signing: &Signing<'_>) -> String {
    let envelope = Envelope {
        id: "_8c1f0e6a4d1b4c0f9a3e5d7b2f6a8c1e",
        issue_instant_ms: 1_767_225_600_000,
        issuer: "https://login.tacit.test/saml/acme/metadata",
        destination: "https://acme.okta.test/sso/saml2/0oa1factoridp00000g7",
        in_response_to: "id216400685678752324916391",
    };
    let assertion = Assertion {
        id: "_2f6a8c1e8c1f0e6a4d1b4c0f9a3e5d7b",
        audience: "https://www.okta.com/saml2/service-provider/spabcdefghijklmnopqr",
        name_id: "alice@acme.test",
        name_id_format: FORMAT_UNSPECIFIED,
        authn_instant_ms: 1_767_225_600_000,
        session_index: "_9a3e5d7b2f6a8c1e8c1f0e6a4d1b4c0f",
        context_class: CONTEXT_PASSWORD_PROTECTED_TRANSPORT,
        amr: &["hwk", "pop", "mfa"],
        attributes: &[],
        not_before_ms: 60_000,
        lifetime_ms: 300_000,
    };
    let xml = success(&envelope, &assertion, SignedPart::Assertion, signing)
        .expect("constants make a Response");
    form_value(&xml)
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
