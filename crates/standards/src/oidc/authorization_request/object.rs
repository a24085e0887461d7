//! The request object (RFC 9101): the whole request as a JWT by the client. Where it is, only its members count; whatever
//! lies beside it in the query is not signed, and could be anybody's.

use super::{AuthorizationError, Context};
use crate::oidc::{
    client::Client,
    jwt::UnverifiedJwt,
    parameters::Parameters,
    time::{SKEW_S, seconds},
};
use serde::Deserialize;

/// How long a request object may live, in seconds: by its own `exp`, or by ours after its `iat`.
pub const LIFETIME_S: i64 = 3_600;

#[derive(Deserialize)]
struct Times {
    #[serde(default, deserialize_with = "seconds")]
    exp: Option<i64>,
    #[serde(default, deserialize_with = "seconds")]
    nbf: Option<i64>,
    #[serde(default, deserialize_with = "seconds")]
    iat: Option<i64>,
}

/// The parameters that count: those of the verified object where the client signs its requests, else those of the query.
pub(super) fn effective(
    outer: &Parameters,
    client: &Client,
    context: &Context<'_>,
) -> Result<Parameters, AuthorizationError> {
    use AuthorizationError as E;
    if outer.value("request_uri").is_some() {
        return Err(E::RequestUri);
    }
    let (object, alg) = match (outer.value("request"), client.request_object_signing_alg) {
        (None, None) => return Ok(outer.clone()),
        (None, Some(_)) => return Err(E::Unsigned),
        (Some(_), None) => return Err(E::ObjectUnexpected),
        (Some(object), Some(alg)) => (object, alg),
    };
    let claims: serde_json::Map<String, serde_json::Value> =
        UnverifiedJwt::parse(object)?.verify(alg, context.keys)?;
    let is_client = |value: &serde_json::Value| value.as_str() == Some(&client.client_id);
    if !claims.get("iss").is_none_or(is_client) || !claims.get("client_id").is_some_and(is_client) {
        return Err(E::ObjectIssuer);
    }
    if !is_for(claims.get("aud"), context.audiences) {
        return Err(E::ObjectAudience);
    }
    check_times(&claims, context.now_s)?;
    if claims.contains_key("request") || claims.contains_key("request_uri") {
        return Err(E::ObjectMembers);
    }
    Parameters::of_claims(&claims).ok_or(E::ObjectMembers)
}

/// `aud` is a text or a list of them, and one is ours.
fn is_for(aud: Option<&serde_json::Value>, audiences: &[&str]) -> bool {
    let ours = |value: &serde_json::Value| value.as_str().is_some_and(|a| audiences.contains(&a));
    match aud {
        Some(serde_json::Value::Array(all)) => all.iter().any(ours),
        Some(one) => ours(one),
        None => false,
    }
}

fn check_times(
    claims: &serde_json::Map<String, serde_json::Value>,
    now: i64,
) -> Result<(), AuthorizationError> {
    let stale = AuthorizationError::ObjectStale;
    let times = serde_json::Value::Object(claims.clone());
    let times: Times = serde_json::from_value(times).map_err(|_| stale)?;
    let is_fresh = match (times.exp, times.iat) {
        (None, None) => false,
        (exp, iat) => {
            exp.is_none_or(|exp| exp > now - SKEW_S && exp <= now + LIFETIME_S + SKEW_S)
                && iat.is_none_or(|iat| iat <= now + SKEW_S && iat >= now - LIFETIME_S - SKEW_S)
        }
    };
    let has_begun = times.nbf.is_none_or(|nbf| nbf <= now + SKEW_S);
    (is_fresh && has_begun).then_some(()).ok_or(stale)
}

/// Names the request by all its parameters. Lengths go in, so that no two requests read the same.
pub(super) fn request_id(parameters: &Parameters) -> String {
    let mut text = String::from("oidc 1\n");
    for (name, value) in parameters.iter() {
        text.push_str(&format!("{} {} {name}={value}\n", name.len(), value.len()));
    }
    crate::jose::digest(text.as_bytes()).to_string()
}
