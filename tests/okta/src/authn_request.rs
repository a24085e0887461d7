//! The AuthnRequest to an identity provider, and how it travels.
//!
//! The XML is built in canonical form, so that the enveloped signature is made over the
//! very octets that are sent and no canonicalizer is needed on this side.

use std::io::Write as _;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::clock::{Millis, format_iso};
use crate::keys::ServiceProvider;
use crate::party::Party;
use crate::xml::{algorithm, escape_attribute, escape_text, ns};

pub struct AuthnRequest<'a> {
    pub id: &'a str,
    pub issued_at: Millis,
    /// The hint: who is expected.
    pub user: Option<&'a str>,
    pub party: &'a Party,
    pub application: Option<Application<'a>>,
}

/// What "Send Okta application context" adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Application<'a> {
    pub id: &'a str,
    pub name: &'a str,
}

impl AuthnRequest<'_> {
    /// Base64 for the form field `SAMLRequest` of the POST binding.
    pub fn to_post(&self, sp: &ServiceProvider) -> String {
        let unsigned = self.to_xml("");
        if !self.party.sign_requests {
            return STANDARD.encode(with_declaration(&unsigned));
        }
        let signature = self.enveloped_signature(&unsigned, sp);
        STANDARD.encode(with_declaration(&self.to_xml(&signature)))
    }

    /// The whole URL of the Redirect binding; the signature covers the octets of the query.
    pub fn to_redirect(&self, sp: &ServiceProvider, relay_state: &str) -> String {
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
        let deflated = deflate
            .write_all(with_declaration(&self.to_xml("")).as_bytes())
            .and_then(|()| deflate.finish())
            // Invariant: writing into memory does not fail.
            .expect("deflating into memory");
        let mut query = format!(
            "SAMLRequest={}&RelayState={}",
            percent_encode(&STANDARD.encode(deflated)),
            percent_encode(relay_state)
        );
        if self.party.sign_requests {
            query = format!("{query}&SigAlg={}", percent_encode(algorithm::RSA_SHA256));
            let signature = sp.sign(query.as_bytes());
            query = format!("{query}&Signature={}", percent_encode(&signature));
        }
        let separator = if self.party.sso_url.contains('?') {
            '&'
        } else {
            '?'
        };
        format!("{}{separator}{query}", self.party.sso_url)
    }

    /// Exclusive canonical form: namespaces first, attributes by name, no empty-element tags.
    fn to_xml(&self, signature: &str) -> String {
        let subject = self.user.map_or_else(String::new, |user| {
            format!(
                "<saml2:Subject xmlns:saml2=\"{}\"><saml2:NameID>{}</saml2:NameID></saml2:Subject>",
                ns::ASSERTION,
                escape_text(user)
            )
        });
        format!(
            "<saml2p:AuthnRequest xmlns:saml2p=\"{protocol}\" AssertionConsumerServiceURL=\"{acs}\" \
             Destination=\"{destination}\" ForceAuthn=\"{force}\" ID=\"{id}\" IssueInstant=\"{issued}\" Version=\"2.0\">\
             <saml2:Issuer xmlns:saml2=\"{assertion}\">{issuer}</saml2:Issuer>{signature}{extensions}\
             {subject}<saml2p:NameIDPolicy Format=\"{format}\"></saml2p:NameIDPolicy>\
             </saml2p:AuthnRequest>",
            protocol = ns::PROTOCOL,
            assertion = ns::ASSERTION,
            acs = escape_attribute(&self.party.acs_url),
            // A factor is always asked afresh (OKTA-628504).
            force = self.party.is_factor(),
            format = escape_attribute(&self.party.name_format),
            destination = escape_attribute(&self.party.destination),
            id = escape_attribute(self.id),
            issued = format_iso(self.issued_at),
            issuer = escape_text(&self.party.audience),
            extensions = self.extensions(),
        )
    }

    fn extensions(&self) -> String {
        let Some(application) = self.application else {
            return String::new();
        };
        let namespace = escape_attribute(&self.party.application_context_namespace);
        format!(
            "<saml2p:Extensions><OktaAppInstanceId xmlns=\"{namespace}\">{}</OktaAppInstanceId>\
             <OktaAppName xmlns=\"{namespace}\">{}</OktaAppName></saml2p:Extensions>",
            escape_text(application.id),
            escape_text(application.name)
        )
    }

    fn enveloped_signature(&self, unsigned: &str, sp: &ServiceProvider) -> String {
        let digest = STANDARD.encode(digest::digest(&digest::SHA256, unsigned.as_bytes()));
        let signed_info = |namespace: &str| {
            format!(
                "<ds:SignedInfo{namespace}><ds:CanonicalizationMethod Algorithm=\"{c14n}\"></ds:CanonicalizationMethod>\
                 <ds:SignatureMethod Algorithm=\"{rsa}\"></ds:SignatureMethod><ds:Reference URI=\"#{id}\">\
                 <ds:Transforms><ds:Transform Algorithm=\"{enveloped}\"></ds:Transform>\
                 <ds:Transform Algorithm=\"{c14n}\"></ds:Transform></ds:Transforms>\
                 <ds:DigestMethod Algorithm=\"{sha256}\"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue>\
                 </ds:Reference></ds:SignedInfo>",
                c14n = algorithm::EXCLUSIVE_C14N,
                rsa = algorithm::RSA_SHA256,
                enveloped = algorithm::ENVELOPED,
                sha256 = algorithm::SHA256,
                id = self.id,
            )
        };
        // As the apex of its own canonical form SignedInfo carries the declaration that
        // in the document stands on ds:Signature.
        let declaration = format!(" xmlns:ds=\"{}\"", ns::SIGNATURE);
        let value = sp.sign(signed_info(&declaration).as_bytes());
        format!(
            "<ds:Signature{declaration}>{}<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data>\
             <ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>",
            signed_info(""),
            sp.certificate_base64(),
        )
    }
}

fn with_declaration(xml: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{xml}")
}

fn percent_encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
