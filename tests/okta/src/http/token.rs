//! `/oauth2/v1/token`: access tokens for service apps (client_credentials with private_key_jwt), and the org's keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::jws;
use crate::org::Org;
use crate::tokens::LIFETIME;

#[derive(Deserialize)]
pub struct TokenRequest {
    grant_type: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    client_assertion_type: String,
    #[serde(default)]
    client_assertion: String,
}

/// OAuth's own error body.
pub struct OauthError(StatusCode, &'static str, String);

pub async fn issue(
    State(org): State<Arc<Org>>,
    form: Result<Form<TokenRequest>, axum::extract::rejection::FormRejection>,
) -> Result<Json<Value>, OauthError> {
    let Ok(Form(request)) = form else {
        return Err(OauthError::bad(
            "invalid_request",
            "The request is not a form with grant_type.",
        ));
    };
    if request.grant_type != "client_credentials" {
        return Err(OauthError::bad(
            "unsupported_grant_type",
            "The authorization grant type is not supported.",
        ));
    }
    if request.client_assertion_type != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
        return Err(OauthError::client(
            "Client authentication failed: private_key_jwt is needed.",
        ));
    }
    let client = authenticate(&org, &request.client_assertion)?;
    let granted = {
        let resources = org.resources();
        resources
            .apps
            .find(&client)
            .map(|row| row.grants.clone())
            .unwrap_or_default()
    };
    let scopes: Vec<String> = request
        .scope
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    if scopes.is_empty() {
        return Err(OauthError::bad(
            "invalid_scope",
            "The scope parameter is needed.",
        ));
    }
    if let Some(refused) = scopes.iter().find(|scope| !granted.contains(scope)) {
        let text = format!(
            "The client is not allowed the scope {}.",
            refused.chars().take(100).collect::<String>()
        );
        return Err(OauthError::bad("invalid_scope", &text));
    }
    let now = org.now();
    let scope = scopes.join(" ");
    let token = org.tokens().issue(&client, scopes, now);
    Ok(Json(
        json!({ "token_type": "Bearer", "expires_in": LIFETIME / 1000, "access_token": token, "scope": scope }),
    ))
}

/// The keys that the org signs with.
pub async fn keys(State(org): State<Arc<Org>>) -> Json<Value> {
    let mut key = org.sp.jwk();
    key["kid"] = json!(org.resources().signing_kid);
    key["alg"] = json!("RS256");
    Json(json!({ "keys": [key] }))
}

/// RFC 7523: by the key that the app registered, for this endpoint, for at most an hour, once.
fn authenticate(org: &Org, assertion: &str) -> Result<String, OauthError> {
    let unverified = jws::parse(assertion)
        .ok_or_else(|| OauthError::client("The client_assertion is not a JWT."))?;
    let client = unverified.claimed_issuer().unwrap_or_default().to_owned();
    let keys = {
        let resources = org.resources();
        let app = resources.apps.find(&client).filter(|row| row.is_active());
        app.map(|row| {
            row.body
                .pointer("/settings/oauthClient/jwks")
                .cloned()
                .unwrap_or_default()
        })
    };
    let keys = keys.ok_or_else(|| OauthError::client("The client is unknown."))?;
    let claims = unverified
        .verify(&keys, &["RS256", "ES256"])
        .ok_or_else(|| OauthError::client("The client_assertion signature is invalid."))?;
    let now = org.now() / 1000;
    let audience = format!("{}/oauth2/v1/token", org.config.org_origin);
    let exp = claims["exp"].as_i64().unwrap_or(0);
    if claims["sub"] != client.as_str() {
        return Err(OauthError::client(
            "The client_assertion's sub is not the client.",
        ));
    }
    if claims["aud"] != audience.as_str() && claims["aud"] != json!([audience]) {
        return Err(OauthError::client(
            "The client_assertion's aud is not the token endpoint.",
        ));
    }
    if exp <= now - SKEW || exp > now + 3600 + SKEW {
        return Err(OauthError::client(
            "The client_assertion is expired, or lives longer than an hour.",
        ));
    }
    // Okta does not demand `jti`; where there is one, it counts once.
    if let Some(jti) = claims["jti"].as_str() {
        let id = format!("{client} {}", jti.chars().take(200).collect::<String>());
        if !org.tokens().is_first(&id, (exp + SKEW) * 1000, org.now()) {
            return Err(OauthError::client("The client_assertion was used before."));
        }
    }
    Ok(client)
}

impl OauthError {
    fn bad(code: &'static str, text: &str) -> OauthError {
        OauthError(StatusCode::BAD_REQUEST, code, text.to_owned())
    }

    fn client(text: &str) -> OauthError {
        OauthError(StatusCode::UNAUTHORIZED, "invalid_client", text.to_owned())
    }
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        (
            self.0,
            Json(json!({ "error": self.1, "error_description": self.2 })),
        )
            .into_response()
    }
}

/// Seconds.
const SKEW: i64 = 60;
