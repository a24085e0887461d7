//! What becomes of answers that are what they say they are.

use crate::support::{
    Agent, Browser, Server, on_both_databases,
    server::{ACS, SP},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tacit::{
    clock::{MINUTE, SECOND},
    domain::{
        challenge::{Factor, Passed, Strength, begin_factor, pass_factor},
        connection::Role,
    },
    limits::Limits,
};
use wire::{
    reason::Reason,
    statement::{ProtectionClass, Verdict},
};

fn decoded(outcome: &Value) -> String {
    let response = outcome["form"]["fields"]["SAMLResponse"]
        .as_str()
        .expect("a form");
    String::from_utf8(STANDARD.decode(response).unwrap()).unwrap()
}

async fn reasons_of(server: &Server, challenge: &str) -> Vec<(String, Vec<String>, String)> {
    let rows = server.app.store.decisions_of(challenge).await.unwrap();
    rows.into_iter()
        .map(|d| (d.outcome, d.reasons, d.factor))
        .collect()
}

/// Judges an answer with one change and returns the outcome and its reasons.
async fn judged(
    server: &Server,
    agent: &Agent,
    change: impl FnOnce(&mut wire::statement::Answer),
) -> (String, Vec<String>) {
    let browser = Browser::default();
    let page = browser.start(server, "ann@acme.test").await;
    let mut answer = agent.answer(server, &page);
    change(&mut answer);
    let reply = agent.send(server, &browser, &answer).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let reply = reply.json();
    let reasons = reply["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r.as_str().unwrap().into())
        .collect();
    (reply["outcome"].as_str().unwrap().into(), reasons)
}

on_both_databases! {
    async fn a_genuine_answer_becomes_a_signed_response(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        assert!(page.html.contains("data-state=\"waiting\""));
        server.wait(340);
        let reply = agent.answers(&server, &browser, &page).await;
        assert_eq!(reply["outcome"], "allow");
        assert_eq!(reply["reasons"], json!(["genuine"]));
        let outcome = browser.outcome(&server, &page).await;
        assert_eq!(outcome["state"], "allowed");
        assert_eq!(outcome["form"]["action"], ACS);
        assert_eq!(outcome["form"]["fields"]["RelayState"], "relay/state");
        let xml = decoded(&outcome);
        for part in [
            ">ann@acme.test</saml2:NameID>",
            "urn:oasis:names:tc:SAML:2.0:status:Success",
            "https://login.tacit-idp.test/saml/acme/metadata</saml2:Issuer>",
            &format!("<saml2:Audience>{SP}</saml2:Audience>"),
            "session.amr",
            ">hwk</saml2:AttributeValue>",
            ">pop</saml2:AttributeValue>",
            ">mfa</saml2:AttributeValue>",
        ] {
            assert!(xml.contains(part), "{part} in {xml}");
        }
        assert_eq!(xml.matches("<ds:SignatureValue").count(), 1);
        let rows = server.app.store.decisions_of(page.challenge.as_str()).await.unwrap();
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row.outcome.as_str(), row.factor.as_str(), row.challenge_ms), ("allow", "silent", 340));
        assert_eq!((row.verdict.as_str(), row.protection_class.as_str(), row.llr), ("genuine", "hardware", 9.5));
        assert_eq!((row.device.as_str(), row.rule.as_str()), (agent.device_id().as_str(), "silent"));
        let complete = browser.get(&server, &format!("/challenge/{}/complete", page.challenge)).await;
        assert!(complete.body.contains("name=\"SAMLResponse\"") && complete.body.contains(ACS), "{}", complete.body);
        assert!(complete.header("content-security-policy").contains("form-action 'self' https:"));
    }

    async fn what_the_engine_or_the_circumstances_say_decides(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let step_up = |reasons: &[&str]| ("step_up".to_owned(), reasons.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>());
        let allow = ("allow".to_owned(), vec!["genuine".to_owned()]);
        assert_eq!(judged(&server, &agent, |_| {}).await, allow);
        assert_eq!(judged(&server, &agent, |a| a.evidence.verdict = Verdict::Learning).await, step_up(&["learning"]));
        assert_eq!(
            judged(&server, &agent, |a| {
                a.evidence.verdict = Verdict::NoEvidence;
                a.evidence.age_ms = None;
            }).await,
            step_up(&["no_evidence"])
        );
        assert_eq!(judged(&server, &agent, |a| a.evidence.age_ms = Some(120_001)).await, step_up(&["stale_evidence"]));
        assert_eq!(judged(&server, &agent, |a| a.evidence.age_ms = None).await, step_up(&["stale_evidence"]));
        assert_eq!(
            judged(&server, &agent, |a| a.provenance.broken_by = Some(Reason::StartedElsewhere)).await,
            step_up(&["started_elsewhere"])
        );
        assert_eq!(judged(&server, &agent, |a| a.provenance.age_ms = None).await, step_up(&["started_elsewhere"]));
        assert_eq!(judged(&server, &agent, |a| a.provenance.age_ms = Some(120_001)).await, step_up(&["started_elsewhere"]));
        assert_eq!(judged(&server, &agent, |a| a.presence.screen_locked = Some(true)).await, step_up(&["screen_locked"]));
        assert_eq!(judged(&server, &agent, |a| a.presence.screen_locked = None).await, step_up(&["nobody_present"]));
        assert_eq!(judged(&server, &agent, |a| a.presence.input_age_ms = Some(30_001)).await, step_up(&["nobody_present"]));
        assert_eq!(judged(&server, &agent, |a| a.presence.input_age_ms = None).await, step_up(&["nobody_present"]));
        assert_eq!(judged(&server, &agent, |a| a.iat += 121).await, step_up(&["clock_off"]));
        assert_eq!(judged(&server, &agent, |a| a.iat -= 121).await, step_up(&["clock_off"]));
        assert_eq!(judged(&server, &agent, |a| a.iat -= 119).await, allow);
        assert_eq!(
            judged(&server, &agent, |a| a.protection_class = ProtectionClass::Software).await,
            step_up(&["protection_class_too_low"])
        );
    }

    async fn an_impostor_switches_silence_off_until_a_strong_factor_passes(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let (outcome, reasons) = judged(&server, &agent, |a| a.evidence.verdict = Verdict::Impostor).await;
        assert_eq!((outcome.as_str(), reasons), ("step_up", vec!["impostor".to_owned()]));

        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        let reply = agent.answers(&server, &browser, &page).await;
        assert_eq!(reply["reasons"], json!(["silence_switched_off"]), "a good answer does not help");
        let find = async || server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
        assert_eq!(find().await.allowed_factors, [Factor::Passkey, Factor::Code]);
        let pass = async |factor, strength| pass_factor(&server.app, &find().await, &server.ann.id, factor, strength, server.now()).await.unwrap();
        assert_eq!(pass(Factor::Totp, Strength::Ordinary).await, Passed::Refused(Reason::PolicyStepUp));
        let strong = Strength::PhishingResistant { hardware: true };
        assert_eq!(pass(Factor::Passkey, strong).await, Passed::Allowed { bound: false });

        assert_eq!(judged(&server, &agent, |_| {}).await.0, "allow", "silence is on again");
    }

    async fn after_an_impostor_no_agent_does_not_bring_weak_factors_back(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        judged(&server, &agent, |a| a.evidence.verdict = Verdict::Automated).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        server.wait(2 * SECOND);
        assert_eq!(browser.outcome(&server, &page).await["reasons"], json!(["no_agent"]));
        let challenge = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
        assert!(!challenge.allows(Factor::Totp));
    }

    async fn whoever_is_quicker_than_the_agent_gets_no_other_factors(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let begin = async |factor| {
            let page = Browser::default().start(&server, "ann@acme.test").await;
            let challenge = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
            begin_factor(&server.app, &challenge, factor, server.now()).await.unwrap()
        };
        assert_eq!(begin(Factor::Totp).await, Ok(()));
        judged(&server, &agent, |a| a.evidence.verdict = Verdict::Impostor).await;
        assert_eq!(begin(Factor::Totp).await, Err(Reason::PolicyStepUp), "before any answer, too");
        assert_eq!(begin(Factor::Passkey).await, Ok(()));
        let policy = "format = 1\n[[rule]]\nname = \"keys\"\nthen = \"step_up\"\nfactors = [\"passkey\"]";
        server.app.store.insert_policy(policy, "test", server.now()).await.unwrap();
        assert_eq!(begin(Factor::Code).await, Err(Reason::PolicyStepUp));
    }

    async fn an_ordinary_factor_leaves_silence_off(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        let mut answer = agent.answer(&server, &page);
        answer.evidence.verdict = Verdict::Unsure;
        agent.send(&server, &browser, &answer).await;
        in_one!(server.app.store, switch_silence_off(&server.ann.id, &agent.device_id(), Reason::Impostor, server.now()));
        let challenge = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
        let passed = pass_factor(&server.app, &challenge, &server.ann.id, Factor::Totp, Strength::Ordinary, server.now()).await;
        assert_eq!(passed.unwrap(), Passed::Allowed { bound: false });
        let norm = server.app.store.find_norm(&server.ann.id, &agent.device_id()).await.unwrap().unwrap();
        assert!(norm.silence_off.is_some());
    }

    async fn unsure_is_judged_again_only_after_a_minute_of_new_evidence(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        assert_eq!(judged(&server, &agent, |a| a.evidence.verdict = Verdict::Unsure).await.1, ["unsure"]);
        server.wait(30 * SECOND);
        assert_eq!(judged(&server, &agent, |_| {}).await.1, ["too_soon"]);
        assert_eq!(judged(&server, &agent, |a| a.evidence.verdict = Verdict::Unsure).await.1, ["too_soon", "unsure"]);
        server.wait(32 * SECOND);
        assert_eq!(judged(&server, &agent, |a| a.evidence.age_ms = Some(10_000)).await.1, ["too_soon"], "the evidence is older than the minute");
        assert_eq!(judged(&server, &agent, |_| {}).await.0, "allow", "what came too soon did not start the minute anew");
    }

    async fn an_answer_is_scored_once(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        let mut answer = agent.answer(&server, &page);
        answer.evidence.verdict = Verdict::Unsure;
        assert_eq!(agent.send(&server, &browser, &answer).await.json()["outcome"], "step_up");
        let better = agent.answer(&server, &page);
        assert_eq!(agent.send(&server, &browser, &better).await.reason(), "already_scored");
        assert_eq!(browser.outcome(&server, &page).await["state"], "step_up");
        assert_eq!(reasons_of(&server, page.challenge.as_str()).await.len(), 1);
    }

    async fn of_fifty_uses_of_one_nonce_exactly_one_wins(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        let server = std::sync::Arc::new(server);
        let cookie = browser.cookie();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let answer = agent.answer(&server, &page);
            let statement = agent.device.statement(wire::statement::ANSWER_TYP, &answer);
            let proof = agent.proof(&server, wire::server::ANSWERS, statement.as_bytes(), Some(&page.nonce));
            let (server, cookie) = (server.clone(), cookie.clone());
            tasks.spawn(async move {
                let body = json!({ "v": 1, "statement": statement }).to_string();
                let headers = [("content-type", "application/json"), ("dpop", proof.as_str()), ("cookie", cookie.as_str())];
                server.post(wire::server::ANSWERS, &headers, body).await
            });
        }
        let replies = tasks.join_all().await;
        let won = replies.iter().filter(|r| r.status == 200).count();
        let lost: Vec<String> = replies.iter().filter(|r| r.status != 200).map(|r| r.reason()).collect();
        assert_eq!(won, 1);
        assert_eq!(lost, vec!["already_scored".to_owned(); 49]);
        assert_eq!(reasons_of(&server, page.challenge.as_str()).await.len(), 1);
    }

    async fn patience_ends_in_the_chooser_and_a_late_answer_still_counts(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        server.wait(1_500);
        let outcome = browser.outcome(&server, &page).await;
        assert_eq!((&outcome["state"], &outcome["reasons"]), (&json!("step_up"), &json!(["no_agent"])));
        server.wait(5 * SECOND);
        assert_eq!(agent.answers(&server, &browser, &page).await["outcome"], "allow");
        let outcome = browser.outcome(&server, &page).await;
        assert_eq!(outcome["state"], "allowed");
        let rows = reasons_of(&server, page.challenge.as_str()).await;
        assert_eq!(rows.iter().map(|r| r.0.as_str()).collect::<Vec<_>>(), ["step_up", "allow"]);
    }

    async fn a_begun_factor_ends_silent_answers(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        let challenge = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
        begin_factor(&server.app, &challenge, Factor::Totp, server.now()).await.unwrap().unwrap();
        let answer = agent.answer(&server, &page);
        assert_eq!(agent.send(&server, &browser, &answer).await.reason(), "challenge_closed");
        assert_eq!(browser.outcome(&server, &page).await["state"], "step_up");
    }

    async fn an_answer_that_is_waited_for_wakes_the_page(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        let (outcome, reply) = tokio::join!(browser.outcome(&server, &page), agent.answers(&server, &browser, &page));
        assert_eq!(reply["outcome"], "allow");
        assert_eq!(outcome["state"], "allowed", "the clock stands, so patience cannot have ended the poll");
    }

    async fn an_answer_to_another_process_ends_the_waiting_too(database: Database) {
        let server = Server::new(database).await;
        let second = server.another_process().await;
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        let (outcome, reply) = tokio::join!(browser.outcome(&server, &page), agent.answers(&second, &browser, &page));
        assert_eq!((&reply["outcome"], &outcome["state"]), (&json!("allow"), &json!("allowed")));
    }

    async fn an_agent_that_cannot_answer_ends_the_waiting(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        assert_eq!(agent.fail(&server, &browser, &page, Reason::HostMissing).await.status, 204);
        let outcome = browser.outcome(&server, &page).await;
        assert_eq!((&outcome["state"], &outcome["reasons"]), (&json!("step_up"), &json!(["host_missing"])));
        let reopened = browser.open(&server, &format!("/challenge/{}", page.challenge)).await;
        assert!(reopened.html.contains(Reason::HostMissing.words()), "the page says why");
        assert_eq!(agent.answers(&server, &browser, &page).await["outcome"], "allow", "it was found after all");
    }

    async fn where_we_are_the_only_factor_silence_never_suffices(database: Database) {
        let server = Server::with(database, Limits::generous(), Role::Sso, false).await;
        let agent = Agent::enrolled(&server).await;
        assert_eq!(judged(&server, &agent, |_| {}).await, ("step_up".to_owned(), vec!["role_sso".to_owned()]));
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        let challenge = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
        let strength = Strength::PhishingResistant { hardware: false };
        pass_factor(&server.app, &challenge, &server.ann.id, Factor::Passkey, strength, server.now()).await.unwrap();
        let xml = decoded(&browser.outcome(&server, &page).await);
        assert!(xml.contains(">phr</saml2:AttributeValue>") && xml.contains(">swk</saml2:AttributeValue>"), "{xml}");
        assert!(!xml.contains(">mfa</saml2:AttributeValue>"), "Okta did no first factor here");
    }

    async fn decline_goes_back_to_okta_only_where_okta_offers_a_choice(database: Database) {
        let server = Server::with(database, Limits::generous(), Role::Factor, true).await;
        let agent = Agent::enrolled(&server).await;
        let policy = "format = 1\n[[rule]]\nname = \"others\"\nwhen = { verdict = [\"unsure\"] }\nthen = \"decline\"";
        server.app.store.insert_policy(policy, "test", server.now()).await.unwrap();
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        let mut answer = agent.answer(&server, &page);
        answer.evidence.verdict = Verdict::Unsure;
        let reply = agent.send(&server, &browser, &answer).await.json();
        assert_eq!((&reply["outcome"], &reply["reasons"]), (&json!("decline"), &json!(["policy_decline", "unsure"])));
        let outcome = browser.outcome(&server, &page).await;
        assert_eq!(outcome["state"], "declined");
        let xml = decoded(&outcome);
        assert!(xml.contains("status:Responder") && xml.contains("status:AuthnFailed") && !xml.contains("NameID"), "{xml}");

        let mut connection = server.app.store.find_connection(&crate::support::server::acme()).await.unwrap().unwrap();
        connection.okta_offers_choice = false;
        server.app.store.update_connection(&connection).await.unwrap();
        server.wait(2 * MINUTE);
        let (outcome, _) = judged(&server, &agent, |a| a.evidence.verdict = Verdict::Unsure).await;
        assert_eq!(outcome, "step_up", "Okta would only send the person back");
    }

    async fn observe_records_and_steps_up(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let policy = "format = 1\n[[rule]]\nname = \"trial\"\nwhen = { group = [\"staff\"] }\nthen = \"observe\"";
        server.app.store.insert_policy(policy, "test", server.now()).await.unwrap();
        let (outcome, reasons) = judged(&server, &agent, |_| {}).await;
        assert_eq!((outcome.as_str(), reasons), ("observe", vec!["policy_observe".to_owned(), "genuine".to_owned()]));
    }

    async fn an_unlock_counts_only_where_policy_says_so(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let unlocked = |age: u32| move |a: &mut wire::statement::Answer| {
            a.evidence.verdict = Verdict::NoEvidence;
            a.evidence.age_ms = None;
            a.presence.unlock_age_ms = Some(age);
        };
        assert_eq!(judged(&server, &agent, unlocked(60_000)).await.1, ["no_evidence"]);
        let policy = "format = 1\n[[rule]]\nname = \"unlocked\"\nthen = \"allow\"\n\
                      when = { agent = [\"proven\"], provenance = true, after_unlock = true }";
        server.app.store.insert_policy(policy, "test", server.now()).await.unwrap();
        assert_eq!(judged(&server, &agent, unlocked(300_000)).await, ("allow".to_owned(), vec!["after_unlock".to_owned()]));
        assert_eq!(judged(&server, &agent, unlocked(300_001)).await.0, "step_up");
    }
}
