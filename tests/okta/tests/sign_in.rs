//! Identity providers made through the API as sign-in parties: routing, matching, and what policy asks for afterwards.

mod common;

use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use common::identity_provider::{Sent, Signed};
use common::key::Key;
use common::receiver::Receiver;
use common::sso::{Sso, is_signed_in, suffix};
use common::{Browser, ORG, START, Stand};
use okta_stand_in::Pipeline;
use serde_json::{Value, json};

#[tokio::test]
async fn a_name_that_is_routed_signs_in_at_its_provider() {
    let mut sso = Sso::new(Pipeline::Classic, |_| {}).await;
    sso.route(suffix()).await;
    let mut ann = Browser::new();
    let sent = sso.leave(&mut ann, "ann@acme.test").await;
    assert!(
        sent.xml.contains("ForceAuthn=\"false\"")
            && sent
                .xml
                .contains("<saml2:NameID>ann@acme.test</saml2:NameID>"),
        "{}",
        sent.xml
    );
    assert!(sent.xml.contains(&format!(
        "<saml2:Issuer xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\">{}<",
        sso.audience
    )));
    let page = sso
        .answer(
            &mut ann,
            &sent.relay_state,
            &sso.spec(&sent.id, "ann@acme.test"),
        )
        .await;
    let page = ann.follow(&sso.stand, page).await;
    assert!(is_signed_in(&page, "ann@acme.test"), "{page:?}");
    assert_eq!(ann.session(&sso.stand).await.json()["amr"], json!(["fed"]));
    // Linked by now, and seen by the API.
    let links = sso
        .admin
        .made(
            &sso.stand,
            "GET",
            &format!("/api/v1/idps/{}/users", sso.id),
            Value::Null,
        )
        .await;
    assert_eq!(links[0]["externalId"], "ann@acme.test");
    assert_eq!(
        sso.stand
            .last_event("user.authentication.auth_via_IDP")
            .await["target"][0]["id"],
        sso.id.as_str()
    );
    // Somebody of another domain stays here.
    let stays = sso.finger(&mut Browser::new(), "eve@other.test").await;
    assert_eq!(stays["properties"]["okta:idp:type"], "OKTA");
}

#[tokio::test]
async fn identity_engine_offers_nothing_but_the_provider_of_a_routed_name() {
    let mut sso = Sso::new(Pipeline::Oie, |_| {}).await;
    sso.route(suffix()).await;
    let mut ann = Browser::new();
    let handle = ann.start(&sso.stand).await.state_token();
    // A password that comes along is not looked at.
    let body = json!({ "stateHandle": handle, "identifier": "ann@acme.test", "credentials": { "passcode": "whatever" } });
    let body = ann
        .post_json(&sso.stand, "/idp/idx/identify", body)
        .await
        .json();
    let entries = body["remediation"]["value"].as_array().unwrap();
    assert_eq!(
        (entries.len(), &entries[0]["name"], &entries[0]["idp"]["id"]),
        (1, &json!("redirect-idp"), &json!(sso.id))
    );
    let sent = Sent::from_post(
        &ann.get(&sso.stand, entries[0]["href"].as_str().unwrap())
            .await,
    );
    let page = sso
        .answer(
            &mut ann,
            &sent.relay_state,
            &sso.spec(&sent.id, "ann@acme.test"),
        )
        .await;
    assert!(is_signed_in(
        &ann.follow(&sso.stand, page).await,
        "ann@acme.test"
    ));
}

