//! Attacks on the ceremony that need many at once, two of something, or time.

use crate::support::{
    Agent, Browser, ChallengePage, Server,
    agent::{Key, name},
    browser::request,
    on_both_databases,
    server::acme,
};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};
use tacit::{
    clock::{MINUTE, SECOND},
    domain::{
        challenge::{Factor, Passed, Strength, pass_factor},
        connection::{Connection, KeyStatus, Role},
        signing,
    },
    random,
};
use tokio::task::JoinSet;
use wire::{
    id::ConnectionId,
    server::ANSWERS,
    statement::{ANSWER_TYP, ProtectionClass},
};

/// One answer with a proof of its own, ready to be sent.
struct Ready {
    statement: String,
    proof: String,
    cookie: String,
}

impl Ready {
    fn of(server: &Server, agent: &Agent, browser: &Browser, page: &ChallengePage) -> Self {
        let statement = agent
            .device
            .statement(ANSWER_TYP, &agent.answer(server, page));
        let proof = agent.proof(server, ANSWERS, statement.as_bytes(), Some(&page.nonce));
        let cookie = browser.cookie();
        Self {
            statement,
            proof,
            cookie,
        }
    }

    /// What came of it: the outcome, or the reason of the refusal.
    async fn send(self, server: &Server) -> String {
        let headers = [
            ("content-type", "application/json"),
            ("dpop", self.proof.as_str()),
            ("cookie", self.cookie.as_str()),
        ];
        let body = json!({ "v": 1, "statement": self.statement }).to_string();
        let reply = server.post(ANSWERS, &headers, body).await;
        match reply.status.is_success() {
            true => reply.json()["outcome"].as_str().unwrap().into(),
            false => reply.reason(),
        }
    }
}

async fn allowed(server: &Server, page: &ChallengePage) -> usize {
    let rows = server
        .app
        .store
        .decisions_of(page.challenge.as_str())
        .await
        .unwrap();
    rows.iter().filter(|row| row.outcome == "allow").count()
}

/// A second connection, configured like the first.
async fn second_connection(server: &Server) -> ConnectionId {
    let id = ConnectionId::new("other").unwrap();
    let first = server
        .app
        .store
        .find_connection(&acme())
        .await
        .unwrap()
        .unwrap();
    let key = signing::generate(&server.app, &id, KeyStatus::Current, server.now()).unwrap();
    let connection = Connection {
        id: id.clone(),
        role: Role::Factor,
        ..first
    };
    server
        .app
        .store
        .insert_connection(&connection, &key)
        .await
        .unwrap();
    id
}

