//! From an authorization request to an ID token, in each role.

use crate::support::{
    Agent, Browser, Server,
    browser::encoded,
    oidc::{CALLBACK, Rp, answer, fields_of, form, pass, s256},
    on_both_databases,
    server::ORIGIN,
};
use serde_json::json;
use standards::oidc::{client::AuthMethod, jwt::Alg};
use std::collections::BTreeMap;
use tacit::{
    clock::{HOUR, MINUTE, SECOND, seconds},
    domain::{
        challenge::Factor,
        connection::{KeyStatus, Role},
        oidc::Subject,
        signing,
    },
};

on_both_databases! {
    async fn a_silent_answer_ends_in_an_id_token_that_says_what_was_done(database: Database) {
        let server = Server::new(database).await;
        let (rp, agent, browser) = (Rp::okta(&server).await, Agent::enrolled(&server).await, Browser::default());
        let mut request = rp.request("ann@acme.test");
        request.insert("app_instance_id", "0oa1app".into());
        request.insert("OktaAppName", "Payroll".into());
        let page = rp.start(&server, &browser, &request).await;
        assert!(page.html.contains("Payroll"), "the page names the application");
        assert_eq!(agent.answers(&server, &browser, &page).await["outcome"], "allow");
        let outcome = browser.outcome(&server, &page).await;
        assert_eq!(outcome["state"], "allowed");
        let back = answer(&outcome);
        assert_eq!(back["to"], CALLBACK);
        assert_eq!((&back["state"], back["iss"].as_str()), (&request["state"], rp.issuer().as_str()));
        let complete = browser.get(&server, &format!("/challenge/{}/complete", page.challenge)).await;
        assert_eq!((complete.status.as_u16(), fields_of(complete.header("location"))), (303, back.clone()), "one code, however often it is fetched");

        let reply = rp.token(&server, &rp.exchange(&back["code"])).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!((reply.header("cache-control"), reply.header("pragma")), ("no-store", "no-cache"));
        let tokens = reply.json();
        assert_eq!((&tokens["token_type"], &tokens["expires_in"], &tokens["scope"]), (&json!("Bearer"), &json!(600), &json!("openid profile email")));
        let (header, claims) = rp.judged(&server, tokens["id_token"].as_str().unwrap()).await;
        assert_eq!(header["alg"], "RS256");
        let now = seconds(server.now());
        let expected = json!({
            "iss": rp.issuer(), "sub": server.ann.id.as_str(), "aud": rp.client_id, "iat": now, "exp": now + 300, "auth_time": now,
            "nonce": request["nonce"], "acr": "urn:tacit:possession", "amr": ["hwk", "pop", "mfa"], "sid": page.challenge,
            "at_hash": claims["at_hash"], "preferred_username": "ann@acme.test", "email": "ann@acme.test",
            "app_instance_id": "0oa1app", "OktaAppName": "Payroll",
        });
        assert_eq!(claims, expected);
        let half = s256(tokens["access_token"].as_str().unwrap());
        assert_eq!(claims["at_hash"].as_str().unwrap().get(..21), half.get(..21));

        let info = rp.userinfo(&server, tokens["access_token"].as_str().unwrap()).await;
        assert_eq!(info.status, 200);
        assert_eq!(info.json(), json!({ "sub": server.ann.id.as_str(), "preferred_username": "ann@acme.test", "email": "ann@acme.test" }));
    }

    async fn behaviour_alone_signs_nobody_in_to_an_application(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, |c| c.client.id_token_signed_response_alg = Alg::ES256).await;
        let (agent, browser) = (Agent::enrolled(&server).await, Browser::default());
        let page = rp.start(&server, &browser, &rp.request("ann@acme.test")).await;
        let decided = agent.answers(&server, &browser, &page).await;
        assert_eq!((&decided["outcome"], &decided["reasons"][0]), (&json!("step_up"), &json!("role_sso")));
        let outcome = browser.outcome(&server, &page).await;
        assert!(outcome.get("location").is_none(), "{outcome}");
        assert!(!outcome["factors"].as_array().unwrap().contains(&json!("totp")), "a code that can be relayed is not enough alone: {outcome}");
        pass(&server, &page, Factor::Passkey).await;
        let code = answer(&browser.outcome(&server, &page).await)["code"].clone();
        let tokens = rp.token(&server, &rp.exchange(&code)).await.json();
        let (header, claims) = rp.judged(&server, tokens["id_token"].as_str().unwrap()).await;
        assert_eq!((&header["alg"], &claims["acr"], &claims["amr"]), (&json!("ES256"), &json!("phr"), &json!(["swk", "pop", "phr"])));
    }

    async fn people_outside_the_groups_get_a_clear_refusal(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "payroll", Role::Sso, |c| {
            c.client.id_token_signed_response_alg = Alg::ES256;
            c.groups = vec!["staff".into()];
        }).await;
        for (login, enters) in [("ann@acme.test", true), ("ben@acme.test", false)] {
            let browser = Browser::default();
            let page = rp.start(&server, &browser, &rp.request(login)).await;
            pass(&server, &page, Factor::Passkey).await;
            let back = answer(&browser.outcome(&server, &page).await);
            assert_eq!(back.contains_key("code"), enters, "{back:?}");
            if !enters {
                assert_eq!(back["error"], "access_denied");
                assert!(back["error_description"].contains("not assigned"), "{back:?}");
                assert_eq!(back["iss"], rp.issuer());
            }
        }
        let events = server.app.store.events_since(0, 100).await.unwrap();
        assert_eq!(events.iter().filter(|e| e.kind == "oidc_not_assigned").count(), 1);
    }

    async fn the_name_comes_back_to_okta_as_it_was_asked_for_and_to_others_as_we_keep_it(database: Database) {
        let server = Server::new(database).await;
        let okta = Rp::okta(&server).await;
        let crm = Rp::with(&server, "crm", Role::Sso, |c| {
            c.client.id_token_signed_response_alg = Alg::ES256;
            c.subject = Subject::Login;
        }).await;
        for (rp, name) in [(&okta, "Ann@Acme.Test"), (&crm, "ann@acme.test")] {
            let browser = Browser::default();
            let code = rp.code(&server, &browser, &rp.request("Ann@Acme.Test")).await;
            let tokens = rp.token(&server, &rp.exchange(&code)).await.json();
            let (_, claims) = rp.judged(&server, tokens["id_token"].as_str().unwrap()).await;
            assert_eq!(claims["preferred_username"], name);
            let sub = if rp.name == "crm" { "ann@acme.test" } else { server.ann.id.as_str() };
            assert_eq!(claims["sub"], sub);
        }
    }

    async fn a_request_belongs_to_the_browser_that_brought_it_first(database: Database) {
        let server = Server::new(database).await;
        let (rp, browser, other) = (Rp::okta(&server).await, Browser::default(), Browser::default());
        let request = rp.request("ann@acme.test");
        let first = rp.authorize(&server, &browser, &request).await;
        server.wait(20 * SECOND);
        let again = rp.authorize(&server, &browser, &request).await;
        assert_eq!((again.status.as_u16(), again.header("location")), (303, first.header("location")));
        let page = browser.open(&server, first.header("location")).await;
        let elsewhere = rp.authorize(&server, &other, &request).await;
        assert_eq!(elsewhere.status, 403);
        assert!(!elsewhere.body.contains(page.nonce.as_str()));
        pass(&server, &page, Factor::Passkey).await;
        let stolen = other.get(&server, &format!("/challenge/{}/outcome", page.challenge)).await;
        assert_eq!(stolen.status, 403, "{}", stolen.body);
        assert!(!stolen.body.contains("code="));
    }

    async fn an_application_without_a_hint_asks_who_it_is_and_okta_has_to_say(database: Database) {
        let server = Server::new(database).await;
        let okta = Rp::okta(&server).await;
        let crm = Rp::with(&server, "crm", Role::Sso, |c| c.client.id_token_signed_response_alg = Alg::ES256).await;
        let browser = Browser::default();
        let refused = okta.authorize(&server, &browser, &okta.request("")).await;
        let back = fields_of(refused.header("location"));
        assert_eq!((refused.status.as_u16(), back["error"].as_str()), (303, "invalid_request"));
        assert!(back["error_description"].contains("login_hint"), "{back:?}");

        let request = crm.request("");
        let asked = crm.authorize(&server, &browser, &request).await;
        assert_eq!(asked.status, 200, "{}", asked.body);
        assert!(asked.body.contains("name=\"tacit_subject\"") && asked.body.contains(&request["nonce"]));
        assert!(!asked.header("content-security-policy").contains("unsafe"));
        let typed = |name: &str| format!("{}&tacit_subject={}", form(&request), encoded(name));
        let wrong = browser.submit(&server, &crm.path("authorize"), typed("nobody@acme.test")).await;
        browser.keep(&wrong);
        let right = browser.submit(&server, &crm.path("authorize"), typed(" ann@acme.test ")).await;
        assert_eq!((wrong.status.as_u16(), right.status.as_u16()), (303, 303));
        assert_ne!(wrong.header("location"), right.header("location"), "another name is another challenge");
        assert_eq!(browser.open(&server, right.header("location")).await.subject.as_str(), "ann@acme.test");

        let mut hinted = crm.request("ann@acme.test");
        let smuggled = browser.submit(&server, &crm.path("authorize"), format!("{}&tacit_subject=ben%40acme.test", form(&hinted))).await;
        assert_eq!(browser.open(&server, smuggled.header("location")).await.subject.as_str(), "ann@acme.test", "what the client says comes first");
        hinted.insert("prompt", "select_account".into());
        let asked = crm.authorize(&server, &browser, &hinted).await;
        assert!(asked.body.contains("value=\"ann@acme.test\""), "{}", asked.body);
    }

    async fn an_id_token_of_ours_names_the_person_and_nobody_elses_does(database: Database) {
        let server = Server::new(database).await;
        let crm = Rp::with(&server, "crm", Role::Sso, |c| c.client.id_token_signed_response_alg = Alg::ES256).await;
        let wiki = Rp::with(&server, "wiki", Role::Sso, |c| c.client.id_token_signed_response_alg = Alg::ES256).await;
        let browser = Browser::default();
        let token = async |rp: &Rp| {
            let code = rp.code(&server, &browser, &rp.request("ann@acme.test")).await;
            rp.token(&server, &rp.exchange(&code)).await.json()["id_token"].as_str().unwrap().to_owned()
        };
        let (ours, theirs) = (token(&crm).await, token(&wiki).await);
        let with = |hint: &str, login: &str| {
            let mut request = crm.request(login);
            request.insert("id_token_hint", hint.into());
            request
        };
        server.wait(HOUR); // An expired one is still a hint.
        let page = crm.start(&server, &browser, &with(&ours, "")).await;
        assert_eq!(page.subject.as_str(), "ann@acme.test");
        for (hint, login, error) in [(&ours, "ben@acme.test", "login_required"), (&theirs, "", "invalid_request"), (&format!("{ours}A"), "", "invalid_request")] {
            let back = fields_of(crm.authorize(&server, &browser, &with(hint, login)).await.header("location"));
            assert_eq!(back["error"], error);
        }
    }

    async fn a_form_post_answer_is_posted(database: Database) {
        let server = Server::new(database).await;
        let (rp, browser) = (Rp::okta(&server).await, Browser::default());
        let mut request = rp.request("ann@acme.test");
        request.insert("response_mode", "form_post".into());
        let page = rp.start(&server, &browser, &request).await;
        pass(&server, &page, Factor::Passkey).await;
        let outcome = browser.outcome(&server, &page).await;
        let back = answer(&outcome);
        assert_eq!((back["to"].as_str(), &back["state"]), (CALLBACK, &request["state"]));
        assert!(outcome.get("location").is_none(), "the code is in no URL");
        let complete = browser.get(&server, &format!("/challenge/{}/complete", page.challenge)).await;
        assert!(complete.body.contains(&back["code"]) && complete.body.contains(CALLBACK));
        request.insert("prompt", "none".into());
        let refused = rp.authorize(&server, &browser, &request).await;
        assert!(refused.status == 200 && refused.body.contains("login_required"), "{}", refused.body);
    }

    async fn two_keys_are_published_and_a_retired_one_lingers_for_an_hour(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, |c| c.client.id_token_signed_response_alg = Alg::ES256).await;
        let kids = async || rp.jwks(&server).await.iter().map(|k| k["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let [first] = kids().await.try_into().unwrap();
        let next = signing::generate_elliptic(&server.app, &rp.id(), KeyStatus::Next, server.now()).unwrap();
        server.app.store.announce_key(&rp.id(), &next).await.unwrap();
        assert_eq!(kids().await, [first.clone(), next.id.clone()]);
        let kid = async || {
            let browser = Browser::default();
            let code = rp.code(&server, &browser, &rp.request("ann@acme.test")).await;
            let tokens = rp.token(&server, &rp.exchange(&code)).await.json();
            let (header, _) = rp.judged(&server, tokens["id_token"].as_str().unwrap()).await;
            header["kid"].as_str().unwrap().to_owned()
        };
        assert_eq!(kid().await, first, "an announced key does not sign yet");
        assert!(server.app.store.promote_key(&rp.id(), server.now()).await.unwrap());
        assert_eq!(kid().await, next.id);
        assert_eq!(kids().await, [next.id.clone(), first], "tokens of a moment ago can still be verified");
        server.wait(HOUR + MINUTE);
        assert_eq!(kids().await, [next.id.as_str()]);
        let keys = rp.jwks(&server).await;
        assert!(keys.iter().all(|k| k.get("d").is_none()), "{keys:?}");
    }

    async fn discovery_says_what_this_client_may_do(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::okta(&server).await;
        let public = Rp::with(&server, "desktop", Role::Sso, |c| {
            c.client.id_token_signed_response_alg = Alg::ES256;
            c.client.token_endpoint_auth_method = AuthMethod::None;
        }).await;
        let read = async |rp: &Rp| server.get(&rp.path(".well-known/openid-configuration"), &[]).await.json();
        let (okta, desktop) = (read(&rp).await, read(&public).await);
        assert_eq!(okta["issuer"], format!("{ORIGIN}/oidc/okta"));
        for (member, path) in [("authorization_endpoint", "authorize"), ("token_endpoint", "token"), ("userinfo_endpoint", "userinfo"), ("jwks_uri", "jwks"), ("end_session_endpoint", "logout")] {
            assert_eq!(okta[member], format!("{ORIGIN}/oidc/okta/{path}"));
        }
        assert_eq!(okta["token_endpoint_auth_methods_supported"], json!(["client_secret_basic", "client_secret_post"]));
        assert_eq!((&desktop["token_endpoint_auth_methods_supported"], &desktop["id_token_signing_alg_values_supported"]), (&json!(["none"]), &json!(["ES256"])));
        assert_eq!((&okta["request_uri_parameter_supported"], &okta["authorization_response_iss_parameter_supported"]), (&json!(false), &json!(true)));
        for nobody in ["/oidc/acme/jwks", "/oidc/none/.well-known/openid-configuration", "/oidc/acme/authorize?client_id=x", "/oidc/NONE/userinfo"] {
            assert_eq!(server.get(nobody, &[]).await.status, 404, "{nobody}: acme speaks SAML");
        }
        let saml = server.get("/saml/okta/sso?SAMLRequest=x", &[]).await;
        assert_eq!(saml.status, 400, "and okta speaks no SAML");
    }

    async fn a_declined_challenge_is_access_denied(database: Database) {
        let server = Server::new(database).await;
        let (rp, browser) = (Rp::okta(&server).await, Browser::default());
        let page = rp.start(&server, &browser, &rp.request("ann@acme.test")).await;
        let mut write = server.app.store.write().await.unwrap();
        let reasons = [wire::reason::Reason::PolicyDecline];
        tacit::store::Store::stop_waiting(&mut write, &page.challenge, tacit::domain::challenge::State::Declined, &reasons, &[], server.now()).await.unwrap();
        write.commit().await.unwrap();
        let back: BTreeMap<String, String> = answer(&browser.outcome(&server, &page).await);
        assert_eq!((back["error"].as_str(), back.contains_key("code")), ("access_denied", false));
    }
}
