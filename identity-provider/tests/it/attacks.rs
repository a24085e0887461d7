//! Answers that are not what they say they are. Each is refused with its own reason, and nobody is signed in.

use crate::support::{
    Agent, Browser, ChallengePage, Server,
    agent::{Key, name},
    on_both_databases,
};
use serde_json::json;
use tacit::clock::{DAY, MINUTE, SECOND};
use wire::{
    id::{DeviceId, Origin},
    server::ANSWERS,
    statement::{ANSWER_TYP, HEARTBEAT_TYP},
};

struct Scene {
    server: Server,
    agent: Agent,
    browser: Browser,
    page: ChallengePage,
}

impl Scene {
    async fn new(database: crate::support::Database) -> Self {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        Self {
            server,
            agent,
            browser,
            page,
        }
    }

    async fn again(&mut self) {
        self.page = self.browser.start(&self.server, "ann@acme.test").await;
    }

    /// Sends the answer after `change`, signed by the right keys.
    async fn reason(&self, change: impl FnOnce(&mut wire::statement::Answer)) -> String {
        let mut answer = self.agent.answer(&self.server, &self.page);
        change(&mut answer);
        let statement = self.agent.device.statement(ANSWER_TYP, &answer);
        self.agent
            .send_statement(&self.server, &self.browser, &statement, &self.page.nonce)
            .await
            .reason()
    }

    async fn is_not_allowed(&self) -> bool {
        let challenge = self
            .server
            .app
            .store
            .find_challenge(&self.page.challenge)
            .await
            .unwrap()
            .unwrap();
        challenge.state.code() != "allowed" && !challenge.nonce_used
    }
}

