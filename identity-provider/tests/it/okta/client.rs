//! The client of the management API, against an org on loopback that misbehaves as told.

use crate::okta::org::{HOST, Org, Say, Seen, TOKEN};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use rcgen::PublicKeyData as _;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tacit::{
    backoff::Backoff,
    clock::{Clock, SECOND},
    okta::client::{
        Bounds, Client, Credential, Error, Kind, LogQuery, Options, Path, Pipeline, PolicyType,
        RiskLevel, ServiceApp, ServiceAppError, Subject, UserStatus,
    },
};
use wire::id::Origin;

fn ann() -> Value {
    json!({ "id": "00u1", "status": "ACTIVE", "profile": { "login": "ann@acme.test", "email": "ann@acme.test" },
        "credentials": { "provider": { "type": "OKTA" } } })
}

fn not_found() -> Say {
    Say::json(
        404,
        json!({ "errorCode": "E0000007", "errorSummary": "Not found: Resource not found: x (User)", "errorLink": "E0000007", "errorId": "oae1", "errorCauses": [] }),
    )
    .with("X-Okta-Request-Id", "req-1")
}

#[tokio::test]
async fn calls_carry_the_token_in_one_header_and_answers_are_typed() {
    let org = Org::start(|seen, _| match seen.line().as_str() {
        "GET /api/v1/users/ann%40acme.test" => Say::json(200, ann()),
        "PUT /api/v1/groups/00g1/users/00u1" | "POST /oauth2/v1/global-token-revocation" => Say::status(204),
        "DELETE /api/v1/groups/00g1/users/00u1" | "DELETE /api/v1/users/00u1/sessions?oauthTokens=true" => Say::status(204),
        "POST /api/v1/users/00u1" => Say::json(200, ann()),
        "PUT /api/v1/users/00u1/risk" => Say::json(200, json!({ "riskLevel": "HIGH" })),
        "POST /security/api/v1/security-events" => Say::status(202),
        "GET /.well-known/okta-organization" => Say::json(
            200,
            json!({ "id": "00o1", "cell": "op3", "pipeline": "idx", "settings": { "itpEnabled": true } }),
        ),
        _ => not_found(),
    })
    .await;
    let client = org.client();
    let user = client.user("ann@acme.test").await.unwrap().unwrap();
    assert_eq!(
        (user.id.as_str(), user.status, user.login()),
        ("00u1", UserStatus::Active, "ann@acme.test")
    );
    assert_eq!(
        user.rest["credentials"]["provider"]["type"], "OKTA",
        "nothing is lost"
    );
    assert_eq!(client.user("nobody").await.unwrap(), None);
    client.add_member("00g1", "00u1").await.unwrap();
    assert!(client.remove_member("00g1", "00u1").await.unwrap());
    assert!(
        !client.remove_member("00g1", "00u2").await.unwrap(),
        "gone is gone"
    );
    let registered = json!({ "byndidRegistered": true })
        .as_object()
        .unwrap()
        .clone();
    client.set_profile("00u1", &registered).await.unwrap();
    client
        .set_risk("00u1", RiskLevel::High, "somebody else")
        .await
        .unwrap();
    assert!(matches!(
        client.set_risk("00u1", RiskLevel::High, "a: b").await,
        Err(Error::Value(_))
    ));
    client.end_sessions("00u1").await.unwrap();
    client
        .revoke_everywhere(&Subject::Opaque { id: "00u1".into() })
        .await
        .unwrap();
    client.publish_event("a.b.c").await.unwrap();
    let organization = client.organization().await.unwrap();
    assert_eq!(
        (organization.pipeline, organization.settings.itp_enabled),
        (Pipeline::Identity, true)
    );

    for seen in org.seen() {
        let is_public = [
            "/.well-known/okta-organization",
            "/security/api/v1/security-events",
        ]
        .contains(&seen.path.as_str());
        let expected = match is_public {
            true => String::new(),
            false => format!("SSWS {TOKEN}"),
        };
        assert_eq!(seen.header("authorization"), expected, "{}", seen.line());
        assert_eq!(
            seen.header("host"),
            format!("{HOST}:{}", org.address.port())
        );
    }
    let body = |line: &str| {
        let seen = org.seen();
        let found = seen.iter().find(|s| s.line() == line).unwrap();
        (
            found.body.clone(),
            found.header("content-type").to_owned(),
            found.header("content-length").to_owned(),
        )
    };
    let (put, kind, length) = body("PUT /api/v1/groups/00g1/users/00u1");
    assert_eq!(
        (put.as_str(), kind.as_str(), length.as_str()),
        ("", "", "0"),
        "Okta answers 411 without a length"
    );
    let (set, kind, _) = body("POST /security/api/v1/security-events");
    assert_eq!(
        (set.as_str(), kind.as_str()),
        ("a.b.c", "application/secevent+jwt")
    );
    assert_eq!(
        body("POST /api/v1/users/00u1").0,
        r#"{"profile":{"byndidRegistered":true}}"#
    );
    assert_eq!(
        body("POST /oauth2/v1/global-token-revocation").0,
        r#"{"sub_id":{"format":"opaque","id":"00u1"}}"#
    );
}

