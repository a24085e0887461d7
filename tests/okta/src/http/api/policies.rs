//! `/api/v1/policies` and their rules.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::Value;

use super::caller::Caller;
use super::list::whole;
use crate::http::error::{ApiError, Body};
use crate::org::Org;
use crate::resources::policies::Kind;
use crate::system_log::{Change, Client};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PolicyQuery {
    r#type: Option<String>,
    status: Option<String>,
    activate: Option<bool>,
}

pub async fn list(
    State(org): State<Arc<Org>>,
    Query(query): Query<PolicyQuery>,
) -> Result<Json<Value>, ApiError> {
    let kind = query.r#type.as_deref().ok_or_else(|| {
        ApiError::ValidationFailed("type", "type: The field cannot be left blank".to_owned())
    })?;
    let kind = Kind::of(kind).ok_or_else(|| {
        ApiError::ValidationFailed("type", "type: The policy type is not supported".to_owned())
    })?;
    let resources = org.resources();
    let found = resources.policies_of(kind).into_iter();
    let found = found.filter(|(_, row)| {
        query
            .status
            .as_deref()
            .is_none_or(|status| status == row.status)
    });
    let bodies = found.map(|(id, row)| {
        let mut body = resources.policy_body(id, row);
        if kind == Kind::AccessPolicy {
            body["_embedded"] = serde_json::json!({ "resourceType": "APP" });
        }
        body
    });
    Ok(whole(bodies.collect()))
}

pub async fn create(
    State(org): State<Arc<Org>>,
    Query(query): Query<PolicyQuery>,
    Extension(caller): Extension<Caller>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let id = org
        .resources()
        .create_policy(&body, query.activate.unwrap_or(true), org.now())?;
    log(
        &org,
        &caller,
        &client,
        &id,
        "policy.lifecycle.create",
        "Create policy",
    );
    show(State(org), Path(id)).await
}

pub async fn show(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    Ok(Json(
        resources.policy_body(&id, resources.policies.row(&id)?),
    ))
}

pub async fn replace(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    org.resources().replace_policy(&id, &body, org.now())?;
    log(
        &org,
        &caller,
        &client,
        &id,
        "policy.lifecycle.update",
        "Update policy",
    );
    show(State(org), Path(id)).await
}

pub async fn delete(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    client: Client,
) -> Result<StatusCode, ApiError> {
    org.resources().delete_policy(&id)?;
    log(
        &org,
        &caller,
        &client,
        &id,
        "policy.lifecycle.delete",
        "Delete policy",
    );
    Ok(StatusCode::NO_CONTENT)
}

/// Recorded: 204 without a body.
pub async fn change(
    State(org): State<Arc<Org>>,
    Path((id, operation)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
    client: Client,
) -> Result<StatusCode, ApiError> {
    let (status, event, text) = operation_of(&operation, "policy.lifecycle")?;
    org.resources().set_policy_status(&id, status, org.now())?;
    log(&org, &caller, &client, &id, event, text);
    Ok(StatusCode::NO_CONTENT)
}

pub async fn rules(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    let kind = resources.policies.row(&id)?.kind;
    let rules = resources.rules_of(&id)?.into_iter();
    Ok(whole(
        rules
            .map(|(rule, row)| resources.rule_body(&id, kind, rule, row))
            .collect(),
    ))
}

pub async fn create_rule(
    State(org): State<Arc<Org>>,
    Path(policy): Path<String>,
    Query(query): Query<PolicyQuery>,
    Extension(caller): Extension<Caller>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let id =
        org.resources()
            .create_rule(&policy, &body, query.activate.unwrap_or(true), org.now())?;
    log(
        &org,
        &caller,
        &client,
        &policy,
        "policy.rule.add",
        "Add rule",
    );
    rule(State(org), Path((policy, id))).await
}

pub async fn rule(
    State(org): State<Arc<Org>>,
    Path((policy, id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    let of = resources.policies.row(&policy)?;
    Ok(Json(resources.rule_body(
        &policy,
        of.kind,
        &id,
        of.rules.row(&id)?,
    )))
}

pub async fn replace_rule(
    State(org): State<Arc<Org>>,
    Path((policy, id)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    org.resources()
        .replace_rule(&policy, &id, &body, org.now())?;
    log(
        &org,
        &caller,
        &client,
        &policy,
        "policy.rule.update",
        "Update rule",
    );
    rule(State(org), Path((policy, id))).await
}

pub async fn delete_rule(
    State(org): State<Arc<Org>>,
    Path((policy, id)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
    client: Client,
) -> Result<StatusCode, ApiError> {
    org.resources().delete_rule(&policy, &id)?;
    log(
        &org,
        &caller,
        &client,
        &policy,
        "policy.rule.delete",
        "Delete rule",
    );
    Ok(StatusCode::NO_CONTENT)
}

pub async fn change_rule(
    State(org): State<Arc<Org>>,
    Path((policy, id, operation)): Path<(String, String, String)>,
    Extension(caller): Extension<Caller>,
    client: Client,
) -> Result<StatusCode, ApiError> {
    let (status, event, text) = operation_of(&operation, "policy.rule")?;
    org.resources()
        .set_rule_status(&policy, &id, status, org.now())?;
    log(&org, &caller, &client, &policy, event, text);
    Ok(StatusCode::NO_CONTENT)
}

type Operation = (&'static str, &'static str, &'static str);

fn operation_of(operation: &str, family: &str) -> Result<Operation, ApiError> {
    Ok(match (operation, family) {
        ("activate", "policy.rule") => ("ACTIVE", "policy.rule.activate", "Activate rule"),
        ("deactivate", "policy.rule") => ("INACTIVE", "policy.rule.deactivate", "Deactivate rule"),
        ("activate", _) => ("ACTIVE", "policy.lifecycle.activate", "Activate policy"),
        ("deactivate", _) => (
            "INACTIVE",
            "policy.lifecycle.deactivate",
            "Deactivate policy",
        ),
        _ => return Err(ApiError::NotFound(format!("{operation} (operation)"))),
    })
}

fn log(
    org: &Org,
    caller: &Caller,
    client: &Client,
    id: &str,
    event: &'static str,
    text: &'static str,
) {
    let name = org
        .resources()
        .policies
        .find(id)
        .map(|row| row.name.clone())
        .unwrap_or_default();
    let change =
        Change::new(event, text, caller.actor.clone()).target(id, "PolicyEntity", "unknown", &name);
    org.write_change(change, client);
}
