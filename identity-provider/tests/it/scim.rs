//! Provisioning as an Okta org does it, in both dialects, and what lists answer.

use crate::support::{
    Server, on_both_databases,
    provisioner::{GROUP, Provisioner, USER, encoded, person},
};
use axum::http::Method;
use serde_json::{Value, json};
use tacit::{
    clock::{HOUR, MINUTE},
    domain::scim::drift::{self, OneGroup, OneUser, Report, Side},
};

fn ids(value: &Value, list: &str) -> Vec<String> {
    let list = value[list].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|v| v["value"].as_str().unwrap().into())
        .collect()
}

on_both_databases! {
    async fn a_catalogue_app_provisions_with_patch(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        assert!(okta.find(r#"userName eq "alice@acme.test""#).await.is_empty());
        let made = okta.post("/Users", person("alice@acme.test")).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let alice = made.json();
        let id = alice["id"].as_str().unwrap();
        assert_eq!(made.header("content-type"), "application/scim+json");
        assert_eq!(made.header("location"), alice["meta"]["location"].as_str().unwrap());
        assert_eq!(made.header("etag"), alice["meta"]["version"].as_str().unwrap());
        assert!(alice["meta"]["location"].as_str().unwrap().ends_with(&format!("/scim/acme/v2/Users/{id}")));
        assert_eq!((&alice["active"], &alice["externalId"]), (&true.into(), &"00u-alice@acme.test".into()));
        assert!(!made.body.contains("1mz050nq"), "a password is never told");
        // The same person that a challenge names.
        let user = server.app.store.find_user_by_name("ALICE@acme.test").await.unwrap().unwrap();
        assert_eq!(user.id.as_str(), id);

        let path = format!("/Users/{id}");
        for (value, active) in [(json!(false), false), (json!("True"), true), (json!(false), false)] {
            let reply = okta.patch(&path, json!([{ "op": "replace", "value": { "active": value } }])).await;
            assert_eq!((reply.status.as_u16(), &reply.json()["active"]), (200, &active.into()), "{}", reply.body);
            assert_eq!(okta.find("active eq true").await.contains(&"alice@acme.test".into()), active);
        }
        // Nothing else went with it.
        assert_eq!(okta.get(&path).await.json()["name"], alice["name"]);

        let group = okta.push_group("Staff", &[]).await;
        let path = format!("/Groups/{group}");
        let reply = okta.patch(&path, json!([{ "op": "add", "path": "members", "value": [{ "value": id, "display": "x" }] }])).await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (204, ""));
        assert_eq!(okta.members(&group).await, [id]);
        assert_eq!(ids(&okta.get(&format!("/Users/{id}")).await.json(), "groups"), [group.as_str()]);
        // Okta's rename says the id as well.
        assert_eq!(okta.patch(&path, json!([{ "op": "replace", "value": { "id": group, "displayName": "Crew" } }])).await.status, 204);
        assert_eq!(server.app.store.groups_of(&user.id).await.unwrap(), ["Crew"], "policy sees the group");
        let remove = json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]);
        assert_eq!(okta.patch(&path, remove).await.status, 204);
        assert!(okta.members(&group).await.is_empty());
        assert_eq!(okta.delete(&path).await.status, 204);
        assert_eq!(okta.get(&path).await.status, 404);
    }

    async fn a_wizard_app_provisions_with_put(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        let id = okta.push("alice@acme.test").await;
        let path = format!("/Users/{id}");
        let mut alice = okta.get(&path).await.json();
        alice["active"] = false.into();
        alice["name"]["givenName"] = "Alicia".into();
        let reply = okta.put(&path, alice.clone()).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["active"]), (200, &false.into()), "{}", reply.body);
        assert_eq!(reply.json()["name"]["givenName"], "Alicia");
        // A PUT that leaves `active` out does not let anybody in again, and the client's id stays.
        for name in ["active", "externalId", "displayName"] {
            alice.as_object_mut().unwrap().remove(name);
        }
        let reply = okta.put(&path, alice).await.json();
        assert_eq!((&reply["active"], &reply["externalId"]), (&false.into(), &"00u-alice@acme.test".into()));
        assert_eq!(reply.get("displayName"), None);

        let ben = okta.push("benny@acme.test").await;
        let group = okta.push_group("Staff", &[&id]).await;
        let path = format!("/Groups/{group}");
        let body = |members: Value| json!({ "schemas": [GROUP], "id": group, "displayName": "Staff", "members": members });
        let reply = okta.put(&path, body(json!([{ "value": ben }, { "value": id }]))).await;
        let mut both = vec![id.clone(), ben.clone()];
        both.sort();
        assert_eq!((reply.status.as_u16(), ids(&reply.json(), "members")), (200, both.clone()), "{}", reply.body);
        // A rename without members is no reason to empty the group.
        assert_eq!(okta.put(&path, json!({ "schemas": [GROUP], "displayName": "Crew" })).await.status, 200);
        assert_eq!(okta.members(&group).await, both);
        assert_eq!(okta.put(&path, body(json!([]))).await.status, 200);
        assert!(okta.members(&group).await.is_empty());
    }

    async fn an_empty_push_now_empties_the_group(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        let (a, b) = (okta.push("a@acme.test").await, okta.push("b@acme.test").await);
        let group = okta.push_group("Staff", &[&a, &b]).await;
        let path = format!("/Groups/{group}");
        let replace = |value: Value| json!([{ "op": "replace", "path": "members", "value": value }]);
        assert_eq!(okta.patch(&path, replace(json!([{ "value": b }]))).await.status, 204);
        assert_eq!(okta.members(&group).await, [b.as_str()]);
        assert_eq!(okta.patch(&path, replace(json!([]))).await.status, 204);
        assert!(okta.members(&group).await.is_empty());
    }

    async fn a_filtered_remove_removes_one_and_nobody_else(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        let mut people = Vec::new();
        for n in 0..4 {
            people.push(okta.push(&format!("p{n}@acme.test")).await);
        }
        let all: Vec<&str> = people.iter().map(String::as_str).collect();
        let group = okta.push_group("Staff", &all).await;
        let path = format!("/Groups/{group}");
        let mut left = all.clone();
        for (operation, gone) in [
            (json!({ "op": "remove", "path": format!("members[value eq \"{}\"]", all[1]) }), all[1]),
            (json!({ "op": "Remove", "path": "members", "value": [{ "value": all[2] }] }), all[2]),
            (json!({ "op": "remove", "path": "members[display sw \"p3@\"]" }), all[3]),
            // Whoever is no member stays none.
            (json!({ "op": "remove", "path": "members[value eq \"nobody\"]" }), ""),
        ] {
            assert_eq!(okta.patch(&path, json!([operation])).await.status, 204, "{operation}");
            left.retain(|id| *id != gone);
            left.sort_unstable();
            assert_eq!(okta.members(&group).await, left, "{operation}");
        }
    }

    async fn fifty_changes_of_one_group_at_once_all_count(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        let (mut come, mut go) = (Vec::new(), Vec::new());
        for n in 0..25 {
            come.push(okta.push(&format!("come{n}@acme.test")).await);
            go.push(okta.push(&format!("go{n}@acme.test")).await);
        }
        let members: Vec<&str> = go.iter().map(String::as_str).collect();
        let group = okta.push_group("Staff", &members).await;
        let path = format!("/Groups/{group}");
        let add = |id: &str| json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
        let remove = |id: &str| json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]);
        let changes = come.iter().map(|id| add(id)).chain(go.iter().map(|id| remove(id)));
        let (okta, path) = (&okta, &path);
        let replies = futures_of(changes.map(|c| async move { okta.patch(path, c).await.status.as_u16() })).await;
        assert_eq!(replies, [204; 50]);
        come.sort();
        assert_eq!(okta.members(&group).await, come);
        let version = okta.get(path).await.json()["meta"]["version"].clone();
        assert_eq!(version, "W/\"51\"", "each change is a version");
    }

    async fn filters_find_the_same_on_both_databases(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        for (login, extra) in [
            ("a_1%@x.test", json!({ "displayName": "Ädam", "emails": [{ "value": "one@x.test", "type": "work" }] })),
            ("ab1@x.test", json!({ "active": false, "title": "Cook" })),
            ("A\\b@x.test", json!({ "externalId": "00UB", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "R" } })),
        ] {
            let mut body = json!({ "schemas": [USER], "userName": login });
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            assert_eq!(okta.post("/Users", body).await.status, 201);
        }
        let (one, two, three) = ("a_1%@x.test", "ab1@x.test", "A\\b@x.test");
        let [ann, ben] = ["ann@acme.test", "ben@acme.test"];
        for (filter, found) in [
            (r#"userName eq "AB1@X.TEST""#, vec![two]),
            (r#"userName sw "A""#, vec![three, one, two, ann]),
            (r#"userName sw "a_""#, vec![one]),
            (r#"userName co "1%@""#, vec![one]),
            (r#"userName co "\\B""#, vec![three]),
            (r#"userName ew "x.test" and active eq false"#, vec![two]),
            (r#"externalId eq "00ub""#, vec![]),
            (r#"externalId sw "00U""#, vec![three]),
            (r#"externalId pr"#, vec![three]),
            (r#"displayName eq "Ädam""#, vec![one]),
            (r#"title eq "cook" or emails.type eq "WORK""#, vec![one, two]),
            (r#"emails[type eq "work" and value sw "one@"]"#, vec![one]),
            (r#"not (title pr) and userName ew "x.test""#, vec![three, one]),
            (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "r""#, vec![three]),
            (r#"userName gt "b""#, vec![ben]),
            (r#"meta.created gt "2000-01-01T00:00:00Z" and userName sw "b""#, vec![ben]),
            (r#"meta.lastModified lt "2000-01-01T00:00:00Z""#, vec![]),
            (r#"userName eq "x' OR '1'='1""#, vec![]),
            (r#"userName ne "ab1@x.test" and userName ew "x.test""#, vec![three, one]),
        ] {
            assert_eq!(okta.find(filter).await, found, "{filter}");
        }
        let group = okta.push_group("Staff", &[server.ann.id.as_str()]).await;
        assert_eq!(okta.find(&format!("groups eq \"{group}\"")).await, [ann]);
        for (filter, found) in [(r#"displayName eq "STAFF""#.to_owned(), 1), (format!(r#"members[value eq "{}"]"#, server.ann.id), 1), (format!(r#"members eq "{}""#, server.ben.id), 0)] {
            let reply = okta.get(&format!("/Groups?filter={}", encoded(&filter))).await;
            assert_eq!(reply.json()["totalResults"], found, "{filter}: {}", reply.body);
        }
    }

    async fn lists_come_in_pages_of_whole_numbers(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        for n in 0..9 {
            okta.push(&format!("p{n}@acme.test")).await;
        }
        let page = async |query: &str| {
            let body = okta.get(&format!("/Users?{query}")).await.json();
            let number = |name: &str| body[name].as_u64().unwrap_or_else(|| panic!("{name} is no integer: {body}"));
            let logins: Vec<String> = body["Resources"].as_array().unwrap().iter().map(|r| r["userName"].as_str().unwrap().into()).collect();
            (number("totalResults"), number("startIndex"), number("itemsPerPage"), logins)
        };
        let all = page("").await;
        assert_eq!((all.0, all.1, all.2), (11, 1, 11));
        // A title has no column, so rows are looked at one by one; pages are the same.
        for filter in ["", "filter=not%20(title%20pr)&"] {
            let mut seen = Vec::new();
            for start in [1, 5, 9, 13] {
                let (total, index, items, logins) = page(&format!("{filter}startIndex={start}&count=4")).await;
                assert_eq!((total, index, items), (11, start, logins.len() as u64));
                seen.extend(logins);
            }
            assert_eq!(seen, all.3);
            assert_eq!(page(&format!("{filter}count=0")).await, (11, 1, 0, vec![]));
            assert_eq!(page(&format!("{filter}startIndex=-3&count=-1")).await.2, 0);
        }
        let down = page("sortBy=userName&sortOrder=descending&count=2").await;
        assert_eq!(down.3, ["p8@acme.test", "p7@acme.test"]);
        let only = okta.get("/Users?attributes=userName&count=1").await.json();
        let names: Vec<&String> = only["Resources"][0].as_object().unwrap().keys().collect();
        assert_eq!(names, ["id", "schemas", "userName"]);
        let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "userName sw \"p\"", "count": 3 });
        let found = okta.post("/Users/.search", search).await.json();
        assert_eq!((&found["totalResults"], &found["itemsPerPage"]), (&9.into(), &3.into()));
    }

    async fn versions_guard_changes(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        let user = format!("/Users/{}", okta.push("alice@acme.test").await);
        let group = format!("/Groups/{}", okta.push_group("Staff", &[]).await);
        let title = |text: &str| json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{ "op": "replace", "path": text, "value": "x" }] });
        for (path, attribute) in [(&user, "title"), (&group, "externalId")] {
            let old = okta.get(path).await.header("etag").to_owned();
            let call = async |method, header: (&str, &str), body| okta.call_with(method, path, &[header], body).await;
            assert_eq!(call(Method::GET, ("if-none-match", &old), None).await.status, 304);
            let patched = call(Method::PATCH, ("if-match", &old), Some(title(attribute))).await;
            assert!(patched.status.is_success(), "{}", patched.body);
            let new = patched.header("etag").to_owned();
            assert_ne!(old, new);
            for method in [Method::PATCH, Method::DELETE] {
                let refused = call(method, ("if-match", &old), Some(title(attribute))).await;
                assert_eq!((refused.status.as_u16(), &refused.json()["status"]), (412, &"412".into()));
            }
            assert_eq!(call(Method::PATCH, ("if-match", "nonsense"), Some(title(attribute))).await.status, 400);
            assert_eq!(call(Method::GET, ("if-none-match", &old), None).await.status, 200);
            assert_eq!(call(Method::DELETE, ("if-match", &new), None).await.status, 204);
        }
        // What changes nothing is no new version.
        let ann = format!("/Users/{}", okta.push("b@acme.test").await);
        let operation = json!([{ "op": "replace", "path": "title", "value": "Cook" }]);
        let [first, second] = [okta.patch(&ann, operation.clone()).await, okta.patch(&ann, operation).await];
        assert_eq!(first.header("etag"), second.header("etag"));
    }

    async fn a_persons_own_administrator_is_joined_and_not_doubled(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        // Ann was made here by hand; Okta finds her by name and links her.
        assert_eq!(okta.find(r#"userName eq "ANN@acme.test""#).await, ["ann@acme.test"]);
        assert_eq!(okta.post("/Users", person("Ann@acme.test")).await.status, 409);
        let path = format!("/Users/{}", server.ann.id);
        let reply = okta.put(&path, person("ann@acme.test")).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["displayName"]), (200, &"Alice Liddell".into()));
        assert_eq!(server.app.store.groups_of(&server.ann.id).await.unwrap(), ["staff"], "her own group stays");
    }

    async fn tokens_roll_over_two_at_a_time_and_end(database: Database) {
        use crate::support::provisioner::add_token;
        let server = Server::new(database).await;
        let old = Provisioner::new(&server).await;
        let new = Provisioner::new(&server).await;
        assert_eq!(add_token(&server, "acme").await, None, "a third has to wait");
        for okta in [&old, &new] {
            assert_eq!(okta.get("/Users?count=1").await.status, 200);
        }
        server.wait(2 * HOUR);
        assert_eq!(new.get("/Users?count=1").await.status, 200);
        let tokens = server.app.store.list_tokens().await.unwrap();
        let mut scim: Vec<_> = tokens.iter().filter(|t| t.purpose == "scim").collect();
        scim.sort_by_key(|t| t.last_used_at);
        assert!(scim[0].last_used_at < scim[1].last_used_at, "it shows which one is still used");
        assert!(server.app.store.revoke_token(&scim[0].id, server.now()).await.unwrap());
        assert_eq!(old.get("/Users?count=1").await.status, 401);
        assert!(add_token(&server, "acme").await.is_some());
        server.wait(31 * tacit::clock::DAY);
        assert_eq!(new.get("/Users?count=1").await.status, 401);
    }

    async fn an_org_is_pushed_and_what_is_lost_is_found(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        let mut there = Side { groups: Some(Vec::new()), ..Side::default() };
        let mut people = Vec::new();
        for n in 0..200 {
            let login = format!("p{n:03}@acme.test");
            people.push(okta.push(&login).await);
            there.users.push(OneUser { external_id: Some(format!("00u-{login}")), user_name: login, active: Some(true), ..OneUser::default() });
        }
        for n in 0..10 {
            let members: Vec<&str> = people.iter().skip(n).step_by(10).map(String::as_str).collect();
            okta.push_group(&format!("g{n}"), &members).await;
            let members = there.users.iter().skip(n).step_by(10).map(|u| u.user_name.clone()).collect();
            there.groups.as_mut().unwrap().push(OneGroup { display_name: format!("g{n}"), members });
        }
        let here = async || drift::here(&server.app.store, "acme").await.unwrap();
        assert_eq!(Report::of(&there, &here().await), Report::default());
        okta.delete(&format!("/Users/{}", people[7])).await;
        okta.patch(&format!("/Users/{}", people[8]), json!([{ "op": "replace", "value": { "active": false } }])).await;
        let report = Report::of(&there, &here().await);
        assert_eq!(report.users_missing_here, ["p007@acme.test"]);
        assert_eq!(report.users_differing.len(), 1);
        assert_eq!((report.groups_differing.len(), &report.groups_differing[0].group), (1, &"g7".to_owned()));
        server.wait(MINUTE);
    }
}

async fn futures_of<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    // All are begun before the first is waited for.
    let mut all: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in all.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        match done.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    done.into_iter().flatten().collect()
}
