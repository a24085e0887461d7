//! `/api/v1/apps`: applications, their users, and what is provisioned to them.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::list::{Limits, ListQuery, whole};
use crate::http::error::{ApiError, Body};
use crate::http::provisioning;
use crate::ids;
use crate::org::{Org, user_entity};
use crate::resources::Fault;
use crate::system_log::{Change, Client};

const LIMITS: Limits = Limits {
    default: 20,
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
        "/api/v1/apps",
        &LIMITS,
        &resources.apps,
        |id, row| resources.app_body(id, row),
        |id, row| {
            filter
                .as_ref()
                .is_none_or(|filter| filter.fits(&resources.app_body(id, row)))
                && words
                    .as_ref()
                    .is_none_or(|words| row.label().to_lowercase().starts_with(words))
        },
    )
}

pub async fn create(
    State(org): State<Arc<Org>>,
    Query(query): Query<CreateQuery>,
    Extension(caller): Extension<Caller>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let id = org
        .resources()
        .create_app(&body, query.activate.unwrap_or(true), org.now())?;
    log(
        &org,
        &caller,
        &client,
        &id,
        "application.lifecycle.create",
        "Create application",
    );
    show(State(org), Path(id)).await
}

pub async fn show(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    Ok(Json(resources.app_body(&id, resources.apps.row(&id)?)))
}

pub async fn replace(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    org.resources().replace_app(&id, &body, org.now())?;
    log(
        &org,
        &caller,
        &client,
        &id,
        "application.lifecycle.update",
        "Update application",
    );
    show(State(org), Path(id)).await
}

