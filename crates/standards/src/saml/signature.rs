//! The one shape of XML signature that is accepted: enveloped in the document element, right behind its Issuer, one
//! reference to that element, exclusive c14n, RSA-SHA256 over SHA-256.
//!
//! `verify_enveloped` returns the canonical text that was hashed. Whoever reads the message reads *that* text, so there
//! is nothing that could be read and was not signed: signature wrapping has no place to happen.

use super::{
    ENVELOPED, EXCLUSIVE_C14N, NS_ASSERTION, NS_SIGNATURE, RSA_SHA256, SHA256,
    authn_request::AuthnRequestError, c14n::canonical, certificate::Certificate, work::Budget,
    xml::text_of,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::digest;
use roxmltree::{Document, Node};

/// Prefixes of one `InclusiveNamespaces` list.
const INCLUSIVE_PREFIXES: usize = 8;

/// Why a signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No signature, and there has to be one.
    #[error("there is no signature, and the metadata says that requests are signed")]
    Missing,
    /// More than one anywhere in the document.
    #[error("there is more than one signature")]
    Repeated,
    /// Not a child of the document element right behind its Issuer.
    #[error("the signature is not right behind the Issuer of the document element")]
    Misplaced,
    /// Inside a message whose signature belongs into the query.
    #[error("a message of the Redirect binding carries a signature inside")]
    Embedded,
    /// Elements other than SignedInfo, SignatureValue and KeyInfo, or not in this order, or malformed ones.
    #[error("the signature has another structure than SignedInfo, SignatureValue, KeyInfo")]
    Structure,
    /// A canonicalization other than exclusive c14n without comments.
    #[error("the canonicalization is not exclusive c14n")]
    Canonicalization,
    /// An algorithm other than RSA-SHA256.
    #[error("the signature algorithm is not RSA-SHA256")]
    Algorithm,
    /// A digest other than SHA-256.
    #[error("the digest algorithm is not SHA-256")]
    DigestAlgorithm,
    /// No reference, or more than one.
    #[error("the signature does not have exactly one reference")]
    References,
    /// The reference points out of the document.
    #[error("the reference points outside of the document")]
    ReferenceExternal,
    /// The reference points to something other than the document element.
    #[error("the reference does not point to the document element")]
    ReferenceElsewhere,
    /// Transforms other than enveloped-signature and exclusive c14n, once each and in this order.
    #[error("the transforms are not enveloped-signature and exclusive c14n")]
    Transforms,
    /// Signature value or digest is not base64.
    #[error("the signature value or digest is not base64")]
    NotBase64,
    /// Over the bound of a canonical form: a namespace is long, and many elements use it.
    #[error("the canonical form of what was signed is too long")]
    TooLong,
    /// The document is not what was digested.
    #[error("the document was changed after it was signed")]
    Digest,
    /// No certificate to verify with.
    #[error("the metadata has no signing certificate")]
    NoCertificate,
    /// No certificate of the metadata made this signature.
    #[error("the signature does not fit any signing certificate of the metadata")]
    Value,
}

/// Verifies the signature in `document` by one of `certificates` and returns the canonical text of the document element
/// without the signature. `id` is the document element's ID, which the caller found to be unique.
pub(super) fn verify_enveloped(
    document: &Document<'_>,
    id: &str,
    certificates: &[Certificate],
    budget: &mut Budget,
) -> Result<String, AuthnRequestError> {
    let root = document.root_element();
    let signature = find(document)?.ok_or(SignatureError::Missing)?;
    let behind_issuer = signature.prev_sibling_element().is_some_and(|issuer| {
        issuer.has_tag_name((NS_ASSERTION, "Issuer")) && issuer.prev_sibling_element().is_none()
    });
    if signature.parent() != Some(root) || !behind_issuer {
        return Err(SignatureError::Misplaced.into());
    }
    let [signed_info, value] = structure(signature)?;
    let reference = Reference::of(signed_info, id)?;
    budget.reference()?;
    if certificates.is_empty() {
        return Err(SignatureError::NoCertificate.into());
    }
    // The cheap test first: a changed document costs a hash and no RSA operation.
    let signed =
        canonical(root, Some(signature), &reference.inclusive).ok_or(SignatureError::TooLong)?;
    budget.bytes(signed.len())?;
    budget.digest()?;
    if digest(&ring::digest::SHA256, signed.as_bytes()).as_ref() != reference.digest {
        return Err(SignatureError::Digest.into());
    }
    let message = canonical(signed_info, None, &reference.signed_info_inclusive)
        .ok_or(SignatureError::TooLong)?;
    budget.bytes(message.len())?;
    verify_value(certificates, message.as_bytes(), &decode(value)?, budget)?;
    Ok(signed)
}

/// Whether one of `certificates` made the signature `value` of `message`.
pub(super) fn verify_value(
    certificates: &[Certificate],
    message: &[u8],
    value: &[u8],
    budget: &mut Budget,
) -> Result<(), AuthnRequestError> {
    if certificates.is_empty() {
        return Err(SignatureError::NoCertificate.into());
    }
    for certificate in certificates {
        budget.signature()?;
        if certificate.verifies_rsa_sha256(message, value) {
            return Ok(());
        }
    }
    Err(SignatureError::Value.into())
}

