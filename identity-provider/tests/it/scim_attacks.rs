//! Whoever has no token, has the wrong one, or sends what no honest client would.

use crate::support::{
    Database, Server, on_both_databases,
    provisioner::{Provisioner, USER, person},
};
use axum::http::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use tacit::{
    domain::connection::{Connection, KeyStatus, Role},
    domain::signing,
    limits::Limits,
};
use wire::id::ConnectionId;

async fn add_connection(server: &Server, name: &str) {
    let id = ConnectionId::new(name).unwrap();
    let now = server.now();
    let key = signing::generate(&server.app, &id, KeyStatus::Current, now).unwrap();
    let connection = Connection {
        id,
        role: Role::Sso,
        okta_offers_choice: false,
        metadata: String::new(),
        updated_at: now,
    };
    server
        .app
        .store
        .insert_connection(&connection, &key)
        .await
        .unwrap();
}

on_both_databases! {
    async fn a_token_opens_its_own_connection_and_nothing_else(database: Database) {
        let server = Server::new(database).await;
        add_connection(&server, "other").await;
        let (okta, other) = (Provisioner::new(&server).await, Provisioner::of(&server, "other").await);
        let bearer = |token: &str| format!("Bearer {token}");
        for (path, authorization) in [
            (okta.path("/Users"), String::new()),
            (okta.path("/Users"), "non-token".into()),
            (okta.path("/Users"), bearer("nonsense")),
            (okta.path("/Users"), bearer(&other.token)),
            (okta.path("/Users"), bearer(crate::support::server::TOKEN)),
            (other.path("/Users"), bearer(&okta.token)),
            ("/scim/nothing/v2/Users".into(), bearer(&okta.token)),
            (okta.path("/nowhere"), String::new()),
        ] {
            let reply = server.get(&path, &[("authorization", &authorization)]).await;
            assert_eq!(reply.status, 401, "{path} {authorization}");
            let body = reply.json();
            assert_eq!((&body["status"], &body["schemas"][0]), (&"401".into(), &"urn:ietf:params:scim:api:messages:2.0:Error".into()));
            assert!(body["detail"].is_string());
            assert!(reply.header("www-authenticate").starts_with("Bearer"));
        }
    }

    async fn people_and_groups_of_another_connection_do_not_exist(database: Database) {
        let server = Server::new(database).await;
        add_connection(&server, "other").await;
        let (okta, other) = (Provisioner::new(&server).await, Provisioner::of(&server, "other").await);
        let alice = okta.push("alice@acme.test").await;
        let group = okta.push_group("Staff", &[&alice]).await;
        assert!(other.find(r#"userName eq "alice@acme.test""#).await.is_empty());
        for path in [format!("/Users/{alice}"), format!("/Groups/{group}")] {
            assert_eq!(other.get(&path).await.status, 404);
            assert_eq!(other.patch(&path, json!([{ "op": "replace", "value": { "active": false, "displayName": "x" } }])).await.status, 404);
            assert_eq!(other.delete(&path).await.status, 404);
        }
        let theirs = other.push_group("Staff", &[]).await;
        let join = json!([{ "op": "add", "path": "members", "value": [{ "value": alice }] }]);
        let refused = other.patch(&format!("/Groups/{theirs}"), join).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["scimType"]), (400, &"invalidValue".into()));
        // The name is taken all the same: there is one person of a name.
        let taken = other.post("/Users", person("ALICE@acme.test")).await;
        assert_eq!((taken.status.as_u16(), &taken.json()["scimType"]), (409, &"uniqueness".into()));
    }

    async fn names_that_differ_in_case_are_one_also_when_made_at_once(database: Database) {
        let server = Arc::new(Server::new(database).await);
        let other = Arc::new(server.another_process().await);
        let token = Provisioner::new(&server).await.token;
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..16 {
            let server = if n % 2 == 0 { server.clone() } else { other.clone() };
            let token = format!("Bearer {token}");
            tasks.spawn(async move {
                let login: String = "alice@acme.test".chars().enumerate().map(|(i, c)| if i == n % 5 { c.to_ascii_uppercase() } else { c }).collect();
                let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
                server.post("/scim/acme/v2/Users", &headers, person(&login).to_string()).await.status.as_u16()
            });
        }
        let mut statuses: Vec<u16> = tasks.join_all().await;
        statuses.sort_unstable();
        assert_eq!((statuses[0], &statuses[1..]), (201, &[409; 15][..]));
        let found = server.app.store.find_user_by_name("ALICE@ACME.TEST").await.unwrap();
        assert!(found.is_some(), "one of them, so that sign-in finds a person by any case");
    }

    async fn an_external_id_is_never_an_id(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        let mut body = person("mallory@acme.test");
        body["externalId"] = server.ann.id.as_str().into();
        body["id"] = server.ben.id.as_str().into();
        let mallory = okta.post("/Users", body).await.json();
        assert_ne!(mallory["id"], server.ben.id.as_str());
        assert_ne!(mallory["id"], server.ann.id.as_str());
        assert_eq!(okta.get(&format!("/Users/{}", server.ann.id)).await.json()["userName"], "ann@acme.test");
        assert_eq!(okta.get("/Users/00u-mallory@acme.test").await.status, 404);
        let patched = okta.patch(&format!("/Users/{}", mallory["id"].as_str().unwrap()), json!([{ "op": "replace", "path": "id", "value": server.ann.id.as_str() }])).await;
        assert_eq!((patched.status.as_u16(), &patched.json()["scimType"]), (400, &"mutability".into()));
    }

    async fn nonsense_gets_the_answer_of_the_rfc_and_changes_nothing(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        let user = format!("/Users/{}", okta.push("alice@acme.test").await);
        let group = format!("/Groups/{}", okta.push_group("Staff", &[]).await);
        let before = (okta.get(&user).await.body, okta.get(&group).await.body);
        let deep = format!("{{\"userName\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
        let patch = |operations: Value| json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations }).to_string();
        let (get, post, put) = (Method::GET, Method::POST, Method::PUT);
        for (method, path, body, status, scim_type) in [
            (post.clone(), "/Users", "{".to_owned(), 400, Some("invalidSyntax")),
            (post.clone(), "/Users", String::new(), 400, Some("invalidSyntax")),
            (post.clone(), "/Users", deep, 400, Some("invalidSyntax")),
            (post.clone(), "/Users", "[]".into(), 400, Some("invalidSyntax")),
            (post.clone(), "/Users", r#"{"userName":"x","USERNAME":"y"}"#.into(), 400, Some("invalidSyntax")),
            (post.clone(), "/Users", json!({ "schemas": ["urn:x"], "userName": "x" }).to_string(), 400, Some("invalidSyntax")),
            (post.clone(), "/Users", json!({ "schemas": [USER] }).to_string(), 400, Some("invalidValue")),
            (post.clone(), "/Users", json!({ "userName": "a\u{0}b" }).to_string(), 400, Some("invalidValue")),
            (post.clone(), "/Users", json!({ "userName": "x".repeat(300) }).to_string(), 400, Some("invalidValue")),
            (post.clone(), "/Users", json!({ "userName": "x", "active": "perhaps" }).to_string(), 400, Some("invalidValue")),
            (post.clone(), "/Users", "x".repeat(200_000), 413, None),
            (put.clone(), &user, json!({ "userName": "ben@acme.test" }).to_string(), 409, Some("uniqueness")),
            (Method::PATCH, &user, patch(json!([{ "op": "replace", "path": "userName", "value": "BEN@acme.test" }])), 409, Some("uniqueness")),
            (Method::PATCH, &user, patch(json!([{ "op": "replace", "value": { "title": "x" } }, { "op": "remove" }])), 400, Some("noTarget")),
            (Method::PATCH, &user, patch(json!([{ "op": "remove", "path": "members[" }])), 400, Some("invalidPath")),
            (Method::PATCH, &group, patch(json!([{ "op": "add", "path": "members", "value": [{ "value": "nobody" }] }])), 400, Some("invalidValue")),
            (Method::PATCH, &group, patch(json!([{ "op": "add", "path": "members", "value": [{ "value": "g", "type": "Group" }] }])), 400, Some("invalidValue")),
            (post.clone(), "/Groups", json!({ "displayName": "STAFF" }).to_string(), 409, Some("uniqueness")),
            (post.clone(), "/Groups", json!({ "displayName": "" }).to_string(), 400, Some("invalidValue")),
            (get.clone(), "/Users?filter=userName%20eq", String::new(), 400, Some("invalidFilter")),
            (get.clone(), "/Users?filter=password%20sw%20%22a%22", String::new(), 400, Some("invalidFilter")),
            (get.clone(), "/Users?filter=userName%20eq%20%22%5Cu0000%22", String::new(), 400, Some("invalidFilter")),
            (get.clone(), "/Users?count=1&count=2", String::new(), 400, Some("invalidValue")),
            (get.clone(), "/Users?count=many", String::new(), 400, Some("invalidValue")),
            (get.clone(), "/Users?attributes=a&excludedAttributes=b", String::new(), 400, Some("invalidValue")),
            (get.clone(), "/Groups?filter=members.display%20co%20%22a%22", String::new(), 400, Some("invalidFilter")),
            (get.clone(), "/Users/00919288221112222", String::new(), 404, None),
            (get.clone(), "/Users/%00", String::new(), 404, None),
            (get.clone(), "/Users/..%2F..%2Fhealth", String::new(), 404, None),
            (get.clone(), "/Nothing", String::new(), 404, None),
            (get.clone(), "/Schemas?filter=id%20pr", String::new(), 403, None),
            (get.clone(), "/Schemas/urn:nothing", String::new(), 404, None),
            (Method::DELETE, "/Users", String::new(), 405, None),
            (post.clone(), "/Bulk", "{}".into(), 501, None),
            (get.clone(), "/Me", String::new(), 501, None),
        ] {
            let bearer = format!("Bearer {}", okta.token);
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/scim+json")];
            let reply = server.send(method.clone(), &okta.path(path), &headers, body.into()).await;
            assert_eq!(reply.status, status, "{method} {path}: {}", reply.body);
            let said = reply.json();
            assert_eq!(said["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{path}");
            assert_eq!((&said["status"], said["scimType"].as_str()), (&status.to_string().into(), scim_type), "{path}");
            assert!(said["detail"].as_str().is_some_and(|d| !d.is_empty()));
        }
        for (name, value, status) in [
            ("content-type", "text/plain", 415),
            ("content-type", "application/json; charset=utf-16", 415),
            ("content-encoding", "gzip", 415),
            ("accept", "text/html", 406),
        ] {
            let bearer = format!("Bearer {}", okta.token);
            let mut headers = vec![("authorization", bearer.as_str()), (name, value)];
            if name != "content-type" {
                headers.push(("content-type", "application/json"));
            }
            let reply = server.post(&okta.path("/Users"), &headers, person("x@acme.test").to_string()).await;
            assert_eq!((reply.status.as_u16(), &reply.json()["status"]), (status, &status.to_string().into()), "{name}: {value}");
        }
        assert_eq!((okta.get(&user).await.body, okta.get(&group).await.body), before);
        // What no schema knows is passed over.
        let odd = json!({ "schemas": [USER, "urn:acme:odd"], "userName": "odd@acme.test", "shoeSize": 9, "urn:acme:odd": { "a": [{}] } });
        let made = okta.post("/Users", odd).await;
        assert_eq!(made.status, 201, "{}", made.body);
        assert!(!made.body.contains("shoeSize"));
    }

    async fn wrong_tokens_silence_an_address_also_for_the_right_one(database: Database) {
        let server = Server::with(database, Limits::default(), Role::Factor, false).await;
        let okta = Provisioner::new(&server).await;
        let guess = async || server.get(&okta.path("/Users"), &[("authorization", "Bearer guess")]).await;
        let mut refused = 0;
        while guess().await.status == 401 {
            refused += 1;
        }
        assert_eq!(refused, 30);
        let reply = okta.get("/Users?count=1").await;
        assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (429, "60"));
        assert_eq!(reply.json()["status"], "429");
        server.wait(2 * tacit::clock::MINUTE);
        assert_eq!(okta.get("/Users?count=1").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_look_up_before_each_assignment_reads_an_index() {
    let database = Database::sqlite();
    let url = database.url.clone();
    let server = Server::new(database).await;
    let okta = Provisioner::new(&server).await;
    okta.push("alice@acme.test").await;
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    for (condition, index) in [
        ("login_folded = 'alice@acme.test'", "(login_folded=?)"),
        ("external_id = '00u'", "users_by_external_id"),
    ] {
        // The text of the list, with the values in it: EXPLAIN takes no other.
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT id FROM users WHERE (connection_id = 'acme' OR connection_id = '') AND {condition} \
             ORDER BY id ASC LIMIT 100 OFFSET 0"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .fetch_all(&pool)
            .await
            .unwrap();
        let plan: Vec<String> = rows.iter().map(|r| sqlx::Row::get(r, "detail")).collect();
        assert!(
            plan[0].starts_with("SEARCH users USING INDEX") && plan[0].contains(index),
            "{plan:?}"
        );
    }
}
