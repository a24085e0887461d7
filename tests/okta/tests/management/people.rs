//! Users, groups and the schema.

use okta_stand_in::Pipeline;
use serde_json::{Value, json};

use super::common::{Browser, ORG, PASSWORD};
use super::empty;

fn cara() -> Value {
    json!({ "profile": { "login": "cara@acme.test", "email": "cara@acme.test", "firstName": "Cara", "lastName": "Example" } })
}

#[tokio::test]
async fn a_user_goes_through_a_whole_life() {
    let (stand, mut admin) = (empty(Pipeline::Classic, None).await, Browser::new());
    let user = admin
        .made(&stand, "POST", "/api/v1/users?activate=false", cara())
        .await;
    assert_eq!(user["status"], "STAGED");
    let path = format!("/api/v1/users/{}", user["id"].as_str().unwrap());
    for (operation, status) in [
        ("activate", "PROVISIONED"),
        ("suspend", "SUSPENDED"),
        ("unsuspend", "ACTIVE"),
        ("deactivate", "DEPROVISIONED"),
        ("activate", "PROVISIONED"),
    ] {
        admin
            .made(
                &stand,
                "POST",
                &format!("{path}/lifecycle/{operation}"),
                Value::Null,
            )
            .await;
        assert_eq!(
            admin.made(&stand, "GET", &path, Value::Null).await["status"],
            status,
            "{operation}"
        );
    }
    let unlocked = admin
        .refused(
            &stand,
            "POST",
            &format!("{path}/lifecycle/unlock"),
            Value::Null,
        )
        .await;
    assert_eq!(unlocked, (403, "E0000032".to_owned()));
    // The first deletion deactivates, the second removes.
    admin.made(&stand, "DELETE", &path, Value::Null).await;
    assert_eq!(
        admin.made(&stand, "GET", &path, Value::Null).await["status"],
        "DEPROVISIONED"
    );
    let renamed = admin
        .refused(
            &stand,
            "POST",
            &path,
            json!({ "profile": { "firstName": "C" } }),
        )
        .await;
    assert_eq!(renamed, (403, "E0000038".to_owned()));
    admin.made(&stand, "DELETE", &path, Value::Null).await;
    assert_eq!(
        admin.refused(&stand, "GET", &path, Value::Null).await,
        (404, "E0000007".to_owned())
    );
}

#[tokio::test]
async fn post_changes_a_part_and_put_replaces_the_whole() {
    let (stand, mut admin) = (empty(Pipeline::Classic, None).await, Browser::new());
    admin.made(&stand, "POST", "/api/v1/users", cara()).await;
    // By login, by the login's first part, and by id.
    let changed = admin
        .made(
            &stand,
            "POST",
            "/api/v1/users/cara",
            json!({ "profile": { "nickName": "C" } }),
        )
        .await;
    assert_eq!(
        (
            &changed["profile"]["nickName"],
            &changed["profile"]["firstName"]
        ),
        (&json!("C"), &json!("Cara"))
    );
    let replaced = admin
        .made(&stand, "PUT", "/api/v1/users/CARA@acme.test", cara())
        .await;
    assert_eq!(replaced["profile"]["nickName"], Value::Null);
    let page = admin
        .call(
            &stand,
            "GET",
            &format!("/api/v1/users/{}", changed["id"].as_str().unwrap()),
            Value::Null,
        )
        .await;
    assert!(page.headers.contains_key("etag"), "{page:?}");
    let twice = admin.call(&stand, "POST", "/api/v1/users", cara()).await;
    assert_eq!(twice.status.as_u16(), 400);
    assert_eq!(
        twice.json()["errorCauses"][0]["errorSummary"],
        "login: An object with this field already exists in the current organization"
    );
}

