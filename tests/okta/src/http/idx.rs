//! Identity Engine: the IDX API with the `external_idp` authenticator.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::authn::log_password;
use super::error::{ApiError, Body};
use crate::clock::format_iso;
use crate::config::Pipeline;
use crate::org::Org;
use crate::party::Party;
use crate::sign_on::{self, Route};
use crate::state::{Stage, StateError, Transaction};
use crate::system_log::Client;

type Answer = Result<Ion, IdxError>;

/// A body of the media type that IDX speaks.
pub struct Ion(StatusCode, Value);

/// An IDX error: messages instead of an E-code, or an E-code where Okta has one.
pub enum IdxError {
    Api(ApiError),
    Session,
    Messages(Box<Ion>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateRequest {
    state_handle: Option<String>,
    state_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentifyRequest {
    state_handle: String,
    identifier: String,
    credentials: Option<Credentials>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerRequest {
    state_handle: String,
    credentials: Credentials,
}

#[derive(Deserialize)]
pub struct Credentials {
    passcode: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticatorRequest {
    state_handle: String,
    authenticator: AuthenticatorId,
}

#[derive(Deserialize)]
pub struct AuthenticatorId {
    id: String,
}

pub async fn introspect(State(org): State<Arc<Org>>, Body(request): Body<StateRequest>) -> Answer {
    show(&org, &org.state().transaction(&request.token(), org.now())?)
}

pub async fn identify(
    State(org): State<Arc<Org>>,
    client: Client,
    Body(request): Body<IdentifyRequest>,
) -> Answer {
    let login = request.identifier.trim();
    if login.is_empty() || login.len() > 200 {
        let cause = "identifier: The field cannot be left blank".to_owned();
        return Err(IdxError::Api(ApiError::ValidationFailed(
            "identifier",
            cause,
        )));
    }
    let route = sign_on::route(&org.resources(), login, &org.app_id);
    if let Route::Idp(idp) = route {
        let routed = org
            .state()
            .route(&request.state_handle, login, &idp, org.now())?;
        return show(&org, &routed);
    }
    match request.credentials {
        Some(credentials) => sign_in(
            &org,
            &client,
            &request.state_handle,
            login,
            &credentials.passcode,
        ),
        None => {
            let transaction = org
                .state()
                .identify(&request.state_handle, login, org.now())?;
            show(&org, &transaction)
        }
    }
}

pub async fn answer(
    State(org): State<Arc<Org>>,
    client: Client,
    Body(request): Body<AnswerRequest>,
) -> Answer {
    let login = org
        .state()
        .transaction(&request.state_handle, org.now())?
        .login;
    sign_in(
        &org,
        &client,
        &request.state_handle,
        &login,
        &request.credentials.passcode,
    )
}

pub async fn challenge(
    State(org): State<Arc<Org>>,
    Body(request): Body<AuthenticatorRequest>,
) -> Answer {
    check_authenticator(&org, &request)?;
    show(
        &org,
        &org.state()
            .choose_factor(&request.state_handle, org.now())?,
    )
}

pub async fn enrol(
    State(org): State<Arc<Org>>,
    Body(request): Body<AuthenticatorRequest>,
) -> Answer {
    check_authenticator(&org, &request)?;
    show(
        &org,
        &org.state()
            .choose_enrolment(&request.state_handle, org.now())?,
    )
}

pub async fn skip(State(org): State<Arc<Org>>, Body(request): Body<StateRequest>) -> Answer {
    show(
        &org,
        &org.state().finish_enrolment(&request.token(), org.now())?,
    )
}

pub async fn cancel(State(org): State<Arc<Org>>, Body(request): Body<StateRequest>) -> Answer {
    let transaction = org.state().transaction(&request.token(), org.now())?;
    let mut state = org.state();
    state.cancel(&transaction.token);
    let fresh = state.begin(Pipeline::Oie, &transaction.from_uri, org.now());
    drop(state);
    show(&org, &fresh)
}

fn sign_in(org: &Org, client: &Client, token: &str, login: &str, password: &str) -> Answer {
    let started = org.state().transaction(token, org.now())?;
    let attempt = org.attempt(login, password);
    let result = org.state().sign_in(token, &attempt, &org.config, org.now());
    log_password(org, client, login, &started, result.as_ref().ok());
    match result {
        Ok(transaction) => show(org, &transaction),
        Err(StateError::AuthenticationFailed) => {
            let Ok(Ion(_, mut body)) = show(org, &started) else {
                return Err(IdxError::Session);
            };
            body["messages"] = messages("Unable to sign in", "errors.E0000004");
            Err(IdxError::Messages(Box::new(Ion(
                StatusCode::UNAUTHORIZED,
                body,
            ))))
        }
        Err(error) => Err(error.into()),
    }
}

fn check_authenticator(org: &Org, request: &AuthenticatorRequest) -> Result<(), IdxError> {
    let transaction = org.state().transaction(&request.state_handle, org.now())?;
    let authenticator = &request.authenticator;
    match authenticator.id == Authenticator::of(org, &transaction).id {
        true => Ok(()),
        false => Err(IdxError::Api(ApiError::NotFound(format!(
            "{} (Authenticator)",
            authenticator.id
        )))),
    }
}

fn show(org: &Org, transaction: &Transaction) -> Answer {
    if transaction.pipeline != Pipeline::Oie {
        return Err(IdxError::Session);
    }
    let handle = handle_field(transaction);
    let factor = Authenticator::of(org, transaction);
    let mut body = json!({
        "stateHandle": transaction.token,
        "version": "1.0.0",
        "expiresAt": format_iso(transaction.expires_at),
        "intent": "LOGIN",
        "cancel": form(org, "cancel", "cancel", vec![handle.clone()]),
        "app": { "type": "object", "value": { "name": org.app_slug, "label": org.config.app_name, "id": org.app_id } },
    });
    if transaction.marks.password_ok.is_some() {
        body["user"] = json!({ "type": "object", "value": {
            "id": org.user_id(&transaction.login), "identifier": transaction.login } });
    }
    match &transaction.stage {
        Stage::Identify => {
            let fields = vec![
                json!({ "name": "identifier", "label": "Username", "required": true }),
                json!({ "name": "credentials", "type": "object", "required": true, "form": { "value": [
                    { "name": "passcode", "label": "Password", "secret": true }] } }),
                handle,
            ];
            body["remediation"] = array(vec![form(org, "identify", "identify", fields)]);
        }
        Stage::Password => {
            let fields = vec![
                json!({ "name": "credentials", "type": "object", "required": true, "form": { "value": [
                    { "name": "passcode", "label": "Password", "secret": true }] } }),
                handle,
            ];
            body["remediation"] = array(vec![form(
                org,
                "challenge-authenticator",
                "challenge/answer",
                fields,
            )]);
        }
        Stage::Routed { failed } => {
            let mut redirect = redirect_idp(org, transaction, &factor, "");
            if let Some(redirect) = redirect.as_object_mut() {
                redirect.remove("relatesTo");
            }
            body["remediation"] = array(vec![redirect]);
            if *failed {
                body["messages"] = messages("Unable to sign in", "errors.E0000004");
            }
        }
        Stage::FactorRequired => {
            body["remediation"] = array(vec![select(org, transaction, &factor, "authenticate")]);
            body["authenticatorEnrollments"] = array(vec![factor.enrollment()]);
        }
        Stage::FactorChallenge { failed } => {
            let redirect = redirect_idp(
                org,
                transaction,
                &factor,
                "$.currentAuthenticatorEnrollment",
            );
            body["remediation"] = array(vec![
                redirect,
                select(org, transaction, &factor, "authenticate"),
            ]);
            body["currentAuthenticatorEnrollment"] = object(factor.body());
            body["currentAuthenticator"] = object(factor.body());
            body["authenticators"] = array(vec![factor.body()]);
            body["authenticatorEnrollments"] = array(vec![factor.enrollment()]);
            if *failed {
                body["messages"] = messages(
                    "Unable to verify authenticator. Try again.",
                    "oie.authenticator.verify.error.fail",
                );
            }
        }
        Stage::EnrolRequired => {
            body["remediation"] = array(vec![select(org, transaction, &factor, "enroll")]);
            body["authenticators"] = array(vec![factor.body()]);
            body["authenticatorEnrollments"] = array(Vec::new());
        }
        Stage::EnrolActivate { failed } => {
            let redirect = redirect_idp(org, transaction, &factor, "$.currentAuthenticator");
            body["remediation"] =
                array(vec![redirect, select(org, transaction, &factor, "enroll")]);
            body["currentAuthenticator"] = object(factor.body());
            body["authenticators"] = array(vec![factor.body()]);
            body["authenticatorEnrollments"] = array(Vec::new());
            body["enrollmentAuthenticator"] = object(factor.body());
            if *failed {
                body["messages"] = messages(
                    "Unable to enroll authenticator. Try again.",
                    "oie.authenticator.enroll.error.fail",
                );
            }
        }
        Stage::EnrolFinished => {
            body["remediation"] = array(vec![form(org, "skip", "skip", vec![handle])]);
            body["authenticatorEnrollments"] = array(vec![factor.enrollment()]);
        }
        Stage::Success { is_redeemed: true } => return Err(IdxError::Session),
        Stage::Success { is_redeemed: false } => {
            body["success"] = json!({
                "name": "success-redirect",
                "href": format!(
                    "{}/login/token/redirect?stateToken={}", org.config.org_origin, transaction.token),
            });
        }
    }
    Ok(Ion(StatusCode::OK, body))
}

fn redirect_idp(
    org: &Org,
    transaction: &Transaction,
    factor: &Authenticator,
    relates_to: &str,
) -> Value {
    json!({
        "name": "redirect-idp",
        "type": factor.kind,
        "idp": { "id": transaction.idp, "name": factor.name },
        "href": format!(
            "{}/sso/idps/{}?stateToken={}", org.config.org_origin, transaction.idp, transaction.token),
        "method": "GET",
        "relatesTo": [relates_to],
    })
}

fn select(org: &Org, transaction: &Transaction, factor: &Authenticator, what: &str) -> Value {
    let (path, relates_to) = match what {
        "enroll" => ("credential/enroll", "$.authenticators.value[0]"),
        _ => ("challenge", "$.authenticatorEnrollments.value[0]"),
    };
    let choice = json!({
        "name": "authenticator",
        "type": "object",
        "options": [{
            "label": factor.name,
            "value": { "form": { "value": [
                { "name": "id", "required": true, "value": factor.id, "mutable": false }] } },
            "relatesTo": relates_to,
        }],
    });
    form(
        org,
        &format!("select-authenticator-{what}"),
        path,
        vec![choice, handle_field(transaction)],
    )
}

fn form(org: &Org, name: &str, path: &str, fields: Vec<Value>) -> Value {
    json!({
        "rel": ["create-form"],
        "name": name,
        "href": format!("{}/idp/idx/{path}", org.config.org_origin),
        "method": "POST",
        "produces": ION,
        "value": fields,
        "accepts": "application/json; okta-version=1.0.0",
    })
}

fn handle_field(transaction: &Transaction) -> Value {
    json!({ "name": "stateHandle", "required": true, "value": transaction.token, "visible": false, "mutable": false })
}

/// The factor of a transaction as the widget sees it.
struct Authenticator {
    id: String,
    name: String,
    /// `SAML2` or `OIDC`
    kind: &'static str,
}

impl Authenticator {
    fn of(org: &Org, transaction: &Transaction) -> Authenticator {
        let party = org.party_of(transaction).ok();
        Authenticator {
            id: sign_on::authenticator_of(&org.resources(), &transaction.idp),
            kind: party.as_ref().map_or("SAML2", Party::kind),
            name: party.map(|party| party.name).unwrap_or_default(),
        }
    }

    fn body(&self) -> Value {
        json!({
            "key": "external_idp",
            "type": "federated",
            "id": self.id,
            "displayName": self.name,
            "methods": [{ "type": "idp" }],
        })
    }

    fn enrollment(&self) -> Value {
        let mut enrollment = self.body();
        enrollment["profile"] = json!({ "provider": match self.kind {
            "OIDC" => "Custom OIDC Provider",
            _ => "Custom SAML Provider",
        } });
        enrollment
    }
}

fn array(values: Vec<Value>) -> Value {
    json!({ "type": "array", "value": values })
}

fn object(value: Value) -> Value {
    json!({ "type": "object", "value": value })
}

fn messages(text: &str, key: &str) -> Value {
    array(vec![
        json!({ "message": text, "i18n": { "key": key, "params": [] }, "class": "ERROR" }),
    ])
}

impl StateRequest {
    fn token(self) -> String {
        self.state_handle.or(self.state_token).unwrap_or_default()
    }
}

impl From<StateError> for IdxError {
    fn from(error: StateError) -> IdxError {
        match error {
            StateError::InvalidToken | StateError::UnknownRelayState => IdxError::Session,
            other => IdxError::Api(other.into()),
        }
    }
}

impl IntoResponse for Ion {
    fn into_response(self) -> Response {
        (self.0, [(header::CONTENT_TYPE, ION)], self.1.to_string()).into_response()
    }
}

impl IntoResponse for IdxError {
    fn into_response(self) -> Response {
        let key_and_text = match self {
            IdxError::Messages(body) => return body.into_response(),
            IdxError::Session => (
                StatusCode::UNAUTHORIZED,
                "idx.session.expired",
                "The session has expired.".to_owned(),
            ),
            IdxError::Api(error) => {
                let (status, code, summary) = error.parts();
                let key = match code {
                    "E0000079" => "idx.operation.not.allowed",
                    "E0000047" => "errors.E0000047",
                    _ => "idx.error",
                };
                (status, key, summary)
            }
        };
        let (status, key, text) = key_and_text;
        Ion(
            status,
            json!({ "version": "1.0.0", "messages": messages(&text, key) }),
        )
        .into_response()
    }
}

const ION: &str = "application/ion+json; okta-version=1.0.0";
