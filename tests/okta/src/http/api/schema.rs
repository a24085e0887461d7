//! `/api/v1/meta`: the schema of the one user type.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::list::whole;
use crate::http::error::{ApiError, Body};
use crate::org::Org;
use crate::resources::schema::{schema_id, type_id};

pub async fn show(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    known(&id)?;
    Ok(Json(org.resources().schema_body()))
}

pub async fn change(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    known(&id)?;
    let mut resources = org.resources();
    resources.change_schema(&body)?;
    Ok(Json(resources.schema_body()))
}

pub async fn types(State(org): State<Arc<Org>>) -> Json<Value> {
    whole(vec![type_body(&org)])
}

pub async fn type_of(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    match id == type_id() || id == "default" {
        true => Ok(Json(type_body(&org))),
        false => Err(ApiError::NotFound(format!("{id} (UserType)"))),
    }
}

fn known(id: &str) -> Result<(), ApiError> {
    match id == "default" || id == schema_id() {
        true => Ok(()),
        false => Err(ApiError::NotFound(format!("{id} (UserSchema)"))),
    }
}

fn type_body(org: &Org) -> Value {
    let resources = org.resources();
    let path = format!("/api/v1/meta/types/user/{}", type_id());
    json!({
        "id": type_id(), "displayName": "User", "name": "user", "description": "Okta user profile template with default permission settings",
        "createdBy": "sprz9fj1ycBcsgopy1d6", "lastUpdatedBy": "sprz9fj1ycBcsgopy1d6", "default": true,
        "created": "2026-01-01T00:00:00.000Z", "lastUpdated": "2026-01-01T00:00:00.000Z",
        "_links": {
            "self": { "rel": "self", "href": resources.url(&path), "method": "GET" },
            "schema": { "rel": "schema", "href": resources.url(&format!("/api/v1/meta/schemas/user/{}", schema_id())), "method": "GET" },
        },
    })
}
