//! The Classic pipeline, from the application to the application.

mod common;

use axum::http::StatusCode;
use common::identity_provider::{ResponseSpec, Sent};
use common::{APP, Browser, ORG, PASSWORD, Stand, path};
use okta_stand_in::Pipeline;
use serde_json::json;

#[tokio::test]
async fn an_enrolled_user_signs_in_with_one_trip_to_the_identity_provider() {
    let stand = Stand::enrolled(Pipeline::Classic).await;
    let mut ann = Browser::new();
    let sent = ann.leave_for_idp(&stand, "ann@acme.test").await;
    stand.clock.advance(1500);
    let spec = ResponseSpec::at_start(&stand, &sent);
    let page = ann.return_from_idp(&stand, &sent, &spec.sign()).await;
    let page = ann.follow(&stand, page).await;
    assert_eq!(page.url, format!("{APP}/"));
    assert!(
        page.body.contains("<p id=\"signed-in\">ann@acme.test</p>"),
        "{}",
        page.body
    );
    let session = ann.session(&stand).await;
    assert_eq!(session.status, StatusCode::OK);
    assert_eq!(session.json()["status"], "ACTIVE");
    assert_eq!(session.json()["login"], "ann@acme.test");
    assert_eq!(
        session.json()["amr"],
        json!(["pwd", "fed", "mfa", "swk", "pop"])
    );
    // With its session the browser needs no password for the next sign-in.
    let page = ann.visit(&stand, &format!("{APP}/login")).await;
    assert!(page.body.contains("id=\"signed-in\""));
}

#[tokio::test]
async fn the_first_sign_in_enrols_and_ends_with_finish() {
    let stand = Stand::classic().await;
    let mut ann = Browser::new();
    let body = ann.password(&stand, "ann@acme.test").await;
    assert_eq!(body["status"], "MFA_ENROLL");
    let factor = &body["_embedded"]["factors"][0];
    assert_eq!(factor["factorType"], "claims_provider");
    assert_eq!(factor["provider"], "CUSTOM");
    assert_eq!(factor["status"], "NOT_SETUP");
    let token = body["stateToken"].clone();

    let enrol =
        json!({ "factorType": "claims_provider", "provider": "CUSTOM", "stateToken": token });
    let body = ann
        .post_json(&stand, &path(&factor["_links"]["enroll"]["href"]), enrol)
        .await
        .json();
    assert_eq!(body["status"], "MFA_ENROLL_ACTIVATE");
    assert_eq!(body["_links"]["next"]["name"], "activate");
    let page = ann
        .get(&stand, body["_links"]["next"]["href"].as_str().unwrap())
        .await;
    let sent = Sent::from_post(&page);
    let page = ann
        .return_from_idp(&stand, &sent, &ResponseSpec::at_start(&stand, &sent).sign())
        .await;
    let page = ann.follow(&stand, page).await;
    assert_eq!(page.state_token(), token, "{page:?}");
    assert_eq!(
        ann.session(&stand).await.status,
        StatusCode::NOT_FOUND,
        "enrolling alone signs nobody in"
    );

    let state = json!({ "stateToken": token });
    let body = ann
        .post_json(&stand, "/api/v1/authn/introspect", state.clone())
        .await
        .json();
    assert_eq!(body["status"], "MFA_ENROLL");
    assert_eq!(body["_embedded"]["factors"][0]["status"], "ACTIVE");
    let body = ann
        .post_json(&stand, &path(&body["_links"]["skip"]["href"]), state)
        .await
        .json();
    assert_eq!(body["status"], "SUCCESS");
    let url = format!(
        "{ORG}/login/sessionCookieRedirect?token={}&redirectUrl={}",
        body["sessionToken"].as_str().unwrap(),
        form_urlencoded::byte_serialize(body["relayState"].as_str().unwrap().as_bytes())
            .collect::<String>(),
    );
    let page = ann.visit(&stand, &url).await;
    assert!(page.body.contains("id=\"signed-in\""), "{page:?}");
    assert_eq!(
        stand.last_event("user.mfa.factor.activate").await["outcome"]["result"],
        "SUCCESS"
    );
    let factors = Browser::new()
        .api(&stand, "/api/v1/users/ann/factors")
        .await
        .json();
    assert_eq!(factors[0]["status"], "ACTIVE");

    // A session token is good once.
    let page = Browser::new().visit(&stand, &url).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    // The second sign-in verifies.
    let body = Browser::new().password(&stand, "ANN@acme.test").await;
    assert_eq!(body["status"], "MFA_REQUIRED");
}

