//! The Identity Engine pipeline: IDX bodies as Okta's widget reads them.

mod common;

use axum::http::StatusCode;
use common::identity_provider::{ResponseSpec, Sent};
use common::{Browser, ORG, PASSWORD, Page, Stand};
use okta_stand_in::Pipeline;
use serde_json::{Value, json};

async fn call(browser: &mut Browser, stand: &Stand, step: &str, body: Value) -> Page {
    browser
        .post_json(stand, &format!("/idp/idx/{step}"), body)
        .await
}

fn remediation(body: &Value, name: &str) -> Value {
    let entries = body["remediation"]["value"]
        .as_array()
        .unwrap_or_else(|| panic!("{body}"));
    entries
        .iter()
        .find(|entry| entry["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {body}"))
        .clone()
}

async fn sign_in(browser: &mut Browser, stand: &Stand) -> (String, Value) {
    let handle = browser.start(stand).await.state_token();
    let body = json!({ "stateHandle": handle, "identifier": "ann@acme.test",
                       "credentials": { "passcode": PASSWORD } });
    (handle, call(browser, stand, "identify", body).await.json())
}

#[tokio::test]
async fn an_enrolled_user_gets_the_redirect_and_then_a_session() {
    let stand = Stand::enrolled(Pipeline::Oie).await;
    let mut ann = Browser::new();
    let page = ann.start(&stand).await;
    assert!(
        !page.url.contains("stateToken") && page.url.contains("/app/workplace/"),
        "{}",
        page.url
    );
    let handle = page.state_token();
    assert!(handle.starts_with("02") && handle.len() == 42);

    let page = call(
        &mut ann,
        &stand,
        "introspect",
        json!({ "stateToken": handle }),
    )
    .await;
    assert_eq!(
        page.content_type,
        "application/ion+json; okta-version=1.0.0"
    );
    let body = page.json();
    assert_eq!(body["version"], "1.0.0");
    assert_eq!(body["intent"], "LOGIN");
    assert_eq!(body["stateHandle"], handle);
    let identify = remediation(&body, "identify");
    assert_eq!(identify["rel"], json!(["create-form"]));
    assert_eq!(identify["href"], format!("{ORG}/idp/idx/identify"));
    let names: Vec<&str> = identify["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["identifier", "credentials", "stateHandle"]);

    let identify = json!({ "stateHandle": handle, "identifier": "ann@acme.test",
                           "credentials": { "passcode": PASSWORD } });
    let body = call(&mut ann, &stand, "identify", identify).await.json();
    let redirect = remediation(&body, "redirect-idp");
    let href = format!("{ORG}/sso/idps/0oa1tacitfactor00001?stateToken={handle}");
    assert_eq!(
        redirect,
        json!({ "name": "redirect-idp", "type": "SAML2", "idp": { "id": "0oa1tacitfactor00001", "name": "Tacit" },
                "href": href, "method": "GET", "relatesTo": ["$.currentAuthenticatorEnrollment"] })
    );
    let authenticator = &body["currentAuthenticatorEnrollment"]["value"];
    assert_eq!(authenticator["key"], "external_idp");
    assert_eq!(authenticator["type"], "federated");
    assert_eq!(authenticator["methods"], json!([{ "type": "idp" }]));
    let select = remediation(&body, "select-authenticator-authenticate");
    assert_eq!(select["href"], format!("{ORG}/idp/idx/challenge"));
    let chosen = &select["value"][0]["options"][0]["value"]["form"]["value"][0]["value"];
    assert_eq!(*chosen, authenticator["id"]);
    let challenge = json!({ "stateHandle": handle, "authenticator": { "id": chosen } });
    let body = call(&mut ann, &stand, "challenge", challenge).await.json();

    let href = remediation(&body, "redirect-idp")["href"]
        .as_str()
        .unwrap()
        .to_owned();
    let sent = Sent::from_post(&ann.get(&stand, &href).await);
    let page = ann
        .return_from_idp(&stand, &sent, &ResponseSpec::at_start(&stand, &sent).sign())
        .await;
    let page = ann.follow(&stand, page).await;
    assert!(
        page.body.contains("<p id=\"signed-in\">ann@acme.test</p>"),
        "{page:?}"
    );
    assert_eq!(ann.session(&stand).await.json()["status"], "ACTIVE");
    // For Identity Engine the password writes an event of its own.
    let log = stand.log().await;
    let mfa: Vec<&Value> = log
        .iter()
        .filter(|e| e["eventType"] == "user.authentication.auth_via_mfa")
        .collect();
    let types: Vec<&Value> = mfa
        .iter()
        .map(|e| &e["authenticationContext"]["credentialType"])
        .collect();
    assert_eq!(types, ["PASSWORD", "ASSERTION"]);
}

#[tokio::test]
async fn the_first_sign_in_enrols() {
    let stand = Stand::with(|config| config.pipeline = Pipeline::Oie).await;
    let mut ann = Browser::new();
    let (handle, body) = sign_in(&mut ann, &stand).await;
    let select = remediation(&body, "select-authenticator-enroll");
    assert_eq!(select["href"], format!("{ORG}/idp/idx/credential/enroll"));
    let id = select["value"][0]["options"][0]["value"]["form"]["value"][0]["value"].clone();
    let enrol = json!({ "stateHandle": handle, "authenticator": { "id": id } });
    let body = call(&mut ann, &stand, "credential/enroll", enrol)
        .await
        .json();
    let redirect = remediation(&body, "redirect-idp");
    assert_eq!(redirect["relatesTo"], json!(["$.currentAuthenticator"]));
    assert_eq!(
        body["enrollmentAuthenticator"]["value"]["key"],
        "external_idp"
    );

    let sent = Sent::from_post(&ann.get(&stand, redirect["href"].as_str().unwrap()).await);
    let page = ann
        .return_from_idp(&stand, &sent, &ResponseSpec::at_start(&stand, &sent).sign())
        .await;
    let page = ann.follow(&stand, page).await;
    assert_eq!(page.state_token(), handle);
    let body = call(
        &mut ann,
        &stand,
        "introspect",
        json!({ "stateToken": handle }),
    )
    .await
    .json();
    assert_eq!(body["success"]["name"], "success-redirect");
    let page = ann
        .visit(&stand, body["success"]["href"].as_str().unwrap())
        .await;
    assert!(page.body.contains("id=\"signed-in\""), "{page:?}");
}

#[tokio::test]
async fn a_failure_comes_back_as_a_message() {
    for (enrolled, text, key) in [
        (
            true,
            "Unable to verify authenticator. Try again.",
            "oie.authenticator.verify.error.fail",
        ),
        (
            false,
            "Unable to enroll authenticator. Try again.",
            "oie.authenticator.enroll.error.fail",
        ),
    ] {
        let stand = Stand::with(|config| {
            config.pipeline = Pipeline::Oie;
            config.users[0].enrolled = enrolled;
        })
        .await;
        let mut ann = Browser::new();
        let (handle, mut body) = sign_in(&mut ann, &stand).await;
        if !enrolled {
            let id = body["authenticators"]["value"][0]["id"].clone();
            let enrol = json!({ "stateHandle": handle, "authenticator": { "id": id } });
            body = call(&mut ann, &stand, "credential/enroll", enrol)
                .await
                .json();
        }
        let href = remediation(&body, "redirect-idp")["href"]
            .as_str()
            .unwrap()
            .to_owned();
        let sent = Sent::from_post(&ann.get(&stand, &href).await);
        let mut spec = ResponseSpec::at_start(&stand, &sent);
        spec.status = "urn:oasis:names:tc:SAML:2.0:status:Responder".to_owned();
        ann.return_from_idp(&stand, &sent, &spec.sign()).await;
        let body = call(
            &mut ann,
            &stand,
            "introspect",
            json!({ "stateHandle": handle }),
        )
        .await
        .json();
        let message =
            json!({ "message": text, "i18n": { "key": key, "params": [] }, "class": "ERROR" });
        assert_eq!(body["messages"]["value"][0], message);
        remediation(&body, "redirect-idp");
    }
}

#[tokio::test]
async fn identifier_first_asks_for_the_password_afterwards() {
    let stand = Stand::enrolled(Pipeline::Oie).await;
    let mut ann = Browser::new();
    let handle = ann.start(&stand).await.state_token();
    let identify = json!({ "stateHandle": handle, "identifier": "ann@acme.test" });
    let body = call(&mut ann, &stand, "identify", identify).await.json();
    let answer = remediation(&body, "challenge-authenticator");
    assert_eq!(answer["href"], format!("{ORG}/idp/idx/challenge/answer"));
    let wrong = json!({ "stateHandle": handle, "credentials": { "passcode": "wrong" } });
    let page = call(&mut ann, &stand, "challenge/answer", wrong).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        page.json()["messages"]["value"][0]["i18n"]["key"],
        "errors.E0000004"
    );
    let right = json!({ "stateHandle": handle, "credentials": { "passcode": PASSWORD } });
    let body = call(&mut ann, &stand, "challenge/answer", right)
        .await
        .json();
    remediation(&body, "redirect-idp");
}

