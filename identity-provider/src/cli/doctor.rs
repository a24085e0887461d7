//! `tacit doctor`: tests every step that a sign-in needs, in its order, and names the failing one with its repair.

mod mail;

use super::{oidc, serve};
use crate::{
    app::App,
    clock::{Clock, DAY},
    domain::{connection::KeyStatus, policy::Policy, signing::key_context},
    http::saml::Signer,
    keys::MasterKey,
    limits::Limits,
    settings::{MASTER_KEY_FILE, Settings},
    store::Store,
};
use clap::Args;
use serde_json::json;
use standards::saml::{certificate::Certificate, metadata::ServiceProvider};
use std::{path::Path, process::ExitCode};

#[derive(Debug, Args)]
pub struct Doctor {
    #[arg(long)]
    json: bool,
}

struct Findings {
    json: bool,
    failed: u32,
}

impl Findings {
    fn note(&mut self, step: &str, finding: Result<String, (String, String)>) -> bool {
        let (good, what, repair) = match finding {
            Ok(what) => (true, what, String::new()),
            Err((what, repair)) => (false, what, repair),
        };
        if self.json {
            println!(
                "{}",
                json!({ "step": step, "good": good, "what": what, "repair": repair })
            );
        } else if good {
            println!("good  {step}: {what}");
        } else {
            println!("FAIL  {step}: {what}\n      repair: {repair}");
        }
        self.failed += u32::from(!good);
        good
    }
}

fn failed<T>(what: impl ToString, repair: impl ToString) -> Result<T, (String, String)> {
    Err((what.to_string(), repair.to_string()))
}

