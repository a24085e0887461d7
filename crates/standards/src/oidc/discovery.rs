//! Provider metadata (OpenID Connect Discovery 1.0 section 3, RFC 8414, RFC 9207, RP-Initiated Logout section 2.1).

use super::{
    client::{AuthMethod, Client},
    jwt::Alg,
};
use serde::Serialize;

/// The scopes that mean something here.
pub const SCOPES: [&str; 3] = ["openid", "profile", "email"];

/// Where the endpoints of one issuer are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// `…/authorize`
    pub authorization: &'a str,
    /// `…/token`
    pub token: &'a str,
    /// `…/userinfo`
    pub userinfo: &'a str,
    /// `…/jwks`
    pub jwks: &'a str,
    /// `…/logout`
    pub end_session: &'a str,
}

/// The document at `/.well-known/openid-configuration`.
#[derive(Debug, Clone, Serialize)]
pub struct ProviderMetadata<'a> {
    issuer: &'a str,
    authorization_endpoint: &'a str,
    token_endpoint: &'a str,
    userinfo_endpoint: &'a str,
    jwks_uri: &'a str,
    end_session_endpoint: &'a str,
    scopes_supported: [&'static str; 3],
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 2],
    grant_types_supported: [&'static str; 1],
    subject_types_supported: [&'static str; 1],
    acr_values_supported: &'a [&'static str],
    id_token_signing_alg_values_supported: [Alg; 1],
    token_endpoint_auth_methods_supported: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint_auth_signing_alg_values_supported: Option<[Alg; 1]>,
    request_object_signing_alg_values_supported: Vec<Alg>,
    code_challenge_methods_supported: [&'static str; 1],
    display_values_supported: [&'static str; 1],
    prompt_values_supported: [&'static str; 4],
    claims_supported: [&'static str; 13],
    claim_types_supported: [&'static str; 1],
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    require_signed_request_object: bool,
    authorization_response_iss_parameter_supported: bool,
}

impl<'a> ProviderMetadata<'a> {
    /// What the issuer of `client` offers. A connection has one client, so this says what *that* client may do.
    pub fn of(client: &Client, endpoints: &Endpoints<'a>, acr_values: &'a [&'static str]) -> Self {
        Self {
            issuer: endpoints.issuer,
            authorization_endpoint: endpoints.authorization,
            token_endpoint: endpoints.token,
            userinfo_endpoint: endpoints.userinfo,
            jwks_uri: endpoints.jwks,
            end_session_endpoint: endpoints.end_session,
            scopes_supported: SCOPES,
            response_types_supported: ["code"],
            response_modes_supported: ["query", "form_post"],
            grant_types_supported: ["authorization_code"],
            subject_types_supported: ["public"],
            acr_values_supported: acr_values,
            id_token_signing_alg_values_supported: [client.id_token_signed_response_alg],
            token_endpoint_auth_methods_supported: match client.token_endpoint_auth_method {
                AuthMethod::ClientSecret => &["client_secret_basic", "client_secret_post"],
                AuthMethod::ClientSecretJwt => &["client_secret_jwt"],
                AuthMethod::PrivateKeyJwt => &["private_key_jwt"],
                AuthMethod::None => &["none"],
            },
            token_endpoint_auth_signing_alg_values_supported: client
                .assertion_alg()
                .map(|alg| [alg]),
            request_object_signing_alg_values_supported: client
                .request_object_signing_alg
                .into_iter()
                .collect(),
            code_challenge_methods_supported: ["S256"],
            display_values_supported: ["page"],
            prompt_values_supported: ["none", "login", "consent", "select_account"],
            claims_supported: [
                "iss",
                "sub",
                "aud",
                "exp",
                "iat",
                "auth_time",
                "nonce",
                "acr",
                "amr",
                "sid",
                "at_hash",
                "preferred_username",
                "email",
            ],
            claim_types_supported: ["normal"],
            claims_parameter_supported: false,
            request_parameter_supported: client.request_object_signing_alg.is_some(),
            request_uri_parameter_supported: false,
            require_signed_request_object: client.request_object_signing_alg.is_some(),
            authorization_response_iss_parameter_supported: true,
        }
    }
}
