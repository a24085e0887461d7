//! SAML metadata: Okta's, which an administrator hands in, and ours, which Okta reads.
//!
//! ```
//! use standards::saml::metadata::ServiceProvider;
//! let sp = ServiceProvider::parse(include_bytes!("../../fixtures/real-okta-sp-metadata.xml")).unwrap();
//! assert!(sp.entity_id().starts_with("https://www.okta.com/saml2/service-provider/sp"));
//! assert!(sp.authn_requests_signed());
//! ```

use super::{
    BINDING_POST, BINDING_REDIRECT, FORMAT_UNSPECIFIED, NS_METADATA, NS_PROTOCOL, NS_SIGNATURE,
    certificate::{Certificate, CertificateError},
    write::{attribute_value, is_xml_text, text},
    xml::{self, Comments, XmlError, boolean, children, text_of},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use roxmltree::Node;

/// An entity ID or a URL, in bytes.
pub const URL_BYTES: usize = 1024;
/// Assertion consumer services, certificates or formats of one service provider.
pub const LIST: usize = 16;

/// A service provider as its metadata describes it: one Okta org's side of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceProvider {
    entity_id: String,
    authn_requests_signed: bool,
    signing_certificates: Vec<Certificate>,
    assertion_consumer_services: Vec<AssertionConsumerService>,
    default_acs: usize,
    name_id_formats: Vec<String>,
}

/// Where Responses may go by HTTP-POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertionConsumerService {
    /// `https` URL.
    pub location: String,
    /// Its index.
    pub index: u16,
}

impl ServiceProvider {
    /// The entity ID: issuer of requests and audience of assertions.
    pub fn entity_id(&self) -> &str {
        &self.entity_id
    }

    /// Whether every request has to be signed.
    pub fn authn_requests_signed(&self) -> bool {
        self.authn_requests_signed
    }

    /// Certificates to verify requests with; several while keys roll over.
    pub fn signing_certificates(&self) -> &[Certificate] {
        &self.signing_certificates
    }

    /// The HTTP-POST assertion consumer services; never empty.
    pub fn assertion_consumer_services(&self) -> &[AssertionConsumerService] {
        &self.assertion_consumer_services
    }

    /// Where a Response goes when the request names no place.
    pub fn default_acs(&self) -> &str {
        &self.assertion_consumer_services[self.default_acs].location
    }

    /// The NameID formats it knows.
    pub fn name_id_formats(&self) -> &[String] {
        &self.name_id_formats
    }