on_both_databases! {
    async fn of_a_thousand_answers_to_one_challenge_at_once_exactly_one_wins(database: Database) {
        let server = Arc::new(Server::new(database).await);
        let another = Arc::new(server.another_process().await);
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        let ready: Vec<_> = (0..1_000).map(|_| Ready::of(&server, &agent, &browser, &page)).collect();
        let mut tasks = JoinSet::new();
        for (n, answer) in ready.into_iter().enumerate() {
            // Half of them to another process on the same database.
            let server = if n % 2 == 0 { server.clone() } else { another.clone() };
            tasks.spawn(async move { answer.send(&server).await });
        }
        let mut came = BTreeMap::new();
        while let Some(done) = tasks.join_next().await {
            *came.entry(done.unwrap()).or_insert(0) += 1;
        }
        assert_eq!(came, BTreeMap::from([("allow".to_owned(), 1), ("already_scored".to_owned(), 999)]));
        assert_eq!(allowed(&server, &page).await, 1, "and one row says so");
    }

    async fn an_answer_and_a_factor_at_the_same_moment_decide_once(database: Database) {
        let server = Arc::new(Server::new(database).await);
        let agent = Agent::enrolled(&server).await;
        for _ in 0..30 {
            let browser = Browser::default();
            let page = browser.start(&server, "ann@acme.test").await;
            let challenge = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
            let answer = Ready::of(&server, &agent, &browser, &page);
            let passes = tokio::spawn({
                let (server, user) = (server.clone(), server.ann.id.clone());
                async move {
                    let strength = Strength::PhishingResistant { hardware: true };
                    matches!(
                        pass_factor(&server.app, &challenge, &user, Factor::Passkey, strength, server.now()).await.unwrap(),
                        Passed::Allowed { .. }
                    )
                }
            });
            let answers = tokio::spawn({
                let server = server.clone();
                async move { answer.send(&server).await == "allow" }
            });
            let (passed, answered) = (passes.await.unwrap(), answers.await.unwrap());
            assert!(passed != answered, "passkey {passed}, answer {answered}");
            assert_eq!(allowed(&server, &page).await, 1);
        }
    }

    async fn an_answer_for_another_connection_is_refused(database: Database) {
        let server = Server::new(database).await;
        let other = second_connection(&server).await;
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        // The very same request id through both connections: two challenges, which know nothing of each other.
        let id = format!("id{}", random::digits(24));
        let here = browser.bring(&server, &request(&server, &id, "ann@acme.test")).await;
        let here = browser.open(&server, here.header("location")).await;
        let xml = request(&server, &id, "ann@acme.test").replace("/saml/acme/sso", "/saml/other/sso");
        let there = browser.bring_to(&server, "other", &xml).await;
        let there = browser.open(&server, there.header("location")).await;
        assert!(here.req != there.req && here.nonce != there.nonce && here.challenge != there.challenge);
        let mut answer = agent.answer(&server, &there);
        answer.req = here.req.clone();
        assert_eq!(agent.send(&server, &browser, &answer).await.reason(), "wrong_nonce", "signed for the other connection");
        assert_eq!(agent.answers(&server, &browser, &here).await["outcome"], "allow");
        assert_eq!(browser.outcome(&server, &there).await["state"], "step_up", "what passed here did not pass there");
        assert_eq!(allowed(&server, &there).await, 0);
        // A request for the one connection, brought to the other.
        let swapped = browser.bring_to(&server, other.as_str(), &request(&server, "id5", "ann@acme.test")).await;
        assert_eq!(swapped.status, 400, "{}", swapped.body);
    }

    async fn no_answer_claims_a_better_protection_than_the_device_was_registered_with(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::new();
        let mut registration = agent.registration(&server);
        registration.protection_class = ProtectionClass::Software;
        assert_eq!(agent.register_as(&server, crate::support::server::TOKEN, &registration, None).await.status, 200);
        agent.bind(&server, &server.ann).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        let claims = agent.answer(&server, &page);
        assert_eq!(claims.protection_class, ProtectionClass::Hardware);
        let reply = agent.send(&server, &browser, &claims).await.json();
        assert_eq!((&reply["outcome"], &reply["reasons"]), (&json!("step_up"), &json!(["protection_class_too_low"])));
        // Neither a heartbeat nor another registration lifts it, and either lowers it.
        let class = async || server.app.store.find_device(&agent.device_id()).await.unwrap().unwrap().protection_class;
        assert_eq!(agent.beats(&server, &agent.heartbeat(&server, Vec::new())).await.status, 200);
        assert_eq!(agent.register(&server, crate::support::server::TOKEN).await.status, 200);
        assert_eq!(class().await, ProtectionClass::Software);

        let good = Agent::enrolled(&server).await;
        let mut beat = good.heartbeat(&server, Vec::new());
        beat.protection_class = ProtectionClass::OsProtected;
        assert_eq!(good.beats(&server, &beat).await.status, 200);
        let stored = server.app.store.find_device(&good.device_id()).await.unwrap().unwrap();
        assert_eq!(stored.protection_class, ProtectionClass::OsProtected);
    }

    async fn a_clock_that_is_off_by_two_minutes_is_accepted_and_reported_and_more_is_the_reason(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        for off in [-121, -120, -30, 0, 30, 120, 121] {
            let browser = Browser::default();
            let page = browser.start(&server, "ann@acme.test").await;
            let mut answer = agent.answer(&server, &page);
            answer.iat += off;
            let reply = agent.send(&server, &browser, &answer).await.json();
            let expected = if off.abs() <= 120 { json!(["genuine"]) } else { json!(["clock_off"]) };
            assert_eq!(reply["reasons"], expected, "{off}");
            let rows = server.app.store.decisions_of(page.challenge.as_str()).await.unwrap();
            assert_eq!(rows.last().unwrap().clock_off_s(), Some(off), "the record says by how much");
        }
        // The whole machine's clock: the worker's proof is off as well.
        for (off, reason) in [(120, None), (-120, None), (121, Some("clock_off")), (-121, Some("clock_off"))] {
            let browser = Browser::default();
            let page = browser.start(&server, "ann@acme.test").await;
            let mut answer = agent.answer(&server, &page);
            answer.iat += off;
            let statement = agent.device.statement(ANSWER_TYP, &answer);
            let mut claims = agent.claims(&server, ANSWERS, statement.as_bytes(), Some(&page.nonce));
            claims.iat += off;
            let reply = agent.send_with(&server, &browser, &statement, &agent.proof_with(&claims)).await;
            match reason {
                None => assert_eq!(reply.json()["outcome"], "allow", "{off}"),
                Some(reason) => {
                    assert_eq!(reply.reason(), reason, "{off}");
                    assert_eq!(browser.outcome(&server, &page).await["reasons"], json!([reason]), "the page names it");
                }
            }
        }
    }

    async fn a_stolen_cookie_answers_nothing_without_the_keys(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        // The thief has the cookie and everything that the page shows, and keys of their own.
        let thief = Agent::new();
        let answer = thief.answer(&server, &page);
        assert_eq!(thief.send(&server, &browser, &answer).await.reason(), "not_enrolled");
        assert_eq!(thief.register(&server, crate::support::server::TOKEN).await.status, 200, "anybody on a machine may have the token");
        let mut answer = thief.answer(&server, &page);
        assert_eq!(thief.send(&server, &browser, &answer).await.reason(), "not_enrolled", "registered is not bound");
        // With an answer of the right device that was caught on its way: it names the installation key.
        answer = agent.answer(&server, &page);
        let statement = agent.device.statement(ANSWER_TYP, &answer);
        let proof = thief.proof(&server, ANSWERS, statement.as_bytes(), Some(&page.nonce));
        assert_eq!(thief.send_with(&server, &browser, &statement, &proof).await.reason(), "bad_installation_proof");
        assert_eq!(allowed(&server, &page).await, 0);
        assert_eq!(agent.answers(&server, &browser, &page).await["outcome"], "allow", "the right one is not harmed");
    }

    async fn a_response_is_for_one_browser_and_one_request_and_ends_with_its_challenge(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        agent.answers(&server, &browser, &page).await;
        let of = |outcome: &serde_json::Value| outcome["form"]["fields"]["SAMLResponse"].as_str().map(str::to_owned);
        let stranger = Browser::default();
        stranger.start(&server, "ann@acme.test").await;
        assert_eq!(of(&stranger.outcome(&server, &page).await), None);
        assert!(of(&browser.outcome(&server, &page).await).is_some());
        server.wait(5 * MINUTE + SECOND);
        let late = browser.outcome(&server, &page).await;
        assert_eq!((of(&late), &late["state"]), (None, &json!("expired")));
    }

    /// One machine, two accounts of its operating system, two browser profiles of one of them: all at once.
    async fn two_profiles_and_two_accounts_at_once_keep_apart(database: Database) {
        let server = Arc::new(Server::new(database).await);
        let first = Agent::enrolled(&server).await;
        let second = Agent { device: first.device.again(), installation: Key::generate() };
        assert_eq!(second.register(&server, crate::support::server::TOKEN).await.status, 200);
        second.bind(&server, &server.ann).await;
        let bens = Agent::enrolled_for(&server, &server.ben).await;

        let mut tasks = JoinSet::new();
        for _ in 0..20 {
            for (agent, login) in [(&first, "ann@acme.test"), (&second, "ann@acme.test"), (&bens, "ben@acme.test")] {
                let browser = Browser::default();
                let page = browser.start(&server, login).await;
                let answer = Ready::of(&server, agent, &browser, &page);
                let server = server.clone();
                tasks.spawn(async move { answer.send(&server).await });
            }
        }
        assert!(tasks.join_all().await.iter().all(|outcome| outcome == "allow"));

        // Ben's account on Ann's sign-in, and the other way round; Ann's device with Ben's profile.
        for (agent, login) in [(&bens, "ann@acme.test"), (&first, "ben@acme.test")] {
            let browser = Browser::default();
            let page = browser.start(&server, login).await;
            let mut answer = agent.answer(&server, &page);
            assert_eq!(agent.send(&server, &browser, &answer).await.reason(), "not_enrolled", "{login}");
            let page = browser.start(&server, login).await;
            answer = agent.answer(&server, &page);
            answer.sub = name(if login.starts_with("ann") { "ben@acme.test" } else { "ann@acme.test" });
            assert_eq!(agent.send(&server, &browser, &answer).await.reason(), "wrong_account", "{login}");
        }
        let mixed = Agent { device: first.device.again(), installation: bens.installation.again() };
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        let answer = mixed.answer(&server, &page);
        assert_eq!(mixed.send(&server, &browser, &answer).await.reason(), "not_enrolled");
        // One profile's trouble is not the other's: its binding ends, and the other answers.
        let page = browser.start(&server, "ann@acme.test").await;
        assert_eq!(second.answers(&server, &browser, &page).await["outcome"], "allow");
    }
}
