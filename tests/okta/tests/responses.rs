//! Each fault that a Response can have is refused, with Okta's text where it is known.

mod common;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::identity_provider::{ResponseSpec, Sent, Signed};
use common::{Browser, START, Stand};
use okta_stand_in::{Config, Pipeline, SignatureScope};

const GENERAL: &str = "Unable to validate incoming SAML Assertion";
const SIGNATURE: &str = "The digital signature in the SAML response did not validate with the Identity Provider's certificate";
const ISSUER: &str = "The Issuer in the SAML response did not match the Issuer configured for the Identity Provider.";
const CONTEXT: &str = "The AppContext response from the Identity Provider is invalid";
const USERNAME: &str = "Unable to match the transformed username";

async fn stand_with(change: impl FnOnce(&mut Config)) -> Stand {
    Stand::with(|config| {
        config.users[0].enrolled = true;
        change(config);
    })
    .await
}

async fn refuse(
    stand: &Stand,
    expected: &str,
    detail: &str,
    make: impl FnOnce(&Stand, &Sent) -> String,
) {
    let mut ann = Browser::new();
    let sent = ann.leave_for_idp(stand, "ann@acme.test").await;
    let response = make(stand, &sent);
    let page = ann.return_from_idp(stand, &sent, &response).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{detail}: {page:?}");
    assert!(
        page.body.contains("Error Code: GENERAL_NONSUCCESS"),
        "{detail}"
    );
    let log = stand.log().await;
    let [idp, saml] = log.last_chunk::<2>().unwrap();
    assert_eq!(idp["eventType"], "user.authentication.auth_via_IDP");
    assert_eq!(idp["outcome"]["result"], "FAILURE");
    assert_eq!(
        saml["eventType"],
        "user.authentication.auth_via_inbound_SAML"
    );
    assert_eq!(saml["outcome"]["reason"], expected, "{detail}");
    let found = saml["debugContext"]["debugData"]["standInDetail"]
        .as_str()
        .unwrap();
    assert!(found.contains(detail), "expected {detail:?} in {found:?}");
    assert_eq!(ann.session(stand).await.status, StatusCode::NOT_FOUND);
    // One bad Response ends nothing but itself: the good one still counts.
    stand.clock.advance(1000);
    let good = ResponseSpec::at_start(stand, &sent);
    if stand.idp().certificate.is_some() && !stand.idp().send_application_context {
        let good = ResponseSpec {
            signed: scope(stand),
            ..good
        };
        let page = ann.return_from_idp(stand, &sent, &good.sign()).await;
        assert_eq!(page.status, StatusCode::FOUND, "{detail}: {page:?}");
    }
    stand.clock.advance(-1000);
}

fn scope(stand: &Stand) -> Signed {
    match stand.idp().response_signature_scope {
        SignatureScope::Token => Signed::Assertion,
        _ => Signed::Response,
    }
}

async fn refuse_spec(expected: &str, detail: &str, change: impl FnOnce(&mut ResponseSpec)) {
    let stand = stand_with(|_| {}).await;
    refuse(&stand, expected, detail, |stand, sent| {
        let mut spec = ResponseSpec::at_start(stand, sent);
        change(&mut spec);
        spec.sign()
    })
    .await;
}

async fn refuse_xml(expected: &str, detail: &str, change: impl FnOnce(String) -> String) {
    let stand = stand_with(|_| {}).await;
    refuse(&stand, expected, detail, |stand, sent| {
        STANDARD.encode(change(ResponseSpec::at_start(stand, sent).sign_xml()))
    })
    .await;
}

async fn accept(change_config: impl FnOnce(&mut Config), change: impl FnOnce(&mut ResponseSpec)) {
    let stand = stand_with(change_config).await;
    let mut ann = Browser::new();
    let sent = ann.leave_for_idp(&stand, "ann@acme.test").await;
    let mut spec = ResponseSpec::at_start(&stand, &sent);
    change(&mut spec);
    let page = ann.return_from_idp(&stand, &sent, &spec.sign()).await;
    assert_eq!(
        page.status,
        StatusCode::FOUND,
        "{page:?} {:?}",
        stand.log().await.last()
    );
    assert_eq!(ann.session(&stand).await.json()["status"], "ACTIVE");
}

