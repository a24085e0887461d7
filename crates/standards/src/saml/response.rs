//! The Response that goes back to Okta: written in canonical form from the start, so that what is hashed and what is sent
//! are the same bytes, with exactly one signature.
//!
//! ```
//! use standards::saml::response::{Envelope, Failure, Signing, failure};
//! let envelope = Envelope {
//!     id: "_r1",
//!     issue_instant_ms: 1_767_225_602_000,
//!     issuer: "https://login.example.com/saml/acme/metadata",
//!     destination: "https://acme.okta.com/sso/saml2/0oa1",
//!     in_response_to: "id1",
//! };
//! let signing = Signing { certificate_der: b"certificate", sign: &|_message| Some(vec![0; 256]) };
//! let xml = failure(&envelope, Failure::AuthnFailed, Some("declined"), &signing).unwrap();
//! assert!(xml.contains("urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"));
//! ```

use super::{
    ENVELOPED, EXCLUSIVE_C14N, NS_ASSERTION, NS_PROTOCOL, NS_SIGNATURE, RSA_SHA256, SHA256,
    instant,
    write::{attribute_value, is_xml_text, text},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::digest;

/// What every Response carries. The identifiers are the caller's: random, and names in the sense of XML.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// ID of the Response.
    pub id: &'a str,
    /// Now, in ms since 1970.
    pub issue_instant_ms: i64,
    /// Our entity ID.
    pub issuer: &'a str,
    /// The assertion consumer service of the request.
    pub destination: &'a str,
    /// ID of the request.
    pub in_response_to: &'a str,
}

/// What is said about the person.
#[derive(Debug, Clone)]
pub struct Assertion<'a> {
    /// ID of the Assertion.
    pub id: &'a str,
    /// The service provider's entity ID.
    pub audience: &'a str,
    /// As the request had it, byte for byte.
    pub name_id: &'a str,
    /// As [`super::authn_request::AuthnRequest::response_name_id_format`] says.
    pub name_id_format: &'a str,
    /// When the person was authenticated, in ms since 1970.
    pub authn_instant_ms: i64,
    /// Names this session at the identity provider.
    pub session_index: &'a str,
    /// `AuthnContextClassRef`, such as [`super::CONTEXT_PASSWORD_PROTECTED_TRANSPORT`].
    pub context_class: &'a str,
    /// Authentication method references, RFC 8176; the attribute `session.amr`. None: no attribute.
    pub amr: &'a [&'a str],
    /// Further attributes: the echo of the request's application context.
    pub attributes: &'a [(String, String)],
    /// `NotBefore` lies that far before the Response's instant, in ms, for a service provider whose clock is slow.
    pub not_before_ms: i64,
    /// `NotOnOrAfter` lies that far behind it, in ms.
    pub lifetime_ms: i64,
}

/// Which element carries the one signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignedPart {
    /// The Assertion: what Okta is known to accept in production.
    Assertion,
    /// The whole Response.
    Response,
}

/// A refusal in SAML's words: top-level status Responder and this second-level status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The person was not authenticated.
    AuthnFailed,
    /// Nothing may be shown, and without showing something it does not work.
    NoPassive,
}

/// The signing key, which stays with the caller.
#[derive(Clone, Copy)]
pub struct Signing<'a> {
    /// DER of its certificate, sent along so that the other side can tell which key of two it is.
    pub certificate_der: &'a [u8],
    /// Makes an RSASSA-PKCS1-v1_5 signature with SHA-256 over the message; `None` if that fails.
    pub sign: &'a dyn Fn(&[u8]) -> Option<Vec<u8>>,
}

/// Why no Response is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// A character that XML cannot carry.
    #[error("{name} has a character that XML cannot carry")]
    NotXmlText {
        /// Which value.
        name: &'static str,
    },
    /// A time outside the years 0 to 9999.
    #[error("a time is out of range")]
    Time,
    /// The key did not sign.
    #[error("signing failed")]
    Signing,
}

/// A Response that authenticates a person, with one signature at `signed_part`.
pub fn success(
    envelope: &Envelope<'_>,
    assertion: &Assertion<'_>,
    signed_part: SignedPart,
    signing: &Signing<'_>,
) -> Result<String, ResponseError> {
    let (head, tail) = written_assertion(envelope, assertion)?;
    let status = format!(
        "<saml2p:Status><saml2p:StatusCode Value=\"{STATUS}Success\"></saml2p:StatusCode></saml2p:Status>"
    );
    match signed_part {
        SignedPart::Assertion => {
            let signature = signature(assertion.id, [&head, &tail], signing)?;
            let [start, issuer] = written_envelope(envelope, Some(NS_SCHEMA))?;
            Ok([&start, &issuer, &status, &head, &signature, &tail, END].concat())
        }
        SignedPart::Response => {
            let rest = [&status, &head, &tail, END].concat();
            signed_response(envelope, &rest, signing)
        }
    }
}

