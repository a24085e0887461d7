//! Requests that other people's service providers made and signed, before our verifier: as they are, and spoiled.

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use conformance::{
    judge,
    okta::{ACS, SP_ENTITY_ID, SSO_URL, now_ms, service_provider, task},
};
use serde_json::json;
use standards::saml::{
    authn_request::{AuthnRequest, AuthnRequestError as E, UnverifiedAuthnRequest, VerifyContext},
    signature::SignatureError as S,
    xml::XmlError as X,
};

fn receive(task: &str, octets: &str) -> Result<AuthnRequest, E> {
    receive_at(task, octets, now_ms(), SSO_URL)
}

fn receive_at(task: &str, octets: &str, now_ms: i64, destination: &str) -> Result<AuthnRequest, E> {
    let unverified = match task.ends_with("post") {
        true => UnverifiedAuthnRequest::from_post_body(octets.as_bytes()),
        false => UnverifiedAuthnRequest::from_redirect_query(octets.as_bytes()),
    };
    unverified?.verify(
        &service_provider(),
        &VerifyContext::new(now_ms, destination),
    )
}

/// (task, octets) of one signed request each.
fn made() -> Result<Vec<(&'static str, String)>> {
    let names = [
        "make-request/node-saml/redirect",
        "make-request/node-saml/post",
        "make-request/samlify/redirect",
        "make-request/samlify/post",
    ];
    let answers = judge(&names.map(|name| task(name, json!({"signed_part": "assertion"}))))?;
    names
        .into_iter()
        .zip(answers)
        .map(|(name, answer)| {
            Ok((
                name,
                answer["octets"]
                    .as_str()
                    .with_context(|| format!("{name}: {answer}"))?
                    .to_owned(),
            ))
        })
        .collect()
}

#[test]
fn signed_requests_of_node_saml_and_samlify_are_accepted() -> Result<()> {
    for (name, octets) in made()? {
        let request = receive(name, &octets).with_context(|| format!("{name}: {octets}"))?;
        assert_eq!(
            (request.issuer(), request.acs()),
            (SP_ENTITY_ID, ACS),
            "{name}"
        );
        assert!(request.was_signed(), "{name}");
        assert_eq!(
            request.relay_state(),
            Some("https://app.workplace.test/?a=1&b=%2F+ü"),
            "{name}"
        );
        if name.contains("node-saml") {
            assert!(request.force_authn(), "{name}");
            let context: Vec<_> = request
                .application_context()
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect();
            assert_eq!(
                context,
                [
                    ("OktaAppInstanceId", "0oaapp"),
                    ("OktaAppName", "Work & play")
                ],
                "{name}"
            );
        }
    }
    Ok(())
}

#[test]
fn the_same_requests_spoiled_are_refused_each_for_its_own_reason() -> Result<()> {
    for (name, octets) in made()? {
        let late = now_ms() + 10 * 60 * 1000;
        assert_eq!(
            receive_at(name, &octets, late, SSO_URL),
            Err(E::Expired),
            "{name}"
        );
        let early = now_ms() - 10 * 60 * 1000;
        assert_eq!(
            receive_at(name, &octets, early, SSO_URL),
            Err(E::NotYetValid),
            "{name}"
        );
        let elsewhere = "https://login.tacit.test/saml/other/sso";
        assert_eq!(
            receive_at(name, &octets, now_ms(), elsewhere),
            Err(E::DestinationOther),
            "{name}"
        );
        let twice = format!("{octets}&SAMLRequest=a");
        assert_eq!(
            receive(name, &twice),
            Err(E::ParameterRepeated {
                name: "SAMLRequest"
            }),
            "{name}"
        );
        match name.ends_with("post") {
            true => spoil_posted(name, &octets),
            false => spoil_redirected(name, &octets),
        }
    }
    Ok(())
}

