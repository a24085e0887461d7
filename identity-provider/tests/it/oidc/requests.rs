//! The authorization endpoint: what may be asked, and where a refusal goes.

use crate::support::{
    Browser, Server,
    browser::encoded,
    oidc::{CALLBACK, RP_KEY, Rp, SECRET, fields_of, form, hs, jwt, rp_jwks, rs256},
    on_both_databases,
};
use serde_json::{Value, json};
use standards::oidc::jwt::Alg;
use tacit::{
    clock::seconds,
    domain::{connection::Role, oidc::OidcClient},
};

fn quick(client: &mut OidcClient) {
    client.client.id_token_signed_response_alg = Alg::ES256;
}

on_both_databases! {
    async fn an_error_goes_back_only_to_a_registered_redirect_uri(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, quick).await;
        let other = Rp::with(&server, "wiki", Role::Sso, |c| { quick(c); c.client.redirect_uris = vec!["https://wiki.workplace.test/cb".into()]; }).await;
        let browser = Browser::default();
        for uri in [
            "https://evil.test/", "https://acme.okta-standin.test/oauth2/v1/authorize/callback/", "https://acme.okta-standin.test/oauth2/v1/authorize",
            "https://acme.okta-standin.test/oauth2/v1/authorize/callback?x=1", "https://acme.okta-standin.test/oauth2/v1/authorize/callback#x",
            "https://acme.okta-standin.test:443/oauth2/v1/authorize/callback", "https://ACME.okta-standin.test/oauth2/v1/authorize/callback",
            "http://acme.okta-standin.test/oauth2/v1/authorize/callback", "https://acme.okta-standin.test/oauth2/v1/authorize/x/../callback",
            "https://a@acme.okta-standin.test/oauth2/v1/authorize/callback", "//acme.okta-standin.test/oauth2/v1/authorize/callback",
            "https://wiki.workplace.test/cb", "javascript:alert(1)", "",
        ] {
            for broken in [false, true] {
                let mut request = rp.request("ann@acme.test");
                request.insert("redirect_uri", uri.into());
                if broken {
                    request.insert("response_type", "token".into());
                }
                let reply = rp.authorize(&server, &browser, &request).await;
                assert_eq!((reply.status.as_u16(), reply.header("location")), (400, ""), "{uri}");
                assert!(uri.is_empty() || !reply.body.contains(uri), "{uri} is not even shown");
            }
        }
        for client_id in ["", "nobody", other.client_id.as_str()] {
            let mut request = rp.request("ann@acme.test");
            request.insert("client_id", client_id.into());
            let reply = rp.authorize(&server, &browser, &request).await;
            assert_eq!((reply.status.as_u16(), reply.header("location")), (400, ""), "{client_id}");
        }
    }

    async fn every_other_error_is_told_to_the_client_with_state_and_issuer(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, quick).await;
        let browser = Browser::default();
        for (name, value, error) in [
            ("response_type", "token", "unsupported_response_type"),
            ("response_type", "code id_token", "unsupported_response_type"),
            ("response_type", "", "unsupported_response_type"),
            ("response_mode", "fragment", "invalid_request"),
            ("response_mode", "query.jwt", "invalid_request"),
            ("response_mode", "web_message", "invalid_request"),
            ("scope", "profile", "invalid_scope"),
            ("scope", "", "invalid_scope"),
            ("nonce", "", "invalid_request"),
            ("prompt", "none", "login_required"),
            ("prompt", "none login", "invalid_request"),
            ("prompt", "create", "invalid_request"),
            ("max_age", "-1", "invalid_request"),
            ("max_age", "soon", "invalid_request"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "invalid_request"),
            ("code_challenge_method", "S256", "invalid_request"),
            ("request_uri", "https://127.0.0.1:1/object", "request_uri_not_supported"),
            ("registration", "{}", "registration_not_supported"),
            ("request", "a.b.c", "request_not_supported"),
            ("id_token_hint", "a.b.c", "invalid_request"),
        ] {
            let mut request = rp.request("ann@acme.test");
            request.insert(name, value.into());
            let reply = rp.authorize(&server, &browser, &request).await;
            assert_eq!(reply.status, 303, "{name}={value}: {}", reply.body);
            let back = fields_of(reply.header("location"));
            assert_eq!((back["to"].as_str(), back["error"].as_str()), (CALLBACK, error), "{name}={value}");
            assert_eq!((&back["state"], back["iss"].as_str()), (&request["state"], rp.issuer().as_str()), "{name}={value}");
        }
        let mut plain = rp.request("ann@acme.test");
        plain.insert("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into());
        plain.insert("code_challenge_method", "plain".into());
        let reply = rp.authorize(&server, &browser, &plain).await;
        assert_eq!(fields_of(reply.header("location"))["error"], "invalid_request", "plain");
        for (name, value) in [("max_age", "0"), ("prompt", "login"), ("prompt", "consent login"), ("display", "popup"), ("acr_values", "phr"), ("ui_locales", "de"), ("unknown", "x")] {
            let mut request = rp.request("ann@acme.test");
            request.insert(name, value.into());
            let page = rp.start(&server, &browser, &request).await;
            assert_eq!(page.subject.as_str(), "ann@acme.test", "{name}={value}");
        }
    }

    async fn what_comes_twice_counts_for_nothing(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, quick).await;
        let browser = Browser::default();
        let request = rp.request("ann@acme.test");
        for (twice, back) in [
            ("redirect_uri=https%3A%2F%2Fevil.test%2F", false), ("redirect%5Furi=https%3A%2F%2Fevil.test%2F", false),
            ("client_id=x", false), ("scope=openid", true), ("nonce=x", true), ("login_hint=ben%40acme.test", true), ("state=x", true), ("x=1&x=2", true),
        ] {
            for query in [format!("{}&{twice}", form(&request)), format!("{twice}&{}", form(&request))] {
                let reply = browser.get(&server, &format!("{}?{query}", rp.path("authorize"))).await;
                match back {
                    false => assert_eq!((reply.status.as_u16(), reply.header("location")), (400, ""), "{twice}"),
                    true => {
                        let back = fields_of(reply.header("location"));
                        assert_eq!((back["to"].as_str(), back["error"].as_str()), (CALLBACK, "invalid_request"), "{twice}");
                        assert_eq!(back.contains_key("state"), !twice.starts_with("state"), "which state would it be?");
                    }
                }
            }
        }
    }

    async fn bounds_hold(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "crm", Role::Sso, quick).await;
        let browser = Browser::default();
        for (name, length) in [("state", 4_097), ("nonce", 513), ("login_hint", 257), ("scope", 2_000), ("OktaAppName", 600)] {
            let mut request = rp.request("ann@acme.test");
            let value = if name == "scope" { format!("openid {}", "x".repeat(length)) } else { "x".repeat(length) };
            request.insert(name, value);
            let reply = rp.authorize(&server, &browser, &request).await;
            let back = fields_of(reply.header("location"));
            assert_eq!(back["error"], "invalid_request", "{name}");
            assert!(reply.header("location").len() < 1_000, "nothing endless goes back");
        }
        let mut request = rp.request("ann@acme.test");
        request.insert("state", "é/+ =&%".repeat(100));
        let page = rp.start(&server, &browser, &request).await;
        crate::support::oidc::pass(&server, &page, tacit::domain::challenge::Factor::Passkey).await;
        let back = crate::support::oidc::answer(&browser.outcome(&server, &page).await);
        assert_eq!(back["state"], request["state"], "unchanged");
        let long = format!("{}&x={}", form(&request), "x".repeat(33_000));
        assert_eq!(browser.get(&server, &format!("{}?{long}", rp.path("authorize"))).await.status, 400);
        assert_eq!(browser.submit(&server, &rp.path("authorize"), long).await.status, 400);
        let many: String = (0..70).map(|n| format!("&p{n}=x")).collect();
        assert_eq!(browser.submit(&server, &rp.path("authorize"), form(&request) + &many).await.status, 400);
    }

    async fn a_signed_request_is_taken_as_signed_and_nothing_beside_it_counts(database: Database) {
        let server = Server::new(database).await;
        let browser = Browser::default();
        for alg in ["HS256", "HS384", "HS512"] {
            let name: &'static str = match alg { "HS256" => "hs256", "HS384" => "hs384", _ => "hs512" };
            let change: fn(&mut OidcClient) = match alg {
                "HS256" => |c| { quick(c); c.client.request_object_signing_alg = Some(Alg::HS256); },
                "HS384" => |c| { quick(c); c.client.request_object_signing_alg = Some(Alg::HS384); },
                _ => |c| { quick(c); c.client.request_object_signing_alg = Some(Alg::HS512); },
            };
            let rp = Rp::with(&server, name, Role::Factor, change).await;
            let object = hs(alg, SECRET.as_bytes(), &object(&rp, &server));
            let query = format!("client_id={}&response_type=code&scope=openid&request={object}", rp.client_id);
            let beside = "&login_hint=ben%40acme.test&redirect_uri=https%3A%2F%2Fevil.test%2F&response_mode=form_post&nonce=evil&state=evil";
            let reply = browser.get(&server, &format!("{}?{query}{beside}", rp.path("authorize"))).await;
            browser.keep(&reply);
            let page = browser.open(&server, reply.header("location")).await;
            assert_eq!(page.subject.as_str(), "ann@acme.test");
            crate::support::oidc::pass(&server, &page, tacit::domain::challenge::Factor::Passkey).await;
            let back = crate::support::oidc::answer(&browser.outcome(&server, &page).await);
            assert_eq!((back["to"].as_str(), back["state"].as_str()), (CALLBACK, "signed state"), "{alg}");
            let tokens = rp.token(&server, &rp.exchange(&back["code"])).await.json();
            let (_, claims) = rp.judged(&server, tokens["id_token"].as_str().unwrap()).await;
            assert_eq!(claims["nonce"], "signed nonce");
            let replayed = Browser::default().get(&server, &format!("{}?{query}", rp.path("authorize"))).await;
            assert_eq!(replayed.status, 403, "{alg}: the same request in another browser was opened elsewhere");
        }
    }

    async fn a_request_object_that_does_not_hold_is_refused(database: Database) {
        let server = Server::new(database).await;
        let rp = Rp::with(&server, "okta-tf", Role::Factor, |c| {
            quick(c);
            c.client.request_object_signing_alg = Some(Alg::RS256);
            c.client.jwks = rp_jwks();
        }).await;
        let browser = Browser::default();
        let now = seconds(server.now());
        let with = |name: &str, value: Value| {
            let mut claims = object(&rp, &server);
            claims[name] = value;
            claims
        };
        let header = json!({ "alg": "RS256", "kid": "rp-1" });
        let signed = |claims: &Value| rs256(&RP_KEY, &header, claims);
        let good = object(&rp, &server);
        let public = serde_json::to_string(&rp_jwks()).unwrap();
        let stranger = aws_lc_rs::signature::RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let ask = async |object: &str| {
            let query = format!("client_id={}&response_type=code&scope=openid&redirect_uri={}&state=outer&request={object}", rp.client_id, encoded(CALLBACK));
            browser.get(&server, &format!("{}?{query}", rp.path("authorize"))).await
        };
        for (what, object) in [
            ("alg none", jwt(&json!({ "alg": "none" }), &good, |_| Vec::new())),
            ("alg None", jwt(&json!({ "alg": "None" }), &good, |_| Vec::new())),
            ("the public key as an HMAC secret", hs("HS256", public.as_bytes(), &good)),
            ("the client's secret instead of its key", hs("HS256", SECRET.as_bytes(), &good)),
            ("another key", rs256(&stranger, &header, &good)),
            ("another key that it brings along", rs256(&stranger, &json!({ "alg": "RS256", "jku": "https://127.0.0.1:1/keys", "jwk": rp_jwks().keys[0] }), &good)),
            ("an altered claim", signed(&good).replacen('.', ".e30", 1)),
            ("another audience", signed(&with("aud", json!("https://login.tacit-idp.test/oidc/other")))),
            ("no audience", signed(&with("aud", Value::Null))),
            ("another issuer", signed(&with("iss", json!("client-of-other")))),
            ("another client", signed(&with("client_id", json!("client-of-other")))),
            ("no client", signed(&with("client_id", Value::Null))),
            ("stale", signed(&with("exp", json!(now - 61)))),
            ("old", signed(&with("iat", json!(now - 4_000)))),
            ("from tomorrow", signed(&with("iat", json!(now + 86_400)))),
            ("not yet", signed(&with("nbf", json!(now + 86_400)))),
            ("immortal", signed(&with("exp", json!(now + 86_400)))),
            ("a time in words", signed(&with("exp", json!("tomorrow")))),
            ("an object in the object", signed(&with("request", json!("a.b.c")))),
            ("a reference in the object", signed(&with("request_uri", json!("https://127.0.0.1:1/object")))),
            ("members that nest", signed(&with("login_hint", json!(["ann@acme.test", "ben@acme.test"])))),
            ("an unknown member that nests", signed(&with("x", deep(3)))),
            ("deeper than a reader goes", signed(&with("claims", deep(200)))),
            ("encrypted", "a.b.c.d.e".into()),
            ("not even a JWT", "x".into()),
        ] {
            let reply = ask(&object).await;
            let back = fields_of(reply.header("location"));
            assert_eq!((reply.status.as_u16(), back["error"].as_str()), (303, "invalid_request_object"), "{what}: {}", reply.body);
            assert_eq!((back["to"].as_str(), back["state"].as_str()), (CALLBACK, "outer"), "{what}");
        }
        let mut without_times = good.clone();
        for member in ["exp", "iat"] {
            without_times.as_object_mut().unwrap().remove(member);
        }
        assert_eq!(fields_of(ask(&signed(&without_times)).await.header("location"))["error"], "invalid_request_object");
        let unsigned = rp.authorize(&server, &browser, &rp.request("ann@acme.test")).await;
        assert_eq!(fields_of(unsigned.header("location"))["error"], "invalid_request", "signed is agreed, unsigned is a downgrade");
        let accepted = ask(&signed(&good)).await;
        assert!(accepted.header("location").starts_with("/challenge/"), "{}", accepted.body);
    }
}

/// What an Okta org made by Terraform signs.
fn object(rp: &Rp, server: &Server) -> Value {
    let now = seconds(server.now());
    json!({
        "iss": rp.client_id, "aud": rp.issuer(), "client_id": rp.client_id, "exp": now + 300, "iat": now,
        "response_type": "code", "redirect_uri": CALLBACK, "scope": "openid profile", "state": "signed state",
        "nonce": "signed nonce", "login_hint": "ann@acme.test", "display": "page", "max_age": 0,
    })
}

/// Nested so deep.
fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }))
}
