//! What an organiser sets up: identity providers, policies, authenticators, origins.

use okta_stand_in::Pipeline;
use serde_json::{Value, json};

use super::common::{Browser, Stand, test_only_key};
use super::empty;

async fn upload(admin: &mut Browser, stand: &Stand) -> String {
    let pem = std::fs::read_to_string(test_only_key("identity-provider.cert.pem")).unwrap();
    let text: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let key = admin
        .made(
            stand,
            "POST",
            "/api/v1/idps/credentials/keys",
            json!({ "x5c": [text] }),
        )
        .await;
    let again = admin
        .refused(
            stand,
            "POST",
            "/api/v1/idps/credentials/keys",
            json!({ "x5c": [text] }),
        )
        .await;
    assert_eq!(again, (409, "E0000096".to_owned()));
    key["kid"].as_str().unwrap().to_owned()
}

fn saml(name: &str, kid: &str) -> Value {
    json!({ "type": "SAML2", "name": name, "protocol": { "type": "SAML2",
        "endpoints": { "sso": { "url": "https://login.tacit-idp.test/sso", "binding": "HTTP-POST" } },
        "credentials": { "trust": { "issuer": "https://login.tacit-idp.test/metadata", "kid": kid } } },
        "policy": { "subject": { "userNameTemplate": { "template": "idpuser.subjectNameId" } }, "maxClockSkew": 120_000 } })
}

#[tokio::test]
async fn a_provider_needs_its_key_and_its_own_name() {
    let (stand, mut admin) = (empty(Pipeline::Oie, None).await, Browser::new());
    assert_eq!(
        admin
            .refused(&stand, "POST", "/api/v1/idps", saml("Tacit", "no-such-key"))
            .await,
        (400, "E0000001".to_owned())
    );
    let broken = json!({ "x5c": ["MIIB"] });
    assert_eq!(
        admin
            .refused(&stand, "POST", "/api/v1/idps/credentials/keys", broken)
            .await
            .1,
        "E0000001"
    );
    let kid = upload(&mut admin, &stand).await;
    let idp = admin
        .made(&stand, "POST", "/api/v1/idps", saml("Tacit", &kid))
        .await;
    let path = format!("/api/v1/idps/{}", idp["id"].as_str().unwrap());
    let audience = idp["protocol"]["credentials"]["trust"]["audience"]
        .as_str()
        .unwrap();
    let metadata = admin
        .call(&stand, "GET", &format!("{path}/metadata.xml"), Value::Null)
        .await;
    assert!(
        metadata.body.contains(&format!("entityID=\"{audience}\"")),
        "{metadata:?}"
    );
    assert_eq!(
        admin
            .refused(&stand, "POST", "/api/v1/idps", saml("Tacit", &kid))
            .await
            .1,
        "E0000001"
    );
    assert_eq!(
        admin
            .refused(
                &stand,
                "DELETE",
                &format!("/api/v1/idps/credentials/keys/{kid}"),
                Value::Null
            )
            .await
            .1,
        "E0000001"
    );
    // Whatever is sent as its usage, the public API does not set it.
    let mut sneaky = saml("Tacit", &kid);
    sneaky["usage"] = json!("FACTOR_ONLY");
    let replaced = admin.made(&stand, "PUT", &path, sneaky).await;
    assert_eq!(
        replaced["protocol"]["credentials"]["trust"]["audience"],
        audience
    );
    let clicked = format!("/stand-in/admin/idps/{}", idp["id"].as_str().unwrap());
    assert_eq!(
        admin.made(&stand, "GET", &clicked, Value::Null).await["usage"],
        "SSO_ONLY"
    );
    let listed = admin
        .made(&stand, "GET", "/api/v1/idps?type=SAML2&q=taci", Value::Null)
        .await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(
        admin
            .made(
                &stand,
                "POST",
                &format!("{path}/lifecycle/deactivate"),
                Value::Null
            )
            .await["status"],
        "INACTIVE"
    );
    admin.made(&stand, "DELETE", &path, Value::Null).await;
    admin
        .made(
            &stand,
            "DELETE",
            &format!("/api/v1/idps/credentials/keys/{kid}"),
            Value::Null,
        )
        .await;
}