pub async fn delete(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    org.resources().delete_app(&id)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Recorded: 200 with an empty object.
pub async fn change(
    State(org): State<Arc<Org>>,
    Path((id, operation)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let status = super::status_of(&operation)?;
    let mut resources = org.resources();
    let row = resources.apps.row_mut(&id)?;
    row.status = status;
    row.last_updated = org.now();
    Ok(Json(json!({})))
}

pub async fn users(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    let assignments = resources.apps.row(&id)?.assignments.iter().take(500);
    Ok(whole(
        assignments
            .map(|(user, row)| resources.assignment_body(&id, user, row))
            .collect(),
    ))
}

pub async fn user(
    State(org): State<Arc<Org>>,
    Path((app, user)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    let assignment = resources.apps.row(&app)?.assignments.get(&user);
    let assignment = assignment.ok_or_else(|| ApiError::NotFound(format!("{user} (AppUser)")))?;
    Ok(Json(resources.assignment_body(&app, &user, assignment)))
}

/// `POST /api/v1/apps/{app}/users {"id":"00u…","scope":"USER"}`
pub async fn assign(
    State(org): State<Arc<Org>>,
    Path(app): Path<String>,
    Extension(caller): Extension<Caller>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let user = crate::resources::text(&body, "id", 40)?.to_owned();
    assign_one(&org, &app, &user, &caller, &client, &body).await?;
    self::user(State(org), Path((app, user))).await
}

pub async fn assign_user(
    State(org): State<Arc<Org>>,
    Path((app, user)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    assign_one(&org, &app, &user, &caller, &client, &body).await?;
    self::user(State(org), Path((app, user))).await
}

async fn assign_one(
    org: &Arc<Org>,
    app: &str,
    user: &str,
    caller: &Caller,
    client: &Client,
    body: &Value,
) -> Result<(), ApiError> {
    org.resources().assign(app, user, body, org.now())?;
    log_member(
        org,
        caller,
        client,
        app,
        user,
        "application.user_membership.add",
        "Add user to application membership",
    );
    provisioning::assigned(org, client, app, user).await;
    Ok(())
}

pub async fn unassign(
    State(org): State<Arc<Org>>,
    Path((app, user)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
    client: Client,
) -> Result<StatusCode, ApiError> {
    if !org
        .resources()
        .apps
        .row(&app)?
        .assignments
        .contains_key(&user)
    {
        return Err(ApiError::NotFound(format!("{user} (AppUser)")));
    }
    provisioning::unassigned(&org, &client, &app, &user).await;
    org.resources()
        .apps
        .row_mut(&app)?
        .assignments
        .remove(&user);
    log_member(
        &org,
        &caller,
        &client,
        &app,
        &user,
        "application.user_membership.remove",
        "Remove user's application membership",
    );
    Ok(StatusCode::NO_CONTENT)
}

/// Names the application's access policy.
pub async fn set_policy(
    State(org): State<Arc<Org>>,
    Path((app, policy)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let mut resources = org.resources();
    resources.policies.row(&policy)?;
    resources.apps.row_mut(&app)?.access_policy = policy;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn grants(
    State(org): State<Arc<Org>>,
    Path(app): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    let grants = resources.apps.row(&app)?.grants.iter();
    Ok(whole(
        grants
            .map(|scope| grant_body(&org.config.org_origin, &app, scope))
            .collect(),
    ))
}

/// Gives a service app a scope.
pub async fn grant(
    State(org): State<Arc<Org>>,
    Path(app): Path<String>,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let scope = crate::resources::text(&body, "scopeId", 100)?;
    if !scope.starts_with("okta.") && !scope.starts_with("ssf.") {
        return Err(Fault::invalid("scopeId", "scopeId: is not a scope of the org").into());
    }
    let mut resources = org.resources();
    let row = resources.apps.row_mut(&app)?;
    if !row.grants.iter().any(|granted| granted == scope) && row.grants.len() < 100 {
        row.grants.push(scope.to_owned());
    }
    Ok(Json(grant_body(&org.config.org_origin, &app, scope)))
}

pub async fn keys(
    State(org): State<Arc<Org>>,
    Path(app): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let kid = {
        let resources = org.resources();
        resources.apps.row(&app)?;
        resources.signing_kid.clone()
    };
    Ok(whole(vec![org.sp.certified_jwk(&kid)]))
}

pub async fn pushed(
    State(org): State<Arc<Org>>,
    Path(app): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    let pushed = resources.apps.row(&app)?.pushed_groups.iter();
    Ok(whole(
        pushed
            .map(|(group, target)| push_body(&app, group, target))
            .collect(),
    ))
}

/// Pushes a group and its members from now on.
pub async fn push(
    State(org): State<Arc<Org>>,
    Path(app): Path<String>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let group = crate::resources::text(&body, "sourceGroupId", 40)?.to_owned();
    {
        let resources = org.resources();
        resources.groups.row(&group)?;
        if resources.apps.row(&app)?.provisioning.is_none() {
            return Err(
                Fault::invalid("appId", "appId: The application has no provisioning").into(),
            );
        }
    }
    let target = provisioning::push_group(&org, &client, &app, &group).await;
    let target = target.map_err(|error| {
        ApiError::from(Fault::invalid(
            "sourceGroupId",
            format!("group push failed: {error}"),
        ))
    })?;
    Ok(Json(push_body(&app, &group, &target)))
}

fn push_body(app: &str, group: &str, target: &str) -> Value {
    json!({ "id": ids::derive_id("gPm", &format!("{app} {group}")), "sourceGroupId": group, "targetGroupId": target,
            "status": "ACTIVE" })
}

fn grant_body(origin: &str, app: &str, scope: &str) -> Value {
    json!({ "id": ids::derive_id("oag", &format!("{app} {scope}")), "scopeId": scope, "issuer": origin, "clientId": app,
            "status": "ACTIVE", "source": "ADMIN" })
}

fn log(
    org: &Org,
    caller: &Caller,
    client: &Client,
    id: &str,
    event: &'static str,
    text: &'static str,
) {
    let label = org
        .resources()
        .apps
        .find(id)
        .map(|row| row.label().to_owned())
        .unwrap_or_default();
    org.write_change(
        Change::new(event, text, caller.actor.clone()).target(id, "AppInstance", &label, &label),
        client,
    );
}

fn log_member(
    org: &Org,
    caller: &Caller,
    client: &Client,
    app: &str,
    user: &str,
    event: &'static str,
    text: &'static str,
) {
    let (person, label) = {
        let resources = org.resources();
        let person = resources.users.find(user).map(|row| user_entity(user, row));
        let label = resources.apps.find(app).map(|row| row.label().to_owned());
        (person.unwrap_or_default(), label.unwrap_or_default())
    };
    let change = Change::new(event, text, caller.actor.clone()).entity(person);
    org.write_change(change.target(app, "AppInstance", &label, &label), client);
}
