//! `/api/v1/authenticators`: Identity Engine only.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::list::whole;
use crate::config::Pipeline;
use crate::http::error::{ApiError, Body};
use crate::org::Org;
use crate::system_log::{Change, Client};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CreateQuery {
    activate: Option<bool>,
}

pub async fn list(State(org): State<Arc<Org>>) -> Result<Json<Value>, ApiError> {
    only_identity_engine(&org)?;
    let resources = org.resources();
    Ok(whole(
        resources
            .authenticators
            .iter()
            .map(|(id, row)| resources.authenticator_body(id, row))
            .collect(),
    ))
}

pub async fn create(
    State(org): State<Arc<Org>>,
    Query(query): Query<CreateQuery>,
    Extension(caller): Extension<Caller>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    only_identity_engine(&org)?;
    let id =
        org.resources()
            .create_authenticator(&body, query.activate.unwrap_or(true), org.now())?;
    log(
        &org,
        &caller,
        &client,
        &id,
        "security.authenticator.lifecycle.create",
        "Create authenticator",
    );
    show(State(org), Path(id)).await
}

pub async fn show(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    only_identity_engine(&org)?;
    let resources = org.resources();
    Ok(Json(resources.authenticator_body(
        &id,
        resources.authenticators.row(&id)?,
    )))
}

pub async fn replace(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    only_identity_engine(&org)?;
    org.resources()
        .replace_authenticator(&id, &body, org.now())?;
    show(State(org), Path(id)).await
}

pub async fn change(
    State(org): State<Arc<Org>>,
    Path((id, operation)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
    client: Client,
) -> Result<Json<Value>, ApiError> {
    only_identity_engine(&org)?;
    let status = super::status_of(&operation)?;
    org.resources()
        .set_authenticator_status(&id, status, org.now())?;
    let (event, text) = match status {
        "ACTIVE" => (
            "security.authenticator.lifecycle.activate",
            "Activate authenticator",
        ),
        _ => (
            "security.authenticator.lifecycle.deactivate",
            "Deactivate authenticator",
        ),
    };
    log(&org, &caller, &client, &id, event, text);
    show(State(org), Path(id)).await
}

pub async fn methods(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    only_identity_engine(&org)?;
    let resources = org.resources();
    let row = resources.authenticators.row(&id)?;
    let method = match row["key"].as_str() {
        Some("external_idp") => "idp",
        Some("duo") => "duo",
        Some("okta_password") => "password",
        Some("okta_email") => "email",
        Some("webauthn") => "webauthn",
        _ => "otp",
    };
    Ok(whole(vec![
        json!({ "type": method, "status": row["status"] }),
    ]))
}

/// Classic has no authenticators; its factors are set up in the console.
fn only_identity_engine(org: &Org) -> Result<(), ApiError> {
    match org.config.pipeline {
        Pipeline::Oie => Ok(()),
        Pipeline::Classic => Err(ApiError::FeatureNotEnabled),
    }
}

fn log(
    org: &Org,
    caller: &Caller,
    client: &Client,
    id: &str,
    event: &'static str,
    text: &'static str,
) {
    let name = {
        let resources = org.resources();
        let row = resources.authenticators.find(id);
        row.and_then(|row| row["name"].as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    org.write_change(
        Change::new(event, text, caller.actor.clone()).target(
            id,
            "Authenticator",
            "unknown",
            &name,
        ),
        client,
    );
}
