//! Okta's two ways to say no: a JSON error with an E-code, and the page "400 Bad Request".

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::pages;
use crate::ids;
use crate::resources::Fault;
use crate::state::StateError;

#[derive(Debug)]
pub enum ApiError {
    /// E0000001, with the cause
    ValidationFailed(&'static str, String),
    /// E0000003
    Malformed,
    /// E0000004
    AuthenticationFailed,
    /// E0000005
    InvalidSession,
    /// E0000007, with what was not found
    NotFound(String),
    /// E0000011
    InvalidToken,
    /// E0000022
    MethodNotAllowed,
    /// E0000031
    InvalidSearch,
    /// E0000047
    RateLimited,
    /// E0000006
    AccessDenied,
    /// E0000006, with the scope that the token lacks
    InsufficientScope(String),
    /// E0000015
    FeatureNotEnabled,
    /// E0000021
    UnsupportedMediaType,
    /// E0000149
    NotAcceptable,
    /// Without a code: the web server itself refuses.
    LengthRequired,
    /// E0000079
    NotAllowedNow,
    Fault(Fault),
}

impl ApiError {
    pub fn parts(&self) -> (StatusCode, &'static str, String) {
        let fixed = |status, code, summary: &str| (status, code, summary.to_owned());
        match self {
            ApiError::ValidationFailed(member, _) => (
                StatusCode::BAD_REQUEST,
                "E0000001",
                format!("Api validation failed: {member}"),
            ),
            ApiError::Malformed => fixed(
                StatusCode::BAD_REQUEST,
                "E0000003",
                "The request body was not well-formed.",
            ),
            ApiError::AuthenticationFailed => fixed(
                StatusCode::UNAUTHORIZED,
                "E0000004",
                "Authentication failed",
            ),
            ApiError::InvalidSession => fixed(StatusCode::FORBIDDEN, "E0000005", "Invalid session"),
            ApiError::NotFound(what) => (
                StatusCode::NOT_FOUND,
                "E0000007",
                format!("Not found: Resource not found: {what}"),
            ),
            ApiError::InvalidToken => fixed(
                StatusCode::UNAUTHORIZED,
                "E0000011",
                "Invalid token provided",
            ),
            ApiError::MethodNotAllowed => fixed(
                StatusCode::METHOD_NOT_ALLOWED,
                "E0000022",
                "The endpoint does not support the provided HTTP method",
            ),
            ApiError::InvalidSearch => fixed(
                StatusCode::BAD_REQUEST,
                "E0000031",
                "Invalid search criteria.",
            ),
            ApiError::RateLimited => fixed(
                StatusCode::TOO_MANY_REQUESTS,
                "E0000047",
                "API call exceeded rate limit due to too many requests.",
            ),
            ApiError::AccessDenied | ApiError::InsufficientScope(_) => fixed(
                StatusCode::FORBIDDEN,
                "E0000006",
                "You do not have permission to perform the requested action",
            ),
            ApiError::FeatureNotEnabled => fixed(
                StatusCode::UNAUTHORIZED,
                "E0000015",
                "You do not have permission to access the feature you are requesting",
            ),
            ApiError::UnsupportedMediaType => fixed(
                StatusCode::BAD_REQUEST,
                "E0000021",
                "Bad request.  Accept and/or Content-Type headers likely do not match supported values.",
            ),
            ApiError::NotAcceptable => fixed(
                StatusCode::NOT_ACCEPTABLE,
                "E0000149",
                "The HTTP request is not acceptable.",
            ),
            ApiError::LengthRequired => fixed(
                StatusCode::LENGTH_REQUIRED,
                "E0000018",
                "Bad request.  Accept and/or Content-Type headers are likely not set.",
            ),
            ApiError::Fault(fault) => fault_parts(fault),
            ApiError::NotAllowedNow => fixed(
                StatusCode::FORBIDDEN,
                "E0000079",
                "This operation is not allowed in the current authentication state.",
            ),
        }
    }
}

impl From<StateError> for ApiError {
    fn from(error: StateError) -> ApiError {
        match error {
            StateError::InvalidToken | StateError::UnknownRelayState => ApiError::InvalidToken,
            StateError::NotAllowed => ApiError::NotAllowedNow,
            StateError::Denied => ApiError::AccessDenied,
            StateError::AuthenticationFailed => ApiError::AuthenticationFailed,
            StateError::RateLimited => ApiError::RateLimited,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code, summary) = self.parts();
        let causes = match &self {
            ApiError::ValidationFailed(_, cause) => json!([{ "errorSummary": cause }]),
            ApiError::Fault(Fault::Invalid { causes, .. } | Fault::Refused { causes, .. }) => {
                causes
                    .iter()
                    .map(|cause| json!({ "errorSummary": cause }))
                    .collect()
            }
            _ => json!([]),
        };
        let body = json!({
            "errorCode": code,
            "errorSummary": summary,
            "errorLink": code,
            "errorId": ids::generate_error_id(),
            "errorCauses": causes,
        });
        let mut response = (status, Json(body)).into_response();
        if let ApiError::InsufficientScope(scope) = &self {
            let text = format!(
                "Bearer error=\"insufficient_scope\", error_description=\"The access token lacks the scope {scope}\""
            );
            if let Ok(value) = HeaderValue::from_str(&text) {
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, value);
            }
        }
        response
    }
}

