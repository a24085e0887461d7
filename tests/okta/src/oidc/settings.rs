//! `[idp.oidc]` of the configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_endpoint: String,
    pub userinfo_endpoint: Option<String>,
    pub client_id: String,
    #[serde(default)]
    pub client_secret: String,
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// `algorithms.request.signature`; none is Okta's scope NONE.
    pub request_signature: Option<RequestSignature>,
    /// `credentials.client.pkce_required`
    #[serde(default)]
    pub pkce_required: bool,
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// Inferred of Factor-only providers, not documented.
    #[serde(default)]
    pub prompt_login: bool,
    /// Okta's two documents name the application context differently.
    #[serde(default)]
    pub context_names: ContextNames,
    /// Where the provider's host really listens; without it, where its URL says.
    pub connect: Option<SocketAddr>,
    /// Speaks plain HTTP to `connect`, which then has to be this machine: for a provider in the same test.
    #[serde(default)]
    pub connect_plainly: bool,
    /// PEM: who vouches for the provider's certificate.
    pub ca: Option<PathBuf>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    #[default]
    ClientSecretPost,
    ClientSecretBasic,
    PrivateKeyJwt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RequestSignature {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextNames {
    /// `app_instance_id`, `app_name`: the guide.
    #[default]
    Guide,
    /// `OktaAppInstanceId`, `OktaAppName`: the generated SDK documentation.
    Sdk,
}

impl ContextNames {
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            ContextNames::Guide => ("app_instance_id", "app_name"),
            ContextNames::Sdk => ("OktaAppInstanceId", "OktaAppName"),
        }
    }
}

fn default_scopes() -> Vec<String> {
    ["openid", "profile", "email"].map(str::to_owned).to_vec()
}
