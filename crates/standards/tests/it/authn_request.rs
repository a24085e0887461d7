use crate::okta::{
    self, ACS, DESTINATION, ENTITY_ID, ISSUED_MS, RSA_SHA256, deflated, posted, receive_post,
    receive_redirect, redirected, request, service_provider, signed, unsigned_service_provider,
    with_query_signature,
};
use standards::saml::{
    authn_request::{
        AuthnRequestError as E, MAX_AGE_MS, MAX_SKEW_MS, UnverifiedAuthnRequest, VerifyContext,
    },
    signature::SignatureError as S,
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
    let signed_query = with_query_signature(&good("&RelayState=a"));
    assert!(
        receive_redirect(&[b"other=1&", signed_query.as_slice(), b"&another=2&=&%zz=3"].concat())
            .is_ok()
    );
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
