//! The Response validator: what Okta demands of a factor's answer, and in its words.
//!
//! Two steps. The signature comes first: exactly one, in its place, under the pinned
//! certificate, over the element that is read afterwards. Only then are values compared.
//! Where Okta's own text is public it is used ([`Refusal::okta_text`]); for the rest its
//! general text stands, and our own words are in [`Refusal`]'s `Display`.

mod refusal;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::{Document, Node, ParsingOptions};

use crate::authn_request::Application;
use crate::clock::{Millis, parse_iso};
use crate::config::{Pipeline, SignatureScope};
use crate::party::Party;
use crate::xml::{algorithm, ns};
use crate::xmlsec::Xmlsec;

pub use refusal::{GENERAL_TEXT, Refusal};

/// What the transaction waits for.
pub struct Expected<'a> {
    pub party: &'a Party,
    pub pipeline: Pipeline,
    /// `None`: nobody asked, so that nothing may claim to answer.
    pub request_id: Option<&'a str>,
    /// A factor has to speak of this user; a sign-in of whomever it wants.
    pub user: Option<&'a str>,
    pub application: Option<Application<'a>>,
    pub now: Millis,
}

/// A verified Response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Success(Success),
    /// The identity provider says no, in words of its own.
    Failure {
        code: String,
        message: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Success {
    pub name_id: String,
    /// All attributes, in their order.
    pub attributes: Vec<(String, String)>,
    /// `session.amr`, without what Okta does not forward.
    pub amr: Vec<String>,
    pub assertion_id: String,
}

/// Checks everything; the answer's values are signed values.
pub async fn verify(
    saml_response: &str,
    expected: &Expected<'_>,
    xmlsec: &Xmlsec,
) -> Result<Answer, Refusal> {
    let xml = decode(saml_response)?;
    // The parsed document does not live across the wait: it is not Send.
    check_shape(&parse(&xml)?, expected.party)?;
    if !xmlsec.verify(&xml, &expected.party.certificates).await? {
        return Err(Refusal::SignatureInvalid);
    }
    read(&parse(&xml)?, expected)
}

fn decode(saml_response: &str) -> Result<String, Refusal> {
    if saml_response.len() > MAX_BYTES * 4 / 3 + 4 {
        return Err(Refusal::TooLarge);
    }
    let compact: String = saml_response.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(compact).map_err(|_| Refusal::NotBase64)?;
    String::from_utf8(bytes).map_err(|_| Refusal::NotXml("it is not UTF-8".to_owned()))
}

fn parse(xml: &str) -> Result<Document<'_>, Refusal> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: 2000,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(xml, options).map_err(|error| Refusal::NotXml(error.to_string()))
}

/// One signature, in its place, over the element it stands in, made as Okta demands.
fn check_shape(document: &Document<'_>, party: &Party) -> Result<(), Refusal> {
    let response = document.root_element();
    if !response.has_tag_name((ns::PROTOCOL, "Response")) {
        return Err(Refusal::NotAResponse);
    }
    check_ids(document)?;
    let signatures: Vec<_> = document
        .descendants()
        .filter(|n| n.has_tag_name((ns::SIGNATURE, "Signature")))
        .collect();
    let signature = match signatures.as_slice() {
        [] => return Err(Refusal::SignatureMissing),
        [one] => *one,
        several => return Err(Refusal::SignatureTwice(several.len())),
    };
    let signed = signature.parent().ok_or(Refusal::SignatureMisplaced)?;
    let on_response = signed == response;
    let on_assertion =
        signed.has_tag_name((ns::ASSERTION, "Assertion")) && signed.parent() == Some(response);
    if !on_response && !on_assertion {
        return Err(Refusal::SignatureMisplaced);
    }
    let mut children = signed.children().filter(Node::is_element);
    let issuer = children
        .next()
        .filter(|n| n.has_tag_name((ns::ASSERTION, "Issuer")));
    if issuer.is_none() || children.next() != Some(signature) {
        return Err(Refusal::SignatureMisplaced);
    }
    match party.response_signature_scope {
        SignatureScope::Response if !on_response => return Err(Refusal::SignatureScope),
        SignatureScope::Token if !on_assertion => return Err(Refusal::SignatureScope),
        _ => {}
    }
    check_signed_info(signature, signed.attribute("ID").unwrap_or_default())
}

