//! Our server on a database of its own, with connection `acme` and one SCIM token.

use super::{Answer, Call};
use anyhow::{Context, Result};
use axum::{Router, body::Body, body::to_bytes, http::Request};
use std::{net::SocketAddr, path::Path};
use tacit::{
    app::App,
    clock::{Clock, DAY},
    domain::{
        connection::{Connection, KeyStatus, Role},
        signing,
    },
    http,
    keys::{MasterKey, hash},
    limits::Limits,
    random,
    settings::{FRESHNESS_MS, Settings},
    store::{Store, token::TokenRow},
};
use tokio::runtime::Runtime;
use tower::ServiceExt;
use wire::id::{ConnectionId, Origin};

const ORIGIN: &str = "https://login.tacit-idp.test";

/// The server.
pub struct Server {
    runtime: Runtime,
    router: Router,
    token: String,
}

impl Server {
    /// A new one whose database lies in `folder`.
    pub fn start(folder: &Path) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let (app, token) = runtime.block_on(app(folder))?;
        Ok(Self {
            router: http::router(app),
            runtime,
            token,
        })
    }

    /// The SCIM base URL.
    pub fn base(&self) -> String {
        format!("{ORIGIN}/scim/acme/v2")
    }

    /// The value of `Authorization`.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// Listens on this machine without TLS as well, for an org that has to reach it.
    pub fn listen(&self) -> Result<SocketAddr> {
        let router = self.router.clone();
        self.runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?;
            tokio::spawn(async move { axum::serve(listener, router).await });
            Ok(address)
        })
    }

    /// Carries a request out, through all that a request goes through but the network.
    pub fn send(&self, call: Call) -> Result<Answer> {
        let path = call.url.strip_prefix(ORIGIN).context("not our origin")?;
        let mut request = Request::builder().method(call.method.as_str()).uri(path);
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(call.body))?;
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await?;
            let status = response.status().as_u16();
            let body = to_bytes(response.into_body(), 1 << 24).await?;
            Ok(Answer {
                status,
                body: serde_json::from_slice(&body).unwrap_or_default(),
            })
        })
    }
}

async fn app(folder: &Path) -> Result<(App, String)> {
    let database = format!("sqlite:{}?mode=rwc", folder.join("tacit.db").display());
    let settings = Settings {
        origin: Origin::new(ORIGIN)?,
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
    let app = App::new(
        settings,
        store,
        Clock::System,
        MasterKey::new(&random::bytes::<32>()),
        Limits::default(),
    );
    let (id, now) = (ConnectionId::new("acme")?, app.now_ms());
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
        connection: "acme".into(),
        created_at: now,
        expires_at: now + DAY,
        revoked_at: 0,
        last_used_at: 0,
    };
    app.store
        .insert_scim_token(&row, &hash(token.as_bytes()), now)
        .await?;
    Ok((app, token))
}
