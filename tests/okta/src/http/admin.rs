//! `/stand-in/admin`: what an administrator clicks in Okta's console and no public API does, and faults on demand.
//! Not Okta's: a product must not call it.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api;
use super::error::{ApiError, Body};
use super::provisioning;
use crate::faults::{Deliveries, Trouble};
use crate::org::Org;
use crate::resources::Fault;
use crate::resources::apps::{Dialect, Provisioning};
use crate::resources::idps::Usage;

pub fn router(org: &Arc<Org>) -> Router<Arc<Org>> {
    Router::new()
        .route("/stand-in/admin/settings", get(settings).put(put_settings))
        .route("/stand-in/admin/idps/{idp}", get(idp).put(put_idp))
        .route(
            "/stand-in/admin/faults",
            get(faults).post(add_fault).delete(clear_faults),
        )
        .route("/stand-in/admin/deliveries", put(put_deliveries))
        .route(
            "/stand-in/admin/requests",
            get(requests).delete(clear_requests),
        )
        .route(
            "/stand-in/admin/apps/{app}/provisioning",
            put(put_provisioning).delete(end_provisioning),
        )
        .layer(from_fn_with_state(Arc::clone(org), only_administrator))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    skip_verify: Option<bool>,
    /// Requests per minute of each family, instead of the usual ones; 0 sets these again.
    rate_limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdpSettings {
    usage: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProvisioningSettings {
    base_url: String,
    token: String,
    /// `catalogue` or `wizard`
    dialect: String,
}

async fn settings(State(org): State<Arc<Org>>) -> Json<Value> {
    Json(json!({ "skip_verify": org.skips_verify(), "rate_limit": org.rate().limit }))
}

/// Settings > Features > "Skip the verify screen and redirect to the IdP authenticator"; and the org's rate limit.
async fn put_settings(State(org): State<Arc<Org>>, Body(body): Body<Settings>) -> Json<Value> {
    if let Some(on) = body.skip_verify {
        org.set_skip_verify(on);
    }
    if let Some(limit) = body.rate_limit {
        org.rate().limit = Some(limit).filter(|limit| *limit > 0);
    }
    settings(State(org)).await
}

async fn idp(State(org): State<Arc<Org>>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let resources = org.resources();
    let row = resources.idps.row(&id)?;
    Ok(Json(
        json!({ "id": id, "name": row.name(), "usage": row.usage.name() }),
    ))
}

/// Security > Identity Providers > Edit > IdP Usage. On Classic the provider becomes a factor by that too.
async fn put_idp(
    State(org): State<Arc<Org>>,
    Path(id): Path<String>,
    Body(body): Body<IdpSettings>,
) -> Result<Json<Value>, ApiError> {
    let usage = match body.usage.as_str() {
        "SSO_ONLY" => Usage::Sso,
        "FACTOR_ONLY" => Usage::Factor,
        _ => return Err(Fault::invalid("usage", "usage: must be SSO_ONLY or FACTOR_ONLY").into()),
    };
    org.resources().set_idp_usage(&id, usage, org.now())?;
    idp(State(org), Path(id)).await
}

async fn faults(State(org): State<Arc<Org>>) -> Json<Value> {
    Json(json!({ "waiting": org.faults().waiting() }))
}

async fn add_fault(
    State(org): State<Arc<Org>>,
    Body(body): Body<Trouble>,
) -> Result<StatusCode, ApiError> {
    let added = org.faults().add(body);
    added.map_err(|cause| ApiError::ValidationFailed("fault", cause.to_owned()))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_faults(State(org): State<Arc<Org>>) -> StatusCode {
    org.faults().clear();
    StatusCode::NO_CONTENT
}

async fn put_deliveries(State(org): State<Arc<Org>>, Body(body): Body<Deliveries>) -> StatusCode {
    org.faults().deliveries = body;
    StatusCode::NO_CONTENT
}

/// Every request to the management API: what it did (`effect`, null if nothing) and what the caller was told (`status`).
async fn requests(State(org): State<Arc<Org>>) -> Json<Value> {
    Json(json!(org.journal().iter().collect::<Vec<_>>()))
}

async fn clear_requests(State(org): State<Arc<Org>>) -> StatusCode {
    org.journal().clear();
    StatusCode::NO_CONTENT
}

/// Application > Provisioning > Configure API Integration, with "Test API Credentials" before it is saved.
async fn put_provisioning(
    State(org): State<Arc<Org>>,
    Path(app): Path<String>,
    Body(body): Body<ProvisioningSettings>,
) -> Result<Json<Value>, ApiError> {
    org.resources().apps.row(&app)?;
    let connection = Provisioning {
        dialect: match body.dialect.as_str() {
            "catalogue" => Dialect::Catalogue,
            "wizard" => Dialect::Wizard,
            _ => {
                return Err(
                    Fault::invalid("dialect", "dialect: must be catalogue or wizard").into(),
                );
            }
        },
        base_url: body.base_url.trim_end_matches('/').to_owned(),
        token: body.token,
    };
    // A header made of it must stay one line.
    if !connection.token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Fault::invalid("token", "token: must be printable").into());
    }
    if let Err(error) = provisioning::test(&org, &connection).await {
        return Err(
            Fault::invalid("provisioning", format!("Error authenticating: {error}")).into(),
        );
    }
    org.resources().apps.row_mut(&app)?.provisioning = Some(connection);
    Ok(Json(json!({ "id": app, "provisioning": true })))
}

async fn end_provisioning(
    State(org): State<Arc<Org>>,
    Path(app): Path<String>,
) -> Result<StatusCode, ApiError> {
    org.resources().apps.row_mut(&app)?.provisioning = None;
    Ok(StatusCode::NO_CONTENT)
}

async fn only_administrator(State(org): State<Arc<Org>>, request: Request, next: Next) -> Response {
    match api::is_administrator(&org, request.headers()) {
        true => next.run(request).await,
        false => ApiError::InvalidToken.into_response(),
    }
}
