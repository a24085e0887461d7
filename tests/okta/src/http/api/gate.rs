//! What every request to the management API goes through: rate limit, faults on demand, Accept and Content-Length, the
//! caller, the request's identifier, and the journal in which tests read what was asked.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::caller;
use crate::clock::format_iso;
use crate::faults::Kind;
use crate::http::error::ApiError;
use crate::ids;
use crate::org::Org;
use crate::rate::Standing;

pub async fn pass(State(org): State<Arc<Org>>, mut request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let id = ids::generate_transaction_id();
    let mut standing = org.rate().count(&path, org.now());
    let trouble = org.faults().meet(method.as_str(), &path);
    if let Some(Kind::RateLimit { reset_seconds }) = trouble {
        standing.is_over = true;
        standing.remaining = 0;
        standing.reset = org.now() / 1000 + i64::from(reset_seconds);
    }
    if let (Some(Kind::Delay { .. }), Some(wait)) =
        (&trouble, trouble.as_ref().and_then(Kind::delay))
    {
        tokio::time::sleep(wait).await;
    }
    let admitted = match &trouble {
        _ if standing.is_over => Err(ApiError::RateLimited.into_response()),
        Some(Kind::Status { status }) => Err(broken(*status)),
        _ => admit(&org, &mut request, &method, &path).map_err(IntoResponse::into_response),
    };
    let is_admitted = admitted.is_ok();
    let mut response = match admitted {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal,
    };
    let effect = response.status().as_u16();
    if is_admitted {
        match &trouble {
            Some(Kind::LostAnswer { status }) => response = broken(*status),
            Some(Kind::LateAnswer { milliseconds }) => {
                tokio::time::sleep(std::time::Duration::from_millis(*milliseconds)).await;
            }
            _ => {}
        }
    }
    note(
        &org,
        &id,
        &method,
        &path,
        is_admitted.then_some(effect),
        response.status(),
    );
    mark(&mut response, &id, standing);
    response
}

fn admit(org: &Org, request: &mut Request, method: &Method, path: &str) -> Result<(), ApiError> {
    let headers = request.headers();
    let has_body = !request.body().is_end_stream();
    if !is_acceptable(headers, path) {
        return Err(ApiError::NotAcceptable);
    }
    let writes = *method == Method::POST || *method == Method::PUT;
    let has_length = headers.contains_key(header::CONTENT_LENGTH)
        || headers.contains_key(header::TRANSFER_ENCODING);
    if writes && !has_body && !has_length {
        return Err(ApiError::LengthRequired);
    }
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if writes
        && has_body
        && !kind.is_empty()
        && !kind.to_ascii_lowercase().starts_with("application/json")
    {
        return Err(ApiError::UnsupportedMediaType);
    }
    let caller = caller::find(org, headers, method, path)?;
    request.extensions_mut().insert(caller);
    Ok(())
}

fn is_acceptable(headers: &HeaderMap, path: &str) -> bool {
    let Some(accept) = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
    else {
        return true;
    };
    accept.split(',').any(|range| {
        let range = range
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let is_xml = path.ends_with(".xml") && (range == "application/xml" || range == "text/xml");
        matches!(
            range.as_str(),
            "" | "*/*" | "application/*" | "application/json"
        ) || is_xml
    })
}

fn broken(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({ "errorCode": "E0000009", "errorSummary": "Internal Server Error", "errorLink": "E0000009",
                       "errorId": ids::generate_error_id(), "errorCauses": [] });
    (status, axum::Json(body)).into_response()
}

/// `effect` is the status of what was done, whatever the caller was told.
fn note(org: &Org, id: &str, method: &Method, path: &str, effect: Option<u16>, told: StatusCode) {
    let mut journal = org.journal();
    if journal.len() >= MOST_NOTES {
        journal.pop_front();
    }
    journal.push_back(json!({ "id": id, "at": format_iso(org.now()), "method": method.as_str(), "path": path, "effect": effect,
                              "status": told.as_u16() }));
}

fn mark(response: &mut Response<Body>, id: &str, standing: Standing) {
    for (name, value) in [
        ("x-okta-request-id", id.to_owned()),
        ("x-rate-limit-limit", standing.limit.to_string()),
        ("x-rate-limit-remaining", standing.remaining.to_string()),
        ("x-rate-limit-reset", standing.reset.to_string()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    if response.status() == StatusCode::UNAUTHORIZED {
        let realm = HeaderValue::from_static(
            "Bearer authorization_uri=\"/oauth2/v1/authorize\", realm=\"/oauth2/v1/authorize\"",
        );
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, realm);
    }
}

const MOST_NOTES: usize = 20_000;
