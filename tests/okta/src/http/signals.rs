//! What others tell the org about its people: security event tokens (Shared Signals), and global token revocation.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::api::{Caller, find_caller, set_risk};
use super::error::{ApiError, Body};
use crate::jws;
use crate::org::{Org, user_entity};
use crate::resources::Resources;
use crate::system_log::{Change, Client};

/// RFC 8935's error body.
pub struct SetError(&'static str, String);

/// `POST /security/api/v1/security-events`: trust is the signature, by a key that the registered provider publishes.
pub async fn receive(
    State(org): State<Arc<Org>>,
    headers: HeaderMap,
    client: Client,
    body: Bytes,
) -> Result<StatusCode, SetError> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !kind
        .to_ascii_lowercase()
        .starts_with("application/secevent+jwt")
    {
        return Err(SetError(
            "invalid_request",
            "Content-Type must be application/secevent+jwt".to_owned(),
        ));
    }
    let text = std::str::from_utf8(&body).unwrap_or_default().trim();
    let unverified = jws::parse(text)
        .ok_or_else(|| SetError("invalid_request", "the body is not a signed JWT".to_owned()))?;
    if unverified.kind() != Some("secevent+jwt") {
        return Err(SetError(
            "invalid_request",
            "typ must be secevent+jwt".to_owned(),
        ));
    }
    let issuer = unverified.claimed_issuer().unwrap_or_default().to_owned();
    let (name, keys) = provider_keys(&org, &issuer).await?;
    let claims = unverified.verify(&keys, &["RS256"]);
    let claims = claims.ok_or_else(|| {
        SetError(
            "invalid_key",
            "the signature fits no key of the issuer".to_owned(),
        )
    })?;
    if claims["aud"] != org.config.org_origin.as_str()
        && claims["aud"] != json!([org.config.org_origin])
    {
        return Err(SetError(
            "invalid_audience",
            "aud must be the org's URL".to_owned(),
        ));
    }
    let now = org.now() / 1000;
    if claims["iat"]
        .as_i64()
        .is_none_or(|iat| iat > now + 120 || iat < now - LONGEST_AGE)
    {
        return Err(SetError(
            "invalid_request",
            "iat is missing, in the future, or too long ago".to_owned(),
        ));
    }
    let jti = claims["jti"]
        .as_str()
        .filter(|jti| !jti.is_empty() && jti.len() <= 200);
    let jti = jti.ok_or_else(|| SetError("invalid_request", "jti is needed".to_owned()))?;
    let event = claims["events"]
        .as_object()
        .filter(|events| events.len() == 1)
        .and_then(|events| events.iter().next());
    let (event_type, event) = event
        .ok_or_else(|| SetError("invalid_request", "events must hold one event".to_owned()))?;
    if !EVENT_TYPES.contains(&event_type.as_str()) {
        return Err(SetError(
            "invalid_request",
            format!("the event type {event_type} is not supported"),
        ));
    }
    let subject = event
        .get("subject")
        .or_else(|| claims.get("sub_id"))
        .cloned()
        .unwrap_or_default();
    let user = find_subject(&org.resources(), &subject);
    let user = user.ok_or_else(|| {
        SetError(
            "invalid_request",
            "the subject is nobody of this org".to_owned(),
        )
    })?;
    check_event(event_type, event)?;
    // Sent again it is taken again, and changes nothing more.
    if !org.tokens().is_first(
        &format!("set {issuer} {jti}"),
        (now + LONGEST_AGE) * 1000,
        org.now(),
    ) {
        return Ok(StatusCode::ACCEPTED);
    }
    apply(&org, &client, &name, event_type, event, &user, jti);
    Ok(StatusCode::ACCEPTED)
}

fn apply(
    org: &Org,
    client: &Client,
    provider: &str,
    event_type: &str,
    event: &Value,
    user: &str,
    jti: &str,
) {
    let actor = json!({ "id": provider, "type": "SecurityEventsProvider", "alternateId": provider, "displayName": provider,
                        "detailEntry": null });
    let entity = {
        let resources = org.resources();
        resources
            .users
            .find(user)
            .map(|row| user_entity(user, row))
            .unwrap_or_default()
    };
    let mut change = Change::new(
        "security.events.provider.receive_event",
        "Okta received a security event",
        actor.clone(),
    );
    change.debug = json!({ "eventType": event_type, "jti": jti, "event": event });
    org.write_change(change.entity(entity.clone()), client);
    let mut detected = Change::new("user.risk.detect", "User risk detected", actor.clone());
    detected.debug = json!({ "risk": event_type });
    org.write_change(detected.entity(entity), client);
    if event_type.ends_with("/user-risk-change") {
        let level = event["current_level"]
            .as_str()
            .unwrap_or_default()
            .to_uppercase();
        let reason = event
            .pointer("/reason_admin/en")
            .and_then(Value::as_str)
            .unwrap_or("security event");
        let reason: String = reason.chars().take(500).collect();
        if set_risk(org, user, &level, &reason, &actor, client).is_err() {
            tracing::warn!(user, "the risk of a user who is gone was not set");
        }
    }
}

