//! What the server does at an org while people sign in, as the stand-in of an org sees it in its own log; and what the
//! stand-in's event hooks do here. Neither side shares code with the other.

#[path = "../../../identity-provider/tests/it/support/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the server's own tests use all of it"
)]
mod support;

use okta_stand_in::{Config, Running};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    future::Future,
    net::SocketAddr,
    time::{Duration, Instant},
};
use support::{
    Agent, Browser, Database, Server,
    server::{START, acme, add_user},
};
use tacit::{
    clock::{Clock, Millis, SECOND},
    domain::{
        okta::{EVENT_TYPES, Effects, OktaOrg, OnTakeover},
        user::UserStatus,
    },
    http::okta::hook_url,
    keys,
    okta::{
        client::{Client, LogEvent, LogQuery, Path as At, PolicyType, RiskLevel},
        connect::{self, StoredCredential},
        delivery::{self, LEASE, deliver_due},
        transmitter,
    },
    store::{
        Store,
        factor::PasskeyRow,
        okta::{ACTIONS, ActionRow},
        queue::Counts,
    },
};
use wire::{id::Origin, statement::Verdict};

const TOKEN: &str = "00standInApiTokenForTestsOnly";
const ORG: &str = "https://acme.okta.com";
const SECRET: &str = "a shared secret of thirty-two bytes";

/// The server, by the machine's own time, and an org with these people that is connected to it.
struct World {
    server: Server,
    org: Running,
    client: Client,
    _data: tempfile::TempDir,
}

