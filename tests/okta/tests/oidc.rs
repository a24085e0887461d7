//! The org as an OpenID relying party: what it sends, and what it refuses.

mod common;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::http::{HeaderMap, StatusCode};
use axum::{Json, Router, routing};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{APP, Browser, ORG, Page, Stand};
use okta_stand_in::{ClientAuth, ContextNames, OidcSettings, Pipeline, RequestSignature};
use serde_json::{Value, json};

const ISSUER: &str = "https://login.tacit-idp.test/oidc/okta";
const SECRET: &str = "a-secret-of-64-characters-a-secret-of-64-characters-a-secret-of-";
const CALLBACK: &str = "https://acme.okta-standin.test/oauth2/v1/authorize/callback";

type Fields = BTreeMap<String, String>;

/// A provider that answers what it is told to, and remembers what it was asked.
#[derive(Clone)]
struct Provider {
    address: SocketAddr,
    told: Arc<Mutex<Told>>,
}

struct Told {
    key: EcdsaKeyPair,
    header: Value,
    claims: Value,
    status: u16,
    userinfo: Value,
    asked: Fields,
    authorization: String,
}

impl Provider {
    async fn start() -> Provider {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Provider {
            address: listener.local_addr().unwrap(),
            told: Arc::new(Mutex::new(Told {
                key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
                header: json!({ "alg": "ES256", "kid": "k1" }),
                claims: Value::Null,
                status: 200,
                userinfo: Value::Null,
                asked: Fields::new(),
                authorization: String::new(),
            })),
        };
        let (token, keys, info) = (provider.clone(), provider.clone(), provider.clone());
        let router = Router::new()
            .route(
                "/token",
                routing::post(async move |headers: HeaderMap, body: String| {
                    token.token(&headers, &body)
                }),
            )
            .route("/jwks", routing::get(async move || keys.jwks()))
            .route(
                "/userinfo",
                routing::get(async move || Json(info.told.lock().unwrap().userinfo.clone())),
            );
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    fn settings(&self) -> OidcSettings {
        let at = |path: &str| format!("http://{}{path}", self.address);
        OidcSettings {
            issuer: ISSUER.to_owned(),
            authorization_endpoint: format!("{ISSUER}/authorize"),
            token_endpoint: at("/token"),
            jwks_endpoint: at("/jwks"),
            userinfo_endpoint: None,
            client_id: "okta".to_owned(),
            client_secret: SECRET.to_owned(),
            client_auth: ClientAuth::ClientSecretPost,
            request_signature: None,
            pkce_required: false,
            scopes: vec!["openid".to_owned(), "profile".to_owned()],
            prompt_login: false,
            context_names: ContextNames::Guide,
            connect: None,
            connect_plainly: false,
            ca: None,
        }
    }

    fn token(&self, headers: &HeaderMap, body: &str) -> (StatusCode, Json<Value>) {
        let mut told = self.told.lock().unwrap();
        told.asked = fields(body);
        told.authorization = headers
            .get("authorization")
            .map_or_else(String::new, |v| v.to_str().unwrap().to_owned());
        let status = StatusCode::from_u16(told.status).unwrap();
        if told.status != 200 {
            return (status, Json(json!({ "error": "invalid_grant" })));
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", part(&told.header), part(&told.claims));
        let signature = told
            .key
            .sign(&SystemRandom::new(), input.as_bytes())
            .unwrap();
        let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
        (
            status,
            Json(json!({ "access_token": "at", "token_type": "Bearer", "id_token": token })),
        )
    }

    fn jwks(&self) -> Json<Value> {
        let told = self.told.lock().unwrap();
        let point = told.key.public_key().as_ref();
        let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
        Json(
            json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k1", "x": part(1..33), "y": part(33..65) }] }),
        )
    }
}

fn fields(text: &str) -> Fields {
    form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

/// Up to the provider: the browser, and the parameters that it was sent with.
async fn leave(stand: &Stand) -> (Browser, Fields) {
    let mut ann = Browser::new();
    let body = ann.challenge(stand, "ann@acme.test").await;
    let page = ann
        .get(stand, body["_links"]["next"]["href"].as_str().unwrap())
        .await;
    assert_eq!(page.status, StatusCode::FOUND);
    let location = page.location.unwrap();
    let (endpoint, query) = location.split_once('?').unwrap();
    assert_eq!(endpoint, format!("{ISSUER}/authorize"));
    (ann, fields(query))
}

async fn come_back(stand: &Stand, browser: &mut Browser, query: &[(&str, &str)]) -> Page {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish();
    let page = browser.get(stand, &format!("{CALLBACK}?{query}")).await;
    browser.follow(stand, page).await
}

fn claims(stand: &Stand, sent: &Fields) -> Value {
    let now = stand.clock.now() / 1000;
    json!({
        "iss": ISSUER, "aud": "okta", "sub": "u-1", "exp": now + 300, "iat": now, "auth_time": now, "nonce": sent["nonce"],
        "preferred_username": "ann@acme.test", "amr": ["hwk", "pop", "mfa"],
    })
}

async fn stand(settings: OidcSettings, change: impl FnOnce(&mut okta_stand_in::Config)) -> Stand {
    Stand::with(|config| {
        config.users[0].enrolled = true;
        config.idp.as_mut().unwrap().oidc = Some(settings);
        change(config);
    })
    .await
}

#[tokio::test]
async fn a_silent_id_token_signs_the_user_in() {
    let provider = Provider::start().await;
    let stand = stand(provider.settings(), |_| {}).await;
    let (mut ann, sent) = leave(&stand).await;
    assert_eq!(sent["redirect_uri"], CALLBACK);
    assert_eq!(
        (sent["login_hint"].as_str(), sent["display"].as_str()),
        ("ann@acme.test", "page")
    );
    assert_eq!(
        (sent["response_type"].as_str(), sent["scope"].as_str()),
        ("code", "openid profile")
    );
    assert_eq!(sent["nonce"].len(), 32);
    assert!(
        !sent.contains_key("code_challenge")
            && !sent.contains_key("prompt")
            && !sent.contains_key("app_name")
    );
    provider.told.lock().unwrap().claims = claims(&stand, &sent);
    let page = come_back(
        &stand,
        &mut ann,
        &[("code", "c1"), ("state", &sent["state"]), ("iss", ISSUER)],
    )
    .await;
    assert_eq!(page.url, format!("{APP}/"), "{}", page.body);
    assert_eq!(
        ann.session(&stand).await.json()["amr"],
        json!(["pwd", "fed", "hwk", "pop", "mfa"])
    );
    let asked = provider.told.lock().unwrap().asked.clone();
    assert_eq!(
        (
            asked["code"].as_str(),
            asked["client_secret"].as_str(),
            asked["redirect_uri"].as_str()
        ),
        ("c1", SECRET, CALLBACK)
    );
    assert_eq!(
        stand
            .last_event("user.authentication.auth_via_social")
            .await["outcome"]["result"],
        "SUCCESS"
    );
    let again = come_back(
        &stand,
        &mut Browser::new(),
        &[("code", "c1"), ("state", &sent["state"])],
    )
    .await;
    assert_eq!(
        again.status,
        StatusCode::BAD_REQUEST,
        "a state is good once"
    );
}

#[tokio::test]
async fn every_setting_changes_what_is_sent() {
    let provider = Provider::start().await;
    let settings = OidcSettings {
        pkce_required: true,
        prompt_login: true,
        client_auth: ClientAuth::ClientSecretBasic,
        context_names: ContextNames::Sdk,
        userinfo_endpoint: Some(format!("http://{}/userinfo", provider.address)),
        ..provider.settings()
    };
    let with_context = stand(settings, |config| {
        config.idp.as_mut().unwrap().send_application_context = true
    })
    .await;
    let (mut ann, sent) = leave(&with_context).await;
    assert_eq!(
        (
            sent["prompt"].as_str(),
            sent["code_challenge_method"].as_str()
        ),
        ("login", "S256")
    );
    let mut told = claims(&with_context, &sent);
    for name in ["OktaAppInstanceId", "OktaAppName"] {
        told[name] = sent[name].as_str().into();
    }
    provider.told.lock().unwrap().claims = told;
    provider.told.lock().unwrap().userinfo = json!({ "sub": "u-1" });
    let page = come_back(
        &with_context,
        &mut ann,
        &[("code", "c2"), ("state", &sent["state"])],
    )
    .await;
    assert_eq!(page.url, format!("{APP}/"), "{}", page.body);
    let told = provider.told.lock().unwrap();
    assert!(told.authorization.starts_with("Basic ") && !told.asked.contains_key("client_secret"));
    let digest = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        told.asked["code_verifier"].as_bytes(),
    );
    assert_eq!(URL_SAFE_NO_PAD.encode(digest), sent["code_challenge"]);
}

#[tokio::test]
async fn a_signed_request_carries_everything_inside() {
    let provider = Provider::start().await;
    for signature in [
        RequestSignature::Hs256,
        RequestSignature::Hs384,
        RequestSignature::Hs512,
        RequestSignature::Rs256,
    ] {
        let settings = OidcSettings {
            request_signature: Some(signature),
            client_auth: ClientAuth::PrivateKeyJwt,
            ..provider.settings()
        };
        let stand = stand(settings, |_| {}).await;
        let (mut ann, sent) = leave(&stand).await;
        assert_eq!(
            sent.keys().collect::<Vec<_>>(),
            ["client_id", "request", "response_type", "scope"]
        );
        let inner: Vec<&str> = sent["request"].split('.').collect();
        let decoded = |part: &str| {
            serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        let inside = decoded(inner[1]);
        assert_eq!(
            (&inside["iss"], &inside["aud"], &inside["login_hint"]),
            (&json!("okta"), &json!(ISSUER), &json!("ann@acme.test"))
        );
        let text = |name: &str| inside[name].as_str().unwrap().to_owned();
        let told = claims(&stand, &Fields::from([("nonce".to_owned(), text("nonce"))]));
        provider.told.lock().unwrap().claims = told;
        let page = come_back(
            &stand,
            &mut ann,
            &[("code", "c3"), ("state", &text("state"))],
        )
        .await;
        assert_eq!(page.url, format!("{APP}/"), "{}", page.body);
        let asked = provider.told.lock().unwrap().asked.clone();
        assert_eq!(
            decoded(asked["client_assertion"].split('.').nth(1).unwrap())["sub"],
            "okta"
        );
        let keys = Browser::new()
            .get(&stand, &format!("{ORG}/stand-in/oidc/jwks"))
            .await
            .json();
        assert_eq!(
            URL_SAFE_NO_PAD
                .decode(keys["keys"][0]["n"].as_str().unwrap())
                .unwrap()
                .len(),
            256
        );
    }
}

/// Claims that are not right, each with what the org says about it.
fn wrong(now: i64) -> Vec<(&'static str, Value, &'static str)> {
    vec![
        (
            "iss",
            json!("https://login.tacit-idp.test/oidc/okta/"),
            "iss is",
        ),
        ("aud", json!("other"), "aud"),
        ("aud", json!(["okta", "other"]), "aud"),
        ("nonce", json!("other"), "nonce"),
        ("exp", json!(now - 121), "exp"),
        ("exp", json!((now + 300).to_string()), "exp"),
        ("iat", json!(now + 121), "iat"),
        ("auth_time", Value::Null, "auth_time"),
        ("sub", Value::Null, "sub"),
        (
            "preferred_username",
            json!("ben@acme.test"),
            "preferred_username",
        ),
        ("amr", json!(["pwd"]), "amr"),
        ("amr", Value::Null, "amr"),
    ]
}

#[tokio::test]
async fn an_id_token_that_is_not_right_signs_nobody_in() {
    let provider = Provider::start().await;
    let stand = stand(provider.settings(), |_| {}).await;
    for index in 0..wrong(0).len() {
        // Passwords may be tried so often a minute.
        stand.clock.advance(61_000);
        let (name, value, detail) = wrong(stand.clock.now() / 1000).swap_remove(index);
        let (mut ann, sent) = leave(&stand).await;
        let mut told = claims(&stand, &sent);
        told[name] = value.clone();
        provider.told.lock().unwrap().claims = told;
        let page = come_back(
            &stand,
            &mut ann,
            &[("code", "c"), ("state", &sent["state"])],
        )
        .await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{name} = {value}");
        assert_eq!(ann.session(&stand).await.status, StatusCode::NOT_FOUND);
        let event = stand
            .last_event("user.authentication.auth_via_social")
            .await;
        let found = event["debugContext"]["debugData"]["standInDetail"]
            .as_str()
            .unwrap();
        assert!(found.contains(detail), "{name} = {value}: {found}");
    }
    stand.clock.advance(61_000);
    let (mut ann, sent) = leave(&stand).await;
    provider.told.lock().unwrap().claims = claims(&stand, &sent);
    let mixed = come_back(
        &stand,
        &mut ann,
        &[
            ("code", "c"),
            ("state", &sent["state"]),
            ("iss", "https://evil.test"),
        ],
    )
    .await;
    assert_eq!(
        mixed.status,
        StatusCode::BAD_REQUEST,
        "another issuer's answer"
    );
    provider.told.lock().unwrap().header = json!({ "alg": "none", "kid": "k1" });
    assert_eq!(
        come_back(
            &stand,
            &mut ann,
            &[("code", "c"), ("state", &sent["state"])]
        )
        .await
        .status,
        StatusCode::BAD_REQUEST
    );
    provider.told.lock().unwrap().header = json!({ "alg": "ES256", "kid": "k2" });
    assert_eq!(
        come_back(
            &stand,
            &mut ann,
            &[("code", "c"), ("state", &sent["state"])]
        )
        .await
        .status,
        StatusCode::BAD_REQUEST
    );
    provider.told.lock().unwrap().status = 400;
    assert_eq!(
        come_back(
            &stand,
            &mut ann,
            &[("code", "c"), ("state", &sent["state"])]
        )
        .await
        .status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn an_error_leads_back_to_the_other_factors() {
    let provider = Provider::start().await;
    let stand = stand(provider.settings(), |config| {
        config.pipeline = Pipeline::Classic
    })
    .await;
    let (mut ann, sent) = leave(&stand).await;
    let page = come_back(
        &stand,
        &mut ann,
        &[("error", "access_denied"), ("state", &sent["state"])],
    )
    .await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    let state = json!({ "stateToken": page.state_token() });
    let body = ann
        .post_json(&stand, "/api/v1/authn/introspect", state)
        .await
        .json();
    assert_eq!(
        (&body["status"], &body["factorResult"]),
        (&json!("MFA_CHALLENGE"), &json!("FAILED"))
    );
    let other = Browser::new()
        .get(&stand, &format!("{CALLBACK}?code=c&state=unknown"))
        .await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);
    // An org without such a provider has asked nobody.
    let without = Stand::classic().await;
    let unasked = Browser::new()
        .get(&without, &format!("{CALLBACK}?code=c&state=x"))
        .await;
    assert_eq!(unasked.status, StatusCode::BAD_REQUEST);
}