#[tokio::test]
async fn a_refusal_tells_code_causes_and_request_and_never_the_token() {
    let org = Org::start(|seen, _| {
        let token = seen.header("authorization").to_owned();
        Say::json(
            403,
            json!({ "errorCode": "E0000006", "errorSummary": format!("You {token} do not have permission"), "errorCauses": [{ "errorSummary": token }] }),
        )
        .with("x-okta-request-id", "reqABC")
    })
    .await;
    let client = org.client();
    let error = client.group("00g1").await.unwrap_err();
    assert_eq!(error.kind(), Some(Kind::Forbidden));
    let text = format!("{error} {error:?} {client:?}");
    assert!(
        text.contains("E0000006") && text.contains("reqABC"),
        "{text}"
    );
    assert!(!text.contains(TOKEN), "{text}");
    assert_eq!(org.seen().len(), 1, "nothing is gained by asking again");
}

#[tokio::test]
async fn lists_are_read_page_by_page_and_end() {
    let org = Org::start(|seen, _| {
        let here = format!("https://{}", seen.header("host"));
        let page = |items: Value, next: Option<&str>| {
            let this = format!("<{here}{}>; rel=\"self\"", seen.path);
            let say = Say::json(200, items).with("link", this);
            match next {
                Some(next) => say.with("link", format!("<{here}{next}>; rel=\"next\"")),
                None => say,
            }
        };
        let group = |id: &str| json!({ "id": id, "type": "OKTA_GROUP", "profile": { "name": "Trusona" } });
        match seen.path.as_str() {
            "/api/v1/users/00u1/groups" => page(json!([group("1"), group("2")]), Some("/api/v1/users/00u1/groups?after=x%2Fy&limit=2")),
            "/api/v1/users/00u1/groups?after=x%2Fy&limit=2" => page(json!([group("3")]), None),
            // A list that never ends.
            path if path.starts_with("/api/v1/idps") => page(
                json!([{ "id": "0oa1", "type": "SAML2", "name": "a", "status": "ACTIVE" }]),
                Some(&format!("{path}1")),
            ),
            "/api/v1/policies?type=IDP_DISCOVERY" => Say::json(200, json!([]))
                .with("link", "<https://evil.test/api/v1/policies>; rel=\"next\""),
            path if path.starts_with("/api/v1/logs") => match path.contains("after") {
                true => page(json!([]), Some(path)),
                false => page(
                    json!([{ "uuid": "u1", "published": "2026-12-01T00:00:00.000Z", "eventType": "user.session.start" }]),
                    Some("/api/v1/logs?after=1"),
                ),
            },
            _ => not_found(),
        }
    })
    .await;
    let client = org.client_within(Bounds {
        pages: 5,
        ..Bounds::default()
    });
    let groups = client.groups_of("00u1").await.unwrap();
    assert_eq!(
        groups.iter().map(|g| g.id.as_str()).collect::<Vec<_>>(),
        ["1", "2", "3"]
    );
    assert_eq!(client.idps().await, Err(Error::TooMany("pages")));
    assert_eq!(
        client.policies(PolicyType::IdpDiscovery).await,
        Err(Error::ForeignLink)
    );
    let log = client.logs(&LogQuery::default()).await.unwrap();
    assert_eq!(log.len(), 1, "a log without an end is read up to now");
    let few = org.client_within(Bounds {
        items: 2,
        ..Bounds::default()
    });
    assert_eq!(few.groups_of("00u1").await, Err(Error::TooMany("items")));
}

