//! An Okta org's side: requests as it makes them, and all the ways to spoil one.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use standards::saml::{
    authn_request::{AuthnRequest, AuthnRequestError, UnverifiedAuthnRequest, VerifyContext},
    certificate::Certificate,
    metadata::ServiceProvider,
};

pub const ENTITY_ID: &str = "https://www.okta.com/saml2/service-provider/spabcdefghijklmnopqr";
pub const ACS: &str = "https://acme.okta.test/sso/saml2/0oa1factoridp00000g7";
pub const DESTINATION: &str = "https://login.tacit.test/saml/acme/sso";
/// 2026-01-01T00:00:00Z
pub const ISSUED_MS: i64 = 1_767_225_600_000;

pub const SP_KEY: &str = include_str!("../../test-only-keys/service-provider.key.pem");
pub const SP_CERTIFICATE: &str = include_str!("../../test-only-keys/service-provider.crt.pem");
pub const STRANGER_KEY: &str = include_str!("../../test-only-keys/stranger.key.pem");
pub const IDP_KEY: &str = include_str!("../../test-only-keys/identity-provider.key.pem");
pub const IDP_CERTIFICATE: &str = include_str!("../../test-only-keys/identity-provider.crt.pem");

/// The text between the armour lines.
pub fn base64_of(pem: &str) -> String {
    pem.lines()
        .filter(|line| !line.starts_with("-----"))
        .collect()
}

pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// What stands between the first `from` and the next `to`.
pub fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap();
    rest.split_once(to).unwrap().0
}

pub fn certificate(pem: &str) -> Certificate {
    Certificate::from_base64(&base64_of(pem)).unwrap()
}

pub fn rsa_sha256(key: &str, message: &[u8]) -> Vec<u8> {
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(base64_of(key)).unwrap()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        message,
        &mut signature,
    )
    .unwrap();
    signature
}

pub fn metadata(signed: bool) -> String {
    format!(
        concat!(
            r#"<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{id}">"#,
            r#"<md:SPSSODescriptor AuthnRequestsSigned="{signed}" WantAssertionsSigned="true" "#,
            r#"protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing">"#,
            r#"<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{certificate}"#,
            r#"</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"#,
            r#"<md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified</md:NameIDFormat>"#,
            r#"<md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" "#,
            r#"Location="{acs}" index="0" isDefault="true"/></md:SPSSODescriptor></md:EntityDescriptor>"#
        ),
        id = ENTITY_ID,
        signed = signed,
        certificate = base64_of(SP_CERTIFICATE),
        acs = ACS,
    )
}

pub fn service_provider() -> ServiceProvider {
    ServiceProvider::parse(metadata(true).as_bytes()).unwrap()
}

pub fn unsigned_service_provider() -> ServiceProvider {
    ServiceProvider::parse(metadata(false).as_bytes()).unwrap()
}

/// A factor-only request in canonical form, so that its text can be hashed as it is.
pub fn request() -> String {
    format!(
        concat!(
            r#"<saml2p:AuthnRequest xmlns:saml2p="urn:oasis:names:tc:SAML:2.0:protocol" "#,
            r#"AssertionConsumerServiceURL="{acs}" Destination="{destination}" ForceAuthn="true" "#,
            r#"ID="id216400685678752324916391" IssueInstant="2026-01-01T00:00:00.000Z" Version="2.0">"#,
            r#"<saml2:Issuer xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion">{issuer}</saml2:Issuer>"#,
            r#"<saml2:Subject xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion">"#,
            r#"<saml2:NameID>alice@acme.test</saml2:NameID></saml2:Subject>"#,
            r#"<saml2p:NameIDPolicy Format="urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified">"#,
            r#"</saml2p:NameIDPolicy></saml2p:AuthnRequest>"#
        ),
        acs = ACS,
        destination = DESTINATION,
        issuer = ENTITY_ID,
    )
}

/// An XML signature; each member can be spoiled on its own.
#[derive(Clone)]
pub struct Signature<'a> {
    pub key: &'a str,
    pub c14n: &'a str,
    pub method: &'a str,
    pub uri: &'a str,
    pub transforms: &'a str,
    pub digest_method: &'a str,
    pub object: &'a str,
}

