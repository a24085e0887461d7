//! The authorization request (OpenID Connect Core section 3.1.2.1, RFC 6749 section 4.1.1, RFC 9101).
//!
//! Two kinds of refusal, and the type keeps them apart: before the redirect URI is known to be the client's, an error is a
//! page of ours; after, it goes back to the client.
//!
//! ```
//! use standards::oidc::{authorization_request::{self, AuthorizationError, Refusal}, parameters::Parameters};
//! # let client = standards::oidc::client::Client {
//! #     client_id: "c".into(), redirect_uris: vec!["https://app.example.com/cb".into()], post_logout_redirect_uris: vec![],
//! #     token_endpoint_auth_method: standards::oidc::client::AuthMethod::ClientSecret, token_endpoint_auth_signing_alg: None,
//! #     request_object_signing_alg: None, id_token_signed_response_alg: standards::oidc::jwt::Alg::RS256,
//! #     jwks: Default::default(), require_pkce: false };
//! let parameters = Parameters::parse(b"client_id=c&redirect_uri=https://evil.example.com/cb").unwrap();
//! let context = authorization_request::Context::new(1_760_000_000, &[], Default::default());
//! let refused = authorization_request::verify(&parameters, &client, &context).unwrap_err();
//! assert_eq!(refused, Refusal::Page(AuthorizationError::RedirectUri));
//! ```

mod object;

pub use object::LIFETIME_S;

use super::{
    ErrorCode,
    client::Client,
    jwt::{JwtError, Keys},
    parameters::Parameters,
    pkce,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// `state`, in bytes. Okta sends 86.
pub const STATE_BYTES: usize = 4_096;
/// `nonce`, in bytes. Okta sends 32.
pub const NONCE_BYTES: usize = 512;
/// `scope`, in bytes.
pub const SCOPE_BYTES: usize = 1_024;
/// One value of Okta's application context, in bytes.
pub const CONTEXT_BYTES: usize = 512;

/// Names under which Okta sends its application context; both spellings are documented.
const APPLICATION_CONTEXT: [&str; 4] = [
    "OktaAppInstanceId",
    "OktaAppName",
    "app_instance_id",
    "app_name",
];

/// What a request is held against.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    now_s: i64,
    audiences: &'a [&'a str],
    keys: Keys<'a>,
}

impl<'a> Context<'a> {
    /// `now_s`: seconds since 1970; `audiences`: what a request object may be addressed to, the issuer first; `keys`: what
    /// the client signs with.
    pub fn new(now_s: i64, audiences: &'a [&'a str], keys: Keys<'a>) -> Self {
        Self {
            now_s,
            audiences,
            keys,
        }
    }
}

/// How the answer travels (OAuth 2.0 Multiple Response Type Encoding Practices; Form Post Response Mode).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// As a form that the browser posts there.
    FormPost,
}

/// A verified request. Only [`verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizationRequest {
    /// Digest of everything in it: two requests with the same are the same request.
    pub request_id: String,
    /// One of the client's.
    pub redirect_uri: String,
    /// How the answer travels.
    pub response_mode: ResponseMode,
    /// For the answer, unchanged.
    pub state: Option<String>,
    /// For the ID token, unchanged.
    pub nonce: Option<String>,
    /// `openid` and whatever else we know, separated by spaces.
    pub scope: String,
    /// PKCE by S256.
    pub code_challenge: Option<String>,
    /// Who should sign in.
    pub login_hint: Option<String>,
    /// An ID token of ours that says who should; nobody has verified it.
    pub id_token_hint: Option<String>,
    /// Whether the person shall be asked who they are even where the request says so.
    pub select_account: bool,
    /// Okta's application context, for the ID token: names and values.
    pub application: Vec<(String, String)>,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    /// Missing, twice, or another connection's.
    #[error("client_id is missing, or is not this connection's client")]
    ClientId,
    /// Missing, twice, or not registered byte for byte.
    #[error(
        "redirect_uri is missing, or is not registered for this client (it is compared byte for byte)"
    )]
    RedirectUri,
    /// Two values would be two requests.
    #[error("a parameter came twice")]
    Repeated,
    /// A factor of Okta is asked about somebody.
    #[error("login_hint is needed: it names the person")]
    NoSubject,
    /// Over its bound, or not of its form.
    #[error("{0} is too long or malformed")]
    Malformed(&'static str),
    /// Not `code`.
    #[error("response_type has to be code")]
    ResponseType,
    /// Not `query` or `form_post`.
    #[error("response_mode has to be query or form_post")]
    ResponseMode,
    /// Without `openid`.
    #[error("scope has to hold openid")]
    Scope,
    /// Required, or not by S256.
    #[error("code_challenge with code_challenge_method S256 is needed")]
    Pkce,
    /// Nothing ties the code to this request.
    #[error("nonce or code_challenge is needed, so that the code belongs to this request")]
    Untied,
    /// `prompt=none`.
    #[error("nobody is signed in without being asked here")]
    LoginRequired,
    /// The client registered a way to sign requests.
    #[error("this client's requests have to be signed: a request object is needed")]
    Unsigned,
    /// The client registered no way to sign requests.
    #[error(
        "the request is signed, and no algorithm is registered for that: set --request-object on the connection"
    )]
    ObjectUnexpected,
    /// By reference.
    #[error("request_uri is not fetched: send the request object itself")]
    RequestUri,
    /// `registration`.
    #[error("clients are registered by an administrator")]
    Registration,
    /// The signature or the form.
    #[error("request object: {0}")]
    Object(#[from] JwtError),
    /// `iss` or the inner `client_id`.
    #[error("the request object is another client's")]
    ObjectIssuer,
    /// `aud`.
    #[error("the request object is for another audience")]
    ObjectAudience,
    /// Without `exp` and `iat`, past, too far in the future, or too old.
    #[error("the request object is stale, or its times are missing or too far off")]
    ObjectStale,
    /// A request object in the request object, or members that nest.
    #[error("the request object has members that it may not have")]
    ObjectMembers,
}