#[tokio::test]
async fn the_challenge_has_the_shape_that_the_widget_expects() {
    let stand = Stand::enrolled(Pipeline::Classic).await;
    let body = Browser::new().challenge(&stand, "ann@acme.test").await;
    let token = body["stateToken"].as_str().unwrap();
    assert!(token.starts_with("00") && token.len() == 42);
    assert_eq!(body["status"], "MFA_CHALLENGE");
    assert_eq!(body["expiresAt"], "2026-01-01T00:05:00.000Z");
    let factor = &body["_embedded"]["factor"];
    assert_eq!(factor["factorType"], "claims_provider");
    assert_eq!(factor["provider"], "CUSTOM");
    assert_eq!(factor["vendorName"], "Tacit");
    let policy = json!({ "allowRememberDevice": false, "rememberDeviceLifetimeInMinutes": 0,
                         "rememberDeviceByDefault": false, "factorsPolicyInfo": null });
    assert_eq!(body["_embedded"]["policy"], policy);
    let next = json!({ "name": "redirect", "hints": { "allow": ["GET"] },
                       "href": format!("{ORG}/sso/idps/0oa1tacitfactor00001?stateToken={token}") });
    assert_eq!(body["_links"]["next"], next);
    assert_eq!(
        body["_links"]["cancel"]["href"],
        format!("{ORG}/api/v1/authn/cancel")
    );
    assert_eq!(
        body["_links"]["prev"]["href"],
        format!("{ORG}/api/v1/authn/previous")
    );
}

#[tokio::test]
async fn a_failure_of_the_identity_provider_leads_back_to_the_verify_page() {
    let stand = Stand::enrolled(Pipeline::Classic).await;
    let mut ann = Browser::new();
    let sent = ann.leave_for_idp(&stand, "ann@acme.test").await;
    let mut spec = ResponseSpec::at_start(&stand, &sent);
    spec.status = "urn:oasis:names:tc:SAML:2.0:status:Responder".to_owned();
    let page = ann.return_from_idp(&stand, &sent, &spec.sign()).await;
    let page = ann.follow(&stand, page).await;
    let state = json!({ "stateToken": page.state_token() });
    let body = ann
        .post_json(&stand, "/api/v1/authn", state.clone())
        .await
        .json();
    assert_eq!(body["status"], "MFA_CHALLENGE");
    assert_eq!(body["factorResult"], "FAILED");
    assert_eq!(
        body["factorResultMessage"],
        "Unable to verify authenticator. Try again."
    );
    assert_eq!(
        stand.last_event("user.authentication.auth_via_mfa").await["outcome"]["result"],
        "FAILURE"
    );
    let body = ann
        .post_json(&stand, "/api/v1/authn/previous", state)
        .await
        .json();
    assert_eq!(body["status"], "MFA_REQUIRED");
}

