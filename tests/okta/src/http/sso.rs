//! `/sso/idps/{id}`: the browser leaves for an identity provider.
//!
//! As a factor, with the state token of a transaction that asks for it. As the sign-in itself, with the token of a
//! transaction in which nothing has been done yet, or with none: then a transaction begins here.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::error::PageError;
use super::login::{found, safe_from_uri};
use super::pages;
use crate::authn_request::AuthnRequest;
use crate::config::Binding;
use crate::oidc;
use crate::org::Org;
use crate::party::Party;

#[derive(Deserialize)]
pub struct StartQuery {
    #[serde(rename = "stateToken")]
    state_token: Option<String>,
    #[serde(default)]
    login_hint: String,
    #[serde(default, rename = "fromURI")]
    from_uri: String,
}

/// No cookie is looked at: the state token in the URL is all that counts.
pub async fn get(
    State(org): State<Arc<Org>>,
    Path(idp): Path<String>,
    Query(query): Query<StartQuery>,
) -> Result<Response, PageError> {
    if idp == "OKTA" {
        let from_uri = safe_from_uri(&query.from_uri, &org);
        return Ok(found(
            &format!(
                "/login/login.htm?fromURI={}",
                super::percent_encode(&from_uri)
            ),
            None,
        ));
    }
    let party = Party::find(&org.resources(), &idp).map_err(|_| PageError::not_found())?;
    let now = org.now();
    let token = match query.state_token {
        Some(token) => token,
        None if party.is_factor() => return Err(PageError::expired()),
        None => {
            let from_uri = safe_from_uri(&query.from_uri, &org);
            org.state().begin(org.config.pipeline, &from_uri, now).token
        }
    };
    let hint = query.login_hint.trim();
    if !party.is_factor() && !hint.is_empty() && hint != "#" {
        let hint: String = hint.chars().take(200).collect();
        org.state().route(&token, &hint, &party.id, now)?;
    }
    let pending = org
        .state()
        .begin_request(&token, &party.id, party.is_factor(), now)?;
    if let Some(settings) = &party.oidc {
        let app = (org.app_id.as_str(), org.app_slug.as_str());
        let url = oidc::authorize_url(&org.config, &party, settings, &org.sp, &pending, app, now);
        return Ok(found(&url, None));
    }
    let request = AuthnRequest {
        id: &pending.id,
        issued_at: now,
        user: Some(pending.login.as_str()).filter(|login| !login.is_empty()),
        party: &party,
        application: org.application_context(&party),
    };
    Ok(match party.request_binding {
        Binding::Redirect => found(&request.to_redirect(&org.sp, &pending.relay_state), None),
        Binding::Post => {
            let saml_request = request.to_post(&org.sp);
            let page = pages::auto_post(&org.config, &party, &saml_request, &pending.relay_state);
            let origin = party
                .sso_url
                .split('/')
                .take(3)
                .collect::<Vec<_>>()
                .join("/");
            (pages::headers(&origin), Html(page)).into_response()
        }
    })
}