#[tokio::test]
async fn a_wrong_password_keeps_the_form() {
    let stand = Stand::enrolled(Pipeline::Oie).await;
    let mut ann = Browser::new();
    let handle = ann.start(&stand).await.state_token();
    let identify = json!({ "stateHandle": handle, "identifier": "nobody@acme.test",
                           "credentials": { "passcode": PASSWORD } });
    let page = call(&mut ann, &stand, "identify", identify).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        page.json()["messages"]["value"][0]["message"],
        "Unable to sign in"
    );
    remediation(&page.json(), "identify");
}

#[tokio::test]
async fn expiry_and_wrong_order_are_idx_errors() {
    let stand = Stand::enrolled(Pipeline::Oie).await;
    let mut ann = Browser::new();
    let (handle, body) = sign_in(&mut ann, &stand).await;
    // Enrolled already: it cannot be enrolled once more.
    let id = body["authenticators"]["value"][0]["id"].clone();
    let enrol = json!({ "stateHandle": handle, "authenticator": { "id": id } });
    let page = call(&mut ann, &stand, "credential/enroll", enrol).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert_eq!(
        page.json()["messages"]["value"][0]["i18n"]["key"],
        "idx.operation.not.allowed"
    );
    let page = call(&mut ann, &stand, "cancel", json!({ "stateHandle": handle })).await;
    let fresh = page.json()["stateHandle"].as_str().unwrap().to_owned();
    assert_ne!(fresh, handle);
    let page = call(
        &mut ann,
        &stand,
        "introspect",
        json!({ "stateHandle": handle }),
    )
    .await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        page.json()["messages"]["value"][0]["i18n"]["key"],
        "idx.session.expired"
    );
    stand.clock.advance(60 * 60 * 1000);
    let page = call(
        &mut ann,
        &stand,
        "introspect",
        json!({ "stateHandle": fresh }),
    )
    .await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_interfaces_of_the_two_pipelines_do_not_mix() {
    let stand = Stand::enrolled(Pipeline::Oie).await;
    let mut ann = Browser::new();
    let (handle, _) = sign_in(&mut ann, &stand).await;
    let page = ann
        .post_json(&stand, "/api/v1/authn", json!({ "stateToken": handle }))
        .await;
    assert_eq!(page.json()["errorCode"], "E0000011");
    let organization = ann
        .get(&stand, &format!("{ORG}/.well-known/okta-organization"))
        .await
        .json();
    assert_eq!(organization["pipeline"], "idx");
}
