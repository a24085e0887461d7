//! `/api/v1/idps`

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::Value;

use super::caller::Caller;
use super::list::{Limits, ListQuery, whole};
use crate::http::error::{ApiError, Body};
use crate::metadata::{self, Towards};
use crate::org::{Org, idp_entity};
use crate::party::Party;
use crate::resources::idps::UserLink;
use crate::system_log::{Change, Client};

const LIMITS: Limits = Limits {
    default: 20,
    most: 200,
};

pub async fn list(
    State(org): State<Arc<Org>>,
    Query(query): Query<ListQuery>,
) -> Result<Response, ApiError> {
    let words = query.words();
    let resources = org.resources();
    query.answer(
        &org,
        "/api/v1/idps",
        &LIMITS,
        &resources.idps,
        |id, row| resources.idp_body(id, row),
        |_, row| {
            query
                .r#type
                .as_deref()
                .is_none_or(|kind| kind == row.kind())
                && words
                    .as_ref()
                    .is_none_or(|words| row.name().to_lowercase().contains(words))
        },
    )
}

pub async fn create(
    State(org): State<Arc<Org>>,
    Extension(caller): Extension<Caller>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let id = org.resources().create_idp(&body, org.now())?;
    log(
        &org,
        &caller,
        &client,
        &id,
        "system.idp.lifecycle.create",
        "Create Identity Provider",
    );
    show(State(org), Path(id)).await
}

pub async fn show(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    Ok(Json(resources.idp_body(&id, resources.idps.row(&id)?)))
}

pub async fn replace(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    client: Client,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    org.resources().replace_idp(&id, &body, org.now())?;
    log(
        &org,
        &caller,
        &client,
        &id,
        "system.idp.lifecycle.update",
        "Update Identity Provider",
    );
    let Json(mut body) = show(State(org), Path(id)).await?;
    // Recorded: the answer to PUT leaves the date of creation out.
    body["created"] = Value::Null;
    Ok(Json(body))
}

pub async fn delete(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    client: Client,
) -> Result<StatusCode, ApiError> {
    let entity = {
        let mut resources = org.resources();
        let entity = idp_entity(&id, resources.idps.row(&id)?);
        resources.delete_idp(&id)?;
        entity
    };
    let change = Change::new(
        "system.idp.lifecycle.delete",
        "Delete Identity Provider",
        caller.actor.clone(),
    );
    org.write_change(change.entity(entity), &client);
    Ok(StatusCode::NO_CONTENT)
}

pub async fn change(
    State(org): State<Arc<Org>>,
    Path((id, operation)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
    client: Client,
) -> Result<Json<Value>, ApiError> {
    let (status, event, text) = match operation.as_str() {
        "activate" => (
            "ACTIVE",
            "system.idp.lifecycle.activate",
            "Activate Identity Provider",
        ),
        "deactivate" => (
            "INACTIVE",
            "system.idp.lifecycle.deactivate",
            "Deactivate Identity Provider",
        ),
        _ => return Err(ApiError::NotFound(format!("{operation} (operation)"))),
    };
    org.resources().set_idp_status(&id, status, org.now())?;
    log(&org, &caller, &client, &id, event, text);
    show(State(org), Path(id)).await
}

pub async fn metadata(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let party = Party::find_any(&org.resources(), &id)?;
    if party.oidc.is_some() {
        return Err(ApiError::NotFound(format!("{id} (IdpAppInstance)")));
    }
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=metadata.xml",
        ),
    ];
    let towards = Towards {
        entity_id: &party.audience,
        acs_url: &party.acs_url,
        sign_requests: party.sign_requests,
        name: &party.name,
    };
    Ok((headers, metadata::build(&org.config, &org.sp, &towards)).into_response())
}

pub async fn keys(
    State(org): State<Arc<Org>>,
    Query(query): Query<ListQuery>,
) -> Result<Response, ApiError> {
    let resources = org.resources();
    let path = "/api/v1/idps/credentials/keys";
    query.answer(
        &org,
        path,
        &LIMITS,
        &resources.idp_keys,
        |_, key| key.clone(),
        |_, _| true,
    )
}

pub async fn upload_key(
    State(org): State<Arc<Org>>,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let mut resources = org.resources();
    let kid = resources.upload_key(&body, org.now())?;
    Ok(Json(resources.idp_keys.row(&kid)?.clone()))
}

pub async fn key(
    State(org): State<Arc<Org>>,
    Path(kid): Path<String>,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(org.resources().idp_keys.row(&kid)?.clone()))
}

pub async fn delete_key(
    State(org): State<Arc<Org>>,
    Path(kid): Path<String>,
) -> Result<StatusCode, ApiError> {
    org.resources().delete_key(&kid)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The key that the org signs its requests to this provider with.
pub async fn signing_keys(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let kid = {
        let resources = org.resources();
        resources.idps.row(&id)?;
        resources.signing_kid.clone()
    };
    Ok(whole(vec![org.sp.certified_jwk(&kid)]))
}

pub async fn users(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    let links = resources.idps.row(&id)?.links.iter();
    Ok(whole(
        links
            .take(1000)
            .map(|(user, link)| resources.idp_user_body(&id, user, link))
            .collect(),
    ))
}

pub async fn user(
    State(org): State<Arc<Org>>,
    Path((id, user)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    let link = resources.idps.row(&id)?.links.get(&user);
    let link = link.ok_or_else(|| ApiError::NotFound(format!("{user} (User)")))?;
    Ok(Json(resources.idp_user_body(&id, &user, link)))
}

pub async fn link(
    State(org): State<Arc<Org>>,
    Path((id, user)): Path<(String, String)>,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    {
        let now = org.now();
        let mut resources = org.resources();
        resources.users.row(&user)?;
        let external_id = crate::resources::text(&body, "externalId", 512)?.to_owned();
        let link = UserLink {
            external_id,
            created: now,
            last_updated: now,
        };
        resources
            .idps
            .row_mut(&id)?
            .links
            .insert(user.clone(), link);
    }
    self::user(State(org), Path((id, user))).await
}

pub async fn unlink(
    State(org): State<Arc<Org>>,
    Path((id, user)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let removed = org.resources().idps.row_mut(&id)?.links.remove(&user);
    removed.ok_or_else(|| ApiError::NotFound(format!("{user} (User)")))?;
    Ok(StatusCode::NO_CONTENT)
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
        resources
            .idps
            .find(id)
            .map(|row| idp_entity(id, row))
            .unwrap_or_default()
    };
    org.write_change(
        Change::new(event, text, caller.actor.clone()).entity(entity),
        client,
    );
}
