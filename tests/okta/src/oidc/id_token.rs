//! The ID token validator: what Okta demands of a factor's ID token, and in its words where they are public.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::Settings;
use crate::clock::Millis;
use crate::outbound::OutboundError;
use crate::party::Party;

/// What the transaction waits for.
pub struct Expected<'a> {
    pub party: &'a Party,
    pub settings: &'a Settings,
    pub nonce: &'a str,
    /// A factor has to speak of this user; a sign-in of whomever it wants.
    pub user: Option<&'a str>,
    /// Id and name of the application.
    pub app: (&'a str, &'a str),
    pub now: Millis,
}

/// Signed values that hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    pub sub: String,
    /// All of them.
    pub all: Value,
    /// `amr`, without what Okta does not forward.
    pub amr: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the token endpoint answered {0}: {1}")]
    TokenEndpoint(u16, String),
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("the ID token is not a signed JWT")]
    Shape,
    #[error("the ID token's algorithm is {0:?}")]
    Algorithm(String),
    #[error("the ID token's signature fits no published key")]
    Signature,
    #[error("iss is {found:?}, expected {expected:?}")]
    Issuer { found: String, expected: String },
    #[error("the answer's iss is {0:?}")]
    AnswerIssuer(String),
    #[error("aud is not the client")]
    Audience,
    #[error("nonce is not the request's")]
    Nonce,
    #[error("exp is over, missing, or no number")]
    Expired,
    #[error("iat or auth_time is in the future, missing, or no number")]
    NotYetValid,
    #[error("sub is missing")]
    NoSubject,
    #[error("preferred_username is {0:?}, which is not the transaction's user")]
    OtherUser(String),
    #[error("trust in claims is on, but amr is missing or holds nothing usable")]
    NoAmr,
    #[error("the application context was not echoed unchanged")]
    ApplicationContext,
    #[error("userinfo answered {0}, or told of somebody else")]
    UserInfo(u16),
}

impl Refusal {
    /// The text that Okta shows or logs for this fault.
    pub fn okta_text(&self) -> &'static str {
        match self {
            Refusal::OtherUser(_) => "Unable to match the transformed username",
            Refusal::ApplicationContext => {
                "The AppContext response from the Identity Provider is invalid"
            }
            _ => GENERAL_TEXT,
        }
    }
}

pub const GENERAL_TEXT: &str = "There was a problem signing you into your identity provider. Please contact your administrator for help.";

pub fn verify(token: &str, jwks: &Value, expected: &Expected<'_>) -> Result<Claims, Refusal> {
    let claims = signed_claims(token, jwks)?;
    let text = |name: &str| claims[name].as_str().unwrap_or_default();
    if text("iss") != expected.settings.issuer {
        return Err(Refusal::Issuer {
            found: text("iss").to_owned(),
            expected: expected.settings.issuer.clone(),
        });
    }
    let client = &expected.settings.client_id;
    let is_audience = match &claims["aud"] {
        Value::String(one) => one == client,
        Value::Array(list) => list.len() == 1 && list[0].as_str() == Some(client),
        _ => false,
    };
    if !is_audience {
        return Err(Refusal::Audience);
    }
    if text("nonce") != expected.nonce {
        return Err(Refusal::Nonce);
    }
    let (now, skew) = (expected.now / 1000, expected.party.max_clock_skew / 1000);
    if claims["exp"].as_i64().is_none_or(|exp| exp + skew <= now) {
        return Err(Refusal::Expired);
    }
    for name in ["iat", "auth_time"] {
        if claims[name].as_i64().is_none_or(|at| at - skew > now) {
            return Err(Refusal::NotYetValid);
        }
    }
    if text("sub").is_empty() {
        return Err(Refusal::NoSubject);
    }
    let name = text("preferred_username");
    let is_other = |user: &str| name.to_lowercase() != user.to_lowercase();
    if expected.user.is_some_and(is_other) {
        return Err(Refusal::OtherUser(name.to_owned()));
    }
    check_context(&claims, expected)?;
    let amr: Vec<String> = claims["amr"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|method| FORWARDED.contains(method))
        .map(str::to_owned)
        .collect();
    if expected.party.trust_claims && amr.is_empty() {
        return Err(Refusal::NoAmr);
    }
    Ok(Claims {
        sub: text("sub").to_owned(),
        amr,
        all: claims,
    })
}

fn check_context(claims: &Value, expected: &Expected<'_>) -> Result<(), Refusal> {
    if !expected.party.send_application_context {
        return Ok(());
    }
    let (id, name) = expected.settings.context_names.names();
    let is_echoed = claims[id] == expected.app.0 && claims[name] == expected.app.1;
    is_echoed.then_some(()).ok_or(Refusal::ApplicationContext)
}

/// RS256 or ES256 by a published key; nothing of the token counts before.
fn signed_claims(token: &str, jwks: &Value) -> Result<Value, Refusal> {
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        return Err(Refusal::Shape);
    };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Shape);
    let parse =
        |part: &str| serde_json::from_slice::<Value>(&decode(part)?).map_err(|_| Refusal::Shape);
    let (head, signature) = (parse(header)?, decode(signature)?);
    let message = format!("{header}.{claims}");
    let keys = jwks["keys"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let key = keys
        .iter()
        .find(|key| key["kid"] == head["kid"])
        .ok_or(Refusal::Signature)?;
    let bytes = |name: &str| decode(key[name].as_str().unwrap_or_default());
    let fits = match head["alg"].as_str() {
        Some("RS256") if key["kty"] == "RSA" => {
            let key = RsaPublicKeyComponents {
                n: bytes("n")?,
                e: bytes("e")?,
            };
            key.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature)
                .is_ok()
        }
        Some("ES256") if key["kty"] == "EC" => {
            let point = [&[4][..], &bytes("x")?, &bytes("y")?].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message.as_bytes(), &signature)
                .is_ok()
        }
        other => return Err(Refusal::Algorithm(other.unwrap_or_default().to_owned())),
    };
    match fits {
        true => parse(claims),
        false => Err(Refusal::Signature),
    }
}

/// What Okta forwards of a Factor-only provider: knowledge (`kba`, `pwd`) is not among it.
const FORWARDED: [&str; 14] = [
    "face", "fpt", "iris", "retina", "vbm", "hwk", "mfa", "otp", "sc", "swk", "pop", "sms", "tel",
    "phr",
];
