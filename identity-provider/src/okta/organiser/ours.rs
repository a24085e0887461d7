//! Our own side: connections as the organiser compares and makes them.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// This server, as far as the org has to know it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ours {
    /// `https://login.acme.test`
    pub origin: String,
    /// What is done at orgs at run time, by connection.
    pub links: BTreeMap<String, Value>,
    /// Hashes of the secrets that orgs show with events, by connection.
    pub hook_hashes: BTreeMap<String, String>,
    /// Connections by name.
    pub connections: BTreeMap<String, OurConnection>,
}

/// One connection.
#[derive(Debug, Clone, PartialEq)]
pub struct OurConnection {
    /// In the words that the file's table comes down to.
    pub body: Value,
    /// Certificates that the org is to trust, the one that signs first; none for OpenID Connect.
    pub certificates: Vec<OurCertificate>,
    /// `entity_id` and `acs_url` of the imported metadata.
    pub service_provider: Option<Value>,
    /// Of OpenID Connect.
    pub client_id: Option<String>,
}

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OurCertificate {
    /// DER in base64.
    pub base64: String,
    /// The first 16 hexadecimal digits of its SHA-256.
    pub thumbprint: String,
}

impl OurCertificate {
    /// Of DER.
    pub fn new(der: &[u8]) -> Self {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        Self {
            base64: STANDARD.encode(der),
            thumbprint: thumbprint(der),
        }
    }
}

/// The first 16 hexadecimal digits of the SHA-256.
pub fn thumbprint(der: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    digest
        .as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Ours {
    /// A connection's settings.
    pub fn connection_body(&self, name: &str) -> Option<Value> {
        self.connections.get(name).map(|c| c.body.clone())
    }

    /// A connection's certificates.
    pub fn certificates(&self, name: &str) -> &[OurCertificate] {
        self.connections
            .get(name)
            .map_or(&[], |c| c.certificates.as_slice())
    }

    /// The org as a connection knows it.
    pub fn service_provider(&self, name: &str) -> Option<Value> {
        self.connections.get(name)?.service_provider.clone()
    }

    /// The client's id of a connection by OpenID Connect.
    pub fn client_id(&self, name: &str) -> Option<&str> {
        self.connections.get(name)?.client_id.as_deref()
    }

    /// As [`crate::http::saml::issuer`], also of a connection that is yet to be made.
    pub fn saml_issuer(&self, name: &str) -> String {
        format!("{}/saml/{name}/metadata", self.origin)
    }

    /// As [`crate::http::saml::sso_url`].
    pub fn sso_url(&self, name: &str) -> String {
        format!("{}/saml/{name}/sso", self.origin)
    }

    /// As [`crate::http::okta::hook_url`].
    pub fn event_hook_url(&self, name: &str) -> String {
        format!("{}/okta/{name}/events", self.origin)
    }

    /// As [`crate::okta::transmitter::well_known_url`].
    pub fn ssf_configuration_url(&self, name: &str) -> String {
        format!("{}/ssf/{name}/.well-known/ssf-configuration", self.origin)
    }

    /// As [`crate::http::oidc::issuer`].
    pub fn oidc_issuer(&self, name: &str) -> String {
        format!("{}/oidc/{name}", self.origin)
    }

    /// As [`crate::http::oidc::url`].
    pub fn oidc_url(&self, name: &str, path: &str) -> String {
        format!("{}/oidc/{name}/{path}", self.origin)
    }
}

/// `entity_id` and `acs_url`.
pub fn service_provider(entity_id: &str, acs_url: &str) -> Value {
    json!({ "entity_id": entity_id, "acs_url": acs_url })
}
