//! `/api/v1/users/{id}/risk`

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::caller::Caller;
use crate::http::error::{ApiError, Body};
use crate::org::{Org, user_entity};
use crate::system_log::{Change, Client};

pub async fn show(
    State(org): State<Arc<Org>>,
    Path(user): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    let id = resources.user_id(&user)?;
    let risk = resources.users.row(&id)?.risk.clone();
    let mut body = json!({ "riskLevel": "NONE", "_links": {
        "self": resources.link(&format!("/api/v1/users/{id}/risk"), &["GET", "PUT"]),
        "user": resources.link(&format!("/api/v1/users/{id}"), &["GET"]),
    } });
    if let Some((level, reason)) = risk {
        body["riskLevel"] = json!(level);
        body["reason"] = json!(reason);
    }
    Ok(Json(body))
}

pub async fn put(
    State(org): State<Arc<Org>>,
    Path(user): Path<String>,
    Extension(caller): Extension<Caller>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let level = body["riskLevel"].as_str().unwrap_or_default();
    if !["HIGH", "MEDIUM", "LOW"].contains(&level) {
        return Err(ApiError::ValidationFailed(
            "riskLevel",
            "riskLevel: must be HIGH, MEDIUM or LOW".to_owned(),
        ));
    }
    let reason = match &body["riskReason"] {
        Value::Null => "override.by.admin",
        Value::String(reason) if is_reason(reason) => reason,
        _ => {
            let cause = "riskReason: at most 500 characters of a-z, A-Z, 0-9, space, hyphen, comma and period";
            return Err(ApiError::ValidationFailed("riskReason", cause.to_owned()));
        }
    };
    set(&org, &user, level, reason, &caller.actor, &client)?;
    show(State(org), Path(user)).await
}

fn is_reason(text: &str) -> bool {
    text.len() <= 500
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || " -,.".contains(c))
}

/// Sets a user's risk, whoever says so, and tells the System Log.
pub fn set(
    org: &Org,
    user: &str,
    level: &str,
    reason: &str,
    actor: &Value,
    client: &Client,
) -> Result<(), ApiError> {
    let (entity, before) = {
        let mut resources = org.resources();
        let id = resources.user_id(user)?;
        let row = resources.users.row_mut(&id)?;
        let before = row.risk.replace((level.to_owned(), reason.to_owned()));
        (
            user_entity(&id, row),
            before.map_or_else(|| "NONE".to_owned(), |(level, _)| level),
        )
    };
    let mut change =
        Change::new("user.risk.change", "User risk level changed", actor.clone()).entity(entity);
    change.debug =
        json!({ "risk": format!("{{level={level}, previousLevel={before}, reasons={reason}}}") });
    org.write_change(change, client);
    Ok(())
}
