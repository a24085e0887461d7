//! `/sso/saml2/{id}`: the identity provider's Response comes back.
//!
//! The transaction is the one that RelayState and InResponseTo name, whichever browser
//! brings the Response. The bringing browser gets a session, and so does, once, whoever
//! holds the state token: see the crate's documentation.

use std::sync::Arc;

use axum::extract::{Form, Path, RawQuery, State};
use axum::response::Response;
use serde::Deserialize;

use super::error::PageError;
use super::login::{found, start_session};
use crate::org::Org;
use crate::response::{self, Answer, Expected, Refusal, Success};
use crate::state::{Completion, PendingRequest, Transaction};
use crate::system_log::{Client, Event, Kind};

#[derive(Deserialize)]
pub struct ResponseForm {
    #[serde(rename = "SAMLResponse")]
    saml_response: String,
    #[serde(default, rename = "RelayState")]
    relay_state: String,
}

pub async fn post(
    State(org): State<Arc<Org>>,
    Path(idp): Path<String>,
    RawQuery(query): RawQuery,
    client: Client,
    form: Result<Form<ResponseForm>, axum::extract::rejection::FormRejection>,
) -> Result<Response, PageError> {
    let received = org.now();
    if idp != org.config.idp.id {
        return Err(PageError::not_found());
    }
    let Ok(Form(form)) = form else {
        return Err(PageError::general(response::GENERAL_TEXT));
    };
    if query.is_some_and(|query| query.contains("SAMLResponse")) {
        return Err(PageError::general(response::GENERAL_TEXT));
    }
    // Factor only: a Response that belongs to no transaction signs nobody in.
    let Ok(pending) = org.state().pending_request(&form.relay_state, received) else {
        log_response(
            &org,
            &client,
            "unknown",
            None,
            Err((
                response::GENERAL_TEXT,
                "the relay state is unknown, used up or expired".to_owned(),
            )),
        );
        return Err(PageError::expired());
    };
    let transaction = org.state().transaction(&pending.token, received)?;
    match check(&org, &pending, &form.saml_response).await {
        Ok(Answer::Success(success)) => accept(&org, &client, &pending, &success, received),
        Ok(Answer::Failure { code, message }) => {
            let detail = format!("the identity provider answered {code}: {message}");
            log_response(
                &org,
                &client,
                &pending.login,
                Some(&transaction),
                Err((response::GENERAL_TEXT, detail)),
            );
            log_factor(&org, &client, &transaction, Err("INVALID_CREDENTIALS"));
            let transaction = org.state().fail(&pending, org.now())?;
            Ok(found(
                &format!("/signin/refresh-auth-state/{}", transaction.token),
                None,
            ))
        }
        Err(refusal) => {
            let text = refusal.okta_text();
            log_response(
                &org,
                &client,
                &pending.login,
                Some(&transaction),
                Err((&text, refusal.to_string())),
            );
            Err(PageError::general(text))
        }
    }
}

async fn check(
    org: &Org,
    pending: &PendingRequest,
    saml_response: &str,
) -> Result<Answer, Refusal> {
    let expected = Expected {
        config: &org.config,
        audience: &org.sp.entity_id,
        request_id: &pending.id,
        user: &pending.login,
        application: org.application_context(),
        now: org.now(),
    };
    response::verify(saml_response, &expected, &org.xmlsec).await
}

fn accept(
    org: &Org,
    client: &Client,
    pending: &PendingRequest,
    success: &Success,
    received: i64,
) -> Result<Response, PageError> {
    let (completion, transaction) = complete(org, pending, &success.amr, received)?;
    log_response(org, client, &pending.login, Some(&transaction), Ok(()));
    go_on(org, client, completion, &transaction)
}

/// A verified answer, by whatever standard, uses its relay state up: of two equal ones at the same moment, one finds it gone.
pub(super) fn complete(
    org: &Org,
    pending: &PendingRequest,
    amr: &[String],
    received: i64,
) -> Result<(Completion, Transaction), PageError> {
    let completed = org.state().complete(pending, amr, received, org.now());
    completed.map_err(|_| PageError::expired())
}

/// Where the browser goes then.
pub(super) fn go_on(
    org: &Org,
    client: &Client,
    completion: Completion,
    transaction: &Transaction,
) -> Result<Response, PageError> {
    match completion {
        Completion::Enrolled => {
            let event = Event {
                kind: Kind::FactorActivate,
                outcome: Ok(()),
                login: &transaction.login,
                transaction: Some(transaction),
                credential_type: None,
                detail: None,
            };
            org.write_log(&event, client);
            Ok(found(
                &format!("/signin/refresh-auth-state/{}", transaction.token),
                None,
            ))
        }
        Completion::Verified => {
            log_factor(org, client, transaction, Ok(()));
            let cookie = start_session(org, transaction, client);
            Ok(found(&transaction.from_uri, Some(cookie)))
        }
    }
}

/// The two events that Okta writes for each Response: the short one and the detailed one.
fn log_response(
    org: &Org,
    client: &Client,
    login: &str,
    transaction: Option<&Transaction>,
    outcome: Result<(), (&str, String)>,
) {
    let event = |kind, outcome, detail| Event {
        kind,
        outcome,
        login,
        transaction,
        credential_type: Some("ASSERTION"),
        detail,
    };
    match outcome {
        Ok(()) => {
            org.write_log(&event(Kind::AuthViaIdp, Ok(()), None), client);
            org.write_log(&event(Kind::AuthViaInboundSaml, Ok(()), None), client);
        }
        Err((text, detail)) => {
            // The username texts belong to the short event, the others to the detailed one.
            let short = if text.starts_with("Unable to match") {
                text
            } else {
                response::GENERAL_TEXT
            };
            org.write_log(&event(Kind::AuthViaIdp, Err(short), None), client);
            org.write_log(
                &event(Kind::AuthViaInboundSaml, Err(text), Some(detail)),
                client,
            );
        }
    }
}

pub(super) fn log_factor(
    org: &Org,
    client: &Client,
    transaction: &Transaction,
    outcome: Result<(), &str>,
) {
    let event = Event {
        kind: Kind::AuthViaMfa,
        outcome,
        login: &transaction.login,
        transaction: Some(transaction),
        credential_type: Some("ASSERTION"),
        detail: None,
    };
    org.write_log(&event, client);
}
