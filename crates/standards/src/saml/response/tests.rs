use super::*;
use crate::saml::{
    authn_request::VALUE_BYTES, c14n::canonical, signature::verify_enveloped, work::Budget, xml,
};
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use ring::{rand::SystemRandom, signature::RsaKeyPair};
use roxmltree::Document;

const KEY: &str = include_str!("../../../test-only-keys/identity-provider.key.pem");
const CERTIFICATE: &str = include_str!("../../../test-only-keys/identity-provider.crt.pem");

fn base64_of(pem: &str) -> String {
    pem.lines()
        .filter(|line| !line.starts_with("-----"))
        .collect()
}

fn certificate() -> crate::saml::certificate::Certificate {
    crate::saml::certificate::Certificate::from_base64(&base64_of(CERTIFICATE)).unwrap()
}

fn build(values: &[String; 6], part: SignedPart) -> String {
    let [issuer, destination, name_id, audience, amr, attribute] = values;
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(base64_of(KEY)).unwrap()).unwrap();
    let sign = |message: &[u8]| {
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(
            &ring::signature::RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message,
            &mut signature,
        )
        .ok()?;
        Some(signature)
    };
    let certificate = certificate();
    let signing = Signing {
        certificate_der: certificate.der(),
        sign: &sign,
    };
    let envelope = Envelope {
        id: "_r1",
        issue_instant_ms: 0,
        issuer,
        destination,
        in_response_to: "id1",
    };
    let assertion = Assertion {
        id: "_a1",
        audience,
        name_id,
        name_id_format: audience,
        authn_instant_ms: 0,
        session_index: destination,
        context_class: issuer,
        amr: &[amr],
        attributes: &[(attribute.clone(), attribute.clone())],
        not_before_ms: 1,
        lifetime_ms: 1,
    };
    success(&envelope, &assertion, part, &signing).unwrap()
}

/// Whatever XML can carry, with all that has to be escaped.
fn xml_texts() -> impl Strategy<Value = [String; 6]> {
    let text = proptest::string::string_regex(
        "[ -~\t\n\r&<>\"'\u{a0}-\u{d7ff}\u{e000}-\u{fffd}\u{1f600}]{1,20}",
    )
    .unwrap();
    proptest::array::uniform6(text)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_is_what_was_hashed(values in xml_texts()) {
        let [_, _, name_id, ..] = &values;
        prop_assert!(name_id.len() <= VALUE_BYTES);

        let xml = build(&values, SignedPart::Response);
        let document = xml::parse(xml::check(xml.as_bytes(), xml::Comments::Refused).unwrap().0).unwrap();
        let hashed = verify_enveloped(&document, "_r1", &[certificate()], &mut Budget::default()).unwrap();
        // Exclusive c14n takes nothing away but the signature and the declaration of `xs`.
        let at = xml.find("<ds:Signature ").unwrap();
        let end = xml.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
        let sent = [&xml[..at], &xml[end..]].concat().replacen(" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"", "", 1);
        prop_assert_eq!(hashed, sent);

        let xml = build(&values, SignedPart::Assertion);
        let whole = Document::parse(&xml).unwrap();
        let assertion = whole.descendants().find(|n| n.tag_name().name() == "Assertion").unwrap();
        let name = whole.descendants().find(|n| n.tag_name().name() == "NameID").unwrap();
        // The name comes back byte for byte.
        prop_assert_eq!(name.text().unwrap(), name_id);
        // The signed Assertion as a document of its own, as a verifier that cuts it out would see it.
        let alone = &xml[assertion.range()];
        let alone = alone.replacen("<saml2:Assertion ", "<saml2:Assertion xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" ", 1);
        let document = Document::parse(&alone).unwrap();
        prop_assert!(verify_enveloped(&document, "_a1", &[certificate()], &mut Budget::default()).is_ok());
        prop_assert_eq!(canonical(assertion, None, &[]).unwrap(), &xml[assertion.range()]);
    }
}
