//! `/api/v1/apps/{app}/groups`: groups whose members may use an application.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::list::whole;
use crate::http::error::ApiError;
use crate::org::Org;
use crate::resources::Fault;

pub fn routes() -> Router<Arc<Org>> {
    Router::new()
        .route("/api/v1/apps/{app}/groups", get(list))
        .route(
            "/api/v1/apps/{app}/groups/{group}",
            get(show).put(assign).delete(unassign),
        )
}

async fn list(
    State(org): State<Arc<Org>>,
    Path(app): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    let groups = resources.apps.row(&app)?.groups.iter();
    Ok(whole(groups.map(|group| body(group)).collect()))
}

async fn show(
    State(org): State<Arc<Org>>,
    Path((app, group)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    match org.resources().apps.row(&app)?.groups.contains(&group) {
        true => Ok(Json(body(&group))),
        false => Err(Fault::NotFound(format!("{group} (ApplicationGroupAssignment)")).into()),
    }
}

async fn assign(
    State(org): State<Arc<Org>>,
    Path((app, group)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let mut resources = org.resources();
    resources.groups.row(&group)?;
    resources.apps.row_mut(&app)?.groups.insert(group.clone());
    Ok(Json(body(&group)))
}

async fn unassign(
    State(org): State<Arc<Org>>,
    Path((app, group)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    match org.resources().apps.row_mut(&app)?.groups.remove(&group) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Fault::NotFound(format!("{group} (ApplicationGroupAssignment)")).into()),
    }
}

fn body(group: &str) -> Value {
    json!({ "id": group, "priority": 0, "profile": {} })
}