#[tokio::test]
async fn only_a_factor_becomes_an_authenticator_and_one_in_use_stays_on() {
    let (stand, mut admin) = (empty(Pipeline::Oie, None).await, Browser::new());
    let kid = upload(&mut admin, &stand).await;
    let idp = admin
        .made(&stand, "POST", "/api/v1/idps", saml("Tacit", &kid))
        .await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let body = json!({ "key": "external_idp", "name": "Tacit", "provider": { "type": "CLAIMS", "configuration": { "idpId": idp } } });
    let page = admin
        .call(&stand, "POST", "/api/v1/authenticators", body.clone())
        .await;
    assert!(
        page.status.as_u16() == 400 && page.body.contains("SSO only"),
        "{page:?}"
    );
    admin
        .made(
            &stand,
            "PUT",
            &format!("/stand-in/admin/idps/{idp}"),
            json!({ "usage": "FACTOR_ONLY" }),
        )
        .await;
    let made = admin
        .made(&stand, "POST", "/api/v1/authenticators", body)
        .await;
    let path = format!("/api/v1/authenticators/{}", made["id"].as_str().unwrap());
    assert_eq!(made["provider"]["configuration"]["idpId"], idp.as_str());
    let blank = json!({ "key": "external_idp", "name": "X", "provider": { "type": "CLAIMS", "configuration": {} } });
    let page = admin
        .call(&stand, "POST", "/api/v1/authenticators", blank)
        .await;
    assert_eq!(
        page.json()["errorSummary"],
        "Api validation failed: provider.configuration.idpId"
    );

    let policies = admin
        .made(
            &stand,
            "GET",
            "/api/v1/policies?type=MFA_ENROLL",
            Value::Null,
        )
        .await;
    let policy = format!("/api/v1/policies/{}", policies[0]["id"].as_str().unwrap());
    let enrolment = |state: &str| {
        json!({ "type": "MFA_ENROLL", "name": "Default Policy", "settings": { "type": "AUTHENTICATORS",
        "authenticators": [{ "key": "external_idp", "id": made["id"], "enroll": { "self": state } }] } })
    };
    admin
        .made(&stand, "PUT", &policy, enrolment("OPTIONAL"))
        .await;
    let page = admin
        .call(
            &stand,
            "POST",
            &format!("{path}/lifecycle/deactivate"),
            Value::Null,
        )
        .await;
    assert_eq!(
        (page.status.as_u16(), page.json()["errorCode"].as_str()),
        (403, Some("E0000148"))
    );
    assert_eq!(
        page.json()["errorCauses"][0]["errorSummary"],
        "Authenticator Enrollment Policies: Default Policy"
    );
    admin
        .made(&stand, "PUT", &policy, enrolment("NOT_ALLOWED"))
        .await;
    assert_eq!(
        admin
            .made(
                &stand,
                "POST",
                &format!("{path}/lifecycle/deactivate"),
                Value::Null
            )
            .await["status"],
        "INACTIVE"
    );
    assert_eq!(
        admin
            .refused(
                &stand,
                "DELETE",
                &format!("/api/v1/idps/{idp}"),
                Value::Null
            )
            .await
            .1,
        "E0000001"
    );
}