impl AuthorizationError {
    /// For the client.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::ResponseType => ErrorCode::UnsupportedResponseType,
            Self::Scope => ErrorCode::InvalidScope,
            Self::LoginRequired => ErrorCode::LoginRequired,
            Self::ObjectUnexpected => ErrorCode::RequestNotSupported,
            Self::RequestUri => ErrorCode::RequestUriNotSupported,
            Self::Registration => ErrorCode::RegistrationNotSupported,
            Self::Object(_)
            | Self::ObjectIssuer
            | Self::ObjectAudience
            | Self::ObjectStale
            | Self::ObjectMembers => ErrorCode::InvalidRequestObject,
            _ => ErrorCode::InvalidRequest,
        }
    }
}

/// Where a refusal goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Nowhere: a page of ours.
    Page(AuthorizationError),
    /// Back to the client.
    Back(Back),
}

/// A refusal that may go back to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back {
    /// One of the client's.
    pub redirect_uri: String,
    /// How it travels.
    pub response_mode: ResponseMode,
    /// Unchanged.
    pub state: Option<String>,
    /// Why.
    pub error: AuthorizationError,
}

impl Back {
    /// Why a verified request is refused after all.
    pub fn of(request: &AuthorizationRequest, error: AuthorizationError) -> Self {
        Self {
            redirect_uri: request.redirect_uri.clone(),
            response_mode: request.response_mode,
            state: request.state.clone(),
            error,
        }
    }
}

/// Verifies a request of `client`.
pub fn verify(
    outer: &Parameters,
    client: &Client,
    context: &Context<'_>,
) -> Result<AuthorizationRequest, Refusal> {
    if outer.value("client_id") != Some(&client.client_id) {
        return Err(Refusal::Page(AuthorizationError::ClientId));
    }
    let parameters = match object::effective(outer, client, context) {
        Ok(parameters) => parameters,
        Err(error) => return Err(refuse(outer, client, error)),
    };
    let read = Reading {
        client,
        parameters: &parameters,
    };
    read.request(outer)
        .map_err(|error| refuse(&parameters, client, error))
}

/// Decides where an error goes: back only to a redirect URI of the client.
fn refuse(parameters: &Parameters, client: &Client, error: AuthorizationError) -> Refusal {
    let redirect_uri = parameters
        .value("redirect_uri")
        .filter(|uri| client.redirects_to(uri));
    match redirect_uri {
        None if matches!(
            error,
            AuthorizationError::Object(_) | AuthorizationError::Unsigned
        ) =>
        {
            Refusal::Page(error)
        }
        None => Refusal::Page(AuthorizationError::RedirectUri),
        Some(redirect_uri) => Refusal::Back(Back {
            redirect_uri: redirect_uri.into(),
            response_mode: response_mode(parameters).unwrap_or_default(),
            state: parameters
                .value("state")
                .filter(|state| state.len() <= STATE_BYTES)
                .map(Into::into),
            error,
        }),
    }
}

fn response_mode(parameters: &Parameters) -> Option<ResponseMode> {
    match parameters.value("response_mode") {
        None | Some("query") => Some(ResponseMode::Query),
        Some("form_post") => Some(ResponseMode::FormPost),
        Some(_) => None,
    }
}

struct Reading<'a> {
    client: &'a Client,
    parameters: &'a Parameters,
}