impl Doctor {
    pub async fn run(self, data: &Path) -> anyhow::Result<ExitCode> {
        let mut findings = Findings {
            json: self.json,
            failed: 0,
        };
        if let Some(app) = open_step_by_step(data, &mut findings).await {
            examine(&app, &mut findings).await?;
            app.store.close().await;
        }
        if !self.json {
            println!(
                "{}",
                if findings.failed == 0 {
                    "everything is in order"
                } else {
                    "something has to be repaired"
                }
            );
        }
        Ok(if findings.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

async fn open_step_by_step(data: &Path, findings: &mut Findings) -> Option<App> {
    let settings = match Settings::load(data) {
        Ok(settings) => {
            findings.note("settings", Ok(settings.origin.to_string()));
            settings
        }
        Err(error) => {
            findings.note(
                "settings",
                failed(error, "run `tacit init`, or mend the file by hand"),
            );
            return None;
        }
    };
    let master = match MasterKey::load_file(&data.join(MASTER_KEY_FILE)) {
        Ok(master) => {
            findings.note("master key", Ok("readable by its owner only".into()));
            master
        }
        Err(error) => {
            findings.note(
                "master key",
                failed(error, "restore master.key from its backup, with mode 600"),
            );
            return None;
        }
    };
    let store = match Store::open(&settings.database).await {
        Ok(store) => {
            findings.note("database", Ok("answers, schema up to date".into()));
            store
        }
        Err(error) => {
            findings.note(
                "database",
                failed(
                    error,
                    "check `database` in tacit.toml and that the server may write there",
                ),
            );
            return None;
        }
    };
    Some(App::new(
        settings,
        store,
        Clock::System,
        master,
        Limits::default(),
    ))
}

async fn examine(app: &App, findings: &mut Findings) -> anyhow::Result<()> {
    findings.note("TLS", tls(app));
    findings.note("listening address", listening(app).await);
    findings.note("policy", policy(app).await?);
    let connections = app.store.list_connections().await?;
    if connections.is_empty() {
        findings.note(
            "connections",
            failed(
                "there is none",
                "tacit connection add NAME --role factor --metadata FILE",
            ),
        );
    }
    for connection in &connections {
        let name = &connection.id;
        if let Some(client) = app.store.find_oidc_client(name).await? {
            for (step, finding) in oidc::examine(app, &client).await? {
                findings.note(&format!("connection {name}: {step}"), finding);
            }
            continue;
        }
        let metadata = match ServiceProvider::parse(connection.metadata.as_bytes()) {
            Ok(sp) if sp.authn_requests_signed() => Ok(sp.entity_id().to_owned()),
            Ok(_) => failed(
                "Okta does not sign its requests",
                "switch request signing on in Okta and import the metadata anew",
            ),
            Err(error) => failed(
                error,
                format!("tacit connection update {name} --metadata FILE"),
            ),
        };
        findings.note(&format!("connection {name}: metadata"), metadata);
        for key in app.store.signing_keys_of(name).await? {
            let opened = app
                .master
                .open(&key_context(name.as_str()), &key.sealed_key);
            let signer = opened.and_then(|pkcs8| Signer::new(key.certificate.clone(), &pkcs8));
            let signature = signer.and_then(|s| s.sign(b"doctor"));
            let certificate = Certificate::from_der(&key.certificate).ok();
            let fits = match (&certificate, &signature) {
                (Some(certificate), Some(signature)) => {
                    certificate.verifies_rsa_sha256(b"doctor", signature)
                }
                _ => false,
            };
            let days = certificate.map_or(0, |c| (c.not_after_ms() - app.now_ms()) / DAY);
            let status = if key.status == KeyStatus::Current {
                "current"
            } else {
                "next"
            };
            let repair = format!("tacit connection rotate {name}");
            let finding = match (fits, days) {
                (false, _) => failed(
                    "the key cannot be opened, or does not fit its certificate",
                    "restore master.key and database from the same time",
                ),
                (true, ..30) => failed(format!("the certificate expires in {days} days"), repair),
                (true, days) => Ok(format!("signs, certificate good for {days} days")),
            };
            findings.note(&format!("connection {name}: {status} signing key"), finding);
        }
    }
    let people = app.store.list_users().await?.len();
    let finding = match people {
        0 => failed("there is none", "tacit user add LOGIN"),
        n => Ok(n.to_string()),
    };
    findings.note("people", finding);
    let now = app.now_ms();
    let tokens = app.store.list_tokens().await?;
    let good = tokens
        .iter()
        .filter(|t| t.purpose == "enrolment" && t.is_good(now))
        .count();
    let finding = match good {
        0 => failed(
            "there is none, so no device can register",
            "tacit token create --purpose enrolment",
        ),
        n => Ok(format!("{n} good")),
    };
    findings.note("enrolment tokens", finding);
    for (step, finding) in super::scim::examine(app).await? {
        findings.note(&step, finding);
    }
    for (step, finding) in super::okta::examine(app).await? {
        findings.note(&step, finding);
    }
    mail::examine(app, findings).await
}

fn tls(app: &App) -> Result<String, (String, String)> {
    match &app.settings.tls {
        None => Ok("done by a trusted proxy".into()),
        Some(files) => match serve::acceptor(files) {
            Ok(_) => Ok("certificate and key fit together".into()),
            Err(error) => failed(format!("{error:#}"), "check [tls] in tacit.toml"),
        },
    }
}

/// Whether the address can be listened on, or somebody (we, it is to be hoped) listens there already.
async fn listening(app: &App) -> Result<String, (String, String)> {
    let address = app.settings.listen;
    match tokio::net::TcpListener::bind(address).await {
        Ok(_) => Ok(format!("{address} is free: the server is not running")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Ok(format!("{address} is in use: the server is running"))
        }
        Err(error) => failed(
            format!("{address}: {error}"),
            "choose another `listen` in tacit.toml, or give the server the right to this one",
        ),
    }
}

async fn policy(app: &App) -> anyhow::Result<Result<String, (String, String)>> {
    let Some(version) = app.store.policy_version().await? else {
        return Ok(Ok("the one that ships with Tacit".into()));
    };
    let text = app
        .store
        .find_policy(version)
        .await?
        .map(|row| row.text)
        .unwrap_or_default();
    Ok(match Policy::parse(&text) {
        Ok(_) => Ok(format!("version {version}")),
        Err(error) => failed(
            format!("version {version}: {error}"),
            "tacit policy restore N",
        ),
    })
}
