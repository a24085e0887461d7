//! What anybody may read: which pipeline the org runs, and where a user name signs in (home-realm discovery).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::Pipeline;
use crate::http::error::ApiError;
use crate::http::login::safe_from_uri;
use crate::http::percent_encode;
use crate::ids;
use crate::org::Org;
use crate::party::Party;
use crate::sign_on::{self, Route};

#[derive(Deserialize)]
pub struct FingerQuery {
    resource: String,
    #[serde(default, rename = "requestContext")]
    context: String,
}

/// Tells Classic (`v1`) from Identity Engine (`idx`).
pub async fn show(State(org): State<Arc<Org>>) -> Json<Value> {
    Json(json!({
        "id": ids::derive_id("00o", &org.config.org_origin),
        "cell": "standin",
        "_links": { "organization": { "href": org.config.org_origin } },
        "pipeline": match org.config.pipeline { Pipeline::Classic => "v1", Pipeline::Oie => "idx" },
        "settings": {
            "analyticsCollectionEnabled": false, "bugReportingEnabled": false, "omEnabled": false,
            "pssoEnabled": false, "desktopMFAEnabled": false, "itpEnabled": true,
        },
    }))
}

/// RFC 7033, with Okta's relations. `#` in `href` stands for the name, which the page fills in.
pub async fn webfinger(
    State(org): State<Arc<Org>>,
    Query(query): Query<FingerQuery>,
) -> Result<Json<Value>, ApiError> {
    let login = query
        .resource
        .strip_prefix("okta:acct:")
        .filter(|login| login.len() <= 200);
    let login = login.ok_or_else(|| {
        ApiError::ValidationFailed("resource", "resource: must be okta:acct:…".to_owned())
    })?;
    let resources = org.resources();
    let context = percent_encode(&safe_from_uri(&query.context, &org));
    let link = match sign_on::route(&resources, login, &org.app_id) {
        Route::Okta => json!({
            "rel": "http://openid.net/specs/connect/1.0/issuer",
            "href": format!("{}/sso/idps/OKTA?fromURI={context}&login_hint=#", org.config.org_origin),
            "titles": { "und": org.config.org_name },
            "properties": { "okta:idp:type": "OKTA" },
        }),
        Route::Idp(id) => {
            let party = Party::find(&resources, &id)?;
            let metadata = format!("{}/api/v1/idps/{id}/metadata.xml", org.config.org_origin);
            json!({
                "rel": "okta:idp",
                "href": format!("{}/sso/idps/{id}?fromURI={context}&login_hint=#", org.config.org_origin),
                "titles": { "und": party.name },
                "properties": { "okta:idp:metadata": party.oidc.is_none().then_some(metadata),
                                "okta:idp:type": party.kind(), "okta:idp:id": id },
            })
        }
    };
    Ok(Json(json!({ "subject": query.resource, "links": [link] })))
}
