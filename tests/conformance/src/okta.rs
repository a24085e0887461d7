//! The two sides of one connection, as the tests and the judges know them.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use standards::saml::{
    CONTEXT_PASSWORD_PROTECTED_TRANSPORT, FORMAT_UNSPECIFIED,
    certificate::Certificate,
    metadata::{IdentityProvider, ServiceProvider},
    response::{self, Assertion, Envelope, Failure, ResponseError, SignedPart, Signing},
};
use std::time::{SystemTime, UNIX_EPOCH};

pub const SP_ENTITY_ID: &str = "https://www.okta.com/saml2/service-provider/spabcdefghijklmnopqr";
pub const ACS: &str = "https://acme.okta.test/sso/saml2/0oa1factoridp00000g7";
pub const IDP_ENTITY_ID: &str = "https://login.tacit.test/saml/acme/metadata";
pub const SSO_URL: &str = "https://login.tacit.test/saml/acme/sso";
pub const REQUEST_ID: &str = "id216400685678752324916391";
pub const NAME_ID: &str = "Alice.O'Hara+x&y<z>@acme.test";

pub const SP_KEY: &str =
    include_str!("../../../crates/standards/test-only-keys/service-provider.key.pem");
pub const SP_CERTIFICATE: &str =
    include_str!("../../../crates/standards/test-only-keys/service-provider.crt.pem");
pub const IDP_KEY: &str =
    include_str!("../../../crates/standards/test-only-keys/identity-provider.key.pem");
pub const IDP_CERTIFICATE: &str =
    include_str!("../../../crates/standards/test-only-keys/identity-provider.crt.pem");
pub const STRANGER_KEY: &str =
    include_str!("../../../crates/standards/test-only-keys/stranger.key.pem");

/// What the judges are told; a task adds `task` and what it needs.
pub fn task(name: &str, more: Value) -> Value {
    let mut task = json!({
        "task": name,
        "sp_entity_id": SP_ENTITY_ID,
        "acs": ACS,
        "sp_key": SP_KEY,
        "sp_certificate": SP_CERTIFICATE,
        "idp_entity_id": IDP_ENTITY_ID,
        "idp_certificate": IDP_CERTIFICATE,
        "idp_metadata": idp_metadata(),
        "sso_url": SSO_URL,
        "request_id": REQUEST_ID,
        "relay_state": "https://app.workplace.test/?a=1&b=%2F+ü",
    });
    if let (Some(task), Value::Object(more)) = (task.as_object_mut(), more) {
        task.extend(more);
    }
    task
}

/// What the judges compare with their own clocks, in ms since 1970.
pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

/// Our metadata with one certificate.
pub fn idp_metadata() -> String {
    let certificate = certificate(IDP_CERTIFICATE);
    let ours = IdentityProvider {
        entity_id: IDP_ENTITY_ID,
        sso_url: SSO_URL,
        signing_certificates: &[certificate.der()],
        want_authn_requests_signed: true,
    };
    ours.to_xml().expect("constants make metadata")
}

/// The org, demanding signatures.
pub fn service_provider() -> ServiceProvider {
    let metadata = format!(
        concat!(
            r#"<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{id}">"#,
            r#"<md:SPSSODescriptor AuthnRequestsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">"#,
            r#"<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>"#,
            r#"<ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"#,
            r#"<md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{acs}" index="0"/>"#,
            r#"</md:SPSSODescriptor></md:EntityDescriptor>"#
        ),
        id = SP_ENTITY_ID,
        certificate = base64_of(SP_CERTIFICATE),
        acs = ACS
    );
    ServiceProvider::parse(metadata.as_bytes()).expect("constants make metadata")
}

/// Our Response for [`NAME_ID`], signed with aws-lc-rs as the server signs.
pub fn success(
    part: SignedPart,
    key: &str,
    issue_instant_ms: i64,
    request_id: &str,
) -> Result<String, ResponseError> {
    let attributes = [
        ("OktaAppInstanceId".to_owned(), "0oaapp".to_owned()),
        ("OktaAppName".to_owned(), "Work & play".to_owned()),
    ];
    let assertion = Assertion {
        id: "_a1",
        audience: SP_ENTITY_ID,
        name_id: NAME_ID,
        name_id_format: FORMAT_UNSPECIFIED,
        authn_instant_ms: issue_instant_ms,
        session_index: "_s1",
        context_class: CONTEXT_PASSWORD_PROTECTED_TRANSPORT,
        amr: &["hwk", "pop", "mfa"],
        attributes: &attributes,
        not_before_ms: 60_000,
        lifetime_ms: 300_000,
    };
    with_signing(key, |signing| {
        response::success(
            &envelope(issue_instant_ms, request_id),
            &assertion,
            part,
            signing,
        )
    })
}

/// Our refusal.
pub fn failure(issue_instant_ms: i64) -> Result<String, ResponseError> {
    let envelope = envelope(issue_instant_ms, REQUEST_ID);
    with_signing(IDP_KEY, |signing| {
        response::failure(
            &envelope,
            Failure::AuthnFailed,
            Some("declined <by> policy"),
            signing,
        )
    })
}

fn envelope(issue_instant_ms: i64, request_id: &str) -> Envelope<'_> {
    Envelope {
        id: "_r1",
        issue_instant_ms,
        issuer: IDP_ENTITY_ID,
        destination: ACS,
        in_response_to: request_id,
    }
}

fn with_signing<T>(key: &str, run: impl FnOnce(&Signing<'_>) -> T) -> T {
    let pkcs8 = STANDARD.decode(base64_of(key)).expect("a test key is PEM");
    let key = RsaKeyPair::from_pkcs8(&pkcs8).expect("a test key is RSA");
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
    let certificate = certificate(IDP_CERTIFICATE);
    run(&Signing {
        certificate_der: certificate.der(),
        sign: &sign,
    })
}

fn certificate(pem: &str) -> Certificate {
    Certificate::from_base64(&base64_of(pem)).expect("a test certificate is one")
}

fn base64_of(pem: &str) -> String {
    pem.lines()
        .filter(|line| !line.starts_with("-----"))
        .collect()
}