// --- what is accepted ---

#[tokio::test]
async fn a_signature_on_the_response_or_on_the_assertion_is_enough() {
    accept(|_| {}, |spec| spec.signed = Signed::Response).await;
    accept(|_| {}, |spec| spec.signed = Signed::Assertion).await;
    accept(
        |c| c.idp.as_mut().unwrap().response_signature_scope = SignatureScope::Token,
        |s| s.signed = Signed::Assertion,
    )
    .await;
    accept(
        |c| c.idp.as_mut().unwrap().response_signature_scope = SignatureScope::Response,
        |s| s.signed = Signed::Response,
    )
    .await;
}

#[tokio::test]
async fn the_case_of_the_user_name_does_not_count() {
    accept(|_| {}, |spec| spec.name_id = "Ann@Acme.Test".to_owned()).await;
}

#[tokio::test]
async fn amr_may_be_one_value_with_commas() {
    accept(|_| {}, |spec| spec.amr = vec!["mfa,hwk".to_owned()]).await;
}

#[tokio::test]
async fn a_connection_without_trust_in_claims_needs_no_amr() {
    accept(
        |config| config.idp.as_mut().unwrap().trust_claims = false,
        |spec| spec.amr.clear(),
    )
    .await;
}

#[tokio::test]
async fn both_certificates_of_a_roll_over_count() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name| std::fs::read_to_string(common::test_only_key(name)).unwrap();
    let both = folder.path().join("both.pem");
    let text = format!(
        "{}{}",
        read("somebody-else.cert.pem"),
        read("identity-provider.cert.pem")
    );
    std::fs::write(&both, text).unwrap();
    accept(
        |config| config.idp.as_mut().unwrap().certificate = Some(both.clone()),
        |_| {},
    )
    .await;
    accept(
        |config| config.idp.as_mut().unwrap().certificate = Some(both),
        |spec| spec.key = "somebody-else.pem".to_owned(),
    )
    .await;
}

#[tokio::test]
async fn two_minutes_of_clock_skew_are_forgiven() {
    accept(|_| {}, |spec| spec.not_before = START + 120_000).await;
    accept(|_| {}, |spec| spec.not_on_or_after = START - 119_999).await;
}

#[tokio::test]
async fn a_comment_in_the_name_does_not_cut_it() {
    // Canonical XML drops comments, so this says "ann@acme.test" to everyone.
    accept(
        |_| {},
        |spec| spec.name_id = "ann@acme<!-- -->.test".to_owned(),
    )
    .await;
}

// --- signatures ---

#[tokio::test]
async fn an_unsigned_response_is_refused() {
    refuse_spec(GENERAL, "there is no signature", |spec| {
        spec.signed = Signed::Nothing
    })
    .await;
}

#[tokio::test]
async fn two_signatures_are_refused() {
    refuse_spec(GENERAL, "there are 2 signatures", |spec| {
        spec.signed = Signed::Both
    })
    .await;
}

#[tokio::test]
async fn a_signature_at_the_end_of_the_assertion_is_refused() {
    refuse_spec(GENERAL, "immediately after the Issuer", |spec| {
        spec.signed = Signed::AssertionAtEnd
    })
    .await;
}

#[tokio::test]
async fn the_scope_of_the_signature_is_demanded() {
    let stand = stand_with(|config| {
        config.idp.as_mut().unwrap().response_signature_scope = SignatureScope::Token
    })
    .await;
    refuse(&stand, GENERAL, "scope", |stand, sent| {
        ResponseSpec::at_start(stand, sent).sign()
    })
    .await;
}

