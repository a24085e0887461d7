//! Spoiled before it was signed: the signature fits, and the content is refused.

use super::{E, Tampered};
use crate::okta::{ACS, DESTINATION, ENTITY_ID, posted, redirected, request, signed};

/// Each by POST and by Redirect, but for IDs that no signature could refer to.
pub fn rows() -> Vec<Tampered> {
    let long_name = "a".repeat(300);
    let long_id = format!(r#"ID="{long_name}""#);
    let issuer = format!(
        r#"<saml2:Issuer xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion">{ENTITY_ID}</saml2:Issuer>"#
    );
    let mut rows = Vec::new();
    for (sentence, from, to, expected) in [
        (
            "wrong issuer",
            ENTITY_ID,
            "https://www.okta.com/saml2/service-provider/spother",
            E::IssuerUnknown,
        ),
        (
            "issuer with a slash more",
            "pqr</saml2:Issuer>",
            "pqr/</saml2:Issuer>",
            E::IssuerUnknown,
        ),
        (
            "wrong destination",
            DESTINATION,
            "https://login.tacit.test/saml/acme/sso/",
            E::DestinationOther,
        ),
        (
            "destination of another connection",
            "saml/acme/sso",
            "saml/evil/sso",
            E::DestinationOther,
        ),
        ("foreign acs", ACS, "https://evil.test/acs", E::AcsUnknown),
        (
            "acs that begins like ours",
            ACS,
            "https://acme.okta.test/sso/saml2/0oa1factoridp00000g7.evil.test",
            E::AcsUnknown,
        ),
        (
            "old",
            "2026-01-01T00:00:00.000Z",
            "2025-12-31T23:54:59.999Z",
            E::Expired,
        ),
        (
            "future",
            "2026-01-01T00:00:00.000Z",
            "2026-01-01T00:02:01.001Z",
            E::NotYetValid,
        ),
        (
            "local time",
            "2026-01-01T00:00:00.000Z",
            "2026-01-01T00:00:00.000+00:00",
            E::IssueInstantMalformed,
        ),
        (
            "other version",
            r#"Version="2.0""#,
            r#"Version="1.1""#,
            E::Version,
        ),
        (
            "flag that is none",
            r#"ForceAuthn="true""#,
            r#"ForceAuthn="yes""#,
            E::ValueMalformed { name: "ForceAuthn" },
        ),
        (
            "no destination",
            &format!(r#" Destination="{DESTINATION}""#),
            "",
            E::DestinationMissing,
        ),
        (
            "no instant",
            r#" IssueInstant="2026-01-01T00:00:00.000Z""#,
            "",
            E::IssueInstantMissing,
        ),
        (
            "no ID",
            r#" ID="id216400685678752324916391""#,
            "",
            E::IdMissing,
        ),
        (
            "long ID",
            r#"ID="id216400685678752324916391""#,
            &long_id,
            E::IdMalformed,
        ),
        (
            "ID that is no name",
            r#"ID="id216400685678752324916391""#,
            r#"ID="&lt;b&gt;""#,
            E::IdMalformed,
        ),
        (
            "long name",
            "alice",
            &long_name,
            E::ValueMalformed { name: "NameID" },
        ),
        ("empty name", "alice@acme.test", "", E::NameIdMalformed),
        (
            "name with a line break",
            "alice",
            "ali\nce",
            E::NameIdMalformed,
        ),
        (
            "name with an element inside",
            "alice@",
            "alice<b></b>@",
            E::ValueMalformed { name: "NameID" },
        ),
        (
            "encrypted subject",
            "NameID>",
            "EncryptedID>",
            E::SubjectUnreadable,
        ),
        (
            "second name",
            "<saml2:NameID>",
            "<saml2:NameID>b</saml2:NameID><saml2:NameID>",
            E::ElementMisplaced { name: "NameID" },
        ),
        (
            "artifact binding",
            " Version=",
            r#" ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact" Version="#,
            E::ProtocolBinding,
        ),
        (
            "acs twice",
            "AssertionConsumerServiceURL",
            r#"AssertionConsumerServiceIndex="0" AssertionConsumerServiceURL"#,
            E::AcsAmbiguous,
        ),
        (
            "a response",
            "AuthnRequest",
            "Response",
            E::NotAnAuthnRequest,
        ),
        (
            "another namespace",
            "SAML:2.0:protocol",
            "SAML:1.1:protocol",
            E::NotAnAuthnRequest,
        ),
        (
            "duplicate ID",
            "<saml2:NameID>",
            r#"<saml2:NameID ID="id216400685678752324916391">"#,
            E::IdRepeated,
        ),
        (
            "duplicate xml:id",
            "<saml2:NameID>",
            r#"<saml2:NameID xml:id="id216400685678752324916391">"#,
            E::IdRepeated,
        ),
        (
            "logout request",
            "AuthnRequest",
            "LogoutRequest",
            E::NotAnAuthnRequest,
        ),
        (
            "destination in plain HTTP",
            DESTINATION,
            "http://login.tacit.test/saml/acme/sso",
            E::DestinationOther,
        ),
        (
            "issuer in other letters",
            "www.okta.com/saml2",
            "WWW.okta.com/saml2",
            E::IssuerUnknown,
        ),
        (
            "acs in plain HTTP",
            "https://acme.okta.test/sso",
            "http://acme.okta.test/sso",
            E::AcsUnknown,
        ),
        (
            "name with a bell",
            "alice",
            "ali\u{85}ce",
            E::NameIdMalformed,
        ),
    ] {
        let spoiled = request().replace(from, to);
        assert_ne!(spoiled, request(), "{sentence}: nothing was changed");
        if !matches!(expected, E::IdMissing | E::IdMalformed) {
            let body = posted(&signed(&spoiled));
            rows.push(Tampered::posted(sentence, body, expected.clone()));
        }
        rows.push(Tampered::redirected(
            sentence,
            redirected(&spoiled),
            expected,
        ));
    }
    let no_issuer = request().replace(&issuer, "");
    rows.push(Tampered::redirected(
        "no issuer",
        redirected(&no_issuer),
        E::IssuerMissing,
    ));
    rows
}
