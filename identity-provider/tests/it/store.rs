//! Every function of the store that no other test here reaches by way of a request, on both databases.

use crate::support::{
    Browser, Database, Server, on_both_databases,
    server::{START, acme, add_user},
};
use std::sync::Arc;
use tacit::{
    clock::{DAY, HOUR, MINUTE, SECOND},
    domain::{
        challenge::{Candidate, Challenge, Factor, State},
        code::Purpose,
        user::UserStatus,
    },
    random,
    store::{
        Store, StoreError,
        admin::AdminSession,
        challenge::Scored,
        code::CodeRow,
        decision::{Decision, Event},
        factor::PasskeyRow,
        token::TokenRow,
    },
};
use wire::{
    id::{DeviceId, Thumbprint},
    reason::Reason,
    server::Outcome,
};

async fn challenge(server: &Server) -> Challenge {
    let page = Browser::default().start(server, "ann@acme.test").await;
    server
        .app
        .store
        .find_challenge(&page.challenge)
        .await
        .unwrap()
        .unwrap()
}

fn key(byte: u8) -> Thumbprint {
    Thumbprint::new(wire::b64::encode(&[byte; 32])).unwrap()
}

on_both_databases! {
    async fn the_schema_is_brought_up_to_date_once(database: Database) {
        let first = Store::open(&database.url).await.unwrap();
        let second = Store::open(&database.url).await.unwrap();
        first.ping().await.unwrap();
        second.ping().await.unwrap();
    }

    async fn people_are_found_by_exact_name_and_then_by_a_unique_fold(database: Database) {
        let server = Server::new(database).await;
        let store = &server.app.store;
        let find = async |name: &str| store.find_user_by_name(name).await.unwrap().map(|u| u.login.to_string());
        assert_eq!(find("ANN@acme.test").await.as_deref(), Some("ann@acme.test"));
        add_user(&server.app, "Ann@acme.test", &["a", "b", "a"]).await;
        assert_eq!(find("Ann@acme.test").await.as_deref(), Some("Ann@acme.test"));
        assert_eq!(find("ANN@acme.test").await, None, "two people have that fold");
        add_user(&server.app, "zoë@acme.test", &[]).await;
        assert_eq!(find("ZOË@acme.test").await, None, "only ASCII is folded");
        let duplicate = store.insert_user(&server.ann, &[]).await;
        assert!(matches!(duplicate, Err(StoreError::Conflict)), "{duplicate:?}");
        let all = store.list_users().await.unwrap();
        assert_eq!(all.len(), 4);
        let second = store.find_user_by_name("Ann@acme.test").await.unwrap().unwrap();
        assert_eq!(store.groups_of(&second.id).await.unwrap(), ["a", "b"]);
        assert!(store.set_user_status(&second.id, UserStatus::Disabled, server.now()).await.unwrap());
        assert_eq!(store.find_user(&second.id).await.unwrap().unwrap().status, UserStatus::Disabled);
    }

    async fn challenges_keep_everything_and_their_requests_are_unique(database: Database) {
        let server = Server::new(database).await;
        let store = &server.app.store;
        let made = challenge(&server).await;
        assert_eq!((made.state, made.user.as_ref(), made.nonce_used), (State::Waiting, Some(&server.ann.id), false));
        assert_eq!(made.agent, "Chromium of the test");
        let again = Challenge { id: wire::id::ChallengeId::new("other").unwrap(), nonce: random::nonce(), ..made.clone() };
        assert!(matches!(store.insert_challenge(&again).await, Err(StoreError::Conflict)));
        let found = store.find_challenge_of_request(&acme(), made.request.id()).await.unwrap().unwrap();
        assert_eq!(found, made);
        assert!(store.find_challenge_of_request(&acme(), "none").await.unwrap().is_none());
    }

    async fn challenges_move_one_way_only(database: Database) {
        let server = Server::new(database).await;
        let (store, now) = (&server.app.store, server.now());
        let device = DeviceId::of_key(&key(1));
        let scored = |state| Scored { device: &device, state, reasons: &[Reason::Unsure], factors: &[Factor::Totp], amr: &[] };
        let c = challenge(&server).await;
        let stop = async |reason| in_one!(store, stop_waiting(&c.id, State::StepUp, &[reason], &Factor::ALL, now));
        assert!(stop(Reason::NoAgent).await);
        assert!(!stop(Reason::HostMissing).await);
        assert!(!in_one!(store, score_answer(&c.id, &random::nonce(), &scored(State::StepUp), now)), "another nonce");
        assert!(!in_one!(store, score_answer(&c.id, &c.nonce, &scored(State::StepUp), c.expires_at)), "expired");
        assert!(in_one!(store, score_answer(&c.id, &c.nonce, &scored(State::StepUp), now)));
        assert!(!in_one!(store, score_answer(&c.id, &c.nonce, &scored(State::Allowed), now)));
        let found = store.find_challenge(&c.id).await.unwrap().unwrap();
        assert_eq!((found.state, found.reasons, found.allowed_factors), (State::StepUp, vec![Reason::Unsure], vec![Factor::Totp]));
        assert_eq!(found.answered_by, Some(device));
        assert!(store.begin_fallback(&c.id, now).await.unwrap());
        assert!(store.begin_fallback(&c.id, now + 5).await.unwrap(), "another factor may be chosen");
        assert_eq!(store.find_challenge(&c.id).await.unwrap().unwrap().fallback_at, Some(now));
        let allow = async |at| in_one!(store, allow_by_factor(&c.id, Factor::Totp, &["otp".into()], &[Reason::StrongFactorPassed], at));
        assert!(!allow(c.expires_at).await);
        assert!(allow(now).await);
        assert!(!allow(now).await);
        let found = store.find_challenge(&c.id).await.unwrap().unwrap();
        assert_eq!((found.state, found.factor.as_str(), found.amr, found.passed_at), (State::Allowed, "totp", vec!["otp".into()], Some(now)));
        assert!(!store.begin_fallback(&c.id, now).await.unwrap());
    }

    async fn a_decision_whose_row_was_not_written_decides_nothing(database: Database) {
        let server = Server::new(database).await;
        let store = &server.app.store;
        let c = challenge(&server).await;
        let device = DeviceId::of_key(&key(1));
        let scored = Scored { device: &device, state: State::Allowed, reasons: &[], factors: &[], amr: &[] };
        let mut write = store.write().await.unwrap();
        assert!(Store::score_answer(&mut write, &c.id, &c.nonce, &scored, server.now()).await.unwrap());
        // What a crash does here.
        drop(write);
        assert_eq!(store.find_challenge(&c.id).await.unwrap().unwrap(), c);
        assert!(in_one!(store, score_answer(&c.id, &c.nonce, &scored, server.now())), "and the answer may be sent again");
    }

    async fn matching_numbers_find_open_challenges_only(database: Database) {
        let server = Server::new(database).await;
        let store = &server.app.store;
        let c = challenge(&server).await;
        let find = async |now| store.find_challenges_matching(&c.matching, now).await.unwrap().len();
        assert_eq!(find(server.now()).await, 1);
        assert_eq!(find(c.expires_at).await, 0);
        in_one!(store, allow_by_factor(&c.id, Factor::Code, &[], &[], server.now()));
        assert_eq!(find(server.now()).await, 0);
    }

    async fn a_candidate_is_offered_once(database: Database) {
        let server = Server::new(database).await;
        let store = &server.app.store;
        let c = challenge(&server).await;
        let candidate = |n| Candidate { device: DeviceId::of_key(&key(n)), installation: key(n + 1) };
        assert!(store.offer_candidate(&c.id, &candidate(1), server.now()).await.unwrap());
        assert!(store.offer_candidate(&c.id, &candidate(1), server.now()).await.unwrap());
        assert!(!store.offer_candidate(&c.id, &candidate(3), server.now()).await.unwrap());
        assert_eq!(store.find_challenge(&c.id).await.unwrap().unwrap().candidate, Some(candidate(1)));
    }

    async fn codes_are_used_once_and_tries_are_counted(database: Database) {
        let server = Server::new(database).await;
        let (store, now) = (&server.app.store, server.now());
        let c = challenge(&server).await;
        let row = CodeRow {
            id: random::id(now),
            challenge: c.id.clone(),
            purpose: Purpose::Totp,
            hash: "hash".into(),
            issued_by: "desk".into(),
            created_at: now,
            expires_at: now + MINUTE,
        };
        store.insert_code(&row).await.unwrap();
        assert_eq!(store.use_code(&c.id, "other", now).await.unwrap(), None);
        assert_eq!(store.use_code(&c.id, "hash", now + MINUTE).await.unwrap(), None);
        assert_eq!(store.use_code(&c.id, "hash", now).await.unwrap(), Some((Purpose::Totp, "desk".into())));
        assert_eq!(store.use_code(&c.id, "hash", now).await.unwrap(), None);
        let tries: Vec<bool> = [store.count_code_attempt(&c.id, 2).await, store.count_code_attempt(&c.id, 2).await, store.count_code_attempt(&c.id, 2).await]
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(tries, [true, true, false]);
    }

    async fn what_may_happen_once_happens_once(database: Database) {
        let server = Arc::new(Server::new(database).await);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let server = server.clone();
            tasks.spawn(async move { server.app.store.note_once("dpop", "jti", START + HOUR).await.unwrap() });
        }
        assert_eq!(tasks.join_all().await.into_iter().filter(|won| *won).count(), 1);
        let store = &server.app.store;
        assert!(store.note_once("heartbeat", "jti", START).await.unwrap(), "another kind");
        store.sweep(START + HOUR + 1).await.unwrap();
        assert!(store.note_once("dpop", "jti", START).await.unwrap(), "forgotten");
    }

    async fn sweeping_keeps_what_is_still_needed(database: Database) {
        let server = Server::new(database).await;
        let store = &server.app.store;
        let c = challenge(&server).await;
        assert_eq!(store.sweep(c.expires_at).await.unwrap(), 0);
        assert!(store.find_challenge(&c.id).await.unwrap().is_some());
        assert_eq!(store.sweep(c.expires_at + DAY + 1).await.unwrap(), 1);
        assert!(store.find_challenge(&c.id).await.unwrap().is_none());
    }

    async fn devices_that_nobody_was_ever_bound_to_are_forgotten(database: Database) {
        let server = Server::new(database).await;
        let store = &server.app.store;
        let (bound, pending) = (crate::support::Agent::enrolled(&server).await, crate::support::Agent::new());
        pending.register(&server, crate::support::server::TOKEN).await;
        store.sweep(START + 44 * DAY).await.unwrap();
        assert!(store.find_device(&pending.device_id()).await.unwrap().is_some());
        store.sweep(START + 46 * DAY).await.unwrap();
        assert!(store.find_device(&pending.device_id()).await.unwrap().is_none());
        assert!(store.find_installation(&pending.device_id(), &pending.installation.thumbprint).await.unwrap().is_none());
        assert!(store.find_device(&bound.device_id()).await.unwrap().is_some());
        assert!(store.find_installation(&bound.device_id(), &bound.installation.thumbprint).await.unwrap().is_some());
    }

    async fn tokens_expire_and_can_be_revoked(database: Database) {
        let server = Server::new(database).await;
        let store = &server.app.store;
        let row = TokenRow { id: "t".into(), purpose: "enrolment".into(), connection: String::new(), created_at: START, expires_at: START + 10, revoked_at: 0, last_used_at: 0 };
        store.insert_token(&row, "hash").await.unwrap();
        assert_eq!(store.find_token("enrolment", "hash", START).await.unwrap(), Some(row));
        assert_eq!(store.find_token("scim", "hash", START).await.unwrap(), None);
        assert_eq!(store.find_token("enrolment", "hash", START + 10).await.unwrap(), None);
        assert!(store.revoke_token("t", START).await.unwrap());
        assert!(!store.revoke_token("t", START).await.unwrap());
        assert_eq!(store.find_token("enrolment", "hash", START).await.unwrap(), None);
        assert_eq!(store.list_tokens().await.unwrap().len(), 2);
    }

    async fn passkeys_are_kept_per_person(database: Database) {
        let server = Server::new(database).await;
        let store = &server.app.store;
        let row = PasskeyRow {
            credential_id: "c".into(),
            user_id: server.ann.id.to_string(),
            credential: "{}".into(),
            label: "phone".into(),
            created_at: START,
            last_used_at: 0,
        };
        assert!(in_one!(store, add_passkey(&server.ann.id, &row, START)));
        store.touch_passkey("c", "{\"n\":1}", START + 1).await.unwrap();
        let kept = PasskeyRow { credential: "{\"n\":1}".into(), last_used_at: START + 1, ..row };
        assert_eq!(store.passkeys_of(&server.ann.id).await.unwrap(), [kept]);
        assert!(store.passkeys_of(&server.ben.id).await.unwrap().is_empty());
    }

    async fn a_time_step_is_accepted_once(database: Database) {
        let server = Server::new(database).await;
        let (store, ann) = (&server.app.store, &server.ann.id);
        assert!(!store.use_totp_step(ann, 7).await.unwrap(), "no secret");
        assert!(in_one!(store, add_totp(ann, "one", 6, START)));
        assert!(!store.use_totp_step(ann, 6).await.unwrap(), "the step that enrolled");
        assert!(store.use_totp_step(ann, 7).await.unwrap());
        assert!(!store.use_totp_step(ann, 7).await.unwrap());
        assert!(!store.use_totp_step(ann, 6).await.unwrap());
        let row = store.find_totp(ann).await.unwrap().unwrap();
        assert_eq!((row.sealed_secret.as_str(), row.last_step, row.confirmed_at), ("one", 7, START));
        assert!(in_one!(store, add_totp(ann, "two", 9, START + 2 * DAY)));
        let row = store.find_totp(ann).await.unwrap().unwrap();
        assert_eq!((row.sealed_secret.as_str(), row.last_step), ("two", 9), "a new one takes the place");
        assert!(store.find_totp(&server.ben.id).await.unwrap().is_none());
    }

    async fn an_attempt_at_a_factor_is_taken_once(database: Database) {
        let server = Server::new(database).await;
        let store = &server.app.store;
        store.put_factor_attempt("c", "passkey", "one", START).await.unwrap();
        store.put_factor_attempt("c", "passkey", "two", START + 1).await.unwrap();
        assert_eq!(store.take_factor_attempt("c", "passkey", START + 2).await.unwrap(), None, "too old");
        assert_eq!(store.take_factor_attempt("c", "passkey", START).await.unwrap().as_deref(), Some("two"));
        assert_eq!(store.take_factor_attempt("c", "passkey", START).await.unwrap(), None);
    }

    async fn tries_are_counted_within_their_window(database: Database) {
        let server = Server::new(database).await;
        let store = &server.app.store;
        let mut tries = Vec::new();
        for _ in 0..4 {
            tries.push(store.count_attempt("key", 3, MINUTE, START).await.unwrap());
        }
        assert_eq!(tries, [true, true, true, false]);
        assert!(!store.count_attempt("key", 3, MINUTE, START + MINUTE).await.unwrap());
        assert!(store.count_attempt("key", 3, MINUTE, START + MINUTE + 1).await.unwrap(), "a new window");
        store.clear_attempts("key").await.unwrap();
        assert!(store.count_attempt("key", 1, MINUTE, START).await.unwrap());
    }

    async fn administrators_have_sessions_that_end(database: Database) {
        let server = Server::new(database).await;
        let store = &server.app.store;
        store.put_admin("root", "hash", START).await.unwrap();
        assert_eq!(store.find_admin("root").await.unwrap().as_deref(), Some("hash"));
        assert_eq!(store.find_admin("nobody").await.unwrap(), None);
        let session = AdminSession { admin: "root".into(), created_at: START, last_seen: START, expires_at: START + HOUR };
        store.insert_admin_session("s", &session).await.unwrap();
        let used = store.touch_admin_session("s", START, START + SECOND).await.unwrap().unwrap();
        assert_eq!(used.last_seen, START + SECOND);
        assert!(store.touch_admin_session("s", START + MINUTE, START + MINUTE).await.unwrap().is_none(), "idle");
        assert!(store.touch_admin_session("s", START, START + HOUR).await.unwrap().is_none(), "over");
        assert!(store.touch_admin_session("x", START, START).await.unwrap().is_none());
        store.put_admin("root", "new", START).await.unwrap();
        assert!(store.touch_admin_session("s", START, START).await.unwrap().is_none(), "another password ends all sessions");
        store.insert_admin_session("t", &session).await.unwrap();
        store.delete_admin_session("t").await.unwrap();
        assert!(store.touch_admin_session("t", START, START).await.unwrap().is_none());
    }

    async fn decisions_and_events_are_read_back_in_order(database: Database) {
        let server = Server::new(database).await;
        let store = &server.app.store;
        let c = challenge(&server).await;
        let mut ids = Vec::new();
        for i in 0..5 {
            let mut decision = Decision::of(&c, Outcome::StepUp, &[Reason::Unsure], START + i / 2);
            decision.llr = -1.25;
            in_one!(store, insert_decision(&decision));
            ids.push((decision.at, decision.id));
        }
        ids.sort();
        let (mut read, mut at, mut last) = (Vec::new(), 0, String::new());
        loop {
            let page = store.decisions_after(at, &last, 2).await.unwrap();
            let Some(end) = page.last() else { break };
            (at, last) = (end.at, end.id.clone());
            assert!(page.iter().all(|d| d.llr == -1.25 && d.reasons == ["unsure"]));
            read.extend(page.into_iter().map(|d| (d.at, d.id)));
        }
        assert_eq!(read, ids);
        assert_eq!(store.latest_decisions(1).await.unwrap()[0].id, ids[4].1);
        assert_eq!(store.decisions_of(c.id.as_str()).await.unwrap().len(), 5);
        store.insert_admin_event(START, "user_added", "cli", "ann").await.unwrap();
        store.insert_event(START + 1, "code_issued", "desk", &c, "bind").await.unwrap();
        let events = store.events_since(START, 10).await.unwrap();
        let [Event { kind, .. }, second] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!((kind.as_str(), second.user_id.as_str()), ("user_added", server.ann.id.as_str()));
        assert!(store.events_since(START + 2, 10).await.unwrap().is_empty());
    }

    async fn silence_and_unsureness_belong_to_person_and_device(database: Database) {
        let server = Server::new(database).await;
        let agent = crate::support::Agent::enrolled(&server).await;
        let (store, ann, device) = (&server.app.store, &server.ann.id, agent.device_id());
        assert!(store.find_norm(&server.ben.id, &device).await.unwrap().is_none());
        in_one!(store, switch_silence_off(ann, &device, Reason::Impostor, START + 5));
        in_one!(store, switch_silence_off(ann, &device, Reason::Automated, START + 9));
        let norm = store.find_norm(ann, &device).await.unwrap().unwrap();
        assert_eq!(norm.silence_off, Some((START + 5, Some(Reason::Impostor))), "the first reason stays");
        let standing = store.find_standing(ann, START).await.unwrap();
        assert_eq!((standing.groups, standing.has_silence_off), (vec!["staff".to_owned()], true));
        assert!(!store.find_standing(ann, START + 5).await.unwrap().has_silence_off);
        assert_eq!(store.find_standing(&server.ben.id, START).await.unwrap(), tacit::store::device::Standing::default());
        in_one!(store, note_unsure(ann, &device, START + 7));
        in_one!(store, switch_silence_on(ann, &device, START + 10));
        let norm = store.find_norm(ann, &device).await.unwrap().unwrap();
        assert_eq!((norm.silence_off, norm.unsure_at), (None, START + 7));
    }

    async fn who_was_last_let_in_is_asked_by_connection_and_time(database: Database) {
        let server = Server::new(database).await;
        let store = &server.app.store;
        let challenge = challenge(&server).await;
        for (outcome, at) in [(Outcome::Allow, START + 5), (Outcome::StepUp, START + 9), (Outcome::Allow, START + 3)] {
            let decision = Decision::of(&challenge, outcome, &[], at);
            in_one!(store, insert_decision(&decision));
        }
        assert_eq!(store.last_allowed("acme", START).await.unwrap(), Some(START + 5));
        assert_eq!(store.last_allowed("acme", START + 6).await.unwrap(), None);
        assert_eq!(store.last_allowed("another", 0).await.unwrap(), None);
    }

    async fn connections_and_devices_are_listed(database: Database) {
        let server = Server::new(database).await;
        let agent = crate::support::Agent::enrolled(&server).await;
        let store = &server.app.store;
        let [connection] = store.list_connections().await.unwrap().try_into().unwrap();
        assert_eq!(connection.id, acme());
        assert_eq!(store.signing_keys_of(&acme()).await.unwrap().len(), 1);
        let [device] = store.list_devices().await.unwrap().try_into().unwrap();
        assert_eq!((device.id.clone(), device.key.clone()), (agent.device_id(), agent.device.jwk.clone()));
        assert_eq!(store.bindings_of_device(&device.id).await.unwrap(), store.bindings_of_user(&server.ann.id).await.unwrap());
        assert!(!store.is_preregistered(&device.id, &server.ann.id).await.unwrap());
        store.preregister(&device.id, &server.ann.id, START).await.unwrap();
        store.preregister(&device.id, &server.ann.id, START).await.unwrap();
        assert!(store.is_preregistered(&device.id, &server.ann.id).await.unwrap());
        assert!(in_one!(store, revoke_device(&device.id, START + 1)));
        assert!(!in_one!(store, revoke_device(&device.id, START + 2)));
        assert!(store.find_binding(&device.id, &agent.installation.thumbprint, &server.ann.id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn other_databases_are_refused() {
    let refused = Store::open("mysql://x").await;
    assert!(matches!(refused, Err(StoreError::UnknownDatabase)));
    let _ = Database::sqlite();
}