#[tokio::test]
async fn lists_are_paged_by_link_and_searched() {
    let (stand, mut admin) = (empty(Pipeline::Classic, None).await, Browser::new());
    for n in 0..5 {
        let profile = json!({ "login": format!("p{n}@acme.test"), "email": format!("p{n}@acme.test"), "firstName": "P", "lastName": "L" });
        admin
            .made(
                &stand,
                "POST",
                "/api/v1/users",
                json!({ "profile": profile }),
            )
            .await;
    }
    let mut path = "/api/v1/users?limit=3".to_owned();
    let mut sizes = Vec::new();
    loop {
        let page = admin.call(&stand, "GET", &path, Value::Null).await;
        sizes.push(page.json().as_array().unwrap().len());
        let Some(next) = page
            .links
            .iter()
            .find(|link| link.ends_with("rel=\"next\""))
        else {
            break;
        };
        path = next
            .trim_start_matches('<')
            .split('>')
            .next()
            .unwrap()
            .strip_prefix(ORG)
            .unwrap()
            .to_owned();
    }
    assert_eq!(sizes, [3, 3, 1]);
    let search = "/api/v1/users?search=profile.lastName%20eq%20%22l%22%20and%20profile.login%20sw%20%22p4%22";
    assert_eq!(
        admin.made(&stand, "GET", search, Value::Null).await[0]["profile"]["login"],
        "p4@acme.test"
    );
    assert_eq!(
        admin
            .refused(&stand, "GET", "/api/v1/users?search=everybody", Value::Null)
            .await
            .1,
        "E0000031"
    );
    assert_eq!(
        admin
            .refused(&stand, "GET", "/api/v1/users?limit=none", Value::Null)
            .await
            .1,
        "E0000001"
    );
}

#[tokio::test]
async fn only_what_the_schema_knows_can_be_set_and_only_in_its_type() {
    let (stand, mut admin) = (empty(Pipeline::Classic, None).await, Browser::new());
    let set = |value: Value| json!({ "profile": { "byndidRegistered": value } });
    let page = admin
        .call(&stand, "POST", "/api/v1/users/ann", set(json!(true)))
        .await;
    assert_eq!(
        page.json()["errorCauses"][0]["errorSummary"],
        "Property name 'byndidRegistered' is not defined in profile"
    );
    let attribute = json!({ "title": "Beyond Identity Registration Status", "type": "boolean" });
    let schema = |property: &Value| {
        json!({ "definitions": { "custom": { "id": "#custom", "type": "object",
                                            "properties": { "byndidRegistered": property } } } })
    };
    let path = "/api/v1/meta/schemas/user/default";
    let made = admin.made(&stand, "POST", path, schema(&attribute)).await;
    assert_eq!(
        made["definitions"]["custom"]["properties"]["byndidRegistered"]["scope"],
        "NONE"
    );
    assert_eq!(
        admin
            .refused(&stand, "POST", "/api/v1/users/ann", set(json!("true")))
            .await
            .1,
        "E0000001"
    );
    assert_eq!(
        admin
            .made(&stand, "POST", "/api/v1/users/ann", set(json!(true)))
            .await["profile"]["byndidRegistered"],
        true
    );
    // An attribute that is removed takes its values with it; its type cannot be changed.
    let text = json!({ "title": "T", "type": "string" });
    assert_eq!(
        admin.refused(&stand, "POST", path, schema(&text)).await.1,
        "E0000001"
    );
    admin.made(&stand, "POST", path, schema(&Value::Null)).await;
    let ann = admin
        .made(&stand, "GET", "/api/v1/users/ann", Value::Null)
        .await;
    assert!(ann["profile"].get("byndidRegistered").is_none(), "{ann}");
}

