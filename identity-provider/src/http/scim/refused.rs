//! Every way to be refused, with the body of RFC 7644, section 3.12.

use crate::store::StoreError;
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use standards::scim::error::{self, ScimError};

/// Why a request was refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// The message itself.
    Message(ScimError),
    /// No token, or none that is good here.
    Unauthorized,
    /// Too many wrong tokens, or too many requests.
    TooMany,
    /// No such resource.
    NotFound,
    /// No such place.
    NothingHere,
    /// Not this method here.
    MethodNotAllowed,
    /// The RFC has it, we do not.
    NotImplemented,
    /// Descriptions of the server are not filtered (RFC 7644, section 4).
    NotFilterable,
    /// The body is in another format.
    MediaType,
    /// The answer should be in another format.
    NotAcceptable,
    /// Over the limit.
    TooLarge(usize),
    /// The body ended early.
    Incomplete,
    /// `If-Match` or `If-None-Match` cannot be read.
    Condition,
    /// It has changed since.
    VersionMismatch,
    /// Somebody has that name.
    Taken(&'static str),
    /// A name that no login may be.
    UserName,
    /// A member who is nobody.
    UnknownMember(String),
    /// More members than a group may have.
    TooManyMembers,
    /// Ours.
    Internal,
}

impl From<ScimError> for Refused {
    fn from(error: ScimError) -> Self {
        Self::Message(error)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a SCIM request failed");
        Self::Internal
    }
}

impl Refused {
    fn parts(&self) -> (u16, Option<&'static str>, String) {
        match self {
            Self::Message(error) => (error.status(), error.scim_type(), error.to_string()),
            Self::Unauthorized => (401, None, "the bearer token is missing or not good for this connection".into()),
            Self::TooMany => (429, None, "too many requests: wait a minute".into()),
            Self::NotFound => (404, None, "there is no such resource".into()),
            Self::NothingHere => (404, None, "there is nothing at this address".into()),
            Self::MethodNotAllowed => (405, None, "this method is not supported here".into()),
            Self::NotImplemented => (501, None, "not supported, as ServiceProviderConfig says".into()),
            Self::NotFilterable => (403, None, "this list cannot be filtered".into()),
            Self::MediaType => (415, None, "the body has to be application/scim+json or application/json in UTF-8, not encoded".into()),
            Self::NotAcceptable => (406, None, "the answer is application/scim+json".into()),
            Self::TooLarge(limit) => (413, None, format!("the body is over the limit of {limit} bytes")),
            Self::Incomplete => (400, Some("invalidSyntax"), "the body is incomplete".into()),
            Self::Condition => (400, Some("invalidValue"), "the condition is not an entity tag".into()),
            Self::VersionMismatch => (412, None, "the resource has changed".into()),
            Self::Taken(attribute) => (409, Some("uniqueness"), format!("{attribute} is taken")),
            Self::UserName => (400, Some("invalidValue"), "userName is not a login: 1 to 256 bytes without control characters".into()),
            Self::UnknownMember(id) => (400, Some("invalidValue"), format!("there is no member {id}")),
            Self::TooManyMembers => (400, Some("invalidValue"), "the group has too many members".into()),
            Self::Internal => (500, None, "something failed on our side".into()),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, scim_type, detail) = self.parts();
        if status < 500 {
            tracing::info!(status, scim_type, detail, "refused a SCIM request");
        }
        let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = super::answer(code, &error::body(status, scim_type, &detail));
        let extra: Option<(HeaderName, &'static str)> = match self {
            Self::Unauthorized => Some((
                header::WWW_AUTHENTICATE,
                "Bearer realm=\"scim\", error=\"invalid_token\"",
            )),
            Self::TooMany => Some((header::RETRY_AFTER, "60")),
            Self::MediaType => Some((header::ACCEPT, "application/scim+json, application/json")),
            _ => None,
        };
        if let Some((name, value)) = extra {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
