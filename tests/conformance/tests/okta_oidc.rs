//! The server as the factor of the stand-in's org, by OpenID Connect: the same silent answer as by SAML, in every setting
//! that an org can have. Neither side shares code with the other.

#[path = "../../../identity-provider/tests/it/support/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the server's own tests use all of it"
)]
mod support;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, Response},
};
use okta_stand_in::{ClientAuth, Config, ContextNames, OidcSettings, RequestSignature};
use serde_json::{Value, json};
use standards::oidc::{client::AuthMethod, jwk::JwkSet, jwt::Alg};
use std::time::{SystemTime, UNIX_EPOCH};
use support::{
    Agent, Browser, Database, Server,
    oidc::{CALLBACK, Rp, SECRET},
    server::{ORIGIN, START},
};
use tacit::domain::connection::Role;
use tower::ServiceExt as _;

const ORG: &str = "https://acme.okta-standin.test";

struct Org {
    router: Router,
    _data: tempfile::TempDir,
}

impl Org {
    async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::from_toml(okta_stand_in::EXAMPLE).unwrap();
        config.users[0].enrolled = true;
        change(&mut config);
        let data = tempfile::tempdir().unwrap();
        let (router, _) = okta_stand_in::routers(config, data.path(), okta_stand_in::Clock::System)
            .await
            .unwrap();
        Self {
            router,
            _data: data,
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        cookie: &str,
        body: Option<Value>,
    ) -> Response<Body> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("cookie", cookie)
            .header("content-type", "application/json")
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())));
        self.router.clone().oneshot(request.unwrap()).await.unwrap()
    }

    async fn post(&self, href: &Value, body: Value) -> Value {
        let path = href.as_str().unwrap().trim_start_matches(ORG).to_owned();
        json_of(self.send(Method::POST, &path, "", Some(body)).await).await
    }

    /// Ann's password, and the way to the factor.
    async fn leave(&self) -> String {
        let body =
            json!({ "username": "ann@acme.test", "password": "correct horse battery staple" });
        let authn = self.post(&json!("/api/v1/authn"), body).await;
        assert_eq!(authn["status"], "MFA_REQUIRED", "{authn}");
        let verify = &authn["_embedded"]["factors"][0]["_links"]["verify"]["href"];
        let challenge = self
            .post(verify, json!({ "stateToken": authn["stateToken"] }))
            .await;
        let next = challenge["_links"]["next"]["href"]
            .as_str()
            .unwrap()
            .trim_start_matches(ORG)
            .to_owned();
        let left = self.send(Method::GET, &next, "", None).await;
        left.headers()["location"].to_str().unwrap().to_owned()
    }

    /// The callback, and the session that it gives.
    async fn come_back(&self, location: &str) -> Value {
        let path = location.strip_prefix(ORG).expect("the org's callback");
        let back = self.send(Method::GET, path, "", None).await;
        let Some(cookie) = back.headers().get("set-cookie") else {
            return json!({ "status": back.status().as_u16() });
        };
        let cookie = cookie
            .to_str()
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        json_of(
            self.send(Method::GET, "/api/v1/sessions/me", &cookie, None)
                .await,
        )
        .await
    }
}

async fn json_of(response: Response<Body>) -> Value {
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&body)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&body)))
}

