//! One table of messages that somebody tampered with. Each is refused, for its own reason, within the budget of one message.

mod content;
mod parameters;
mod signature;
mod wrapping;
mod xml;

use crate::okta;
pub use standards::saml::{
    authn_request::AuthnRequestError as E, signature::SignatureError as S, xml::XmlError as X,
};
use standards::saml::{
    authn_request::{AuthnRequest, UnverifiedAuthnRequest},
    metadata::ServiceProvider,
    work::{Budget, Work},
};

/// A message that must not count.
pub struct Tampered {
    /// What was done to it.
    pub sentence: &'static str,
    octets: Vec<u8>,
    is_posted: bool,
    /// Why it is refused.
    pub expected: E,
}

impl Tampered {
    /// A form.
    pub fn posted(sentence: &'static str, octets: Vec<u8>, expected: E) -> Self {
        Self {
            sentence,
            octets,
            is_posted: true,
            expected,
        }
    }

    /// A query.
    pub fn redirected(sentence: &'static str, octets: Vec<u8>, expected: E) -> Self {
        Self {
            is_posted: false,
            ..Self::posted(sentence, octets, expected)
        }
    }

    /// Sends it to a server that demands signatures; counts what that costs.
    pub fn send(&self, sp: &ServiceProvider, budget: &mut Budget) -> Result<AuthnRequest, E> {
        let unverified = match self.is_posted {
            true => UnverifiedAuthnRequest::from_post_body_within(&self.octets, budget),
            false => UnverifiedAuthnRequest::from_redirect_query_within(&self.octets, budget),
        };
        unverified?.verify_within(sp, &okta::context(), budget)
    }
}

/// All of them.
pub fn table() -> Vec<Tampered> {
    [
        content::rows(),
        xml::rows(),
        signature::rows(),
        wrapping::rows(),
        parameters::of_signed_queries(),
        parameters::of_parameters(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The most that any of the amounts is.
pub fn larger(a: Work, b: Work) -> Work {
    Work {
        bytes: a.bytes.max(b.bytes),
        elements: a.elements.max(b.elements),
        references: a.references.max(b.references),
        digests: a.digests.max(b.digests),
        signatures: a.signatures.max(b.signatures),
    }
}
