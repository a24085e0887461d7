//! Calls to the server's `/agent/*`, each with a DPoP proof by the installation key and the browser cookie.

use super::{enrol, store, with};
use crate::{browser, digest};
use js_sys::Uint8Array;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Serialize, de::DeserializeOwned};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, Headers, RequestCache, RequestCredentials, RequestInit, RequestRedirect, Response,
    WorkerGlobalScope,
};
use wire::{
    b64, dpop,
    id::Nonce,
    jws::{self, Alg},
    limits,
    reason::Reason,
    server::ErrorResponse,
    version::{self, V},
};

/// What a proof covers.
pub enum Proof<'a> {
    /// A statement, for one challenge.
    StatementFor(&'a str, &'a Nonce),
    /// A statement.
    Statement(&'a str),
    /// The body, for one challenge.
    BodyFor(&'a Nonce),
    /// The body.
    Body,
}

/// Posts `body` to `path`; a refusal carries the server's reason, or ours.
pub async fn post<R: DeserializeOwned>(
    path: &str,
    body: &impl Serialize,
    proof: Proof<'_>,
) -> Result<R, ErrorResponse> {
    let server = with(|w| Some(w.configuration()?.server_origin.clone())).flatten();
    let server = server.ok_or_else(|| refusal(Reason::NotConfigured))?;
    let url = format!("{server}{path}");
    let body = store::text(body);
    let (covered, nonce) = match proof {
        Proof::StatementFor(statement, nonce) => (statement, Some(nonce)),
        Proof::Statement(statement) => (statement, None),
        Proof::BodyFor(nonce) => (body.as_str(), Some(nonce)),
        Proof::Body => (body.as_str(), None),
    };
    let proof = prove(&url, covered, nonce.cloned())
        .await
        .ok_or_else(|| refusal(Reason::BadInstallationProof))?;
    let (status, text) = fetch(&url, &body, &proof)
        .await
        .ok_or_else(|| refusal(Reason::ServerUnreachable))?;
    let limit = limits::AGENT_BODY;
    if (200..300).contains(&status) {
        return version::parse_bounded(text.as_bytes(), limit)
            .map_err(|_| refusal(Reason::VersionMismatch));
    }
    Err(match version::parse_bounded(text.as_bytes(), limit) {
        Ok(refused) => refused,
        Err(_) if status == 429 => refusal(Reason::RateLimited),
        Err(_) if status >= 500 => refusal(Reason::ServerUnreachable),
        Err(_) => refusal(Reason::ServerRefused),
    })
}

/// Whether the server answers at all.
pub async fn is_alive() -> bool {
    let server = with(|w| Some(w.configuration()?.server_origin.clone())).flatten();
    let Some(server) = server else { return false };
    let init = RequestInit::new();
    init.set_cache(RequestCache::NoStore);
    init.set_credentials(RequestCredentials::Omit);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(LIMIT_MS)));
    let response = send(&format!("{server}/health/live"), &init).await;
    response.is_some_and(|response| response.ok())
}

fn refusal(reason: Reason) -> ErrorResponse {
    ErrorResponse {
        v: V,
        reason,
        message: reason.words().into(),
    }
}

async fn prove(url: &str, covered: &str, nonce: Option<Nonce>) -> Option<String> {
    let (_, jwk) = enrol::installation().await.ok()?;
    let header = dpop::Header {
        alg: Alg::ES256,
        typ: dpop::TYP.into(),
        jwk,
    };
    let mut id = [0; 16];
    SystemRandom::new().fill(&mut id).ok()?;
    let claims = dpop::Claims {
        jti: b64::encode(&id),
        htm: "POST".into(),
        htu: url.into(),
        iat: (browser::now() / 1000.0) as i64,
        ath: digest::sha256_text(covered.as_bytes()),
        nonce,
    };
    let input = jws::signing_input(&header, &claims);
    let signature = browser::installation_sign(input.as_bytes()).await?;
    Some(jws::compact(&input, &signature))
}

/// Status and text; `None` if there was no answer in time.
async fn fetch(url: &str, body: &str, proof: &str) -> Option<(u16, String)> {
    let headers = Headers::new().ok()?;
    headers.set("Content-Type", "application/json").ok()?;
    headers.set(dpop::HEADER_NAME, proof).ok()?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_headers(&headers);
    init.set_body(&JsValue::from_str(body));
    init.set_credentials(RequestCredentials::Include);
    init.set_redirect(RequestRedirect::Error);
    init.set_cache(RequestCache::NoStore);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(LIMIT_MS)));
    let response = send(url, &init).await?;
    let bytes = JsFuture::from(response.array_buffer().ok()?).await.ok()?;
    let bytes = Uint8Array::new(&bytes);
    // One byte more than allowed, so that the parser says what is wrong.
    let length = bytes.length().min(limits::AGENT_BODY as u32 + 1);
    let text = String::from_utf8(bytes.subarray(0, length).to_vec()).ok()?;
    Some((response.status(), text))
}

async fn send(url: &str, init: &RequestInit) -> Option<Response> {
    let scope: WorkerGlobalScope = js_sys::global().dyn_into().ok()?;
    let response = JsFuture::from(scope.fetch_with_str_and_init(url, init));
    response.await.ok()?.dyn_into().ok()
}

const LIMIT_MS: u32 = 5_000;