    /// Parses one EntityDescriptor with one SPSSODescriptor. The file is trusted because of who hands it in; it is parsed
    /// with the same bounds as anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetadataError> {
        let (document_text, _) = xml::check(bytes, Comments::Skipped)?;
        let document = xml::parse(document_text)?;
        let entity = document.root_element();
        if !entity.has_tag_name((NS_METADATA, "EntityDescriptor")) {
            return Err(MetadataError::NotAnEntity);
        }
        let entity_id = entity
            .attribute("entityID")
            .filter(|id| !id.is_empty())
            .ok_or(MetadataError::EntityIdMissing)?;
        let sp = service_provider(entity)?;
        let (assertion_consumer_services, default_acs) = assertion_consumer_services(sp)?;
        let authn_requests_signed = match sp.attribute("AuthnRequestsSigned") {
            None => false,
            Some(flag) => boolean(flag).ok_or(MetadataError::Malformed {
                name: "AuthnRequestsSigned",
            })?,
        };
        let signing_certificates = signing_certificates(sp)?;
        if authn_requests_signed && signing_certificates.is_empty() {
            return Err(MetadataError::CertificateMissing);
        }
        Ok(Self {
            entity_id: bounded(entity_id, "entityID")?,
            authn_requests_signed,
            signing_certificates,
            assertion_consumer_services,
            default_acs,
            name_id_formats: limited(children(sp, NS_METADATA, "NameIDFormat"), "NameIDFormat")?
                .into_iter()
                .map(|format| bounded(text_of(format).unwrap_or_default().trim(), "NameIDFormat"))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// Our side of a connection.
#[derive(Debug, Clone)]
pub struct IdentityProvider<'a> {
    /// The issuer of our Responses.
    pub entity_id: &'a str,
    /// Where requests go, by Redirect and by POST.
    pub sso_url: &'a str,
    /// DER of one signing certificate, or of two while keys roll over; the one in use first.
    pub signing_certificates: &'a [&'a [u8]],
    /// Whether requests have to be signed.
    pub want_authn_requests_signed: bool,
}

impl IdentityProvider<'_> {
    /// The metadata document.
    pub fn to_xml(&self) -> Result<String, MetadataError> {
        if self.signing_certificates.is_empty() {
            return Err(MetadataError::CertificateMissing);
        }
        if self.signing_certificates.len() > 2 {
            return Err(MetadataError::TooMany {
                name: "KeyDescriptor",
            });
        }
        if !is_xml_text(self.entity_id) || !is_xml_text(self.sso_url) {
            return Err(MetadataError::Malformed { name: "entityID" });
        }
        let mut out = String::from(r#"<?xml version="1.0" encoding="UTF-8"?>"#);
        out.push_str(&format!(
            r#"<md:EntityDescriptor xmlns:md="{NS_METADATA}" entityID=""#
        ));
        attribute_value(self.entity_id, &mut out);
        out.push_str(&format!(
            r#""><md:IDPSSODescriptor WantAuthnRequestsSigned="{}" protocolSupportEnumeration="{NS_PROTOCOL}">"#,
            self.want_authn_requests_signed
        ));
        for certificate in self.signing_certificates {
            out.push_str(&format!(
                concat!(
                    r#"<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="{}"><ds:X509Data><ds:X509Certificate>{}"#,
                    "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
                ),
                NS_SIGNATURE,
                STANDARD.encode(certificate)
            ));
        }
        out.push_str("<md:NameIDFormat>");
        text(FORMAT_UNSPECIFIED, &mut out);
        out.push_str("</md:NameIDFormat>");
        for binding in [BINDING_POST, BINDING_REDIRECT] {
            out.push_str(&format!(
                r#"<md:SingleSignOnService Binding="{binding}" Location=""#
            ));
            attribute_value(self.sso_url, &mut out);
            out.push_str(r#""/>"#);
        }
        out.push_str("</md:IDPSSODescriptor></md:EntityDescriptor>");
        Ok(out)
    }
}

/// Why metadata is not read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// Not a document that is read here.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// The document element is something else, such as a list of entities.
    #[error("the document is not the metadata of one SAML entity")]
    NotAnEntity,
    /// No entity ID.
    #[error("the metadata names no entityID")]
    EntityIdMissing,
    /// No SPSSODescriptor, or several.
    #[error("the metadata does not describe exactly one SAML 2.0 service provider")]
    NotAServiceProvider,
    /// No assertion consumer service with HTTP-POST.
    #[error("the metadata has no AssertionConsumerService with HTTP-POST")]
    AcsMissing,
    /// A URL that a browser must not be sent to.
    #[error("the AssertionConsumerService is not an https URL")]
    AcsNotHttps,
    /// Two assertion consumer services with one index.
    #[error("two AssertionConsumerServices have the same index")]
    AcsIndexRepeated,
    /// Requests are signed, but by which key?
    #[error("there is no signing certificate")]
    CertificateMissing,
    /// A signing certificate that cannot be used.
    #[error("a signing certificate cannot be used: {0}")]
    Certificate(#[from] CertificateError),
    /// A value that is malformed or over its bound.
    #[error("the value of {name} is malformed or too long")]
    Malformed {
        /// Element or attribute.
        name: &'static str,
    },
    /// Over [`LIST`].
    #[error("there are too many {name}")]
    TooMany {
        /// Element.
        name: &'static str,
    },
}

fn service_provider<'a, 'i>(entity: Node<'a, 'i>) -> Result<Node<'a, 'i>, MetadataError> {
    let mut all = children(entity, NS_METADATA, "SPSSODescriptor");
    let (Some(sp), None) = (all.next(), all.next()) else {
        return Err(MetadataError::NotAServiceProvider);
    };
    let speaks_saml2 = sp
        .attribute("protocolSupportEnumeration")
        .is_some_and(|list| {
            list.split_ascii_whitespace()
                .any(|protocol| protocol == NS_PROTOCOL)
        });
    speaks_saml2
        .then_some(sp)
        .ok_or(MetadataError::NotAServiceProvider)
}

/// The HTTP-POST services, and which of them is the default (SAML metadata 2.2.3).
fn assertion_consumer_services(
    sp: Node<'_, '_>,
) -> Result<(Vec<AssertionConsumerService>, usize), MetadataError> {
    const NAME: &str = "AssertionConsumerService";
    let (mut services, mut marked) = (Vec::new(), None);
    for element in limited(children(sp, NS_METADATA, NAME), NAME)? {
        if element.attribute("Binding") != Some(BINDING_POST) {
            continue;
        }
        let location = bounded(element.attribute("Location").unwrap_or_default(), NAME)?;
        if !is_https_url(&location) {
            return Err(MetadataError::AcsNotHttps);
        }
        let index = element
            .attribute("index")
            .and_then(|index| index.parse().ok());
        let index: u16 = index.ok_or(MetadataError::Malformed { name: "index" })?;
        if services
            .iter()
            .any(|s: &AssertionConsumerService| s.index == index)
        {
            return Err(MetadataError::AcsIndexRepeated);
        }
        if marked.is_none() && element.attribute("isDefault").and_then(boolean) == Some(true) {
            marked = Some(services.len());
        }
        services.push(AssertionConsumerService { location, index });
    }
    if services.is_empty() {
        return Err(MetadataError::AcsMissing);
    }
    Ok((services, marked.unwrap_or(0)))
}

/// Certificates of the KeyDescriptors for signing, or for everything where `use` is absent.
fn signing_certificates(sp: Node<'_, '_>) -> Result<Vec<Certificate>, MetadataError> {
    let keys = children(sp, NS_METADATA, "KeyDescriptor")
        .filter(|key| key.attribute("use").is_none_or(|u| u == "signing"));
    let certificates = keys.flat_map(|key| {
        key.descendants()
            .filter(|n| n.has_tag_name((NS_SIGNATURE, "X509Certificate")))
    });
    limited(certificates, "X509Certificate")?
        .into_iter()
        .map(|certificate| {
            let base64 = text_of(certificate).ok_or(MetadataError::Malformed {
                name: "X509Certificate",
            })?;
            Ok(Certificate::from_base64(base64)?)
        })
        .collect()
}

fn limited<T>(all: impl Iterator<Item = T>, name: &'static str) -> Result<Vec<T>, MetadataError> {
    let all: Vec<T> = all.take(LIST + 1).collect();
    (all.len() <= LIST)
        .then_some(all)
        .ok_or(MetadataError::TooMany { name })
}

fn bounded(text: &str, name: &'static str) -> Result<String, MetadataError> {
    (!text.is_empty() && text.len() <= URL_BYTES && !text.chars().any(char::is_control))
        .then(|| text.to_owned())
        .ok_or(MetadataError::Malformed { name })
}

/// A person's browser posts a signed assertion there: https, a host, no credentials in it, nothing that HTML or a CSP
/// could read otherwise.
fn is_https_url(url: &str) -> bool {
    url.strip_prefix("https://").is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty()
            && host
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b':'))
            && rest.bytes().all(|c| {
                c.is_ascii_graphic()
                    && !matches!(c, b'"' | b'\'' | b'<' | b'>' | b'\\' | b';' | b',')
            })
    })
}