/// The only signature of the document; `None` if there is none.
pub(super) fn find<'a, 'i>(
    document: &'a Document<'i>,
) -> Result<Option<Node<'a, 'i>>, SignatureError> {
    let mut all = document
        .descendants()
        .filter(|n| n.has_tag_name((NS_SIGNATURE, "Signature")));
    let first = all.next();
    match all.next() {
        None => Ok(first),
        Some(_) => Err(SignatureError::Repeated),
    }
}

/// SignedInfo and SignatureValue. KeyInfo may follow and is not looked at: keys come from the metadata alone.
fn structure<'a, 'i>(signature: Node<'a, 'i>) -> Result<[Node<'a, 'i>; 2], SignatureError> {
    match elements(signature).as_slice() {
        &[info, value, ..] if is(info, "SignedInfo") && is(value, "SignatureValue") => {
            match elements(signature).get(2..) {
                Some([]) => Ok([info, value]),
                Some(&[key]) if is(key, "KeyInfo") => Ok([info, value]),
                _ => Err(SignatureError::Structure),
            }
        }
        _ => Err(SignatureError::Structure),
    }
}

struct Reference<'a> {
    digest: Vec<u8>,
    inclusive: Vec<&'a str>,
    signed_info_inclusive: Vec<&'a str>,
}

impl<'a> Reference<'a> {
    /// Reads a SignedInfo whose every member is one of those that are accepted.
    fn of(signed_info: Node<'a, '_>, id: &str) -> Result<Self, SignatureError> {
        let parts = elements(signed_info);
        let &[c14n, method, ref references @ ..] = parts.as_slice() else {
            return Err(SignatureError::Structure);
        };
        if !is(c14n, "CanonicalizationMethod") || !is(method, "SignatureMethod") {
            return Err(SignatureError::Structure);
        }
        if algorithm(c14n) != Some(EXCLUSIVE_C14N) {
            return Err(SignatureError::Canonicalization);
        }
        let signed_info_inclusive = inclusive(c14n).ok_or(SignatureError::Canonicalization)?;
        if algorithm(method) != Some(RSA_SHA256) || method.has_children() {
            return Err(SignatureError::Algorithm);
        }
        let &[reference] = references else {
            return Err(SignatureError::References);
        };
        if !is(reference, "Reference") {
            return Err(SignatureError::Structure);
        }
        let uri = reference.attribute("URI").unwrap_or_default();
        match uri.strip_prefix('#') {
            Some(fragment) if fragment == id => {}
            None if !uri.is_empty() => return Err(SignatureError::ReferenceExternal),
            _ => return Err(SignatureError::ReferenceElsewhere),
        }
        let &[transforms, digest_method, digest_value] = elements(reference).as_slice() else {
            return Err(SignatureError::Structure);
        };
        if !is(transforms, "Transforms")
            || !is(digest_method, "DigestMethod")
            || !is(digest_value, "DigestValue")
        {
            return Err(SignatureError::Structure);
        }
        let &[enveloped, exclusive] = elements(transforms).as_slice() else {
            return Err(SignatureError::Transforms);
        };
        if !is_transform(enveloped, ENVELOPED)
            || enveloped.has_children()
            || !is_transform(exclusive, EXCLUSIVE_C14N)
        {
            return Err(SignatureError::Transforms);
        }
        let inclusive = inclusive(exclusive).ok_or(SignatureError::Transforms)?;
        if algorithm(digest_method) != Some(SHA256) || digest_method.has_children() {
            return Err(SignatureError::DigestAlgorithm);
        }
        Ok(Self {
            digest: decode(digest_value)?,
            inclusive,
            signed_info_inclusive,
        })
    }
}

/// The prefixes of an `InclusiveNamespaces` child; `None` if there is anything else or too much.
fn inclusive<'a>(method: Node<'a, '_>) -> Option<Vec<&'a str>> {
    let list = match elements(method).as_slice() {
        [] => return Some(Vec::new()),
        &[list] if list.has_tag_name((EXCLUSIVE_C14N, "InclusiveNamespaces")) => {
            list.attribute("PrefixList")?
        }
        _ => return None,
    };
    let prefixes: Vec<_> = list
        .split_ascii_whitespace()
        .map(|prefix| if prefix == "#default" { "" } else { prefix })
        .collect();
    (prefixes.len() <= INCLUSIVE_PREFIXES).then_some(prefixes)
}

fn decode(element: Node<'_, '_>) -> Result<Vec<u8>, SignatureError> {
    let text: String = text_of(element)
        .ok_or(SignatureError::Structure)?
        .split_ascii_whitespace()
        .collect();
    STANDARD.decode(text).map_err(|_| SignatureError::NotBase64)
}

fn is_transform(element: Node<'_, '_>, uri: &str) -> bool {
    is(element, "Transform") && algorithm(element) == Some(uri)
}

fn algorithm<'a>(element: Node<'a, '_>) -> Option<&'a str> {
    element.attribute("Algorithm")
}

fn is(element: Node<'_, '_>, name: &'static str) -> bool {
    element.has_tag_name((NS_SIGNATURE, name))
}

fn elements<'a, 'i>(parent: Node<'a, 'i>) -> Vec<Node<'a, 'i>> {
    parent.children().filter(Node::is_element).collect()
}