#[tokio::test]
async fn a_signature_by_another_key_is_refused() {
    refuse_spec(SIGNATURE, "does not verify", |spec| {
        spec.key = "somebody-else.pem".to_owned()
    })
    .await;
}

#[tokio::test]
async fn a_key_inside_the_document_is_not_trusted() {
    refuse_spec(SIGNATURE, "does not verify", |spec| {
        spec.key = "somebody-else.pem".to_owned();
        spec.embeds_key = true;
    })
    .await;
}

#[tokio::test]
async fn without_a_configured_certificate_nothing_is_accepted() {
    let stand = stand_with(|config| config.idp.as_mut().unwrap().certificate = None).await;
    refuse(&stand, SIGNATURE, "does not verify", |stand, sent| {
        ResponseSpec::at_start(stand, sent).sign()
    })
    .await;
}

#[tokio::test]
async fn a_changed_byte_breaks_the_signature() {
    refuse_xml(SIGNATURE, "does not verify", |xml| {
        xml.replace(">ann@acme.test<", ">ben@acme.test<")
    })
    .await;
    refuse_xml(SIGNATURE, "does not verify", |xml| {
        xml.replace(">swk<", ">hwk<")
    })
    .await;
}

#[tokio::test]
async fn inclusive_canonicalization_is_refused() {
    refuse_spec(SIGNATURE, "REC-xml-c14n-20010315", |spec| {
        spec.transform = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315".to_owned();
    })
    .await;
}

#[tokio::test]
async fn canonicalization_with_comments_is_refused() {
    refuse_spec(SIGNATURE, "WithComments", |spec| {
        spec.transform = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments".to_owned();
    })
    .await;
}

#[tokio::test]
async fn sha1_is_refused() {
    refuse_spec(SIGNATURE, "xmldsig#sha1", |spec| {
        spec.digest = "http://www.w3.org/2000/09/xmldsig#sha1".to_owned();
    })
    .await;
    refuse_spec(SIGNATURE, "rsa-sha1", |spec| {
        spec.signature_method = "http://www.w3.org/2000/09/xmldsig#rsa-sha1".to_owned();
    })
    .await;
}

// --- wrapping ---

#[tokio::test]
async fn a_signed_assertion_beside_a_forged_one_is_refused() {
    let stand = stand_with(|_| {}).await;
    refuse(
        &stand,
        GENERAL,
        "Assertion is missing or misshapen",
        |stand, sent| {
            let mut spec = ResponseSpec::at_start(stand, sent);
            spec.signed = Signed::Assertion;
            spec.name_id = "ben@acme.test".to_owned();
            let signed = spec.sign_xml();
            let forged = ResponseSpec {
                signed: Signed::Nothing,
                ..ResponseSpec::at_start(stand, sent)
            };
            let forged =
                element(&forged.sign_xml(), "saml2:Assertion").replace("\"_a1\"", "\"_forged\"");
            STANDARD.encode(signed.replacen(
                "<saml2:Assertion ",
                &format!("{forged}<saml2:Assertion "),
                1,
            ))
        },
    )
    .await;
}

#[tokio::test]
async fn a_signed_assertion_inside_a_forged_one_is_refused() {
    let stand = stand_with(|_| {}).await;
    refuse(
        &stand,
        GENERAL,
        "immediately after the Issuer",
        |stand, sent| {
            let mut spec = ResponseSpec::at_start(stand, sent);
            spec.signed = Signed::Assertion;
            spec.name_id = "ben@acme.test".to_owned();
            let signed = element(&spec.sign_xml(), "saml2:Assertion");
            let forged = ResponseSpec {
                signed: Signed::Nothing,
                ..ResponseSpec::at_start(stand, sent)
            };
            let forged = forged.sign_xml().replace("\"_a1\"", "\"_forged\"");
            STANDARD.encode(
                forged.replace("</saml2:Assertion>", &format!("{signed}</saml2:Assertion>")),
            )
        },
    )
    .await;
}

