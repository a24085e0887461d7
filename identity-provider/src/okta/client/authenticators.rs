//! `/api/v1/authenticators` (Identity Engine).

use super::{Client, Error, Json, Path};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An authenticator of the org.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Authenticator {
    /// `aut…`
    pub id: String,
    /// `external_idp`, `duo`, `webauthn` and others.
    pub key: String,
    /// Shown to people.
    pub name: String,
    /// `ACTIVE` or `INACTIVE`.
    #[serde(default)]
    pub status: String,
    /// Whose it is and how it is reached; never its secrets.
    #[serde(default)]
    pub provider: Value,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Json,
}

impl Authenticator {
    /// The identity provider behind an `external_idp`.
    pub fn idp(&self) -> Option<&str> {
        self.provider.get("configuration")?.get("idpId")?.as_str()
    }
}

impl Client {
    /// All authenticators.
    pub async fn authenticators(&self) -> Result<Vec<Authenticator>, Error> {
        self.list(&authenticators(&[])?).await
    }

    /// The authenticator of this id.
    pub async fn authenticator(&self, id: &str) -> Result<Option<Authenticator>, Error> {
        self.find(&authenticators(&[id])?).await
    }

    /// A new authenticator.
    pub async fn create_authenticator(&self, body: &Value) -> Result<Authenticator, Error> {
        self.create(&authenticators(&[])?, body).await
    }

    /// A new one of an identity provider, which has to be *Factor only*.
    pub async fn create_idp_authenticator(
        &self,
        name: &str,
        idp: &str,
    ) -> Result<Authenticator, Error> {
        let body = json!({ "key": "external_idp", "name": name,
            "provider": { "type": "CLAIMS", "configuration": { "idpId": idp } } });
        self.create_authenticator(&body).await
    }

    /// Replaces one.
    pub async fn replace_authenticator(
        &self,
        id: &str,
        body: &Value,
    ) -> Result<Authenticator, Error> {
        self.replace(&authenticators(&[id])?, body).await
    }

    /// Lets people use it.
    pub async fn activate_authenticator(&self, id: &str) -> Result<(), Error> {
        self.lifecycle(&authenticators(&[id])?, "activate").await
    }

    /// Lets nobody use it; refused (E0000148) while a policy names it.
    pub async fn deactivate_authenticator(&self, id: &str) -> Result<(), Error> {
        self.lifecycle(&authenticators(&[id])?, "deactivate").await
    }
}

fn authenticators(rest: &[&str]) -> Result<Path, Error> {
    Path::new(&["api", "v1", "authenticators"])?.then(rest)
}
