//! Authorization and token requests, and the JWTs in them. Whatever comes: an answer goes to the registered redirect URI
//! or nowhere, and a request that is taken is the one that the client signed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::json;
use standards::oidc::{
    authorization_request::{self, Context, Refusal},
    client::{AuthMethod, Client},
    client_assertion,
    jwk::JwkSet,
    jwt::{Alg, Keys},
    logout,
    parameters::Parameters,
    token_request::TokenRequest,
};
use std::sync::LazyLock;

const NOW_S: i64 = 1_760_000_000;
const SECRET: &str = "a secret of the fuzzer, long enough to sign with";
const CALLBACK: &str = "https://acme.okta.com/oauth2/v1/authorize/callback";
const ISSUER: &str = "https://login.example.com/oidc/okta";

pub const WORDS: &[&str] = &[
    "&",
    "=",
    "%26",
    "%3D",
    "%00",
    "%FF",
    "+",
    ".",
    "redirect_uri=",
    "client_id=c",
    "request=",
    "request_uri=",
    "state=",
    "response_mode=form_post",
    "scope=openid",
    "https://evil.example.com",
    "bm9uZQ",
    "eyJhbGciOiJub25lIn0",
    "e30",
    "W10",
];

static CLIENT: LazyLock<Client> = LazyLock::new(|| Client {
    client_id: "c".into(),
    redirect_uris: vec![CALLBACK.into()],
    post_logout_redirect_uris: vec!["https://acme.okta.com/bye".into()],
    token_endpoint_auth_method: AuthMethod::ClientSecretJwt,
    token_endpoint_auth_signing_alg: Some(Alg::HS256),
    request_object_signing_alg: Some(Alg::HS256),
    id_token_signed_response_alg: Alg::RS256,
    jwks: JwkSet::default(),
    require_pkce: false,
});

fn signed(claims: &serde_json::Value) -> String {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", part(&json!({ "alg": "HS256" })), part(claims));
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()),
        input.as_bytes(),
    );
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

pub fn authorization_seeds() -> Vec<Vec<u8>> {
    let object = signed(&json!({
        "iss": "c", "client_id": "c", "aud": ISSUER, "exp": NOW_S + 300, "iat": NOW_S, "response_type": "code",
        "redirect_uri": CALLBACK, "scope": "openid", "nonce": "n", "state": "s", "login_hint": "ann@acme.test",
    }));
    let outer =
        format!("client_id=c&response_type=code&scope=openid&redirect_uri={CALLBACK}&state=o");
    vec![
        format!("{outer}&request={object}").into(),
        format!("{outer}&nonce=n&login_hint=ben").into(),
        outer.into(),
    ]
}

pub fn authorization(bytes: &[u8]) -> String {
    let Ok(parameters) = Parameters::parse(bytes) else {
        return "no parameters".into();
    };
    let keys = Keys {
        secrets: &[SECRET],
        set: None,
    };
    let context = Context::new(NOW_S, &[ISSUER], keys);
    match authorization_request::verify(&parameters, &CLIENT, &context) {
        Ok(request) => {
            assert_eq!(
                (request.redirect_uri.as_str(), request.nonce.as_deref()),
                (CALLBACK, Some("n"))
            );
            assert_eq!(
                request.login_hint.as_deref(),
                Some("ann@acme.test"),
                "only what was signed"
            );
            "taken".into()
        }
        Err(Refusal::Back(back)) => {
            assert_eq!(back.redirect_uri, CALLBACK);
            format!("back: {:?}", back.error)
        }
        Err(Refusal::Page(error)) => format!("page: {error:?}"),
    }
}

pub fn token_seeds() -> Vec<Vec<u8>> {
    let assertion =
        signed(&json!({ "iss": "c", "sub": "c", "aud": ISSUER, "jti": "j", "exp": NOW_S + 60 }));
    let kind = client_assertion::TYPE;
    vec![
        format!("grant_type=authorization_code&code=x&redirect_uri={CALLBACK}&client_assertion_type={kind}&client_assertion={assertion}").into(),
        b"grant_type=authorization_code&code=x&client_id=c&client_secret=s&code_verifier=v".to_vec(),
        assertion.into(),
    ]
}

pub fn token(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let keys = Keys {
        secrets: &[SECRET],
        set: None,
    };
    if let Ok(assertion) = client_assertion::verify(&text, &CLIENT, &[ISSUER], keys, NOW_S) {
        assert_eq!(assertion.jti(), "j", "only what was signed");
        return "shown".into();
    }
    let Ok(parameters) = Parameters::parse(bytes) else {
        return "no parameters".into();
    };
    if let Ok(request) = logout::verify(&parameters, &CLIENT, ISSUER, &JwkSet::default()) {
        assert!(request.hint.is_none(), "nobody signed one");
        assert!(
            request
                .onward
                .is_none_or(|uri| uri.starts_with("https://acme.okta.com/bye"))
        );
    }
    let read = |header| {
        TokenRequest::read(&parameters, header)
            .err()
            .map(|e| e.to_string())
    };
    format!("{:?} {:?}", read(None), read(parameters.value("state")))
}
