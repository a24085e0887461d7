//! What goes wrong with a call, and what that means for trying again. Holds the org's words, never a token.

use crate::clock::{Millis, rfc3339};
use serde::Deserialize;
use std::fmt;

/// Characters of the org's words that are kept.
const WORDS: usize = 300;
/// Causes that are kept.
const CAUSES: usize = 16;

/// Why a call gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The org understood and refused.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// Too many calls.
    #[error("Okta's rate limit is used up until {} (request {request_id})", rfc3339(*until))]
    RateLimited {
        /// When it begins anew, by our clock.
        until: Millis,
        /// The org's name for the request.
        request_id: String,
    },
    /// No connection: the org has seen nothing of the call.
    #[error("the org cannot be reached: {0}")]
    NoConnection(String),
    /// The connection broke: the org may have obeyed.
    #[error("the org did not answer: {0}")]
    Unreachable(String),
    /// No whole answer in time: the org may have obeyed.
    #[error("the org took too long to answer")]
    Timeout,
    /// An answer that leads elsewhere; credentials go nowhere else.
    #[error("the org answered with a redirect: is this the address of its API?")]
    Redirected,
    /// More than may be read.
    #[error("the org's answer is larger than {0} bytes")]
    TooLarge(usize),
    /// A list without an end.
    #[error("the org's list has more than {0}")]
    TooMany(&'static str),
    /// Not what its type says.
    #[error("the org's answer is not {0}")]
    Malformed(&'static str),
    /// A list that goes on at another origin.
    #[error("the org's list goes on at another origin")]
    ForeignLink,
    /// A name that cannot be part of a path.
    #[error("{0:?} cannot be part of an address")]
    Segment(String),
    /// A value that the org would not take.
    #[error("{0}")]
    Value(&'static str),
    /// The service application got no access token.
    #[error("the org gives this service application no access token: {error}: {description}")]
    NoToken {
        /// RFC 6749, section 5.2.
        error: String,
        /// The org's words.
        description: String,
    },
    /// The service application's key does not sign.
    #[error("the service application's key does not sign")]
    Key,
    /// A security event was refused (RFC 8935, section 2.4).
    #[error("the org refused the security event: {err}: {description}")]
    Event {
        /// For example `invalid_key`.
        err: String,
        /// The org's words.
        description: String,
    },
    /// TLS cannot be set up.
    #[error("TLS to the org cannot be set up: {0}")]
    Tls(String),
}

/// The org's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP.
    pub status: u16,
    /// Okta's own code, if the answer had one.
    pub code: Option<ErrorCode>,
    /// One line.
    pub summary: String,
    /// One line each.
    pub causes: Vec<String>,
    /// The org's name for the request, for its support and its log.
    pub request_id: String,
}

/// `E0000007` and the like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorCode(String);

/// What a refusal means, whatever its wording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The token is not good (any more).
    TokenInvalid,
    /// Who we are may not do this.
    Forbidden,
    /// The org does not have the feature.
    FeatureOff,
    /// There is no such thing.
    NotFound,
    /// Something of it is wrong, as the causes say.
    Invalid,
    /// It exists already, or is in use.
    Conflict,
    /// Too many calls.
    RateLimited,
    /// The org's own fault.
    Internal,
    /// Anything else.
    Other,
}

impl ErrorCode {
    /// A code, if `text` is one.
    pub fn new(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('E')?;
        let is_code = digits.len() == 7 && digits.bytes().all(|b| b.is_ascii_digit());
        is_code.then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{code} ({}): {}", self.status, self.summary)?,
            None => write!(f, "HTTP {}: {}", self.status, self.summary)?,
        }
        for cause in &self.causes {
            write!(f, "; {cause}")?;
        }
        write!(f, " (request {})", self.request_id)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// What it means.
    pub fn kind(&self) -> Kind {
        let by_code = match self.code.as_ref().map(ErrorCode::as_str) {
            Some("E0000004" | "E0000011") => Some(Kind::TokenInvalid),
            Some("E0000015") => Some(Kind::FeatureOff),
            Some("E0000006" | "E0000013") => Some(Kind::Forbidden),
            Some("E0000007" | "E0000008" | "E0000048") => Some(Kind::NotFound),
            Some("E0000001" | "E0000002" | "E0000003") => Some(Kind::Invalid),
            Some("E0000047") => Some(Kind::RateLimited),
            Some("E0000055" | "E0000062" | "E0000148") => Some(Kind::Conflict),
            Some("E0000009" | "E0000010") => Some(Kind::Internal),
            _ => None,
        };
        by_code.unwrap_or(match self.status {
            400 | 422 => Kind::Invalid,
            401 => Kind::TokenInvalid,
            403 => Kind::Forbidden,
            404 => Kind::NotFound,
            409 => Kind::Conflict,
            429 => Kind::RateLimited,
            500.. => Kind::Internal,
            _ => Kind::Other,
        })
    }

