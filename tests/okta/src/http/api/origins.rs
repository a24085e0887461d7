//! `/api/v1/trustedOrigins`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::list::{Limits, ListQuery};
use crate::http::error::{ApiError, Body};
use crate::org::Org;

const LIMITS: Limits = Limits {
    default: 20,
    most: 200,
};

pub async fn list(
    State(org): State<Arc<Org>>,
    Query(query): Query<ListQuery>,
) -> Result<Response, ApiError> {
    let (filter, words) = (query.filter()?, query.words());
    let resources = org.resources();
    query.answer(
        &org,
        "/api/v1/trustedOrigins",
        &LIMITS,
        &resources.trusted_origins,
        |id, row| resources.trusted_origin_body(id, row),
        |_, row| {
            filter.as_ref().is_none_or(|filter| filter.fits(row))
                && words.as_ref().is_none_or(|words| {
                    let text =
                        |member: &str| row[member].as_str().unwrap_or_default().to_lowercase();
                    text("name").contains(words) || text("origin").contains(words)
                })
        },
    )
}

pub async fn create(
    State(org): State<Arc<Org>>,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let id = org.resources().create_trusted_origin(&body, org.now())?;
    show(State(org), Path(id)).await
}

pub async fn show(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    Ok(Json(resources.trusted_origin_body(
        &id,
        resources.trusted_origins.row(&id)?,
    )))
}

pub async fn replace(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    org.resources()
        .replace_trusted_origin(&id, &body, org.now())?;
    show(State(org), Path(id)).await
}

pub async fn delete(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    org.resources().trusted_origins.remove(&id)?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn change(
    State(org): State<Arc<Org>>,
    Path((id, operation)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let status = super::status_of(&operation)?;
    org.resources()
        .set_trusted_origin_status(&id, status, org.now())?;
    show(State(org), Path(id)).await
}
