//! The attack that the stand-in deliberately lets through, because Okta may. Only the
//! product in between can stop it.

mod common;

use axum::http::StatusCode;
use common::identity_provider::{ResponseSpec, Sent};
use common::{APP, Browser, ORG, Stand};
use okta_stand_in::Pipeline;
use serde_json::json;

/// The attacker knows Ann's password and sends her a link with his state token.
#[tokio::test]
async fn who_holds_the_state_token_gets_the_session_when_another_browser_answers_the_factor() {
    let stand = Stand::enrolled(Pipeline::Classic).await;
    let (mut attacker, mut ann) = (Browser::new(), Browser::new());
    let body = attacker.challenge(&stand, "ann@acme.test").await;
    let link = body["_links"]["next"]["href"].as_str().unwrap();
    let state = json!({ "stateToken": body["stateToken"] });

    let sent = Sent::from_post(&ann.get(&stand, link).await);
    let page = ann
        .return_from_idp(&stand, &sent, &ResponseSpec::at_start(&stand, &sent).sign())
        .await;
    assert_eq!(page.status, StatusCode::FOUND);
    assert_eq!(ann.session(&stand).await.status, StatusCode::OK);

    let body = attacker
        .post_json(&stand, "/api/v1/authn", state.clone())
        .await
        .json();
    assert_eq!(body["status"], "SUCCESS", "{body}");
    let from_uri = form_urlencoded::byte_serialize(body["relayState"].as_str().unwrap().as_bytes());
    let url = format!(
        "{ORG}/login/sessionCookieRedirect?token={}&redirectUrl={}",
        body["sessionToken"].as_str().unwrap(),
        from_uri.collect::<String>()
    );
    let page = attacker.visit(&stand, &url).await;
    assert_eq!(page.url, format!("{APP}/"));
    assert!(page.body.contains("<p id=\"signed-in\">ann@acme.test</p>"));
    assert_eq!(
        attacker.session(&stand).await.json()["login"],
        "ann@acme.test"
    );

    // Once: the state token is used up now.
    let again = attacker.post_json(&stand, "/api/v1/authn", state).await;
    assert_eq!(again.json()["errorCode"], "E0000011");
}

#[tokio::test]
async fn the_same_holds_for_identity_engine() {
    let stand = Stand::enrolled(Pipeline::Oie).await;
    let (mut attacker, mut ann) = (Browser::new(), Browser::new());
    let handle = attacker.start(&stand).await.state_token();
    let identify = json!({ "stateHandle": handle, "identifier": "ann@acme.test",
                           "credentials": { "passcode": common::PASSWORD } });
    let body = attacker
        .post_json(&stand, "/idp/idx/identify", identify)
        .await
        .json();
    let link = body["remediation"]["value"][0]["href"]
        .as_str()
        .unwrap()
        .to_owned();

    let sent = Sent::from_post(&ann.get(&stand, &link).await);
    let page = ann
        .return_from_idp(&stand, &sent, &ResponseSpec::at_start(&stand, &sent).sign())
        .await;
    assert_eq!(page.status, StatusCode::FOUND);

    let body = attacker
        .post_json(
            &stand,
            "/idp/idx/introspect",
            json!({ "stateHandle": handle }),
        )
        .await
        .json();
    let page = attacker
        .visit(&stand, body["success"]["href"].as_str().unwrap())
        .await;
    assert!(
        page.body.contains("<p id=\"signed-in\">ann@acme.test</p>"),
        "{page:?}"
    );
    let again = attacker
        .get(&stand, body["success"]["href"].as_str().unwrap())
        .await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
}

/// The page that comes back after the identity provider is another way in for a link.
#[tokio::test]
async fn the_page_of_a_running_transaction_opens_in_any_browser() {
    let stand = Stand::enrolled(Pipeline::Classic).await;
    let body = Browser::new().challenge(&stand, "ann@acme.test").await;
    let token = body["stateToken"].as_str().unwrap();
    let page = Browser::new()
        .get(&stand, &format!("{ORG}/signin/refresh-auth-state/{token}"))
        .await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.state_token(), token);
}

#[tokio::test]
async fn the_application_refuses_a_sign_in_that_another_browser_began() {
    let stand = Stand::enrolled(Pipeline::Classic).await;
    let (mut attacker, mut ann) = (Browser::new(), Browser::new());
    let body = attacker.challenge(&stand, "ann@acme.test").await;
    let sent = Sent::from_post(
        &ann.get(&stand, body["_links"]["next"]["href"].as_str().unwrap())
            .await,
    );
    let page = ann
        .return_from_idp(&stand, &sent, &ResponseSpec::at_start(&stand, &sent).sign())
        .await;
    let page = ann.follow(&stand, page).await;
    assert!(
        page.body
            .contains("This sign-in was not started in this browser."),
        "{page:?}"
    );
}
