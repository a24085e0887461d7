//! The small part of the management API that tests and the demo read.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::login::{find_session, log_session_end, session_cookie};
use super::percent_encode;
use crate::clock::{format_iso, parse_iso};
use crate::config::{Pipeline, User};
use crate::ids;
use crate::metadata;
use crate::org::Org;
use crate::state::find_user;
use crate::system_log::{self, Client};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogQuery {
    since: Option<String>,
    until: Option<String>,
    after: Option<String>,
    filter: Option<String>,
    sort_order: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/v1/logs`: always with a next link, as polling wants it.
pub async fn logs(
    State(org): State<Arc<Org>>,
    Query(query): Query<LogQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    authorize(&org, &headers)?;
    let wanted = parse_log_query(&query)?;
    let page = org.system_log().page(&wanted);
    let mut next = format!(
        "{}/api/v1/logs?after={}&limit={}",
        org.config.org_origin, page.next, wanted.limit
    );
    for (name, value) in [
        ("since", &query.since),
        ("until", &query.until),
        ("filter", &query.filter),
        ("sortOrder", &query.sort_order),
    ] {
        if let Some(value) = value {
            next = format!("{next}&{name}={}", percent_encode(value));
        }
    }
    let mut response = Json(Value::Array(page.events)).into_response();
    let links = [
        (
            format!(
                "{}/api/v1/logs?limit={}",
                org.config.org_origin, wanted.limit
            ),
            "self",
        ),
        (next, "next"),
    ];
    for (url, relation) in links {
        if let Ok(value) = HeaderValue::from_str(&format!("<{url}>; rel=\"{relation}\"")) {
            response.headers_mut().append(header::LINK, value);
        }
    }
    Ok(with_rate_headers(response, &org))
}

pub async fn session(
    State(org): State<Arc<Org>>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let session = find_session(&org, &headers)
        .ok_or_else(|| ApiError::NotFound("me (Session)".to_owned()))?;
    let origin = &org.config.org_origin;
    Ok(Json(json!({
        "id": session.id,
        "userId": ids::derive_id("00u", &session.login),
        "login": session.login,
        "createdAt": format_iso(session.created_at),
        "expiresAt": format_iso(session.expires_at),
        "status": "ACTIVE",
        "lastPasswordVerification": session.transaction.marks.password_ok.map(format_iso),
        "lastFactorVerification": session.transaction.marks.acs_received.map(format_iso),
        "amr": session.amr,
        "idp": { "id": ids::derive_id("0oa", "okta"), "type": "OKTA" },
        "mfaActive": true,
        "_links": {
            "self": { "href": format!("{origin}/api/v1/sessions/me"), "hints": { "allow": ["GET", "DELETE"] } },
            "refresh": { "href": format!("{origin}/api/v1/sessions/me/lifecycle/refresh"),
                         "hints": { "allow": ["POST"] } },
            "user": { "name": session.login, "href": format!("{origin}/api/v1/users/me"),
                      "hints": { "allow": ["GET"] } },
        },
    })))
}

pub async fn end_session(
    State(org): State<Arc<Org>>,
    headers: HeaderMap,
    client: Client,
) -> Result<StatusCode, ApiError> {
    let ended = session_cookie(&org, &headers).and_then(|value| org.state().end_session(value));
    let session = ended.ok_or_else(|| ApiError::NotFound("me (Session)".to_owned()))?;
    log_session_end(&org, &session, &client);
    Ok(StatusCode::NO_CONTENT)
}

pub async fn metadata(
    State(org): State<Arc<Org>>,
    Path(idp): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    authorize(&org, &headers)?;
    if idp != org.config.idp.id {
        return Err(ApiError::NotFound(format!("{idp} (IdpAppInstance)")));
    }
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=metadata.xml",
        ),
    ];
    Ok((headers, metadata::build(&org.config, &org.sp)).into_response())
}

/// Public: tells Classic (`v1`) from Identity Engine (`idx`).
pub async fn organization(State(org): State<Arc<Org>>) -> Json<Value> {
    Json(json!({
        "id": ids::derive_id("00o", &org.config.org_origin),
        "cell": "standin",
        "_links": { "organization": { "href": org.config.org_origin } },
        "pipeline": match org.config.pipeline { Pipeline::Classic => "v1", Pipeline::Oie => "idx" },
        "settings": {
            "analyticsCollectionEnabled": false, "bugReportingEnabled": false,
            "omEnabled": false, "itpEnabled": false,
        },
    }))
}

pub async fn users(
    State(org): State<Arc<Org>>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    authorize(&org, &headers)?;
    Ok(Json(
        org.config
            .users
            .iter()
            .map(|user| user_body(&org, user))
            .collect(),
    ))
}

pub async fn user(
    State(org): State<Arc<Org>>,
    Path(user): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    authorize(&org, &headers)?;
    Ok(Json(user_body(&org, named_user(&org, &user)?)))
}

pub async fn groups(
    State(org): State<Arc<Org>>,
    Path(user): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    authorize(&org, &headers)?;
    let groups = named_user(&org, &user)?.groups.iter().map(|name| {
        json!({ "id": ids::derive_id("00g", name), "type": "OKTA_GROUP", "objectClass": ["okta:user_group"],
                "profile": { "name": name, "description": null } })
    });
    Ok(Json(groups.collect()))
}

pub async fn factors(
    State(org): State<Arc<Org>>,
    Path(user): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    authorize(&org, &headers)?;
    let login = &named_user(&org, &user)?.login;
    let enrolled = org.state().is_enrolled(login).then(|| {
        json!({ "id": ids::derive_id("clf", login), "factorType": "claims_provider", "provider": "CUSTOM",
                "vendorName": org.config.idp.name, "status": "ACTIVE" })
    });
    Ok(Json(enrolled.into_iter().collect()))
}

pub async fn end_user_sessions(
    State(org): State<Arc<Org>>,
    Path(user): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    authorize(&org, &headers)?;
    let login = &named_user(&org, &user)?.login;
    org.state().end_sessions_of(login);
    Ok(StatusCode::NO_CONTENT)
}

pub async fn reset_factors(
    State(org): State<Arc<Org>>,
    Path(user): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    authorize(&org, &headers)?;
    let login = &named_user(&org, &user)?.login;
    org.state().reset_factors(login);
    Ok(Json(json!({})))
}

fn authorize(org: &Org, headers: &HeaderMap) -> Result<(), ApiError> {
    let value = headers
        .get(header::AUTHORIZATION)
        .ok_or(ApiError::InvalidSession)?;
    let token = value
        .to_str()
        .ok()
        .and_then(|value| value.strip_prefix("SSWS "))
        .unwrap_or_default();
    match ids::hash(token) == ids::hash(&org.config.api_token) {
        true => Ok(()),
        false => Err(ApiError::InvalidToken),
    }
}

/// By id, login or the login's first part, as Okta's users API.
fn named_user<'a>(org: &'a Org, name: &str) -> Result<&'a User, ApiError> {
    let by_short_name = || {
        let mut found = org
            .config
            .users
            .iter()
            .filter(|user| user.login.split('@').next() == Some(name));
        found.next().filter(|_| found.next().is_none())
    };
    org.config
        .users
        .iter()
        .find(|user| ids::derive_id("00u", &user.login) == name)
        .or_else(|| find_user(&org.config, name))
        .or_else(by_short_name)
        .ok_or_else(|| ApiError::NotFound(format!("{name} (User)")))
}

fn user_body(org: &Org, user: &User) -> Value {
    let id = ids::derive_id("00u", &user.login);
    json!({
        "id": id,
        "status": "ACTIVE",
        "created": "2026-01-01T00:00:00.000Z",
        "activated": "2026-01-01T00:00:00.000Z",
        "statusChanged": "2026-01-01T00:00:00.000Z",
        "lastLogin": null,
        "lastUpdated": "2026-01-01T00:00:00.000Z",
        "passwordChanged": "2026-01-01T00:00:00.000Z",
        "type": { "id": ids::derive_id("oty", "default") },
        "profile": { "login": user.login, "email": user.login, "firstName": user.first_name,
                     "lastName": user.last_name },
        "credentials": { "password": {}, "provider": { "type": "OKTA", "name": "OKTA" } },
        "_links": { "self": { "href": format!("{}/api/v1/users/{id}", org.config.org_origin) } },
    })
}

fn parse_log_query(query: &LogQuery) -> Result<system_log::Query, ApiError> {
    let date = |text: &Option<String>| match text {
        Some(text) => parse_iso(text).map(Some).ok_or(ApiError::InvalidSearch),
        None => Ok(None),
    };
    let limit = query.limit.unwrap_or(100);
    if limit > 1000 {
        let cause = "limit: must be at most 1000".to_owned();
        return Err(ApiError::ValidationFailed("limit", cause));
    }
    // The one filter expression that is needed here: eventType eq "…"
    let event_type = match &query.filter {
        None => None,
        Some(filter) => {
            let value = filter
                .strip_prefix("eventType eq \"")
                .and_then(|rest| rest.strip_suffix('"'));
            Some(value.ok_or(ApiError::InvalidSearch)?.to_owned())
        }
    };
    Ok(system_log::Query {
        since: date(&query.since)?,
        until: date(&query.until)?,
        after: query
            .after
            .as_ref()
            .map(|text| text.parse().map_err(|_| ApiError::InvalidSearch))
            .transpose()?,
        event_type,
        newest_first: query.sort_order.as_deref() == Some("DESCENDING"),
        limit: limit.max(1),
    })
}

fn with_rate_headers(mut response: Response, org: &Org) -> Response {
    let reset = (org.now() / 60_000 + 1) * 60;
    for (name, value) in [
        ("x-okta-request-id", ids::generate_transaction_id()),
        ("x-rate-limit-limit", "120".to_owned()),
        ("x-rate-limit-remaining", "119".to_owned()),
        ("x-rate-limit-reset", reset.to_string()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
