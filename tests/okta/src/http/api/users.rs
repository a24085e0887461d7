//! `/api/v1/users`

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::list::{Limits, ListQuery, whole};
use crate::http::error::{ApiError, Body};
use crate::http::provisioning;
use crate::ids;
use crate::org::{Org, user_entity};
use crate::resources::users::{Status, credentials_body};
use crate::system_log::{Change, Client};

const LIMITS: Limits = Limits {
    default: 200,
    most: 200,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CreateQuery {
    activate: Option<bool>,
}

pub async fn list(
    State(org): State<Arc<Org>>,
    Query(query): Query<ListQuery>,
) -> Result<Response, ApiError> {
    let (filter, words) = (query.filter()?, query.words());
    let resources = org.resources();
    query.answer(
        &org,
        "/api/v1/users",
        &LIMITS,
        &resources.users,
        |id, user| resources.listed_user_body(id, user),
        |id, user| match (&filter, &words) {
            (Some(filter), _) => filter.fits(&resources.listed_user_body(id, user)),
            (None, Some(words)) => ["firstName", "lastName", "email", "login"]
                .iter()
                .any(|name| user.text(name).to_lowercase().starts_with(words)),
            // A plain list leaves out who has left.
            (None, None) => user.status != Status::Deprovisioned,
        },
    )
}

pub async fn create(
    State(org): State<Arc<Org>>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<CreateQuery>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Response, ApiError> {
    let id = org
        .resources()
        .create_user(&body, query.activate.unwrap_or(true), org.now())?;
    log(
        &org,
        &caller,
        &client,
        &id,
        "user.lifecycle.create",
        "Create Okta user",
    );
    show_id(&org, &id)
}

pub async fn show(
    State(org): State<Arc<Org>>,
    Path(user): Path<String>,
) -> Result<Response, ApiError> {
    let id = org.resources().user_id(&user)?;
    show_id(&org, &id)
}

/// Changes what is named.
pub async fn update(
    State(org): State<Arc<Org>>,
    Path(user): Path<String>,
    Extension(caller): Extension<Caller>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Response, ApiError> {
    change_profile(&org, &user, &caller, &client, &body, false).await
}

/// Leaves nothing but what is named.
pub async fn replace(
    State(org): State<Arc<Org>>,
    Path(user): Path<String>,
    Extension(caller): Extension<Caller>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Response, ApiError> {
    change_profile(&org, &user, &caller, &client, &body, true).await
}

async fn change_profile(
    org: &Arc<Org>,
    user: &str,
    caller: &Caller,
    client: &Client,
    body: &Value,
    replaces: bool,
) -> Result<Response, ApiError> {
    let (id, before, after) = {
        let mut resources = org.resources();
        let id = resources.user_id(user)?;
        let before = resources.users.row(&id)?.login().to_owned();
        resources.update_user(&id, body, replaces, org.now())?;
        let after = resources.users.row(&id)?.login().to_owned();
        (id, before, after)
    };
    if before != after {
        org.state().rename(&before, &after);
    }
    log(
        org,
        caller,
        client,
        &id,
        "user.account.update_profile",
        "Update user profile for Okta",
    );
    provisioning::user_changed(org, client, &id).await;
    show_id(org, &id)
}

pub async fn delete(
    State(org): State<Arc<Org>>,
    Path(user): Path<String>,
    Extension(caller): Extension<Caller>,
    client: Client,
) -> Result<StatusCode, ApiError> {
    let (id, login, entity) = found(&org, &user)?;
    let is_gone = org.resources().delete_user(&id, org.now())?;
    {
        let mut state = org.state();
        state.end_sessions_of(&login);
        state.reset_factors(&login);
    }
    let (event, text) = match is_gone {
        true => (
            "user.lifecycle.delete.completed",
            "Delete Okta user completed",
        ),
        false => ("user.lifecycle.deactivate", "Deactivate Okta user"),
    };
    org.write_change(
        Change::new(event, text, caller.actor.clone()).entity(entity),
        &client,
    );
    if !is_gone {
        provisioning::user_left(&org, &client, &id).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

pub async fn change(
    State(org): State<Arc<Org>>,
    Path((user, operation)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
    client: Client,
) -> Result<Json<Value>, ApiError> {
    let Some((event, text)) = event_of(&operation) else {
        return Err(ApiError::NotFound(format!("{operation} (operation)")));
    };
    let (id, login, _) = found(&org, &user)?;
    let answer = org.resources().change_user(&id, &operation, org.now())?;
    match operation.as_str() {
        "reset_factors" => org.state().reset_factors(&login),
        "unlock" => org.state().unlock(&login),
        "deactivate" | "suspend" => {
            org.state().end_sessions_of(&login);
        }
        _ => {}
    }
    log(&org, &caller, &client, &id, event, text);
    if operation == "deactivate" {
        provisioning::user_left(&org, &client, &id).await;
    }
    Ok(Json(answer))
}

pub async fn credentials(
    State(org): State<Arc<Org>>,
    Path((user, operation)): Path<(String, String)>,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let (id, _, _) = found(&org, &user)?;
    let mut resources = org.resources();
    let now = org.now();
    let given = |member: &str| body.pointer(member).and_then(Value::as_str).map(ids::hash);
    let user = resources.users.row(&id)?;
    let refused = || {
        ApiError::from(crate::resources::Fault::refused(
            403,
            "E0000014",
            "Update of credentials failed",
        ))
    };
    let change = match operation.as_str() {
        "change_password"
            if user.password.is_some() && given("/oldPassword/value") == user.password =>
        {
            json!({ "credentials": { "password": body["newPassword"] } })
        }
        "change_recovery_question"
            if user.password.is_some() && given("/password/value") == user.password =>
        {
            json!({ "credentials": { "recovery_question": body["recovery_question"] } })
        }
        "change_password" | "change_recovery_question" => return Err(refused()),
        _ => return Err(ApiError::NotFound(format!("{operation} (operation)"))),
    };
    resources.update_user(&id, &change, false, now)?;
    Ok(Json(credentials_body(resources.users.row(&id)?)))
}

pub async fn groups(
    State(org): State<Arc<Org>>,
    Path(user): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    let id = resources.user_id(&user)?;
    Ok(whole(
        resources
            .groups_of(&id)
            .map(|(id, group)| resources.group_body(id, group))
            .collect(),
    ))
}

pub async fn roles(
    State(org): State<Arc<Org>>,
    Path(user): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    let id = resources.user_id(&user)?;
    let login = resources.users.row(&id)?.login().to_owned();
    let configured = org.config.users.iter().find(|user| user.login == login);
    let roles = configured.map_or(&[][..], |user| user.roles.as_slice());
    let body = |role: &String| {
        let label = role.replace('_', " ");
        json!({ "id": ids::derive_id("ra1", &format!("{id} {role}")), "label": label, "type": role, "status": "ACTIVE",
                "assignmentType": "USER" })
    };
    Ok(whole(roles.iter().map(body).collect()))
}

pub async fn factors(
    State(org): State<Arc<Org>>,
    Path(user): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let (id, login, _) = found(&org, &user)?;
    let is_enrolled = org.state().is_enrolled(&login);
    let resources = org.resources();
    let factor = crate::sign_on::factor(&resources, &id).filter(|_| is_enrolled);
    let factor = factor.and_then(|idp| resources.idps.find(&idp)).map(|idp| {
        json!({ "id": ids::derive_id("clf", &login), "factorType": "claims_provider", "provider": "CUSTOM",
                "vendorName": idp.name(), "status": "ACTIVE" })
    });
    Ok(whole(factor.into_iter().collect()))
}

pub async fn end_sessions(
    State(org): State<Arc<Org>>,
    Path(user): Path<String>,
    Extension(caller): Extension<Caller>,
    client: Client,
) -> Result<StatusCode, ApiError> {
    let (id, login, _) = found(&org, &user)?;
    org.state().end_sessions_of(&login);
    log(
        &org,
        &caller,
        &client,
        &id,
        "user.session.clear",
        "Clear user session",
    );
    Ok(StatusCode::NO_CONTENT)
}

/// Id, login and log entity.
fn found(org: &Org, name: &str) -> Result<(String, String, Value), ApiError> {
    let resources = org.resources();
    let id = resources.user_id(name)?;
    let user = resources.users.row(&id)?;
    Ok((id.clone(), user.login().to_owned(), user_entity(&id, user)))
}

fn show_id(org: &Org, id: &str) -> Result<Response, ApiError> {
    let body = org.resources().user_body(id)?;
    let tag = ids::derive_id("", &body.to_string());
    Ok(([(header::ETAG, format!("W/\"{tag}\""))], Json(body)).into_response())
}

fn log(
    org: &Org,
    caller: &Caller,
    client: &Client,
    id: &str,
    event: &'static str,
    text: &'static str,
) {
    let entity = {
        let resources = org.resources();
        resources.users.find(id).map(|user| user_entity(id, user))
    };
    let change = Change::new(event, text, caller.actor.clone());
    org.write_change(change.entity(entity.unwrap_or(Value::Null)), client);
}

fn event_of(operation: &str) -> Option<(&'static str, &'static str)> {
    Some(match operation {
        "activate" => ("user.lifecycle.activate", "Activate Okta user"),
        "reactivate" => ("user.lifecycle.reactivate", "Reactivate Okta user"),
        "deactivate" => ("user.lifecycle.deactivate", "Deactivate Okta user"),
        "suspend" => ("user.lifecycle.suspend", "Suspend Okta user"),
        "unsuspend" => ("user.lifecycle.unsuspend", "Unsuspend Okta user"),
        "unlock" => (
            "user.account.unlock_by_admin",
            "Unlock user account by admin",
        ),
        "reset_factors" => ("user.mfa.factor.reset_all", "Reset all factors for user"),
        "expire_password" => ("user.account.expire_password", "Expire all user passwords"),
        "reset_password" => (
            "user.account.reset_password",
            "Fired when the user's Okta password is reset",
        ),
        _ => return None,
    })
}
