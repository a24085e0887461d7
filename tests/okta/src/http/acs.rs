//! `/sso/saml2/{id}`: an identity provider's Response comes back.
//!
//! The transaction is the one that RelayState and InResponseTo name, whichever browser brings the Response. The bringing
//! browser gets a session, and so does, once, whoever holds the state token: see the crate's documentation. A provider
//! that signs people in may also begin by itself; a factor cannot.

use std::sync::Arc;

use axum::extract::{Form, Path, RawQuery, State};
use axum::response::Response;
use serde::Deserialize;

use super::arrival::{self, Told};
use super::error::PageError;
use super::login::{found, safe_from_uri, start_session};
use crate::org::Org;
use crate::party::Party;
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
    let party = Party::find(&org.resources(), &idp).map_err(|_| PageError::not_found())?;
    if party.oidc.is_some() {
        return Err(PageError::not_found());
    }
    let Ok(Form(form)) = form else {
        return Err(PageError::general(response::GENERAL_TEXT));
    };
    if query.is_some_and(|query| query.contains("SAMLResponse")) {
        return Err(PageError::general(response::GENERAL_TEXT));
    }
    let pending = org.state().pending_request(&form.relay_state, received);
    // What was asked of one provider is not answered by another.
    let pending = pending.ok().filter(|pending| pending.idp == party.id);
    let Some(pending) = pending else {
        if !party.is_factor() {
            return unasked(&org, &client, &party, &form).await;
        }
        // Factor only: a Response that belongs to no transaction signs nobody in.
        let detail = "the relay state is unknown, used up or expired".to_owned();
        let failure = Err((response::GENERAL_TEXT, detail));
        log_response(&org, &client, "unknown", None, failure);
        return Err(PageError::expired());
    };
    let transaction = org.state().transaction(&pending.token, received)?;
    match check(&org, &party, Some(&pending), &form.saml_response).await {
        Ok(Answer::Success(success)) if party.is_factor() => {
            accept(&org, &client, &pending, &success, received)
        }
        Ok(Answer::Success(success)) => {
            let told = told(&success);
            let completed = arrival::complete(&org, &client, &party, &pending, &told, received);
            log_arrival(&org, &client, &told.external_id, &transaction, &completed);
            let (completion, transaction) = match completed {
                Ok(completed) => completed,
                Err(refusal) => return refusal.page(&org, &transaction),
            };
            go_on(&org, &client, completion, &transaction)
        }
        Ok(Answer::Failure { code, message }) => {
            let detail = format!("the identity provider answered {code}: {message}");
            let failure = Err((response::GENERAL_TEXT, detail));
            log_response(&org, &client, &pending.login, Some(&transaction), failure);
            if party.is_factor() {
                log_factor(&org, &client, &transaction, Err("INVALID_CREDENTIALS"));
            }
            let transaction = org.state().fail(&pending, org.now())?;
            Ok(found(
                &format!("/signin/refresh-auth-state/{}", transaction.token),
                None,
            ))
        }
        Err(refusal) => {
            let text = refusal.okta_text();
            let failure = Err((text.as_str(), refusal.to_string()));
            log_response(&org, &client, &pending.login, Some(&transaction), failure);
            Err(PageError::general(text))
        }
    }
}

/// The provider began: RelayState may name a page of the org.
async fn unasked(
    org: &Org,
    client: &Client,
    party: &Party,
    form: &ResponseForm,
) -> Result<Response, PageError> {
    let now = org.now();
    let refuse = |login: &str, text: &str, detail: String| {
        log_response(org, client, login, None, Err((text, detail)));
        PageError::general(text)
    };
    let success = match check(org, party, None, &form.saml_response).await {
        Ok(Answer::Success(success)) => success,
        Ok(Answer::Failure { code, message }) => {
            let detail = format!("the identity provider answered {code}: {message}");
            return Err(refuse("unknown", response::GENERAL_TEXT, detail));
        }
        Err(refusal) => {
            let detail = refusal.to_string();
            return Err(refuse("unknown", &refusal.okta_text(), detail));
        }
    };
    if !org
        .state()
        .is_first(&format!("{} {}", party.id, success.assertion_id), now)
    {
        let detail = "the assertion was used before".to_owned();
        return Err(refuse(&success.name_id, response::GENERAL_TEXT, detail));
    }
    let from_uri = safe_from_uri(&form.relay_state, org);
    let pending = {
        let mut state = org.state();
        let begun = state.begin(org.config.pipeline, &from_uri, now);
        state.begin_request(&begun.token, &party.id, false, now)?
    };
    let transaction = org.state().transaction(&pending.token, now)?;
    let told = told(&success);
    let completed = arrival::complete(org, client, party, &pending, &told, now);
    log_arrival(org, client, &told.external_id, &transaction, &completed);
    match completed {
        Ok((completion, transaction)) => go_on(org, client, completion, &transaction),
        Err(refusal) => refusal.page(org, &transaction),
    }
}

fn told(success: &Success) -> Told {
    let mut values: Vec<(String, String)> = success.attributes.clone();
    values.push(("subjectNameId".to_owned(), success.name_id.clone()));
    values.push(("externalId".to_owned(), success.name_id.clone()));
    Told {
        external_id: success.name_id.clone(),
        values,
        amr: success.amr.clone(),
    }
}

async fn check(
    org: &Org,
    party: &Party,
    pending: Option<&PendingRequest>,
    saml_response: &str,
) -> Result<Answer, Refusal> {
    let factor = pending.filter(|_| party.is_factor());
    let expected = Expected {
        party,
        pipeline: org.config.pipeline,
        request_id: pending.map(|pending| pending.id.as_str()),
        user: factor.map(|pending| pending.login.as_str()),
        application: pending.and_then(|_| org.application_context(party)),
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
        Completion::FactorFollows => Ok(found(
            &format!("/signin/refresh-auth-state/{}", transaction.token),
            None,
        )),
        Completion::Verified | Completion::SignedIn => {
            if completion == Completion::Verified {
                log_factor(org, client, transaction, Ok(()));
            }
            let cookie = start_session(org, transaction, client);
            Ok(found(&transaction.from_uri, Some(cookie)))
        }
    }
}

fn log_arrival(
    org: &Org,
    client: &Client,
    named: &str,
    transaction: &Transaction,
    completed: &Result<(Completion, Transaction), arrival::Refusal>,
) {
    match completed {
        Ok((_, transaction)) => {
            log_response(org, client, &transaction.login, Some(transaction), Ok(()));
        }
        Err(refusal) => {
            let failure = Err((refusal.text(), refusal.to_string()));
            log_response(org, client, named, Some(transaction), failure);
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
            let short = if text.starts_with("Unable to match") || text == "User Not Found" {
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
