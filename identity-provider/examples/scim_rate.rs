//! Provisioning figures, as one line of JSON: people created per second through the router and durable in SQLite, beside a
//! bare axum handler with one SQLite insert in the same run; then a whole org, pushed as Okta does it, and compared.
//!
//! `cargo xtask bench scim`. Both sides wait for the disk before they answer (`synchronous = FULL`).

use anyhow::{Context, Result, ensure};
use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::State,
    http::{Request, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use sqlx::{AnyPool, any::AnyPoolOptions};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tacit::{
    app::App,
    clock::{Clock, DAY},
    domain::{
        connection::{Connection, KeyStatus, Role},
        scim::drift::{self, OneGroup, OneUser, Report, Side},
        signing,
    },
    http,
    keys::{MasterKey, hash},
    limits::Limits,
    random,
    settings::{FRESHNESS_MS, Settings},
    store::{Store, token::TokenRow},
};
use tower::ServiceExt;
use wire::id::{ConnectionId, Origin};

const DURING: Duration = Duration::from_secs(5);
const AT_ONCE: usize = 8;
const PEOPLE: usize = 10_000;
const GROUPS: usize = 500;
const IN_EACH: usize = 20;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let bare = bare_inserts(&folder.path().join("bare.db")).await?;
    let (router, _, bearer) = server(&folder.path().join("creates.db")).await?;
    let creates = per_second(AT_ONCE, move |n| create(router.clone(), bearer.clone(), n)).await?;
    let (router, app, bearer) = server(&folder.path().join("org.db")).await?;
    let began = Instant::now();
    let there = push(&router, &bearer).await?;
    let seconds = began.elapsed().as_secs_f64();
    let report = Report::of(&there, &drift::here(&app.store, "bench").await?);
    println!(
        "{}",
        json!({
            "creates_per_second": creates, "bare_inserts_per_second": bare, "ratio": creates / bare, "at_once": AT_ONCE,
            "people": PEOPLE, "groups": GROUPS, "members_in_each": IN_EACH, "push_seconds": seconds,
            "drift": !report.is_clean(), "peak_memory_mb": peak_memory(),
        })
    );
    Ok(())
}

async fn server(file: &Path) -> Result<(Router, App, String)> {
    let database = format!("sqlite:{}?mode=rwc", file.display());
    let settings = Settings {
        origin: Origin::new("https://login.bench.test")?,
        listen: ([127, 0, 0, 1], 0).into(),
        database: database.clone(),
        tls: None,
        trusted_proxies: vec![[127, 0, 0, 1].into()],
        metrics_from: Vec::new(),
        freshness_ms: FRESHNESS_MS,
        extension: None,
        mail: None,
    };
    let store = Store::open(&database).await?;
    let master = MasterKey::new(&random::bytes::<32>());
    let app = App::new(settings, store, Clock::System, master, Limits::generous());
    let (id, now) = (ConnectionId::new("bench")?, app.now_ms());
    let key = signing::generate(&app, &id, KeyStatus::Current, now)?;
    let connection = Connection {
        id,
        role: Role::Factor,
        okta_offers_choice: false,
        metadata: String::new(),
        updated_at: now,
    };
    app.store.insert_connection(&connection, &key).await?;
    let token = random::token::<32>();
    let row = TokenRow {
        id: random::id(now),
        purpose: "scim".into(),
        connection: "bench".into(),
        created_at: now,
        expires_at: now + DAY,
        revoked_at: 0,
        last_used_at: 0,
    };
    let added = app
        .store
        .insert_scim_token(&row, &hash(token.as_bytes()), now)
        .await?;
    ensure!(added, "no token");
    Ok((http::router(app.clone()), app, format!("Bearer {token}")))
}

