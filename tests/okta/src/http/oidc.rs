//! `/oauth2/v1/authorize/callback`: an identity provider's answer comes back; and the org's public key for providers that
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
use super::arrival::{self, Told};
use super::error::PageError;
use super::login::found;
use crate::oidc::{self, Claims, Refusal, id_token::GENERAL_TEXT};
use crate::org::Org;
use crate::party::Party;
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
    // An answer that belongs to no transaction signs nobody in.
    let pending = org.state().pending_request(&callback.state, received);
    let pending = pending.map_err(|_| PageError::expired())?;
    let party = Party::find(&org.resources(), &pending.idp).map_err(|_| PageError::not_found())?;
    let settings = party.oidc.as_ref().ok_or_else(PageError::not_found)?;
    let transaction = org.state().transaction(&pending.token, received)?;
    let log = |login: &str, outcome: Result<(), (&str, String)>| {
        let event = Event {
            kind: Kind::AuthViaSocial,
            outcome: match &outcome {
                Ok(()) => Ok(()),
                Err((text, _)) => Err(*text),
            },
            login,
            transaction: Some(&transaction),
            credential_type: None,
            detail: outcome.as_ref().err().map(|(_, detail)| detail.clone()),
        };
        org.write_log(&event, &client);
    };
    if let Some(error) = &callback.error {
        let description = callback.error_description.as_deref().unwrap_or_default();
        let detail = format!("the identity provider answered {error}: {description}");
        log(&pending.login, Err((GENERAL_TEXT, detail)));
        if party.is_factor() {
            acs::log_factor(&org, &client, &transaction, Err("INVALID_CREDENTIALS"));
        }
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
                &org.outbound,
                &party,
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
    let claims = match redeemed {
        Ok(claims) => claims,
        Err(refusal) => {
            let text = refusal.okta_text();
            log(&pending.login, Err((text, refusal.to_string())));
            return Err(PageError::general(text));
        }
    };
    if party.is_factor() {
        let (completion, transaction) = acs::complete(&org, &pending, &claims.amr, received)?;
        log(&pending.login, Ok(()));
        return acs::go_on(&org, &client, completion, &transaction);
    }
    let told = told(&claims);
    match arrival::complete(&org, &client, &party, &pending, &told, received) {
        Ok((completion, transaction)) => {
            log(&transaction.login, Ok(()));
            acs::go_on(&org, &client, completion, &transaction)
        }
        Err(refusal) => {
            log(
                &told.external_id,
                Err((refusal.text(), refusal.to_string())),
            );
            refusal.page(&org, &transaction)
        }
    }
}

fn told(claims: &Claims) -> Told {
    let mut values: Vec<(String, String)> = claims
        .all
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    values.push(("externalId".to_owned(), claims.sub.clone()));
    Told {
        external_id: claims.sub.clone(),
        values,
        amr: claims.amr.clone(),
    }
}

/// What the administrator downloads and hands to a provider that the org signs for.
pub async fn keys(State(org): State<Arc<Org>>) -> Json<Value> {
    Json(json!({ "keys": [org.sp.jwk()] }))
}
