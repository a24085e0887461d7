//! Figures for the project's benchmark: how many Responses a second this server makes, beside how many bare signatures the
//! same machine makes in the same run. Everything goes through the router and the database.

use crate::{
    app::App,
    clock::{Clock, rfc3339},
    domain::{
        challenge::State,
        connection::{Connection, KeyStatus, Role},
        signing::{self, key_context},
        user::{User, UserId, UserStatus},
    },
    http::{self, saml::Signer},
    keys::MasterKey,
    limits::Limits,
    random,
    settings::{FRESHNESS_MS, Settings},
    store::{Store, challenge::Scored},
};
use anyhow::{Context, ensure};
use axum::{Router, body::Body, body::to_bytes, http::Request};
use base64::{Engine, engine::general_purpose::STANDARD};
use clap::Args;
use serde_json::json;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};
use tower::ServiceExt;
use wire::{
    id::{ChallengeId, ConnectionId, DeviceId, Origin, UserName},
    reason::Reason,
};

const ORIGIN: &str = "https://login.bench.test";
const LOGIN: &str = "ann@bench.test";
const SP: &str = "https://www.okta.com/saml2/service-provider/spbench";
const METADATA: &str = concat!(
    r#"<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://www.okta.com/saml2/service-provider/spbench">"#,
    r#"<md:SPSSODescriptor AuthnRequestsSigned="false" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">"#,
    r#"<md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://acme.bench.test/acs" index="0"/>"#,
    r#"</md:SPSSODescriptor></md:EntityDescriptor>"#
);

/// Prints Responses per second beside the bare signing rate, as JSON.
#[derive(Debug, Args)]
pub struct Bench {
    /// How long each figure is measured.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many sign-ins are under way at once; 64 for each core if absent, as each of them waits for the disk twice.
    #[arg(long)]
    at_once: Option<usize>,
    /// Another database than SQLite in a temporary folder.
    #[arg(long)]
    database: Option<String>,
}

impl Bench {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<()> {
        let folder = Folder::new()?;
        let database = match &self.database {
            Some(url) => url.clone(),
            None => format!("sqlite:{}?mode=rwc", folder.0.join("tacit.db").display()),
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let at_once = self.at_once.unwrap_or(64 * cores);
        let during = Duration::from_secs(self.seconds);
        let app = app(&database).await?;
        let floor = signatures_per_second(&app, cores, during).await?;
        let commits = app.store.commits();
        let made = responses_per_second(&app, at_once, during).await?;
        let per_response = |commits: u64| rate(commits, Duration::from_secs(1)) / made.count();
        let commits = app
            .store
            .commits()
            .zip(commits)
            .map(|(now, before)| per_response(now - before));
        let kind = database.split(':').next().unwrap_or_default();
        println!(
            "{}",
            json!({
                "responses_per_second": made.per_second(), "signatures_per_second": floor.per_second(),
                "ratio": made.per_second() / floor.per_second(),
                // What others do on this machine takes cores away and no processor time of ours: this ratio stays.
                "processor_us_per_response": made.processor_us(), "processor_us_per_signature": floor.processor_us(),
                "processor_ratio": floor.processor_us() / made.processor_us(),
                "commits_per_response": commits,
                "cores": cores, "at_once": at_once, "seconds": self.seconds, "database": kind,
            })
        );
        app.store.close().await;
        Ok(())
    }
}

async fn app(database: &str) -> anyhow::Result<App> {
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
    let app = App::new(
        settings,
        store,
        Clock::System,
        MasterKey::new(&random::bytes::<32>()),
        Limits::generous(),
    );
    let now = app.now_ms();
    let id = connection()?;
    let key = signing::generate(&app, &id, KeyStatus::Current, now)?;
    let connection = Connection {
        id,
        role: Role::Factor,
        okta_offers_choice: false,
        metadata: METADATA.into(),
        updated_at: now,
    };
    app.store.insert_connection(&connection, &key).await?;
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

/// The floor: RSA-2048 signatures and nothing else, on every core.
async fn signatures_per_second(
    app: &App,
    cores: usize,
    during: Duration,
) -> anyhow::Result<Measured> {
    let id = connection()?;
    let keys = app.store.signing_keys_of(&id).await?;
    let key = keys.first().context("no signing key")?;
    let pkcs8 = app
        .master
        .open(&key_context(id.as_str()), &key.sealed_key)
        .context("the key does not open")?;
    let signer = Signer::new(key.certificate.clone(), &pkcs8).context("not a key")?;
    let (began, before) = (Instant::now(), processor_time());
    let signed = std::thread::scope(|scope| {
        let count = || {
            let mut signed = 0_u64;
            while began.elapsed() < during {
                signed += u64::from(
                    signer
                        .sign(b"a message of some length, hashed before it is signed")
                        .is_some(),
                );
            }
            signed
        };
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(count)).collect();
        threads
            .into_iter()
            .filter_map(|t| t.join().ok())
            .sum::<u64>()
    });
    Ok(Measured::since(began, before, signed))
}

/// AuthnRequest by POST, challenge, decision, outcome with the signed Response; many at once.
async fn responses_per_second(
    app: &App,
    at_once: usize,
    during: Duration,
) -> anyhow::Result<Measured> {
    let router = http::router(app.clone());
    let (began, before) = (Instant::now(), processor_time());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (app, router) = (app.clone(), router.clone());
        tasks.spawn(async move {
            let mut made = 0_u64;
            while began.elapsed() < during {
                sign_in(&app, &router).await?;
                made += 1;
            }
            anyhow::Ok(made)
        });
    }
    let mut made = 0;
    while let Some(done) = tasks.join_next().await {
        made += done??;
    }
    Ok(Measured::since(began, before, made))
}

