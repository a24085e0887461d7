//! Access tokens of an OAuth service application: `client_credentials` by `private_key_jwt` (RFC 7523, section 2.2) at the
//! org's own authorization server.

use super::{
    Error, Path,
    dpop::DpopKey,
    error::words,
    http::{Answer, Authorization, Body, Call, Exchange, Repeat},
};
use crate::{
    clock::{Millis, SECOND, seconds},
    http::oidc::Signer,
    random,
};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use reqwest::Method;
use rustls::pki_types::{PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use serde::Deserialize;
use serde_json::json;
use standards::oidc::client_assertion::TYPE;
use std::{borrow::Cow, sync::Arc};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

/// How long an assertion is good, in seconds; Okta takes up to an hour.
const ASSERTION_S: i64 = 300;
/// A token is not used for so long before it ends.
const SPARE: Millis = 60 * SECOND;

/// What an OAuth service application shows who it is with.
#[derive(Clone)]
pub struct ServiceApp {
    client_id: String,
    scopes: String,
    signer: Arc<Signer>,
}

/// Why a service application cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServiceAppError {
    /// The key's file.
    #[error("the key has to be an RSA or P-256 private key as PEM: PKCS#8, or PKCS#1 for RSA")]
    Key,
    /// Without a scope a token is good for nothing.
    #[error("at least one scope is needed, such as okta.users.manage")]
    Scopes,
    /// Client id or key id.
    #[error("client id and key id are needed as the org shows them")]
    Ids,
}

impl ServiceApp {
    /// `kid` is the name of the key at the org; `pem` its private half.
    pub fn new(
        client_id: &str,
        kid: &str,
        scopes: &[String],
        pem: &[u8],
    ) -> Result<Self, ServiceAppError> {
        let is_name = |text: &str| {
            (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        };
        if !is_name(client_id) || !is_name(kid) {
            return Err(ServiceAppError::Ids);
        }
        if scopes.is_empty() || !scopes.iter().all(|s| is_name(s)) {
            return Err(ServiceAppError::Scopes);
        }
        let pkcs8 = pkcs8(pem).ok_or(ServiceAppError::Key)?;
        let signer = Signer::new(kid.to_owned(), &pkcs8).ok_or(ServiceAppError::Key)?;
        Ok(Self {
            client_id: client_id.to_owned(),
            scopes: scopes.join(" "),
            signer: Arc::new(signer),
        })
    }

    fn assertion(&self, audience: &str, now: Millis) -> Result<String, Error> {
        let now_s = seconds(now);
        let header =
            json!({ "alg": self.signer.alg().name(), "kid": self.signer.kid, "typ": "JWT" });
        let claims = json!({ "iss": self.client_id, "sub": self.client_id, "aud": audience,
            "jti": random::token::<24>(), "iat": now_s, "exp": now_s + ASSERTION_S });
        let input = wire::jws::signing_input(&header, &claims);
        let signature = self.signer.sign(input.as_bytes()).ok_or(Error::Key)?;
        Ok(wire::jws::compact(&input, &signature))
    }
}

fn pkcs8(pem: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if let Ok(key) = PrivatePkcs8KeyDer::from_pem_slice(pem) {
        return Some(Zeroizing::new(key.secret_pkcs8_der().to_vec()));
    }
    let key = PrivatePkcs1KeyDer::from_pem_slice(pem).ok()?;
    let pair = aws_lc_rs::rsa::KeyPair::from_der(key.secret_pkcs1_der()).ok()?;
    let der: Pkcs8V1Der<'_> = pair.as_der().ok()?;
    Some(Zeroizing::new(der.as_ref().to_vec()))
}

/// The access token in use, and what has been learned about the org's wishes.
#[derive(Default)]
pub(super) struct TokenCache(Mutex<Held>);

#[derive(Default)]
struct Held {
    token: Option<AccessToken>,
    /// Made when the org demands proofs of possession.
    dpop: Option<DpopKey>,
    /// For the next proof at the authorization server.
    token_nonce: Option<String>,
    /// For the next proof at the API.
    api_nonce: Option<String>,
}

struct AccessToken {
    text: Zeroizing<String>,
    expires_at: Millis,
}

impl TokenCache {
    /// What `call` shows who we are with: the token in use, or a new one. Who comes while one is fetched waits for that one.
    pub async fn authorization(
        &self,
        exchange: &Exchange,
        app: &ServiceApp,
        call: &Call<'_>,
        now: Millis,
    ) -> Result<Authorization, Error> {
        let mut held = self.0.lock().await;
        let is_good = |t: &AccessToken| t.expires_at - SPARE > now;
        if !held.token.as_ref().is_some_and(is_good) {
            held.token = None;
            let token = fetch(exchange, app, &mut held, now).await;
            held.token = Some(token.map_err(not_yet_sent)?);
        }
        // Invariant: put there just now, if it was not there before.
        let secret = held
            .token
            .as_ref()
            .map(|t| t.text.clone())
            .ok_or(Error::Key)?;
        let url = format!("{}{}", exchange.org(), call.path.without_query());
        let nonce = held.api_nonce.as_deref();
        let proof = match &held.dpop {
            None => None,
            Some(key) => Some(key.proof(call.method.as_str(), &url, Some(&secret), nonce, now)?),
        };
        Ok(Authorization {
            scheme: if proof.is_some() { "DPoP" } else { "Bearer" },
            secret,
            proof,
        })
    }