#[tokio::test]
async fn an_attribute_routes_only_by_its_very_text() {
    for (value, is_routed) in [("true", true), ("True", false)] {
        let mut sso = Sso::new(Pipeline::Classic, |_| {}).await;
        let schema = json!({ "definitions": { "custom": { "properties": { "byndidRegistered": { "title": "R", "type": "boolean" } } } } });
        sso.admin
            .made(
                &sso.stand,
                "POST",
                "/api/v1/meta/schemas/user/default",
                schema,
            )
            .await;
        sso.route(json!({ "type": "ATTRIBUTE", "attribute": "byndidRegistered", "patterns": [{ "matchType": "EQUALS", "value": value }] })).await;
        let kind = |link: Value| {
            link["properties"]["okta:idp:type"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            kind(sso.finger(&mut Browser::new(), "ann@acme.test").await),
            "OKTA",
            "not set yet"
        );
        sso.admin
            .made(
                &sso.stand,
                "POST",
                "/api/v1/users/ann",
                json!({ "profile": { "byndidRegistered": true } }),
            )
            .await;
        let found = kind(sso.finger(&mut Browser::new(), "ann@acme.test").await);
        assert_eq!(found == "SAML2", is_routed, "{value}");
        assert_eq!(
            kind(sso.finger(&mut Browser::new(), "ben@acme.test").await),
            "OKTA"
        );
    }
}

#[tokio::test]
async fn a_provider_may_begin_by_itself_and_each_assertion_counts_once() {
    let sso = Sso::new(Pipeline::Classic, |_| {}).await;
    let mut ann = Browser::new();
    let spec = sso.spec("", "ann@acme.test");
    let page = sso.answer(&mut ann, "/app/UserHome", &spec).await;
    let page = ann.follow(&sso.stand, page).await;
    assert!(
        page.body.contains("id=\"okta-user\">ann@acme.test"),
        "{page:?}"
    );
    let replayed = sso
        .answer(&mut Browser::new(), "/app/UserHome", &spec)
        .await;
    assert_eq!(replayed.status, StatusCode::BAD_REQUEST, "replayed");
    // An answer to a question that nobody asked is no beginning.
    let mut claims = sso.spec("id123456789012345678901234", "ann@acme.test");
    claims.version = "2.0".to_owned();
    assert_eq!(
        sso.answer(&mut Browser::new(), "/", &claims).await.status,
        StatusCode::BAD_REQUEST
    );
    let mut forged = sso.spec("", "ben@acme.test");
    forged.key = "somebody-else.pem".to_owned();
    assert_eq!(
        sso.answer(&mut Browser::new(), "/", &forged).await.status,
        StatusCode::BAD_REQUEST
    );
    // A relay state leads to pages of the org only.
    let mut elsewhere = sso.spec("", "ben@acme.test");
    elsewhere.issued_at += 1;
    let page = sso
        .answer(&mut Browser::new(), "https://evil.test/", &elsewhere)
        .await;
    assert!(
        page.location.is_none_or(|to| to.starts_with('/')),
        "an open redirect"
    );
}

#[tokio::test]
async fn one_provider_does_not_answer_for_another() {
    let mut sso = Sso::new(Pipeline::Classic, |_| {}).await;
    sso.route(suffix()).await;
    let mut ann = Browser::new();
    let sent = sso.leave(&mut ann, "ann@acme.test").await;
    // A second provider with the same key, whose issuer is its own.
    let first = (sso.id.clone(), sso.audience.clone());
    let sso = Sso::at(sso.stand, |body| {
        body["name"] = json!("Second");
        body["protocol"]["credentials"]["trust"]["issuer"] = json!("https://second.test/metadata");
    })
    .await;
    let mut spec = sso.spec(&sent.id, "ann@acme.test");
    spec.issuer = "https://second.test/metadata".to_owned();
    spec.assertion_issuer.clone_from(&spec.issuer);
    let page = sso.answer(&mut ann, &sent.relay_state, &spec).await;
    assert_eq!(
        page.status,
        StatusCode::BAD_REQUEST,
        "at its own address: {page:?}"
    );
    spec.destination = format!("{ORG}/sso/saml2/{}", first.0);
    spec.recipient.clone_from(&spec.destination);
    spec.audience = first.1;
    let page = sso.answer(&mut ann, &sent.relay_state, &spec).await;
    assert_eq!(
        page.status,
        StatusCode::BAD_REQUEST,
        "at the first one's: {page:?}"
    );
    assert_eq!(ann.session(&sso.stand).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn policy_decides_whether_a_factor_follows() {
    let mut sso = Sso::at(Stand::enrolled(Pipeline::Classic).await, |_| {}).await;
    let mut ann = Browser::new();
    let page = sso
        .answer(&mut ann, "/app/UserHome", &sso.spec("", "ann@acme.test"))
        .await;
    let token = page
        .location
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(
        ann.session(&sso.stand).await.status,
        StatusCode::NOT_FOUND,
        "no session before the factor"
    );
    let body = ann
        .post_json(
            &sso.stand,
            "/api/v1/authn/introspect",
            json!({ "stateToken": token }),
        )
        .await
        .json();
    assert_eq!(
        (
            &body["status"],
            &body["_embedded"]["factors"][0]["vendorName"]
        ),
        (&json!("MFA_REQUIRED"), &json!("Tacit"))
    );
    // A rule for this very provider comes first, and asks for nothing.
    let policy = json!({ "type": "OKTA_SIGN_ON", "name": "Trusona", "priority": 1 });
    let policy = sso
        .admin
        .made(&sso.stand, "POST", "/api/v1/policies", policy)
        .await;
    let rule = json!({ "type": "SIGN_ON", "name": "By the gateway", "conditions": { "identityProvider": { "provider": "SPECIFIC_IDP", "idpIds": [sso.id] } },
                       "actions": { "signon": { "access": "ALLOW", "requireFactor": false } } });
    let rules = format!("/api/v1/policies/{}/rules", policy["id"].as_str().unwrap());
    sso.admin.made(&sso.stand, "POST", &rules, rule).await;
    sso.stand.clock.advance(1);
    let mut spec = sso.spec("", "ben@acme.test");
    spec.signed = Signed::Assertion;
    let mut ben = Browser::new();
    // The assertion's identifier is the same as before; another provider's memory would not matter, this one's does.
    assert_eq!(
        sso.answer(&mut ben, "/app/UserHome", &spec).await.status,
        StatusCode::BAD_REQUEST
    );
    sso.route(suffix()).await;
    let sent = sso.leave(&mut ben, "ben@acme.test").await;
    let page = sso
        .answer(
            &mut ben,
            &sent.relay_state,
            &sso.spec(&sent.id, "ben@acme.test"),
        )
        .await;
    assert!(is_signed_in(
        &ben.follow(&sso.stand, page).await,
        "ben@acme.test"
    ));
    // With a password the factor is asked for as before.
    let mut again = Browser::new();
    let body = json!({ "username": "ann@acme.test", "password": common::PASSWORD });
    assert_eq!(
        again
            .post_json(&sso.stand, "/api/v1/authn", body)
            .await
            .json()["status"],
        "MFA_REQUIRED"
    );
}

#[tokio::test]
async fn an_account_is_made_only_where_the_provider_may_make_one() {
    for action in ["DISABLED", "AUTO"] {
        let mut sso = Sso::new(Pipeline::Classic, |body| {
            body["policy"]["provisioning"] = json!({ "action": action })
        })
        .await;
        let mut spec = sso.spec("", "cara@acme.test");
        spec.attributes = [
            ("email", "cara@acme.test"),
            ("firstName", "Cara"),
            ("lastName", "Example"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let mut cara = Browser::new();
        let page = sso.answer(&mut cara, "/app/UserHome", &spec).await;
        let page = cara.follow(&sso.stand, page).await;
        let user = sso
            .admin
            .call(&sso.stand, "GET", "/api/v1/users/cara", Value::Null)
            .await;
        if action == "AUTO" {
            assert!(
                page.body.contains("id=\"okta-user\">cara@acme.test"),
                "{page:?}"
            );
            assert_eq!(user.json()["status"], "ACTIVE");
        } else {
            assert!(page.url.contains("/login/login.htm"), "{page:?}");
            assert_eq!(user.status, StatusCode::NOT_FOUND);
            let reason = &sso
                .stand
                .last_event("user.authentication.auth_via_IDP")
                .await["outcome"]["reason"];
            assert_eq!(reason, "Unable to match the transformed username");
        }
    }
}

#[tokio::test]
async fn a_suspended_user_does_not_come_in_by_a_provider_and_a_switched_off_provider_lets_nobody_in()
 {
    let mut sso = Sso::new(Pipeline::Classic, |_| {}).await;
    sso.admin
        .made(
            &sso.stand,
            "POST",
            "/api/v1/users/ann/lifecycle/suspend",
            Value::Null,
        )
        .await;
    let page = sso
        .answer(&mut Browser::new(), "/", &sso.spec("", "ann@acme.test"))
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    sso.admin
        .made(
            &sso.stand,
            "POST",
            &format!("/api/v1/idps/{}/lifecycle/deactivate", sso.id),
            Value::Null,
        )
        .await;
    let page = sso
        .answer(&mut Browser::new(), "/", &sso.spec("", "ben@acme.test"))
        .await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_oidc_provider_signs_in_whom_its_subject_is_linked_to() {
    let key = Key::load("identity-provider.pem");
    let (jwks, nonce) = (key.jwks(), Arc::new(Mutex::new(String::new())));
    let asked = Arc::clone(&nonce);
    let receiver = Receiver::start(move |call| {
        if call.path == "/jwks" {
            return (200, jwks.clone());
        }
        let now = START / 1000;
        let claims = json!({ "iss": "https://byndid.test/v2", "aud": "client", "sub": "ann@acme.test", "nonce": *asked.lock().unwrap(),
                             "iat": now, "auth_time": now, "exp": now + 300 });
        let token = key.sign(&json!({ "alg": "RS256", "kid": "k1" }), &claims);
        (200, json!({ "access_token": "a", "token_type": "Bearer", "id_token": token }))
    })
    .await;
    let stand = Stand::with(|config| {
        config.idp = None;
        config.network.plain = true;
        config
            .network
            .hosts
            .insert("byndid.test".to_owned(), receiver.address);
    })
    .await;
    let mut admin = Browser::new();
    let body = json!({ "type": "OIDC", "name": "Beyond Identity", "protocol": { "type": "OIDC", "scopes": ["openid"],
        "issuer": { "url": "https://byndid.test/v2" },
        "endpoints": { "authorization": { "url": "https://byndid.test/authorize" }, "token": { "url": "https://byndid.test/token" },
                       "jwks": { "url": "https://byndid.test/jwks" } },
        "credentials": { "client": { "client_id": "client", "client_secret": "secret", "pkce_required": true } } },
        "policy": { "subject": { "userNameTemplate": { "template": "idpuser.externalId" } }, "maxClockSkew": 120_000 } });
    let idp = admin.made(&stand, "POST", "/api/v1/idps", body).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut ann = Browser::new();
    let page = ann
        .get(
            &stand,
            &format!("{ORG}/sso/idps/{idp}?fromURI=/app/UserHome&login_hint=ann%40acme.test"),
        )
        .await;
    let to = page.location.unwrap();
    let pairs: std::collections::HashMap<String, String> =
        form_urlencoded::parse(to.split_once('?').unwrap().1.as_bytes())
            .into_owned()
            .collect();
    assert_eq!(
        (
            pairs["login_hint"].as_str(),
            pairs["code_challenge_method"].as_str()
        ),
        ("ann@acme.test", "S256")
    );
    nonce.lock().unwrap().clone_from(&pairs["nonce"]);
    let state: String = form_urlencoded::byte_serialize(pairs["state"].as_bytes()).collect();
    let page = ann
        .visit(
            &stand,
            &format!("{ORG}/oauth2/v1/authorize/callback?code=c&state={state}"),
        )
        .await;
    assert!(
        page.body.contains("id=\"okta-user\">ann@acme.test"),
        "{page:?}"
    );
    let calls = receiver.wait_for("POST", 1).await;
    assert!(
        calls[0].body.contains("code_verifier=") && calls[0].body.contains("client_secret=secret")
    );
}
