use crate::okta::{
    self, ACS, DESTINATION, ENTITY_ID, ENVELOPED, EXCLUSIVE, ISSUED_MS, RSA_SHA256, Signature,
    behind_issuer, deflated, posted, receive_post, receive_redirect, redirected, request,
    service_provider, signed, unsigned_service_provider, with_query_signature,
};
use standards::saml::{
    authn_request::{
        AuthnRequestError as E, MAX_AGE_MS, MAX_SKEW_MS, RELAY_STATE_BYTES, UnverifiedAuthnRequest,
        VerifyContext,
    },
    signature::SignatureError as S,
    xml::XmlError as X,
};

#[test]
fn a_signed_request_is_read_the_same_from_both_bindings() {
    let by_post = receive_post(&posted(&signed(&request()))).unwrap();
    let by_redirect = receive_redirect(&redirected(&request())).unwrap();
    assert_eq!(by_post, by_redirect);
    assert_eq!(by_post.id(), "id216400685678752324916391");
    assert_eq!(by_post.issuer(), ENTITY_ID);
    assert_eq!(by_post.acs(), ACS);
    assert_eq!(by_post.subject().unwrap().value, "alice@acme.test");
    assert_eq!(by_post.subject().unwrap().format, None);
    assert_eq!(
        by_post.response_name_id_format(),
        standards::saml::FORMAT_UNSPECIFIED
    );
    assert_eq!(by_post.relay_state(), Some("opaque+state"));
    assert!(by_post.force_authn() && by_post.was_signed() && !by_post.is_passive());
    assert!(by_post.forget_after_ms() > ISSUED_MS + MAX_AGE_MS);
}