impl World {
    async fn new(
        database: Database,
        people: &[String],
        effects: impl AsyncFnOnce(&Client) -> Effects,
    ) -> Self {
        let server = Server::new(database).await;
        server.wait(Clock::System.now_ms() - START);
        let (ours, org_listener, app_listener) = (bind().await, bind().await, bind().await);
        let mut config = Config::from_toml(&format!(
            "org_origin = \"{ORG}\"\napp_origin = \"https://app.workplace.test\"\npipeline = \"oie\"\n{}",
            people.iter().map(|login| format!("[[users]]\nlogin = \"{login}\"\npassword = \"correct horse\"\n")).collect::<String>()
        ))
        .unwrap();
        config.api_token = TOKEN.into();
        config.network.plain = true;
        config
            .network
            .hosts
            .insert("login.tacit-idp.test".into(), ours.local_addr().unwrap());
        let data = tempfile::tempdir().unwrap();
        let org = okta_stand_in::serve_on(
            config,
            data.path(),
            okta_stand_in::Clock::System,
            org_listener,
            app_listener,
        )
        .await
        .unwrap();
        let router = tacit::http::router(server.app.clone())
            .into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(ours, router).await });
        let stored = StoredCredential::Token {
            token: TOKEN.into(),
        };
        let mut row = OktaOrg {
            connection: acme(),
            org: Origin::new(ORG).unwrap(),
            sealed_credential: stored.seal(&server.app.master, &acme()),
            ca: std::fs::read_to_string(data.path().join("tls-certificate.pem")).unwrap(),
            addresses: [("acme.okta.com".to_owned(), org.org_address)].into(),
            effects: Effects::default(),
            hook_hash: keys::hash(SECRET.as_bytes()),
            updated_at: server.now(),
        };
        let client = connect::client(&server.app, &row).unwrap();
        row.effects = effects(&client).await.checked().unwrap();
        server.app.store.put_okta_org(&row).await.unwrap();
        Self {
            server,
            org,
            client,
            _data: data,
        }
    }

    async fn deliver(&self) -> usize {
        deliver_due(&self.server.app).await.unwrap()
    }

    async fn counts(&self) -> Counts {
        self.server.app.store.count(&ACTIONS).await.unwrap()
    }

    /// Until nothing waits any more, however often something has to be tried again.
    async fn deliver_all(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.counts().await.waiting > 0 {
            assert!(Instant::now() < deadline, "{:?}", self.counts().await);
            self.deliver().await;
            self.server.wait(10 * SECOND);
        }
    }

    /// The org's own log: how often what happened to whom.
    async fn log(&self, kind: &str) -> BTreeMap<String, u32> {
        let mut seen = BTreeMap::new();
        for event in self.events(kind).await {
            let targets = event.rest["target"].as_array().unwrap().clone();
            let user = targets.iter().find(|t| t["type"] == "User").unwrap();
            *seen
                .entry(user["alternateId"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        seen
    }

    async fn events(&self, kind: &str) -> Vec<LogEvent> {
        let query = LogQuery {
            filter: Some(format!("eventType eq \"{kind}\"")),
            ..LogQuery::default()
        };
        self.client.logs(&query).await.unwrap()
    }

    /// What an administrator of the stand-in does.
    async fn admin(&self, method: &str, what: &str, body: Value) {
        let at = At::new(&["stand-in", "admin", what]).unwrap();
        let done = match method {
            "POST" => self.client.create::<Value>(&at, &body).await.map(|_| ()),
            _ => self.client.replace::<Value>(&at, &body).await.map(|_| ()),
        };
        // It answers without a body.
        if let Err(error) = done {
            assert!(
                matches!(error, tacit::okta::client::Error::Malformed(_)),
                "{error}"
            );
        }
    }

    async fn fault(&self, fault: Value) {
        self.admin("POST", "faults", fault).await;
    }
}

async fn bind() -> tokio::net::TcpListener {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap()
}

fn two() -> Vec<String> {
    vec!["ann@acme.test".into(), "ben@acme.test".into()]
}

/// A group and a boolean attribute, made through the API.
async fn kept(client: &Client) -> Effects {
    let group = client.create_group("Enrolled", "by Tacit").await.unwrap();
    let definition = json!({ "title": "Registered", "type": "boolean", "required": false,
        "permissions": [{ "principal": "SELF", "action": "READ_ONLY" }] });
    let schema = client
        .put_custom_attribute("byndidRegistered", &definition)
        .await
        .unwrap();
    assert!(schema.has("byndidRegistered") && schema.has("login"));
    Effects {
        group: Some(group.id),
        attribute: Some("byndidRegistered".into()),
        ..Effects::default()
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn on_both(test: impl AsyncFn(Database)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        test(Database::sqlite()).await;
        test(Database::postgres().await).await;
    });
}

#[test]
fn group_and_attribute_at_the_org_follow_enrolment_through_every_fault() {
    on_both(async |database| {
        let world = World::new(database, &two(), kept).await;
        let row = world
            .server
            .app
            .store
            .find_okta_org(&acme())
            .await
            .unwrap()
            .unwrap();
        let group = row.effects.group.clone().unwrap();
        // Obeyed with the answer lost, refused for the number of calls, broken, and late.
        for fault in [
            json!({ "kind": "lost_answer", "status": 502, "method": "PUT", "path": "/api/v1/groups", "times": 2 }),
            json!({ "kind": "lost_answer", "status": 500, "method": "POST", "path": "/api/v1/users", "times": 1 }),
            json!({ "kind": "rate_limit", "reset_seconds": 3, "method": "GET", "path": "/api/v1/users", "times": 1 }),
            json!({ "kind": "status", "status": 503, "method": "GET", "path": "/api/v1/users", "times": 1 }),
            json!({ "kind": "late_answer", "milliseconds": 7500, "method": "POST", "path": "/api/v1/users", "times": 1 }),
        ] {
            world.fault(fault).await;
        }
        let agent = Agent::enrolled(&world.server).await;
        Agent::enrolled_for(&world.server, &world.server.ben).await;
        world.deliver_all().await;
        assert_eq!(world.counts().await, Counts::default());
        let members = world.client.members_of(&group).await.unwrap();
        let mut logins: Vec<_> = members.iter().map(|m| m.login().to_owned()).collect();
        logins.sort();
        assert_eq!(logins, two());
        let ann = world.client.user("ann@acme.test").await.unwrap().unwrap();
        assert_eq!(
            (&ann.profile["byndidRegistered"], ann.text("email")),
            (&json!(true), Some("ann@acme.test")),
            "and the rest of the profile stays"
        );
        let once: BTreeMap<_, _> = two().into_iter().map(|login| (login, 1)).collect();
        assert_eq!(
            world.log("group.user_membership.add").await,
            once,
            "each took effect once"
        );

        tacit::domain::enrolment::revoke(
            &world.server.app,
            &agent.device_id(),
            "test",
            world.server.now(),
        )
        .await
        .unwrap();
        world.deliver_all().await;
        let members = world.client.members_of(&group).await.unwrap();
        assert_eq!(
            members.iter().map(|m| m.login()).collect::<Vec<_>>(),
            ["ben@acme.test"]
        );
        let ann = world.client.user("ann@acme.test").await.unwrap().unwrap();
        assert!(
            ann.profile
                .get("byndidRegistered")
                .is_none_or(Value::is_null),
            "{:?}",
            ann.profile
        );
        assert_eq!(ann.text("firstName"), Some("Ann"));
    });
}

#[test]
fn an_impostor_ends_what_the_person_has_open_at_the_org_and_raises_the_risk_once() {
    on_both(async |database| {
        use OnTakeover as T;
        let world = World::new(database, &two(), async |_| Effects {
            on_takeover: vec![
                T::EndSessions,
                T::UniversalLogout,
                T::RiskHigh,
                T::SessionRevoked,
                T::UserRiskChange,
            ],
            ..Effects::default()
        })
        .await;
        let url = transmitter::well_known_url(&world.server.app, &acme());
        world
            .client
            .create_security_events_provider("Tacit", &url)
            .await
            .unwrap();
        // Each receiver loses an answer once.
        for path in ["/api/v1/users", "/oauth2/v1/global-token-revocation"] {
            world
                .fault(json!({ "kind": "lost_answer", "status": 502, "path": path, "times": 1 }))
                .await;
        }
        let agent = Agent::enrolled(&world.server).await;
        let answers = async |verdict| {
            let browser = Browser::default();
            let page = browser.start(&world.server, "ann@acme.test").await;
            let mut answer = agent.answer(&world.server, &page);
            answer.evidence.verdict = verdict;
            assert_eq!(
                agent.send(&world.server, &browser, &answer).await.status,
                200
            );
        };
        answers(Verdict::Genuine).await;
        answers(Verdict::Impostor).await;
        answers(Verdict::Impostor).await;
        world.deliver_all().await;
        let rows: Vec<ActionRow> = world.server.app.store.latest(&ACTIONS, 99).await.unwrap();
        assert!(
            rows.len() == 5 && rows.iter().all(|row| row.state == "sent"),
            "{rows:?}"
        );
        let ann = world.client.user("ann@acme.test").await.unwrap().unwrap();
        assert_eq!(
            world.client.risk(&ann.id).await.unwrap(),
            Some(RiskLevel::High)
        );
        let received = world.log("security.events.provider.receive_event").await;
        assert_eq!(
            received,
            [("ann@acme.test".to_owned(), 2)].into(),
            "two events, once each"
        );
        let logout = world.log("user.authentication.universal_logout").await;
        assert_eq!(logout.keys().collect::<Vec<_>>(), ["ann@acme.test"]);

        // An event that is sent again is the same event; one that somebody else signed is none.
        let action = rows
            .iter()
            .find(|row| row.kind.code() == "session_revoked")
            .unwrap();
        let org = world
            .server
            .app
            .store
            .find_okta_org(&acme())
            .await
            .unwrap()
            .unwrap();
        let event = standards::secevent::Event::SessionRevoked;
        let token = transmitter::sign(&world.server.app, &org, action, event, "ann@acme.test")
            .await
            .unwrap();
        world.client.publish_event(&token).await.unwrap();
        assert_eq!(
            world.log("security.events.provider.receive_event").await,
            received
        );
        let forged = format!("{}AAAA", &token[..token.len() - 4]);
        let refused = world.client.publish_event(&forged).await.unwrap_err();
        assert!(
            matches!(&refused, tacit::okta::client::Error::Event { err, .. } if err == "invalid_key"),
            "{refused:?}"
        );
    });
}

#[test]
fn the_orgs_event_hooks_come_twice_and_out_of_order_and_the_last_word_holds() {
    on_both(async |database| {
        let world = World::new(database, &two(), async |client| {
            let watched = client.create_group("Staff", "who may").await.unwrap();
            Effects {
                watched_group: Some(watched.id),
                ..Effects::default()
            }
        })
        .await;
        let uri = hook_url(&world.server.app, &acme());
        let client = &world.client;
        let hook = client
            .create_event_hook("Tacit", &uri, SECRET, &EVENT_TYPES)
            .await
            .unwrap();
        client.verify_event_hook(&hook.id).await.unwrap();
        let hook = client.event_hook(&hook.id).await.unwrap().unwrap();
        assert_eq!(
            (hook.verification.as_str(), hook.uri()),
            ("VERIFIED", Some(uri.as_str()))
        );
        let ann = client.user("ann@acme.test").await.unwrap().unwrap().id;
        let status = async || {
            let found = world
                .server
                .app
                .store
                .find_user(&world.server.ann.id)
                .await
                .unwrap();
            found.unwrap().status
        };
        let is =
            async |expected| until("the hook's effect", async || status().await == expected).await;
        let agent = Agent::enrolled(&world.server).await;
        use tacit::okta::client::Lifecycle as L;

        client.move_user(&ann, L::Suspend).await.unwrap();
        is(UserStatus::Disabled).await;
        let device = world
            .server
            .app
            .store
            .find_device(&agent.device_id())
            .await
            .unwrap()
            .unwrap();
        assert!(device.revoked_at != 0, "as over SCIM");
        client.move_user(&ann, L::Unsuspend).await.unwrap();
        is(UserStatus::Active).await;

        // Sent twice, and the first of two after the second.
        world
            .admin("PUT", "deliveries", json!({ "duplicate": 4, "reorder": 1 }))
            .await;
        client.move_user(&ann, L::Suspend).await.unwrap();
        // The org's times are whole milliseconds.
        tokio::time::sleep(Duration::from_millis(5)).await;
        client.move_user(&ann, L::Unsuspend).await.unwrap();
        let told = async || {
            let events = world.server.app.store.events_since(0, 1_000).await.unwrap();
            events
                .iter()
                .filter(|e| e.kind.starts_with("okta_user"))
                .count()
        };
        world.admin("PUT", "deliveries", json!({})).await;
        // A third change, so that there is something to wait for.
        let group = world
            .server
            .app
            .store
            .find_okta_org(&acme())
            .await
            .unwrap()
            .unwrap()
            .effects
            .watched_group
            .unwrap();
        client.add_member(&group, &ann).await.unwrap();
        client.remove_member(&group, &ann).await.unwrap();
        is(UserStatus::Disabled).await;
        client.add_member(&group, &ann).await.unwrap();
        is(UserStatus::Active).await;
        assert!(told().await >= 4);
        // Another secret: nothing is heard.
        client
            .replace_event_hook(
                &hook.id,
                "Tacit",
                &uri,
                "another secret of thirty-two bytes",
                &EVENT_TYPES,
            )
            .await
            .unwrap();
        client.verify_event_hook(&hook.id).await.unwrap();
        client.move_user(&ann, L::Suspend).await.unwrap();
        until("the org's log of the failed delivery", async || {
            world.events("event_hook.delivery").await.iter().any(|e| {
                e.rest["outcome"]["reason"]
                    .as_str()
                    .is_some_and(|r| r.contains("401"))
            })
        })
        .await;
        assert_eq!(status().await, UserStatus::Active);
    });
}

/// What a process does until it is gone, with whatever it has begun.
async fn dies_within(work: impl Future<Output = ()> + Send + 'static, time: Duration) {
    let task = tokio::spawn(work);
    tokio::time::sleep(time).await;
    task.abort();
    let _ = task.await;
}

#[test]
fn a_thousand_calls_over_processes_that_die_take_effect_once_as_the_org_sees_it() {
    on_both(async |database| {
        let people: Vec<String> = (0..1_000).map(|n| format!("p{n}@acme.test")).collect();
        let world = World::new(database, &people, async |client| Effects {
            attribute: None,
            ..kept(client).await
        })
        .await;
        let server = &world.server;
        for (n, login) in people.iter().enumerate() {
            let user = add_user(&server.app, login, &[]).await;
            let passkey = PasskeyRow {
                credential_id: format!("c{n}"),
                user_id: user.id.to_string(),
                credential: "{}".into(),
                label: "key".into(),
                created_at: server.now(),
                last_used_at: 0,
            };
            let mut write = server.app.store.write().await.unwrap();
            assert!(
                Store::add_passkey(&mut write, &user.id, &passkey, server.now())
                    .await
                    .unwrap()
            );
            write.commit().await.unwrap();
        }
        assert_eq!(world.counts().await.waiting, 1_000);
        world.fault(json!({ "kind": "lost_answer", "status": 503, "method": "PUT", "path": "/api/v1/groups", "times": 50 })).await;
        world.fault(json!({ "kind": "rate_limit", "reset_seconds": 2, "path": "/api/v1/groups", "times": 5 })).await;
        let mut deaths = 0;
        while world.counts().await.waiting > 300 {
            let process = server.another_process().await;
            dies_within(
                delivery::run(process.app.clone()),
                Duration::from_millis(400),
            )
            .await;
            deaths += 1;
            server.wait(LEASE.max(10 * SECOND));
            assert!(deaths < 200, "{:?}", world.counts().await);
        }
        world.deliver_all().await;
        let added = world.log("group.user_membership.add").await;
        assert_eq!(added.len(), 1_000);
        assert!(
            added.values().all(|times| *times == 1),
            "each took effect once"
        );
        assert_eq!(world.counts().await, Counts::default());
        assert!(deaths >= 1);
        eprintln!("{deaths} processes died");
    });
}

#[test]
fn what_the_client_is_told_by_the_stand_in_has_the_shape_that_it_expects() {
    on_both(async |database| {
        let world = World::new(database, &two(), kept).await;
        let client = &world.client;
        let organization = client.organization().await.unwrap();
        assert_eq!(
            organization.pipeline,
            tacit::okta::client::Pipeline::Identity
        );
        assert_eq!(client.user("nobody").await.unwrap(), None);
        assert_eq!(client.groups_named("Enrolled").await.unwrap().len(), 1);
        assert_eq!(
            client
                .policies(PolicyType::IdpDiscovery)
                .await
                .unwrap()
                .len(),
            1
        );
        assert!(client.idps().await.unwrap().is_empty());
        assert!(client.trusted_origins().await.unwrap().is_empty());
        client.authenticators().await.unwrap();
        let origin = client
            .create_trusted_origin("Tacit", "https://login.tacit-idp.test")
            .await
            .unwrap();
        assert!(client.delete_trusted_origin(&origin.id).await.is_ok());
        let all = client.search_users("status eq \"ACTIVE\"").await.unwrap();
        assert_eq!(all.len(), 2);
        let began: Millis = world.server.now();
        assert!(began > 0 && world.org.org_address.port() > 0);
    });
}
