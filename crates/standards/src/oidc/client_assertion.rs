//! `client_assertion` (RFC 7523, OpenID Connect Core section 9): a JWT by which a client shows that it is itself.

use super::{
    client::Client,
    jwt::{JwtError, Keys, UnverifiedJwt},
    time::{SKEW_S, seconds},
};
use serde::Deserialize;

/// The only `client_assertion_type`.
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far `exp` may lie ahead, in seconds; so long a `jti` has to be remembered.
pub const LIFETIME_S: i64 = 3_600;
/// A `jti`, in bytes.
pub const JTI_BYTES: usize = 256;

/// A verified assertion. The caller refuses a second use of its `jti` until `forget_at_s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAssertion {
    jti: String,
    forget_at_s: i64,
}

impl ClientAssertion {
    /// Its name, to be used once per client.
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// When it is worthless even unremembered, in seconds since 1970.
    pub fn forget_at_s(&self) -> i64 {
        self.forget_at_s
    }
}

/// Why an assertion shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// This client shows that it is itself in another way.
    #[error("assertions are not registered for this client")]
    Unexpected,
    /// Signature or form.
    #[error(transparent)]
    Jwt(#[from] JwtError),
    /// `iss` or `sub`.
    #[error("the assertion is another client's")]
    Client,
    /// `aud`: one value, the issuer's or the token endpoint's.
    #[error("the assertion is for another audience")]
    Audience,
    /// Past, too far ahead, not yet, or without `exp`.
    #[error("the assertion is stale, or its times are missing or too far off")]
    Stale,
    /// Without it a replay could not be seen.
    #[error("the assertion has no jti, or one of more than {JTI_BYTES} bytes")]
    Jti,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    aud: serde_json::Value,
    #[serde(default)]
    jti: String,
    #[serde(default, deserialize_with = "seconds")]
    exp: Option<i64>,
    #[serde(default, deserialize_with = "seconds")]
    nbf: Option<i64>,
    #[serde(default, deserialize_with = "seconds")]
    iat: Option<i64>,
}

/// Verifies `assertion` of `client`. `audiences`: the issuer and the token endpoint; `now_s`: seconds since 1970.
pub fn verify(
    assertion: &str,
    client: &Client,
    audiences: &[&str],
    keys: Keys<'_>,
    now_s: i64,
) -> Result<ClientAssertion, AssertionError> {
    use AssertionError as E;
    let alg = client.assertion_alg().ok_or(E::Unexpected)?;
    let claims: Claims = UnverifiedJwt::parse(assertion)?.verify(alg, keys)?;
    if claims.iss != client.client_id || claims.sub != client.client_id {
        return Err(E::Client);
    }
    let audience = match &claims.aud {
        serde_json::Value::String(one) => one.as_str(),
        // A list of one is one. In a list of several each could play the assertion on to the others.
        serde_json::Value::Array(list) if list.len() == 1 => list[0].as_str().unwrap_or_default(),
        _ => return Err(E::Audience),
    };
    if !audiences.contains(&audience) {
        return Err(E::Audience);
    }
    let exp = claims.exp.ok_or(E::Stale)?;
    let is_early = |time: Option<i64>| time.is_some_and(|t| t > now_s + SKEW_S);
    if exp <= now_s - SKEW_S
        || exp > now_s + LIFETIME_S + SKEW_S
        || is_early(claims.nbf)
        || is_early(claims.iat)
    {
        return Err(E::Stale);
    }
    if claims.jti.is_empty() || claims.jti.len() > JTI_BYTES {
        return Err(E::Jti);
    }
    Ok(ClientAssertion {
        jti: claims.jti,
        forget_at_s: exp + SKEW_S + 1,
    })
}
