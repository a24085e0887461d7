//! Service apps, security event tokens, token revocation, and event hooks.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use okta_stand_in::Pipeline;
use serde_json::{Value, json};

use super::common::key::Key;
use super::common::receiver::Receiver;
use super::common::{Browser, ORG, PASSWORD, Stand};
use super::empty;

async fn token(stand: &Stand, assertion: &str, scope: &str) -> (u16, Value) {
    let fields = [
        ("grant_type", "client_credentials"),
        ("scope", scope),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", assertion),
    ];
    let page = Browser::new()
        .post_form(stand, &format!("{ORG}/oauth2/v1/token"), &fields)
        .await;
    (page.status.as_u16(), page.json())
}

#[tokio::test]
async fn a_service_app_gets_what_it_was_granted_and_nothing_else() {
    let (stand, mut admin) = (empty(Pipeline::Classic, None).await, Browser::new());
    let (key, other) = (
        Key::load("identity-provider.pem"),
        Key::load("somebody-else.pem"),
    );
    let app = json!({ "name": "oidc_client", "label": "Tacit", "signOnMode": "OPENID_CONNECT",
        "settings": { "oauthClient": { "jwks": key.jwks(), "grant_types": ["client_credentials"], "application_type": "service" } } });
    let id = admin.made(&stand, "POST", "/api/v1/apps", app).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    admin
        .made(
            &stand,
            "POST",
            &format!("/api/v1/apps/{id}/grants"),
            json!({ "scopeId": "okta.groups.manage", "issuer": ORG }),
        )
        .await;
    let now = stand.clock.now() / 1000;
    let claims = |jti: &str| json!({ "iss": id, "sub": id, "aud": format!("{ORG}/oauth2/v1/token"), "exp": now + 300, "iat": now, "jti": jti });
    let header = json!({ "alg": "RS256", "kid": "k1" });
    let with = |member: &str, value: Value| {
        let mut claims = claims(member);
        claims[member] = value;
        key.sign(&header, &claims)
    };
    let unsigned = {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!(
            "{}.{}.",
            part(&json!({ "alg": "none" })),
            part(&claims("none"))
        )
    };
    for (name, assertion) in [
        ("another key", other.sign(&header, &claims("a"))),
        ("alg none", unsigned),
        (
            "another audience",
            with("aud", json!("https://elsewhere.test/token")),
        ),
        ("expired", with("exp", json!(now - 600))),
        ("a day long", with("exp", json!(now + 86_400))),
        ("another subject", with("sub", json!("0oaother"))),
        ("another app", with("iss", json!("0oaother"))),
    ] {
        assert_eq!(
            token(&stand, &assertion, "okta.groups.manage").await.0,
            401,
            "{name}"
        );
    }
    let good = key.sign(&header, &claims("good"));
    let (status, refused) = token(
        &stand,
        &key.sign(&header, &claims("s")),
        "okta.users.manage",
    )
    .await;
    assert_eq!(
        (status, refused["error"].as_str()),
        (400, Some("invalid_scope"))
    );
    let (status, granted) = token(&stand, &good, "okta.groups.manage").await;
    assert_eq!(status, 200, "{granted}");
    assert_eq!(
        token(&stand, &good, "okta.groups.manage").await.0,
        401,
        "an assertion counts once"
    );
    let bearer = format!("Bearer {}", granted["access_token"].as_str().unwrap());
    let page = admin
        .call_as(&stand, &bearer, "GET", "/api/v1/groups", Value::Null)
        .await;
    assert_eq!(page.status.as_u16(), 200, "manage holds read");
    let page = admin
        .call_as(&stand, &bearer, "GET", "/api/v1/users", Value::Null)
        .await;
    assert_eq!(
        (page.status.as_u16(), page.json()["errorCode"].as_str()),
        (403, Some("E0000006"))
    );
    assert!(
        page.headers["www-authenticate"]
            .to_str()
            .unwrap()
            .contains("insufficient_scope")
    );
    stand.clock.advance(3_600_000);
    let page = admin
        .call_as(&stand, &bearer, "GET", "/api/v1/groups", Value::Null)
        .await;
    assert_eq!(page.status.as_u16(), 401, "an hour later");
}

const RISK: &str = "https://schemas.okta.com/secevent/okta/event-type/user-risk-change";