#[tokio::test]
async fn routing_rules_are_checked_and_the_last_one_is_okta_s() {
    let (stand, mut admin) = (empty(Pipeline::Classic, None).await, Browser::new());
    let kid = upload(&mut admin, &stand).await;
    let idp = admin
        .made(&stand, "POST", "/api/v1/idps", saml("Tacit", &kid))
        .await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let policies = admin
        .made(
            &stand,
            "GET",
            "/api/v1/policies?type=IDP_DISCOVERY",
            Value::Null,
        )
        .await;
    assert_eq!(policies.as_array().unwrap().len(), 1);
    let another = json!({ "type": "IDP_DISCOVERY", "name": "Second" });
    assert_eq!(
        admin
            .refused(&stand, "POST", "/api/v1/policies", another)
            .await
            .1,
        "E0000001"
    );
    let rules = format!(
        "/api/v1/policies/{}/rules",
        policies[0]["id"].as_str().unwrap()
    );
    let rule = |name: &str, id: &str, condition: Value| {
        json!({ "type": "IDP_DISCOVERY", "name": name, "priority": 1,
        "conditions": { "userIdentifier": condition }, "actions": { "idp": { "providers": [{ "type": "SAML2", "id": id }] } } })
    };
    let suffix = json!({ "type": "IDENTIFIER", "patterns": [{ "matchType": "SUFFIX", "value": "acme.test" }] });
    let unknown = json!({ "type": "ATTRIBUTE", "attribute": "noSuch", "patterns": [{ "matchType": "EQUALS", "value": "true" }] });
    assert_eq!(
        admin
            .refused(
                &stand,
                "POST",
                &rules,
                rule("a", "0oanosuch", suffix.clone())
            )
            .await
            .1,
        "E0000001"
    );
    assert_eq!(
        admin
            .refused(&stand, "POST", &rules, rule("a", &idp, unknown))
            .await
            .1,
        "E0000001"
    );
    let first = admin
        .made(&stand, "POST", &rules, rule("first", &idp, suffix.clone()))
        .await;
    let second = admin
        .made(&stand, "POST", &rules, rule("second", &idp, suffix.clone()))
        .await;
    assert_eq!(
        second["priority"], 1,
        "who comes later with the same priority goes before"
    );
    let listed = admin.made(&stand, "GET", &rules, Value::Null).await;
    let names: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["second", "first", "Default Rule"]);
    assert_eq!(listed[1]["id"], first["id"]);
    let last = format!("{rules}/{}", listed[2]["id"].as_str().unwrap());
    for (method, body) in [
        ("DELETE", Value::Null),
        ("PUT", rule("Default Rule", &idp, suffix.clone())),
    ] {
        assert_eq!(
            admin.refused(&stand, method, &last, body).await,
            (403, "E0000006".to_owned()),
            "{method}"
        );
    }
    // What is a factor only cannot be routed to.
    admin
        .made(
            &stand,
            "PUT",
            &format!("/stand-in/admin/idps/{idp}"),
            json!({ "usage": "FACTOR_ONLY" }),
        )
        .await;
    assert_eq!(
        admin
            .refused(&stand, "POST", &rules, rule("third", &idp, suffix))
            .await
            .1,
        "E0000001"
    );
}

#[tokio::test]
async fn sign_on_policies_keep_their_order_and_okta_s_default_stays_last() {
    let (stand, mut admin) = (empty(Pipeline::Classic, None).await, Browser::new());
    for name in ["one", "two"] {
        admin
            .made(
                &stand,
                "POST",
                "/api/v1/policies",
                json!({ "type": "OKTA_SIGN_ON", "name": name, "priority": 1 }),
            )
            .await;
    }
    let listed = admin
        .made(
            &stand,
            "GET",
            "/api/v1/policies?type=OKTA_SIGN_ON",
            Value::Null,
        )
        .await;
    let order: Vec<(&str, u64)> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["name"].as_str().unwrap(),
                row["priority"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(order, [("two", 1), ("one", 2), ("Default Policy", 3)]);
    let default = format!("/api/v1/policies/{}", listed[2]["id"].as_str().unwrap());
    assert_eq!(
        admin
            .refused(&stand, "DELETE", &default, Value::Null)
            .await
            .0,
        403
    );
    assert_eq!(
        admin
            .refused(
                &stand,
                "POST",
                &format!("{default}/lifecycle/deactivate"),
                Value::Null
            )
            .await
            .0,
        403
    );
    let bad = json!({ "type": "OKTA_SIGN_ON", "name": "three", "conditions": { "people": { "groups": { "include": ["00gnobody"] } } } });
    assert_eq!(
        admin
            .refused(&stand, "POST", "/api/v1/policies", bad)
            .await
            .1,
        "E0000001"
    );
}

#[tokio::test]
async fn a_trusted_origin_has_no_path() {
    let (stand, mut admin) = (empty(Pipeline::Classic, None).await, Browser::new());
    let body = |origin: &str| json!({ "name": "Gateway", "origin": origin, "scopes": [{ "type": "CORS" }, { "type": "REDIRECT" }] });
    for origin in [
        "https://gw.test/path",
        "gw.test",
        "https://",
        "https://gw.test?x",
    ] {
        assert_eq!(
            admin
                .refused(&stand, "POST", "/api/v1/trustedOrigins", body(origin))
                .await
                .1,
            "E0000001",
            "{origin}"
        );
    }
    admin
        .made(
            &stand,
            "POST",
            "/api/v1/trustedOrigins",
            body("https://gw.test:8443"),
        )
        .await;
    assert_eq!(
        admin
            .refused(
                &stand,
                "POST",
                "/api/v1/trustedOrigins",
                body("https://gw.test:8443")
            )
            .await
            .1,
        "E0000001"
    );
}
