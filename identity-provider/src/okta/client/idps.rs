//! `/api/v1/idps`: identity providers, their certificates and the org's own metadata towards them.

use super::{Client, Error, Json, Path};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An identity provider as the org has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentityProvider {
    /// `0oa…`
    pub id: String,
    /// `SAML2`, `OIDC` and others.
    #[serde(rename = "type")]
    pub kind: String,
    /// Shown to people.
    pub name: String,
    /// `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// Endpoints, algorithms, credentials.
    #[serde(default)]
    pub protocol: Value,
    /// Provisioning, linking, matching.
    #[serde(default)]
    pub policy: Value,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Json,
}

/// A certificate that the org verifies with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdpKey {
    /// Its name, chosen by the org.
    pub kid: String,
    /// The chain, base64 of DER each; may hold line ends as it was sent with them.
    pub x5c: Vec<String>,
    /// SHA-256 of the certificate, base64url.
    #[serde(rename = "x5t#S256", default)]
    pub thumbprint: String,
    /// Of the certificate.
    #[serde(rename = "expiresAt", default)]
    pub expires_at: String,
}

impl Client {
    /// All identity providers.
    pub async fn idps(&self) -> Result<Vec<IdentityProvider>, Error> {
        self.list(&idps(&[])?.with("limit", "200")).await
    }

    /// The identity provider of this id.
    pub async fn idp(&self, id: &str) -> Result<Option<IdentityProvider>, Error> {
        self.find(&idps(&[id])?).await
    }

    /// A new identity provider.
    pub async fn create_idp(&self, body: &Value) -> Result<IdentityProvider, Error> {
        self.create(&idps(&[])?, body).await
    }

    /// Replaces one as a whole.
    pub async fn replace_idp(&self, id: &str, body: &Value) -> Result<IdentityProvider, Error> {
        self.replace(&idps(&[id])?, body).await
    }

    /// Deletes one; `false` if there is none.
    pub async fn delete_idp(&self, id: &str) -> Result<bool, Error> {
        self.delete(&idps(&[id])?).await
    }

    /// Lets people sign in through it.
    pub async fn activate_idp(&self, id: &str) -> Result<(), Error> {
        self.lifecycle(&idps(&[id])?, "activate").await
    }

    /// Lets nobody sign in through it.
    pub async fn deactivate_idp(&self, id: &str) -> Result<(), Error> {
        self.lifecycle(&idps(&[id])?, "deactivate").await
    }

    /// The org's SAML metadata towards this identity provider.
    pub async fn idp_metadata(&self, id: &str) -> Result<String, Error> {
        self.text(&idps(&[id, "metadata.xml"])?, "application/xml")
            .await
    }

    /// All certificates.
    pub async fn idp_keys(&self) -> Result<Vec<IdpKey>, Error> {
        self.list(&idps(&["credentials", "keys"])?).await
    }

    /// Uploads a certificate: base64 of its DER, without line ends.
    pub async fn create_idp_key(&self, certificate: &str) -> Result<IdpKey, Error> {
        let body = json!({ "x5c": [certificate] });
        self.create(&idps(&["credentials", "keys"])?, &body).await
    }

    /// Deletes a certificate; `false` if there is none.
    pub async fn delete_idp_key(&self, kid: &str) -> Result<bool, Error> {
        self.delete(&idps(&["credentials", "keys", kid])?).await
    }
}

fn idps(rest: &[&str]) -> Result<Path, Error> {
    Path::new(&["api", "v1", "idps"])?.then(rest)
}
