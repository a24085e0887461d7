//! Figures for the project's benchmark: how many ID tokens a second one core makes beside how many bare signatures it makes
//! in the same run, and how many sign-ins a second the token endpoint finishes, through router and database.

use crate::{
    app::App,
    clock::Clock,
    domain::{
        challenge::{Challenge, Factor, Passed, Strength, pass_factor},
        connection::{Connection, KeyStatus, Role},
        oidc::{OidcClient, Subject},
        signing::{self, key_context},
        user::{User, UserId, UserStatus},
    },
    http::{self, oidc::Signer},
    keys::{self, MasterKey},
    limits::Limits,
    random,
    settings::{FRESHNESS_MS, Settings},
    store::{Store, oidc::SecretRow},
};
use anyhow::{Context, ensure};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, Response, header},
};
use clap::Args;
use serde_json::{Value, json};
use standards::oidc::{
    client::{AuthMethod, Client},
    id_token::{IdToken, access_token_hash, compact},
    jwk::JwkSet,
    jwt::Alg,
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tower::ServiceExt;
use wire::id::{ChallengeId, ConnectionId, Origin, UserName};

const ORIGIN: &str = "https://login.bench.test";
const LOGIN: &str = "ann@bench.test";
const CALLBACK: &str = "https://app.bench.test/cb";
const SECRET: &str = "a secret of the benchmark";
/// How often the two rates of one core change places, so that a busy moment of the machine hits both.
const ROUNDS: u32 = 10;

/// Prints ID tokens per second beside the bare signing rate, and finished sign-ins per second, as JSON.
#[derive(Debug, Args)]
pub struct BenchOidc {
    /// How long each figure is measured.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// RS256 or ES256.
    #[arg(long, default_value = "RS256", value_parser = ["RS256", "ES256"])]
    alg: String,
    /// Another database than SQLite in a temporary folder.
    #[arg(long)]
    database: Option<String>,
}

impl BenchOidc {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<()> {
        let folder = std::env::temp_dir().join(format!("tacit-bench-{}", random::token::<8>()));
        std::fs::create_dir(&folder)?;
        let database = match &self.database {
            Some(url) => url.clone(),
            None => format!("sqlite:{}?mode=rwc", folder.join("tacit.db").display()),
        };
        let alg = Alg::from_name(&self.alg).context("RS256 or ES256")?;
        let during = Duration::from_secs(self.seconds);
        let measured = measure(&database, alg, during).await;
        std::fs::remove_dir_all(&folder)?;
        println!("{}", measured?);
        Ok(())
    }
}

async fn measure(database: &str, alg: Alg, during: Duration) -> anyhow::Result<Value> {
    let app = app(database, alg).await?;
    let (tokens, signatures) = tokens_and_signatures(&app, alg, during).await?;
    let exchanges = exchanges_per_second(&app, during).await?;
    app.store.close().await;
    Ok(json!({
        "alg": alg.name(), "id_tokens_per_second_and_core": tokens, "signatures_per_second_and_core": signatures,
        "ratio": tokens / signatures, "sign_ins_per_second": exchanges, "seconds": during.as_secs(),
        "database": database.split(':').next().unwrap_or_default(),
    }))
}

/// Both on one thread, in turns.
async fn tokens_and_signatures(
    app: &App,
    alg: Alg,
    during: Duration,
) -> anyhow::Result<(f64, f64)> {
    let keys = app.store.signing_keys_of(&connection()?).await?;
    let key = keys.first().context("no key")?;
    let pkcs8 = app
        .master
        .open(&key_context(connection()?.as_str()), &key.sealed_key)
        .context("sealed")?;
    let signer = Signer::new(key.id.clone(), &pkcs8).context("no key")?;
    let amr = ["hwk", "pop", "mfa"].map(str::to_owned);
    let claims = BTreeMap::from([
        ("preferred_username".to_owned(), Value::from(LOGIN)),
        ("email".to_owned(), Value::from(LOGIN)),
    ]);
    let token = |n: i64| {
        let (nonce, access) = (random::token::<24>(), random::token::<32>());
        let at_hash = access_token_hash(&access);
        let token = IdToken {
            iss: "https://login.bench.test/oidc/bench",
            sub: "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000",
            aud: "client-of-bench",
            exp: n + 300,
            iat: n,
            auth_time: n,
            nonce: Some(&nonce),
            acr: "urn:tacit:possession",
            amr: &amr,
            sid: "AAAAAAAAAAAAAAAAAAAAAA",
            at_hash: &at_hash,
            claims: &claims,
        };
        let input = token.signing_input(alg, &signer.kid);
        let signature = signer.sign(input.as_bytes())?;
        Some(compact(&input, &signature))
    };
    let message = token(0).context("no token")?;
    let (mut made, mut signed) = ((0_u32, Duration::ZERO), (0_u32, Duration::ZERO));
    for round in 0..ROUNDS {
        let began = Instant::now();
        while began.elapsed() < during / ROUNDS {
            ensure!(token(i64::from(round)).is_some(), "no token");
            made.0 += 1;
        }
        made.1 += began.elapsed();
        let began = Instant::now();
        while began.elapsed() < during / ROUNDS {
            ensure!(signer.sign(message.as_bytes()).is_some(), "no signature");
            signed.0 += 1;
        }
        signed.1 += began.elapsed();
    }
    let rate = |(count, took): (u32, Duration)| f64::from(count) / took.as_secs_f64();
    Ok((rate(made), rate(signed)))
}

/// Authorization request, passed factor, code, tokens: one after the other, as many as there is time for.
async fn exchanges_per_second(app: &App, during: Duration) -> anyhow::Result<f64> {
    let router = http::router(app.clone());
    let began = Instant::now();
    let mut done = 0_u32;
    while began.elapsed() < during {
        sign_in(app, &router).await?;
        done += 1;
    }
    Ok(f64::from(done) / began.elapsed().as_secs_f64())
}

async fn sign_in(app: &App, router: &Router) -> anyhow::Result<()> {
    let query = format!(
        "client_id=client-of-bench&redirect_uri={CALLBACK}&response_type=code&scope=openid&login_hint={LOGIN}&nonce={}",
        random::token::<24>()
    );
    let reply = send(
        router,
        Request::get(format!("/oidc/bench/authorize?{query}")),
        "",
    )
    .await?;
    let text = |name| {
        reply
            .headers()
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    };
    let cookie = text(header::SET_COOKIE)
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned();
    let id = text(header::LOCATION)
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    let challenge = app
        .store
        .find_challenge(&ChallengeId::new(id)?)
        .await?
        .context("no challenge")?;
    let passed = passed(app, &challenge).await?;
    ensure!(
        matches!(passed, Passed::Allowed { .. }),
        "refused: {passed:?}"
    );
    let way = Request::get(format!("/challenge/{}/complete", challenge.id))
        .header(header::COOKIE, cookie);
    let way = send(router, way, "").await?;
    let location = way
        .headers()
        .get(header::LOCATION)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let code = location
        .split(['?', '&'])
        .find_map(|p| p.strip_prefix("code="))
        .context("no code")?;
    let body = format!(
        "grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}&client_id=client-of-bench&client_secret={}",
        SECRET.replace(' ', "+")
    );
    let request = Request::post("/oidc/bench/token")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let tokens = send(router, request, &body).await?;
    let body = to_bytes(tokens.into_body(), 1 << 16).await?;
    let tokens: Value = serde_json::from_slice(&body)?;
    ensure!(tokens["id_token"].is_string(), "no ID token: {tokens}");
    Ok(())
}

async fn passed(app: &App, challenge: &Challenge) -> anyhow::Result<Passed> {
    let user = challenge.user.clone().context("nobody")?;
    let strength = Strength::PhishingResistant { hardware: true };
    Ok(pass_factor(
        app,
        challenge,
        &user,
        Factor::Passkey,
        strength,
        app.now_ms(),
    )
    .await?)
}

async fn send(
    router: &Router,
    request: axum::http::request::Builder,
    body: &str,
) -> anyhow::Result<Response<Body>> {
    Ok(router
        .clone()
        .oneshot(request.body(Body::from(body.to_owned()))?)
        .await?)
}

async fn app(database: &str, alg: Alg) -> anyhow::Result<App> {
    let settings = Settings {
        origin: Origin::new(ORIGIN)?,
        listen: ([127, 0, 0, 1], 0).into(),
        database: database.into(),
        tls: None,
        trusted_proxies: vec![[127, 0, 0, 1].into()],
        metrics_from: Vec::new(),
        extension: None,
        freshness_ms: FRESHNESS_MS,
        mail: None,
    };
    let store = Store::open(database).await?;
    let master = MasterKey::new(&random::bytes::<32>());
    let app = App::new(settings, store, Clock::System, master, Limits::generous());
    let (id, now) = (connection()?, app.now_ms());
    let key = match alg {
        Alg::ES256 => signing::generate_elliptic(&app, &id, KeyStatus::Current, now)?,
        _ => signing::generate(&app, &id, KeyStatus::Current, now)?,
    };
    let client = OidcClient {
        connection: id.clone(),
        client: Client {
            client_id: "client-of-bench".into(),
            redirect_uris: vec![CALLBACK.into()],
            post_logout_redirect_uris: Vec::new(),
            token_endpoint_auth_method: AuthMethod::ClientSecret,
            token_endpoint_auth_signing_alg: None,
            request_object_signing_alg: None,
            id_token_signed_response_alg: alg,
            jwks: JwkSet::default(),
            require_pkce: false,
        },
        groups: Vec::new(),
        subject: Subject::Id,
        updated_at: now,
    };
    let connection = Connection {
        id,
        role: Role::Sso,
        okta_offers_choice: false,
        metadata: String::new(),
        updated_at: now,
    };
    let secret = SecretRow {
        id: random::id(now),
        hash: keys::hash(SECRET.as_bytes()),
        sealed: String::new(),
        created_at: now,
    };
    app.store
        .insert_oidc_connection(&connection, &key, &client, Some(&secret))
        .await?;
    let user = User {
        id: UserId::generate(now),
        login: UserName::new(LOGIN)?,
        status: UserStatus::Active,
        additions_held_until: 0,
        created_at: now,
    };
    app.store.insert_user(&user, &[]).await?;
    Ok(app)
}

fn connection() -> anyhow::Result<ConnectionId> {
    Ok(ConnectionId::new("bench")?)
}