#[tokio::test]
async fn passwords_are_checked_limited_and_locked() {
    let stand = Stand::classic().await;
    let mut browser = Browser::new();
    let attempt = |password: &str| json!({ "username": "ann@acme.test", "password": password });
    let page = browser
        .post_json(&stand, "/api/v1/authn", attempt("wrong"))
        .await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert_eq!(page.json()["errorCode"], "E0000004");
    assert_eq!(page.json()["errorSummary"], "Authentication failed");
    let event = stand.last_event("user.session.start").await;
    assert_eq!(
        event["outcome"],
        json!({ "result": "FAILURE", "reason": "INVALID_CREDENTIALS" })
    );

    for _ in 0..3 {
        browser
            .post_json(&stand, "/api/v1/authn", attempt("wrong"))
            .await;
    }
    let page = browser
        .post_json(&stand, "/api/v1/authn", attempt(PASSWORD))
        .await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(page.json()["errorCode"], "E0000047");
    for _ in 0..6 {
        stand.clock.advance(1000);
        browser
            .post_json(&stand, "/api/v1/authn", attempt("wrong"))
            .await;
    }
    stand.clock.advance(1000);
    let page = browser
        .post_json(&stand, "/api/v1/authn", attempt(PASSWORD))
        .await;
    assert_eq!(
        page.json()["errorCode"],
        "E0000004",
        "locked out after ten failures"
    );
    stand.clock.advance(5 * 60 * 1000);
    let page = browser
        .post_json(&stand, "/api/v1/authn", attempt(PASSWORD))
        .await;
    assert_eq!(page.status, StatusCode::OK);
}

#[tokio::test]
async fn a_transaction_ends_five_minutes_after_the_password() {
    let stand = Stand::enrolled(Pipeline::Classic).await;
    let mut ann = Browser::new();
    let body = ann.challenge(&stand, "ann@acme.test").await;
    let next = body["_links"]["next"]["href"].as_str().unwrap().to_owned();
    let sent = Sent::from_post(&ann.get(&stand, &next).await);
    stand.clock.advance(5 * 60 * 1000);
    let mut spec = ResponseSpec::at_start(&stand, &sent);
    spec.not_on_or_after += 3_600_000;
    spec.subject_not_on_or_after += 3_600_000;
    let page = ann.return_from_idp(&stand, &sent, &spec.sign()).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert_eq!(ann.get(&stand, &next).await.status, StatusCode::BAD_REQUEST);
    let page = ann
        .post_json(
            &stand,
            "/api/v1/authn",
            json!({ "stateToken": body["stateToken"] }),
        )
        .await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert_eq!(page.json()["errorCode"], "E0000011");
}

#[tokio::test]
async fn a_response_is_good_once() {
    let stand = Stand::enrolled(Pipeline::Classic).await;
    let mut ann = Browser::new();
    let sent = ann.leave_for_idp(&stand, "ann@acme.test").await;
    let response = ResponseSpec::at_start(&stand, &sent).sign();
    let first = ann.return_from_idp(&stand, &sent, &response).await;
    assert_eq!(first.status, StatusCode::FOUND);
    let mut other = Browser::new();
    let second = other.return_from_idp(&stand, &sent, &response).await;
    assert_eq!(second.status, StatusCode::BAD_REQUEST);
    assert_eq!(other.session(&stand).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_equal_responses_at_the_same_moment_one_counts() {
    let stand = std::sync::Arc::new(Stand::enrolled(Pipeline::Classic).await);
    let sent = Browser::new().leave_for_idp(&stand, "ann@acme.test").await;
    let response = ResponseSpec::at_start(&stand, &sent).sign();
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (stand, sent, response) = (
                std::sync::Arc::clone(&stand),
                sent.clone(),
                response.clone(),
            );
            tokio::spawn(async move {
                Browser::new()
                    .return_from_idp(&stand, &sent, &response)
                    .await
                    .status
            })
        })
        .collect();
    let mut accepted = 0;
    for task in tasks {
        accepted += usize::from(task.await.unwrap() == StatusCode::FOUND);
    }
    assert_eq!(accepted, 1);
}

