//! What the server says of itself, and what it does not do.

use super::{Answered, Refused, answer, gate::Caller, request::has_parameter};
use axum::{
    extract::{Path, RawQuery},
    http::StatusCode,
};
use serde_json::{Value, json};
use standards::scim::{LIST_RESPONSE, config::service_provider_config, schema};

pub async fn config(caller: Caller, RawQuery(query): RawQuery) -> Answered {
    unfiltered(query.as_deref())?;
    Ok(answer(
        StatusCode::OK,
        &service_provider_config(&caller.base),
    ))
}

pub async fn schemas(caller: Caller, RawQuery(query): RawQuery) -> Answered {
    unfiltered(query.as_deref())?;
    Ok(list(schema::schemas(&caller.base)))
}

pub async fn schema(caller: Caller, Path((_, id)): Path<(String, String)>) -> Answered {
    one(schema::schemas(&caller.base), &id)
}

pub async fn resource_types(caller: Caller, RawQuery(query): RawQuery) -> Answered {
    unfiltered(query.as_deref())?;
    Ok(list(schema::resource_types(&caller.base)))
}

pub async fn resource_type(caller: Caller, Path((_, id)): Path<(String, String)>) -> Answered {
    one(schema::resource_types(&caller.base), &id)
}

pub async fn not_implemented() -> Refused {
    Refused::NotImplemented
}

pub async fn method_not_allowed() -> Refused {
    Refused::MethodNotAllowed
}

pub async fn nothing_here() -> Refused {
    Refused::NothingHere
}

fn unfiltered(query: Option<&str>) -> Result<(), Refused> {
    match has_parameter(query, "filter") {
        true => Err(Refused::NotFilterable),
        false => Ok(()),
    }
}

fn list(resources: Vec<Value>) -> axum::response::Response {
    let body = json!({
        "schemas": [LIST_RESPONSE], "totalResults": resources.len(), "startIndex": 1, "itemsPerPage": resources.len(),
        "Resources": resources,
    });
    answer(StatusCode::OK, &body)
}

fn one(resources: Vec<Value>, id: &str) -> Answered {
    let found = resources
        .into_iter()
        .find(|r| r["id"].as_str().is_some_and(|i| i.eq_ignore_ascii_case(id)));
    Ok(answer(StatusCode::OK, &found.ok_or(Refused::NotFound)?))
}