pub const ENVELOPED: &str = r#"<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>"#;
pub const EXCLUSIVE: &str =
    r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform>"#;

impl Default for Signature<'_> {
    fn default() -> Self {
        Self {
            key: SP_KEY,
            c14n: "http://www.w3.org/2001/10/xml-exc-c14n#",
            method: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            uri: "#id216400685678752324916391",
            transforms: concat!(
                r#"<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>"#,
                r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform>"#
            ),
            digest_method: "http://www.w3.org/2001/04/xmlenc#sha256",
            object: "",
        }
    }
}

impl Signature<'_> {
    /// The element for a document whose canonical text is `hashed`.
    pub fn over(&self, hashed: &str) -> String {
        let info = |declaration: &str| {
            format!(
                concat!(
                    r#"<ds:SignedInfo{declaration}><ds:CanonicalizationMethod Algorithm="{c14n}">"#,
                    r#"</ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="{method}"></ds:SignatureMethod>"#,
                    r#"<ds:Reference URI="{uri}"><ds:Transforms>{transforms}</ds:Transforms>"#,
                    r#"<ds:DigestMethod Algorithm="{digest_method}"></ds:DigestMethod>"#,
                    r#"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"#
                ),
                declaration = declaration,
                c14n = self.c14n,
                method = self.method,
                uri = self.uri,
                transforms = self.transforms,
                digest_method = self.digest_method,
                digest = STANDARD.encode(digest(&SHA256, hashed.as_bytes())),
            )
        };
        let message = info(r#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#""#);
        let value = STANDARD.encode(rsa_sha256(self.key, message.as_bytes()));
        format!(
            r#"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">{}<ds:SignatureValue>{value}</ds:SignatureValue>{}</ds:Signature>"#,
            info(""),
            self.object
        )
    }

    /// `xml` with the signature behind its first Issuer.
    pub fn enveloped_in(&self, xml: &str) -> String {
        behind_issuer(xml, &self.over(xml))
    }
}

pub fn behind_issuer(xml: &str, signature: &str) -> String {
    xml.replacen("</saml2:Issuer>", &format!("</saml2:Issuer>{signature}"), 1)
}

pub fn signed(xml: &str) -> String {
    Signature::default().enveloped_in(xml)
}

pub fn percent(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for &c in bytes {
        match c {
            c if c.is_ascii_alphanumeric() => out.push(char::from(c)),
            c => out.push_str(&format!("%{c:02X}")),
        }
    }
    out
}

/// A POST body.
pub fn posted(xml: &str) -> Vec<u8> {
    format!(
        "SAMLRequest={}&RelayState=opaque%2Bstate",
        percent(STANDARD.encode(xml).as_bytes())
    )
    .into_bytes()
}

pub fn deflated(xml: &[u8]) -> String {
    percent(
        STANDARD
            .encode(miniz_oxide::deflate::compress_to_vec(xml, 9))
            .as_bytes(),
    )
}

pub const RSA_SHA256: &str = "http%3A%2F%2Fwww.w3.org%2F2001%2F04%2Fxmldsig-more%23rsa-sha256";

/// A query with a signature over exactly `signed`.
pub fn with_query_signature(signed: &str) -> Vec<u8> {
    let value = STANDARD.encode(rsa_sha256(SP_KEY, signed.as_bytes()));
    format!("{signed}&Signature={}", percent(value.as_bytes())).into_bytes()
}

/// A signed query.
pub fn redirected(xml: &str) -> Vec<u8> {
    with_query_signature(&format!(
        "SAMLRequest={}&RelayState=opaque%2Bstate&SigAlg={RSA_SHA256}",
        deflated(xml.as_bytes())
    ))
}

pub fn context() -> VerifyContext<'static> {
    VerifyContext::new(ISSUED_MS + 1_000, DESTINATION)
}

pub fn receive_post(body: &[u8]) -> Result<AuthnRequest, AuthnRequestError> {
    UnverifiedAuthnRequest::from_post_body(body)?.verify(&service_provider(), &context())
}

pub fn receive_redirect(query: &[u8]) -> Result<AuthnRequest, AuthnRequestError> {
    UnverifiedAuthnRequest::from_redirect_query(query)?.verify(&service_provider(), &context())
}
