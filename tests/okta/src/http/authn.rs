//! Classic: the Authentication API with the `claims_provider` factor.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{ApiError, Body};
use super::login::safe_from_uri;
use crate::clock::format_iso;
use crate::config::Pipeline;
use crate::ids;
use crate::org::Org;
use crate::state::{Stage, Transaction};
use crate::system_log::{Client, Event, Kind};

type Answer = Result<Json<Value>, ApiError>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrimaryRequest {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    relay_state: String,
    state_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateTokenRequest {
    state_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnrolRequest {
    state_token: String,
    factor_type: String,
    provider: String,
}

/// User name and password, or the state of a transaction that runs already.
pub async fn primary(
    State(org): State<Arc<Org>>,
    client: Client,
    Body(request): Body<PrimaryRequest>,
) -> Answer {
    let now = org.now();
    if let Some(token) = request.state_token {
        let transaction = org.state().transaction(&token, now)?;
        return show(&org, &transaction);
    }
    if request.username.is_empty() || request.username.len() > 200 {
        return Err(ApiError::ValidationFailed(
            "username",
            "username: The field cannot be left blank".to_owned(),
        ));
    }
    let from_uri = safe_from_uri(&request.relay_state, &org);
    let started = org.state().begin(Pipeline::Classic, &from_uri, now);
    let attempt = org.attempt(&request.username, &request.password);
    let result = org
        .state()
        .sign_in(&started.token, &attempt, &org.config, now);
    log_password(
        &org,
        &client,
        &request.username,
        &started,
        result.as_ref().ok(),
    );
    if result.is_err() {
        org.state().cancel(&started.token);
    }
    show(&org, &result?)
}

pub async fn introspect(
    State(org): State<Arc<Org>>,
    Body(request): Body<StateTokenRequest>,
) -> Answer {
    let transaction = org.state().transaction(&request.state_token, org.now())?;
    show(&org, &transaction)
}

/// Sets the factor up; the person follows `_links.next`.
pub async fn enrol(State(org): State<Arc<Org>>, Body(request): Body<EnrolRequest>) -> Answer {
    if request.factor_type != "claims_provider" || request.provider != "CUSTOM" {
        let cause = "factorType: the only factor of this org is claims_provider of provider CUSTOM";
        return Err(ApiError::ValidationFailed("factorType", cause.to_owned()));
    }
    let transaction = org
        .state()
        .choose_enrolment(&request.state_token, org.now())?;
    show(&org, &transaction)
}

pub async fn verify(
    State(org): State<Arc<Org>>,
    Path(factor): Path<String>,
    Body(request): Body<StateTokenRequest>,
) -> Answer {
    let now = org.now();
    let login = org.state().transaction(&request.state_token, now)?.login;
    if factor != factor_id(&login) {
        return Err(ApiError::NotFound(format!("{factor} (UserFactor)")));
    }
    let transaction = org.state().choose_factor(&request.state_token, now)?;
    show(&org, &transaction)
}

pub async fn previous(
    State(org): State<Arc<Org>>,
    Body(request): Body<StateTokenRequest>,
) -> Answer {
    let transaction = org.state().previous(&request.state_token, org.now())?;
    show(&org, &transaction)
}

/// "Finish" after the last enrolment.
pub async fn skip(State(org): State<Arc<Org>>, Body(request): Body<StateTokenRequest>) -> Answer {
    let transaction = org
        .state()
        .finish_enrolment(&request.state_token, org.now())?;
    show(&org, &transaction)
}

pub async fn cancel(State(org): State<Arc<Org>>, Body(request): Body<StateTokenRequest>) -> Answer {
    let from_uri = org
        .state()
        .transaction(&request.state_token, org.now())?
        .from_uri;
    org.state().cancel(&request.state_token);
    Ok(Json(json!({ "relayState": from_uri })))
}

/// The first factor in the System Log, as each pipeline writes it.
pub fn log_password(
    org: &Org,
    client: &Client,
    login: &str,
    started: &Transaction,
    passed: Option<&Transaction>,
) {
    let event = |kind, outcome| Event {
        kind,
        outcome,
        login,
        transaction: Some(passed.unwrap_or(started)),
        credential_type: Some("PASSWORD"),
        detail: None,
    };
    match (passed.is_some(), started.pipeline) {
        (false, _) => {
            org.write_log(
                &event(Kind::SessionStart, Err("INVALID_CREDENTIALS")),
                client,
            );
            org.note_lock(login, client);
        }
        (true, pipeline) => {
            if pipeline == Pipeline::Oie {
                org.write_log(&event(Kind::AuthViaMfa, Ok(())), client);
            }
            org.write_log(&event(Kind::EvaluateSignOn, Ok(())), client);
        }
    }
}

/// The transaction as Classic shows it. Showing success uses the state token up.
fn show(org: &Org, transaction: &Transaction) -> Answer {
    if transaction.pipeline != Pipeline::Classic {
        return Err(ApiError::InvalidToken);
    }
    let body = match &transaction.stage {
        Stage::Identify | Stage::Password | Stage::Routed { .. } => {
            return Err(ApiError::NotAllowedNow);
        }
        Stage::FactorRequired => factor_required(org, transaction),
        Stage::FactorChallenge { failed } => factor_challenge(org, transaction, *failed),
        Stage::EnrolRequired => enrol_required(org, transaction, false),
        Stage::EnrolActivate { failed } => enrol_activate(org, transaction, *failed),
        Stage::EnrolFinished => enrol_required(org, transaction, true),
        Stage::Success { .. } => {
            let mut state = org.state();
            let redeemed = state.redeem(&transaction.token, org.now())?;
            let session_token = state.issue_session_token(&redeemed);
            json!({
                "expiresAt": format_iso(transaction.expires_at),
                "status": "SUCCESS",
                "relayState": transaction.from_uri,
                "sessionToken": session_token,
                "_embedded": { "user": user(org, &transaction.login) },
                "_links": { "cancel": link(org, "/api/v1/authn/cancel") },
            })
        }
    };
    Ok(Json(body))
}

fn factor_required(org: &Org, transaction: &Transaction) -> Value {
    let mut factor = factor(org, transaction);
    let verify = format!(
        "/api/v1/authn/factors/{}/verify",
        factor_id(&transaction.login)
    );
    factor["_links"] = json!({ "verify": link(org, &verify) });
    let mut body = common(org, transaction, "MFA_REQUIRED");
    body["_embedded"]["factors"] = json!([factor]);
    body["_embedded"]["policy"] = policy();
    body["_links"] = json!({ "cancel": link(org, "/api/v1/authn/cancel") });
    body
}

fn factor_challenge(org: &Org, transaction: &Transaction, failed: bool) -> Value {
    let mut body = common(org, transaction, "MFA_CHALLENGE");
    body["_embedded"]["factor"] = factor(org, transaction);
    body["_embedded"]["policy"] = policy();
    body["_links"] = provider_links(org, transaction, "redirect");
    if failed {
        body["factorResult"] = json!("FAILED");
        body["factorResultMessage"] = json!("Unable to verify authenticator. Try again.");
    }
    body
}

fn enrol_required(org: &Org, transaction: &Transaction, is_done: bool) -> Value {
    let mut factor = json!({
        "factorType": "claims_provider",
        "provider": "CUSTOM",
        "vendorName": vendor(org, transaction),
        "_links": { "enroll": link(org, "/api/v1/authn/factors") },
        "status": if is_done { "ACTIVE" } else { "NOT_SETUP" },
        "enrollment": "REQUIRED",
    });
    let mut links = json!({ "cancel": link(org, "/api/v1/authn/cancel") });
    if is_done {
        factor["id"] = json!(factor_id(&transaction.login));
        links["skip"] = link(org, "/api/v1/authn/skip");
        links["skip"]["name"] = json!("skip");
    }
    let mut body = common(org, transaction, "MFA_ENROLL");
    body["_embedded"]["factors"] = json!([factor]);
    body["_links"] = links;
    body
}

fn enrol_activate(org: &Org, transaction: &Transaction, failed: bool) -> Value {
    let mut body = common(org, transaction, "MFA_ENROLL_ACTIVATE");
    body["_embedded"]["factor"] = factor(org, transaction);
    body["_links"] = provider_links(org, transaction, "activate");
    if failed {
        body["factorResult"] = json!("FAILED");
        body["factorResultMessage"] = json!("Unable to enroll authenticator. Try again.");
    }
    body
}

fn common(org: &Org, transaction: &Transaction, status: &str) -> Value {
    json!({
        "stateToken": transaction.token,
        "expiresAt": format_iso(transaction.expires_at),
        "status": status,
        "relayState": transaction.from_uri,
        "_embedded": { "user": user(org, &transaction.login) },
    })
}

fn provider_links(org: &Org, transaction: &Transaction, name: &str) -> Value {
    json!({
        "next": {
            "name": name,
            "href": format!(
                "{}/sso/idps/{}?stateToken={}",
                org.config.org_origin, transaction.idp, transaction.token
            ),
            "hints": { "allow": ["GET"] },
        },
        "cancel": link(org, "/api/v1/authn/cancel"),
        "prev": link(org, "/api/v1/authn/previous"),
    })
}

fn link(org: &Org, path: &str) -> Value {
    json!({ "href": format!("{}{path}", org.config.org_origin), "hints": { "allow": ["POST"] } })
}

fn factor(org: &Org, transaction: &Transaction) -> Value {
    json!({
        "id": factor_id(&transaction.login),
        "factorType": "claims_provider",
        "provider": "CUSTOM",
        "vendorName": vendor(org, transaction),
    })
}

fn vendor(org: &Org, transaction: &Transaction) -> String {
    org.party_of(transaction)
        .map(|party| party.name)
        .unwrap_or_default()
}

fn factor_id(login: &str) -> String {
    ids::derive_id("clf", login)
}

fn policy() -> Value {
    json!({
        "allowRememberDevice": false,
        "rememberDeviceLifetimeInMinutes": 0,
        "rememberDeviceByDefault": false,
        "factorsPolicyInfo": null,
    })
}

fn user(org: &Org, login: &str) -> Value {
    let resources = org.resources();
    let found = resources.user_of_login(login);
    let id = resources.user_id_of_login(login);
    json!({
        "id": id,
        "passwordChanged": "2026-01-01T00:00:00.000Z",
        "profile": {
            "login": login,
            "firstName": found.map(|user| user.text("firstName")),
            "lastName": found.map(|user| user.text("lastName")),
            "locale": "en",
            "timeZone": "America/Los_Angeles",
        },
    })
}
