//! Reading requests: bodies with a bound, queries without repetition, conditions, ids.

use super::{Refused, gate};
use axum::{
    body::to_bytes,
    extract::Request,
    http::{HeaderMap, header},
};
use serde_json::Value;
use standards::scim::{body, etag::Condition, query::Query};
use std::borrow::Cow;
use wire::limits;

/// A person, in bytes.
pub const PERSON: usize = 128 * 1024;
/// A group or a change of one: some forty thousand members.
pub const GROUP: usize = 4 * 1024 * 1024;

/// The JSON of the body.
pub async fn json(request: Request, limit: usize) -> Result<Value, Refused> {
    if !gate::is_readable(request.headers()) {
        return Err(Refused::MediaType);
    }
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|l| l.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(Refused::TooLarge(limit));
    }
    let bytes = to_bytes(request.into_body(), limit)
        .await
        .map_err(|error| {
            // The limit is the only error that has a source of this name.
            match std::error::Error::source(&error)
                .is_some_and(|s| s.to_string().contains("length limit"))
            {
                true => Refused::TooLarge(limit),
                false => Refused::Incomplete,
            }
        })?;
    Ok(body::parse(&bytes)?)
}

/// The parameters of a URL.
pub fn query(raw: Option<&str>) -> Result<Query, Refused> {
    let pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> =
        form_urlencoded::parse(raw.unwrap_or_default().as_bytes()).collect();
    let pairs = pairs.iter().map(|(n, v)| (n.as_ref(), v.as_ref()));
    Ok(Query::from_pairs(pairs)?)
}

/// Whether the raw query has this parameter.
pub fn has_parameter(raw: Option<&str>, name: &str) -> bool {
    form_urlencoded::parse(raw.unwrap_or_default().as_bytes())
        .any(|(n, _)| n.eq_ignore_ascii_case(name))
}

/// An id of ours, or one that nothing has: databases are only asked about the former.
pub fn id(text: &str) -> Result<&str, Refused> {
    let is_id = (1..=limits::IDENTIFIER).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    is_id.then_some(text).ok_or(Refused::NotFound)
}

/// What a request says about versions.
#[derive(Debug, Default)]
pub struct Conditions {
    matches: Option<Condition>,
    none_matches: Option<Condition>,
}

impl Conditions {
    /// Reads both headers.
    pub fn read(headers: &HeaderMap) -> Result<Self, Refused> {
        let condition = |name: header::HeaderName| match headers.get(name) {
            None => Ok(None),
            Some(value) => {
                let condition = value.to_str().ok().and_then(Condition::parse);
                condition.map(Some).ok_or(Refused::Condition)
            }
        };
        Ok(Self {
            matches: condition(header::IF_MATCH)?,
            none_matches: condition(header::IF_NONE_MATCH)?,
        })
    }

    /// Refuses to change another version than the one that was meant.
    pub fn allow_change(&self, version: &str) -> Result<(), Refused> {
        let meant = self.matches.as_ref().is_none_or(|c| c.holds_for(version));
        let excluded = self
            .none_matches
            .as_ref()
            .is_some_and(|c| c.holds_for(version));
        match meant && !excluded {
            true => Ok(()),
            false => Err(Refused::VersionMismatch),
        }
    }

    /// Whether the reader has this version already.
    pub fn is_known(&self, version: &str) -> bool {
        self.none_matches
            .as_ref()
            .is_some_and(|c| c.holds_for(version))
    }
}
