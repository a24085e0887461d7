//! `/api/v1/logs`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use crate::clock::parse_iso;
use crate::filter::Filter;
use crate::http::error::ApiError;
use crate::http::percent_encode;
use crate::org::Org;
use crate::system_log;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogQuery {
    since: Option<String>,
    until: Option<String>,
    after: Option<String>,
    filter: Option<String>,
    q: Option<String>,
    sort_order: Option<String>,
    limit: Option<usize>,
}

/// Always with a next link, as polling wants it.
pub async fn list(
    State(org): State<Arc<Org>>,
    Query(query): Query<LogQuery>,
) -> Result<Response, ApiError> {
    let wanted = parse_log_query(&query)?;
    let page = org.system_log().page(&wanted);
    let origin = &org.config.org_origin;
    let mut next = format!(
        "{origin}/api/v1/logs?after={}&limit={}",
        page.next, wanted.limit
    );
    for (name, value) in [
        ("since", &query.since),
        ("until", &query.until),
        ("filter", &query.filter),
        ("q", &query.q),
        ("sortOrder", &query.sort_order),
    ] {
        if let Some(value) = value {
            next = format!("{next}&{name}={}", percent_encode(value));
        }
    }
    let mut response = Json(Value::Array(page.events)).into_response();
    let itself = format!("{origin}/api/v1/logs?limit={}", wanted.limit);
    for (url, relation) in [(itself, "self"), (next, "next")] {
        if let Ok(value) = HeaderValue::from_str(&format!("<{url}>; rel=\"{relation}\"")) {
            response.headers_mut().append(header::LINK, value);
        }
    }
    Ok(response)
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
    let filter = query
        .filter
        .as_deref()
        .map(|text| Filter::parse(text).ok_or(ApiError::InvalidSearch));
    Ok(system_log::Query {
        since: date(&query.since)?,
        until: date(&query.until)?,
        after: query
            .after
            .as_ref()
            .map(|text| text.parse().map_err(|_| ApiError::InvalidSearch))
            .transpose()?,
        filter: filter.transpose()?,
        words: query
            .q
            .as_ref()
            .map(|q| q.chars().take(100).collect::<String>().to_lowercase()),
        newest_first: query.sort_order.as_deref() == Some("DESCENDING"),
        limit: limit.max(1),
    })
}