    /// Throws the token away; `false` if there was none.
    pub async fn forget(&self) -> bool {
        self.0.lock().await.token.take().is_some()
    }

    /// Keeps a nonce that the API asks for.
    pub async fn keep_nonce(&self, answer: &Answer) {
        if answer.dpop_nonce.is_some() {
            self.0.lock().await.api_nonce.clone_from(&answer.dpop_nonce);
        }
    }
}

/// Whatever happened to the request for a token: the call that it is for has not been sent.
fn not_yet_sent(error: Error) -> Error {
    match error {
        Error::RateLimited { .. } | Error::NoConnection(_) => error,
        other if other.is_temporary() => Error::NoConnection(format!("no access token: {other}")),
        other => other,
    }
}

/// Asks as a plain bearer first, and with a proof, and with the nonce for it, as far as the org demands that.
async fn fetch(
    exchange: &Exchange,
    app: &ServiceApp,
    held: &mut Held,
    now: Millis,
) -> Result<AccessToken, Error> {
    loop {
        let (answer, assertion) = ask(exchange, app, held, now).await?;
        let nonce = answer.dpop_nonce.clone();
        match granted(answer, &assertion) {
            Err(Error::NoToken { error, .. })
                if error == "invalid_dpop_proof" && held.dpop.is_none() =>
            {
                held.dpop = Some(DpopKey::generate()?);
            }
            Err(Error::NoToken { error, .. })
                if error == "use_dpop_nonce" && nonce.is_some() && nonce != held.token_nonce =>
            {
                held.token_nonce = nonce;
            }
            Err(error) => return Err(error),
            Ok(granted) => {
                let expected = if held.dpop.is_some() {
                    "DPoP"
                } else {
                    "Bearer"
                };
                if !granted.token_type.eq_ignore_ascii_case(expected) {
                    return Err(Error::Malformed("a token of the type that was asked for"));
                }
                return Ok(AccessToken {
                    text: Zeroizing::new(granted.access_token),
                    expires_at: now + granted.expires_in.clamp(0, 86_400) * SECOND,
                });
            }
        }
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: i64,
}

async fn ask(
    exchange: &Exchange,
    app: &ServiceApp,
    held: &Held,
    now: Millis,
) -> Result<(Answer, Zeroizing<String>), Error> {
    let path = Path::new(&["oauth2", "v1", "token"])?;
    let url = format!("{}{path}", exchange.org());
    let assertion = Zeroizing::new(app.assertion(&url, now)?);
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("scope", &app.scopes)
        .append_pair("client_assertion_type", TYPE)
        .append_pair("client_assertion", &assertion)
        .finish();
    let proof = match &held.dpop {
        None => None,
        Some(key) => Some(key.proof("POST", &url, None, held.token_nonce.as_deref(), now)?),
    };
    let call = Call {
        body: Body::Typed(
            "application/x-www-form-urlencoded",
            Cow::Borrowed(form.as_bytes()),
        ),
        is_authorized: false,
        // Another token is no harm, but another assertion is needed: the next attempt makes one.
        repeat: Repeat::Never,
        proof,
        ..Call::new(Method::POST, &path)
    };
    Ok((exchange.make(&call, None, now).await?, assertion))
}

fn granted(answer: Answer, assertion: &str) -> Result<Granted, Error> {
    #[derive(Deserialize)]
    struct Denied {
        error: String,
        #[serde(default)]
        error_description: String,
    }
    if let Ok(denied) = answer.json::<Denied>() {
        return Err(Error::NoToken {
            error: words(&denied.error, Some(assertion)),
            description: words(&denied.error_description, Some(assertion)),
        });
    }
    answer.accepted()?.json()
}
