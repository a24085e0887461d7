use crate::statements::Key;
use serde_json::{Value, json};
use standards::jose::{
    self,
    dpop::{DpopError as E, Expected, verify},
};
use wire::id::{Digest, Nonce};

const URL: &str = "https://login.tacit.test/agent/answers";
const NOW: i64 = 1_760_000_000;

fn ath() -> Digest {
    jose::digest(b"statement")
}

fn nonce() -> Nonce {
    Nonce::new("A".repeat(43)).unwrap()
}

fn header(key: &Key) -> Value {
    json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": key.jwk()})
}

fn claims() -> Value {
    json!({"jti": "0123456789abcdefghijkl", "htm": "POST", "htu": URL, "iat": NOW, "ath": ath(), "nonce": nonce()})
}

fn check(proof: &str) -> Result<(), E> {
    let (ath, nonce) = (ath(), nonce());
    verify(
        proof,
        &Expected::new("POST", URL, NOW, &ath).with_nonce(&nonce),
    )
    .map(|_| ())
}

#[test]
fn a_good_proof_gives_thumbprint_and_identifier() {
    let key = Key::generate();
    let proof = key.sign(&header(&key), &claims());
    let (ath, nonce) = (ath(), nonce());
    let verified = verify(
        &proof,
        &Expected::new("POST", URL, NOW, &ath).with_nonce(&nonce),
    )
    .unwrap();
    assert_eq!(verified.jkt(), &jose::thumbprint(&key.jwk()).unwrap());
    assert_eq!(
        (verified.jti(), verified.iat()),
        ("0123456789abcdefghijkl", NOW)
    );
}

#[test]
fn each_wrong_claim_is_refused_for_its_own_reason() {
    let key = Key::generate();
    for (member, value, expected) in [
        ("jti", json!("short"), E::Jti),
        ("jti", json!("a".repeat(65)), E::Jti),
        ("jti", json!("0123456789abcdefghij\n'"), E::Jti),
        ("htm", json!("GET"), E::Method),
        ("htm", json!("post"), E::Method),
        ("htu", json!("https://evil.test/agent/answers"), E::Url),
        (
            "htu",
            json!("https://login.tacit.test/agent/answers?a"),
            E::Url,
        ),
        ("iat", json!(NOW - 121), E::Expired),
        ("iat", json!(NOW + 121), E::NotYetValid),
        ("iat", json!(i64::MIN), E::Expired),
        ("iat", json!(i64::MAX), E::NotYetValid),
        ("iat", json!("now"), E::Claims),
        ("ath", json!(jose::digest(b"another")), E::AccessTokenHash),
        ("nonce", json!("B".repeat(42) + "A"), E::Nonce),
        ("nonce", Value::Null, E::NonceMissing),
        ("nonce", json!("short"), E::Claims),
        ("extra", json!(1), E::Claims),
    ] {
        let mut claims = claims();
        claims[member] = value.clone();
        assert_eq!(
            check(&key.sign(&header(&key), &claims)),
            Err(expected),
            "{member} {value}"
        );
    }
    for edge in [NOW - 120, NOW + 120] {
        let mut claims = claims();
        claims["iat"] = json!(edge);
        assert_eq!(check(&key.sign(&header(&key), &claims)), Ok(()));
    }
}

#[test]
fn a_nonce_where_none_is_meant_is_refused() {
    let key = Key::generate();
    let ath = ath();
    let proof = key.sign(&header(&key), &claims());
    assert_eq!(
        verify(&proof, &Expected::new("POST", URL, NOW, &ath)),
        Err(E::Nonce)
    );
}

#[test]
fn each_wrong_header_is_refused_for_its_own_reason() {
    let (key, other) = (Key::generate(), Key::generate());
    let mut off_curve = json!(key.jwk());
    off_curve["y"] = json!("A".repeat(43));
    let mut short = json!(key.jwk());
    short["x"] = json!("AAAA");
    let mut private = json!(key.jwk());
    private["d"] = json!("AAAA");
    for (sentence, member, value, expected) in [
        ("unsigned", "alg", json!("none"), E::Header),
        ("HMAC", "alg", json!("HS256"), E::Header),
        ("a statement", "typ", json!("tacit-answer+jwt"), E::Type),
        ("a plain JWT", "typ", json!("JWT"), E::Type),
        ("another key", "jwk", json!(other.jwk()), E::Signature),
        ("off the curve", "jwk", off_curve, E::Signature),
        ("short coordinate", "jwk", short, E::Key),
        ("private key", "jwk", private, E::Header),
        (
            "symmetric key",
            "jwk",
            json!({"kty": "oct", "k": "AAAA"}),
            E::Header,
        ),
        ("critical extension", "crit", json!(["b64"]), E::Header),
    ] {
        let mut header = header(&key);
        header[member] = value;
        assert_eq!(
            check(&key.sign(&header, &claims())),
            Err(expected),
            "{sentence}"
        );
    }
}

#[test]
fn texts_that_are_no_proof_are_refused() {
    let key = Key::generate();
    let proof = key.sign(&header(&key), &claims());
    for (text, expected) in [
        (String::new(), E::Shape),
        ("..".into(), E::Shape),
        (proof.clone() + ".", E::Shape),
        (proof.clone() + "=", E::Shape),
        (proof.replace('.', " ."), E::Shape),
        ("a".repeat(9_000), E::TooLong),
        (format!("{proof}AA"), E::Shape),
    ] {
        assert_eq!(check(&text), Err(expected), "{text}");
    }
}
