//! Registering and binding devices, and everybody who would like to bind one that is not theirs.

use crate::support::{
    Agent, Browser, ChallengePage, Server,
    agent::{Key, name},
    on_both_databases,
    server::{TOKEN, add_user},
};
use serde_json::json;
use std::sync::Arc;
use tacit::{
    clock::{DAY, HOUR, MINUTE, SECOND},
    domain::{
        challenge::{Factor, Passed, Strength, pass_code, pass_factor},
        code::{self, Purpose},
        enrolment,
    },
    store::{rollout::RolloutRow, token::TokenRow},
};
use wire::{id::Origin, reason::Reason, statement::Learning};

async fn open_window(server: &Server, group: &str) {
    let row = RolloutRow {
        id: tacit::random::id(server.now()),
        group_name: group.into(),
        opened_at: server.now(),
        closes_at: server.now() + 72 * HOUR,
    };
    server.app.store.insert_rollout(&row).await.unwrap();
}

/// A registered agent at an open challenge of Ann's.
async fn at_challenge(server: &Server) -> (Agent, Browser, ChallengePage) {
    let agent = Agent::new();
    assert_eq!(
        agent.register(server, TOKEN).await.json()["status"],
        "pending"
    );
    let browser = Browser::default();
    let page = browser.start(server, "ann@acme.test").await;
    (agent, browser, page)
}

async fn is_silent(server: &Server, agent: &Agent) -> bool {
    let browser = Browser::default();
    let page = browser.start(server, "ann@acme.test").await;
    let reply = agent
        .send(server, &browser, &agent.answer(server, &page))
        .await;
    reply.status == 200 && reply.json()["outcome"] == "allow"
}

