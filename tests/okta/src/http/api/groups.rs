//! `/api/v1/groups`

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use serde_json::Value;

use super::caller::Caller;
use super::list::{Limits, ListQuery, whole};
use crate::http::error::{ApiError, Body};
use crate::http::provisioning;
use crate::org::{Org, user_entity};
use crate::system_log::{Change, Client};

const LIMITS: Limits = Limits {
    default: 1000,
    most: 10_000,
};
const MEMBERS: Limits = Limits {
    default: 1000,
    most: 1000,
};

pub async fn list(
    State(org): State<Arc<Org>>,
    Query(query): Query<ListQuery>,
) -> Result<Response, ApiError> {
    let (filter, words) = (query.filter()?, query.words());
    let resources = org.resources();
    query.answer(
        &org,
        "/api/v1/groups",
        &LIMITS,
        &resources.groups,
        |id, group| resources.group_body(id, group),
        |id, group| {
            filter
                .as_ref()
                .is_none_or(|filter| filter.fits(&resources.group_body(id, group)))
                && words
                    .as_ref()
                    .is_none_or(|words| group.name.to_lowercase().starts_with(words))
        },
    )
}

pub async fn create(
    State(org): State<Arc<Org>>,
    Extension(caller): Extension<Caller>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let id = org.resources().create_group(&body, org.now())?;
    log(
        &org,
        &caller,
        &client,
        &id,
        "group.lifecycle.create",
        "Create Okta group",
    );
    show(State(org), Path(id)).await
}

pub async fn show(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    Ok(Json(resources.group_body(&id, resources.groups.row(&id)?)))
}

pub async fn replace(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    org.resources().replace_group(&id, &body, org.now())?;
    log(
        &org,
        &caller,
        &client,
        &id,
        "group.profile.update",
        "Update Okta group",
    );
    provisioning::group_changed(&org, &client, &id).await;
    show(State(org), Path(id)).await
}

pub async fn delete(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    client: Client,
) -> Result<StatusCode, ApiError> {
    let entity = entity(&org, &id);
    org.resources().delete_group(&id)?;
    let change = Change::new(
        "group.lifecycle.delete",
        "Delete Okta group",
        caller.actor.clone(),
    );
    org.write_change(change.entity(entity), &client);
    Ok(StatusCode::NO_CONTENT)
}

pub async fn users(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Response, ApiError> {
    let resources = org.resources();
    let group = resources.groups.row(&id)?;
    query.answer(
        &org,
        &format!("/api/v1/groups/{id}/users"),
        &MEMBERS,
        &resources.users,
        |id, user| resources.listed_user_body(id, user),
        |id, _| group.holds_everyone() || group.members.contains(id),
    )
}

pub async fn add(
    State(org): State<Arc<Org>>,
    Path((group, user)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
    client: Client,
) -> Result<StatusCode, ApiError> {
    let changed = {
        let mut resources = org.resources();
        let user = resources.user_id(&user)?;
        resources.add_member(&group, &user, org.now())?
    };
    if changed {
        log_member(
            &org,
            &caller,
            &client,
            &group,
            &user,
            "group.user_membership.add",
            "Add user to group membership",
        );
        provisioning::membership_changed(&org, &client, &group, &user, true).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

pub async fn remove(
    State(org): State<Arc<Org>>,
    Path((group, user)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
    client: Client,
) -> Result<StatusCode, ApiError> {
    let changed = {
        let mut resources = org.resources();
        let user = resources.user_id(&user)?;
        resources.remove_member(&group, &user, org.now())?
    };
    if changed {
        log_member(
            &org,
            &caller,
            &client,
            &group,
            &user,
            "group.user_membership.remove",
            "Remove user from group membership",
        );
        provisioning::membership_changed(&org, &client, &group, &user, false).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

pub async fn apps(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    org.resources().groups.row(&id)?;
    Ok(whole(Vec::new()))
}

fn entity(org: &Org, id: &str) -> Value {
    let resources = org.resources();
    let name = resources
        .groups
        .find(id)
        .map(|group| group.name.clone())
        .unwrap_or_default();
    serde_json::json!({ "id": id, "type": "UserGroup", "alternateId": "unknown", "displayName": name, "detailEntry": null })
}

fn log(
    org: &Org,
    caller: &Caller,
    client: &Client,
    id: &str,
    event: &'static str,
    text: &'static str,
) {
    let change = Change::new(event, text, caller.actor.clone()).entity(entity(org, id));
    org.write_change(change, client);
}

fn log_member(
    org: &Org,
    caller: &Caller,
    client: &Client,
    group: &str,
    user: &str,
    event: &'static str,
    text: &'static str,
) {
    let person = {
        let resources = org.resources();
        let id = resources.user_id(user).unwrap_or_default();
        resources.users.find(&id).map(|row| user_entity(&id, row))
    };
    let change = Change::new(event, text, caller.actor.clone());
    org.write_change(
        change
            .entity(person.unwrap_or(Value::Null))
            .entity(entity(org, group)),
        client,
    );
}
