//! An empty org, our server, and what happens to them.

use anyhow::{Context, Result};
use okta_stand_in::{Clock, Config, Running};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};
use tacit::{
    app::App,
    clock::Clock as OurClock,
    keys::MasterKey,
    limits::Limits,
    okta::{
        client::{Bounds, Client, Credential, Options, Path as At},
        organiser::{
            Error, Organiser, Planned, Way,
            apply::{Applied, Options as ApplyOptions, Progress},
            doctor::Finding,
            file::Wanted,
            plan::Plan,
        },
    },
    random,
    settings::{FRESHNESS_MS, Settings},
    store::{Store, decision::Decision},
};
use tokio::net::TcpListener;
use wire::id::Origin;
use zeroize::Zeroizing;

pub const ORIGIN: &str = "https://login.tacit-idp.test";
pub const TOKEN: &str = "00standInApiTokenForTestsOnly";

/// An empty org, and our server.
pub struct World {
    pub org: Running,
    pub app: App,
    pub data: tempfile::TempDir,
    pub ca: Vec<u8>,
    pub client: Client,
}

impl World {
    pub async fn new(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let ours = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = Config::from_toml(
            "org_origin = \"https://acme.okta.com\"\napp_origin = \"https://app.workplace.test\"\npipeline = \"oie\"\n\
             [[users]]\nlogin = \"break-glass@ops.acme.test\"\npassword = \"correct horse\"\nroles = [\"SUPER_ADMIN\"]\n\
             [[users]]\nlogin = \"ann@acme.test\"\npassword = \"correct horse\"\n",
        )
        .unwrap();
        config.api_token = TOKEN.into();
        config.network.plain = true;
        config
            .network
            .hosts
            .insert("login.tacit-idp.test".into(), ours.local_addr().unwrap());
        change(&mut config);
        let org_data = data.path().join("org");
        let (org_listener, app_listener) = (
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        );
        let org =
            okta_stand_in::serve_on(config, &org_data, Clock::System, org_listener, app_listener)
                .await
                .unwrap();
        let ca = std::fs::read(org_data.join("tls-certificate.pem")).unwrap();
        let app = app(data.path()).await.unwrap();
        let router =
            tacit::http::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(ours, router).await });
        let client = client(&ca, org.org_address, TOKEN);
        private(&data.path().join("token"), TOKEN);
        Self {
            org,
            app,
            data,
            ca,
            client,
        }
    }

    /// The scenario's file; only where the token is, is another place.
    pub fn example(&self, name: &str) -> String {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../examples/okta/{name}.toml"));
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains("token_env = \"OKTA_API_TOKEN\""));
        text.replace("token_env = \"OKTA_API_TOKEN\"", "token_file = \"token\"")
    }

    pub fn organiser(&self, file: &str) -> Organiser {
        self.organiser_within(
            file,
            Bounds {
                exchange: Duration::from_secs(5),
                ..Bounds::default()
            },
        )
    }

    pub fn organiser_within(&self, file: &str, bounds: Bounds) -> Organiser {
        let wanted = Wanted::parse(file).unwrap_or_else(|fault| panic!("{fault}"));
        let way = Way {
            ca: Some(self.ca.clone()),
            address: Some(self.org.org_address),
            bounds: Some(bounds),
        };
        Organiser::new(
            self.app.clone(),
            wanted,
            self.data.path(),
            self.data.path(),
            way,
            "test",
        )
        .unwrap()
    }

    pub async fn apply(&self, file: &str) -> Applied {
        apply(&self.organiser(file), false)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    pub async fn plan(&self, file: &str) -> Plan {
        self.organiser(file).plan(false).await.unwrap().plan
    }

    /// What an administrator of the stand-in does.
    pub async fn admin(&self, method: &str, path: &str, body: Value) {
        let at = at(&["stand-in", "admin"])
            .then(&path.split('/').collect::<Vec<_>>())
            .unwrap();
        let done: std::result::Result<Value, _> = match method {
            "PUT" => self.client.replace(&at, &body).await,
            _ => self.client.create(&at, &body).await,
        };
        // An answer without a body is none of JSON.
        if let Err(error) = done {
            assert!(error.to_string().contains("JSON"), "{error}");
        }
    }

    pub async fn fault(&self, trouble: Value) {
        self.admin("POST", "faults", trouble).await;
    }

    /// Every change that took effect since the last call: method and path.
    pub async fn changes(&self) -> Vec<(String, String)> {
        let journal: Vec<Value> = self
            .client
            .get(&at(&["stand-in", "admin", "requests"]))
            .await
            .unwrap();
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let changes = journal
            .iter()
            .filter(|row| {
                row["method"] != "GET" && row["effect"].as_u64().is_some_and(|status| status < 300)
            })
            .map(|row| (text(row, "method"), text(row, "path")))
            .collect();
        self.client
            .delete(&at(&["stand-in", "admin", "requests"]))
            .await
            .unwrap();
        changes
    }

    pub async fn all(&self, segments: &[&str]) -> Vec<Value> {
        self.client
            .list(&at(&["api", "v1"]).then(segments).unwrap())
            .await
            .unwrap()
    }

    pub async fn named(&self, segments: &[&str], name: &str) -> Vec<Value> {
        let all = self.all(segments).await;
        all.into_iter()
            .filter(|one| {
                one["name"] == name || one["label"] == name || one["profile"]["name"] == name
            })
            .collect()
    }

    pub async fn rules(&self) -> Vec<Value> {
        let policies: Vec<Value> = self
            .client
            .list(&at(&["api", "v1", "policies"]).with("type", "IDP_DISCOVERY"))
            .await
            .unwrap();
        let rules = self
            .all(&["policies", policies[0]["id"].as_str().unwrap(), "rules"])
            .await;
        rules
            .into_iter()
            .filter(|rule| rule["system"] != true)
            .collect()
    }

    /// Somebody was let in through a connection.
    pub async fn signs_in(&self, connection: &str) {
        let at = self.app.now_ms();
        let decision = Decision {
            id: random::id(at),
            at,
            challenge: "c".into(),
            connection: connection.into(),
            request_id: "r".into(),
            user_id: String::new(),
            user: "ann@acme.test".into(),
            device: String::new(),
            installation: String::new(),
            outcome: "allow".into(),
            reasons: Vec::new(),
            factor: "passkey".into(),
            protection_class: String::new(),
            verdict: String::new(),
            llr: 0.0,
            evidence: String::new(),
            facts: String::new(),
            rule: String::new(),
            challenge_ms: 1,
            policy_version: 0,
        };
        let mut write = self.app.store.write().await.unwrap();
        Store::insert_decision(&mut write, &decision).await.unwrap();
        write.commit().await.unwrap();
    }

    /// Security > Identity Providers > Edit > Factor only.
    pub async fn clicks_factor_only(&self, name: &str) {
        let idps = self.named(&["idps"], name).await;
        let id = idps[0]["id"].as_str().unwrap();
        self.admin(
            "PUT",
            &format!("idps/{id}"),
            json!({ "usage": "FACTOR_ONLY" }),
        )
        .await;
    }
}