async fn offered(
    server: &Server,
    agent: &Agent,
    browser: &Browser,
    page: &ChallengePage,
) -> serde_json::Value {
    let reply = agent
        .offers(server, browser, &agent.offer(server, page))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

on_both_databases! {
    async fn the_token_registers_a_device_that_is_bound_to_nobody(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::new();
        assert_eq!(agent.register(&server, "guess").await.reason(), "server_refused");
        let reply = agent.register(&server, TOKEN).await.json();
        assert_eq!((&reply["status"], &reply["users"]), (&json!("pending"), &json!([])));
        assert!(!is_silent(&server, &agent).await);
        let mut registration = agent.registration(&server);
        registration.aud = Origin::new("https://evil.test").unwrap();
        assert_eq!(agent.register_as(&server, TOKEN, &registration, None).await.reason(), "wrong_origin");
        let mut registration = agent.registration(&server);
        registration.iat -= 121;
        assert_eq!(agent.register_as(&server, TOKEN, &registration, None).await.reason(), "clock_off");
        let mut registration = agent.registration(&server);
        registration.cnf.jkt = Key::generate().thumbprint;
        assert_eq!(agent.register_as(&server, TOKEN, &registration, None).await.reason(), "bad_installation_proof");
        let mut registration = agent.registration(&server);
        registration.jwk = Key::generate().jwk;
        let reply = agent.register_as(&server, TOKEN, &registration, None).await;
        assert!(["malformed", "bad_device_signature"].contains(&reply.reason().as_str()), "a key that it does not have");
        let tokens = server.app.store.list_tokens().await.unwrap();
        server.app.store.revoke_token(&tokens[0].id, server.now()).await.unwrap();
        assert_eq!(Agent::new().register(&server, TOKEN).await.reason(), "server_refused");

        let short = TokenRow { id: "short".into(), expires_at: server.now() + MINUTE, ..tokens[0].clone() };
        server.app.store.insert_token(&short, &tacit::keys::hash(b"a short one")).await.unwrap();
        assert_eq!(Agent::new().register(&server, "a short one").await.json()["status"], "pending");
        server.wait(MINUTE);
        assert_eq!(Agent::new().register(&server, "a short one").await.reason(), "server_refused", "it has expired");
    }

    async fn a_help_desk_code_binds_the_browsers_device_and_the_next_sign_in_is_silent(database: Database) {
        let server = Server::new(database).await;
        let (agent, browser, page) = at_challenge(&server).await;
        let reply = agent.send(&server, &browser, &agent.answer(&server, &page)).await;
        assert_eq!(reply.reason(), "not_enrolled");
        let reply = offered(&server, &agent, &browser, &page).await;
        assert_eq!((&reply["user"], &reply["reasons"]), (&json!(null), &json!(["not_enrolled"])));
        assert_eq!(browser.outcome(&server, &page).await["reasons"], json!(["not_enrolled"]));
        let challenge = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
        let found = server.app.store.find_challenges_matching(&challenge.matching, server.now()).await.unwrap();
        assert_eq!(found.len(), 1, "the help desk finds it by its number");
        let text = code::issue(&server.app, &found[0], Purpose::Bind, "desk", server.now()).await.unwrap();
        let reply = browser.submit(&server, &format!("/challenge/{}/fallback/code/check", page.challenge), format!("code={}", text.to_lowercase())).await;
        assert_eq!(reply.json()["step"], "passed", "{}", reply.body);
        let confirmed = agent.asks_for_confirmation(&server, &browser, &page).await.json();
        assert_eq!((&confirmed["confirmed"], &confirmed["bound"]), (&json!("ann@acme.test"), &json!(true)));
        assert_eq!(browser.outcome(&server, &page).await["state"], "allowed");
        assert!(is_silent(&server, &agent).await);
        let kinds: Vec<String> = server.app.store.events_since(0, 100).await.unwrap().into_iter().map(|e| e.kind).collect();
        assert_eq!(kinds.iter().filter(|k| ["code_issued", "code_used", "bound"].contains(&k.as_str())).count(), 3, "{kinds:?}");
    }

    async fn a_code_is_good_once_for_one_purpose_one_challenge_and_one_minute(database: Database) {
        let server = Server::new(database).await;
        let browser = Browser::default();
        let find = async |page: &ChallengePage| server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
        let (one, two) = (browser.start(&server, "ann@acme.test").await, browser.start(&server, "ann@acme.test").await);
        let (one, two) = (find(&one).await, find(&two).await);
        let text = code::issue(&server.app, &one, Purpose::SignIn, "desk", server.now()).await.unwrap();
        let redeem = async |challenge, text: &str| code::redeem(&server.app, challenge, text, server.now()).await.unwrap();
        assert!(redeem(&two, &text).await.is_err(), "another challenge");
        assert_eq!(redeem(&one, &text).await, Ok(Purpose::SignIn));
        assert!(redeem(&one, &text).await.is_err(), "used");
        let late = code::issue(&server.app, &one, Purpose::SignIn, "desk", server.now()).await.unwrap();
        server.wait(MINUTE);
        assert!(redeem(&one, &late).await.is_err(), "a minute is over");
        let old = code::issue(&server.app, &one, Purpose::SignIn, "desk", server.now()).await.unwrap();
        let new = code::issue(&server.app, &one, Purpose::SignIn, "desk", server.now()).await.unwrap();
        assert!(redeem(&one, &old).await.is_err(), "a newer one replaced it");
        assert_eq!(redeem(&one, &new).await, Ok(Purpose::SignIn), "the fifth try");
        let sixth = code::issue(&server.app, &one, Purpose::SignIn, "desk", server.now()).await.unwrap();
        assert_eq!(redeem(&one, &sixth).await, Err(Reason::RateLimited), "five tries are all there are");
    }

    async fn of_many_uses_of_one_code_exactly_one_wins(database: Database) {
        let server = Arc::new(Server::new(database).await);
        let page = Browser::default().start(&server, "ann@acme.test").await;
        let challenge = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
        let text = code::issue(&server.app, &challenge, Purpose::SignIn, "desk", server.now()).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (server, challenge, text) = (server.clone(), challenge.clone(), text.clone());
            tasks.spawn(async move { code::redeem(&server.app, &challenge, &text, server.now()).await.unwrap().is_ok() });
        }
        assert_eq!(tasks.join_all().await.into_iter().filter(|won| *won).count(), 1);
    }

    async fn a_roll_out_window_binds_a_corroborated_first_use(database: Database) {
        let server = Server::new(database).await;
        open_window(&server, "staff").await;
        let (agent, browser, page) = at_challenge(&server).await;
        assert_eq!(offered(&server, &agent, &browser, &page).await["user"], json!(null), "nothing corroborates");
        server.app.store.preregister(&agent.device_id(), &server.ann.id, server.now()).await.unwrap();
        let page = browser.start(&server, "ann@acme.test").await;
        assert_eq!(offered(&server, &agent, &browser, &page).await["user"], "ann@acme.test");
        assert_eq!(browser.outcome(&server, &page).await["state"], "step_up", "this challenge still asks");
        assert!(is_silent(&server, &agent).await);

        let second = Agent::new();
        second.register(&server, TOKEN).await;
        server.app.store.preregister(&second.device_id(), &server.ann.id, server.now()).await.unwrap();
        let page = browser.start(&server, "ann@acme.test").await;
        assert_eq!(offered(&server, &second, &browser, &page).await["user"], json!(null), "only the first device");
    }

    async fn the_profiles_mail_or_the_account_corroborates(database: Database) {
        let server = Server::new(database).await;
        open_window(&server, "staff").await;
        let agent = Agent::new();
        agent.register_as(&server, TOKEN, &agent.registration(&server), Some("Ann@Acme.test")).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        assert_eq!(offered(&server, &agent, &browser, &page).await["user"], "ann@acme.test");

        let cid = add_user(&server.app, "cid@acme.test", &["staff"]).await;
        let agent = Agent::new();
        agent.register(&server, TOKEN).await;
        let page = browser.start(&server, "cid@acme.test").await;
        let mut offer = agent.offer(&server, &page);
        offer.os_account = "cid@acme.test".into();
        assert_eq!(agent.offers(&server, &browser, &offer).await.json()["user"], "cid@acme.test");
        assert!(server.app.store.has_used_rollout(&cid.id).await.unwrap());
    }

    async fn a_window_is_for_its_group_and_its_time_and_nobody_elses_device(database: Database) {
        let server = Server::new(database).await;
        let (agent, browser, page) = at_challenge(&server).await;
        server.app.store.preregister(&agent.device_id(), &server.ann.id, server.now()).await.unwrap();
        assert_eq!(offered(&server, &agent, &browser, &page).await["user"], json!(null), "no window");
        open_window(&server, "finance").await;
        let page = browser.start(&server, "ann@acme.test").await;
        assert_eq!(offered(&server, &agent, &browser, &page).await["user"], json!(null), "another group's");
        open_window(&server, "staff").await;
        server.wait(72 * HOUR);
        let page = browser.start(&server, "ann@acme.test").await;
        assert_eq!(offered(&server, &agent, &browser, &page).await["user"], json!(null), "over");
        open_window(&server, "staff").await;
        let rollouts = server.app.store.list_rollouts().await.unwrap();
        assert!(server.app.store.close_rollout(&rollouts[0].id, server.now()).await.unwrap());
        let page = browser.start(&server, "ann@acme.test").await;
        assert_eq!(offered(&server, &agent, &browser, &page).await["user"], json!(null), "closed");
        open_window(&server, "staff").await;
        agent.bind(&server, &server.ben).await;
        let page = browser.start(&server, "ann@acme.test").await;
        assert_eq!(offered(&server, &agent, &browser, &page).await["user"], json!(null), "Ben's device");
    }

    async fn of_two_first_uses_at_once_one_binds(database: Database) {
        let server = Arc::new(Server::new(database).await);
        open_window(&server, "staff").await;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (agent, browser, page) = at_challenge(&server).await;
            server.app.store.preregister(&agent.device_id(), &server.ann.id, server.now()).await.unwrap();
            let statement = agent.device.statement(wire::statement::BINDING_TYP, &agent.offer(&server, &page));
            let proof = agent.proof(&server, wire::server::BINDINGS, statement.as_bytes(), Some(&page.nonce));
            let (server, cookie) = (server.clone(), browser.cookie());
            tasks.spawn(async move {
                let body = json!({ "v": 1, "statement": statement }).to_string();
                let headers = [("content-type", "application/json"), ("dpop", proof.as_str()), ("cookie", cookie.as_str())];
                server.post(wire::server::BINDINGS, &headers, body).await.json()["user"].clone()
            });
        }
        let users = tasks.join_all().await;
        assert_eq!(users.iter().filter(|u| **u == json!("ann@acme.test")).count(), 1, "{users:?}");
        assert_eq!(server.app.store.bindings_of_user(&server.ann.id).await.unwrap().len(), 1);
    }

    async fn devices_are_never_bound_through_somebody_elses_sign_in(database: Database) {
        let server = Server::new(database).await;
        open_window(&server, "staff").await;
        let (agent, browser, page) = at_challenge(&server).await;
        server.app.store.preregister(&agent.device_id(), &server.ann.id, server.now()).await.unwrap();
        let refused = async |change: &dyn Fn(&mut wire::statement::Binding)| {
            let mut offer = agent.offer(&server, &page);
            change(&mut offer);
            let statement = agent.device.statement(wire::statement::BINDING_TYP, &offer);
            let body = json!({ "v": 1, "statement": statement }).to_string();
            let proof = agent.proof(&server, wire::server::BINDINGS, statement.as_bytes(), Some(&page.nonce));
            agent.post(&server, wire::server::BINDINGS, Some(&browser), &proof, body).await.reason()
        };
        assert_eq!(refused(&|o| o.provenance.broken_by = Some(Reason::StartedElsewhere)).await, "started_elsewhere");
        assert_eq!(refused(&|o| o.provenance.age_ms = None).await, "started_elsewhere");
        assert_eq!(refused(&|o| o.aud = Origin::new("https://evil.test").unwrap()).await, "wrong_origin");
        assert_eq!(refused(&|o| o.nonce = tacit::random::nonce()).await, "wrong_nonce");
        assert_eq!(refused(&|o| o.iat += 500).await, "clock_off");
        assert_eq!(refused(&|o| o.cnf.jkt = Key::generate().thumbprint).await, "bad_installation_proof");
        let offer = agent.offer(&server, &page);
        assert_eq!(agent.offers(&server, &Browser::default(), &offer).await.reason(), "wrong_browser");
        let stranger = Agent { device: Key::generate(), installation: Key::generate() };
        let offer = stranger.offer(&server, &page);
        assert_eq!(stranger.offers(&server, &browser, &offer).await.reason(), "not_enrolled", "never registered");
        assert!(server.app.store.bindings_of_user(&server.ann.id).await.unwrap().is_empty());
    }

    async fn the_first_candidate_of_a_challenge_stays(database: Database) {
        let server = Server::new(database).await;
        let (agent, browser, page) = at_challenge(&server).await;
        offered(&server, &agent, &browser, &page).await;
        let second = Agent::new();
        second.register(&server, TOKEN).await;
        let reply = second.offers(&server, &browser, &second.offer(&server, &page)).await;
        assert_eq!(reply.reason(), "challenge_closed");
        offered(&server, &agent, &browser, &page).await;
        let challenge = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
        let passed = pass_code(&server.app, &challenge, &server.ann.id, Purpose::Bind, server.now()).await.unwrap();
        assert_eq!(passed, Passed::Allowed { bound: true });
        assert!(is_silent(&server, &agent).await && !is_silent(&server, &second).await);
    }

    async fn other_factors_and_other_codes_bind_nothing(database: Database) {
        let server = Server::new(database).await;
        for purpose in [None, Some(Purpose::SignIn)] {
            let (agent, browser, page) = at_challenge(&server).await;
            offered(&server, &agent, &browser, &page).await;
            let challenge = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
            let passed = match purpose {
                None => pass_factor(&server.app, &challenge, &server.ann.id, Factor::Totp, Strength::Ordinary, server.now()).await,
                Some(purpose) => pass_code(&server.app, &challenge, &server.ann.id, purpose, server.now()).await,
            };
            assert_eq!(passed.unwrap(), Passed::Allowed { bound: false });
            let confirmed = agent.asks_for_confirmation(&server, &browser, &page).await.json();
            assert_eq!((&confirmed["confirmed"], &confirmed["bound"]), (&json!("ann@acme.test"), &json!(false)));
        }
    }

    async fn a_factor_passes_once_and_for_the_challenges_person_only(database: Database) {
        let server = Server::new(database).await;
        let (_, browser, page) = at_challenge(&server).await;
        let challenge = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
        let pass = async |user| pass_factor(&server.app, &challenge, user, Factor::Totp, Strength::Ordinary, server.now()).await.unwrap();
        assert_eq!(pass(&server.ben.id).await, Passed::Refused(Reason::WrongAccount));
        assert_eq!(pass(&server.ann.id).await, Passed::Allowed { bound: false });
        assert_eq!(pass(&server.ann.id).await, Passed::Refused(Reason::ChallengeClosed));
        server.wait(5 * MINUTE);
        assert_eq!(pass(&server.ann.id).await, Passed::Refused(Reason::ChallengeExpired));
        assert_eq!(browser.outcome(&server, &page).await["state"], "expired");
    }

    async fn after_a_binding_no_further_factor_can_be_added_for_a_day(database: Database) {
        let server = Server::new(database).await;
        let store = &server.app.store;
        let held = async || {
            let ann = store.find_user(&server.ann.id).await.unwrap().unwrap();
            let early = !enrolment::may_add_factor(&ann, server.now());
            let mut write = store.write().await.unwrap();
            let added = tacit::store::Store::add_totp(&mut write, &ann.id, "sealed", 1, server.now()).await.unwrap();
            assert_eq!(added, !early, "the page and the row agree");
            early
        };
        assert!(!held().await);
        Agent::enrolled(&server).await;
        assert!(held().await, "whoever got a device bound by deceit would keep this one when the device is revoked");
        server.wait(DAY - SECOND);
        assert!(held().await);
        server.wait(SECOND);
        assert!(!held().await);
    }

    async fn an_added_factor_holds_the_next_one_and_no_binding(database: Database) {
        let server = Server::new(database).await;
        let store = &server.app.store;
        assert!(in_one!(store, add_totp(&server.ann.id, "sealed", 1, server.now())));
        assert!(!in_one!(store, add_totp(&server.ann.id, "other", 1, server.now())));
        let agent = Agent::enrolled(&server).await;
        assert!(is_silent(&server, &agent).await, "a browser that lost its key must be able to come back");
    }

    async fn the_help_desk_can_issue_only_what_the_sign_in_can_take(database: Database) {
        let server = Server::new(database).await;
        let (agent, browser, page) = at_challenge(&server).await;
        let open = async || {
            let challenge = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
            let openings = code::openings(&server.app, &challenge, server.now()).await.unwrap();
            openings.purposes
        };
        assert_eq!(open().await, [Purpose::SignIn, Purpose::Passkey, Purpose::Totp], "no device waits");
        offered(&server, &agent, &browser, &page).await;
        assert_eq!(open().await, [Purpose::SignIn, Purpose::Bind, Purpose::Passkey, Purpose::Totp]);
        Agent::enrolled(&server).await;
        assert_eq!(open().await, [Purpose::SignIn, Purpose::Bind], "additions are held");
        server.app.store.set_user_status(&server.ann.id, tacit::domain::user::UserStatus::Disabled, server.now()).await.unwrap();
        assert!(open().await.is_empty(), "nobody who may sign in");
    }

    async fn a_new_browser_profile_on_a_bound_device_is_a_new_binding(database: Database) {
        let server = Server::new(database).await;
        let first = Agent::enrolled(&server).await;
        let profile = Agent { device: first.device, installation: Key::generate() };
        let reply = profile.register(&server, TOKEN).await.json();
        assert_eq!((&reply["status"], &reply["users"]), (&json!("bound"), &json!([])), "bound, but not this profile");
        assert!(!is_silent(&server, &profile).await);
        open_window(&server, "staff").await;
        server.app.store.preregister(&profile.device_id(), &server.ann.id, server.now()).await.unwrap();
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        assert_eq!(offered(&server, &profile, &browser, &page).await["user"], json!(null), "no first use");
        let challenge = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
        pass_code(&server.app, &challenge, &server.ann.id, Purpose::Bind, server.now()).await.unwrap();
        assert!(is_silent(&server, &profile).await);
    }

    async fn heartbeats_keep_a_device_alive_and_report_learning(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let learning = Learning { user: name("ann@acme.test"), progress: 60, mature: false, confirmations: 2 };
        let beat = agent.heartbeat(&server, vec![learning]);
        let reply = agent.beats(&server, &beat).await.json();
        assert_eq!((&reply["status"], &reply["users"], &reply["wipe"]), (&json!("bound"), &json!(["ann@acme.test"]), &json!([])));
        assert_eq!(agent.beats(&server, &beat).await.reason(), "replayed", "the same statement with a new proof");
        let norm = server.app.store.find_norm(&server.ann.id, &agent.device_id()).await.unwrap().unwrap();
        assert_eq!((norm.progress, norm.mature, norm.confirmations), (60, false, 2));
        let mut beat = agent.heartbeat(&server, Vec::new());
        beat.jti = format!("{}\0", "a".repeat(30));
        assert_eq!(agent.beats(&server, &beat).await.reason(), "malformed", "PostgreSQL takes no NUL in a text");
        let forged = Agent { device: Key::generate(), installation: agent.installation };
        assert_eq!(forged.beats(&server, &forged.heartbeat(&server, Vec::new())).await.reason(), "not_enrolled");
        let thief = Agent { device: agent.device, installation: Key::generate() };
        assert_eq!(thief.beats(&server, &thief.heartbeat(&server, Vec::new())).await.reason(), "bad_installation_proof");
    }

    async fn a_device_that_was_silent_for_too_long_has_expired(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        server.wait(45 * DAY + SECOND);
        let reply = agent.beats(&server, &agent.heartbeat(&server, Vec::new())).await.json();
        assert_eq!((&reply["status"], &reply["users"], &reply["wipe"]), (&json!("pending"), &json!([]), &json!(["ann@acme.test"])));
        assert!(!is_silent(&server, &agent).await);
    }

    async fn confirmations_are_for_the_browser_and_the_device_of_the_challenge(database: Database) {
        let server = Server::new(database).await;
        let (agent, browser, page) = at_challenge(&server).await;
        assert_eq!(agent.asks_for_confirmation(&server, &browser, &page).await.json()["confirmed"], json!(null), "nothing passed yet");
        let challenge = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
        pass_factor(&server.app, &challenge, &server.ann.id, Factor::Totp, Strength::Ordinary, server.now()).await.unwrap();
        assert_eq!(agent.asks_for_confirmation(&server, &Browser::default(), &page).await.reason(), "wrong_browser");
        let stranger = Agent::new();
        assert_eq!(stranger.asks_for_confirmation(&server, &browser, &page).await.reason(), "not_enrolled");
        let thief = Agent { device: agent.device, installation: Key::generate() };
        assert_eq!(thief.asks_for_confirmation(&server, &browser, &page).await.reason(), "bad_installation_proof");
    }

    async fn a_silent_answer_confirms_nothing(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        agent.answers(&server, &browser, &page).await;
        assert_eq!(agent.asks_for_confirmation(&server, &browser, &page).await.json()["confirmed"], json!(null));
    }
}
