//! The System Log: what the demo computes its timeline from.

mod common;

use axum::http::StatusCode;
use common::identity_provider::ResponseSpec;
use common::{Browser, ORG, START, Stand};
use okta_stand_in::Pipeline;
use serde_json::json;

async fn signed_in() -> Stand {
    let stand = Stand::enrolled(Pipeline::Classic).await;
    let mut ann = Browser::new();
    let body = ann.password(&stand, "ann@acme.test").await;
    stand.clock.advance(100);
    let factor = body["_embedded"]["factors"][0]["_links"]["verify"]["href"].clone();
    let state = json!({ "stateToken": body["stateToken"] });
    let body = ann
        .post_json(&stand, &common::path(&factor), state)
        .await
        .json();
    let page = ann
        .get(&stand, body["_links"]["next"]["href"].as_str().unwrap())
        .await;
    let sent = common::identity_provider::Sent::from_post(&page);
    stand.clock.advance(900);
    let page = ann
        .return_from_idp(&stand, &sent, &ResponseSpec::at_start(&stand, &sent).sign())
        .await;
    ann.follow(&stand, page).await;
    stand
}

#[tokio::test]
async fn a_sign_in_leaves_its_events_and_its_moments() {
    let stand = signed_in().await;
    let log = stand.log().await;
    let events: Vec<(&str, &str)> = log
        .iter()
        .map(|e| {
            (
                e["eventType"].as_str().unwrap(),
                e["outcome"]["result"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        events,
        [
            ("policy.evaluate_sign_on", "CHALLENGE"),
            ("user.authentication.auth_via_IDP", "SUCCESS"),
            ("user.authentication.auth_via_inbound_SAML", "SUCCESS"),
            ("user.authentication.auth_via_mfa", "SUCCESS"),
            ("user.session.start", "SUCCESS"),
            ("user.authentication.sso", "SUCCESS"),
        ]
    );
    let start = &log[4];
    assert_eq!(start["published"], "2026-01-01T00:00:01.000Z");
    assert_eq!(start["actor"]["alternateId"], "ann@acme.test");
    let data = &start["debugContext"]["debugData"];
    assert_eq!(data["password_ok"], START);
    assert_eq!(data["idp_redirect"], START + 100);
    assert_eq!(data["acs_received"], START + 1000);
    assert_eq!(data["session_created"], START + 1000);
    assert_eq!(data["transactionId"], start["transaction"]["id"]);
    assert!(data["requestId"].as_str().unwrap().starts_with("id"));
    assert!(
        log.iter()
            .all(|event| event["transaction"]["id"] == start["transaction"]["id"])
    );
    let text = serde_json::to_string(&log).unwrap();
    assert!(!text.contains("stateToken") && !text.contains(common::PASSWORD));
}

#[tokio::test]
async fn polling_always_has_a_next_link_that_goes_on_where_it_ended() {
    let stand = signed_in().await;
    let mut admin = Browser::new();
    let page = admin.api(&stand, "/api/v1/logs?limit=4").await;
    assert_eq!(page.json().as_array().unwrap().len(), 4);
    let page = admin.api(&stand, &next(&page.links)).await;
    assert_eq!(page.json().as_array().unwrap().len(), 2);
    let page = admin.api(&stand, &next(&page.links)).await;
    assert_eq!(page.json(), json!([]));
    let url = next(&page.links);
    admin.get(&stand, &format!("{ORG}/login/signout")).await;
    let wrong = json!({ "username": "ben@acme.test", "password": "wrong" });
    admin.post_json(&stand, "/api/v1/authn", wrong).await;
    let page = admin.api(&stand, &url).await;
    assert_eq!(page.json()[0]["actor"]["alternateId"], "ben@acme.test");
}

#[tokio::test]
async fn since_filter_and_order_select() {
    let stand = signed_in().await;
    let mut admin = Browser::new();
    let page = admin
        .api(&stand, "/api/v1/logs?since=2026-01-01T00:00:00.500Z")
        .await;
    assert_eq!(page.json().as_array().unwrap().len(), 5);
    let page = admin
        .api(
            &stand,
            "/api/v1/logs?filter=eventType%20eq%20%22user.session.start%22",
        )
        .await;
    assert_eq!(page.json().as_array().unwrap().len(), 1);
    let page = admin
        .api(&stand, "/api/v1/logs?sortOrder=DESCENDING&limit=1")
        .await;
    assert_eq!(page.json()[0]["eventType"], "user.authentication.sso");
}

#[tokio::test]
async fn who_asks_wrongly_gets_an_e_code() {
    let stand = Stand::classic().await;
    let mut admin = Browser::new();
    for (path, code) in [
        ("/api/v1/logs?since=yesterday", "E0000031"),
        ("/api/v1/logs?filter=actor", "E0000031"),
        ("/api/v1/logs?limit=1001", "E0000001"),
        ("/api/v1/idps/0oaother/metadata.xml", "E0000007"),
        ("/api/v1/users/nobody", "E0000007"),
    ] {
        assert_eq!(
            admin.api(&stand, path).await.json()["errorCode"],
            code,
            "{path}"
        );
    }
    let page = admin.get(&stand, &format!("{ORG}/api/v1/logs")).await;
    assert_eq!(page.json()["errorCode"], "E0000005");
    let headers = [(
        axum::http::header::AUTHORIZATION,
        "SSWS 00wrongwrongwrongwrong",
    )];
    let url = format!("{ORG}/api/v1/logs");
    let page = admin
        .send(
            &stand,
            axum::http::Method::GET,
            &url,
            &headers,
            String::new(),
        )
        .await;
    assert_eq!(
        (page.status, page.json()["errorCode"].as_str()),
        (StatusCode::UNAUTHORIZED, Some("E0000011"))
    );
    let page = admin.session(&stand).await;
    assert_eq!(
        (page.status, page.json()["errorCode"].as_str()),
        (StatusCode::NOT_FOUND, Some("E0000007"))
    );
}

#[tokio::test]
async fn users_and_groups_can_be_read() {
    let stand = Stand::classic().await;
    let mut admin = Browser::new();
    let user = admin
        .api(&stand, "/api/v1/users/ann@acme.test")
        .await
        .json();
    assert_eq!(user["status"], "ACTIVE");
    let id = user["id"].as_str().unwrap();
    let groups = admin
        .api(&stand, &format!("/api/v1/users/{id}/groups"))
        .await
        .json();
    assert_eq!(groups[0]["profile"]["name"], "Everyone");
    assert_eq!(groups[1]["profile"]["name"], "staff");
    assert_eq!(
        admin
            .api(&stand, "/api/v1/users")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

fn next(links: &[String]) -> String {
    let link = links
        .iter()
        .find(|link| link.ends_with("rel=\"next\""))
        .expect("a next link");
    link.trim_start_matches('<')
        .split('>')
        .next()
        .unwrap()
        .trim_start_matches(ORG)
        .to_owned()
}