fn check_ids(document: &Document<'_>) -> Result<(), Refusal> {
    let mut seen = std::collections::HashSet::new();
    for attribute in document.descendants().flat_map(|node| node.attributes()) {
        if attribute.name().eq_ignore_ascii_case("id") && !seen.insert(attribute.value()) {
            return Err(Refusal::IdTwice(attribute.value().to_owned()));
        }
    }
    Ok(())
}

fn check_signed_info(signature: Node<'_, '_>, signed_id: &str) -> Result<(), Refusal> {
    let allow = |node: Node<'_, '_>, allowed: &[&str]| {
        let found = node.attribute("Algorithm").unwrap_or_default();
        match allowed.contains(&found) {
            true => Ok(()),
            false => Err(Refusal::ForbiddenAlgorithm(found.to_owned())),
        }
    };
    if children(signature, ns::SIGNATURE, "Object")
        .next()
        .is_some()
    {
        return Err(Refusal::SignatureMisplaced);
    }
    let info = only(signature, ns::SIGNATURE, "SignedInfo")?;
    allow(
        only(info, ns::SIGNATURE, "CanonicalizationMethod")?,
        &[algorithm::EXCLUSIVE_C14N],
    )?;
    allow(
        only(info, ns::SIGNATURE, "SignatureMethod")?,
        &[algorithm::RSA_SHA256],
    )?;
    let reference = only(info, ns::SIGNATURE, "Reference")?;
    let uri = reference.attribute("URI").unwrap_or_default();
    if signed_id.is_empty() || uri.strip_prefix('#') != Some(signed_id) {
        return Err(Refusal::ReferenceMismatch);
    }
    let transforms = only(reference, ns::SIGNATURE, "Transforms")?;
    let mut enveloped = false;
    for transform in transforms.children().filter(Node::is_element) {
        allow(
            transform,
            &[algorithm::ENVELOPED, algorithm::EXCLUSIVE_C14N],
        )?;
        enveloped |= transform.attribute("Algorithm") == Some(algorithm::ENVELOPED);
    }
    if !enveloped {
        return Err(Refusal::Malformed("the enveloped-signature transform"));
    }
    allow(
        only(reference, ns::SIGNATURE, "DigestMethod")?,
        &[algorithm::SHA256],
    )
}

/// Compares values. The signature has been verified over the Response or its Assertion.
fn read(document: &Document<'_>, expected: &Expected<'_>) -> Result<Answer, Refusal> {
    let response = document.root_element();
    let party = expected.party;
    check_version_and_instant(response, expected)?;
    check_issuer(response, "Response", party)?;
    let destination = response.attribute("Destination").unwrap_or_default();
    if destination != party.acs_url {
        return Err(Refusal::Destination(destination.to_owned()));
    }
    check_in_response_to(response, "Response", expected)?;

    let status = only(response, ns::PROTOCOL, "Status")?;
    let code = only(status, ns::PROTOCOL, "StatusCode")?;
    let value = code.attribute("Value").unwrap_or_default();
    if value != "urn:oasis:names:tc:SAML:2.0:status:Success" {
        let detail = children(code, ns::PROTOCOL, "StatusCode").next();
        let detail = detail.and_then(|n| n.attribute("Value")).unwrap_or(value);
        let message = children(status, ns::PROTOCOL, "StatusMessage").next();
        return Ok(Answer::Failure {
            code: bounded(detail),
            message: message.map_or_else(String::new, |n| bounded(&text(n).unwrap_or_default())),
        });
    }
    let assertion = only(response, ns::ASSERTION, "Assertion")?;
    check_version_and_instant(assertion, expected)?;
    check_issuer(assertion, "Assertion", party)?;
    check_conditions(assertion, expected)?;
    let name_id = check_subject(assertion, expected)?;
    let statement = children(assertion, ns::ASSERTION, "AuthnStatement").next();
    if statement
        .and_then(|n| n.attribute("AuthnInstant"))
        .and_then(parse_iso)
        .is_none()
    {
        return Err(Refusal::Malformed("AuthnStatement"));
    }
    let attributes = read_attributes(assertion)?;
    check_application(&attributes, expected)?;
    Ok(Answer::Success(Success {
        name_id,
        amr: check_amr(&attributes, expected)?,
        attributes,
        assertion_id: assertion.attribute("ID").unwrap_or_default().to_owned(),
    }))
}

