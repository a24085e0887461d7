//! Reads the fields of an AuthnRequest out of the text that was verified.

use super::{
    super::{
        BINDING_POST, NS_ASSERTION, NS_PROTOCOL, instant,
        metadata::ServiceProvider,
        xml::{boolean, children, text_of},
    },
    AuthnRequest, AuthnRequestError, NameId, RequestedContext, VALUE_BYTES, VerifyContext,
};
use roxmltree::{Document, Node};
use std::collections::HashSet;

/// The extension elements that Okta wants back as attributes. Their namespace is not documented; the names are.
const APPLICATION_CONTEXT: [&str; 2] = ["OktaAppInstanceId", "OktaAppName"];
/// Attributes that some consumer may take for an ID.
const ID_NAMES: [&str; 3] = ["ID", "Id", "id"];
const CONTEXT_CLASSES: usize = 8;

/// The document element's ID, once the document is an AuthnRequest whose IDs are all different.
pub(super) fn identify<'a>(document: &'a Document<'_>) -> Result<&'a str, AuthnRequestError> {
    let root = document.root_element();
    if !root.has_tag_name((NS_PROTOCOL, "AuthnRequest")) {
        return Err(AuthnRequestError::NotAnAuthnRequest);
    }
    let mut seen = HashSet::new();
    for attribute in document.descendants().flat_map(|n| n.attributes()) {
        if ID_NAMES.contains(&attribute.name()) && !seen.insert(attribute.value()) {
            return Err(AuthnRequestError::IdRepeated);
        }
    }
    let id = root.attribute("ID").ok_or(AuthnRequestError::IdMissing)?;
    is_name(id)
        .then_some(id)
        .ok_or(AuthnRequestError::IdMalformed)
}

/// Reads and checks every field. RelayState and signature are the caller's to add.
pub(super) fn read(
    document: &Document<'_>,
    sp: &ServiceProvider,
    context: &VerifyContext<'_>,
) -> Result<AuthnRequest, AuthnRequestError> {
    let id = identify(document)?.to_owned();
    let root = document.root_element();
    if root.attribute("Version") != Some("2.0") {
        return Err(AuthnRequestError::Version);
    }
    let issuer = issuer(root, sp)?;
    destination(root, context)?;
    let issue_instant_ms = issue_instant(root, context)?;
    let acs = acs(root, sp)?.to_owned();
    Ok(AuthnRequest {
        id,
        issuer,
        issue_instant_ms,
        forget_after_ms: issue_instant_ms
            .saturating_add(context.max_age_ms)
            .saturating_add(1),
        acs,
        subject: subject(root)?,
        force_authn: flag(root, "ForceAuthn")?,
        is_passive: flag(root, "IsPassive")?,
        name_id_policy: name_id_policy(root)?,
        application_context: application_context(root)?,
        requested_context: requested_context(root)?,
        relay_state: None,
        was_signed: false,
    })
}

fn issuer(root: Node<'_, '_>, sp: &ServiceProvider) -> Result<String, AuthnRequestError> {
    let issuer =
        at_most_one(root, NS_ASSERTION, "Issuer")?.ok_or(AuthnRequestError::IssuerMissing)?;
    if issuer.prev_sibling_element().is_some() {
        return Err(AuthnRequestError::ElementMisplaced { name: "Issuer" });
    }
    let value = value(issuer, "Issuer", VALUE_BYTES)?;
    (value == sp.entity_id())
        .then_some(value)
        .ok_or(AuthnRequestError::IssuerUnknown)
}

fn destination(root: Node<'_, '_>, context: &VerifyContext<'_>) -> Result<(), AuthnRequestError> {
    match root.attribute("Destination") {
        None => Err(AuthnRequestError::DestinationMissing),
        Some(destination) if destination == context.expected_destination => Ok(()),
        Some(_) => Err(AuthnRequestError::DestinationOther),
    }
}

fn issue_instant(
    root: Node<'_, '_>,
    context: &VerifyContext<'_>,
) -> Result<i64, AuthnRequestError> {
    let text = root
        .attribute("IssueInstant")
        .ok_or(AuthnRequestError::IssueInstantMissing)?;
    let at = instant::parse(text).ok_or(AuthnRequestError::IssueInstantMalformed)?;
    if at < context.now_ms.saturating_sub(context.max_age_ms) {
        return Err(AuthnRequestError::Expired);
    }
    if at > context.now_ms.saturating_add(context.max_skew_ms) {
        return Err(AuthnRequestError::NotYetValid);
    }
    Ok(at)
}

