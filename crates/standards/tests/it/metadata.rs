use crate::okta::{ACS, ENTITY_ID, IDP_CERTIFICATE, base64_of, certificate, metadata};
use standards::saml::{
    certificate::CertificateError,
    metadata::{IdentityProvider, MetadataError as E, ServiceProvider},
    xml::XmlError,
};

#[test]
fn what_a_real_org_gave_is_read() {
    let sp =
        ServiceProvider::parse(include_bytes!("../../fixtures/real-okta-sp-metadata.xml")).unwrap();
    assert_eq!(
        sp.entity_id(),
        "https://www.okta.com/saml2/service-provider/spjdgpaagrvovbmzbufx"
    );
    assert_eq!(
        sp.default_acs(),
        "https://oie-00.dne-okta.com/sso/saml2/0oasdrpjyeMT7pkW5697"
    );
    assert!(sp.authn_requests_signed());
    assert_eq!(
        sp.signing_certificates().len(),
        1,
        "the one for encryption does not count"
    );
    assert_eq!(sp.name_id_formats().len(), 4);
    // 2035-05-23T11:44:51Z
    assert_eq!(
        sp.signing_certificates()[0].not_after_ms(),
        2_063_533_491_000
    );
}

#[test]
fn the_default_acs_is_the_marked_one_else_the_first() {
    let other = r#"<md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://other.test/acs" index="3"/>"#;
    let with_other = |text: String| {
        text.replace(
            "</md:SPSSODescriptor>",
            &format!("{other}</md:SPSSODescriptor>"),
        )
    };
    let read = |text: String| {
        ServiceProvider::parse(text.as_bytes())
            .unwrap()
            .default_acs()
            .to_owned()
    };
    assert_eq!(read(with_other(metadata(true))), ACS);
    let moved = with_other(metadata(true).replace(r#" isDefault="true""#, ""))
        .replace(r#"index="3""#, r#"index="3" isDefault="true""#);
    assert_eq!(read(moved), "https://other.test/acs");
}

#[test]
fn metadata_that_cannot_be_used_is_refused_each_for_its_own_reason() {
    let good = metadata(true);
    let short = base64_of(include_str!("../../test-only-keys/short.crt.pem"));
    let elliptic = base64_of(include_str!("../../test-only-keys/elliptic.crt.pem"));
    let ours = base64_of(crate::okta::SP_CERTIFICATE);
    let acs_at = good.find("<md:AssertionConsumerService").unwrap();
    let acs = good[acs_at..good.find("</md:SPSSODescriptor>").unwrap()].to_owned();
    let many = acs.repeat(20);
    for (sentence, spoiled, expected) in [
        (
            "document type",
            format!("<!DOCTYPE a>{good}"),
            E::Xml(XmlError::Doctype),
        ),
        (
            "list of entities",
            good.replace("EntityDescriptor", "EntitiesDescriptor"),
            E::NotAnEntity,
        ),
        (
            "no entityID",
            good.replace("entityID", "entityId"),
            E::EntityIdMissing,
        ),
        (
            "an identity provider",
            good.replace("SPSSO", "IDPSSO"),
            E::NotAServiceProvider,
        ),
        (
            "SAML 1.1",
            good.replace("SAML:2.0:protocol", "SAML:1.1:protocol"),
            E::NotAServiceProvider,
        ),
        ("no ACS", good.replace(&acs, ""), E::AcsMissing),
        (
            "only artifact",
            good.replace("HTTP-POST", "HTTP-Artifact"),
            E::AcsMissing,
        ),
        (
            "plain http",
            good.replace("https://acme", "http://acme"),
            E::AcsNotHttps,
        ),
        (
            "script",
            good.replace("https://acme.okta.test", "javascript:alert(1)//"),
            E::AcsNotHttps,
        ),
        (
            "credentials",
            good.replace("https://acme", "https://user@acme"),
            E::AcsNotHttps,
        ),
        (
            "CSP break-out",
            good.replace("0oa1factor", "a;script-src"),
            E::AcsNotHttps,
        ),
        (
            "index twice",
            good.replace(&acs, &acs.repeat(2)),
            E::AcsIndexRepeated,
        ),
        (
            "index that is none",
            good.replace(r#"index="0""#, r#"index="a""#),
            E::Malformed { name: "index" },
        ),
        (
            "too many ACS",
            good.replace(&acs, &many),
            E::TooMany {
                name: "AssertionConsumerService",
            },
        ),
        (
            "no certificate",
            good.replace(r#"use="signing""#, r#"use="encryption""#),
            E::CertificateMissing,
        ),
        (
            "no base64",
            good.replace(&ours, "?"),
            E::Certificate(CertificateError::NotBase64),
        ),
        (
            "no certificate in it",
            good.replace(&ours, "AAAA"),
            E::Certificate(CertificateError::NotACertificate),
        ),
        (
            "RSA-1024",
            good.replace(&ours, &short),
            E::Certificate(CertificateError::KeySize { bits: 1024 }),
        ),
        (
            "elliptic curve",
            good.replace(&ours, &elliptic),
            E::Certificate(CertificateError::NotRsa),
        ),
        (
            "flag",
            good.replace(r#"Signed="true""#, r#"Signed="TRUE""#),
            E::Malformed {
                name: "AuthnRequestsSigned",
            },
        ),
    ] {
        assert_ne!(spoiled, good, "{sentence}: nothing was changed");
        assert_eq!(
            ServiceProvider::parse(spoiled.as_bytes()),
            Err(expected),
            "{sentence}"
        );
    }
    assert_eq!(
        ServiceProvider::parse(good.as_bytes()).unwrap().entity_id(),
        ENTITY_ID
    );
}

#[test]
fn comments_in_metadata_are_skipped() {
    let text = metadata(true).replace("<md:SPSSO", "<!-- <md:a> --><md:SPSSO");
    assert!(ServiceProvider::parse(text.as_bytes()).is_ok());
}

#[test]
fn our_metadata_names_both_bindings_and_both_certificates_of_a_roll_over() {
    let certificate = certificate(IDP_CERTIFICATE);
    let ours = IdentityProvider {
        entity_id: "https://login.tacit.test/saml/acme/metadata",
        sso_url: "https://login.tacit.test/saml/acme/sso?a=1&b=\"2\"",
        signing_certificates: &[certificate.der(), certificate.der()],
        want_authn_requests_signed: true,
    };
    let xml = ours.to_xml().unwrap();
    assert_eq!(xml.matches(r#"use="signing""#).count(), 2);
    assert_eq!(xml.matches("?a=1&amp;b=&quot;2&quot;").count(), 2);
    assert!(xml.contains("HTTP-POST") && xml.contains("HTTP-Redirect"));
    let none = IdentityProvider {
        signing_certificates: &[],
        ..ours.clone()
    };
    assert_eq!(none.to_xml(), Err(E::CertificateMissing));
    let three = [certificate.der(); 3];
    let three = IdentityProvider {
        signing_certificates: &three,
        ..ours
    };
    assert_eq!(
        three.to_xml(),
        Err(E::TooMany {
            name: "KeyDescriptor"
        })
    );
}