impl Reading<'_> {
    fn request(&self, outer: &Parameters) -> Result<AuthorizationRequest, AuthorizationError> {
        use AuthorizationError as E;
        let redirect_uri = self
            .parameters
            .value("redirect_uri")
            .ok_or(E::RedirectUri)?;
        if !self.client.redirects_to(redirect_uri) {
            return Err(E::RedirectUri);
        }
        if self.parameters.repeated().is_some() || outer.repeated().is_some() {
            return Err(E::Repeated);
        }
        let response_mode = response_mode(self.parameters).ok_or(E::ResponseMode)?;
        if self.parameters.value("request_uri").is_some() {
            return Err(E::RequestUri);
        }
        if self.parameters.value("registration").is_some() {
            return Err(E::Registration);
        }
        if self.parameters.value("response_type") != Some("code") {
            return Err(E::ResponseType);
        }
        let (nonce, code_challenge) = (self.bounded("nonce", NONCE_BYTES)?, self.code_challenge()?);
        if nonce.is_none() && code_challenge.is_none() {
            return Err(E::Untied);
        }
        if let Some(max_age) = self.parameters.value("max_age") {
            // Every answer is of this moment, so that each age is kept; but what is no age is an error.
            max_age
                .parse::<u32>()
                .map_err(|_| E::Malformed("max_age"))?;
        }
        Ok(AuthorizationRequest {
            scope: self.scope()?,
            select_account: self.prompt()?,
            request_id: object::request_id(self.parameters),
            redirect_uri: redirect_uri.into(),
            response_mode,
            state: self.bounded("state", STATE_BYTES)?,
            nonce,
            code_challenge,
            login_hint: self.bounded("login_hint", wire::limits::USER_NAME)?,
            id_token_hint: self.bounded("id_token_hint", super::jwt::JWT_BYTES)?,
            application: self.application()?,
        })
    }

    fn bounded(
        &self,
        name: &'static str,
        bytes: usize,
    ) -> Result<Option<String>, AuthorizationError> {
        match self.parameters.value(name) {
            Some(value) if value.len() > bytes => Err(AuthorizationError::Malformed(name)),
            value => Ok(value.map(Into::into)),
        }
    }

    fn scope(&self) -> Result<String, AuthorizationError> {
        let asked = self.bounded("scope", SCOPE_BYTES)?.unwrap_or_default();
        let asked: Vec<&str> = asked.split(' ').collect();
        let known = super::discovery::SCOPES
            .into_iter()
            .filter(|scope| asked.contains(scope));
        match asked.contains(&"openid") {
            true => Ok(known.collect::<Vec<_>>().join(" ")),
            false => Err(AuthorizationError::Scope),
        }
    }

    /// RFC 7636 section 4.3; `plain`, which is also what no method means, is refused.
    fn code_challenge(&self) -> Result<Option<String>, AuthorizationError> {
        let method = self.parameters.value("code_challenge_method");
        match self.parameters.value("code_challenge") {
            Some(challenge) if method == Some("S256") && pkce::is_challenge(challenge) => {
                Ok(Some(challenge.into()))
            }
            None if method.is_none() && !self.client.is_public() && !self.client.require_pkce => {
                Ok(None)
            }
            _ => Err(AuthorizationError::Pkce),
        }
    }

    /// Whether the person shall choose an account. Signing in anew is what always happens; consent is the administrator's.
    fn prompt(&self) -> Result<bool, AuthorizationError> {
        let prompt = self.parameters.value("prompt").unwrap_or_default();
        let values: Vec<&str> = prompt.split(' ').filter(|v| !v.is_empty()).collect();
        if values.contains(&"none") {
            return Err(match values.len() {
                1 => AuthorizationError::LoginRequired,
                _ => AuthorizationError::Malformed("prompt"),
            });
        }
        let known = ["login", "consent", "select_account"];
        if values.iter().any(|value| !known.contains(value)) {
            return Err(AuthorizationError::Malformed("prompt"));
        }
        Ok(values.contains(&"select_account"))
    }

    fn application(&self) -> Result<Vec<(String, String)>, AuthorizationError> {
        let mut found = Vec::new();
        for name in APPLICATION_CONTEXT {
            if let Some(value) = self.bounded(name, CONTEXT_BYTES)? {
                found.push((name.to_owned(), value));
            }
        }
        Ok(found)
    }
}

/// The URL of an answer by `query`: `redirect_uri` with `fields` added (RFC 6749 section 4.1.2), form-encoded.
pub fn location(redirect_uri: &str, fields: &[(&str, Cow<'_, str>)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        query.append_pair(name, value);
    }
    let separator = match redirect_uri.contains('?') {
        true => "&",
        false => "?",
    };
    format!("{redirect_uri}{separator}{}", query.finish())
}