#[tokio::test]
async fn membership_is_idempotent_and_built_in_groups_are_okta_s_own() {
    let (stand, mut admin) = (empty(Pipeline::Classic, None).await, Browser::new());
    let group = admin
        .made(
            &stand,
            "POST",
            "/api/v1/groups",
            json!({ "profile": { "name": "Trusona" } }),
        )
        .await;
    let path = format!("/api/v1/groups/{}/users", group["id"].as_str().unwrap());
    let ann = admin
        .made(&stand, "GET", "/api/v1/users/ann", Value::Null)
        .await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for method in ["PUT", "PUT", "DELETE", "DELETE", "PUT"] {
        let page = admin
            .call(&stand, method, &format!("{path}/{ann}"), Value::Null)
            .await;
        assert_eq!(
            (page.status.as_u16(), page.body.as_str()),
            (204, ""),
            "{method}"
        );
    }
    let members = admin.made(&stand, "GET", &path, Value::Null).await;
    assert_eq!(members.as_array().unwrap().len(), 1);
    let events: Vec<Value> = stand.log().await;
    let adds = events
        .iter()
        .filter(|event| event["eventType"] == "group.user_membership.add")
        .count();
    assert_eq!(adds, 2, "what changes nothing is no event");
    let everyone = admin
        .made(&stand, "GET", "/api/v1/groups?q=Everyone", Value::Null)
        .await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let refused = admin
        .refused(
            &stand,
            "PUT",
            &format!("/api/v1/groups/{everyone}/users/{ann}"),
            Value::Null,
        )
        .await;
    assert_eq!(refused, (403, "E0000006".to_owned()));
    let twice = admin
        .refused(
            &stand,
            "POST",
            "/api/v1/groups",
            json!({ "profile": { "name": "Trusona" } }),
        )
        .await;
    assert_eq!(twice, (400, "E0000001".to_owned()));
    assert_eq!(
        admin
            .refused(&stand, "PUT", &format!("{path}/00unobody"), Value::Null)
            .await,
        (404, "E0000007".to_owned())
    );
}

#[tokio::test]
async fn a_name_that_is_locked_says_so_until_it_is_unlocked() {
    let (stand, mut admin) = (empty(Pipeline::Classic, None).await, Browser::new());
    let attempt = |password: &str| json!({ "username": "ann@acme.test", "password": password });
    for _ in 0..10 {
        admin
            .post_json(&stand, "/api/v1/authn", attempt("wrong"))
            .await;
        stand.clock.advance(1000);
    }
    let ann = admin
        .made(&stand, "GET", "/api/v1/users/ann", Value::Null)
        .await;
    assert_eq!(ann["status"], "LOCKED_OUT");
    assert_eq!(
        admin
            .post_json(&stand, "/api/v1/authn", attempt(PASSWORD))
            .await
            .status
            .as_u16(),
        401
    );
    admin
        .made(
            &stand,
            "POST",
            "/api/v1/users/ann/lifecycle/unlock",
            Value::Null,
        )
        .await;
    stand.clock.advance(1000);
    // Nothing asks for a factor in an empty org.
    assert_eq!(
        admin
            .post_json(&stand, "/api/v1/authn", attempt(PASSWORD))
            .await
            .json()["status"],
        "SUCCESS"
    );
}

#[tokio::test]
async fn whoever_is_suspended_or_cleared_is_out() {
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
        &format!("{ORG}/login/sessionCookieRedirect?token={token}&redirectUrl=/app/UserHome"),
    )
    .await;
    assert_eq!(ann.session(&stand).await.json()["amr"], json!(["pwd"]));
    admin
        .made(&stand, "DELETE", "/api/v1/users/ann/sessions", Value::Null)
        .await;
    assert_eq!(ann.session(&stand).await.status.as_u16(), 404);
    admin
        .made(
            &stand,
            "POST",
            "/api/v1/users/ann/lifecycle/suspend",
            Value::Null,
        )
        .await;
    let page = ann
        .post_json(
            &stand,
            "/api/v1/authn",
            json!({ "username": "ann@acme.test", "password": PASSWORD }),
        )
        .await;
    assert_eq!(page.json()["errorCode"], "E0000004");
}