fn check_version_and_instant(node: Node<'_, '_>, expected: &Expected<'_>) -> Result<(), Refusal> {
    if node.attribute("Version") != Some("2.0") {
        return Err(Refusal::Malformed("Version"));
    }
    if node.attribute("ID").unwrap_or_default().is_empty() {
        return Err(Refusal::Malformed("ID"));
    }
    let issued = instant(node, "IssueInstant")?;
    if issued > expected.now + skew(expected) {
        return Err(Refusal::NotYetValid("IssueInstant"));
    }
    Ok(())
}

/// Byte for byte: a trailing slash is another issuer.
fn check_issuer(node: Node<'_, '_>, element: &'static str, party: &Party) -> Result<(), Refusal> {
    let issuer = children(node, ns::ASSERTION, "Issuer").next();
    let found = issuer.map(text).transpose()?.unwrap_or_default();
    if found != party.issuer {
        return Err(Refusal::Issuer {
            element,
            found: bounded(&found),
            expected: party.issuer.clone(),
        });
    }
    Ok(())
}

fn check_in_response_to(
    node: Node<'_, '_>,
    element: &'static str,
    expected: &Expected<'_>,
) -> Result<(), Refusal> {
    let found = node.attribute("InResponseTo");
    if found != expected.request_id {
        return Err(Refusal::InResponseTo {
            element,
            found: bounded(found.unwrap_or_default()),
        });
    }
    Ok(())
}

fn check_conditions(assertion: Node<'_, '_>, expected: &Expected<'_>) -> Result<(), Refusal> {
    let conditions = only(assertion, ns::ASSERTION, "Conditions")?;
    if instant(conditions, "NotBefore")? > expected.now + skew(expected) {
        return Err(Refusal::NotYetValid("Conditions"));
    }
    if instant(conditions, "NotOnOrAfter")? <= expected.now - skew(expected) {
        return Err(Refusal::Expired("Conditions"));
    }
    let mut restricted = false;
    for restriction in children(conditions, ns::ASSERTION, "AudienceRestriction") {
        restricted = true;
        let audiences: Vec<String> = children(restriction, ns::ASSERTION, "Audience")
            .map(text)
            .collect::<Result<_, _>>()?;
        if !audiences.contains(&expected.party.audience) {
            return Err(audience_refusal(audiences.join(", "), expected));
        }
    }
    match restricted {
        true => Ok(()),
        false => Err(audience_refusal(String::new(), expected)),
    }
}

fn audience_refusal(found: String, expected: &Expected<'_>) -> Refusal {
    Refusal::Audience {
        found: bounded(&found),
        expected: expected.party.audience.clone(),
    }
}

fn check_subject(assertion: Node<'_, '_>, expected: &Expected<'_>) -> Result<String, Refusal> {
    let subject = only(assertion, ns::ASSERTION, "Subject")?;
    let name_id = text(only(subject, ns::ASSERTION, "NameID")?)?;
    let confirmation = only(subject, ns::ASSERTION, "SubjectConfirmation")?;
    if confirmation.attribute("Method") != Some("urn:oasis:names:tc:SAML:2.0:cm:bearer") {
        return Err(Refusal::Malformed("SubjectConfirmation Method"));
    }
    let data = only(confirmation, ns::ASSERTION, "SubjectConfirmationData")?;
    let recipient = data.attribute("Recipient").unwrap_or_default();
    if recipient != expected.party.acs_url {
        return Err(Refusal::Recipient(bounded(recipient)));
    }
    check_in_response_to(data, "SubjectConfirmationData", expected)?;
    if instant(data, "NotOnOrAfter")? <= expected.now - skew(expected) {
        return Err(Refusal::Expired("SubjectConfirmationData"));
    }
    // Case does not count for Okta (OKTA-565984); nothing else is folded.
    let is_other = |user: &str| name_id.to_lowercase() != user.to_lowercase();
    if name_id.is_empty() || expected.user.is_some_and(is_other) {
        return Err(Refusal::OtherUser);
    }
    Ok(name_id)
}