#[tokio::test]
async fn the_signed_original_inside_the_signature_is_refused() {
    let stand = stand_with(|_| {}).await;
    refuse(
        &stand,
        GENERAL,
        "immediately after the Issuer",
        |stand, sent| {
            let mut spec = ResponseSpec::at_start(stand, sent);
            spec.signed = Signed::Assertion;
            spec.name_id = "ben@acme.test".to_owned();
            let xml = spec.sign_xml();
            let signature = element(&xml, "ds:Signature");
            let original = element(&xml, "saml2:Assertion").replace(&signature, "");
            let wrapped = signature.replace(
                "</ds:Signature>",
                &format!("<ds:Object>{original}</ds:Object></ds:Signature>"),
            );
            let forged = ResponseSpec {
                signed: Signed::Nothing,
                ..ResponseSpec::at_start(stand, sent)
            };
            let forged = forged.sign_xml().replace("\"_a1\"", "\"_forged\"");
            let (head, tail) = forged.split_once("<saml2:Subject>").unwrap();
            STANDARD.encode(format!("{head}{wrapped}<saml2:Subject>{tail}"))
        },
    )
    .await
}

#[tokio::test]
async fn a_reference_to_another_element_is_refused() {
    refuse_xml(GENERAL, "does not name the element", |xml| {
        xml.replace("URI=\"#_r1\"", "URI=\"#_a1\"")
    })
    .await;
    refuse_xml(GENERAL, "does not name the element", |xml| {
        xml.replace("URI=\"#_r1\"", "URI=\"\"")
    })
    .await;
}

#[tokio::test]
async fn an_id_that_two_elements_have_is_refused() {
    refuse_xml(GENERAL, "two elements have the ID", |xml| {
        xml.replace("ID=\"_a1\"", "ID=\"_r1\"")
    })
    .await;
}

#[tokio::test]
async fn elements_inside_the_name_are_refused() {
    refuse_spec(GENERAL, "a text value is missing or misshapen", |spec| {
        spec.name_id = "ann@acme.test<b/>".to_owned();
    })
    .await;
    refuse_spec(GENERAL, "a text value is missing or misshapen", |spec| {
        spec.name_id = "ann@acme.test<?b?>".to_owned();
    })
    .await;
}

#[tokio::test]
async fn two_names_are_refused() {
    refuse_spec(GENERAL, "NameID is missing or misshapen", |spec| {
        spec.prologue = "<saml2:NameID>ann@acme.test</saml2:NameID>".to_owned();
    })
    .await;
}

// --- values ---

#[tokio::test]
async fn the_issuer_is_compared_byte_for_byte() {
    refuse_spec(ISSUER, "Issuer of the Response", |spec| {
        spec.issuer.push('/')
    })
    .await;
    refuse_spec(ISSUER, "Issuer of the Assertion", |spec| {
        spec.assertion_issuer.push('/')
    })
    .await;
    refuse_spec(ISSUER, "Issuer of the Assertion", |spec| {
        spec.assertion_issuer = spec.assertion_issuer.to_uppercase();
    })
    .await;
}

#[tokio::test]
async fn the_audience_is_the_entity_id() {
    let stand = stand_with(|_| {}).await;
    let expected = format!(
        "The Identity Provider specified Conditions, but did not designate us as the target for these conditions. \
         Found \"https://acme.okta-standin.test\", expected \"{}\".",
        stand.entity_id()
    );
    refuse(&stand, &expected, "the audience is", |stand, sent| {
        let mut spec = ResponseSpec::at_start(stand, sent);
        spec.audience = common::ORG.to_owned();
        spec.sign()
    })
    .await;
}

#[tokio::test]
async fn destination_and_recipient_are_the_acs_url() {
    refuse_spec(GENERAL, "the Destination is", |spec| {
        spec.destination.push('/')
    })
    .await;
    refuse_spec(GENERAL, "the Destination is", |spec| {
        spec.destination.clear()
    })
    .await;
    refuse_spec(GENERAL, "the Recipient is", |spec| spec.recipient.push('x')).await;
}

