//! What is done at an org while people sign in: once each, whatever happens on the way.

use super::org::TOKEN;
use super::world::{Mood, World, id_of, kept, on_takeover};
use crate::support::{Agent, Browser, Server, on_both_databases, server::acme};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::{Value, json};
use tacit::{
    clock::{MINUTE, SECOND},
    domain::{
        enrolment,
        okta::{Effects, OnTakeover},
        user::UserStatus,
    },
    okta::delivery::{LEASE, TRIES, deliver_due, look_after},
    store::{
        okta::{ACTIONS, ActionRow},
        queue::Counts,
    },
};
use wire::statement::Verdict;

async fn deliver(server: &Server) -> usize {
    deliver_due(&server.app).await.unwrap()
}

async fn counts(server: &Server) -> Counts {
    server.app.store.count(&ACTIONS).await.unwrap()
}

async fn rows(server: &Server) -> Vec<ActionRow> {
    server.app.store.latest(&ACTIONS, 999).await.unwrap()
}

/// An answer at a challenge of its own, by the agent of `ann`.
async fn answers(server: &Server, agent: &Agent, verdict: Verdict) {
    let browser = Browser::default();
    let page = browser.start(server, "ann@acme.test").await;
    let mut answer = agent.answer(server, &page);
    answer.evidence.verdict = verdict;
    let reply = agent.send(server, &browser, &answer).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

async fn revoke(server: &Server, agent: &Agent) {
    let revoked = enrolment::revoke(&server.app, &agent.device_id(), "test", server.now()).await;
    assert!(revoked.unwrap());
}

on_both_databases! {
    async fn group_and_attribute_follow_the_first_key_and_the_last(database: Database) {
        let (server, world) = (Server::new(database).await, World::new().await);
        world.connect(&server, kept()).await;
        assert_eq!(deliver(&server).await, 0);
        let first = Agent::enrolled(&server).await;
        assert!(world.org.seen().is_empty(), "nothing is called while somebody waits for it");
        assert_eq!(deliver(&server).await, 2);
        assert_eq!((world.members(), world.registered()), (vec!["00uann".to_owned()], vec!["00uann".to_owned()]));
        let mut deeds = world.deeds();
        deeds.sort();
        assert_eq!(deeds, ["POST /api/v1/users/00uann", "PUT /api/v1/groups/00gKept/users/00uann"]);
        // A second key changes nothing that the org should know.
        let second = Agent::enrolled(&server).await;
        deliver(&server).await;
        revoke(&server, &first).await;
        deliver(&server).await;
        assert_eq!(world.deeds().len(), 2);
        revoke(&server, &second).await;
        deliver(&server).await;
        assert_eq!((world.members().len(), world.registered().len(), world.deeds().len()), (0, 0, 4));
        let cleared = world.org.seen().iter().rfind(|s| s.line() == "POST /api/v1/users/00uann").unwrap().json();
        assert_eq!(cleared, json!({ "profile": { "byndidRegistered": null } }), "cleared, and nothing else is touched");
        assert_eq!(counts(&server).await, Counts::default());
    }

    async fn who_is_disabled_or_deleted_leaves_the_group_and_may_come_back(database: Database) {
        let (server, world) = (Server::new(database).await, World::new().await);
        world.connect(&server, kept()).await;
        Agent::enrolled(&server).await;
        deliver(&server).await;
        let set = async |status| server.app.store.set_user_status(&server.ann.id, status, server.now()).await.unwrap();
        set(UserStatus::Disabled).await;
        deliver(&server).await;
        assert_eq!(world.members().len(), 0);
        set(UserStatus::Active).await;
        deliver(&server).await;
        assert_eq!(world.members(), ["00uann"]);
        // Deleted over SCIM: nobody is left to ask, and still the org is told.
        let okta = crate::support::provisioner::Provisioner::new(&server).await;
        let path = format!("/Users/{}", server.ann.id);
        okta.put(&path, crate::support::provisioner::person("ann@acme.test")).await;
        assert_eq!(okta.call(axum::http::Method::DELETE, &path, None).await.status, 204);
        deliver(&server).await;
        assert_eq!((world.members().len(), world.registered().len()), (0, 0));
    }

    async fn what_changes_back_before_it_is_told_is_not_told(database: Database) {
        let (server, world) = (Server::new(database).await, World::new().await);
        world.connect(&server, kept()).await;
        let agent = Agent::enrolled(&server).await;
        revoke(&server, &agent).await;
        deliver(&server).await;
        assert_eq!((world.deeds().len(), counts(&server).await), (0, Counts::default()));
    }

    async fn what_no_action_was_written_for_is_found_again(database: Database) {
        let (server, world) = (Server::new(database).await, World::new().await);
        // Enrolled before there was an org.
        Agent::enrolled(&server).await;
        Agent::enrolled_for(&server, &server.ben).await;
        world.connect(&server, kept()).await;
        look_after(&server.app).await.unwrap();
        look_after(&server.app).await.unwrap();
        assert_eq!(counts(&server).await.waiting, 4, "two people, two things, once each");
        deliver(&server).await;
        assert_eq!(world.members(), ["00uann", "00uben"]);
        // Told anew when an administrator wants that.
        world.state.lock().unwrap().members.clear();
        server.app.store.forget_told(&acme()).await.unwrap();
        look_after(&server.app).await.unwrap();
        deliver(&server).await;
        assert_eq!(world.members(), ["00uann", "00uben"]);
        // Another group: everybody goes into that one, which this org does not have.
        world.connect(&server, Effects { group: Some("00gOther".into()), ..Effects::default() }).await;
        look_after(&server.app).await.unwrap();
        deliver(&server).await;
        assert_eq!(counts(&server).await.dead, 0, "it may be the person whom the org forgot: once more, found anew");
        server.wait(10 * SECOND);
        deliver(&server).await;
        let dead: Vec<ActionRow> = server.app.store.dead(&ACTIONS, 9).await.unwrap();
        assert_eq!(dead.len(), 2);
        assert!(dead[0].problem.contains("E0000007"), "{}", dead[0].problem);
        look_after(&server.app).await.unwrap();
        assert_eq!(counts(&server).await, Counts { waiting: 0, tried: 0, dead: 2 }, "what was given up is not tried on the quiet");
    }

    async fn an_impostor_has_everything_done_that_the_connection_wants_once(database: Database) {
        let (server, world) = (Server::new(database).await, World::new().await);
        use OnTakeover as T;
        world.connect(&server, on_takeover(&[T::EndSessions, T::UniversalLogout, T::RiskHigh, T::SessionRevoked, T::UserRiskChange])).await;
        let agent = Agent::enrolled(&server).await;
        answers(&server, &agent, Verdict::Genuine).await;
        assert_eq!(counts(&server).await.waiting, 0);
        answers(&server, &agent, Verdict::Impostor).await;
        assert_eq!(counts(&server).await.waiting, 5, "written with the decision");
        answers(&server, &agent, Verdict::Impostor).await;
        assert_eq!(counts(&server).await.waiting, 5, "silence is off already: it is the same takeover");
        assert_eq!(deliver(&server).await, 5);
        assert_eq!(deliver(&server).await, 0);
        let state = world.state.lock().unwrap();
        let effects: Vec<_> = state.effects.iter().map(|(what, n)| (what.as_str(), *n)).collect();
        let expected = [
            ("end_sessions 00uann", 1),
            ("logout \"00uann\"", 1),
            ("risk 00uann \"HIGH\"", 1),
            ("session-revoked mail-ann@acme.test", 1),
            ("user-risk-change mail-ann@acme.test", 1),
        ];
        assert_eq!(effects, expected);
        let tokens = state.tokens.clone();
        drop(state);
        for token in &tokens {
            believes(&server, &world, token).await;
        }
        let events = server.app.store.events_since(0, 100).await.unwrap();
        let kinds: Vec<_> = events.iter().filter(|e| e.kind.starts_with("okta_")).map(|e| (e.kind.as_str(), e.user_id == server.ann.id.as_str())).collect();
        assert_eq!(kinds.len(), 5, "{kinds:?}");
        assert!(kinds.contains(&("okta_end_sessions", true)));
    }

    async fn only_an_impostor_is_a_takeover(database: Database) {
        let (server, world) = (Server::new(database).await, World::new().await);
        world.connect(&server, on_takeover(&[OnTakeover::EndSessions])).await;
        let agent = Agent::enrolled(&server).await;
        for verdict in [Verdict::Genuine, Verdict::Unsure, Verdict::Learning, Verdict::NoEvidence, Verdict::Automated] {
            answers(&server, &agent, verdict).await;
        }
        deliver(&server).await;
        assert!(world.org.seen().is_empty(), "{:?}", world.org.lines());
    }

    async fn an_outage_is_waited_out_and_what_lasts_too_long_is_a_dead_letter_that_can_be_retried(database: Database) {
        let (server, world) = (Server::new(database).await, World::new().await);
        world.connect(&server, kept()).await;
        Agent::enrolled(&server).await;
        world.is(Mood::Down);
        assert_eq!(deliver(&server).await, 0);
        assert_eq!(deliver(&server).await, 0, "not at once again");
        assert_eq!(counts(&server).await, Counts { waiting: 2, tried: 2, dead: 0 });
        server.wait(10 * SECOND);
        world.is(Mood::Good);
        assert_eq!(deliver(&server).await, 2);
        assert_eq!(world.members(), ["00uann"]);

        world.is(Mood::Down);
        server.app.store.set_user_status(&server.ann.id, UserStatus::Disabled, server.now()).await.unwrap();
        for attempt in 0..TRIES.most {
            assert_eq!(counts(&server).await.dead, 0, "{attempt}");
            deliver(&server).await;
            server.wait(90 * MINUTE);
        }
        assert_eq!(counts(&server).await, Counts { waiting: 0, tried: 0, dead: 2 });
        let dead: Vec<ActionRow> = server.app.store.dead(&ACTIONS, 9).await.unwrap();
        assert!(dead.iter().all(|d| d.problem.contains("E0000010") && d.login == "ann@acme.test"), "{dead:?}");
        world.is(Mood::Good);
        assert_eq!(deliver(&server).await, 0);
        assert_eq!(server.app.store.revive(&ACTIONS, server.now()).await.unwrap(), 2);
        assert_eq!(deliver(&server).await, 2);
        assert_eq!((world.members().len(), counts(&server).await), (0, Counts::default()));
    }

    async fn a_used_up_limit_stops_the_connection_and_costs_no_attempt(database: Database) {
        let (server, world) = (Server::new(database).await, World::new().await);
        world.connect(&server, kept()).await;
        Agent::enrolled(&server).await;
        Agent::enrolled_for(&server, &server.ben).await;
        for n in 0..18 {
            let user = crate::support::server::add_user(&server.app, &format!("p{n}@acme.test"), &[]).await;
            Agent::enrolled_for(&server, &user).await;
        }
        world.is(Mood::Limited(40));
        assert_eq!(deliver(&server).await, 0);
        let asked = world.org.seen().len();
        assert!((1..=16).contains(&asked), "of forty actions those that were under way: {asked}");
        assert!(rows(&server).await.iter().all(|row| row.attempts == 0), "{:?}", rows(&server).await);
        world.is(Mood::Good);
        server.wait(30 * SECOND);
        assert_eq!(deliver(&server).await, 0);
        assert_eq!(world.org.seen().len(), asked, "the org is left alone until then");
        server.wait(12 * SECOND);
        assert_eq!(deliver(&server).await, 40);
        assert_eq!((world.members().len(), world.registered().len()), (20, 20));
    }

    async fn what_the_org_refuses_is_a_dead_letter_at_once_and_shows_no_token(database: Database) {
        let (server, world) = (Server::new(database).await, World::new().await);
        world.connect(&server, kept()).await;
        Agent::enrolled(&server).await;
        world.is(Mood::Forbidding);
        deliver(&server).await;
        assert_eq!(counts(&server).await.dead, 2);
        let text = format!("{:?} {}", rows(&server).await, json!(rows(&server).await));
        assert!(text.contains("E0000006") && !text.contains(TOKEN), "{text}");
        assert_eq!(world.members().len(), 0);
    }

    async fn somebody_whom_the_org_does_not_know_is_a_dead_letter_and_nobody_else_is_hit(database: Database) {
        let (server, world) = (Server::new(database).await, World::new().await);
        world.connect(&server, kept()).await;
        // The org finds ann by the beginning of her login, as Okta does.
        let short = crate::support::server::add_user(&server.app, "ann", &[]).await;
        Agent::enrolled_for(&server, &short).await;
        let nobody = crate::support::server::add_user(&server.app, "nobody@acme.test", &[]).await;
        Agent::enrolled_for(&server, &nobody).await;
        deliver(&server).await;
        assert_eq!((counts(&server).await.dead, world.deeds().len()), (4, 0));
        // Of somebody unknown there is nothing to take back.
        server.app.store.set_user_status(&nobody.id, UserStatus::Disabled, server.now()).await.unwrap();
        server.app.store.forget_told(&acme()).await.unwrap();
        server.app.store.revive(&ACTIONS, server.now()).await.unwrap();
        deliver(&server).await;
        assert_eq!(counts(&server).await.dead, 2);
    }

    async fn an_effect_whose_answer_was_lost_is_tried_again_and_stays_one_effect(database: Database) {
        let (server, world) = (Server::new(database).await, World::new().await);
        world.connect(&server, Effects { on_takeover: vec![OnTakeover::SessionRevoked], ..kept() }).await;
        let agent = Agent::enrolled(&server).await;
        answers(&server, &agent, Verdict::Impostor).await;
        // Found, so that the first thing lost is an effect.
        server.app.store.put_okta_id(&acme(), &server.ann.id, "ann@acme.test", &id_of("ann@acme.test")).await.unwrap();
        world.is(Mood::Absent);
        deliver(&server).await;
        assert_eq!(counts(&server).await.waiting, 3);
        world.is(Mood::Good);
        server.wait(MINUTE);
        assert_eq!(deliver(&server).await, 3);
        let state = world.state.lock().unwrap();
        assert!(state.effects.values().all(|n| *n == 1), "{:?}", state.effects);
        assert_eq!((state.members.len(), state.registered.len(), state.events.len()), (1, 1, 1));
    }

    async fn of_two_processes_one_makes_each_call(database: Database) {
        let (server, world) = (Server::new(database).await, World::new().await);
        world.connect(&server, on_takeover(&[OnTakeover::EndSessions])).await;
        for n in 0..20 {
            let mut write = server.app.store.write().await.unwrap();
            tacit::store::Store::queue_takeover(&mut write, &acme(), &server.ann.id, &format!("c{n}"), server.now()).await.unwrap();
            write.commit().await.unwrap();
        }
        let other = server.another_process().await;
        let (a, b) = tokio::join!(deliver_due(&server.app), deliver_due(&other.app));
        // Of one lane one is under way: whoever comes meanwhile finds nothing due, and looks again.
        let mut done = a.unwrap() + b.unwrap();
        while counts(&server).await.waiting > 0 {
            let (a, b) = tokio::join!(deliver_due(&server.app), deliver_due(&other.app));
            done += a.unwrap() + b.unwrap();
        }
        assert_eq!((done, world.deeds().len()), (20, 20));
    }

    async fn a_claim_ends_by_itself(database: Database) {
        let (server, world) = (Server::new(database).await, World::new().await);
        world.connect(&server, Effects { attribute: None, ..kept() }).await;
        Agent::enrolled(&server).await;
        let [id] = server.app.store.due(&ACTIONS, server.now(), 9).await.unwrap().try_into().unwrap();
        // A process that died with it.
        let claimed: Option<ActionRow> = server.app.store.claim(&ACTIONS, &id, server.now(), server.now() + LEASE).await.unwrap();
        assert!(claimed.is_some());
        assert_eq!(deliver(&server).await, 0);
        server.wait(LEASE);
        assert_eq!(deliver(&server).await, 1);
        assert_eq!(world.members(), ["00uann"]);
    }
}

/// What a receiver checks: the transmitter's own description and keys, and then the signature.
async fn believes(server: &Server, world: &World, token: &str) {
    let read = |part: &str| -> Value {
        serde_json::from_slice(&wire::b64::decode(part).unwrap()).unwrap()
    };
    let parts: Vec<&str> = token.split('.').collect();
    let (header, claims) = (read(parts[0]), read(parts[1]));
    assert_eq!(
        (header["typ"].as_str(), header["alg"].as_str()),
        (Some("secevent+jwt"), Some("RS256"))
    );
    assert_eq!(claims["aud"], world.org.origin().as_str());
    let issuer = claims["iss"].as_str().unwrap();
    let path = issuer
        .strip_prefix(crate::support::server::ORIGIN)
        .expect("we are the issuer");
    for configuration in [
        format!("{path}/.well-known/ssf-configuration"),
        format!("/.well-known/ssf-configuration{path}"),
    ] {
        let described = server.get(&configuration, &[]).await.json();
        assert_eq!(described["issuer"], claims["iss"]);
        let jwks = described["jwks_uri"].as_str().unwrap();
        let jwks = jwks.strip_prefix(crate::support::server::ORIGIN).unwrap();
        let keys = server.get(jwks, &[]).await.json();
        let keys = keys["keys"].as_array().unwrap().clone();
        let key = keys.iter().find(|k| k["kid"] == header["kid"]).unwrap();
        let bytes = |name: &str| wire::b64::decode(key[name].as_str().unwrap()).unwrap();
        let key = RsaPublicKeyComponents {
            n: bytes("n"),
            e: bytes("e"),
        };
        let signed = format!("{}.{}", parts[0], parts[1]);
        let signature = wire::b64::decode(parts[2]).unwrap();
        key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
            .expect("the signature is the published key's");
    }
}
