//! The gate: who may come in, rate limits, and faults on demand.

use axum::http::{Method, header};
use okta_stand_in::Pipeline;
use serde_json::{Value, json};

use super::common::{Browser, ORG};
use super::empty;

#[tokio::test]
async fn the_gate_answers_as_okta_does() {
    let (stand, mut admin) = (empty(Pipeline::Classic, None).await, Browser::new());
    let token = format!("SSWS {}", stand.config.api_token);
    let url = format!("{ORG}/api/v1/groups");
    let auth = (header::AUTHORIZATION, token.as_str());
    let none: &[(header::HeaderName, &str)] = &[];
    let body = json!({ "profile": { "name": "G" } }).to_string();
    for (method, headers, body, status, code) in [
        (Method::GET, none.to_vec(), String::new(), 403, "E0000005"),
        (
            Method::GET,
            vec![(header::AUTHORIZATION, "SSWS 00wrong")],
            String::new(),
            401,
            "E0000011",
        ),
        (
            Method::GET,
            vec![(header::AUTHORIZATION, "Bearer wrong")],
            String::new(),
            401,
            "E0000011",
        ),
        (
            Method::GET,
            vec![auth.clone(), (header::ACCEPT, "text/csv")],
            String::new(),
            406,
            "E0000149",
        ),
        (
            Method::POST,
            vec![auth.clone()],
            String::new(),
            411,
            "E0000018",
        ),
        (
            Method::POST,
            vec![auth.clone(), (header::CONTENT_TYPE, "text/plain")],
            body.clone(),
            400,
            "E0000021",
        ),
        (
            Method::POST,
            vec![auth.clone()],
            "{".to_owned(),
            400,
            "E0000003",
        ),
        (
            Method::PATCH,
            vec![auth.clone()],
            body.clone(),
            405,
            "E0000022",
        ),
    ] {
        let page = admin
            .send(&stand, method.clone(), &url, &headers, body)
            .await;
        let found = (
            page.status.as_u16(),
            page.json()["errorCode"].as_str().unwrap().to_owned(),
        );
        assert_eq!(found, (status, code.to_owned()), "{method} {headers:?}");
    }
    let page = admin
        .call(&stand, "GET", "/api/v1/groups", Value::Null)
        .await;
    for name in [
        "x-okta-request-id",
        "x-rate-limit-limit",
        "x-rate-limit-remaining",
        "x-rate-limit-reset",
    ] {
        assert!(page.headers.contains_key(name), "{name}");
    }
    let stranger = Browser::new()
        .get(&stand, &format!("{ORG}/stand-in/admin/requests"))
        .await;
    assert_eq!(stranger.status.as_u16(), 401);
}

#[tokio::test]
async fn a_rate_limit_ends_with_its_minute() {
    let (stand, mut admin) = (empty(Pipeline::Classic, None).await, Browser::new());
    admin
        .made(
            &stand,
            "PUT",
            "/stand-in/admin/settings",
            json!({ "rate_limit": 3 }),
        )
        .await;
    for n in 0..3 {
        let page = admin
            .call(&stand, "GET", "/api/v1/users", Value::Null)
            .await;
        assert_eq!(page.headers["x-rate-limit-remaining"], (2 - n).to_string());
    }
    let page = admin
        .call(&stand, "GET", "/api/v1/users", Value::Null)
        .await;
    assert_eq!(
        (page.status.as_u16(), page.json()["errorCode"].as_str()),
        (429, Some("E0000047"))
    );
    let reset: i64 = page.headers["x-rate-limit-reset"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(reset * 1000 > stand.clock.now() && reset * 1000 <= stand.clock.now() + 60_000);
    // Another family has a limit of its own.
    admin
        .made(&stand, "GET", "/api/v1/groups", Value::Null)
        .await;
    stand.clock.advance(60_000);
    admin
        .made(&stand, "GET", "/api/v1/users", Value::Null)
        .await;
}

#[tokio::test]
async fn a_lost_answer_has_taken_effect_and_a_refused_request_has_not() {
    let (stand, mut admin) = (empty(Pipeline::Classic, None).await, Browser::new());
    let group = |name: &str| json!({ "profile": { "name": name } });
    let fault = |kind: Value| {
        let mut fault = json!({ "method": "POST", "path": "/api/v1/groups" });
        fault
            .as_object_mut()
            .unwrap()
            .extend(kind.as_object().unwrap().clone());
        fault
    };
    for (kind, name, status) in [
        (json!({ "kind": "lost_answer", "status": 503 }), "lost", 503),
        (json!({ "kind": "status", "status": 500 }), "refused", 500),
        (
            json!({ "kind": "rate_limit", "reset_seconds": 2 }),
            "late",
            429,
        ),
    ] {
        admin
            .made(&stand, "POST", "/stand-in/admin/faults", fault(kind))
            .await;
        assert_eq!(
            admin
                .call(&stand, "POST", "/api/v1/groups", group(name))
                .await
                .status
                .as_u16(),
            status
        );
    }
    let names = admin
        .made(&stand, "GET", "/api/v1/groups", Value::Null)
        .await;
    let names: Vec<&str> = names
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["profile"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Everyone", "staff", "lost"]);
    let journal = admin
        .made(&stand, "GET", "/stand-in/admin/requests", Value::Null)
        .await;
    let posts: Vec<(&Value, &Value)> = journal
        .as_array()
        .unwrap()
        .iter()
        .filter(|note| note["method"] == "POST" && note["path"] == "/api/v1/groups")
        .map(|note| (&note["effect"], &note["status"]))
        .collect();
    assert_eq!(
        posts,
        [
            (&json!(200), &json!(503)),
            (&Value::Null, &json!(500)),
            (&Value::Null, &json!(429))
        ]
    );
    assert_eq!(
        admin
            .refused(
                &stand,
                "POST",
                "/stand-in/admin/faults",
                fault(json!({ "kind": "status", "status": 200 }))
            )
            .await
            .0,
        400
    );
    admin
        .made(&stand, "POST", "/api/v1/groups", group("after"))
        .await;
}