#[tokio::test]
async fn in_response_to_names_the_request() {
    refuse_spec(GENERAL, "InResponseTo of the Response", |spec| {
        spec.in_response_to.push('0')
    })
    .await;
    refuse_spec(
        GENERAL,
        "InResponseTo of the SubjectConfirmationData",
        |spec| {
            spec.subject_in_response_to = "id000000000000000000000000".to_owned();
        },
    )
    .await;
}

#[tokio::test]
async fn times_are_checked_with_the_skew() {
    refuse_spec(GENERAL, "Conditions is over", |spec| {
        spec.not_on_or_after = START - 120_000
    })
    .await;
    refuse_spec(GENERAL, "SubjectConfirmationData is over", |spec| {
        spec.subject_not_on_or_after = START - 120_000;
    })
    .await;
    refuse_spec(GENERAL, "Conditions is in the future", |spec| {
        spec.not_before = START + 120_001
    })
    .await;
    refuse_spec(GENERAL, "IssueInstant is in the future", |spec| {
        spec.issued_at = START + 120_001
    })
    .await;
}

#[tokio::test]
async fn another_users_name_is_refused() {
    refuse_spec(USERNAME, "not the transaction's user", |spec| {
        spec.name_id = "ben@acme.test".to_owned()
    })
    .await;
    refuse_spec(USERNAME, "not the transaction's user", |spec| {
        spec.name_id = "ann@acme.test ".to_owned()
    })
    .await;
    refuse_spec(USERNAME, "not the transaction's user", |spec| {
        spec.name_id = "ann".to_owned()
    })
    .await;
    refuse_spec(USERNAME, "not the transaction's user", |spec| {
        spec.name_id.clear()
    })
    .await;
    let stand = stand_with(|_| {}).await;
    refuse(&stand, USERNAME, "", |stand, sent| {
        ResponseSpec::good(stand, sent, "ben@acme.test", START).sign()
    })
    .await;
    let event = stand
        .log()
        .await
        .into_iter()
        .find(|e| e["outcome"]["reason"] == USERNAME)
        .unwrap();
    assert_eq!(event["eventType"], "user.authentication.auth_via_IDP");
}

#[tokio::test]
async fn only_bearer_confirmation_of_version_two_counts() {
    refuse_spec(GENERAL, "SubjectConfirmation Method", |spec| {
        spec.method = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key".to_owned();
    })
    .await;
    refuse_spec(GENERAL, "Version is missing or misshapen", |spec| {
        spec.version = "1.1".to_owned()
    })
    .await;
}

#[tokio::test]
async fn trust_in_claims_demands_usable_ones() {
    let detail = "session.amr is missing or holds nothing usable";
    refuse_spec(GENERAL, detail, |spec| spec.amr.clear()).await;
    refuse_spec(GENERAL, detail, |spec| spec.amr = vec!["typing".to_owned()]).await;
    // Classic wants mfa or pwd, and pwd alone is not forwarded.
    refuse_spec(GENERAL, detail, |spec| spec.amr = vec!["swk".to_owned()]).await;
    refuse_spec(GENERAL, detail, |spec| spec.amr = vec!["pwd".to_owned()]).await;
}

