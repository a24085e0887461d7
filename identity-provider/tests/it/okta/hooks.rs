//! Event hooks: who may speak, and what of it is done.

use super::world::{WATCHED, World};
use crate::support::{
    Agent, Browser, Database, Reply, Server, on_both_databases,
    provisioner::{Provisioner, person},
    server::{acme, add_user},
};
use axum::body::Body;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use tacit::{
    clock::{MINUTE, Millis, rfc3339},
    domain::{
        connection::Role,
        okta::{Effects, OktaOrg},
        user::{User, UserStatus},
    },
    keys,
    limits::Limits,
};

const SECRET: &str = "a shared secret of thirty-two bytes";
const PATH: &str = "/okta/acme/events";

async fn hooked(server: &Server) {
    let world = World::new().await;
    let effects = Effects {
        watched_group: Some(WATCHED.into()),
        ..Effects::default()
    };
    let row = OktaOrg {
        hook_hash: keys::hash(SECRET.as_bytes()),
        ..world.row(server, effects)
    };
    server.app.store.put_okta_org(&row).await.unwrap();
}

/// An event of its own about `ann`, `at` after the server's time.
fn event(kind: &str, at: Millis) -> Value {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    json!({ "uuid": format!("e-{}", NUMBER.fetch_add(1, Ordering::Relaxed)), "eventType": kind,
        "published": rfc3339(crate::support::server::START + at), "severity": "INFO", "outcome": { "result": "SUCCESS" },
        "target": [{ "id": "00uann", "type": "User", "alternateId": "ann@acme.test", "displayName": "Ann" },
            { "id": WATCHED, "type": "UserGroup", "alternateId": "unknown", "displayName": "Everyone" }] })
}

fn body(events: &[Value]) -> String {
    json!({ "eventType": "com.okta.event_hook", "eventTypeVersion": "1.0", "cloudEventsVersion": "0.1",
        "source": "https://acme.okta.test/api/v1/eventHooks/who1", "eventId": "b5a188b9", "contentType": "application/json",
        "eventTime": "2026-12-01T00:40:47.000Z", "data": { "events": events } })
    .to_string()
}

async fn post(server: &Server, body: impl Into<Body>) -> Reply {
    let headers = [
        ("authorization", SECRET),
        ("content-type", "application/json"),
    ];
    server.post(PATH, &headers, body).await
}

async fn tells(server: &Server, events: &[Value]) {
    let reply = post(server, body(events)).await;
    assert_eq!((reply.status.as_u16(), reply.body.as_str()), (204, ""));
}

async fn status(server: &Server, user: &User) -> UserStatus {
    let found = server.app.store.find_user(&user.id).await.unwrap();
    found.unwrap().status
}

async fn record(server: &Server) -> Vec<String> {
    let events = server.app.store.events_since(0, 100).await.unwrap();
    let kinds = events.into_iter().map(|e| e.kind);
    kinds.filter(|k| k.starts_with("okta_user")).collect()
}

const SUSPEND: &str = "user.lifecycle.suspend";
const UNSUSPEND: &str = "user.lifecycle.unsuspend";

