//! `/api/v1/eventHooks`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::Value;

use super::list::whole;
use crate::http::error::{ApiError, Body};
use crate::org::Org;

pub async fn list(State(org): State<Arc<Org>>) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    Ok(whole(
        resources
            .event_hooks
            .iter()
            .map(|(id, row)| resources.event_hook_body(id, row))
            .collect(),
    ))
}

pub async fn create(
    State(org): State<Arc<Org>>,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let id = org.resources().create_event_hook(&body, org.now())?;
    show(State(org), Path(id)).await
}

pub async fn show(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    Ok(Json(
        resources.event_hook_body(&id, resources.event_hooks.row(&id)?),
    ))
}

pub async fn replace(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    org.resources().replace_event_hook(&id, &body, org.now())?;
    show(State(org), Path(id)).await
}

pub async fn delete(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    org.resources().delete_event_hook(&id)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `verify` asks the receiver with a challenge that is used once.
pub async fn change(
    State(org): State<Arc<Org>>,
    Path((id, operation)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    if operation != "verify" {
        let status = super::status_of(&operation)?;
        org.resources()
            .set_event_hook(&id, "status", status, org.now())?;
        return show(State(org), Path(id)).await;
    }
    if org.resources().event_hooks.row(&id)?.body["status"] != "ACTIVE" {
        return Err(ApiError::ValidationFailed(
            "status",
            "status: The event hook is not active".to_owned(),
        ));
    }
    match org.verify_hook(&id).await {
        Ok(true) => {}
        failed => {
            let cause = match failed {
                Err(error) => format!("verification: {error}"),
                _ => "verification: The endpoint did not echo the challenge".to_owned(),
            };
            return Err(ApiError::ValidationFailed(
                "Event hook verification failed",
                cause,
            ));
        }
    }
    org.resources()
        .set_event_hook(&id, "verificationStatus", "VERIFIED", org.now())?;
    show(State(org), Path(id)).await
}
