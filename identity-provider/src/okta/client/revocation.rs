//! Okta's Universal Logout from outside: `/oauth2/v1/global-token-revocation`
//! (draft-parecki-oauth-global-token-revocation).

use super::{
    Client, Error, Path,
    http::{Body, Call, Repeat},
};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Whom it is about (RFC 9493).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "snake_case")]
pub enum Subject {
    /// The org's own id, `00u…`
    Opaque {
        /// The id.
        id: String,
    },
    /// A user who came through an identity provider: its issuer and the name it gave.
    IssSub {
        /// SAML issuer or OpenID issuer.
        iss: String,
        /// NameID or `sub`.
        sub: String,
    },
}

impl Client {
    /// Signs a user out of the org and of every application that can be told.
    pub async fn revoke_everywhere(&self, subject: &Subject) -> Result<(), Error> {
        let path = Path::new(&["oauth2", "v1", "global-token-revocation"])?;
        let call = Call {
            body: Body::json(&json!({ "sub_id": subject })),
            // Who is signed out already is signed out.
            repeat: Repeat::Harmless,
            ..Call::new(Method::POST, &path)
        };
        self.call(&call).await.map(|_| ())
    }
}
