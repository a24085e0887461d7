use crate::okta::{ACS, ENTITY_ID, IDP_CERTIFICATE, IDP_KEY, ISSUED_MS, certificate, rsa_sha256};
use standards::saml::{
    CONTEXT_PASSWORD_PROTECTED_TRANSPORT, FORMAT_UNSPECIFIED,
    response::{
        Assertion, Envelope, Failure, ResponseError, SignedPart, Signing, failure, form_value,
        success,
    },
};

pub fn envelope() -> Envelope<'static> {
    Envelope {
        id: "_r1",
        issue_instant_ms: ISSUED_MS,
        issuer: "https://login.tacit.test/saml/acme/metadata",
        destination: ACS,
        in_response_to: "id216400685678752324916391",
    }
}

pub fn assertion<'a>(name_id: &'a str, attributes: &'a [(String, String)]) -> Assertion<'a> {
    Assertion {
        id: "_a1",
        audience: ENTITY_ID,
        name_id,
        name_id_format: FORMAT_UNSPECIFIED,
        authn_instant_ms: ISSUED_MS,
        session_index: "_s1",
        context_class: CONTEXT_PASSWORD_PROTECTED_TRANSPORT,
        amr: &["hwk", "pop", "mfa"],
        attributes,
        not_before_ms: 60_000,
        lifetime_ms: 300_000,
    }
}

fn with_signing<T>(run: impl FnOnce(&Signing<'_>) -> T) -> T {
    let certificate = certificate(IDP_CERTIFICATE);
    run(&Signing {
        certificate_der: certificate.der(),
        sign: &|message| Some(rsa_sha256(IDP_KEY, message)),
    })
}

#[test]
fn a_response_says_what_okta_demands() {
    let attributes = [("OktaAppName".to_owned(), "Work & play".to_owned())];
    let xml = with_signing(|s| {
        success(
            &envelope(),
            &assertion("Alice+x@acme.test", &attributes),
            SignedPart::Assertion,
            s,
        )
    })
    .unwrap();
    let document = roxmltree::Document::parse(&xml).unwrap();
    let find = |name: &str| {
        document
            .descendants()
            .find(|n| n.tag_name().name() == name)
            .unwrap()
    };
    assert_eq!(xml.matches("<ds:Signature ").count(), 1);
    assert_eq!(
        find("Signature").parent().unwrap().tag_name().name(),
        "Assertion"
    );
    assert_eq!(
        find("Signature")
            .prev_sibling_element()
            .unwrap()
            .tag_name()
            .name(),
        "Issuer"
    );
    assert_eq!(
        xml.matches(">https://login.tacit.test/saml/acme/metadata</saml2:Issuer>")
            .count(),
        2
    );
    assert_eq!(find("NameID").text(), Some("Alice+x@acme.test"));
    assert_eq!(find("NameID").attribute("Format"), Some(FORMAT_UNSPECIFIED));
    assert_eq!(find("Audience").text(), Some(ENTITY_ID));
    assert_eq!(find("Response").attribute("Destination"), Some(ACS));
    assert_eq!(
        find("Response").attribute("InResponseTo"),
        Some("id216400685678752324916391")
    );
    let confirmation = find("SubjectConfirmationData");
    assert_eq!(confirmation.attribute("Recipient"), Some(ACS));
    assert_eq!(
        confirmation.attribute("InResponseTo"),
        Some("id216400685678752324916391")
    );
    assert_eq!(
        confirmation.attribute("NotOnOrAfter"),
        Some("2026-01-01T00:05:00.000Z")
    );
    assert_eq!(
        find("Conditions").attribute("NotBefore"),
        Some("2025-12-31T23:59:00.000Z")
    );
    assert_eq!(
        find("AuthnStatement").attribute("SessionIndex"),
        Some("_s1")
    );
    let values: Vec<_> = document
        .descendants()
        .filter(|n| n.has_tag_name("AttributeValue") || n.tag_name().name() == "AttributeValue")
        .map(|n| {
            (
                n.parent().unwrap().attribute("Name").unwrap(),
                n.text().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        values,
        [
            ("session.amr", "hwk"),
            ("session.amr", "pop"),
            ("session.amr", "mfa"),
            ("OktaAppName", "Work & play")
        ]
    );
    assert_eq!(xml.matches(r#"xsi:type="xs:string""#).count(), 4);
    assert_eq!(
        find("AttributeValue").lookup_namespace_uri(Some("xs")),
        Some("http://www.w3.org/2001/XMLSchema")
    );
}

#[test]
fn a_failure_is_a_signed_response_without_an_assertion() {
    let xml = with_signing(|s| {
        failure(
            &envelope(),
            Failure::AuthnFailed,
            Some("declined <here>"),
            s,
        )
    })
    .unwrap();
    let document = roxmltree::Document::parse(&xml).unwrap();
    let codes: Vec<_> = document
        .descendants()
        .filter(|n| n.tag_name().name() == "StatusCode")
        .map(|n| n.attribute("Value").unwrap())
        .collect();
    assert_eq!(
        codes,
        [
            "urn:oasis:names:tc:SAML:2.0:status:Responder",
            "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"
        ]
    );
    assert!(xml.contains("<saml2p:StatusMessage>declined &lt;here&gt;</saml2p:StatusMessage>"));
    assert!(!xml.contains("Assertion"));
    assert_eq!(xml.matches("<ds:Signature ").count(), 1);
}

#[test]
fn values_that_xml_cannot_carry_are_refused_and_nothing_is_signed() {
    with_signing(|signing| {
        let never = Signing {
            sign: &|_| panic!("signed"),
            ..*signing
        };
        for (result, expected) in [
            (
                success(
                    &envelope(),
                    &assertion("a\u{0}", &[]),
                    SignedPart::Assertion,
                    &never,
                ),
                ResponseError::NotXmlText { name: "NameID" },
            ),
            (
                success(
                    &envelope(),
                    &Assertion {
                        lifetime_ms: i64::MAX,
                        ..assertion("a", &[])
                    },
                    SignedPart::Assertion,
                    &never,
                ),
                ResponseError::Time,
            ),
            (
                failure(&envelope(), Failure::NoPassive, Some("\u{1b}"), &never),
                ResponseError::NotXmlText {
                    name: "StatusMessage",
                },
            ),
        ] {
            assert_eq!(result, Err(expected));
        }
        let broken = Signing {
            sign: &|_| None,
            ..*signing
        };
        assert_eq!(
            failure(&envelope(), Failure::NoPassive, None, &broken),
            Err(ResponseError::Signing)
        );
    });
}

#[test]
fn the_form_value_is_plain_base64() {
    assert_eq!(form_value("<a/>"), "PGEvPg==");
}
