//! The token endpoint and what its tokens open: who may have them, and for how long.

use crate::support::{
    Browser, Server,
    oidc::{CALLBACK, RP_KEY, Rp, SECRET, basic, hs, rp_jwks, rs256, s256, secret_row},
    on_both_databases,
    server::ORIGIN,
};
use serde_json::{Value, json};
use standards::oidc::{client::AuthMethod, client_assertion, jwt::Alg};
use std::{collections::BTreeMap, sync::Arc};
use tacit::{
    clock::{MINUTE, SECOND, seconds},
    domain::{connection::Role, oidc::OidcClient, user::UserStatus},
};

fn quick(client: &mut OidcClient) {
    client.client.id_token_signed_response_alg = Alg::ES256;
}

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

async fn code(rp: &Rp, server: &Server) -> String {
    rp.code(server, &Browser::default(), &rp.request("ann@acme.test"))
        .await
}

async fn code_with_pkce(rp: &Rp, server: &Server) -> String {
    let mut request = rp.request("ann@acme.test");
    request.insert("code_challenge", s256(VERIFIER));
    request.insert("code_challenge_method", "S256".into());
    rp.code(server, &Browser::default(), &request).await
}

/// The fields with some replaced; an empty value takes one out.
fn but(
    fields: &BTreeMap<&'static str, String>,
    changes: &[(&'static str, &str)],
) -> BTreeMap<&'static str, String> {
    let mut fields = fields.clone();
    for (name, value) in changes {
        match value.is_empty() {
            true => fields.remove(name),
            false => fields.insert(name, (*value).into()),
        };
    }
    fields
}

on_both_databases! {
    async fn a_code_is_good_once_and_a_second_use_revokes_what_the_first_gave(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, quick).await;
        let fields = rp.exchange(&code(&rp, &server).await);
        let access = rp.token(&server, &fields).await.json()["access_token"].as_str().unwrap().to_owned();
        assert_eq!(rp.userinfo(&server, &access).await.status, 200);
        let again = rp.token(&server, &fields).await;
        assert_eq!((again.status.as_u16(), &again.json()["error"]), (400, &json!("invalid_grant")));
        let info = rp.userinfo(&server, &access).await;
        assert_eq!(info.status, 401, "whoever came first may have been the thief");
        assert!(info.header("www-authenticate").contains("invalid_token"));
        let events = server.app.store.events_since(0, 100).await.unwrap();
        assert_eq!(events.iter().filter(|e| e.kind == "oidc_code_reused").count(), 1);
    }

    async fn of_many_exchanges_at_once_at_most_one_gives_tokens_and_none_of_them_stays_good(database: Database) {
        let server = Arc::new(Server::new(database).await);
        let rp = Arc::new(Rp::with(&server, "crm", Role::Sso, quick).await);
        let fields = rp.exchange(&code(&rp, &server).await);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (server, rp, fields) = (server.clone(), rp.clone(), fields.clone());
            tasks.spawn(async move { rp.token(&server, &fields).await });
        }
        let replies = tasks.join_all().await;
        let given: Vec<String> = replies.iter().filter(|r| r.status == 200).map(|r| r.json()["access_token"].as_str().unwrap().to_owned()).collect();
        assert_eq!(given.len(), 1);
        assert_eq!(rp.userinfo(&server, &given[0]).await.status, 401);
    }

    async fn a_code_belongs_to_its_client_its_redirect_uri_its_verifier_and_its_minute(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, |c| {
            quick(c);
            c.client.redirect_uris.push("https://app.workplace.test/cb".into());
        }).await;
        let other = Rp::with(&server, "wiki", Role::Sso, quick).await;
        let refused = async |rp: &Rp, fields: BTreeMap<&'static str, String>| {
            let reply = rp.token(&server, &fields).await;
            assert_eq!(reply.status, 400, "{fields:?}: {}", reply.body);
            assert_eq!(reply.json()["error"], "invalid_grant", "{fields:?}");
        };
        let stolen = code(&rp, &server).await;
        refused(&other, other.exchange(&stolen)).await;
        assert_eq!(rp.token(&server, &rp.exchange(&stolen)).await.status, 200, "another client cannot use it up either");

        let at = async || rp.exchange(&code(&rp, &server).await);
        for (changes, why) in [
            (&[("redirect_uri", "https://app.workplace.test/cb")][..], "registered, but not this request's"),
            (&[("redirect_uri", "")], "missing"),
            (&[("redirect_uri", "https://acme.okta-standin.test/oauth2/v1/authorize/callback/")], "a slash more"),
            (&[("code_verifier", VERIFIER)], "PKCE taken out of the request on the way"),
        ] {
            let fields = at().await;
            refused(&rp, but(&fields, changes)).await;
            let late = rp.token(&server, &fields).await;
            assert_eq!(late.status, 400, "{why}: a code that was shown in the wrong place is spent");
        }
        let with_pkce = async || rp.exchange(&code_with_pkce(&rp, &server).await);
        for verifier in ["", &"x".repeat(43), &s256(VERIFIER), "short", &format!("{VERIFIER}\n")] {
            refused(&rp, but(&with_pkce().await, &[("code_verifier", verifier)])).await;
        }
        let right = but(&with_pkce().await, &[("code_verifier", VERIFIER)]);
        assert_eq!(rp.token(&server, &right).await.status, 200);

        let late = at().await;
        server.wait(MINUTE);
        refused(&rp, late).await;
        let in_time = at().await;
        server.wait(MINUTE - SECOND);
        assert_eq!(rp.token(&server, &in_time).await.status, 200);
        refused(&rp, rp.exchange("never given")).await;
    }

    async fn a_client_shows_itself_in_the_registered_way_and_in_no_other(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, quick).await;
        let fields = rp.exchange(&code(&rp, &server).await);
        let plain = but(&fields, &[("client_secret", ""), ("client_id", "")]);
        let (good, bad) = (basic(&rp.client_id, SECRET), basic(&rp.client_id, "wrong"));
        let other = basic("client-of-wiki", SECRET);
        for (fields, header, status, error) in [
            (but(&fields, &[("client_secret", "wrong")]), "", 401, "invalid_client"),
            (but(&fields, &[("client_secret", "")]), "", 401, "invalid_client"),
            (but(&fields, &[("client_id", "")]), "", 401, "invalid_client"),
            (but(&fields, &[("client_id", "client-of-wiki")]), "", 401, "invalid_client"),
            (plain.clone(), "", 401, "invalid_client"),
            (plain.clone(), &bad, 401, "invalid_client"),
            (plain.clone(), &other, 401, "invalid_client"),
            (plain.clone(), "Basic !!!", 401, "invalid_client"),
            (plain.clone(), "Bearer abc", 401, "invalid_client"),
            (fields.clone(), &good, 400, "invalid_request"),
            (but(&plain, &[("client_assertion", "a.b.c"), ("client_assertion_type", client_assertion::TYPE)]), "", 401, "invalid_client"),
            (but(&fields, &[("grant_type", "password")]), "", 400, "unsupported_grant_type"),
            (but(&fields, &[("grant_type", "")]), "", 400, "invalid_request"),
            (but(&fields, &[("code", "")]), "", 400, "invalid_request"),
        ] {
            let headers: &[(&str, &str)] = if header.is_empty() { &[] } else { &[("authorization", header)] };
            let reply = rp.token_with(&server, &fields, headers).await;
            assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (status, Some(error)), "{fields:?} {header}: {}", reply.body);
            assert_eq!(reply.header("www-authenticate").is_empty(), header.is_empty() || status != 401);
            assert!(!reply.body.contains(SECRET));
        }
        let reply = rp.token_with(&server, &plain, &[("authorization", &good)]).await;
        assert_eq!(reply.status, 200, "none of these used the code up: {}", reply.body);
    }

    async fn two_secrets_are_good_during_a_roll_over(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, quick).await;
        let store = &server.app.store;
        server.wait(SECOND);
        let second = "another-secret-of-64-characters-another-secret-of-64-characters-";
        store.insert_oidc_secret(&rp.id(), &secret_row(&server, &rp.id(), second, false)).await.unwrap();
        let third = store.insert_oidc_secret(&rp.id(), &secret_row(&server, &rp.id(), "third", false)).await;
        assert!(matches!(third, Err(tacit::store::StoreError::Conflict)), "two at most");
        let works = async |secret: &str| {
            let fields = but(&rp.exchange(&code(&rp, &server).await), &[("client_secret", secret)]);
            rp.token(&server, &fields).await.status == 200
        };
        assert!(works(SECRET).await && works(second).await);
        assert_eq!(store.retire_oidc_secrets(&rp.id(), server.now()).await.unwrap(), 1);
        assert!(!works(SECRET).await && works(second).await);
    }

    async fn a_public_client_is_held_by_pkce(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "desktop", Role::Sso, |c| {
            quick(c);
            c.client.token_endpoint_auth_method = AuthMethod::None;
        }).await;
        let without = rp.authorize(&server, &Browser::default(), &rp.request("ann@acme.test")).await;
        assert!(without.header("location").contains("error=invalid_request"), "{}", without.header("location"));
        let fields = but(&rp.exchange(&code_with_pkce(&rp, &server).await), &[("client_secret", ""), ("code_verifier", VERIFIER)]);
        assert_eq!(rp.token(&server, &fields).await.status, 200);
        let with_secret = but(&rp.exchange(&code_with_pkce(&rp, &server).await), &[("code_verifier", VERIFIER)]);
        assert_eq!(rp.token(&server, &with_secret).await.status, 401, "it has no secret");
    }

    async fn an_assertion_shows_the_client_once_and_only_here(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, |c| {
            quick(c);
            c.client.token_endpoint_auth_method = AuthMethod::PrivateKeyJwt;
            c.client.jwks = rp_jwks();
        }).await;
        let other = Rp::with(&server, "wiki", Role::Sso, |c| {
            quick(c);
            c.client.token_endpoint_auth_method = AuthMethod::PrivateKeyJwt;
            c.client.jwks = rp_jwks();
        }).await;
        let now = seconds(server.now());
        let good = |jti: &str| json!({ "iss": rp.client_id, "sub": rp.client_id, "aud": rp.issuer(), "jti": jti, "exp": now + 60 });
        let with = |name: &str, value: Value| {
            let mut claims = good(name);
            claims[name] = value;
            claims
        };
        let header = json!({ "alg": "RS256", "kid": "rp-1" });
        let signed = |claims: &Value| rs256(&RP_KEY, &header, claims);
        let public = serde_json::to_string(&rp_jwks()).unwrap();
        let ask = async |rp: &Rp, assertion: &str| {
            let fields = but(&rp.exchange(&code(rp, &server).await), &[("client_secret", ""), ("client_assertion", assertion), ("client_assertion_type", client_assertion::TYPE)]);
            rp.token(&server, &fields).await
        };
        let stranger = aws_lc_rs::signature::RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let refused = [
            ("alg none", crate::support::oidc::jwt(&json!({ "alg": "none" }), &good("a"), |_| Vec::new())),
            ("the public key as an HMAC secret", hs("HS256", public.as_bytes(), &good("b"))),
            ("another key", rs256(&stranger, &header, &good("c"))),
            ("a key of its own beside it", rs256(&stranger, &json!({ "alg": "RS256", "jwk": {}, "jku": "https://127.0.0.1:1/keys", "x5u": "https://127.0.0.1:1/x" }), &good("d"))),
            ("something critical", rs256(&RP_KEY, &json!({ "alg": "RS256", "crit": ["b64"], "b64": false }), &good("e"))),
            ("another audience", signed(&with("aud", json!(other.issuer())))),
            ("two audiences", signed(&with("aud", json!([rp.issuer(), other.issuer()])))),
            ("no audience", signed(&with("aud", Value::Null))),
            ("another issuer", signed(&with("iss", json!(other.client_id)))),
            ("another subject", signed(&with("sub", json!("ann@acme.test")))),
            ("stale", signed(&with("exp", json!(now - 61)))),
            ("immortal", signed(&with("exp", json!(now + 7200)))),
            ("without end", signed(&with("exp", Value::Null))),
            ("from tomorrow", signed(&with("nbf", json!(now + 86_400)))),
            ("without jti", signed(&with("jti", Value::Null))),
            ("with an endless jti", signed(&with("jti", json!("x".repeat(300))))),
            ("broken", format!("{}x", signed(&good("f")))),
            ("too long", "x".repeat(20_000)),
        ];
        for (what, assertion) in &refused {
            let reply = ask(&rp, assertion).await;
            assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (401, Some("invalid_client")), "{what}: {}", reply.body);
        }
        let token_url = format!("{}/token", rp.issuer());
        for (what, assertion) in [
            ("as it should be", signed(&good("1"))),
            ("the token endpoint, in a list", signed(&with("aud", json!([token_url])))),
            ("a time with a fraction", signed(&with("exp", json!(now as f64 + 60.5)))),
        ] {
            let reply = ask(&rp, &assertion).await;
            assert_eq!(reply.status, 200, "{what}: {}", reply.body);
            let replayed = ask(&rp, &assertion).await;
            assert_eq!((replayed.status.as_u16(), replayed.json()["error"].as_str()), (401, Some("invalid_client")), "{what}, replayed");
            assert_eq!(ask(&other, &assertion).await.status, 401, "{what}, played on");
        }
        assert_eq!(ask(&rp, SECRET).await.status, 401);
    }

    async fn an_assertion_by_the_secret_needs_the_secret_and_no_key(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, |c| {
            quick(c);
            c.client.token_endpoint_auth_method = AuthMethod::ClientSecretJwt;
            c.client.token_endpoint_auth_signing_alg = Some(Alg::HS512);
        }).await;
        let claims = |jti: &str| json!({ "iss": rp.client_id, "sub": rp.client_id, "aud": format!("{ORIGIN}/oidc/crm"), "jti": jti, "exp": seconds(server.now()) + 60 });
        let ask = async |assertion: String| {
            let fields = but(&rp.exchange(&code(&rp, &server).await), &[("client_secret", ""), ("client_assertion", &assertion), ("client_assertion_type", client_assertion::TYPE)]);
            rp.token(&server, &fields).await.status.as_u16()
        };
        assert_eq!(ask(hs("HS512", SECRET.as_bytes(), &claims("1"))).await, 200);
        assert_eq!(ask(hs("HS256", SECRET.as_bytes(), &claims("2"))).await, 401, "not the registered algorithm");
        assert_eq!(ask(hs("HS512", b"", &claims("3"))).await, 401);
        assert_eq!(ask(rs256(&RP_KEY, &json!({ "alg": "RS256" }), &claims("4"))).await, 401);
        let shown = rp.token(&server, &rp.exchange(&code(&rp, &server).await)).await;
        assert_eq!(shown.status, 401, "where it only signs, showing the secret is a mistake");
    }

    async fn bad_bodies_get_the_error_body_of_the_standard(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, quick).await;
        let good = crate::support::oidc::form(&rp.exchange(&code(&rp, &server).await));
        let form = "application/x-www-form-urlencoded";
        let many: String = (0..70).map(|n| format!("p{n}=x&")).collect();
        for (what, kind, body) in [
            ("twice", form, format!("{good}&code=x")),
            ("twice, unknown", form, format!("{good}&x=1&x=2")),
            ("twice, in disguise", form, format!("{good}&grant%5Ftype=x")),
            ("oversize", form, format!("{good}&x={}", "x".repeat(40_000))),
            ("too many", form, format!("{many}{good}")),
            ("no UTF-8", form, format!("{good}&x=%FF")),
            ("half a percent", form, format!("{good}&x=%4")),
            ("JSON", "application/json", "{\"grant_type\":\"authorization_code\"}".into()),
            ("another charset", "application/x-www-form-urlencoded; charset=utf-16", good.clone()),
            ("nothing", form, String::new()),
        ] {
            let reply = server.post(&rp.path("token"), &[("content-type", kind)], body).await;
            assert_eq!(reply.status, 400, "{what}: {}", reply.body);
            assert_eq!(reply.header("content-type"), "application/json", "{what}");
            assert_eq!((reply.json()["error"].as_str(), reply.header("cache-control")), (Some("invalid_request"), "no-store"), "{what}");
        }
        let query = server.post(&format!("{}?{good}", rp.path("token")), &[("content-type", form)], String::new()).await;
        assert_eq!(query.status, 400, "secrets in a URL count for nothing");
        assert_eq!(server.get(&format!("{}?{good}", rp.path("token")), &[]).await.status, 405);
        let reply = server.post(&rp.path("token"), &[("content-type", "application/x-www-form-urlencoded;charset=UTF-8")], good).await;
        assert_eq!(reply.status, 200, "none of these used the code up: {}", reply.body);
    }

    async fn an_access_token_opens_one_issuer_for_ten_minutes_and_only_while_its_person_may_enter(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, |c| { quick(c); c.groups = vec!["staff".into()]; }).await;
        let other = Rp::with(&server, "wiki", Role::Sso, quick).await;
        let get = async || rp.token(&server, &rp.exchange(&code(&rp, &server).await)).await.json()["access_token"].as_str().unwrap().to_owned();
        let token = get().await;
        assert_eq!(rp.userinfo(&server, &token).await.status, 200);
        assert_eq!(other.userinfo(&server, &token).await.status, 401, "another issuer");
        for headers in [&[][..], &[("authorization", "Basic abc")], &[("authorization", "Bearer ")], &[("authorization", "Bearer x"), ("authorization", "Bearer y")]] {
            let reply = server.get(&rp.path("userinfo"), headers).await;
            assert_eq!(reply.status, 401);
            assert!(reply.header("www-authenticate").starts_with("Bearer"));
        }
        let in_url = server.get(&format!("{}?access_token={token}", rp.path("userinfo")), &[]).await;
        assert_eq!(in_url.status, 401, "never in a URL");
        server.app.store.set_user_status(&server.ann.id, UserStatus::Disabled, server.now()).await.unwrap();
        assert_eq!(rp.userinfo(&server, &token).await.status, 401, "disabled");
        server.app.store.set_user_status(&server.ann.id, UserStatus::Active, server.now()).await.unwrap();
        assert_eq!(rp.userinfo(&server, &token).await.status, 200);
        server.wait(10 * MINUTE);
        assert_eq!(rp.userinfo(&server, &token).await.status, 401, "over");
        let unused = rp.exchange(&code(&rp, &server).await);
        server.app.store.set_user_status(&server.ann.id, UserStatus::Disabled, server.now()).await.unwrap();
        let reply = rp.token(&server, &unused).await;
        assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (400, Some("invalid_grant")), "disabled between code and token");
    }

    async fn a_sign_out_ends_what_its_hint_names_and_otherwise_asks_first(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, quick).await;
        let other = Rp::with(&server, "wiki", Role::Sso, quick).await;
        let browser = Browser::default();
        let sign_in = async |rp: &Rp| {
            let code = rp.code(&server, &browser, &rp.request("ann@acme.test")).await;
            let tokens = rp.token(&server, &rp.exchange(&code)).await.json();
            let text = |member: &str| tokens[member].as_str().unwrap().to_owned();
            (text("id_token"), text("access_token"))
        };
        let bye = "post_logout_redirect_uri=https%3A%2F%2Fapp.workplace.test%2Fbye%3Ffrom%3Dtacit";
        let ((hint, first), (_, second)) = (sign_in(&rp).await, sign_in(&rp).await);
        let (foreign, elsewhere) = sign_in(&other).await;
        let out = browser.get(&server, &format!("{}?id_token_hint={hint}&{bye}&state=s%26t", rp.path("logout"))).await;
        assert_eq!((out.status.as_u16(), out.header("location")), (303, "https://app.workplace.test/bye?from=tacit&state=s%26t"));
        assert_eq!(rp.userinfo(&server, &first).await.status, 401);
        assert_eq!(rp.userinfo(&server, &second).await.status, 200, "another sign-in stays");

        for (what, query) in [
            ("an open redirect", format!("id_token_hint={hint}&post_logout_redirect_uri=https%3A%2F%2Fevil.test%2F")),
            ("nearly registered", format!("id_token_hint={hint}&post_logout_redirect_uri=https%3A%2F%2Fapp.workplace.test%2Fbye")),
            ("a redirect URI of sign-in", format!("post_logout_redirect_uri={}", crate::support::browser::encoded(CALLBACK))),
            ("another client's hint", format!("id_token_hint={foreign}&{bye}")),
            ("a broken hint", format!("id_token_hint={hint}x")),
            ("an unsigned hint", format!("id_token_hint={}", crate::support::oidc::jwt(&json!({ "alg": "none" }), &json!({}), |_| Vec::new()))),
            ("another client's name", format!("client_id={}", other.client_id)),
            ("twice", format!("{bye}&{bye}")),
        ] {
            let reply = browser.get(&server, &format!("{}?{query}", rp.path("logout"))).await;
            assert_eq!((reply.status.as_u16(), reply.header("location")), (400, ""), "{what}");
            assert!(!reply.body.contains("evil.test"));
        }
        let asked = browser.get(&server, &format!("{}?{bye}", rp.path("logout"))).await;
        assert_eq!(asked.status, 200);
        assert!(asked.body.contains("Sign out?"));
        assert_eq!(rp.userinfo(&server, &second).await.status, 200, "asking ends nothing: another site may have sent the person here");
        let cookie = browser.cookie();
        let forged = server.post(&rp.path("logout/confirm"), &[("cookie", &cookie), ("sec-fetch-site", "cross-site"), ("origin", "https://evil.test")], bye).await;
        assert_eq!((forged.status.as_u16(), rp.userinfo(&server, &second).await.status.as_u16()), (400, 200));
        let confirmed = browser.submit(&server, &rp.path("logout/confirm"), bye.into()).await;
        assert_eq!(confirmed.status, 303, "{}", confirmed.body);
        assert_eq!(rp.userinfo(&server, &second).await.status, 401);
        assert_eq!(other.userinfo(&server, &elsewhere).await.status, 200, "another application's sign-ins stay");
    }

    async fn nothing_secret_lies_in_the_database(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, quick).await;
        let code = code(&rp, &server).await;
        let store = &server.app.store;
        let hash = tacit::keys::hash(code.as_bytes());
        assert!(store.find_oidc_code(&code, &rp.id()).await.unwrap().is_none());
        assert!(store.find_oidc_code(&hash, &rp.id()).await.unwrap().is_some());
        let token = rp.token(&server, &rp.exchange(&code)).await.json()["access_token"].as_str().unwrap().to_owned();
        assert!(store.find_oidc_token(&token, &rp.id(), server.now()).await.unwrap().is_none());
        let [secret] = store.oidc_secrets_of(&rp.id()).await.unwrap().try_into().ok().unwrap();
        assert!(secret.hash != SECRET && secret.sealed.is_empty(), "where it is only compared, its hash is all there is");
        let signing = Rp::with(&server, "okta-tf", Role::Factor, |c| { quick(c); c.client.request_object_signing_alg = Some(Alg::HS256); }).await;
        let [secret] = store.oidc_secrets_of(&signing.id()).await.unwrap().try_into().ok().unwrap();
        assert!(!secret.sealed.is_empty() && !secret.sealed.contains(SECRET));
        store.forget_oidc_secrets_in_the_clear(&signing.id()).await.unwrap();
        let [secret] = store.oidc_secrets_of(&signing.id()).await.unwrap().try_into().ok().unwrap();
        assert!(secret.sealed.is_empty());
    }

    async fn old_codes_and_tokens_are_swept(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, quick).await;
        let code = code(&rp, &server).await;
        rp.token(&server, &rp.exchange(&code)).await;
        let gone = server.app.store.sweep(server.now() + 2 * tacit::clock::DAY).await.unwrap();
        assert!(gone >= 3, "challenge, code and token: {gone}");
        let hash = tacit::keys::hash(code.as_bytes());
        assert!(server.app.store.find_oidc_code(&hash, &rp.id()).await.unwrap().is_none());
    }
}
