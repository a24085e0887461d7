//! `/sso/idps/{id}`: the browser leaves for the identity provider.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::error::PageError;
use super::login::found;
use super::pages;
use crate::authn_request::AuthnRequest;
use crate::config::Binding;
use crate::oidc;
use crate::org::Org;

#[derive(Deserialize)]
pub struct StartQuery {
    #[serde(rename = "stateToken")]
    state_token: String,
}

/// No cookie is looked at: the state token in the URL is all that counts.
pub async fn get(
    State(org): State<Arc<Org>>,
    Path(idp): Path<String>,
    Query(query): Query<StartQuery>,
) -> Result<Response, PageError> {
    if idp != org.config.idp.id {
        return Err(PageError::not_found());
    }
    let now = org.now();
    let pending = org.state().begin_request(&query.state_token, now)?;
    if let Some(settings) = &org.config.idp.oidc {
        let app = (org.app_id.as_str(), org.app_slug.as_str());
        let url = oidc::authorize_url(&org.config, settings, &org.sp, &pending, app, now);
        return Ok(found(&url, None));
    }
    let request = AuthnRequest {
        id: &pending.id,
        issued_at: now,
        user: &pending.login,
        application: org.application_context(),
    };
    Ok(match org.config.idp.request_binding {
        Binding::Redirect => found(
            &request.to_redirect(&org.config, &org.sp, &pending.relay_state),
            None,
        ),
        Binding::Post => {
            let saml_request = request.to_post(&org.config, &org.sp);
            let page = pages::auto_post(&org.config, &saml_request, &pending.relay_state);
            (pages::headers(&idp_origin(&org)), Html(page)).into_response()
        }
    })
}

fn idp_origin(org: &Org) -> String {
    org.config
        .idp
        .sso_url
        .split('/')
        .take(3)
        .collect::<Vec<_>>()
        .join("/")
}