#[tokio::test]
async fn each_trip_has_its_own_request_and_an_older_one_still_counts() {
    let stand = Stand::enrolled(Pipeline::Classic).await;
    let mut ann = Browser::new();
    let body = ann.challenge(&stand, "ann@acme.test").await;
    let next = body["_links"]["next"]["href"].as_str().unwrap();
    let first = Sent::from_post(&ann.get(&stand, next).await);
    let second = Sent::from_post(&ann.get(&stand, next).await);
    assert_ne!(first.id, second.id);
    assert_ne!(first.relay_state, second.relay_state);
    // The answer to one request does not fit the relay state of the other.
    let response = ResponseSpec::at_start(&stand, &first).sign();
    let page = ann.return_from_idp(&stand, &second, &response).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    let page = ann.return_from_idp(&stand, &first, &response).await;
    assert_eq!(page.status, StatusCode::FOUND);
    // And the transaction's other request died with it.
    let page = ann
        .return_from_idp(
            &stand,
            &second,
            &ResponseSpec::at_start(&stand, &second).sign(),
        )
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn nothing_is_allowed_out_of_order() {
    let stand = Stand::classic().await;
    let mut ann = Browser::new();
    let body = ann.password(&stand, "ann@acme.test").await;
    let state = json!({ "stateToken": body["stateToken"] });
    for path in ["/api/v1/authn/skip", "/api/v1/authn/previous"] {
        let page = ann.post_json(&stand, path, state.clone()).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(page.json()["errorCode"], "E0000079");
    }
    let url = format!(
        "{ORG}/sso/idps/{}?stateToken={}",
        stand.idp().id,
        body["stateToken"].as_str().unwrap()
    );
    assert_eq!(ann.get(&stand, &url).await.status, StatusCode::BAD_REQUEST);
    let page = ann
        .post_json(&stand, "/api/v1/authn/cancel", state.clone())
        .await;
    assert_eq!(page.status, StatusCode::OK);
    let page = ann.post_json(&stand, "/api/v1/authn", state).await;
    assert_eq!(page.json()["errorCode"], "E0000011");
}

#[tokio::test]
async fn bad_bodies_get_okta_errors() {
    let stand = Stand::classic().await;
    let mut browser = Browser::new();
    let page = browser
        .post_json(&stand, "/api/v1/authn", json!("text"))
        .await;
    assert_eq!(
        (page.status, page.json()["errorCode"].clone()),
        (StatusCode::BAD_REQUEST, json!("E0000003"))
    );
    let page = browser
        .post_json(&stand, "/api/v1/authn", json!({ "password": "x" }))
        .await;
    assert_eq!(page.json()["errorCode"], "E0000001");
    let page = browser.get(&stand, &format!("{ORG}/api/v1/authn")).await;
    assert_eq!(
        (page.status, page.json()["errorCode"].clone()),
        (StatusCode::METHOD_NOT_ALLOWED, json!("E0000022"))
    );
    let page = browser.get(&stand, &format!("{ORG}/api/v1/nothing")).await;
    assert_eq!(
        (page.status, page.json()["errorCode"].clone()),
        (StatusCode::NOT_FOUND, json!("E0000007"))
    );
    let page = browser
        .post_form(&stand, &stand.acs_url(), &[("RelayState", "x")])
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.body.contains("Error Code: GENERAL_NONSUCCESS"));
}

#[tokio::test]
async fn redirects_never_leave_the_two_sites() {
    let stand = Stand::enrolled(Pipeline::Classic).await;
    for evil in [
        "https://evil.test/",
        "//evil.test",
        "/\\evil.test",
        "javascript:alert(1)",
    ] {
        let mut ann = Browser::new();
        let body = json!({ "username": "ann@acme.test", "password": PASSWORD, "relayState": evil });
        let body = ann.post_json(&stand, "/api/v1/authn", body).await.json();
        assert_eq!(body["relayState"], "/app/UserHome", "{evil}");
        stand.clock.advance(1000);
        let url: String = form_urlencoded::byte_serialize(evil.as_bytes()).collect();
        let page = ann
            .get(&stand, &format!("{ORG}/login/signout?fromURI={url}"))
            .await;
        assert_eq!(page.location.as_deref(), Some(format!("{ORG}/").as_str()));
    }
}