#[tokio::test]
async fn a_security_event_counts_only_with_its_provider_s_signature() {
    let (key, other) = (
        Key::load("identity-provider.pem"),
        Key::load("somebody-else.pem"),
    );
    let jwks = key.jwks();
    let receiver = Receiver::start(move |_| (200, jwks.clone())).await;
    let (stand, mut admin) = (empty(Pipeline::Oie, Some(&receiver)).await, Browser::new());
    let provider = json!({ "name": "Tacit", "type": "tacit",
        "settings": { "issuer": "https://hook.acme.test", "jwks_url": "https://hook.acme.test/keys" } });
    admin
        .made(
            &stand,
            "POST",
            "/api/v1/security-events-providers",
            provider,
        )
        .await;
    let now = stand.clock.now() / 1000;
    let claims = |jti: &str, level: &str| {
        json!({ "iss": "https://hook.acme.test", "aud": ORG, "jti": jti, "iat": now, "events": { RISK: {
        "event_timestamp": now, "subject": { "user": { "format": "email", "email": "ann@acme.test" } },
        "current_level": level, "previous_level": "low", "reason_admin": { "en": "Somebody else types" } } } })
    };
    let header = json!({ "alg": "RS256", "kid": "k1", "typ": "secevent+jwt" });
    let with = |member: &str, value: Value| {
        let mut claims = claims(member, "high");
        claims[member] = value;
        key.sign(&header, &claims)
    };
    for (name, set, expected) in [
        (
            "another key",
            other.sign(&header, &claims("x", "high")),
            "invalid_key",
        ),
        (
            "another type",
            key.sign(
                &json!({ "alg": "RS256", "kid": "k1", "typ": "JWT" }),
                &claims("t", "high"),
            ),
            "invalid_request",
        ),
        (
            "another issuer",
            with("iss", json!("https://elsewhere.test")),
            "invalid_issuer",
        ),
        (
            "another audience",
            with("aud", json!("https://elsewhere.test")),
            "invalid_audience",
        ),
        ("no events", with("events", json!({})), "invalid_request"),
        (
            "an old event",
            with("iat", json!(now - 90_000)),
            "invalid_request",
        ),
        (
            "an unknown level",
            key.sign(&header, &claims("l", "dreadful")),
            "invalid_request",
        ),
    ] {
        let (status, body) = send_set(&stand, &set).await;
        assert_eq!(
            (status, body["err"].as_str()),
            (400, Some(expected)),
            "{name}: {body}"
        );
    }
    let risk = admin
        .made(&stand, "GET", "/api/v1/users/ann/risk", Value::Null)
        .await;
    assert_eq!(risk["riskLevel"], "NONE");
    let good = key.sign(&header, &claims("good", "high"));
    for _ in 0..2 {
        assert_eq!(send_set(&stand, &good).await.0, 202);
    }
    let risk = admin
        .made(&stand, "GET", "/api/v1/users/ann/risk", Value::Null)
        .await;
    assert_eq!(risk["riskLevel"], "HIGH");
    let log = stand.log().await;
    let received = log
        .iter()
        .filter(|event| event["eventType"] == "security.events.provider.receive_event")
        .count();
    assert_eq!(received, 1, "sent again it changes nothing more");
}

async fn send_set(stand: &Stand, set: &str) -> (u16, Value) {
    let headers = [(axum::http::header::CONTENT_TYPE, "application/secevent+jwt")];
    let url = format!("{ORG}/security/api/v1/security-events");
    let page = Browser::new()
        .send(
            stand,
            axum::http::Method::POST,
            &url,
            &headers,
            set.to_owned(),
        )
        .await;
    (
        page.status.as_u16(),
        serde_json::from_str(&page.body).unwrap_or_default(),
    )
}

#[tokio::test]
async fn a_global_revocation_ends_the_person_s_sessions() {
    let (stand, mut admin, mut ann) = (
        empty(Pipeline::Classic, None).await,
        Browser::new(),
        Browser::new(),
    );
    let first = ann
        .post_json(
            &stand,
            "/api/v1/authn",
            json!({ "username": "ann@acme.test", "password": PASSWORD }),
        )
        .await
        .json();
    let token = first["sessionToken"].as_str().unwrap();
    ann.get(
        &stand,
        &format!("{ORG}/login/sessionCookieRedirect?token={token}&redirectUrl=/"),
    )
    .await;
    assert_eq!(ann.session(&stand).await.status.as_u16(), 200);
    let path = "/oauth2/v1/global-token-revocation";
    let body = |email: &str| json!({ "sub_id": { "format": "email", "email": email } });
    let stranger = admin
        .call_as(&stand, "SSWS 00wrong", "POST", path, body("ann@acme.test"))
        .await;
    assert_eq!(stranger.status.as_u16(), 401);
    assert_eq!(
        admin
            .call(&stand, "POST", path, body("nobody@acme.test"))
            .await
            .status
            .as_u16(),
        400
    );
    assert_eq!(ann.session(&stand).await.status.as_u16(), 200);
    assert_eq!(
        admin
            .call(&stand, "POST", path, body("ann@acme.test"))
            .await
            .status
            .as_u16(),
        204
    );
    assert_eq!(ann.session(&stand).await.status.as_u16(), 404);
}