pub fn private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

pub fn at(segments: &[&str]) -> At {
    At::new(segments).unwrap()
}

pub fn client(ca: &[u8], address: SocketAddr, token: &str) -> Client {
    let mut options = Options::new(
        Origin::new("https://acme.okta.com").unwrap(),
        Credential::Token(Zeroizing::new(token.into())),
    );
    options.ca = Some(ca.to_vec());
    options.addresses.insert("acme.okta.com".into(), address);
    Client::new(options, OurClock::System).unwrap()
}

pub async fn app(folder: &Path) -> Result<App> {
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
    let store = Store::open(&database)
        .await
        .context("opening the database")?;
    Ok(App::new(
        settings,
        store,
        OurClock::System,
        MasterKey::new(&random::bytes::<32>()),
        Limits::default(),
    ))
}

pub async fn apply(organiser: &Organiser, adopts: bool) -> std::result::Result<Applied, Error> {
    let applied = organiser
        .apply(
            ApplyOptions { adopts },
            &mut |_: &Planned| true,
            &mut |_: Progress<'_>| {},
        )
        .await?;
    Ok(applied.expect("it was agreed to"))
}

pub fn waits(applied: &Applied) -> Vec<String> {
    applied
        .waits
        .iter()
        .map(|(key, _)| key.to_string())
        .collect()
}

pub fn failed(findings: &[Finding]) -> Vec<&str> {
    findings
        .iter()
        .filter(|f| f.found.is_err())
        .map(|f| f.step.as_str())
        .collect()
}

/// Nothing is done, nothing is asked of the org but reading, and it is quick.
pub async fn changes_nothing(world: &World, file: &str) {
    world.changes().await;
    let began = Instant::now();
    let applied = world.apply(file).await;
    let took = began.elapsed();
    assert_eq!(
        (applied.done, applied.plan.is_done()),
        (0, true),
        "{}",
        applied.plan.to_text()
    );
    assert_eq!(
        world.changes().await,
        [],
        "the second apply changed something"
    );
    assert!(took < Duration::from_secs(2), "{took:?}");
    println!("apply on an applied org: {took:?}");
}