fn read_attributes(assertion: Node<'_, '_>) -> Result<Vec<(String, String)>, Refusal> {
    let mut found = Vec::new();
    for statement in children(assertion, ns::ASSERTION, "AttributeStatement") {
        for attribute in children(statement, ns::ASSERTION, "Attribute") {
            let name = attribute.attribute("Name").unwrap_or_default();
            for value in children(attribute, ns::ASSERTION, "AttributeValue") {
                found.push((name.to_owned(), text(value)?));
            }
        }
    }
    Ok(found)
}

fn check_application(
    attributes: &[(String, String)],
    expected: &Expected<'_>,
) -> Result<(), Refusal> {
    let Some(application) = expected.application else {
        return Ok(());
    };
    let is_echoed = |name: &str, value: &str| {
        let mut values = attributes.iter().filter(|(n, _)| n == name).map(|(_, v)| v);
        values.next().is_some_and(|v| v == value) && values.next().is_none()
    };
    if is_echoed("OktaAppInstanceId", application.id) && is_echoed("OktaAppName", application.name)
    {
        return Ok(());
    }
    Err(Refusal::ApplicationContext)
}

/// Claims sharing: unknown values are ignored, `kba` and `pwd` are not forwarded for a
/// Factor-only provider, and Classic wants `mfa` or `pwd` among what was sent.
fn check_amr(
    attributes: &[(String, String)],
    expected: &Expected<'_>,
) -> Result<Vec<String>, Refusal> {
    let sent: Vec<&str> = attributes
        .iter()
        .filter(|(name, _)| name == "session.amr")
        .flat_map(|(_, value)| value.split(','))
        .map(str::trim)
        .collect();
    let forwarded: Vec<String> = sent
        .iter()
        .filter(|v| FORWARDED_AMR.contains(v))
        .map(|&v| v.to_owned())
        .collect();
    if !expected.party.trust_claims {
        return Ok(Vec::new());
    }
    let classic_content =
        expected.pipeline != Pipeline::Classic || sent.contains(&"mfa") || sent.contains(&"pwd");
    match forwarded.is_empty() || !classic_content {
        true => Err(Refusal::NoAmr),
        false => Ok(forwarded),
    }
}

fn children<'a, 'i>(
    node: Node<'a, 'i>,
    namespace: &'static str,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children()
        .filter(move |child| child.has_tag_name((namespace, name)))
}

fn only<'a, 'i>(
    node: Node<'a, 'i>,
    namespace: &'static str,
    name: &'static str,
) -> Result<Node<'a, 'i>, Refusal> {
    let mut found = children(node, namespace, name);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(Refusal::Malformed(name)),
    }
}

/// All text of an element. Comments are skipped, as canonical XML does; elements inside
/// are refused, so that nothing can hide between two pieces of text.
fn text(node: Node<'_, '_>) -> Result<String, Refusal> {
    if node
        .children()
        .any(|child| child.is_element() || child.is_pi())
    {
        return Err(Refusal::Malformed("a text value"));
    }
    Ok(node
        .children()
        .filter_map(|child| child.text().filter(|_| child.is_text()))
        .collect())
}

fn instant(node: Node<'_, '_>, name: &'static str) -> Result<Millis, Refusal> {
    node.attribute(name)
        .and_then(parse_iso)
        .ok_or(Refusal::Malformed(name))
}

fn skew(expected: &Expected<'_>) -> Millis {
    expected.party.max_clock_skew
}

/// What goes into the log is short, whoever sent it.
fn bounded(text: &str) -> String {
    text.chars().take(200).collect()
}

const MAX_BYTES: usize = 256 * 1024;

const FORWARDED_AMR: [&str; 15] = [
    "face", "fpt", "iris", "retina", "vbm", "hwk", "mfa", "otp", "sc", "swk", "pop", "sms", "tel",
    "phr", "phrh",
];