fn hook(types: &[&str]) -> Value {
    json!({ "name": "Tacit", "events": { "type": "EVENT_TYPE", "items": types }, "channel": { "type": "HTTP", "version": "1.0.0",
        "config": { "uri": "https://hook.acme.test/okta_events",
                    "authScheme": { "type": "HEADER", "key": "Authorization", "value": "shared secret" } } } })
}

#[tokio::test]
async fn events_go_to_a_hook_that_has_proved_itself() {
    let receiver = Receiver::start(Receiver::echo_challenge).await;
    let (stand, mut admin) = (
        empty(Pipeline::Classic, Some(&receiver)).await,
        Browser::new(),
    );
    let made = admin
        .made(
            &stand,
            "POST",
            "/api/v1/eventHooks",
            hook(&["group.user_membership.add"]),
        )
        .await;
    assert!(!made.to_string().contains("shared secret"));
    let group = admin
        .made(
            &stand,
            "POST",
            "/api/v1/groups",
            json!({ "profile": { "name": "Trusona" } }),
        )
        .await;
    let path = format!("/api/v1/groups/{}/users", group["id"].as_str().unwrap());
    let id = |user: Value| user["id"].as_str().unwrap().to_owned();
    let ann = id(admin
        .made(&stand, "GET", "/api/v1/users/ann", Value::Null)
        .await);
    let ben = id(admin
        .made(&stand, "GET", "/api/v1/users/ben", Value::Null)
        .await);
    // Not verified yet: nobody hears of Ann.
    admin
        .made(&stand, "PUT", &format!("{path}/{ann}"), Value::Null)
        .await;
    let hook_path = format!("/api/v1/eventHooks/{}", id(made));
    let verified = admin
        .made(
            &stand,
            "POST",
            &format!("{hook_path}/lifecycle/verify"),
            Value::Null,
        )
        .await;
    assert_eq!(verified["verificationStatus"], "VERIFIED");
    admin
        .made(
            &stand,
            "PUT",
            "/stand-in/admin/deliveries",
            json!({ "duplicate": 1 }),
        )
        .await;
    admin
        .made(&stand, "PUT", &format!("{path}/{ben}"), Value::Null)
        .await;
    let calls = receiver.wait_for("POST", 2).await;
    assert_eq!(calls[0].header("authorization"), "shared secret");
    assert_eq!(calls[0].path, "/okta_events");
    let (first, second) = (calls[0].json(), calls[1].json());
    assert_eq!(first["eventType"], "com.okta.event_hook");
    assert_eq!(first["eventId"], second["eventId"], "the same event twice");
    assert_eq!(first["data"]["events"][0]["target"][0]["id"], ben.as_str());
    assert_eq!(
        receiver
            .received()
            .iter()
            .filter(|call| call.method == "GET")
            .count(),
        1
    );
    assert_eq!(
        admin
            .refused(&stand, "DELETE", &hook_path, Value::Null)
            .await
            .0,
        400,
        "an active hook stays"
    );
}

#[tokio::test]
async fn a_hook_that_does_not_echo_is_not_verified_and_one_that_fails_is_tried_twice() {
    let receiver = Receiver::start(|call| match call.method.as_str() {
        "GET" if call.path.ends_with("?echo") => Receiver::echo_challenge(call),
        "GET" => (200, json!({ "verification": "something" })),
        _ => (500, json!({})),
    })
    .await;
    let (stand, mut admin) = (
        empty(Pipeline::Classic, Some(&receiver)).await,
        Browser::new(),
    );
    let mut body = hook(&["group.lifecycle.create"]);
    let made = admin
        .made(&stand, "POST", "/api/v1/eventHooks", body.clone())
        .await;
    let path = format!("/api/v1/eventHooks/{}", made["id"].as_str().unwrap());
    assert_eq!(
        admin
            .refused(
                &stand,
                "POST",
                &format!("{path}/lifecycle/verify"),
                Value::Null
            )
            .await
            .0,
        400
    );
    body["channel"]["config"]["uri"] = json!("https://hook.acme.test/okta_events?echo");
    admin.made(&stand, "PUT", &path, body).await;
    admin
        .made(
            &stand,
            "POST",
            &format!("{path}/lifecycle/verify"),
            Value::Null,
        )
        .await;
    admin
        .made(
            &stand,
            "POST",
            "/api/v1/groups",
            json!({ "profile": { "name": "G" } }),
        )
        .await;
    receiver.wait_for("POST", 2).await;
}