/// The server at the machine's own time, and where it listens.
async fn running() -> (Server, String) {
    let server = Server::new(Database::sqlite()).await;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis();
    server.wait(i64::try_from(now).unwrap() - START);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = tacit::http::router(server.app.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (server, address)
}

fn settings(rp: &Rp, address: &str) -> OidcSettings {
    let at = |path: &str| format!("{}/{path}", rp.issuer());
    OidcSettings {
        issuer: rp.issuer(),
        authorization_endpoint: format!("{}/authorize", rp.issuer()),
        token_endpoint: at("token"),
        jwks_endpoint: at("jwks"),
        userinfo_endpoint: Some(at("userinfo")),
        client_id: rp.client_id.clone(),
        client_secret: SECRET.into(),
        client_auth: ClientAuth::ClientSecretPost,
        request_signature: None,
        pkce_required: false,
        scopes: ["openid", "profile", "email"].map(str::to_owned).to_vec(),
        prompt_login: false,
        context_names: ContextNames::Guide,
        connect: Some(address.trim_start_matches("http://").parse().unwrap()),
        connect_plainly: true,
        ca: None,
    }
}

/// Through the challenge, silently; gives where the browser goes then.
async fn silently(server: &Server, agent: &Agent, location: &str) -> String {
    let browser = Browser::default();
    let reply = browser
        .get(
            server,
            location
                .strip_prefix(ORIGIN)
                .expect("our authorization endpoint"),
        )
        .await;
    browser.keep(&reply);
    assert_eq!(reply.status, 303, "{}", reply.body);
    let page = browser.open(server, reply.header("location")).await;
    assert_eq!(
        agent.answers(server, &browser, &page).await["outcome"],
        "allow"
    );
    browser.outcome(server, &page).await["location"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_org_takes_the_silent_answer_by_openid_connect_in_each_of_its_settings() {
    let (server, address) = running().await;
    let agent = Agent::enrolled(&server).await;
    let plain = Rp::okta(&server).await;
    let signing = Rp::with(&server, "terraform", Role::Factor, |c| {
        c.client.request_object_signing_alg = Some(Alg::HS512);
        c.client.id_token_signed_response_alg = Alg::ES256;
    })
    .await;
    for change in [
        |_: &mut OidcSettings| {},
        |s: &mut OidcSettings| s.client_auth = ClientAuth::ClientSecretBasic,
        |s: &mut OidcSettings| s.pkce_required = true,
        |s: &mut OidcSettings| s.prompt_login = true,
        |s: &mut OidcSettings| s.context_names = ContextNames::Sdk,
        |s: &mut OidcSettings| s.request_signature = Some(RequestSignature::Hs512),
    ] {
        let mut oidc = settings(&plain, &address);
        change(&mut oidc);
        if oidc.request_signature.is_some() {
            let signature = oidc.request_signature;
            oidc = OidcSettings {
                request_signature: signature,
                ..settings(&signing, &address)
            };
        }
        let case = format!(
            "{oidc:?} {:?} {:?} {}",
            oidc.client_auth, oidc.request_signature, oidc.pkce_required
        );
        let org = Org::start(|config| {
            config.idp.as_mut().unwrap().send_application_context = true;
            config.idp.as_mut().unwrap().oidc = Some(oidc);
        })
        .await;
        let callback = silently(&server, &agent, &org.leave().await).await;
        assert!(callback.starts_with(CALLBACK), "{case}");
        let session = org.come_back(&callback).await;
        assert_eq!(session["status"], "ACTIVE", "{case}: {session}");
        assert_eq!(
            session["amr"],
            json!(["pwd", "fed", "hwk", "pop", "mfa"]),
            "{case}"
        );
        assert_ne!(
            org.come_back(&callback).await["status"],
            "ACTIVE",
            "{case}: an answer is good once"
        );
        server.wait(1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_org_that_signs_with_its_own_key_needs_no_secret() {
    let (server, address) = running().await;
    let agent = Agent::enrolled(&server).await;
    // The administrator downloads the org's public key before the connection is made.
    let data = tempfile::tempdir().unwrap();
    let jwks = {
        let config = Config::from_toml(okta_stand_in::EXAMPLE).unwrap();
        let (router, _) = okta_stand_in::routers(config, data.path(), okta_stand_in::Clock::System)
            .await
            .unwrap();
        let org = Org {
            router,
            _data: tempfile::tempdir().unwrap(),
        };
        json_of(org.send(Method::GET, "/stand-in/oidc/jwks", "", None).await).await
    };
    static JWKS: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    JWKS.set(jwks.to_string()).unwrap();
    let rp = Rp::with(&server, "by-key", Role::Factor, |c| {
        c.client.token_endpoint_auth_method = AuthMethod::PrivateKeyJwt;
        c.client.request_object_signing_alg = Some(Alg::RS256);
        c.client.id_token_signed_response_alg = Alg::ES256;
        c.client.jwks = JwkSet::parse(JWKS.get().unwrap()).unwrap();
    })
    .await;
    let mut config = Config::from_toml(okta_stand_in::EXAMPLE).unwrap();
    config.users[0].enrolled = true;
    config.idp.as_mut().unwrap().oidc = Some(OidcSettings {
        client_auth: ClientAuth::PrivateKeyJwt,
        request_signature: Some(RequestSignature::Rs256),
        client_secret: String::new(),
        ..settings(&rp, &address)
    });
    let (router, _) = okta_stand_in::routers(config, data.path(), okta_stand_in::Clock::System)
        .await
        .unwrap();
    let org = Org {
        router,
        _data: data,
    };
    let callback = silently(&server, &agent, &org.leave().await).await;
    let session = org.come_back(&callback).await;
    assert_eq!(session["status"], "ACTIVE", "{session}");
}
