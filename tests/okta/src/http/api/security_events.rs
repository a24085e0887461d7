//! `/api/v1/security-events-providers`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::list::whole;
use crate::http::error::{ApiError, Body};
use crate::org::Org;

pub async fn list(State(org): State<Arc<Org>>) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    let rows = resources.security_events_providers.iter();
    Ok(whole(
        rows.map(|(id, row)| resources.security_events_provider_body(id, row))
            .collect(),
    ))
}

pub async fn create(
    State(org): State<Arc<Org>>,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let id = org.resources().create_security_events_provider(&body)?;
    show(State(org), Path(id)).await
}

pub async fn show(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    let row = resources.security_events_providers.row(&id)?;
    Ok(Json(resources.security_events_provider_body(&id, row)))
}

pub async fn replace(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    org.resources()
        .replace_security_events_provider(&id, &body)?;
    show(State(org), Path(id)).await
}

pub async fn delete(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    org.resources().security_events_providers.remove(&id)?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn change(
    State(org): State<Arc<Org>>,
    Path((id, operation)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let status = super::status_of(&operation)?;
    org.resources().security_events_providers.row_mut(&id)?["status"] = json!(status);
    show(State(org), Path(id)).await
}