on_both_databases! {
    async fn a_verification_is_answered_with_its_own_words(database: Database) {
        let server = Server::new(database).await;
        assert_eq!(server.get(PATH, &[("x-okta-verification-challenge", "v1")]).await.status, 404, "nobody set a hook up");
        hooked(&server).await;
        let reply = server.get(PATH, &[("x-okta-verification-challenge", "3d2f<script>\"")]).await;
        assert_eq!((reply.status.as_u16(), reply.json()), (200, json!({ "verification": "3d2f<script>\"" })));
        assert_eq!((reply.header("content-type"), reply.header("x-content-type-options")), ("application/json", "nosniff"));
        assert_eq!(server.get(PATH, &[]).await.status, 400);
        let long = "a".repeat(257);
        assert_eq!(server.get(PATH, &[("x-okta-verification-challenge", long.as_str())]).await.status, 400);
        assert_eq!(server.get("/okta/other/events", &[("x-okta-verification-challenge", "v1")]).await.status, 404);
    }

    async fn who_does_not_know_the_secret_is_not_heard(database: Database) {
        let server = Server::new(database).await;
        hooked(&server).await;
        let json = ("content-type", "application/json");
        let suspend = body(&[event(SUSPEND, 1)]);
        let longer = format!("{SECRET} ");
        let huge = "a".repeat(2_000);
        for wrong in ["", "wrong", &SECRET[1..], &longer, &huge, &keys::hash(SECRET.as_bytes())] {
            let reply = server.post(PATH, &[json, ("authorization", wrong)], suspend.clone()).await;
            assert_eq!(reply.status, 401, "{wrong}");
            assert!(!reply.body.contains(SECRET));
        }
        assert_eq!(server.post(PATH, &[json], suspend.clone()).await.status, 401);
        let twice = [json, ("authorization", SECRET), ("authorization", "wrong")];
        assert_eq!(server.post(PATH, &twice, suspend.clone()).await.status, 401);
        assert_eq!(server.post("/okta/other/events", &[json, ("authorization", SECRET)], suspend).await.status, 404);
        assert_eq!(status(&server, &server.ann).await, UserStatus::Active);
    }

    async fn somebody_suspended_deactivated_or_taken_out_of_the_group_leaves_as_over_scim(database: Database) {
        let server = Server::new(database).await;
        hooked(&server).await;
        for (n, (out, back)) in [
            (SUSPEND, Some(UNSUSPEND)),
            ("user.lifecycle.deactivate", Some("user.lifecycle.activate")),
            ("group.user_membership.remove", Some("group.user_membership.add")),
            ("user.lifecycle.delete.initiated", None),
        ]
        .into_iter()
        .enumerate()
        {
            let agent = Agent::enrolled(&server).await;
            let browser = Browser::default();
            let page = browser.start(&server, "ann@acme.test").await;
            let at = MINUTE * i64::try_from(n).unwrap();
            tells(&server, &[event(out, at)]).await;
            assert_eq!(status(&server, &server.ann).await, UserStatus::Disabled, "{out}");
            let reply = agent.send(&server, &browser, &agent.answer(&server, &page)).await;
            assert!(!reply.status.is_success(), "a sign-in under way is over: {}", reply.body);
            let device = server.app.store.find_device(&agent.device_id()).await.unwrap().unwrap();
            assert!(device.revoked_at != 0, "{out}");
            let wipes = server.app.store.logins_to_wipe(&agent.device_id()).await.unwrap();
            assert_eq!(wipes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["ann@acme.test"]);
            let Some(back) = back else { continue };
            tells(&server, &[event(back, at + 1)]).await;
            assert_eq!(status(&server, &server.ann).await, UserStatus::Active, "{back}");
            let device = server.app.store.find_device(&agent.device_id()).await.unwrap().unwrap();
            assert!(device.revoked_at == 0 && !device.bound, "the device may register, and is bound to nobody");
        }
        assert_eq!(record(&server).await.len(), 7);
    }

    async fn events_come_again_and_in_any_order(database: Database) {
        let server = Server::new(database).await;
        hooked(&server).await;
        let (suspended, unsuspended) = (event(SUSPEND, 10), event(UNSUSPEND, 20));
        // The newer one first: what is older changes nothing any more.
        tells(&server, std::slice::from_ref(&unsuspended)).await;
        tells(&server, std::slice::from_ref(&suspended)).await;
        assert_eq!(status(&server, &server.ann).await, UserStatus::Active);
        // In one body, in both orders, and each again.
        let later = event(SUSPEND, 30);
        tells(&server, &[later.clone(), unsuspended.clone()]).await;
        tells(&server, &[unsuspended, later, suspended]).await;
        assert_eq!(status(&server, &server.ann).await, UserStatus::Disabled);
        assert_eq!(record(&server).await, ["okta_user_left"]);
        let back = event(UNSUSPEND, 40);
        tells(&server, std::slice::from_ref(&back)).await;
        assert_eq!(status(&server, &server.ann).await, UserStatus::Active);
        // Played again after she was suspended once more.
        tells(&server, &[event(SUSPEND, 50)]).await;
        tells(&server, &[back]).await;
        assert_eq!(status(&server, &server.ann).await, UserStatus::Disabled);
        // At the same moment, the one that keeps her out.
        tells(&server, &[event(UNSUSPEND, 50)]).await;
        assert_eq!(status(&server, &server.ann).await, UserStatus::Disabled);
    }

    async fn out_of_the_group_and_suspended_are_two_things(database: Database) {
        let server = Server::new(database).await;
        hooked(&server).await;
        tells(&server, &[event(SUSPEND, 1), event("group.user_membership.remove", 2)]).await;
        tells(&server, &[event(UNSUSPEND, 3)]).await;
        assert_eq!(status(&server, &server.ann).await, UserStatus::Disabled, "still out of the group");
        tells(&server, &[event("group.user_membership.add", 4)]).await;
        assert_eq!(status(&server, &server.ann).await, UserStatus::Active);
        let mut other = event("group.user_membership.remove", 5);
        other["target"][1]["id"] = "00gOther".into();
        tells(&server, &[other]).await;
        assert_eq!(status(&server, &server.ann).await, UserStatus::Active, "a group that nobody watches");
    }

    async fn an_event_brings_nobody_back_whom_something_else_disabled(database: Database) {
        let server = Server::new(database).await;
        hooked(&server).await;
        server.app.store.set_user_status(&server.ann.id, UserStatus::Disabled, server.now()).await.unwrap();
        tells(&server, &[event(SUSPEND, 1), event(UNSUSPEND, 2)]).await;
        assert_eq!(status(&server, &server.ann).await, UserStatus::Disabled);
        assert!(record(&server).await.is_empty());
    }

    async fn what_something_else_decided_since_is_not_undone_by_what_was_heard_before(database: Database) {
        let server = Server::new(database).await;
        hooked(&server).await;
        let set = async |status| server.app.store.set_user_status(&server.ann.id, status, server.now()).await.unwrap();
        let suspended = event(SUSPEND, 10);
        tells(&server, std::slice::from_ref(&suspended)).await;
        assert_eq!(status(&server, &server.ann).await, UserStatus::Disabled);
        // An administrator lets her in again: neither the same event, nor an older one, nor one about something else counts.
        set(UserStatus::Active).await;
        tells(&server, &[suspended, event(SUSPEND, 5), event("group.user_membership.add", 11)]).await;
        assert_eq!(status(&server, &server.ann).await, UserStatus::Active);
        // And keeps her out: the org's own return is none.
        set(UserStatus::Disabled).await;
        tells(&server, &[event(UNSUSPEND, 20)]).await;
        assert_eq!(status(&server, &server.ann).await, UserStatus::Disabled);
        // A new event is a new event.
        set(UserStatus::Active).await;
        tells(&server, &[event(SUSPEND, 30)]).await;
        assert_eq!(status(&server, &server.ann).await, UserStatus::Disabled);
        // Let in over SCIM and taken out again: likewise.
        let okta = Provisioner::new(&server).await;
        let path = format!("/Users/{}", server.ann.id);
        for active in [true, false] {
            let reply = okta.patch(&path, json!([{ "op": "replace", "value": { "active": active } }])).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
        }
        tells(&server, &[event(UNSUSPEND, 40)]).await;
        assert_eq!(status(&server, &server.ann).await, UserStatus::Disabled);
    }

    async fn people_of_other_connections_and_nobodys_are_left_alone(database: Database) {
        let server = Server::new(database).await;
        hooked(&server).await;
        let other = Provisioner::of(&server, "other").await;
        let reply = other.post("/Users", person("zoe@acme.test")).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        let zoe = server.app.store.find_user_by_name("zoe@acme.test").await.unwrap().unwrap();
        let about = |id: &str, login: &str| {
            let mut event = event(SUSPEND, 1);
            event["target"][0]["id"] = id.into();
            event["target"][0]["alternateId"] = login.into();
            event
        };
        tells(&server, &[about("00uzoe", "zoe@acme.test"), about("00uwho", "who@acme.test")]).await;
        assert_eq!(status(&server, &zoe).await, UserStatus::Active);
        // A login that two have but for its case is nobody's.
        add_user(&server.app, "ANN@acme.test", &[]).await;
        tells(&server, &[about("00uxyz", "Ann@acme.test")]).await;
        assert_eq!(status(&server, &server.ann).await, UserStatus::Active);
        // The org's own id counts more than a login that has changed.
        server.app.store.put_okta_id(&acme(), &server.ben.id, "ben@acme.test", "00uben").await.unwrap();
        tells(&server, &[about("00uben", "renamed@acme.test")]).await;
        assert_eq!(status(&server, &server.ben).await, UserStatus::Disabled);
    }

    async fn garbage_is_refused_and_harms_nothing(database: Database) {
        let server = Server::new(database).await;
        hooked(&server).await;
        let many: Vec<Value> = (0..501).map(|_| event(SUSPEND, 1)).collect();
        let deep = format!("{}{}", "{\"data\":".repeat(5_000), "1");
        for (body, status) in [
            (String::new(), 400),
            ("{}".into(), 400),
            ("[]".into(), 400),
            ("null".into(), 400),
            (deep, 400),
            (body(&many), 400),
            (body(&[]).replace("com.okta.event_hook", "com.okta.user.pre-registration"), 400),
            (format!("{{\"data\":\"{}\"}}", "a".repeat(600_000)), 413),
        ] {
            let head: String = body.chars().take(40).collect();
            let reply = post(&server, body).await;
            assert_eq!(reply.status.as_u16(), status, "{head}");
            assert!(reply.json()["error"].is_string());
        }
        assert_eq!(post(&server, vec![0xff, 0xfe, 0]).await.status, 400);
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", ""] {
            let reply = server.post(PATH, &[("authorization", SECRET), ("content-type", kind)], body(&[event(SUSPEND, 1)])).await;
            assert_eq!(reply.status, 415, "{kind}");
        }
        // One event that cannot be read does not hide the next, and unknown members are passed over.
        let mut odd = event(SUSPEND, 1);
        odd["published"] = 7.into();
        let mut extra = event(SUSPEND, 2);
        extra["surprise"] = json!({ "a": [1, 2, { "b": null }] });
        extra["target"].as_array_mut().unwrap().extend((0..200).map(|n| json!({ "id": format!("00a{n}"), "type": "AppInstance" })));
        let mut failed = event(UNSUSPEND, 3);
        failed["outcome"]["result"] = "FAILURE".into();
        tells(&server, &[odd, json!(7), json!({}), extra, failed]).await;
        assert_eq!(status(&server, &server.ann).await, UserStatus::Disabled);
    }
}

#[tokio::test]
async fn who_guesses_the_secret_too_often_is_not_heard_for_a_while() {
    let server = Server::with(Database::sqlite(), Limits::default(), Role::Factor, false).await;
    hooked(&server).await;
    let mut refused = 0;
    for _ in 0..200 {
        let headers = [
            ("authorization", "wrong"),
            ("content-type", "application/json"),
        ];
        let reply = server.post(PATH, &headers, body(&[])).await;
        refused += u32::from(reply.status == 429);
    }
    assert!(refused > 100, "{refused}");
    assert_eq!(
        post(&server, body(&[])).await.status,
        429,
        "nor is the right one"
    );
}