/// Spoiled before it is signed: the signature fits, and the content is refused.
#[test]
fn signed_requests_with_wrong_content_are_refused_each_for_its_own_reason() {
    let long_name = "a".repeat(300);
    let long_id = format!(r#"ID="{long_name}""#);
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
    ] {
        let spoiled = request().replace(from, to);
        assert_ne!(spoiled, request(), "{sentence}: nothing was changed");
        assert_eq!(
            receive_redirect(&redirected(&spoiled)),
            Err(expected.clone()),
            "{sentence}, by Redirect"
        );
        if !matches!(expected, E::IdMissing | E::IdMalformed) {
            assert_eq!(
                receive_post(&posted(&signed(&spoiled))),
                Err(expected),
                "{sentence}, by POST"
            );
        }
    }
    let no_issuer = request().replace(&format!(r#"<saml2:Issuer xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion">{ENTITY_ID}</saml2:Issuer>"#), "");
    assert_eq!(
        receive_redirect(&redirected(&no_issuer)),
        Err(E::IssuerMissing)
    );
}

/// What no parser should be handed at all.
#[test]
fn dangerous_xml_is_refused_before_it_is_parsed() {
    let xml = request();
    let laughs = format!(
        r#"<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]>{}"#,
        xml.replace("alice", "&c;")
    );
    let deep = xml.replace("alice@acme.test", &"<a>".repeat(10_000));
    let wide = xml.replace("alice@acme.test", &"<a/>".repeat(1_000));
    let attributes: String = (0..100).map(|i| format!(r#" a{i}="""#)).collect();
    for (sentence, spoiled, expected) in [
        ("document type", format!("<!DOCTYPE a>{xml}"), X::Doctype),
        (
            "external document type",
            format!(r#"<!DOCTYPE a SYSTEM "file:///etc/passwd">{xml}"#),
            X::Doctype,
        ),
        ("billion laughs", laughs, X::Doctype),
        (
            "entity",
            xml.replace("alice", "&alice;"),
            X::EntityReference,
        ),
        (
            "comment in the name",
            xml.replace("alice@acme", "alice@acme.test<!---->.evil"),
            X::Comment,
        ),
        (
            "comment in the issuer",
            xml.replace("spabc", "sp<!-- -->abc"),
            X::Comment,
        ),
        (
            "CDATA in the name",
            xml.replace("alice", "<![CDATA[alice]]>"),
            X::CData,
        ),
        (
            "processing instruction",
            xml.replace("alice", "<?a?>alice"),
            X::ProcessingInstruction,
        ),
        ("depth of 10,000", deep, X::TooDeep),
        ("1,000 elements", wide, X::TooManyElements),
        (
            "100 attributes",
            xml.replace("<saml2:NameID>", &format!("<saml2:NameID{attributes}>")),
            X::TooManyAttributes,
        ),
        (
            "attribute twice",
            xml.replace(" Version=", r#" Version="2.0" Version="#),
            X::AttributeRepeated,
        ),
        (
            "not well-formed",
            xml.replace("</saml2:Subject>", ""),
            X::Malformed,
        ),
        (
            "too long",
            xml.replace("alice", &"a".repeat(70_000)),
            X::TooLong,
        ),
    ] {
        assert_eq!(
            receive_post(&posted(&spoiled)),
            Err(E::Xml(expected)),
            "{sentence}"
        );
    }
    let body = format!("SAMLRequest={}", okta::percent(b"PP8v/g=="));
    assert_eq!(receive_post(body.as_bytes()), Err(E::Xml(X::NotUtf8)));
}

#[test]
fn a_changed_document_does_not_fit_its_signature() {
    let good = signed(&request());
    for (from, to) in [
        ("alice@acme.test", "admin@acme.test"),
        ("ForceAuthn=\"true\"", "ForceAuthn=\"false\""),
        ("00:00:00.000Z", "00:00:00.001Z"),
        ("</saml2:Subject>", "</saml2:Subject><saml2p:Extensions/>"),
        ("<saml2:NameID>", "<saml2:NameID >"),
    ] {
        let spoiled = good.replace(from, to);
        assert_ne!(spoiled, good);
        // White space inside a tag is none of canonical XML's business; everything else is.
        let expected = if to == "<saml2:NameID >" {
            Ok(())
        } else {
            Err(E::Signature(S::Digest))
        };
        assert_eq!(
            receive_post(&posted(&spoiled)).map(|_| ()),
            expected,
            "{to}"
        );
    }
}

#[test]
fn signatures_of_any_other_shape_are_refused_each_for_its_own_reason() {
    let ok = Signature::default();
    let other = request().replace("id216400685678752324916391", "other");
    let object = format!("<ds:Object>{other}</ds:Object>");
    let with_comments = r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#WithComments"></ds:Transform>"#;
    let xslt =
        r#"<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"></ds:Transform>"#;
    let twice = [ENVELOPED, EXCLUSIVE, EXCLUSIVE].concat();
    let backwards = [EXCLUSIVE, ENVELOPED].concat();
    let extra = [ENVELOPED, xslt, EXCLUSIVE].concat();
    let commented = [ENVELOPED, with_comments].concat();
    for (sentence, signature, expected) in [
        (
            "by a stranger",
            Signature {
                key: okta::STRANGER_KEY,
                ..ok.clone()
            },
            S::Value,
        ),
        (
            "SHA-1",
            Signature {
                method: "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
                ..ok.clone()
            },
            S::Algorithm,
        ),
        (
            "HMAC",
            Signature {
                method: "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
                ..ok.clone()
            },
            S::Algorithm,
        ),
        (
            "SHA-1 digest",
            Signature {
                digest_method: "http://www.w3.org/2000/09/xmldsig#sha1",
                ..ok.clone()
            },
            S::DigestAlgorithm,
        ),
        (
            "inclusive c14n",
            Signature {
                c14n: "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
                ..ok.clone()
            },
            S::Canonicalization,
        ),
        (
            "external reference",
            Signature {
                uri: "https://evil.test/a.xml",
                ..ok.clone()
            },
            S::ReferenceExternal,
        ),
        (
            "whole document",
            Signature {
                uri: "",
                ..ok.clone()
            },
            S::ReferenceElsewhere,
        ),
        (
            "xpointer",
            Signature {
                uri: "#xpointer(/)",
                ..ok.clone()
            },
            S::ReferenceElsewhere,
        ),
        (
            "another element",
            Signature {
                uri: "#other",
                ..ok.clone()
            },
            S::ReferenceElsewhere,
        ),
        (
            "no transform",
            Signature {
                transforms: "",
                ..ok.clone()
            },
            S::Transforms,
        ),
        (
            "extra transform",
            Signature {
                transforms: &extra,
                ..ok.clone()
            },
            S::Transforms,
        ),
        (
            "transform twice",
            Signature {
                transforms: &twice,
                ..ok.clone()
            },
            S::Transforms,
        ),
        (
            "transforms backwards",
            Signature {
                transforms: &backwards,
                ..ok.clone()
            },
            S::Transforms,
        ),
        (
            "comments in the digest",
            Signature {
                transforms: &commented,
                ..ok.clone()
            },
            S::Transforms,
        ),
        (
            "object inside",
            Signature {
                object: &object,
                ..ok.clone()
            },
            S::Structure,
        ),
    ] {
        let xml = signature.enveloped_in(&request());
        assert_eq!(
            receive_post(&posted(&xml)),
            Err(E::Signature(expected)),
            "{sentence}"
        );
    }
}

#[test]
fn a_request_that_grows_in_canonical_form_is_refused() {
    let children = "<p:b></p:b>".repeat(400);
    let long = format!(
        r#"<saml2p:Extensions xmlns:p="{}">{children}</saml2p:Extensions>"#,
        "u".repeat(20_000)
    );
    let xml = signed(&request()).replacen(
        "</saml2p:AuthnRequest>",
        &format!("{long}</saml2p:AuthnRequest>"),
        1,
    );
    assert_eq!(receive_post(&posted(&xml)), Err(E::Signature(S::TooLong)));
}

#[test]
fn two_references_are_refused() {
    let signature = Signature::default().over(&request());
    let at = signature.find("<ds:Reference").unwrap();
    let end = signature.find("</ds:SignedInfo>").unwrap();
    let second = signature[at..end].to_owned();
    let spoiled = signature.replacen("<ds:Reference", &format!("{second}<ds:Reference"), 1);
    let xml = behind_issuer(&request(), &spoiled);
    assert_eq!(
        receive_post(&posted(&xml)),
        Err(E::Signature(S::References))
    );
}

/// The classic attacks: a good signature stays in the document, and something else would be read.
#[test]
fn wrapping_a_signed_request_in_another_is_refused_in_every_form() {
    let good = signed(&request());
    let signature = Signature::default().over(&request());
    let evil = request()
        .replace("alice@", "admin@")
        .replace("id216400685678752324916391", "evil");
    let evil_same_id = request().replace("alice@", "admin@");
    let inside = |outer: &str, inner: &str| {
        outer.replacen(
            "</saml2:Issuer>",
            &format!("</saml2:Issuer><saml2p:Extensions>{inner}</saml2p:Extensions>"),
            1,
        )
    };
    let issuer_end = "</saml2:Issuer>";
    for (sentence, xml, expected) in [
        ("signed original in Extensions", inside(&evil, &good), E::Signature(S::Misplaced)),
        ("signature moved to the evil root", inside(&behind_issuer(&evil, &signature), &request()), E::Signature(S::Misplaced)),
        ("signature on the evil root, original behind it", behind_issuer(&inside(&evil, &request()), &signature), E::Signature(S::ReferenceElsewhere)),
        ("same ID twice", inside(&evil_same_id, &good), E::IdRepeated),
        ("signature at the end", evil_same_id.replace("</saml2p:AuthnRequest>", &format!("{signature}</saml2p:AuthnRequest>")), E::Signature(S::Misplaced)),
        ("signature before the issuer", request().replacen("<saml2:Issuer", &format!("{signature}<saml2:Issuer"), 1), E::Signature(S::Misplaced)),
        ("signature on another document", behind_issuer(&evil_same_id, &signature), E::Signature(S::Digest)),
        ("two signatures", good.replacen(issuer_end, &format!("{issuer_end}{signature}"), 1), E::Signature(S::Repeated)),
        ("second issuer before the signed one", good.replacen("<saml2:Issuer", "<saml2:Issuer xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\">a</saml2:Issuer><saml2:Issuer", 1), E::Signature(S::Misplaced)),
        ("second subject", good.replace("</saml2p:AuthnRequest>", "<saml2:Subject xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\"><saml2:NameID>admin@acme.test</saml2:NameID></saml2:Subject></saml2p:AuthnRequest>"), E::Signature(S::Digest)),
        ("original in the signature's key info", {
            let wrapped = signature.replace("</ds:Signature>", &format!("<ds:KeyInfo>{}</ds:KeyInfo></ds:Signature>", request()));
            behind_issuer(&evil, &wrapped)
        }, E::Signature(S::ReferenceElsewhere)),
    ] {
        let refused = receive_post(&posted(&xml)).unwrap_err();
        assert_eq!(refused, expected, "{sentence}");
    }
}

#[test]
fn a_text_smuggled_into_key_info_is_never_read() {
    let smuggled = concat!(
        r#"<ds:KeyInfo><saml2:Subject xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion">"#,
        r#"<saml2:NameID>admin@acme.test</saml2:NameID></saml2:Subject></ds:KeyInfo></ds:Signature>"#
    );
    let xml = signed(&request()).replace("</ds:Signature>", smuggled);
    let read = receive_post(&posted(&xml)).unwrap();
    assert_eq!(read.subject().unwrap().value, "alice@acme.test");
}

#[test]
fn an_unsigned_request_is_refused_where_the_metadata_says_signed_and_accepted_where_not() {
    let (body, query) = (
        posted(&request()),
        format!("SAMLRequest={}", deflated(request().as_bytes())),
    );
    assert_eq!(receive_post(&body), Err(E::Signature(S::Missing)));
    assert_eq!(
        receive_redirect(query.as_bytes()),
        Err(E::Signature(S::Missing))
    );
    let accepted = UnverifiedAuthnRequest::from_post_body(&body)
        .unwrap()
        .verify(&unsigned_service_provider(), &okta::context())
        .unwrap();
    assert!(!accepted.was_signed());
}

#[test]
fn a_wrong_signature_is_refused_even_where_none_is_demanded() {
    let body = posted(&signed(&request()).replace("alice@", "admin@"));
    let unverified = UnverifiedAuthnRequest::from_post_body(&body).unwrap();
    assert_eq!(
        unverified.verify(&unsigned_service_provider(), &okta::context()),
        Err(E::Signature(S::Digest))
    );
}

#[test]
fn the_redirect_signature_covers_the_octets_as_they_were_sent() {
    let request_octets = deflated(request().as_bytes());
    let good = |relay: &str| format!("SAMLRequest={request_octets}{relay}&SigAlg={RSA_SHA256}");
    let text = |query: Vec<u8>| String::from_utf8(query).unwrap();
    // Lower-case escapes and raw characters are the sender's business.
    for relay in [
        "",
        "&RelayState=",
        "&RelayState=a%2fb",
        "&RelayState=a%2Fb",
        "&RelayState=https://a.test/?b",
        "&RelayState=a+b",
    ] {
        assert!(
            receive_redirect(&with_query_signature(&good(relay))).is_ok(),
            "{relay}"
        );
    }
    let other_order = with_query_signature(&format!(
        "RelayState=a&SAMLRequest={request_octets}&SigAlg={RSA_SHA256}"
    ));
    let sha1 = good("").replace("xmldsig-more%23rsa-sha256", "xmldsig%23rsa-sha1");
    let signed_query = text(with_query_signature(&good("&RelayState=a")));
    for (sentence, query, expected) in [
        (
            "signed in another order",
            text(other_order),
            E::Signature(S::Value),
        ),
        (
            "RelayState changed",
            signed_query.replace("RelayState=a", "RelayState=b"),
            E::Signature(S::Value),
        ),
        (
            "RelayState escaped otherwise",
            signed_query.replace("RelayState=a", "RelayState=%61"),
            E::Signature(S::Value),
        ),
        (
            "RelayState dropped",
            signed_query.replace("&RelayState=a", ""),
            E::Signature(S::Value),
        ),
        (
            "RelayState added",
            text(with_query_signature(&good(""))) + "&RelayState=a",
            E::Signature(S::Value),
        ),
        (
            "SHA-1",
            text(with_query_signature(&sha1)),
            E::Signature(S::Algorithm),
        ),
        (
            "no algorithm",
            signed_query.replace(&format!("&SigAlg={RSA_SHA256}"), ""),
            E::ParameterMissing { name: "SigAlg" },
        ),
        (
            "no signature",
            good(""),
            E::ParameterMissing { name: "Signature" },
        ),
        (
            "signature is not base64",
            good("") + "&Signature=***",
            E::NotBase64 { name: "Signature" },
        ),
        (
            "request twice",
            signed_query.clone() + "&SAMLRequest=a",
            E::ParameterRepeated {
                name: "SAMLRequest",
            },
        ),
        (
            "request twice, once in disguise",
            signed_query.clone() + "&SAML%52equest=a",
            E::ParameterRepeated {
                name: "SAMLRequest",
            },
        ),
        (
            "algorithm twice",
            signed_query.clone() + "&SigAlg=a",
            E::ParameterRepeated { name: "SigAlg" },
        ),
        (
            "signature twice",
            signed_query.clone() + "&Signature=a",
            E::ParameterRepeated { name: "Signature" },
        ),
        (
            "RelayState twice",
            signed_query.clone() + "&RelayState=a",
            E::ParameterRepeated { name: "RelayState" },
        ),
        (
            "other encoding",
            signed_query.clone() + "&SAMLEncoding=gzip",
            E::Encoding,
        ),
    ] {
        assert_eq!(
            receive_redirect(query.as_bytes()),
            Err(expected),
            "{sentence}"
        );
    }
    let embedded = redirected(&signed(&request()));
    assert_eq!(receive_redirect(&embedded), Err(E::Signature(S::Embedded)));
    assert!(
        receive_redirect(&[b"other=1&", signed_query.as_bytes(), b"&another=2&=&%zz=3"].concat())
            .is_ok()
    );
}

#[test]
fn malformed_parameters_are_refused_each_for_its_own_reason() {
    let bomb = deflated(&vec![b' '; 50_000_000]);
    let long_state = "a".repeat(RELAY_STATE_BYTES + 1);
    let good = deflated(request().as_bytes());
    for (sentence, query, expected) in [
        (
            "nothing",
            String::new(),
            E::ParameterMissing {
                name: "SAMLRequest",
            },
        ),
        ("no value", "SAMLRequest".into(), E::NotDeflate),
        (
            "broken escape",
            "SAMLRequest=%4".into(),
            E::ParameterMalformed {
                name: "SAMLRequest",
            },
        ),
        (
            "not base64",
            "SAMLRequest=%21".into(),
            E::NotBase64 {
                name: "SAMLRequest",
            },
        ),
        ("not deflated", "SAMLRequest=////".into(), E::NotDeflate),
        (
            "deflate bomb",
            format!("SAMLRequest={bomb}"),
            E::InflatedTooLong,
        ),
        (
            "RelayState too long",
            format!("SAMLRequest={good}&RelayState={long_state}"),
            E::RelayStateTooLong,
        ),
        (
            "RelayState not UTF-8",
            format!("SAMLRequest={good}&RelayState=%ff"),
            E::ParameterMalformed { name: "RelayState" },
        ),
        (
            "oversize",
            format!("SAMLRequest={}", "a".repeat(200_000)),
            E::ParametersTooLong,
        ),
    ] {
        assert_eq!(
            receive_redirect(query.as_bytes()),
            Err(expected),
            "{sentence}"
        );
    }
}

#[test]
fn freshness_ends_exactly_where_it_says() {
    let receive_at = |now_ms| {
        UnverifiedAuthnRequest::from_post_body(&posted(&signed(&request())))
            .unwrap()
            .verify(
                &service_provider(),
                &VerifyContext::new(now_ms, DESTINATION),
            )
            .map(|_| ())
    };
    assert_eq!(receive_at(ISSUED_MS + MAX_AGE_MS), Ok(()));
    assert_eq!(receive_at(ISSUED_MS + MAX_AGE_MS + 1), Err(E::Expired));
    assert_eq!(receive_at(ISSUED_MS - MAX_SKEW_MS), Ok(()));
    assert_eq!(receive_at(ISSUED_MS - MAX_SKEW_MS - 1), Err(E::NotYetValid));
}

#[test]
fn without_an_acs_the_metadata_default_is_used_and_an_index_chooses() {
    let url = format!(r#"AssertionConsumerServiceURL="{ACS}" "#);
    for (to, expected) in [
        ("", Ok(ACS)),
        (r#"AssertionConsumerServiceIndex="0" "#, Ok(ACS)),
        (r#"AssertionConsumerServiceIndex="1" "#, Err(E::AcsUnknown)),
        (r#"AssertionConsumerServiceIndex="00" "#, Err(E::AcsUnknown)),
    ] {
        let read = receive_post(&posted(&signed(&request().replace(&url, to))));
        assert_eq!(
            read.as_ref().map(|r| r.acs()).map_err(Clone::clone),
            expected,
            "{to}"
        );
    }
}

#[test]
fn application_context_and_requested_context_are_read() {
    let extensions = concat!(
        "</saml2:Issuer><saml2p:Extensions>",
        r#"<o:OktaAppInstanceId xmlns:o="urn:okta">0oaapp</o:OktaAppInstanceId><OktaAppName>Work &amp; play</OktaAppName>"#,
        "<Other>1</Other></saml2p:Extensions>"
    );
    let context = concat!(
        r#"<saml2p:RequestedAuthnContext Comparison="minimum"><saml2:AuthnContextClassRef xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion">"#,
        "urn:okta:saml:2.0:DevicePosture</saml2:AuthnContextClassRef></saml2p:RequestedAuthnContext></saml2p:AuthnRequest>"
    );
    let xml = request()
        .replacen("</saml2:Issuer>", extensions, 1)
        .replace("</saml2p:AuthnRequest>", context);
    for read in [
        receive_redirect(&redirected(&xml)).unwrap(),
        // The signature goes between Issuer and Extensions.
        receive_post(&posted(&signed(&xml))).unwrap(),
    ] {
        assert_eq!(
            read.application_context(),
            [
                ("OktaAppInstanceId".into(), "0oaapp".into()),
                ("OktaAppName".into(), "Work & play".into())
            ]
        );
        let requested = read.requested_context().unwrap();
        assert_eq!(
            (requested.comparison.as_str(), requested.classes.len()),
            ("minimum", 1)
        );
    }
    let twice = xml.replace(
        "</OktaAppName>",
        "</OktaAppName><OktaAppName>b</OktaAppName>",
    );
    assert_eq!(
        receive_redirect(&redirected(&twice)),
        Err(E::ElementMisplaced {
            name: "OktaAppName"
        })
    );
}

#[test]
fn base64_with_line_breaks_and_an_xml_declaration_are_accepted() {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}",
        signed(&request())
    );
    let broken = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, xml)
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect::<Vec<_>>()
        .join("\r\n");
    let body = format!("SAMLRequest={}", okta::percent(broken.as_bytes()));
    assert!(receive_post(body.as_bytes()).is_ok());
}