#[tokio::test]
async fn what_is_idempotent_is_tried_again_and_what_is_not_only_where_the_org_cannot_have_done_it()
{
    let fails_twice = |status: u16| {
        move |_: &Seen, before: usize| match before {
            0 | 1 => Say::json(
                status,
                json!({ "errorCode": "E0000009", "errorSummary": "Internal Server Error" }),
            ),
            _ => Say::json(
                200,
                json!({ "id": "00g1", "type": "OKTA_GROUP", "profile": { "name": "a" } }),
            ),
        }
    };
    for status in [500, 502, 503, 504] {
        let org = Org::start(fails_twice(status)).await;
        assert!(org.client().group("00g1").await.unwrap().is_some());
        assert_eq!(org.seen().len(), 3, "{status}");
        let org = Org::start(fails_twice(status)).await;
        let error = org.client().create_group("a", "").await.unwrap_err();
        assert_eq!(
            (error.kind(), org.seen().len()),
            (Some(Kind::Internal), 1),
            "a second group might come of it"
        );
    }
    // Broken connections and silence, too.
    for broken in [true, false] {
        let script = move |_: &Seen, before: usize| match (before, broken) {
            (0, true) => Say::HangUp,
            (0, false) => Say::Nothing,
            _ => Say::status(204),
        };
        let bounds = Bounds {
            exchange: Duration::from_millis(500),
            backoff: Backoff {
                first: 1,
                longest: 5,
            },
            ..Bounds::default()
        };
        let org = Org::start(script).await;
        org.client_within(bounds.clone())
            .add_member("00g1", "00u1")
            .await
            .unwrap();
        assert_eq!(org.seen().len(), 2);
        let org = Org::start(script).await;
        let error = org
            .client_within(bounds)
            .create_idp(&json!({}))
            .await
            .unwrap_err();
        assert!(
            matches!(
                (&error, broken),
                (Error::Unreachable(_), true) | (Error::Timeout, false)
            ),
            "{error:?}"
        );
        assert_eq!(org.seen().len(), 1);
    }
    // It gives up in the end.
    let org = Org::start(|_, _| Say::status(503)).await;
    let error = org.client().idps().await.unwrap_err();
    assert!(error.is_temporary() && !error.was_not_obeyed());
    assert_eq!(org.seen().len(), 5);
    // Nobody listens: the org has seen nothing.
    let options = Options {
        bounds: Bounds {
            attempts: 2,
            backoff: Backoff {
                first: 1,
                longest: 5,
            },
            ..Bounds::default()
        },
        addresses: [(HOST.to_owned(), "127.0.0.1:1".parse().unwrap())].into(),
        ..org.options()
    };
    let options = Options {
        org: Origin::new(format!("https://{HOST}:1")).unwrap(),
        ..options
    };
    let error = Client::new(options, Clock::System)
        .unwrap()
        .create_group("a", "")
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::NoConnection(why) if !why.contains("api/v1")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_as_far_as_patience_goes() {
    let limited = |wait_s: i64| {
        move |_: &Seen, before: usize| {
            match before {
            0 => Say::json(429, json!({ "errorCode": "E0000047", "errorSummary": "API call exceeded rate limit due to too many requests." }))
                .with("X-RATE-LIMIT-Limit", 600)
                .with("X-RATE-LIMIT-Remaining", 0)
                .with("X-RATE-LIMIT-Reset", Clock::System.now_ms().div_euclid(SECOND) + wait_s),
            _ => Say::json(200, json!({ "id": "00g1", "type": "OKTA_GROUP", "profile": { "name": "a" } })),
        }
        }
    };
    let org = Org::start(limited(2)).await;
    let began = Instant::now();
    org.client().create_group("a", "").await.unwrap();
    assert_eq!(
        org.seen().len(),
        2,
        "what was refused for its number was not done, even a POST"
    );
    assert!(
        began.elapsed() >= Duration::from_millis(900),
        "{:?}",
        began.elapsed()
    );
    let org = Org::start(limited(300)).await;
    let error = org.client().create_group("a", "").await.unwrap_err();
    let until = error.retry_at().unwrap() - Clock::System.now_ms();
    assert!(
        (280 * SECOND..=300 * SECOND).contains(&until),
        "whoever has time may come back then: {until}"
    );
    assert_eq!(org.seen().len(), 1);
}

#[tokio::test]
async fn answers_are_bounded_and_lead_nowhere_else() {
    let org = Org::start(|seen, _| match seen.path.as_str() {
        "/api/v1/groups/large" => Say::json(200, format!("\"{}\"", "a".repeat(100_000))),
        "/api/v1/groups/elsewhere" => Say::status(302).with("location", "https://evil.test/"),
        "/api/v1/groups/text" => Say::json(200, "<html>"),
        "/api/v1/groups/other" => Say::json(200, json!({ "id": 7 })),
        _ => Say::json(400, "not even JSON").with("x-okta-request-id", "a".repeat(500)),
    })
    .await;
    let client = org.client_within(Bounds {
        body: 50_000,
        ..Bounds::default()
    });
    assert_eq!(client.group("large").await, Err(Error::TooLarge(50_000)));
    assert_eq!(client.group("elsewhere").await, Err(Error::Redirected));
    for name in ["text", "other"] {
        assert!(matches!(client.group(name).await, Err(Error::Malformed(_))));
    }
    let Err(Error::Refused(refusal)) = client.group("odd").await else {
        panic!("it is refused");
    };
    assert_eq!(
        (refusal.kind(), refusal.request_id.len()),
        (Kind::Invalid, 80)
    );
    assert!(matches!(
        client
            .get::<Value>(&Path::new(&["api", "v1", "groups", "x"]).unwrap())
            .await,
        Err(Error::Refused(_))
    ));
    // Somebody else with the org's name, and plain HTTP.
    let stranger = Org::start(|_, _| Say::status(204)).await;
    let options = Options {
        addresses: [(HOST.to_owned(), stranger.address)].into(),
        ..org.options()
    };
    let options = Options {
        org: stranger.origin(),
        bounds: Bounds {
            attempts: 1,
            ..Bounds::default()
        },
        ..options
    };
    let client = Client::new(options, Clock::System).unwrap();
    assert!(matches!(
        client.add_member("a", "b").await,
        Err(Error::NoConnection(_))
    ));
    assert!(stranger.seen().is_empty(), "the token went nowhere");
    let plain = Options {
        org: Origin::new("http://localhost:9").unwrap(),
        ..org.options()
    };
    assert!(matches!(
        Client::new(plain, Clock::System),
        Err(Error::Tls(_))
    ));
}

#[tokio::test]
async fn a_service_app_gets_one_token_by_its_key_and_another_when_the_org_ends_it() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let public = pair.der_bytes().to_vec();
    let scopes = [
        "okta.groups.manage".to_owned(),
        "okta.users.manage".to_owned(),
    ];
    let app = ServiceApp::new(
        "0oaClient",
        "kid1",
        &scopes,
        pair.serialize_pem().as_bytes(),
    )
    .unwrap();
    static TOKENS: AtomicU32 = AtomicU32::new(0);
    let org = Org::start(|seen, _| match seen.line().as_str() {
        "POST /oauth2/v1/token" => {
            let n = TOKENS.fetch_add(1, Ordering::Relaxed);
            Say::json(200, json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": format!("secret-{n}"), "scope": "okta.groups.manage" }))
        }
        _ if seen.header("authorization") == "Bearer secret-0" && TOKENS.load(Ordering::Relaxed) == 1 && seen.path.ends_with("late") => {
            Say::json(401, json!({ "errorCode": "E0000011", "errorSummary": "Invalid token provided" }))
        }
        _ if seen.path.ends_with("never") => {
            Say::json(401, json!({ "errorCode": "E0000011", "errorSummary": "Invalid token provided" }))
        }
        _ => Say::status(204),
    })
    .await;
    let options = Options {
        credential: Credential::ServiceApp(app),
        ..org.options()
    };
    let client = Client::new(options, Clock::System).unwrap();
    client.add_member("00g1", "00u1").await.unwrap();
    client.add_member("00g1", "00u2").await.unwrap();
    assert_eq!(
        org.lines(),
        [
            "POST /oauth2/v1/token",
            "PUT /api/v1/groups/00g1/users/00u1",
            "PUT /api/v1/groups/00g1/users/00u2"
        ],
        "one token for many calls"
    );
    client.add_member("00g1", "late").await.unwrap();
    let last = org.seen().pop().unwrap();
    assert_eq!(last.header("authorization"), "Bearer secret-1");
    let error = client.add_member("00g1", "never").await.unwrap_err();
    assert_eq!(
        error.kind(),
        Some(Kind::TokenInvalid),
        "it is not tried for ever"
    );
    assert_eq!(TOKENS.load(Ordering::Relaxed), 3);

    let form = org.seen()[0].body.clone();
    let fields: std::collections::BTreeMap<_, _> = form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .collect();
    assert_eq!(
        (fields["grant_type"].as_str(), fields["scope"].as_str()),
        ("client_credentials", "okta.groups.manage okta.users.manage")
    );
    let assertion = &fields["client_assertion"];
    let parts: Vec<&str> = assertion.split('.').collect();
    let read = |part: &str| -> Value {
        serde_json::from_slice(&wire::b64::decode(part).unwrap()).unwrap()
    };
    let (header, claims) = (read(parts[0]), read(parts[1]));
    assert_eq!(
        (&header["alg"], &header["kid"]),
        (&json!("RS256"), &json!("kid1"))
    );
    assert_eq!(
        claims["aud"],
        json!(format!("{}/oauth2/v1/token", org.origin()))
    );
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&json!("0oaClient"), &json!("0oaClient"))
    );
    let signed = format!("{}.{}", parts[0], parts[1]);
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public)
        .verify(signed.as_bytes(), &wire::b64::decode(parts[2]).unwrap())
        .unwrap();
    let assertions: BTreeSet<_> = org
        .seen()
        .iter()
        .filter(|s| s.path == "/oauth2/v1/token")
        .map(|s| s.body.clone())
        .collect();
    assert_eq!(assertions.len(), 3, "no assertion is used twice");

    let refuse = |pem: &[u8]| ServiceApp::new("0oaClient", "kid1", &scopes, pem).err();
    assert_eq!(refuse(b"nonsense"), Some(ServiceAppError::Key));
    assert_eq!(
        ServiceApp::new("0oaClient", "kid1", &[], pair.serialize_pem().as_bytes()).err(),
        Some(ServiceAppError::Scopes)
    );
    let denies = Org::start(|_, _| Say::json(401, json!({ "error": "invalid_client", "error_description": "The client_assertion signature is invalid." }))).await;
    let options = Options {
        credential: Credential::ServiceApp(
            ServiceApp::new(
                "0oaClient",
                "kid1",
                &scopes,
                pair.serialize_pem().as_bytes(),
            )
            .unwrap(),
        ),
        ..denies.options()
    };
    let error = Client::new(options, Clock::System)
        .unwrap()
        .idps()
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::NoToken { error, .. } if error == "invalid_client"),
        "{error:?}"
    );
    assert_eq!(denies.lines(), ["POST /oauth2/v1/token"]);
}

