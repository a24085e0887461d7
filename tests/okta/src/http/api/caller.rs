//! Who calls the management API: an administrator's token (SSWS), or a service app's access token with its scopes.

use axum::http::{HeaderMap, Method, header};
use serde_json::{Value, json};

use crate::http::error::ApiError;
use crate::ids;
use crate::org::Org;

/// Somebody who may do what they ask for.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The actor of System Log events.
    pub actor: Value,
}

pub fn find(
    org: &Org,
    headers: &HeaderMap,
    method: &Method,
    path: &str,
) -> Result<Caller, ApiError> {
    let value = headers
        .get(header::AUTHORIZATION)
        .ok_or(ApiError::InvalidSession)?;
    let value = value.to_str().unwrap_or_default();
    if let Some(secret) = strip(value, "Bearer ") {
        let (client_id, scopes) = {
            let tokens = org.tokens();
            let token = tokens
                .find(secret, org.now())
                .ok_or(ApiError::InvalidToken)?;
            (token.client_id.clone(), token.scopes.clone())
        };
        let needed = scope(method, path);
        // `manage` holds `read`, as at Okta.
        let held = needed.replace(".read", ".manage");
        if !scopes
            .iter()
            .any(|scope| *scope == needed || *scope == held)
        {
            return Err(ApiError::InsufficientScope(needed));
        }
        let actor = json!({ "id": client_id, "type": "PublicClientApp", "alternateId": client_id, "displayName": "Service app",
                            "detailEntry": null });
        return Ok(Caller { actor });
    }
    match is_administrator(org, headers) {
        true => Ok(administrator(org)),
        false => Err(ApiError::InvalidToken),
    }
}

/// Whether the request carries the org's API token.
pub fn is_administrator(org: &Org, headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = value
        .and_then(|value| strip(value, "SSWS "))
        .unwrap_or_default();
    ids::hash(token) == ids::hash(&org.config.api_token)
}

pub fn administrator(org: &Org) -> Caller {
    let id = org.resources().admin.clone();
    Caller {
        actor: json!({ "id": id, "type": "User", "alternateId": "admin@acme.test", "displayName": "Add-Min O'Cloudy Tud",
                       "detailEntry": null }),
    }
}

fn strip<'v>(value: &'v str, scheme: &str) -> Option<&'v str> {
    let start = value.get(..scheme.len())?;
    start
        .eq_ignore_ascii_case(scheme)
        .then(|| value[scheme.len()..].trim())
}

/// The scope that Okta's documentation names for a path.
fn scope(method: &Method, path: &str) -> String {
    let mut parts = path.trim_start_matches("/api/v1/").split('/');
    if path.ends_with("/global-token-revocation") {
        return "okta.universalLogout.manage".to_owned();
    }
    let family = match (parts.next().unwrap_or_default(), parts.next(), parts.next()) {
        ("users", _, Some("risk")) => "userRisk",
        ("users", _, Some("sessions")) => "sessions",
        ("meta", Some("schemas"), _) => "schemas",
        ("meta", Some("types"), _) => "userTypes",
        ("users", _, _) => "users",
        ("groups", _, _) => "groups",
        ("idps", _, _) => "idps",
        ("policies", _, _) => "policies",
        ("trustedOrigins", _, _) => "trustedOrigins",
        ("authenticators", _, _) => "authenticators",
        ("apps", _, Some("grants")) => "appGrants",
        ("apps", _, _) => "apps",
        ("eventHooks", _, _) => "eventHooks",
        ("security-events-providers", _, _) => "securityEventsProviders",
        ("logs", _, _) => "logs",
        _ => "none",
    };
    // Ending sessions counts as managing users.
    let family = if family == "sessions" {
        "users"
    } else {
        family
    };
    match *method == Method::GET {
        true => format!("okta.{family}.read"),
        false => format!("okta.{family}.manage"),
    }
}
