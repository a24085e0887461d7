//! The AuthnRequest on both bindings, and the metadata that goes with it.

mod common;

use std::io::Read as _;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::identity_provider::{ResponseSpec, Sent, verify_request};
use common::{Browser, ORG, Stand, test_only_key};
use okta_stand_in::{Binding, Config};

async fn stand_with(change: impl FnOnce(&mut Config)) -> Stand {
    Stand::with(|config| {
        config.users[0].enrolled = true;
        change(config);
    })
    .await
}

#[tokio::test]
async fn the_posted_request_has_the_shape_of_a_factor_only_connection() {
    let stand = stand_with(|_| {}).await;
    let sent = Browser::new().leave_for_idp(&stand, "ann@acme.test").await;
    let document = roxmltree::Document::parse(&sent.xml).unwrap();
    let root = document.root_element();
    let attributes: Vec<(&str, &str)> = root.attributes().map(|a| (a.name(), a.value())).collect();
    assert_eq!(
        attributes,
        [
            ("AssertionConsumerServiceURL", stand.acs_url().as_str()),
            ("Destination", stand.idp().sso_url.as_str()),
            ("ForceAuthn", "true"),
            ("ID", sent.id.as_str()),
            ("IssueInstant", "2026-01-01T00:00:00.000Z"),
            ("Version", "2.0"),
        ]
    );
    assert_eq!(sent.id.len(), 26);
    let names: Vec<&str> = root
        .children()
        .map(|child| child.tag_name().name())
        .collect();
    assert_eq!(names, ["Issuer", "Signature", "Subject", "NameIDPolicy"]);
    let text = |name| {
        root.descendants()
            .find(|n| n.has_tag_name(name))
            .and_then(|n| n.text())
    };
    assert_eq!(text("Issuer"), Some(stand.entity_id().as_str()));
    let name_id = root
        .descendants()
        .find(|n| n.has_tag_name("NameID"))
        .unwrap();
    assert_eq!(
        (name_id.text(), name_id.attributes().len()),
        (Some("ann@acme.test"), 0)
    );
}

#[tokio::test]
async fn xmlsec1_verifies_the_posted_request_under_the_metadata_certificate() {
    for send_application_context in [false, true] {
        let stand = stand_with(|config| {
            config.idp.as_mut().unwrap().send_application_context = send_application_context;
            // What has to be escaped is escaped as canonical XML wants it.
            config.users[0].login = "o'hara & <\"sons\">@acme.test".to_owned();
            config.app_name = "Work & Place".to_owned();
            config.idp.as_mut().unwrap().sso_url =
                "https://login.tacit-idp.test/saml/okta/sso?tenant=a&b=1".to_owned();
        })
        .await;
        let sent = Browser::new()
            .leave_for_idp(&stand, "o'hara & <\"sons\">@acme.test")
            .await;
        assert!(
            verify_request(&sent.xml, &test_only_key("sp-certificate.pem")),
            "{}",
            sent.xml
        );
        let changed = sent
            .xml
            .replace("ForceAuthn=\"true\"", "ForceAuthn=\"false\"");
        assert!(!verify_request(
            &changed,
            &test_only_key("sp-certificate.pem")
        ));
        assert_eq!(sent.xml.contains("<OktaAppName "), send_application_context);
    }
}

#[tokio::test]
async fn an_org_that_does_not_sign_sends_no_signature() {
    let stand = stand_with(|config| config.idp.as_mut().unwrap().sign_requests = false).await;
    let sent = Browser::new().leave_for_idp(&stand, "ann@acme.test").await;
    assert!(!sent.xml.contains("Signature"));
    let page = Browser::new()
        .api(&stand, "/api/v1/idps/0oa1tacitfactor00001/metadata.xml")
        .await;
    assert!(page.body.contains("AuthnRequestsSigned=\"false\""));
}

#[tokio::test]
async fn the_redirect_is_signed_over_the_octets_of_its_query() {
    let stand =
        stand_with(|config| config.idp.as_mut().unwrap().request_binding = Binding::Redirect).await;
    let mut ann = Browser::new();
    let url = redirect(&stand, &mut ann).await;
    let query = url.split_once('?').unwrap().1;
    let names: Vec<&str> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap().0)
        .collect();
    assert_eq!(names, ["SAMLRequest", "RelayState", "SigAlg", "Signature"]);
    let (signed, signature) = query.split_once("&Signature=").unwrap();
    let signature = STANDARD.decode(decode(signature)).unwrap();
    let certificate = std::fs::read(test_only_key("sp-certificate.pem")).unwrap();
    assert!(verifies(&certificate, signed.as_bytes(), &signature));
    assert!(!verifies(
        &certificate,
        signed.replace("RelayState=", "RelayState=x").as_bytes(),
        &signature
    ));

    let sent = read_redirect(&url);
    assert!(!sent.xml.contains("Signature"));
    assert!(sent.relay_state.contains('+') && sent.relay_state.contains('/'));
    let page = ann
        .return_from_idp(&stand, &sent, &ResponseSpec::at_start(&stand, &sent).sign())
        .await;
    assert_eq!(page.status, StatusCode::FOUND);
}