on_both_databases! {
    async fn answers_from_another_browser_are_refused(database: Database) {
        let s = Scene::new(database).await;
        let answer = s.agent.answer(&s.server, &s.page);
        let other = Browser::default();
        assert_eq!(s.agent.send(&s.server, &other, &answer).await.reason(), "wrong_browser", "no cookie");
        other.start(&s.server, "ann@acme.test").await;
        assert_eq!(s.agent.send(&s.server, &other, &answer).await.reason(), "wrong_browser", "another cookie");
        assert!(s.is_not_allowed().await);
        let outcome = s.server.get(&format!("/challenge/{}/outcome", s.page.challenge), &[("sec-fetch-site", "same-origin")]).await;
        assert_eq!((outcome.status.as_u16(), &outcome.json()["state"]), (403, &json!("opened_elsewhere")));
        assert_eq!(s.agent.send(&s.server, &s.browser, &answer).await.status, 200, "the right browser is not harmed");
    }

    async fn answers_to_another_challenge_are_refused(database: Database) {
        let mut s = Scene::new(database).await;
        let first = s.page.clone();
        s.again().await;
        assert_eq!(s.reason(|a| a.nonce = first.nonce.clone()).await, "wrong_nonce");
        s.again().await;
        assert_eq!(s.reason(|a| a.req = first.req.clone()).await, "wrong_nonce");
        s.again().await;
        assert_eq!(s.reason(|a| a.jti = first.challenge.clone()).await, "wrong_nonce", "the proof names the other nonce");
        s.again().await;
        assert_eq!(s.reason(|a| a.jti = wire::id::ChallengeId::new("nonesuch").unwrap()).await, "challenge_unknown");
        assert!(s.is_not_allowed().await);
    }

    async fn an_answer_and_a_proof_count_once(database: Database) {
        let s = Scene::new(database).await;
        let answer = s.agent.answer(&s.server, &s.page);
        let statement = s.agent.device.statement(ANSWER_TYP, &answer);
        let proof = s.agent.proof(&s.server, ANSWERS, statement.as_bytes(), Some(&s.page.nonce));
        assert_eq!(s.agent.send_with(&s.server, &s.browser, &statement, &proof).await.status, 200);
        assert_eq!(s.agent.send_with(&s.server, &s.browser, &statement, &proof).await.reason(), "replayed", "the same proof");
        let reply = s.agent.send_statement(&s.server, &s.browser, &statement, &s.page.nonce).await;
        assert_eq!(reply.reason(), "already_scored", "the same answer with a new proof");
    }

    async fn answers_for_somebody_else_are_refused(database: Database) {
        let mut s = Scene::new(database).await;
        assert_eq!(s.reason(|a| a.sub = name("ben@acme.test")).await, "wrong_account");
        s.again().await;
        assert_eq!(s.reason(|a| a.sub = name("nobody@acme.test")).await, "wrong_account");
        s.again().await;
        assert_eq!(s.reason(|a| a.sub = name("ann@acme.test ")).await, "wrong_account");
        let ben = s.browser.start(&s.server, "ben@acme.test").await;
        let mut answer = s.agent.answer(&s.server, &ben);
        assert_eq!(s.agent.send(&s.server, &s.browser, &answer).await.reason(), "not_enrolled", "Ben's sign-in, Ann's device");
        let ben = s.browser.start(&s.server, "ben@acme.test").await;
        answer = s.agent.answer(&s.server, &ben);
        answer.sub = name("ann@acme.test");
        assert_eq!(s.agent.send(&s.server, &s.browser, &answer).await.reason(), "wrong_account");
        assert!(s.is_not_allowed().await);
    }

    async fn a_name_in_another_case_is_the_same_person_only_if_nobody_else_has_it(database: Database) {
        let s = Scene::new(database).await;
        let page = s.browser.start(&s.server, "Ann@Acme.test").await;
        let mut answer = s.agent.answer(&s.server, &page);
        answer.sub = name("ann@acme.test");
        assert_eq!(s.agent.send(&s.server, &s.browser, &answer).await.json()["outcome"], "allow");
        crate::support::server::add_user(&s.server.app, "ANN@acme.test", &[]).await;
        let page = s.browser.start(&s.server, "Ann@Acme.test").await;
        let mut answer = s.agent.answer(&s.server, &page);
        answer.sub = name("ann@acme.test");
        assert_eq!(s.agent.send(&s.server, &s.browser, &answer).await.reason(), "not_enrolled", "the fold is ambiguous");
    }

    async fn keys_of_others_are_refused(database: Database) {
        let mut s = Scene::new(database).await;
        let stranger = Key::generate();
        assert_eq!(s.reason(|a| a.cnf.jkt = stranger.thumbprint.clone()).await, "bad_installation_proof", "cnf is not the proof's key");
        s.again().await;
        assert_eq!(s.reason(|a| a.iss = DeviceId::of_key(&stranger.thumbprint)).await, "bad_device_signature", "iss is not the signing key");
        s.again().await;
        let second = Agent { installation: Key::generate(), ..Agent::new() };
        let swapped = Agent { device: Key::generate(), installation: second.installation };
        let answer = s.agent.answer(&s.server, &s.page);
        let statement = swapped.device.statement(ANSWER_TYP, &answer);
        assert_eq!(swapped.send_statement(&s.server, &s.browser, &statement, &s.page.nonce).await.reason(), "not_enrolled", "an unknown device");

        let other_profile = Agent { device: s.agent.device, installation: Key::generate() };
        let answer = other_profile.answer(&s.server, &s.page);
        assert_eq!(other_profile.send(&s.server, &s.browser, &answer).await.reason(), "not_enrolled", "another browser profile");
        let registered = other_profile.register(&s.server, crate::support::server::TOKEN).await;
        assert_eq!(registered.status, 200);
        let page = s.browser.start(&s.server, "ann@acme.test").await;
        let answer = other_profile.answer(&s.server, &page);
        assert_eq!(other_profile.send(&s.server, &s.browser, &answer).await.reason(), "not_enrolled", "registered is not bound");
    }

    async fn signatures_that_do_not_fit_are_refused(database: Database) {
        let s = Scene::new(database).await;
        let answer = s.agent.answer(&s.server, &s.page);
        let good = s.agent.device.statement(ANSWER_TYP, &answer);
        let reason = async |statement: &str| s.agent.send_statement(&s.server, &s.browser, statement, &s.page.nonce).await.reason();
        let (input, signature) = good.rsplit_once('.').unwrap();
        let (header, claims) = input.split_once('.').unwrap();
        let none = wire::b64::encode(format!(r#"{{"alg":"none","typ":"tacit-answer+jwt","kid":"{}"}}"#, s.agent.device.thumbprint).as_bytes());
        let hmac = wire::b64::encode(format!(r#"{{"alg":"HS256","typ":"tacit-answer+jwt","kid":"{}"}}"#, s.agent.device.thumbprint).as_bytes());
        assert_eq!(reason(&format!("{none}.{claims}.")).await, "malformed");
        assert_eq!(reason(&format!("{none}.{claims}.{signature}")).await, "malformed");
        assert_eq!(reason(&format!("{hmac}.{claims}.{signature}")).await, "malformed");
        assert_eq!(reason(&format!("{header}.{claims}.{}", wire::b64::encode(&[0; 64]))).await, "bad_device_signature");
        assert_eq!(reason(&format!("{header}.{claims}.{}", wire::b64::encode(&[1; 63]))).await, "malformed");
        let mut changed = answer.clone();
        changed.evidence.llr += 1.0;
        let changed = wire::b64::encode(&serde_json::to_vec(&changed).unwrap());
        assert_eq!(reason(&format!("{header}.{changed}.{signature}")).await, "bad_device_signature");
        assert_eq!(reason(&s.agent.device.statement(HEARTBEAT_TYP, &answer)).await, "malformed", "a statement of another kind");
        let by_installation = s.agent.installation.sign(
            &wire::jws::Header { alg: wire::jws::Alg::ES256, typ: ANSWER_TYP.into(), kid: s.agent.device.thumbprint.clone() },
            &answer,
        );
        assert_eq!(reason(&by_installation).await, "bad_device_signature");
        assert!(s.is_not_allowed().await);
    }

    async fn proofs_that_do_not_fit_are_refused(database: Database) {
        let mut s = Scene::new(database).await;
        let answer = s.agent.answer(&s.server, &s.page);
        let statement = s.agent.device.statement(ANSWER_TYP, &answer);
        let reason = async |s: &Scene, change: &dyn Fn(&mut wire::dpop::Claims)| {
            let mut claims = s.agent.claims(&s.server, ANSWERS, statement.as_bytes(), Some(&s.page.nonce));
            change(&mut claims);
            s.agent.send_with(&s.server, &s.browser, &statement, &s.agent.proof_with(&claims)).await.reason()
        };
        assert_eq!(reason(&s, &|c| c.htm = "GET".into()).await, "bad_installation_proof");
        assert_eq!(reason(&s, &|c| c.htu = "https://evil.test/agent/answers".into()).await, "bad_installation_proof");
        assert_eq!(reason(&s, &|c| c.ath = standards::jose::digest(b"another").to_string()).await, "bad_installation_proof");
        assert_eq!(reason(&s, &|c| c.nonce = None).await, "wrong_nonce");
        assert_eq!(reason(&s, &|c| c.nonce = Some(tacit::random::nonce())).await, "wrong_nonce");
        assert_eq!(reason(&s, &|c| c.iat -= 121).await, "clock_off");
        assert_eq!(reason(&s, &|c| c.iat += 121).await, "clock_off");
        assert_eq!(reason(&s, &|c| c.jti = "short".into()).await, "bad_installation_proof");
        let reply = s.agent.send_with(&s.server, &s.browser, &statement, "").await;
        assert_eq!(reply.reason(), "bad_installation_proof");
        assert!(s.is_not_allowed().await);
        s.again().await;
        assert!(s.is_not_allowed().await);
    }

    async fn a_wrong_audience_is_refused(database: Database) {
        let s = Scene::new(database).await;
        assert_eq!(s.reason(|a| a.aud = Origin::new("https://evil.test").unwrap()).await, "wrong_origin");
        assert!(s.is_not_allowed().await);
    }

    async fn revoked_and_silent_devices_answer_nothing(database: Database) {
        let mut s = Scene::new(database).await;
        s.server.wait(14 * DAY + SECOND);
        s.again().await;
        assert_eq!(s.reason(|_| {}).await, "device_stale");
        assert_eq!(s.agent.beats(&s.server, &s.agent.heartbeat(&s.server, Vec::new())).await.json()["status"], "bound");
        s.again().await;
        in_one!(s.server.app.store, revoke_device(&s.agent.device_id(), s.server.now()));
        assert_eq!(s.reason(|_| {}).await, "device_revoked");
        let state = s.agent.beats(&s.server, &s.agent.heartbeat(&s.server, Vec::new())).await.json();
        assert_eq!((&state["status"], &state["wipe"], &state["users"]), (&json!("revoked"), &json!(["ann@acme.test"]), &json!([])));
        assert_eq!(s.agent.register(&s.server, crate::support::server::TOKEN).await.reason(), "device_revoked", "and it cannot come back");
        let outcome = s.browser.outcome(&s.server, &s.page).await;
        assert_eq!(outcome["reasons"], json!(["device_revoked"]), "the page says why");
    }

    async fn old_challenges_are_answered_by_nobody(database: Database) {
        let mut s = Scene::new(database).await;
        s.server.wait(60 * SECOND + 1);
        assert_eq!(s.reason(|_| {}).await, "challenge_expired", "sixty seconds are over by the server's clock alone");
        s.again().await;
        s.server.wait(5 * MINUTE);
        assert_eq!(s.reason(|_| {}).await, "challenge_expired");
        assert_eq!(s.browser.outcome(&s.server, &s.page).await["state"], "expired");
    }

    async fn disabled_people_get_nothing(database: Database) {
        let mut s = Scene::new(database).await;
        s.server.app.store.set_user_status(&s.server.ann.id, tacit::domain::user::UserStatus::Disabled, s.server.now()).await.unwrap();
        s.again().await;
        assert_eq!(s.reason(|_| {}).await, "not_enrolled");
        let state = s.agent.beats(&s.server, &s.agent.heartbeat(&s.server, Vec::new())).await.json();
        assert_eq!((&state["users"], &state["wipe"]), (&json!([]), &json!(["ann@acme.test"])));
    }

    async fn garbage_is_refused_in_words(database: Database) {
        let s = Scene::new(database).await;
        let proof = s.agent.proof(&s.server, ANSWERS, b"", None);
        for path in wire_paths() {
            for (body, reason) in [
                (String::new(), "malformed"),
                ("null".into(), "malformed"),
                ("[]".into(), "malformed"),
                ("{\"v\":1}".into(), "malformed"),
                ("{\"v\":2,\"statement\":\"\"}".into(), "version_mismatch"),
                ("{\"v\":1,\"statement\":\"secret-of-ann\",\"surprise\":1}".into(), "malformed"),
                ("[".repeat(10_000), "malformed"),
                ("\u{0}\u{fffd}".into(), "malformed"),
            ] {
                let reply = s.agent.post(&s.server, path, Some(&s.browser), &proof, body.clone()).await;
                assert_eq!(reply.reason(), reason, "{path} {body:.40}");
                assert!(!reply.body.contains("secret-of-ann"), "{}", reply.body);
            }
            let long = format!("{{\"v\":1,\"statement\":\"{}\"}}", "a".repeat(wire::limits::AGENT_BODY));
            let reply = s.agent.post(&s.server, path, Some(&s.browser), &proof, long).await;
            assert_eq!(reply.status, 413, "{path}");
            assert_eq!(s.server.get(path, &[]).await.status, 405);
        }
        for statement in ["", ".", "..", "a.b.c", &"a".repeat(9_000), "eyJhbGciOiJub25lIn0..", "é.é.é"] {
            let reply = s.agent.send_statement(&s.server, &s.browser, statement, &s.page.nonce).await;
            assert_eq!(reply.reason(), "malformed", "{statement:.40}");
        }
        assert!(s.is_not_allowed().await);
        assert_eq!(s.agent.answers(&s.server, &s.browser, &s.page).await["outcome"], "allow", "nothing was lost");
    }

    async fn failures_only_speed_up_the_right_page(database: Database) {
        let s = Scene::new(database).await;
        let stranger = Browser::default();
        let reason = wire::reason::Reason::HostMissing;
        assert_eq!(s.agent.fail(&s.server, &stranger, &s.page, reason).await.reason(), "wrong_browser");
        let mut wrong = s.page.clone();
        wrong.nonce = tacit::random::nonce();
        assert_eq!(s.agent.fail(&s.server, &s.browser, &wrong, reason).await.reason(), "wrong_nonce");
        let challenge = s.server.app.store.find_challenge(&s.page.challenge).await.unwrap().unwrap();
        assert_eq!(challenge.state.code(), "waiting");
    }

    async fn the_outcome_is_for_our_own_page_only(database: Database) {
        let s = Scene::new(database).await;
        let path = format!("/challenge/{}/outcome", s.page.challenge);
        let cookie = s.browser.cookie();
        for site in ["cross-site", "same-site", "none"] {
            assert_eq!(s.server.get(&path, &[("cookie", &cookie), ("sec-fetch-site", site)]).await.status, 403, "{site}");
        }
        assert_eq!(s.server.get(&path, &[("cookie", &cookie)]).await.status, 403);
        let reply = s.server.get(&format!("/challenge/{}/complete", s.page.challenge), &[]).await;
        assert_eq!(reply.status, 303, "without the cookie: to the page that says opened elsewhere");
    }
}

fn wire_paths() -> [&'static str; 6] {
    use wire::server::{BINDINGS, CONFIRMATIONS, DEVICES, FAILURES, HEARTBEATS};
    [
        ANSWERS,
        BINDINGS,
        CONFIRMATIONS,
        DEVICES,
        FAILURES,
        HEARTBEATS,
    ]
}