/// A signed Response that says that nobody was authenticated. `message` is for people and logs, not for secrets.
pub fn failure(
    envelope: &Envelope<'_>,
    failure: Failure,
    message: Option<&str>,
    signing: &Signing<'_>,
) -> Result<String, ResponseError> {
    let code = match failure {
        Failure::AuthnFailed => "AuthnFailed",
        Failure::NoPassive => "NoPassive",
    };
    let mut rest = format!(
        concat!(
            "<saml2p:Status><saml2p:StatusCode Value=\"{status}Responder\">",
            "<saml2p:StatusCode Value=\"{status}{code}\"></saml2p:StatusCode></saml2p:StatusCode>"
        ),
        status = STATUS,
        code = code
    );
    if let Some(message) = message {
        rest.push_str("<saml2p:StatusMessage>");
        text(xml_text(message, "StatusMessage")?, &mut rest);
        rest.push_str("</saml2p:StatusMessage>");
    }
    rest.push_str("</saml2p:Status>");
    rest.push_str(END);
    signed_response(envelope, &rest, signing)
}

/// The value of the form field `SAMLResponse`.
pub fn form_value(xml: &str) -> String {
    STANDARD.encode(xml)
}

const STATUS: &str = "urn:oasis:names:tc:SAML:2.0:status:";
const END: &str = "</saml2p:Response>";
const NS_SCHEMA: &str = "http://www.w3.org/2001/XMLSchema";
const NS_SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Start tag and Issuer of a Response. The prefix `xs` occurs in values only, so exclusive canonical XML leaves its
/// declaration out: `schema` is given for what is sent and not for what is hashed.
fn written_envelope(
    envelope: &Envelope<'_>,
    schema: Option<&str>,
) -> Result<[String; 2], ResponseError> {
    let mut start = format!("<saml2p:Response xmlns:saml2p=\"{NS_PROTOCOL}\"");
    if let Some(schema) = schema {
        attribute("xmlns:xs", schema, &mut start)?;
    }
    attribute("Destination", envelope.destination, &mut start)?;
    attribute("ID", envelope.id, &mut start)?;
    attribute("InResponseTo", envelope.in_response_to, &mut start)?;
    attribute(
        "IssueInstant",
        &time(envelope.issue_instant_ms)?,
        &mut start,
    )?;
    attribute("Version", "2.0", &mut start)?;
    start.push('>');
    let mut issuer = format!("<saml2:Issuer xmlns:saml2=\"{NS_ASSERTION}\">");
    text(xml_text(envelope.issuer, "Issuer")?, &mut issuer);
    issuer.push_str("</saml2:Issuer>");
    Ok([start, issuer])
}

/// An Assertion in canonical form, cut where a signature would go.
fn written_assertion(
    envelope: &Envelope<'_>,
    a: &Assertion<'_>,
) -> Result<(String, String), ResponseError> {
    let now = time(envelope.issue_instant_ms)?;
    let not_before = time(envelope.issue_instant_ms.saturating_sub(a.not_before_ms))?;
    let not_on_or_after = time(envelope.issue_instant_ms.saturating_add(a.lifetime_ms))?;

    let mut head = format!("<saml2:Assertion xmlns:saml2=\"{NS_ASSERTION}\"");
    attribute("ID", a.id, &mut head)?;
    attribute("IssueInstant", &now, &mut head)?;
    attribute("Version", "2.0", &mut head)?;
    head.push('>');
    element("saml2:Issuer", envelope.issuer, &mut head)?;

    let mut tail = String::from("<saml2:Subject><saml2:NameID");
    attribute("Format", a.name_id_format, &mut tail)?;
    tail.push('>');
    text(xml_text(a.name_id, "NameID")?, &mut tail);
    tail.push_str("</saml2:NameID><saml2:SubjectConfirmation");
    attribute("Method", "urn:oasis:names:tc:SAML:2.0:cm:bearer", &mut tail)?;
    tail.push_str("><saml2:SubjectConfirmationData");
    attribute("InResponseTo", envelope.in_response_to, &mut tail)?;
    attribute("NotOnOrAfter", &not_on_or_after, &mut tail)?;
    attribute("Recipient", envelope.destination, &mut tail)?;
    tail.push_str("></saml2:SubjectConfirmationData></saml2:SubjectConfirmation></saml2:Subject><saml2:Conditions");
    attribute("NotBefore", &not_before, &mut tail)?;
    attribute("NotOnOrAfter", &not_on_or_after, &mut tail)?;
    tail.push_str("><saml2:AudienceRestriction>");
    element("saml2:Audience", a.audience, &mut tail)?;
    tail.push_str("</saml2:AudienceRestriction></saml2:Conditions><saml2:AuthnStatement");
    attribute("AuthnInstant", &time(a.authn_instant_ms)?, &mut tail)?;
    attribute("SessionIndex", a.session_index, &mut tail)?;
    tail.push_str("><saml2:AuthnContext>");
    element("saml2:AuthnContextClassRef", a.context_class, &mut tail)?;
    tail.push_str("</saml2:AuthnContext></saml2:AuthnStatement>");
    attributes(a, &mut tail)?;
    tail.push_str("</saml2:Assertion>");
    Ok((head, tail))
}