fn spoil_redirected(name: &str, octets: &str) {
    let parameter = |key: &str| {
        let found = octets
            .split('&')
            .find(|pair| pair.split('=').next() == Some(key));
        found
            .unwrap_or_else(|| panic!("{name} has no {key}"))
            .to_owned()
    };
    for (sentence, spoiled, expected) in [
        (
            "no signature",
            octets.replace(&format!("&{}", parameter("Signature")), ""),
            E::ParameterMissing { name: "Signature" },
        ),
        (
            "unsigned",
            parameter("SAMLRequest"),
            E::Signature(S::Missing),
        ),
        (
            "another RelayState",
            octets.replace(&parameter("RelayState"), "RelayState=a"),
            E::Signature(S::Value),
        ),
        (
            "SHA-1",
            octets.replace(
                &parameter("SigAlg"),
                "SigAlg=http%3A%2F%2Fwww.w3.org%2F2000%2F09%2Fxmldsig%23rsa-sha1",
            ),
            E::Signature(S::Algorithm),
        ),
    ] {
        assert_eq!(receive(name, &spoiled), Err(expected), "{name}: {sentence}");
    }
}

fn spoil_posted(name: &str, octets: &str) {
    let xml = xml_of(octets).replace("<?xml version=\"1.0\"?>", "");
    let id = xml
        .split_once(" ID=\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .unwrap()
        .0;
    let prefix = if xml.contains("<ds:Signature") {
        "ds:"
    } else {
        ""
    };
    let signature_at = xml.find(&format!("<{prefix}Signature")).unwrap();
    let end = format!("</{prefix}Signature>");
    let signature_end = xml.find(&end).unwrap() + end.len();
    let signature = &xml[signature_at..signature_end];
    let unsigned = [&xml[..signature_at], &xml[signature_end..]].concat();
    let root_end = xml.rfind("</").unwrap();
    for (sentence, spoiled, expected) in [
        ("unsigned", unsigned.clone(), E::Signature(S::Missing)),
        (
            "another ACS",
            xml.replace(ACS, "https://evil.test"),
            E::Signature(S::Digest),
        ),
        (
            "another issuer",
            xml.replace(SP_ENTITY_ID, "https://evil.test"),
            E::Signature(S::Digest),
        ),
        (
            "SHA-1",
            xml.replace("xmldsig-more#rsa-sha256", "xmldsig#rsa-sha1"),
            E::Signature(S::Algorithm),
        ),
        (
            "another reference",
            xml.replace(&format!("URI=\"#{id}\""), "URI=\"#other\""),
            E::Signature(S::ReferenceElsewhere),
        ),
        (
            "two signatures",
            xml.replacen(signature, &signature.repeat(2), 1),
            E::Signature(S::Repeated),
        ),
        (
            "original wrapped with its ID",
            [
                &unsigned[..unsigned.rfind("</").unwrap()],
                &xml,
                &xml[root_end..],
            ]
            .concat(),
            E::IdRepeated,
        ),
        (
            "document type",
            format!("<!DOCTYPE a>{}", xml),
            E::Xml(X::Doctype),
        ),
        (
            "comment in the issuer",
            xml.replace("spabc", "sp<!---->abc"),
            E::Xml(X::Comment),
        ),
        (
            "deep",
            xml.replacen(SP_ENTITY_ID, &"<a>".repeat(10_000), 1),
            E::Xml(X::TooDeep),
        ),
    ] {
        assert_ne!(spoiled, xml, "{name}: {sentence}: nothing was changed");
        assert_eq!(
            receive(name, &body_of(&spoiled)),
            Err(expected),
            "{name}: {sentence}"
        );
    }
}

fn xml_of(octets: &str) -> String {
    let value = octets
        .split('&')
        .find_map(|pair| pair.strip_prefix("SAMLRequest="))
        .unwrap();
    let base64 = value
        .replace("%2B", "+")
        .replace("%2F", "/")
        .replace("%3D", "=");
    String::from_utf8(STANDARD.decode(base64).unwrap()).unwrap()
}

fn body_of(xml: &str) -> String {
    let base64 = STANDARD
        .encode(xml)
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    format!("SAMLRequest={base64}")
}