/// The floor: JSON in, one row of the same size, JSON out.
async fn bare_inserts(file: &Path) -> Result<f64> {
    async fn insert(State(pool): State<AnyPool>, Json(body): Json<Value>) -> StatusCode {
        let done = sqlx::query("INSERT INTO people (id, login, profile) VALUES ($1, $2, $3)")
            .bind(random::id(0))
            .bind(body["userName"].as_str().unwrap_or_default())
            .bind(body.to_string())
            .execute(&pool)
            .await;
        match done {
            Ok(_) => StatusCode::CREATED,
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
    sqlx::any::install_default_drivers();
    let pool = AnyPoolOptions::new()
        .max_connections(8)
        .after_connect(|connection, _| {
            Box::pin(async move {
                for pragma in [
                    "PRAGMA journal_mode = WAL",
                    "PRAGMA synchronous = FULL",
                    "PRAGMA busy_timeout = 5000",
                ] {
                    sqlx::query(pragma).execute(&mut *connection).await?;
                }
                Ok(())
            })
        })
        .connect(&format!("sqlite:{}?mode=rwc", file.display()))
        .await?;
    sqlx::query("CREATE TABLE people (id TEXT PRIMARY KEY, login TEXT NOT NULL UNIQUE, profile TEXT NOT NULL)")
        .execute(&pool)
        .await?;
    let router = Router::new().route("/", post(insert)).with_state(pool);
    per_second(AT_ONCE, move |n| {
        let router = router.clone();
        async move {
            let request = Request::post("/")
                .header("content-type", "application/json")
                .body(Body::from(person(n).to_string()))?;
            let status = router.oneshot(request).await?.status();
            ensure!(status == StatusCode::CREATED, "{status}");
            Ok(())
        }
    })
    .await
}

async fn per_second<F>(
    at_once: usize,
    work: impl Fn(usize) -> F + Clone + Send + 'static,
) -> Result<f64>
where
    F: Future<Output = Result<()>> + Send,
{
    let next = Arc::new(AtomicU32::new(0));
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (next, work) = (next.clone(), work.clone());
        tasks.spawn(async move {
            while began.elapsed() < DURING {
                let n = next.fetch_add(1, Ordering::Relaxed);
                work(usize::try_from(n)?).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(f64::from(next.load(Ordering::Relaxed)) / began.elapsed().as_secs_f64())
}

async fn create(router: Router, bearer: String, n: usize) -> Result<()> {
    let (status, _) = call(&router, &bearer, "POST", "/Users", Some(person(n))).await?;
    ensure!(status == 201, "{status}");
    Ok(())
}

/// As Okta assigns: looks whether the person exists, then makes them; then groups with their members.
async fn push(router: &Router, bearer: &str) -> Result<Side> {
    let ids = Arc::new(std::sync::Mutex::new(vec![String::new(); PEOPLE]));
    let mut tasks = tokio::task::JoinSet::new();
    for first in 0..AT_ONCE {
        let (router, bearer, ids) = (router.clone(), bearer.to_owned(), ids.clone());
        tasks.spawn(async move {
            for n in (first..PEOPLE).step_by(AT_ONCE) {
                let filter = format!(
                    "/Users?filter=userName%20eq%20%22{}%22&startIndex=1&count=100",
                    login(n)
                );
                let (_, found) = call(&router, &bearer, "GET", &filter, None).await?;
                ensure!(found["totalResults"] == 0, "{found}");
                let (status, made) =
                    call(&router, &bearer, "POST", "/Users", Some(person(n))).await?;
                ensure!(status == 201, "{made}");
                let id = made["id"].as_str().context("no id")?.to_owned();
                if let Ok(mut ids) = ids.lock() {
                    ids[n] = id;
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let ids = ids.lock().map(|ids| ids.clone()).unwrap_or_default();
    let mut groups = Vec::new();
    for g in 0..GROUPS {
        let members: Vec<usize> = (0..IN_EACH).map(|m| (g * IN_EACH + m) % PEOPLE).collect();
        let name = format!("group {g}");
        let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name, "members": [] });
        let (status, made) = call(router, bearer, "POST", "/Groups", Some(body)).await?;
        ensure!(status == 201, "{made}");
        let values: Vec<Value> = members
            .iter()
            .map(|m| json!({ "value": ids[*m] }))
            .collect();
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "add", "path": "members", "value": values }],
        });
        let path = format!("/Groups/{}", made["id"].as_str().context("no id")?);
        let (status, refused) = call(router, bearer, "PATCH", &path, Some(body)).await?;
        ensure!(status == 204, "{refused}");
        groups.push(OneGroup {
            display_name: name,
            members: members.into_iter().map(login).collect(),
        });
    }
    let user = |n| OneUser {
        user_name: login(n),
        active: Some(true),
        ..OneUser::default()
    };
    Ok(Side {
        users: (0..PEOPLE).map(user).collect(),
        groups: Some(groups),
    })
}

async fn call(
    router: &Router,
    bearer: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Result<(u16, Value)> {
    let request = Request::builder()
        .method(method)
        .uri(format!("/scim/bench/v2{path}"))
        .header("authorization", bearer)
        .header("content-type", "application/scim+json; charset=utf-8")
        .body(Body::from(body.map(|b| b.to_string()).unwrap_or_default()))?;
    let (parts, body) = router.clone().oneshot(request).await?.into_parts();
    let body = to_bytes(body, 1 << 24).await?;
    Ok((
        parts.status.as_u16(),
        serde_json::from_slice(&body).unwrap_or_default(),
    ))
}

fn login(n: usize) -> String {
    format!("person.{n}@bench.test")
}

fn person(n: usize) -> Value {
    let login = login(n);
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": login,
        "name": { "givenName": "Alice", "familyName": "Liddell" },
        "emails": [{ "primary": true, "value": login, "type": "work" }], "displayName": "Alice Liddell",
        "locale": "en-US", "externalId": format!("00u{n}"), "groups": [], "password": "1mz050nq", "active": true,
    })
}

/// The most that this process ever had resident.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kb: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kb / 1024)
}
