//! Requests that xmlsec1 signed, with namespaces in every unusual place: its canonical XML and ours have to agree to the
//! byte, or the digest does not fit.

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use conformance::{
    okta::{ACS, NAME_ID, SP_ENTITY_ID, SP_KEY, SSO_URL, service_provider},
    xmlsec1_signed,
};
use standards::saml::authn_request::{
    AuthnRequest, AuthnRequestError, UnverifiedAuthnRequest, VerifyContext,
};

/// 2026-01-01T00:00:00Z
const ISSUED_MS: i64 = 1_767_225_600_000;

/// A request whose Extensions are `extensions`, with a signature to be filled in.
fn template(declarations: &str, prefixes: &str, extensions: &str) -> String {
    let inclusive = match prefixes {
        "" => String::new(),
        list => format!(
            r#"<ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="{list}"/>"#
        ),
    };
    let name = NAME_ID.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        r##"<?xml version="1.0"?>
<p:AuthnRequest {declarations} Version="2.0"
    xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol"
    IssueInstant="2026-01-01T00:00:00Z"   ID='_1' Destination="{SSO_URL}" AssertionConsumerServiceURL="{ACS}" >
  <Issuer xmlns="urn:oasis:names:tc:SAML:2.0:assertion">{SP_ENTITY_ID}</Issuer>
  <Signature xmlns="http://www.w3.org/2000/09/xmldsig#">
    <SignedInfo>
      <CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">{inclusive}</CanonicalizationMethod>
      <SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
      <Reference URI="#_1">
        <Transforms>
          <Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
          <Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">{inclusive}</Transform>
        </Transforms>
        <DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>
        <DigestValue/>
      </Reference>
    </SignedInfo>
    <SignatureValue/>
  </Signature>
  <p:Extensions>{extensions}</p:Extensions>
  <s:Subject xmlns:s="urn:oasis:names:tc:SAML:2.0:assertion"><s:NameID>{name}</s:NameID></s:Subject>
</p:AuthnRequest>"##
    )
}

fn receive(xml: &str) -> Result<AuthnRequest, AuthnRequestError> {
    let base64 = STANDARD
        .encode(xml)
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    UnverifiedAuthnRequest::from_post_body(format!("SAMLRequest={base64}").as_bytes())?
        .verify(&service_provider(), &VerifyContext::new(ISSUED_MS, SSO_URL))
}

#[test]
fn our_canonical_xml_is_that_of_xmlsec1() -> Result<()> {
    let many = r#"xmlns:a="urn:a" xmlns:b="urn:b" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:default""#;
    let xsi = r#"xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance""#;
    for (declarations, prefixes, extensions) in [
        ("", "", ""),
        (many, "", "<a:x/><b:y><a:z/></b:y>"),
        (many, "a xs", "<a:x/><b:y><a:z/></b:y>"),
        (
            many,
            "#default",
            "<x/><y xmlns=''><z/></y><y xmlns='urn:other'><z xmlns='urn:default'/></y>",
        ),
        (many, "#default b nowhere", "<x xmlns=''><y/><a:z/></x>"),
        (many, "", "<x/><y xmlns=''><z/><z xmlns='urn:default'/></y>"),
        (
            many,
            "a",
            "<q xmlns:a='urn:new' a:r='1'><a:x xmlns:a='urn:a'/></q>",
        ),
        (
            many,
            "",
            "<a:x b:z='1' a:y='2' z='3' y='4' xml:lang='en' xml:space='preserve'> \t\n </a:x>",
        ),
        (xsi, "xs", "<v xmlns:xs='urn:x' xsi:type='xs:string'>a</v>"),
        (xsi, "", "<v xmlns:xs='urn:x' xsi:type='xs:string'>a</v>"),
        (
            "",
            "",
            "<x a='&lt;&gt;&amp;&quot;&apos;&#9;&#10;&#13;\u{e4}\u{1f600}\t\n'>&lt;&gt;&amp;&quot;&apos;&#9;&#10;&#13;\u{e4}\u{1f600}\t\r\n</x>",
        ),
        (
            "",
            "",
            "<c:x xmlns:c='urn:1'><c:x xmlns:c='urn:2'><c:x xmlns:c='urn:1'/></c:x><c:x xmlns:c='urn:1'/></c:x>",
        ),
        (
            "",
            "",
            "<c:x xmlns:c='urn:1' xmlns:d='urn:1' c:b='1' d:a='2'/>",
        ),
        ("", "", "<x xmlns:\u{e4}='urn:a' \u{e4}:b='1'/>"),
    ] {
        let case = format!("{declarations} / {prefixes} / {extensions}");
        let xml = xmlsec1_signed(
            &template(declarations, prefixes, extensions),
            "urn:oasis:names:tc:SAML:2.0:protocol:AuthnRequest",
            SP_KEY,
        )
        .with_context(|| case.clone())?;
        let request = receive(&xml).with_context(|| format!("{case}\n{xml}"))?;
        assert_eq!(
            request.subject().map(|s| s.value.as_str()),
            Some(NAME_ID),
            "{case}"
        );
    }
    Ok(())
}
