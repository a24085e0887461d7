//! SAML 2.0: the metadata, requests and responses that an Okta org exchanges with its identity provider.

pub mod authn_request;
pub(crate) mod binding;
mod c14n;
pub mod certificate;
mod instant;
pub mod metadata;
pub mod response;
pub mod signature;
pub mod work;
mod write;
pub mod xml;

/// NameID format that leaves the meaning to the two sides.
pub const FORMAT_UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
/// A password was entered over a protected transport; what Okta's own template asks for, and what it accepts of a factor.
pub const CONTEXT_PASSWORD_PROTECTED_TRANSPORT: &str =
    "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
/// No statement about the means.
pub const CONTEXT_UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified";

/// Namespace of protocol messages.
const NS_PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// Namespace of assertions and names.
const NS_ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// Namespace of metadata.
const NS_METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
/// Namespace of XML signatures.
const NS_SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Exclusive canonical XML 1.0 without comments.
const EXCLUSIVE_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// The enveloped-signature transform.
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// RSASSA-PKCS1-v1_5 with SHA-256.
const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
/// SHA-256 as a digest method.
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
const BINDING_POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
const BINDING_REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