fn attributes(a: &Assertion<'_>, out: &mut String) -> Result<(), ResponseError> {
    if a.amr.is_empty() && a.attributes.is_empty() {
        return Ok(());
    }
    out.push_str("<saml2:AttributeStatement>");
    if !a.amr.is_empty() {
        attribute_element("session.amr", a.amr, out)?;
    }
    for (name, value) in a.attributes {
        attribute_element(name, &[value], out)?;
    }
    out.push_str("</saml2:AttributeStatement>");
    Ok(())
}

/// Okta once demanded `xsi:type` on values, so each has it.
fn attribute_element(name: &str, values: &[&str], out: &mut String) -> Result<(), ResponseError> {
    out.push_str("<saml2:Attribute");
    attribute("Name", name, out)?;
    attribute(
        "NameFormat",
        "urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified",
        out,
    )?;
    out.push('>');
    for value in values {
        out.push_str("<saml2:AttributeValue xmlns:xsi=\"");
        out.push_str(NS_SCHEMA_INSTANCE);
        out.push_str("\" xsi:type=\"xs:string\">");
        text(xml_text(value, "AttributeValue")?, out);
        out.push_str("</saml2:AttributeValue>");
    }
    out.push_str("</saml2:Attribute>");
    Ok(())
}

fn signed_response(
    envelope: &Envelope<'_>,
    rest: &str,
    signing: &Signing<'_>,
) -> Result<String, ResponseError> {
    let [hashed_start, issuer] = written_envelope(envelope, None)?;
    let [sent_start, _] = written_envelope(envelope, Some(NS_SCHEMA))?;
    let signature = signature(
        envelope.id,
        [&[&hashed_start, issuer.as_str()].concat(), rest],
        signing,
    )?;
    Ok([&sent_start, &issuer, &signature, rest].concat())
}

/// The Signature element for an element whose canonical form is `parts` joined, and which has the ID `id`.
fn signature(id: &str, parts: [&str; 2], signing: &Signing<'_>) -> Result<String, ResponseError> {
    let hash = digest(&ring::digest::SHA256, parts.concat().as_bytes());
    let mut uri = String::from("#");
    attribute_value(xml_text(id, "ID")?, &mut uri);
    let inside = format!(
        concat!(
            "<ds:CanonicalizationMethod Algorithm=\"{c14n}\"></ds:CanonicalizationMethod>",
            "<ds:SignatureMethod Algorithm=\"{method}\"></ds:SignatureMethod>",
            "<ds:Reference URI=\"{uri}\"><ds:Transforms><ds:Transform Algorithm=\"{enveloped}\"></ds:Transform>",
            "<ds:Transform Algorithm=\"{c14n}\"></ds:Transform></ds:Transforms>",
            "<ds:DigestMethod Algorithm=\"{sha256}\"></ds:DigestMethod>",
            "<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
        ),
        c14n = EXCLUSIVE_C14N,
        method = RSA_SHA256,
        uri = uri,
        enveloped = ENVELOPED,
        sha256 = SHA256,
        digest = STANDARD.encode(hash.as_ref()),
    );
    // In the document the prefix is declared on Signature; canonical form declares it on SignedInfo.
    let message = format!("<ds:SignedInfo xmlns:ds=\"{NS_SIGNATURE}\">{inside}");
    let value = (signing.sign)(message.as_bytes()).ok_or(ResponseError::Signing)?;
    Ok(format!(
        concat!(
            "<ds:Signature xmlns:ds=\"{ns}\"><ds:SignedInfo>{inside}<ds:SignatureValue>{value}</ds:SignatureValue>",
            "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>",
            "</ds:Signature>"
        ),
        ns = NS_SIGNATURE,
        inside = inside,
        value = STANDARD.encode(value),
        certificate = STANDARD.encode(signing.certificate_der),
    ))
}

fn element(name: &str, value: &str, out: &mut String) -> Result<(), ResponseError> {
    out.push('<');
    out.push_str(name);
    out.push('>');
    text(xml_text(value, "a text")?, out);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
    Ok(())
}

fn attribute(name: &str, value: &str, out: &mut String) -> Result<(), ResponseError> {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    attribute_value(xml_text(value, "an attribute")?, out);
    out.push('"');
    Ok(())
}

fn xml_text<'a>(value: &'a str, name: &'static str) -> Result<&'a str, ResponseError> {
    is_xml_text(value)
        .then_some(value)
        .ok_or(ResponseError::NotXmlText { name })
}

fn time(ms: i64) -> Result<String, ResponseError> {
    instant::format(ms).ok_or(ResponseError::Time)
}

#[cfg(test)]
mod tests;