#[tokio::test]
async fn the_redirect_keeps_the_query_of_the_sso_url() {
    let stand = stand_with(|config| {
        config.idp.as_mut().unwrap().request_binding = Binding::Redirect;
        config.idp.as_mut().unwrap().sso_url =
            "https://login.tacit-idp.test/sso?tenant=a".to_owned();
    })
    .await;
    let url = redirect(&stand, &mut Browser::new()).await;
    assert!(
        url.starts_with("https://login.tacit-idp.test/sso?tenant=a&SAMLRequest="),
        "{url}"
    );
    assert!(
        read_redirect(&url)
            .xml
            .contains("Destination=\"https://login.tacit-idp.test/sso?tenant=a\"")
    );
}

#[tokio::test]
async fn the_metadata_is_for_administrators_and_names_the_same_key() {
    let stand = stand_with(|_| {}).await;
    let path = "/api/v1/idps/0oa1tacitfactor00001/metadata.xml";
    let page = Browser::new().get(&stand, &format!("{ORG}{path}")).await;
    assert_eq!(
        (page.status, page.json()["errorCode"].as_str()),
        (StatusCode::FORBIDDEN, Some("E0000005"))
    );
    let page = Browser::new().api(&stand, path).await;
    assert_eq!(page.content_type, "application/octet-stream");
    let document = roxmltree::Document::parse(&page.body).unwrap();
    assert_eq!(
        document.root_element().attribute("entityID"),
        Some(stand.entity_id().as_str())
    );
    let certificates: Vec<String> = document
        .descendants()
        .filter(|n| n.has_tag_name("X509Certificate"))
        .map(|n| n.text().unwrap().split_whitespace().collect())
        .collect();
    let pem = std::fs::read_to_string(test_only_key("sp-certificate.pem")).unwrap();
    let expected: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    assert_eq!(certificates, [expected.clone(), expected]);
    let acs = document
        .descendants()
        .find(|n| n.has_tag_name("AssertionConsumerService"))
        .unwrap();
    assert_eq!(acs.attribute("Location"), Some(stand.acs_url().as_str()));
    let printed = okta_stand_in::metadata_xml(&stand.config, stand.data.path()).unwrap();
    assert_eq!(printed, page.body);
}

async fn redirect(stand: &Stand, browser: &mut Browser) -> String {
    let body = browser.challenge(stand, "ann@acme.test").await;
    let page = browser
        .get(stand, body["_links"]["next"]["href"].as_str().unwrap())
        .await;
    assert_eq!(page.status, StatusCode::FOUND);
    page.location.unwrap()
}

fn read_redirect(url: &str) -> Sent {
    let query = url.split_once('?').unwrap().1.as_bytes();
    let value = |name: &str| {
        let found = form_urlencoded::parse(query).find(|(found, _)| found == name);
        found.unwrap().1.into_owned()
    };
    let deflated = STANDARD.decode(value("SAMLRequest")).unwrap();
    let mut xml = String::new();
    flate2::read::DeflateDecoder::new(deflated.as_slice())
        .read_to_string(&mut xml)
        .unwrap();
    Sent::new(xml, value("RelayState"))
}

fn decode(text: &str) -> String {
    form_urlencoded::parse(format!("v={text}").as_bytes())
        .next()
        .unwrap()
        .1
        .into_owned()
}

/// With the certificate's public key, found by openssl-free means: the last 2048-bit
/// RSAPublicKey in it.
fn verifies(certificate_pem: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let pem = String::from_utf8_lossy(certificate_pem);
    let der = STANDARD
        .decode(
            pem.lines()
                .filter(|line| !line.starts_with("-----"))
                .collect::<String>(),
        )
        .unwrap();
    // SEQUENCE of INTEGER (257 bytes) and INTEGER 65537, as PKCS#1 writes it.
    let start = der
        .windows(8)
        .position(|w| w[..4] == [0x30, 0x82, 0x01, 0x0a] && w[4] == 0x02)
        .unwrap();
    let key = &der[start..start + 270];
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
        .verify(message, signature)
        .is_ok()
}
