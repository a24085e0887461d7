//! Okta as code against the stand-in of an org: the five scenarios, faults, and what somebody may do behind our back.

use anyhow::{Context, Result};
use okta_stand_in::{Clock, Config, Running};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tacit::{
    app::App,
    clock::{Clock as OurClock, SECOND},
    keys::MasterKey,
    limits::Limits,
    okta::{
        client::{Bounds, Client, Credential, Options, Path as At},
        organiser::{
            Error, Organiser, Planned, Way,
            apply::{Applied, Options as ApplyOptions, Progress},
            clicks::Seen,
            doctor::Finding,
            file::Wanted,
            plan::{Action, Plan},
        },
    },
    random,
    settings::{FRESHNESS_MS, Settings},
    store::{Store, decision::Decision},
};
use tokio::net::TcpListener;
use wire::id::Origin;
use zeroize::Zeroizing;

const ORIGIN: &str = "https://login.tacit-idp.test";
const TOKEN: &str = "00standInApiTokenForTestsOnly";

/// An empty org, and our server.
struct World {
    org: Running,
    app: App,
    data: tempfile::TempDir,
    ca: Vec<u8>,
    client: Client,
}

impl World {
    async fn new(change: impl FnOnce(&mut Config)) -> Self {
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
        std::fs::write(data.path().join("token"), TOKEN).unwrap();
        Self {
            org,
            app,
            data,
            ca,
            client,
        }
    }

