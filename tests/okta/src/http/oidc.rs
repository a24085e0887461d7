//! `/oauth2/v1/authorize/callback`: the identity provider's answer comes back; and the org's public key for providers that
//! its assertions go to.
//!
//! As with SAML, the transaction is the one that `state` names, whichever browser brings the answer.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::acs;
use super::error::PageError;
use super::login::found;
use crate::oidc::{self, Refusal, id_token::GENERAL_TEXT};
use crate::org::Org;
use crate::system_log::{Client, Event, Kind};

#[derive(Deserialize)]
pub struct Callback {
    #[serde(default)]
    state: String,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
    iss: Option<String>,
}

pub async fn callback(
    State(org): State<Arc<Org>>,
    Query(callback): Query<Callback>,
    client: Client,
) -> Result<Response, PageError> {
    let received = org.now();
    let settings = org
        .config
        .idp
        .oidc
        .as_ref()
        .ok_or_else(PageError::not_found)?;
    // Factor only: an answer that belongs to no transaction signs nobody in.
    let pending = org.state().pending_request(&callback.state, received);
    let pending = pending.map_err(|_| PageError::expired())?;
    let transaction = org.state().transaction(&pending.token, received)?;
    let log = |outcome: Result<(), (&str, String)>| {
        let event = Event {
            kind: Kind::AuthViaSocial,
            outcome: match &outcome {
                Ok(()) => Ok(()),
                Err((text, _)) => Err(*text),
            },
            login: &pending.login,
            transaction: Some(&transaction),
            credential_type: None,
            detail: outcome.as_ref().err().map(|(_, detail)| detail.clone()),
        };
        org.write_log(&event, &client);
    };
    if let Some(error) = &callback.error {
        let description = callback.error_description.as_deref().unwrap_or_default();
        log(Err((
            GENERAL_TEXT,
            format!("the identity provider answered {error}: {description}"),
        )));
        acs::log_factor(&org, &client, &transaction, Err("INVALID_CREDENTIALS"));
        let transaction = org.state().fail(&pending, org.now())?;
        return Ok(found(
            &format!("/signin/refresh-auth-state/{}", transaction.token),
            None,
        ));
    }
    let app = (org.app_id.as_str(), org.app_slug.as_str());
    let redeemed = match (&callback.iss, &callback.code) {
        (Some(iss), _) if *iss != settings.issuer => Err(Refusal::AnswerIssuer(iss.clone())),
        (_, None) => Err(Refusal::Shape),
        (_, Some(code)) => {
            oidc::redeem(
                &org.config,
                settings,
                &org.sp,
                &pending,
                code,
                app,
                received,
            )
            .await
        }
    };
    match redeemed {
        Ok(claims) => {
            let (completion, transaction) = acs::complete(&org, &pending, &claims.amr, received)?;
            log(Ok(()));
            acs::go_on(&org, &client, completion, &transaction)
        }
        Err(refusal) => {
            let text = refusal.okta_text();
            log(Err((text, refusal.to_string())));
            Err(PageError::general(text))
        }
    }
}

/// What the administrator downloads and hands to a provider that the org signs for.
pub async fn keys(State(org): State<Arc<Org>>) -> Json<Value> {
    Json(json!({ "keys": [org.sp.jwk()] }))
}