    /// Of an answer that is no success. A body that is not Okta's is told by its status alone: it may be a proxy's page.
    pub(super) fn of(status: u16, body: &[u8], request_id: String, secret: Option<&str>) -> Self {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Body {
            error_code: String,
            #[serde(default)]
            error_summary: String,
            #[serde(default)]
            error_causes: Vec<Cause>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Cause {
            #[serde(default)]
            error_summary: String,
        }
        let words = |text: &str| words(text, secret);
        match serde_json::from_slice::<Body>(body) {
            Ok(body) => Self {
                status,
                code: ErrorCode::new(&body.error_code),
                summary: words(&body.error_summary),
                causes: body
                    .error_causes
                    .iter()
                    .take(CAUSES)
                    .map(|c| words(&c.error_summary))
                    .collect(),
                request_id,
            },
            Err(_) => Self {
                status,
                code: None,
                summary: "no error body of Okta's".into(),
                causes: Vec::new(),
                request_id,
            },
        }
    }
}

impl Error {
    /// What a refusal means; `None` if it is none.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::Refused(refusal) => Some(refusal.kind()),
            Self::RateLimited { .. } => Some(Kind::RateLimited),
            _ => None,
        }
    }

    /// Whether the org has certainly not done what it was asked.
    pub fn was_not_obeyed(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::NoConnection(_))
            || self.kind() == Some(Kind::RateLimited)
    }

    /// Whether the same call may go better later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                matches!(refusal.kind(), Kind::Internal | Kind::RateLimited)
                    && refusal.status != 501
            }
            Self::RateLimited { .. }
            | Self::NoConnection(_)
            | Self::Unreachable(_)
            | Self::Timeout => true,
            _ => false,
        }
    }

    /// When the org asked to be left alone until, by our clock.
    pub fn retry_at(&self) -> Option<Millis> {
        match self {
            Self::RateLimited { until, .. } => Some(*until),
            _ => None,
        }
    }
}

/// The org's words on one line, cut, and without our own secret should it have been echoed.
pub(super) fn words(text: &str, secret: Option<&str>) -> String {
    let text = match secret {
        Some(secret) if !secret.is_empty() => text.replace(secret, "…"),
        _ => text.to_owned(),
    };
    text.chars()
        .take(WORDS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, kind: Kind, text: &str) {
        let refusal = Refusal::of(status, body.as_bytes(), "req1".into(), Some("00secret"));
        assert_eq!(
            (refusal.kind(), refusal.to_string().as_str()),
            (kind, text),
            "{body}"
        );
    }

    #[test]
    fn codes_say_what_a_refusal_means_and_statuses_where_there_is_none() {
        check(
            404,
            r#"{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: x (User)","errorLink":"E0000007","errorId":"oae1","errorCauses":[]}"#,
            Kind::NotFound,
            "E0000007 (404): Not found: Resource not found: x (User) (request req1)",
        );
        check(
            400,
            r#"{"errorCode":"E0000001","errorSummary":"Api validation failed: newUser","errorCauses":[{"errorSummary":"Property name 'a' is not defined"},{"errorSummary":"b\nc"}]}"#,
            Kind::Invalid,
            "E0000001 (400): Api validation failed: newUser; Property name 'a' is not defined; b c (request req1)",
        );
        check(
            401,
            r#"{"errorCode":"E0000015","errorSummary":"You do not have permission to access the feature"}"#,
            Kind::FeatureOff,
            "E0000015 (401): You do not have permission to access the feature (request req1)",
        );
        check(
            401,
            r#"{"errorCode":"E0000011","errorSummary":"Invalid token 00secret provided"}"#,
            Kind::TokenInvalid,
            "E0000011 (401): Invalid token … provided (request req1)",
        );
        check(
            502,
            "<html>00secret</html>",
            Kind::Internal,
            "HTTP 502: no error body of Okta's (request req1)",
        );
        check(
            409,
            r#"{"errorCode":"odd"}"#,
            Kind::Conflict,
            "HTTP 409:  (request req1)",
        );
    }
}
