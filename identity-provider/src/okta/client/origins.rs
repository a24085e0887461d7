//! `/api/v1/trustedOrigins`.

use super::{Client, Error, Json, Path};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An origin whose pages may call the org, or be redirected to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrustedOrigin {
    /// `tos…`
    pub id: String,
    /// Shown to administrators.
    pub name: String,
    /// Scheme, host, port.
    pub origin: String,
    /// `ACTIVE` or `INACTIVE`.
    #[serde(default)]
    pub status: String,
    /// `[{"type": "CORS"}, {"type": "REDIRECT"}]`
    #[serde(default)]
    pub scopes: Value,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Json,
}

impl Client {
    /// All trusted origins.
    pub async fn trusted_origins(&self) -> Result<Vec<TrustedOrigin>, Error> {
        self.list(&origins(&[])?.with("limit", "200")).await
    }

    /// A new one, for calls (CORS) and redirects.
    pub async fn create_trusted_origin(
        &self,
        name: &str,
        origin: &str,
    ) -> Result<TrustedOrigin, Error> {
        self.create(&origins(&[])?, &body(name, origin)).await
    }

    /// Replaces one.
    pub async fn replace_trusted_origin(
        &self,
        id: &str,
        name: &str,
        origin: &str,
    ) -> Result<TrustedOrigin, Error> {
        self.replace(&origins(&[id])?, &body(name, origin)).await
    }

    /// Deletes one; `false` if there is none.
    pub async fn delete_trusted_origin(&self, id: &str) -> Result<bool, Error> {
        self.delete(&origins(&[id])?).await
    }
}

fn body(name: &str, origin: &str) -> Value {
    json!({ "name": name, "origin": origin, "scopes": [{ "type": "CORS" }, { "type": "REDIRECT" }] })
}

fn origins(rest: &[&str]) -> Result<Path, Error> {
    Path::new(&["api", "v1", "trustedOrigins"])?.then(rest)
}