/// What an org finds in a proof of possession that is good for this call: its nonce, its access token's hash, its name.
fn proven(seen: &Seen, url: &str) -> Option<(Value, Value, String)> {
    let proof = seen.headers.get("dpop")?.to_str().unwrap().to_owned();
    let parts: Vec<&str> = proof.split('.').collect();
    let read = |part: &str| -> Value {
        serde_json::from_slice(&wire::b64::decode(part).unwrap()).unwrap()
    };
    let (header, claims) = (read(parts[0]), read(parts[1]));
    let coordinate = |name: &str| wire::b64::decode(header["jwk"][name].as_str().unwrap()).unwrap();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let signed = format!("{}.{}", parts[0], parts[1]);
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &wire::b64::decode(parts[2]).unwrap())
        .unwrap();
    assert_eq!(
        (&header["typ"], &header["jwk"]["d"]),
        (&json!("dpop+jwt"), &Value::Null)
    );
    assert_eq!(
        (&claims["htm"], &claims["htu"]),
        (&json!(seen.method.as_str()), &json!(url))
    );
    let jti = claims["jti"].as_str().unwrap().to_owned();
    Some((claims["nonce"].clone(), claims["ath"].clone(), jti))
}

#[tokio::test]
async fn an_org_that_demands_proofs_of_possession_gets_them() {
    let pair = rcgen::KeyPair::generate().unwrap();
    let scopes = ["okta.groups.manage".to_owned()];
    let app = ServiceApp::new(
        "0oaClient",
        "kid1",
        &scopes,
        pair.serialize_pem().as_bytes(),
    )
    .unwrap();
    let names = Arc::new(Mutex::new(BTreeSet::new()));
    let known = names.clone();
    let org = Org::start(move |seen, _| {
        let path = seen.path.split('?').next().unwrap();
        let url = format!("https://{}{path}", seen.header("host"));
        let Some((nonce, ath, jti)) = proven(seen, &url) else {
            assert_eq!(path, "/oauth2/v1/token", "without a proof nothing else is asked");
            return Say::json(400, json!({ "error": "invalid_dpop_proof", "error_description": "The DPoP proof JWT header is missing." }));
        };
        assert!(known.lock().unwrap().insert(jti), "no proof is used twice");
        let wants = |nonce: &str| Say::json(if path.starts_with("/api") { 401 } else { 400 }, json!({ "error": "use_dpop_nonce", "error_description": "Authorization server requires nonce in DPoP proof." })).with("dpop-nonce", nonce);
        match (path, nonce.as_str()) {
            ("/oauth2/v1/token", Some("n1")) => Say::json(200, json!({ "token_type": "DPoP", "expires_in": 3600, "access_token": "bound" })),
            ("/oauth2/v1/token", _) => wants("n1"),
            (_, Some("n2")) => {
                assert_eq!(seen.header("authorization"), "DPoP bound");
                assert_eq!(ath, json!(tacit::keys::hash(b"bound")));
                Say::json(200, json!([]))
            }
            _ => wants("n2"),
        }
    })
    .await;
    let options = Options {
        credential: Credential::ServiceApp(app),
        ..org.options()
    };
    let client = Client::new(options, Clock::System).unwrap();
    client.groups_named("a").await.unwrap();
    let before = org.seen().len();
    client.groups_named("b").await.unwrap();
    assert_eq!(org.seen().len(), before + 1, "what was learned is kept");
    // An org that is never content is not asked for ever.
    let never = Org::start(|_, _| {
        Say::json(400, json!({ "error": "use_dpop_nonce" })).with("dpop-nonce", "same")
    })
    .await;
    let app = ServiceApp::new(
        "0oaClient",
        "kid1",
        &scopes,
        pair.serialize_pem().as_bytes(),
    )
    .unwrap();
    let options = Options {
        credential: Credential::ServiceApp(app),
        ..never.options()
    };
    let error = Client::new(options, Clock::System)
        .unwrap()
        .idps()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NoToken { .. }), "{error:?}");
    assert!(never.seen().len() <= 3, "{:?}", never.lines());
}