fn fault_parts(fault: &Fault) -> (StatusCode, &'static str, String) {
    let bad = StatusCode::BAD_REQUEST;
    match fault {
        Fault::Invalid { member, .. } => {
            (bad, "E0000001", format!("Api validation failed: {member}"))
        }
        Fault::Malformed => (
            bad,
            "E0000003",
            "The request body was not well-formed.".to_owned(),
        ),
        Fault::NotFound(what) => (
            StatusCode::NOT_FOUND,
            "E0000007",
            format!("Not found: Resource not found: {what}"),
        ),
        Fault::Full { what } => (
            bad,
            "E0000001",
            format!("Api validation failed: the limit of {what} is reached"),
        ),
        Fault::Refused {
            status,
            code,
            summary,
            ..
        } => (
            StatusCode::from_u16(*status).unwrap_or(bad),
            code,
            summary.clone(),
        ),
    }
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> ApiError {
        ApiError::Fault(fault)
    }
}

/// A JSON body whose faults are answered as Okta does. Unknown members are ignored.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, ApiError> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|_| ApiError::Malformed)?;
        serde_json::from_slice(&bytes)
            .map(Body)
            .map_err(|_| ApiError::Malformed)
    }
}

/// The page of an interactive endpoint that refuses.
#[derive(Debug)]
pub struct PageError {
    pub status: StatusCode,
    pub code: &'static str,
    pub text: String,
}

impl PageError {
    /// What the browser sees when a Response is refused.
    pub fn general(text: impl Into<String>) -> PageError {
        PageError {
            status: StatusCode::BAD_REQUEST,
            code: "GENERAL_NONSUCCESS",
            text: text.into(),
        }
    }

    pub fn not_found() -> PageError {
        PageError {
            status: StatusCode::NOT_FOUND,
            code: "404",
            text: "The page you were looking for doesn't exist.".to_owned(),
        }
    }

    pub fn expired() -> PageError {
        PageError {
            status: StatusCode::BAD_REQUEST,
            code: "GENERAL_NONSUCCESS",
            text: "Your sign-in has expired or was already used. Please start again.".to_owned(),
        }
    }
}

impl From<StateError> for PageError {
    fn from(error: StateError) -> PageError {
        match error {
            StateError::Denied => PageError {
                status: StatusCode::FORBIDDEN,
                code: "403",
                text: "You do not have permission to perform the requested action".to_owned(),
            },
            StateError::NotAllowed => PageError::general(
                "This operation is not allowed in the current authentication state.",
            ),
            _ => PageError::expired(),
        }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let page = pages::error(self.status, self.code, &self.text);
        (self.status, pages::headers("'self'"), Html(page)).into_response()
    }
}

pub async fn not_found(uri: Uri) -> Response {
    match uri.path().starts_with("/api/") || uri.path().starts_with("/idp/") {
        true => ApiError::NotFound(uri.path().to_owned()).into_response(),
        false => PageError::not_found().into_response(),
    }
}

pub async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}