#[tokio::test]
async fn the_application_context_is_echoed_exactly() {
    let stand =
        stand_with(|config| config.idp.as_mut().unwrap().send_application_context = true).await;
    let context = |sent: &Sent| {
        let value = |name: &str| {
            let (_, rest) = sent.xml.split_once(&format!("<{name} ")).unwrap();
            rest.split(['>', '<']).nth(1).unwrap().to_owned()
        };
        vec![
            ("OktaAppInstanceId".to_owned(), value("OktaAppInstanceId")),
            ("OktaAppName".to_owned(), value("OktaAppName")),
        ]
    };
    refuse(&stand, CONTEXT, "application context", |stand, sent| {
        ResponseSpec::at_start(stand, sent).sign()
    })
    .await;
    stand.clock.advance(1000);
    refuse(&stand, CONTEXT, "application context", |stand, sent| {
        let mut spec = ResponseSpec::at_start(stand, sent);
        spec.attributes = context(sent);
        spec.attributes[1].1.push('2');
        spec.sign()
    })
    .await;
    stand.clock.advance(1000);
    let mut ann = Browser::new();
    let sent = ann.leave_for_idp(&stand, "ann@acme.test").await;
    let mut spec = ResponseSpec::at_start(&stand, &sent);
    spec.attributes = context(&sent);
    assert_eq!(spec.attributes[1].1, "workplace");
    let page = ann.return_from_idp(&stand, &sent, &spec.sign()).await;
    assert_eq!(page.status, StatusCode::FOUND);
}

// --- bytes ---

#[tokio::test]
async fn what_is_no_response_is_refused() {
    let stand = stand_with(|_| {}).await;
    for (bytes, detail) in [
        ("%%%".to_owned(), "is not base64"),
        (STANDARD.encode("not xml"), "is not well-formed"),
        (STANDARD.encode([0xff, 0xfe]), "is not UTF-8"),
        (STANDARD.encode("<Response/>"), "not a samlp:Response"),
        ("A".repeat(400_000), "is larger than"),
    ] {
        refuse(&stand, GENERAL, detail, |_, _| bytes).await;
        stand.clock.advance(1000);
    }
}

#[tokio::test]
async fn a_document_type_is_refused() {
    refuse_xml(GENERAL, "well-formed XML without a document type", |xml| {
        let entity = "<!DOCTYPE r [<!ENTITY e \"ann@acme.test\">]><saml2p:Response ";
        xml.replace("<saml2p:Response ", entity)
            .replace(">ann@acme.test<", ">&e;<")
    })
    .await;
}

#[tokio::test]
async fn a_response_without_its_relay_state_signs_nobody_in() {
    let stand = Stand::enrolled(Pipeline::Classic).await;
    let mut ann = Browser::new();
    let sent = ann.leave_for_idp(&stand, "ann@acme.test").await;
    let response = ResponseSpec::at_start(&stand, &sent).sign();
    for relay_state in [
        String::new(),
        sent.relay_state.replace('+', " "),
        "x".to_owned(),
    ] {
        let other = Sent {
            relay_state,
            ..sent.clone()
        };
        let page = ann.return_from_idp(&stand, &other, &response).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(ann.session(&stand).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_response_both_in_the_body_and_in_the_query_is_refused() {
    let stand = Stand::enrolled(Pipeline::Classic).await;
    let mut ann = Browser::new();
    let sent = ann.leave_for_idp(&stand, "ann@acme.test").await;
    let response = ResponseSpec::at_start(&stand, &sent).sign();
    let url = format!("{}?SAMLResponse=x", stand.acs_url());
    let fields = [
        ("SAMLResponse", response.as_str()),
        ("RelayState", &sent.relay_state),
    ];
    assert_eq!(
        ann.post_form(&stand, &url, &fields).await.status,
        StatusCode::BAD_REQUEST
    );
    let twice = [fields[0], fields[0], fields[1]];
    assert_eq!(
        ann.post_form(&stand, &stand.acs_url(), &twice).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn an_unsigned_failure_changes_nothing() {
    refuse_spec(GENERAL, "there is no signature", |spec| {
        spec.status = "urn:oasis:names:tc:SAML:2.0:status:Responder".to_owned();
        spec.signed = Signed::Nothing;
    })
    .await;
}

/// The text of the first element of a name.
fn element(xml: &str, name: &str) -> String {
    let start = xml.find(&format!("<{name} ")).unwrap();
    let close = format!("</{name}>");
    let end = xml[start..].find(&close).unwrap();
    xml[start..start + end + close.len()].to_owned()
}