/// The address is the metadata's, never the request's: the request only chooses among them.
fn acs<'s>(root: Node<'_, '_>, sp: &'s ServiceProvider) -> Result<&'s str, AuthnRequestError> {
    if root
        .attribute("ProtocolBinding")
        .is_some_and(|binding| binding != BINDING_POST)
    {
        return Err(AuthnRequestError::ProtocolBinding);
    }
    let services = sp.assertion_consumer_services();
    let chosen = match (
        root.attribute("AssertionConsumerServiceURL"),
        root.attribute("AssertionConsumerServiceIndex"),
    ) {
        (Some(_), Some(_)) => return Err(AuthnRequestError::AcsAmbiguous),
        (None, None) => return Ok(sp.default_acs()),
        (Some(url), None) => services.iter().find(|s| s.location == url),
        (None, Some(index)) => services.iter().find(|s| s.index.to_string() == index),
    };
    chosen
        .map(|s| s.location.as_str())
        .ok_or(AuthnRequestError::AcsUnknown)
}

fn subject(root: Node<'_, '_>) -> Result<Option<NameId>, AuthnRequestError> {
    let Some(subject) = at_most_one(root, NS_ASSERTION, "Subject")? else {
        return Ok(None);
    };
    let name_id = at_most_one(subject, NS_ASSERTION, "NameID")?
        .ok_or(AuthnRequestError::SubjectUnreadable)?;
    let value = value(name_id, "NameID", VALUE_BYTES)?;
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err(AuthnRequestError::NameIdMalformed);
    }
    Ok(Some(NameId {
        value,
        format: attribute(name_id, "Format", VALUE_BYTES)?,
    }))
}

fn name_id_policy(root: Node<'_, '_>) -> Result<Option<String>, AuthnRequestError> {
    match at_most_one(root, NS_PROTOCOL, "NameIDPolicy")? {
        None => Ok(None),
        Some(policy) => attribute(policy, "Format", VALUE_BYTES),
    }
}

fn application_context(root: Node<'_, '_>) -> Result<Vec<(String, String)>, AuthnRequestError> {
    let Some(extensions) = at_most_one(root, NS_PROTOCOL, "Extensions")? else {
        return Ok(Vec::new());
    };
    let mut found: Vec<(String, String)> = Vec::new();
    for element in extensions.children().filter(Node::is_element) {
        let Some(name) = APPLICATION_CONTEXT
            .into_iter()
            .find(|n| *n == element.tag_name().name())
        else {
            continue;
        };
        if found.iter().any(|(n, _)| n == name) {
            return Err(AuthnRequestError::ElementMisplaced { name });
        }
        found.push((name.to_owned(), value(element, name, VALUE_BYTES)?));
    }
    Ok(found)
}

fn requested_context(root: Node<'_, '_>) -> Result<Option<RequestedContext>, AuthnRequestError> {
    const NAME: &str = "RequestedAuthnContext";
    let Some(requested) = at_most_one(root, NS_PROTOCOL, NAME)? else {
        return Ok(None);
    };
    let classes = children(requested, NS_ASSERTION, "AuthnContextClassRef")
        .map(|class| value(class, "AuthnContextClassRef", VALUE_BYTES))
        .collect::<Result<Vec<_>, _>>()?;
    let comparison =
        attribute(requested, "Comparison", VALUE_BYTES)?.unwrap_or_else(|| "exact".to_owned());
    if classes.len() > CONTEXT_CLASSES
        || !["exact", "minimum", "maximum", "better"].contains(&comparison.as_str())
    {
        return Err(AuthnRequestError::ValueMalformed { name: NAME });
    }
    Ok(Some(RequestedContext {
        comparison,
        classes,
    }))
}

fn flag(root: Node<'_, '_>, name: &'static str) -> Result<bool, AuthnRequestError> {
    root.attribute(name).map_or(Ok(false), |text| {
        boolean(text).ok_or(AuthnRequestError::ValueMalformed { name })
    })
}

fn at_most_one<'a, 'i: 'a>(
    parent: Node<'a, 'i>,
    namespace: &'static str,
    name: &'static str,
) -> Result<Option<Node<'a, 'i>>, AuthnRequestError> {
    let mut all = children(parent, namespace, name);
    let first = all.next();
    match all.next() {
        None => Ok(first),
        Some(_) => Err(AuthnRequestError::ElementMisplaced { name }),
    }
}

fn value(
    element: Node<'_, '_>,
    name: &'static str,
    limit: usize,
) -> Result<String, AuthnRequestError> {
    text_of(element)
        .filter(|text| text.len() <= limit)
        .map(str::to_owned)
        .ok_or(AuthnRequestError::ValueMalformed { name })
}

fn attribute(
    element: Node<'_, '_>,
    name: &'static str,
    limit: usize,
) -> Result<Option<String>, AuthnRequestError> {
    match element.attribute(name) {
        Some(text) if text.len() > limit => Err(AuthnRequestError::ValueMalformed { name }),
        found => Ok(found.map(str::to_owned)),
    }
}

/// The ASCII part of `xs:NCName`, which is all that anybody sends: the ID goes into `InResponseTo`, logs and a database.
fn is_name(id: &str) -> bool {
    let mut bytes = id.bytes();
    id.len() <= VALUE_BYTES
        && bytes
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == b'_')
        && bytes.all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'))
}