    /// The scenario's file; only where the token is, is another place.
    fn example(&self, name: &str) -> String {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../examples/okta/{name}.toml"));
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains("token_env = \"OKTA_API_TOKEN\""));
        text.replace("token_env = \"OKTA_API_TOKEN\"", "token_file = \"token\"")
    }

    fn organiser(&self, file: &str) -> Organiser {
        self.organiser_within(
            file,
            Bounds {
                exchange: Duration::from_secs(5),
                ..Bounds::default()
            },
        )
    }

    fn organiser_within(&self, file: &str, bounds: Bounds) -> Organiser {
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

    async fn apply(&self, file: &str) -> Applied {
        apply(&self.organiser(file), false)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    async fn plan(&self, file: &str) -> Plan {
        self.organiser(file).plan(false).await.unwrap().plan
    }

    /// What an administrator of the stand-in does.
    async fn admin(&self, method: &str, path: &str, body: Value) {
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

    async fn fault(&self, trouble: Value) {
        self.admin("POST", "faults", trouble).await;
    }

    /// Every change that took effect since the last call: method and path.
    async fn changes(&self) -> Vec<(String, String)> {
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

    async fn all(&self, segments: &[&str]) -> Vec<Value> {
        self.client
            .list(&at(&["api", "v1"]).then(segments).unwrap())
            .await
            .unwrap()
    }

    async fn named(&self, segments: &[&str], name: &str) -> Vec<Value> {
        let all = self.all(segments).await;
        all.into_iter()
            .filter(|one| {
                one["name"] == name || one["label"] == name || one["profile"]["name"] == name
            })
            .collect()
    }

    async fn rules(&self) -> Vec<Value> {
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
    async fn signs_in(&self, connection: &str) {
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
    async fn clicks_factor_only(&self, name: &str) {
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

fn at(segments: &[&str]) -> At {
    At::new(segments).unwrap()
}

fn client(ca: &[u8], address: SocketAddr, token: &str) -> Client {
    let mut options = Options::new(
        Origin::new("https://acme.okta.com").unwrap(),
        Credential::Token(Zeroizing::new(token.into())),
    );
    options.ca = Some(ca.to_vec());
    options.addresses.insert("acme.okta.com".into(), address);
    Client::new(options, OurClock::System).unwrap()
}

async fn app(folder: &Path) -> Result<App> {
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

async fn apply(organiser: &Organiser, adopts: bool) -> std::result::Result<Applied, Error> {
    let applied = organiser
        .apply(
            ApplyOptions { adopts },
            &mut |_: &Planned| true,
            &mut |_: Progress<'_>| {},
        )
        .await?;
    Ok(applied.expect("it was agreed to"))
}

fn waits(applied: &Applied) -> Vec<String> {
    applied
        .waits
        .iter()
        .map(|(key, _)| key.to_string())
        .collect()
}

fn failed(findings: &[Finding]) -> Vec<&str> {
    findings
        .iter()
        .filter(|f| f.found.is_err())
        .map(|f| f.step.as_str())
        .collect()
}

/// Nothing is done, nothing is asked of the org but reading, and it is quick.
async fn changes_nothing(world: &World, file: &str) {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twosense_a_silent_factor_by_saml_is_set_up_and_a_further_apply_changes_nothing() {
    let world = World::new(|_| {}).await;
    let file = world.example("twosense");
    let first = world.apply(&file).await;
    assert_eq!(
        waits(&first),
        ["authenticator Tacit"],
        "until somebody clicks Factor only: {}",
        first.plan.to_text()
    );
    assert!(first.clicks.iter().any(|c| c.title.contains("factor and nothing else") && matches!(c.seen, Seen::Open(_))));
    world.clicks_factor_only("Tacit").await;
    let second = world.apply(&file).await;
    assert_eq!(
        (waits(&second).len(), second.done),
        (0, 1),
        "{}",
        second.plan.to_text()
    );
    assert!(second.clicks.iter().any(|c| c.title.contains("factor and nothing else") && matches!(c.seen, Seen::Done(_))));
    changes_nothing(&world, &file).await;

    let idp = &world.named(&["idps"], "Tacit").await[0];
    assert_eq!(
        idp["protocol"]["endpoints"]["sso"]["url"],
        format!("{ORIGIN}/saml/twosense/sso")
    );
    assert_eq!(
        idp["protocol"]["credentials"]["trust"]["issuer"],
        format!("{ORIGIN}/saml/twosense/metadata")
    );
    let connection = world
        .app
        .store
        .find_connection(&"twosense".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(connection.role.code(), "factor");
    let sp =
        standards::saml::metadata::ServiceProvider::parse(connection.metadata.as_bytes()).unwrap();
    assert_eq!(
        sp.entity_id(),
        idp["protocol"]["credentials"]["trust"]["audience"]
            .as_str()
            .unwrap()
    );
    let authenticator = &world.named(&["authenticators"], "Tacit").await[0];
    assert_eq!(
        authenticator["provider"]["configuration"]["idpId"],
        idp["id"]
    );
    let org = world
        .app
        .store
        .find_okta_org(&"twosense".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(org.effects.on_takeover.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_classic_the_clicks_take_the_authenticators_place() {
    let world = World::new(|config| config.pipeline = okta_stand_in::Pipeline::Classic).await;
    let file = world.example("twosense");
    let applied = world.apply(&file).await;
    assert_eq!(
        waits(&applied),
        Vec::<String>::new(),
        "{}",
        applied.plan.to_text()
    );
    let clicks = applied
        .clicks
        .iter()
        .find(|c| c.title.contains("factor and nothing else"))
        .unwrap();
    assert!(
        clicks
            .steps
            .iter()
            .any(|step| step.contains("Security > Multifactor")),
        "{clicks:?}"
    );
    changes_nothing(&world, &file).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trusona_routes_its_people_only_after_somebody_walked_the_way() {
    let world = World::new(|_| {}).await;
    let file = world.example("trusona");
    let first = world.apply(&file).await;
    assert_eq!(waits(&first), ["routing_rule Passwordless"]);
    let refusal = &first.waits[0].1;
    assert!(
        refusal
            .repair
            .contains("https://acme.okta.com/sso/idps/0oa"),
        "{refusal:?}"
    );
    assert!(world.rules().await.is_empty(), "routing rules come last");
    // Somebody came through another connection: that shows nothing.
    world.signs_in("another").await;
    assert_eq!(
        waits(&world.apply(&file).await),
        ["routing_rule Passwordless"]
    );
    world.signs_in("trusona").await;
    let second = world.apply(&file).await;
    assert_eq!(
        (second.done, second.plan.is_done()),
        (1, true),
        "{}",
        second.plan.to_text()
    );
    changes_nothing(&world, &file).await;

    let idp = &world.named(&["idps"], "Tacit passwordless").await[0];
    let rule = &world.rules().await[0];
    assert_eq!(
        rule["actions"]["idp"]["providers"],
        json!([{ "type": "SAML2", "id": idp["id"] }])
    );
    assert_eq!(
        rule["conditions"]["userIdentifier"]["patterns"],
        json!([{ "matchType": "SUFFIX", "value": "@acme.test" }])
    );
    let origin = &world.named(&["trustedOrigins"], "Tacit gateway").await[0];
    assert_eq!(origin["origin"], ORIGIN);
    let group = &world.named(&["groups"], "Trusona").await[0];
    let org = world
        .app
        .store
        .find_okta_org(&"trusona".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(org.effects.group.as_deref(), group["id"].as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duo_a_factor_by_openid_connect_gets_a_secret_that_nobody_sees() {
    let world = World::new(|_| {}).await;
    let file = world.example("duo");
    assert_eq!(
        waits(&world.apply(&file).await),
        ["authenticator Tacit OIDC factor"]
    );
    world.clicks_factor_only("Tacit OIDC factor").await;
    assert!(world.apply(&file).await.plan.is_done());
    changes_nothing(&world, &file).await;

    let idp = &world.named(&["idps"], "Tacit OIDC factor").await[0];
    let client = &idp["protocol"]["credentials"]["client"];
    let connection = "duo".parse().unwrap();
    let secret = client["client_secret"].as_str().unwrap();
    assert!(
        tacit::domain::oidc::is_secret(&world.app, &connection, secret)
            .await
            .unwrap()
    );
    let registered = world
        .app
        .store
        .find_oidc_client(&connection)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(client["client_id"], registered.client.client_id);
    assert_eq!(
        registered.client.redirect_uris,
        ["https://acme.okta.com/oauth2/v1/authorize/callback"]
    );
    assert_eq!(
        idp["protocol"]["algorithms"]["request"]["signature"],
        json!({ "algorithm": "HS512", "scope": "REQUEST" })
    );
    // Another secret at the org is noticed, and replaced by one of ours; neither is shown.
    let mut body = idp.clone();
    body["protocol"]["credentials"]["client"]["client_secret"] = "somebody-elses".into();
    let id = idp["id"].as_str().unwrap();
    let _: Value = world
        .client
        .replace(&at(&["api", "v1", "idps", id]), &body)
        .await
        .unwrap();
    let plan = world.plan(&file).await;
    assert!(
        plan.to_text().contains("client_secret: (another one)"),
        "{}",
        plan.to_text()
    );
    assert!(
        !plan.to_text().contains("somebody-elses") && !plan.to_json().to_string().contains(secret)
    );
    assert!(world.apply(&file).await.plan.is_done());
    let idp = &world.named(&["idps"], "Tacit OIDC factor").await[0];
    let secret = idp["protocol"]["credentials"]["client"]["client_secret"]
        .as_str()
        .unwrap();
    assert!(
        tacit::domain::oidc::is_secret(&world.app, &connection, secret)
            .await
            .unwrap()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_identity_routes_by_attribute_and_its_event_hook_is_verified() {
    let world = World::new(|_| {}).await;
    let file = world.example("beyond-identity");
    assert_eq!(
        waits(&world.apply(&file).await),
        ["routing_rule Registered for passkeys"]
    );
    world.signs_in("beyond-identity").await;
    assert!(world.apply(&file).await.plan.is_done());
    changes_nothing(&world, &file).await;

    let hook = &world.named(&["eventHooks"], "Tacit").await[0];
    assert_eq!(
        (&hook["verificationStatus"], &hook["status"]),
        (&json!("VERIFIED"), &json!("ACTIVE"))
    );
    assert_eq!(
        hook["channel"]["config"]["uri"],
        format!("{ORIGIN}/okta/beyond-identity/events")
    );
    let schema = world.client.user_schema().await.unwrap();
    assert_eq!(
        schema.custom("byndidRegistered").unwrap()["type"],
        "boolean"
    );
    let identifier = &world.rules().await[0]["conditions"]["userIdentifier"];
    assert_eq!(
        (
            &identifier["type"],
            &identifier["attribute"],
            &identifier["patterns"]
        ),
        (
            &json!("ATTRIBUTE"),
            &json!("byndidRegistered"),
            &json!([{ "matchType": "EQUALS", "value": "true" }])
        )
    );
    // Somebody makes another secret for the receiver: the org's is not good any more, and apply mends that.
    let id = "beyond-identity".parse().unwrap();
    let mut org = world.app.store.find_okta_org(&id).await.unwrap().unwrap();
    assert!(!org.hook_hash.is_empty());
    org.hook_hash = tacit::keys::hash(b"another");
    world.app.store.put_okta_org(&org).await.unwrap();
    let plan = world.plan(&file).await;
    assert!(
        plan.to_text().contains("authScheme/value: (another one)"),
        "{}",
        plan.to_text()
    );
    assert!(world.apply(&file).await.plan.is_done());
    changes_nothing(&world, &file).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn truepic_an_application_gets_its_group_and_a_file_with_its_credentials() {
    let world = World::new(|_| {}).await;
    let file = world.example("truepic");
    let applied = world.apply(&file).await;
    assert!(applied.plan.is_done(), "{}", applied.plan.to_text());
    changes_nothing(&world, &file).await;

    let app = &world.named(&["apps"], "Truepic Vision").await[0];
    assert_eq!(
        app["settings"]["oauthClient"]["redirect_uris"],
        json!(["https://vision.acme.test/oidc/callback"])
    );
    let id = app["id"].as_str().unwrap();
    let group = &world.named(&["groups"], "Truepic Vision").await[0];
    assert_eq!(
        world.all(&["apps", id, "groups"]).await[0]["id"],
        group["id"]
    );
    let path = world.data.path().join("truepic-client.toml");
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(
        written.contains(&format!("client_id = \"{id}\"")),
        "the client's id is the application's here"
    );
    assert!(written.lines().nth(1).unwrap().len() > "client_secret = \"\"".len());
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apply_that_is_killed_between_any_call_and_its_record_is_resumed_without_duplicates() {
    for (path, method, segments, name) in [
        ("/api/v1/groups", "POST", &["groups"][..], "Beyond Identity"),
        ("/api/v1/idps", "POST", &["idps"], "Tacit passkeys"),
        ("/api/v1/eventHooks", "POST", &["eventHooks"], "Tacit"),
    ] {
        let world = World::new(|_| {}).await;
        let file = world.example("beyond-identity");
        // The org does it, and its answer comes when nobody waits any more.
        world.fault(json!({ "kind": "late_answer", "milliseconds": 60_000, "path": path, "method": method })).await;
        let organiser = world.organiser_within(
            &file,
            Bounds {
                exchange: Duration::from_secs(60),
                ..Bounds::default()
            },
        );
        let run = tokio::spawn(async move { apply(&organiser, false).await.map(|_| ()) });
        let deadline = Instant::now() + Duration::from_secs(20);
        while world.named(segments, name).await.is_empty() {
            assert!(Instant::now() < deadline, "{path}: it was never made");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        run.abort();
        assert!(
            run.await.unwrap_err().is_cancelled(),
            "{path}: killed in between"
        );
        let plan = world.plan(&file).await;
        assert!(
            plan.steps.iter().any(|step| step.action == Action::Resume),
            "{path}: {}",
            plan.to_text()
        );
        assert_eq!(
            waits(&world.apply(&file).await),
            ["routing_rule Registered for passkeys"],
            "{path}"
        );
        assert_eq!(
            world.named(segments, name).await.len(),
            1,
            "{path}: no duplicates"
        );
        world.changes().await;
        world.apply(&file).await;
        assert_eq!(world.changes().await, [], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apply_that_is_killed_before_a_call_reaches_the_org_makes_it_the_next_time() {
    let world = World::new(|_| {}).await;
    let file = world.example("trusona");
    world.fault(json!({ "kind": "delay", "milliseconds": 60_000, "path": "/api/v1/trustedOrigins", "method": "POST" })).await;
    let organiser = world.organiser_within(
        &file,
        Bounds {
            exchange: Duration::from_secs(60),
            ..Bounds::default()
        },
    );
    let run = tokio::spawn(async move { apply(&organiser, false).await.map(|_| ()) });
    let organization = world.client.organization().await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let rows = world
            .app
            .store
            .okta_objects("trusona", &organization.id)
            .await
            .unwrap();
        if rows
            .iter()
            .any(|row| row.kind == "trusted_origin" && row.state == "intended")
        {
            break;
        }
        assert!(Instant::now() < deadline, "it was never meant to be made");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    assert_eq!(
        waits(&world.apply(&file).await),
        ["routing_rule Passwordless"]
    );
    assert_eq!(
        world
            .named(&["trustedOrigins"], "Tacit gateway")
            .await
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_org_that_answers_429_and_500_gets_everything_once() {
    for trouble in [
        json!({ "kind": "rate_limit", "reset_seconds": 1, "path": "/api/v1/groups" }),
        json!({ "kind": "status", "status": 500, "path": "/api/v1/groups", "method": "POST" }),
        json!({ "kind": "lost_answer", "status": 500, "path": "/api/v1/groups", "method": "POST" }),
        json!({ "kind": "lost_answer", "status": 502, "path": "/api/v1/idps", "method": "POST", "times": 2 }),
        json!({ "kind": "lost_answer", "status": 503, "path": "/api/v1/trustedOrigins", "method": "POST" }),
        json!({ "kind": "status", "status": 503, "path": "/api/v1/policies", "times": 2 }),
    ] {
        let world = World::new(|_| {}).await;
        let file = world.example("trusona");
        world.fault(trouble.clone()).await;
        let applied = world.apply(&file).await;
        assert_eq!(
            waits(&applied),
            ["routing_rule Passwordless"],
            "{trouble}: {}",
            applied.plan.to_text()
        );
        for (segments, name) in [
            (&["groups"][..], "Trusona"),
            (&["idps"], "Tacit passwordless"),
            (&["trustedOrigins"], "Tacit gateway"),
        ] {
            assert_eq!(world.named(segments, name).await.len(), 1, "{trouble}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_org_that_stays_broken_ends_the_run_and_the_next_run_goes_on() {
    let world = World::new(|_| {}).await;
    let file = world.example("trusona");
    world.fault(json!({ "kind": "status", "status": 500, "path": "/api/v1/trustedOrigins", "method": "POST", "times": 9 })).await;
    let error = apply(&world.organiser(&file), false).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("making trusted_origin Tacit gateway"),
        "{error}"
    );
    assert!(!error.to_string().contains(TOKEN));
    let _ = world
        .client
        .delete(&at(&["stand-in", "admin", "faults"]))
        .await;
    assert_eq!(
        waits(&world.apply(&file).await),
        ["routing_rule Passwordless"]
    );
    assert_eq!(world.named(&["groups"], "Trusona").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_orgs_token_is_named_as_the_failing_step_and_not_shown() {
    let world = World::new(|_| {}).await;
    let other = "00anotherOrgsTokenThatIsOfNoUseHere00000042";
    std::fs::write(world.data.path().join("token"), other).unwrap();
    let organiser = world.organiser(&world.example("trusona"));
    let error = apply(&organiser, false).await.unwrap_err().to_string();
    assert!(
        error.contains("E0000011") && !error.contains(other),
        "{error}"
    );
    let findings = organiser.doctor().await.unwrap();
    assert_eq!(failed(&findings), ["token"]);
    let shown = format!("{findings:?}");
    assert!(
        shown.contains("another org's") && !shown.contains(other),
        "{shown}"
    );
    assert_eq!(world.changes().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_for_another_org_does_nothing() {
    let world = World::new(|_| {}).await;
    let file = world
        .example("trusona")
        .replace("[org]\n", "[org]\nid = \"00oanotherorg0000000\"\n");
    let organiser = world.organiser(&file);
    assert!(matches!(
        apply(&organiser, false).await,
        Err(Error::OtherOrg { .. })
    ));
    assert!(matches!(
        organiser.plan(false).await,
        Err(Error::OtherOrg { .. })
    ));
    assert_eq!(failed(&organiser.doctor().await.unwrap()), ["org"]);
    assert_eq!(world.changes().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_deleted_or_changed_behind_our_back_is_found_and_mended() {
    let world = World::new(|_| {}).await;
    let file = world.example("trusona");
    world.apply(&file).await;
    let origin = &world.named(&["trustedOrigins"], "Tacit gateway").await[0];
    let id = origin["id"].as_str().unwrap();
    let place = at(&["api", "v1", "trustedOrigins", id]);
    world.client.lifecycle(&place, "deactivate").await.unwrap();
    world.client.delete(&place).await.unwrap();
    let idp = &world.named(&["idps"], "Tacit passwordless").await[0];
    let mut body = idp.clone();
    body["policy"]["provisioning"]["action"] = "AUTO".into();
    body["policy"]["maxClockSkew"] = 0.into();
    let _: Value = world
        .client
        .replace(
            &at(&["api", "v1", "idps", idp["id"].as_str().unwrap()]),
            &body,
        )
        .await
        .unwrap();
    let plan = world.plan(&file).await;
    let text = plan.to_text();
    assert!(text.contains("somebody deleted it in the org"), "{text}");
    assert!(
        text.contains("policy.provisioning.action: AUTO -> DISABLED"),
        "{text}"
    );
    let findings = world.organiser(&file).doctor().await.unwrap();
    assert!(
        failed(&findings).contains(&"trusted_origin Tacit gateway"),
        "{findings:?}"
    );
    let applied = world.apply(&file).await;
    assert_eq!(
        (applied.done, waits(&applied)),
        (2, vec!["routing_rule Passwordless".to_owned()]),
        "{}",
        applied.plan.to_text()
    );
    // The whole identity provider: a new one has another name for us, which our side takes over.
    let before = world
        .app
        .store
        .find_connection(&"trusona".parse().unwrap())
        .await
        .unwrap()
        .unwrap()
        .metadata;
    let place = at(&["api", "v1", "idps", idp["id"].as_str().unwrap()]);
    world.client.lifecycle(&place, "deactivate").await.unwrap();
    world.client.delete(&place).await.unwrap();
    assert_eq!(
        waits(&world.apply(&file).await),
        ["routing_rule Passwordless"]
    );
    let after = world
        .app
        .store
        .find_connection(&"trusona".parse().unwrap())
        .await
        .unwrap()
        .unwrap()
        .metadata;
    assert_ne!(before, after);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_applies_at_once_one_is_refused() {
    let world = World::new(|_| {}).await;
    let file = world.example("trusona");
    world.fault(json!({ "kind": "delay", "milliseconds": 2_000, "path": "/api/v1/groups", "method": "POST" })).await;
    let (one, other) = (world.organiser(&file), world.organiser(&file));
    let (began, begun) = tokio::sync::oneshot::channel();
    let began = Mutex::new(Some(began));
    let run = tokio::spawn(async move {
        let mut agrees = move |_: &Planned| {
            let _ = began.lock().unwrap().take().unwrap().send(());
            true
        };
        one.apply(ApplyOptions::default(), &mut agrees, &mut |_: Progress<
            '_,
        >| {})
            .await
            .map(|_| ())
    });
    begun.await.unwrap();
    assert!(matches!(apply(&other, false).await, Err(Error::Busy)));
    run.await.unwrap().unwrap();
    assert_eq!(world.named(&["groups"], "Trusona").await.len(), 1);
    assert_eq!(
        waits(&apply(&other, false).await.unwrap()),
        ["routing_rule Passwordless"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_made_is_neither_changed_nor_taken_away_unless_it_is_taken_over() {
    let world = World::new(|_| {}).await;
    let file = world.example("trusona");
    let theirs: Value = world
        .client
        .create(
            &at(&["api", "v1", "groups"]),
            &json!({ "profile": { "name": "Trusona", "description": "theirs" } }),
        )
        .await
        .unwrap();
    world.changes().await;
    let error = apply(&world.organiser(&file), false).await.unwrap_err();
    assert!(
        matches!(&error, Error::Blocked(keys) if keys[0].to_string() == "group Trusona"),
        "{error}"
    );
    assert_eq!(world.changes().await, [], "nothing is begun");
    let applied = apply(&world.organiser(&file), true).await.unwrap();
    assert_eq!(waits(&applied), ["routing_rule Passwordless"]);
    let group = &world.named(&["groups"], "Trusona").await[0];
    assert_eq!(group["id"], theirs["id"]);
    assert_ne!(group["profile"]["description"], "theirs");
    let destroyed = world
        .organiser(&file)
        .destroy(&mut |_| true, &mut |_| {})
        .await
        .unwrap()
        .unwrap();
    assert!(
        destroyed
            .left
            .iter()
            .any(|(key, _)| key.to_string() == "group Trusona")
    );
    assert_eq!(
        world.named(&["groups"], "Trusona").await.len(),
        1,
        "it was theirs"
    );
    assert!(
        world
            .named(&["idps"], "Tacit passwordless")
            .await
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn destroy_takes_away_what_apply_made_in_reverse_order_and_nothing_else() {
    let world = World::new(|_| {}).await;
    let count = async || {
        let mut all = Vec::new();
        for segments in [
            &["groups"][..],
            &["idps"],
            &["trustedOrigins"],
            &["eventHooks"],
            &["apps"],
            &["idps", "credentials", "keys"],
        ] {
            all.push(world.all(segments).await.len());
        }
        all
    };
    let before = count().await;
    for name in ["trusona", "beyond-identity", "truepic"] {
        let file = world.example(name);
        world.apply(&file).await;
        if name != "truepic" {
            world.signs_in(name).await;
            assert!(world.apply(&file).await.plan.is_done());
        }
        world.changes().await;
        let destroyed = world
            .organiser(&file)
            .destroy(&mut |_| true, &mut |_| {})
            .await
            .unwrap()
            .unwrap();
        let kinds: Vec<&str> = destroyed
            .removed
            .iter()
            .map(|key| key.kind.code())
            .collect();
        let order = |kind: &str| kinds.iter().position(|k| *k == kind);
        assert!(
            order("routing_rule") <= order("identity_provider")
                && order("identity_provider") <= order("group"),
            "{kinds:?}"
        );
        assert_eq!(count().await, before, "{name}: {kinds:?}");
        assert!(world.rules().await.is_empty());
        let connection = world
            .app
            .store
            .find_connection(&name.parse().unwrap())
            .await
            .unwrap();
        assert!(
            connection.is_none_or(|c| c.metadata.is_empty()),
            "{name}: our side answers nobody any more"
        );
        assert!(
            world
                .app
                .store
                .find_okta_org(&name.parse().unwrap())
                .await
                .unwrap()
                .is_none()
        );
        let again = world
            .organiser(&file)
            .destroy(&mut |_| true, &mut |_| {})
            .await
            .unwrap()
            .unwrap();
        assert!(again.removed.is_empty());
    }
    assert!(
        world
            .client
            .user_schema()
            .await
            .unwrap()
            .custom("byndidRegistered")
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routing_rules_are_refused_when_no_exempt_administrator_remains() {
    for (users, expected) in [
        (
            "[[users]]\nlogin = \"break-glass@ops.acme.test\"\npassword = \"p\"\n",
            "neither a super administrator",
        ),
        (
            "[[users]]\nlogin = \"ann@acme.test\"\npassword = \"p\"\nroles = [\"SUPER_ADMIN\"]\n",
            "nobody named",
        ),
    ] {
        let world = World::new(|config| {
            config.users = Config::from_toml(users).unwrap().users;
        })
        .await;
        let file = world.example("trusona");
        world.apply(&file).await;
        world.signs_in("trusona").await;
        let applied = world.apply(&file).await;
        assert_eq!(waits(&applied), ["routing_rule Passwordless"]);
        assert!(
            applied.waits[0].1.why.contains(expected),
            "{:?}",
            applied.waits
        );
        assert!(world.rules().await.is_empty());
    }
    // The administrator is reached by the rule itself.
    let world = World::new(|_| {}).await;
    let file = world
        .example("trusona")
        .replace("suffix = [\"@acme.test\"]", "suffix = [\"acme.test\"]");
    world.apply(&file).await;
    world.signs_in("trusona").await;
    let applied = world.apply(&file).await;
    assert!(
        applied.waits[0]
            .1
            .why
            .contains("reaches break-glass@ops.acme.test"),
        "{:?}",
        applied.waits
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_rolled_over_with_two_applies_and_no_pause() {
    use tacit::domain::{connection::KeyStatus, signing};
    let world = World::new(|_| {}).await;
    let file = world.example("trusona");
    world.apply(&file).await;
    let id = "trusona".parse().unwrap();
    let trust = async || {
        world.named(&["idps"], "Tacit passwordless").await[0]["protocol"]["credentials"]["trust"]
            .clone()
    };
    let old = trust().await["kid"].clone();
    let now = world.app.now_ms();
    let next = signing::generate(&world.app, &id, KeyStatus::Next, now).unwrap();
    world.app.store.announce_key(&id, &next).await.unwrap();
    assert_eq!(
        waits(&world.apply(&file).await),
        ["routing_rule Passwordless"]
    );
    let both = trust().await;
    assert_eq!(
        (
            &both["kid"],
            both["additionalKids"].as_array().map(Vec::len)
        ),
        (&old, Some(1))
    );
    world
        .app
        .store
        .promote_key(&id, now + SECOND)
        .await
        .unwrap();
    let findings = world.organiser(&file).doctor().await.unwrap();
    assert!(
        failed(&findings).contains(&"Tacit passwordless: certificate"),
        "{findings:?}"
    );
    world.apply(&file).await;
    let new = trust().await;
    assert_eq!(
        (&new["kid"], &new["additionalKids"]),
        (&both["additionalKids"][0], &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_names_the_failing_step_and_is_content_in_the_end() {
    let world = World::new(|_| {}).await;
    let file = world.example("trusona");
    let findings = world.organiser(&file).doctor().await.unwrap();
    assert!(failed(&findings).contains(&"group Trusona"), "{findings:?}");
    world.apply(&file).await;
    let findings = world.organiser(&file).doctor().await.unwrap();
    assert_eq!(
        failed(&findings),
        [
            "routing_rule Passwordless",
            "Tacit passwordless: test sign-in"
        ]
    );
    world.signs_in("trusona").await;
    world.apply(&file).await;
    let findings = world.organiser(&file).doctor().await.unwrap();
    assert_eq!(failed(&findings), Vec::<&str>::new(), "{findings:?}");
    // Somebody makes a factor of a sign-in: whoever holds the device would pass as both.
    world.clicks_factor_only("Tacit passwordless").await;
    let idp = &world.named(&["idps"], "Tacit passwordless").await[0];
    let body = json!({ "key": "external_idp", "name": "x", "provider": { "type": "CLAIMS", "configuration": { "idpId": idp["id"] } } });
    let _: Value = world
        .client
        .create(
            &at(&["api", "v1", "authenticators"]).with("activate", "true"),
            &body,
        )
        .await
        .unwrap();
    let findings = world.organiser(&file).doctor().await.unwrap();
    assert_eq!(
        failed(&findings),
        ["Tacit passwordless: role"],
        "{findings:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_any_output_of_a_whole_life() {
    let world = World::new(|_| {}).await;
    let mut shown = String::new();
    for name in ["duo", "beyond-identity"] {
        let file = world.example(name);
        let organiser = world.organiser(&file);
        let seen = Arc::new(Mutex::new(String::new()));
        let (one, other) = (seen.clone(), seen.clone());
        let mut agrees = move |planned: &Planned| {
            one.lock().unwrap().push_str(&format!(
                "{planned:?}{}{}",
                planned.plan.to_text(),
                planned.plan.to_json()
            ));
            true
        };
        let mut tell =
            move |progress: Progress<'_>| other.lock().unwrap().push_str(&format!("{progress:?}"));
        let applied = organiser
            .apply(ApplyOptions::default(), &mut agrees, &mut tell)
            .await
            .unwrap()
            .unwrap();
        shown += &format!(
            "{applied:?}{:?}{}",
            organiser.doctor().await.unwrap(),
            seen.lock().unwrap()
        );
        shown += &tacit::okta::organiser::terraform(&world.app, organiser.wanted())
            .await
            .unwrap();
    }
    let idps = world.all(&["idps"]).await;
    let secrets = idps.iter().filter_map(|idp| {
        idp.pointer("/protocol/credentials/client/client_secret")?
            .as_str()
    });
    let secrets: Vec<&str> = secrets.chain([TOKEN]).collect();
    assert_eq!(secrets.len(), 3);
    for secret in secrets {
        assert!(!shown.contains(secret));
    }
}