async fn sign_in(app: &App, router: &Router) -> anyhow::Result<()> {
    let xml = format!(
        "<saml2p:AuthnRequest xmlns:saml2p=\"urn:oasis:names:tc:SAML:2.0:protocol\" Destination=\"{ORIGIN}/saml/bench/sso\" \
         ForceAuthn=\"true\" ID=\"id{}\" IssueInstant=\"{}\" Version=\"2.0\">\
         <saml2:Issuer xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\">{SP}</saml2:Issuer>\
         <saml2:Subject xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\"><saml2:NameID>{LOGIN}</saml2:NameID></saml2:Subject>\
         </saml2p:AuthnRequest>",
        random::digits(24),
        rfc3339(app.now_ms())
    );
    let request = STANDARD
        .encode(xml)
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    let post = Request::post("/saml/bench/sso")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(format!(
            "SAMLRequest={request}&RelayState=bench"
        )))?;
    let reply = router.clone().oneshot(post).await?;
    // The parts alone: a body is nothing that several threads may hold.
    let headers = reply.into_parts().0.headers;
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    };
    let id = ChallengeId::new(
        header("location")
            .strip_prefix("/challenge/")
            .context("no challenge")?,
    )?;
    let cookie = header("set-cookie")
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned();
    decide(app, &id).await?;
    let get = Request::get(format!("/challenge/{id}/outcome"))
        .header("cookie", cookie)
        .header("sec-fetch-site", "same-origin")
        .body(Body::empty())?;
    let body = to_bytes(router.clone().oneshot(get).await?.into_body(), 1 << 20).await?;
    ensure!(
        body.windows(12).any(|part| part == b"SAMLResponse"),
        "no Response"
    );
    Ok(())
}

/// What a silent answer does to the row; its own verification is measured in the browser.
async fn decide(app: &App, id: &ChallengeId) -> anyhow::Result<()> {
    let challenge = app
        .store
        .find_challenge(id)
        .await?
        .context("no challenge")?;
    let device = DeviceId::new("A".repeat(43))?;
    let amr = ["hwk", "pop", "mfa"].map(String::from);
    let scored = Scored {
        device: &device,
        state: State::Allowed,
        reasons: &[Reason::Genuine],
        factors: &[],
        amr: &amr,
    };
    let mut write = app.store.write().await?;
    let won = Store::score_answer(&mut write, id, &challenge.nonce, &scored, app.now_ms()).await?;
    write.commit().await?;
    ensure!(won, "the challenge was not open");
    Ok(())
}

fn rate(count: u64, elapsed: Duration) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from) / elapsed.as_secs_f64()
}

/// How many of something, in how much time.
struct Measured {
    count: u64,
    elapsed: Duration,
    processor: Duration,
}

impl Measured {
    fn since(began: Instant, processor: Duration, count: u64) -> Self {
        Self {
            count,
            elapsed: began.elapsed(),
            processor: processor_time().saturating_sub(processor),
        }
    }

    fn count(&self) -> f64 {
        rate(self.count, Duration::from_secs(1))
    }

    fn per_second(&self) -> f64 {
        rate(self.count, self.elapsed)
    }

    fn processor_us(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.count()
    }
}

/// What all threads of this process have used so far; nothing where the system does not tell.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is a name in brackets; user and system time are the 14th and 15th, in hundredths of a second.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let hundredths = fields.split_whitespace().skip(11).take(2);
    let hundredths: u64 = hundredths.filter_map(|n| n.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * hundredths)
}

/// A temporary folder that goes with the value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("tacit-bench-{}", random::token::<9>()));
        std::fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