fn check_event(event_type: &str, event: &Value) -> Result<(), SetError> {
    let fault = |text: &str| Err(SetError("invalid_request", text.to_owned()));
    if event["event_timestamp"].as_i64().is_none() {
        return fault("event_timestamp must be a number of seconds");
    }
    if event_type.ends_with("risk-change") {
        for name in ["current_level", "previous_level"] {
            if !["low", "medium", "high", "secure", "none"]
                .iter()
                .any(|level| event[name] == *level)
            {
                return fault(
                    "current_level and previous_level must be low, medium, high, secure or none",
                );
            }
        }
    }
    Ok(())
}

/// By e-mail, by issuer and subject, or opaque; alone or as `user` of a complex subject.
fn find_subject(resources: &Resources, subject: &Value) -> Option<String> {
    let subject = if subject["user"].is_object() {
        &subject["user"]
    } else {
        subject
    };
    match subject["format"].as_str()? {
        "email" => {
            let email = subject["email"].as_str()?.to_lowercase();
            let mut users = resources.users.iter();
            let found = users.find(|(_, user)| user.text("email").to_lowercase() == email);
            found.map(|(id, _)| id.to_owned())
        }
        "opaque" => resources
            .users
            .find(subject["id"].as_str()?)
            .map(|_| subject["id"].as_str().unwrap_or_default().to_owned()),
        "iss_sub" => {
            let (issuer, sub) = (subject["iss"].as_str()?, subject["sub"].as_str()?);
            if issuer == resources.origin {
                return resources.users.find(sub).map(|_| sub.to_owned());
            }
            let mut idps = resources.idps.iter();
            let (_, idp) = idps.find(|(_, idp)| {
                idp.text("/protocol/issuer/url") == issuer
                    || idp.text("/protocol/credentials/trust/issuer") == issuer
            })?;
            let mut links = idp.links.iter();
            let linked = links
                .find(|(_, link)| link.external_id == sub)
                .map(|(user, _)| user.clone());
            // A factor has no links; its names are the org's.
            linked.or_else(|| resources.user_id_of_login(sub).map(str::to_owned))
        }
        _ => None,
    }
}

/// Name and keys of the active provider with this issuer.
async fn provider_keys(org: &Org, issuer: &str) -> Result<(String, Value), SetError> {
    let providers: Vec<Value> = {
        let resources = org.resources();
        let rows = resources.security_events_providers.iter();
        rows.filter(|(_, row)| row["status"] == "ACTIVE")
            .map(|(_, row)| row.clone())
            .collect()
    };
    let failed = |error: &dyn std::fmt::Display| {
        SetError(
            "authentication_failed",
            format!("the issuer's keys: {error}"),
        )
    };
    for provider in providers {
        let settings = &provider["settings"];
        let name = provider["name"].as_str().unwrap_or_default().to_owned();
        let url = match settings["well_known_url"].as_str() {
            None if settings["issuer"] == issuer => {
                settings["jwks_url"].as_str().unwrap_or_default().to_owned()
            }
            None => continue,
            Some(url) => {
                let found = org
                    .outbound
                    .get(url, None)
                    .await
                    .map_err(|error| failed(&error))?;
                let found = found.json().map_err(|error| failed(&error))?;
                if found["issuer"] != issuer {
                    continue;
                }
                found["jwks_uri"].as_str().unwrap_or_default().to_owned()
            }
        };
        let keys = org
            .outbound
            .get(&url, None)
            .await
            .map_err(|error| failed(&error))?;
        return Ok((name, keys.json().map_err(|error| failed(&error))?));
    }
    Err(SetError(
        "invalid_issuer",
        "the issuer is no active provider of this org".to_owned(),
    ))
}

/// `POST /oauth2/v1/global-token-revocation`: ends everything that a person has open.
pub async fn revoke(
    State(org): State<Arc<Org>>,
    headers: HeaderMap,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Response, ApiError> {
    let caller: Caller = find_caller(
        &org,
        &headers,
        &Method::POST,
        "/oauth2/v1/global-token-revocation",
    )?;
    let subject = body
        .get("sub_id")
        .or_else(|| body.get("subject"))
        .cloned()
        .unwrap_or_default();
    let found = {
        let resources = org.resources();
        find_subject(&resources, &subject).and_then(|id| {
            let user = resources.users.find(&id)?;
            Some((user.login().to_owned(), user_entity(&id, user)))
        })
    };
    let Some((login, entity)) = found else {
        let body = json!({ "error": "invalid_request", "error_description": "The subject was not found." });
        return Ok((StatusCode::BAD_REQUEST, Json(body)).into_response());
    };
    org.state().end_sessions_of(&login);
    let change = Change::new(
        "user.authentication.universal_logout",
        "User universal logout",
        caller.actor,
    );
    org.write_change(change.entity(entity), &client);
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl IntoResponse for SetError {
    fn into_response(self) -> Response {
        (
            StatusCode::BAD_REQUEST,
            Json(json!({ "err": self.0, "description": self.1 })),
        )
            .into_response()
    }
}

/// Seconds: how old an event may be.
const LONGEST_AGE: i64 = 24 * 3600;

const EVENT_TYPES: [&str; 6] = [
    "https://schemas.okta.com/secevent/okta/event-type/user-risk-change",
    "https://schemas.okta.com/secevent/okta/event-type/device-risk-change",
    "https://schemas.okta.com/secevent/okta/event-type/ip-change",
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
    "https://schemas.openid.net/secevent/caep/event-type/device-compliance-change",
    "https://schemas.openid.net/secevent/risc/event-type/identifier-changed",
];
