//! The link of a connection to its org while people sign in: where the org is, who we are there, what follows from what, and
//! what is on its way.

use crate::{
    app::App,
    cli::open,
    clock::rfc3339,
    domain::okta::{EVENT_TYPES, Effects, OktaOrg, OnTakeover},
    http::okta::hook_url,
    keys,
    okta::{
        client::{Pipeline, ServiceApp},
        connect::{self, StoredCredential},
        transmitter,
    },
    random,
    store::okta::{ACTIONS, ActionRow},
};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};
use wire::id::{ConnectionId, Origin};

/// Actions that are listed.
const LISTED: i64 = 200;
/// Dead ones that doctor names.
const NAMED: i64 = 5;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Says which org a connection belongs to and what is done there; changes what is given, after a look at the org.
    Connect(Box<Connect>),
    /// Shows what a connection does at its org, and what the org has to know of us.
    Show {
        /// Of the connection.
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Makes a new shared secret for the org's event hook, and prints it once.
    Hook {
        /// Of the connection.
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Lists the latest actions at orgs and what became of them.
    Actions {
        /// Only those that were given up.
        #[arg(long)]
        dead: bool,
        #[arg(long)]
        json: bool,
    },
    /// Tries again what was given up.
    Retry,
    /// Tells the org everything anew that it was told of people.
    Push {
        /// Of the connection.
        name: String,
    },
}

#[derive(Debug, Args)]
pub struct Connect {
    /// Of the connection.
    name: String,
    /// Where the org is: https://acme.okta.com
    #[arg(long)]
    org: Option<Origin>,
    /// A file with an API token, which only its owner may read.
    #[arg(long, conflicts_with = "client_id")]
    token_file: Option<PathBuf>,
    /// The client id of an OAuth service application, instead of an API token.
    #[arg(long, requires_all = ["kid", "key_file", "scope"])]
    client_id: Option<String>,
    /// The name of its key at the org.
    #[arg(long, requires = "client_id")]
    kid: Option<String>,
    /// Its private key in PEM, which only its owner may read.
    #[arg(long, requires = "client_id")]
    key_file: Option<PathBuf>,
    /// What it may do, such as okta.users.manage; several times.
    #[arg(long, requires = "client_id")]
    scope: Vec<String>,
    /// PEM certificates that are trusted for this org besides the machine's own.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Where a host is, instead of asking DNS: acme.okta.com=10.0.0.7:443; several times.
    #[arg(long, value_name = "HOST=ADDRESS:PORT", value_parser = address)]
    address: Vec<(String, SocketAddr)>,
    /// The id of the org's group that enrolled people are kept in; empty for none.
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// The org's boolean attribute that is true for enrolled people; empty for none.
    #[arg(long, value_name = "NAME")]
    attribute: Option<String>,
    /// The id of the org's group that lets people in: who is taken out of it leaves here; empty for none.
    #[arg(long, value_name = "ID")]
    watched_group: Option<String>,
    /// What happens at the org when somebody else is at the keyboard; several, with commas.
    #[arg(long, value_delimiter = ',')]
    on_takeover: Option<Vec<OnTakeover>>,
    /// Nothing does.
    #[arg(long, conflicts_with = "on_takeover")]
    no_on_takeover: bool,
    /// Does not look at the org first.
    #[arg(long)]
    unseen: bool,
}

fn address(text: &str) -> Result<(String, SocketAddr), String> {
    let (host, address) = text.split_once('=').ok_or("HOST=ADDRESS:PORT is needed")?;
    let address = address.parse().map_err(|_| "ADDRESS:PORT is no address")?;
    Ok((host.to_owned(), address))
}

impl Command {
    pub async fn run(self, data: &Path) -> anyhow::Result<ExitCode> {
        let app = open::app(data).await?;
        match self {
            Self::Connect(connect) => connect.run(&app).await?,
            Self::Show { name, json } => show(&app, &find(&app, &name).await?, json)?,
            Self::Hook { name, json } => hook(&app, find(&app, &name).await?, json).await?,
            Self::Actions { dead, json } => list(&app, dead, json).await?,
            Self::Retry => {
                let now = app.now_ms();
                let revived = app.store.revive(&ACTIONS, now).await?;
                note(&app, "okta_actions_retried", &revived.to_string()).await?;
                println!("{revived} will be tried again by the running server");
            }
            Self::Push { name } => {
                let org = find(&app, &name).await?;
                app.store.forget_told(&org.connection).await?;
                let queued = app.store.queue_untold(&org, app.now_ms()).await?;
                note(&app, "okta_pushed", &name).await?;
                println!("{queued} will be told by the running server, and the rest after them");
            }
        }
        app.store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

impl Connect {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let id = ConnectionId::new(self.name.clone()).context("the connection's name")?;
        if app.store.find_connection(&id).await?.is_none() {
            bail!("there is no connection {id}: `tacit connection add` makes one");
        }
        let before = app.store.find_okta_org(&id).await?;
        let credential = self.credential()?;
        let org = match (&self.org, &before) {
            (Some(org), _) => org.clone(),
            (None, Some(before)) => before.org.clone(),
            (None, None) => bail!("--org is needed: where is the org?"),
        };
        if !org.as_str().starts_with("https://") {
            bail!("the org has to be reached over https");
        }
        let is_another = before.as_ref().is_some_and(|b| b.org != org);
        let sealed_credential = match (&credential, &before) {
            (Some(credential), _) => credential.seal(&app.master, &id),
            // A credential goes to the org that it was given for, and to no other.
            (None, Some(before)) if !is_another => before.sealed_credential.clone(),
            (None, _) => {
                bail!("--token-file is needed, or --client-id with --kid, --key-file and --scope")
            }
        };
        let ca = match (&self.ca, &before) {
            (Some(file), _) => std::fs::read_to_string(file)
                .with_context(|| format!("reading {}", file.display()))?,
            (None, before) => before.as_ref().map(|b| b.ca.clone()).unwrap_or_default(),
        };
        let addresses: BTreeMap<_, _> = match (self.address.is_empty(), &before) {
            (true, Some(before)) => before.addresses.clone(),
            _ => self.address.iter().cloned().collect(),
        };
        let known = before
            .as_ref()
            .map(|b| b.effects.clone())
            .unwrap_or_default();
        let org = OktaOrg {
            connection: id,
            org,
            sealed_credential,
            ca,
            addresses,
            effects: self.effects(known).checked()?,
            hook_hash: before
                .as_ref()
                .map(|b| b.hook_hash.clone())
                .unwrap_or_default(),
            updated_at: app.now_ms(),
        };
        if !self.unseen {
            for (step, finding) in look(app, &org).await {
                match finding {
                    Ok(what) => println!("good  {step}: {what}"),
                    Err((what, repair)) => {
                        bail!("{step}: {what}\nrepair: {repair}\n(--unseen stores it all the same)")
                    }
                }
            }
        }
        app.store.put_okta_org(&org).await?;
        let queued = app.store.queue_untold(&org, app.now_ms()).await?;
        note(
            app,
            "okta_connected",
            &format!("{} {}", org.connection, org.org),
        )
        .await?;
        println!(
            "{} is connected to {}; {queued} people to tell it of",
            org.connection, org.org
        );
        Ok(())
    }

    fn credential(&self) -> anyhow::Result<Option<StoredCredential>> {
        if let Some(file) = &self.token_file {
            let token = secret(file)?.trim().to_owned();
            let is_token = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
            if !is_token {
                bail!("{} does not hold an API token", file.display());
            }
            return Ok(Some(StoredCredential::Token { token }));
        }
        let (Some(client_id), Some(kid), Some(file)) = (&self.client_id, &self.kid, &self.key_file)
        else {
            return Ok(None);
        };
        let key = secret(file)?;
        // Refused here rather than at the first call.
        ServiceApp::new(client_id, kid, &self.scope, key.as_bytes())?;
        Ok(Some(StoredCredential::ServiceApp {
            client_id: client_id.clone(),
            kid: kid.clone(),
            scopes: self.scope.clone(),
            key: key.to_string(),
        }))
    }

    fn effects(&self, known: Effects) -> Effects {
        let chosen = |given: &Option<String>, known: Option<String>| match given.as_deref() {
            None => known,
            Some("") => None,
            Some(name) => Some(name.to_owned()),
        };
        Effects {
            group: chosen(&self.group, known.group),
            attribute: chosen(&self.attribute, known.attribute),
            watched_group: chosen(&self.watched_group, known.watched_group),
            on_takeover: match (&self.on_takeover, self.no_on_takeover) {
                (Some(chosen), _) => chosen.clone(),
                (None, true) => Vec::new(),
                (None, false) => known.on_takeover,
            },
        }
    }
}

fn secret(file: &Path) -> anyhow::Result<zeroize::Zeroizing<String>> {
    let name = file.display();
    if keys::is_readable_by_others(file).with_context(|| format!("reading {name}"))? {
        bail!("{name} may be read by others: chmod 600 it");
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {name}"))?;
    Ok(zeroize::Zeroizing::new(text))
}

async fn find(app: &App, name: &str) -> anyhow::Result<OktaOrg> {
    let id = ConnectionId::new(name).context("the connection's name")?;
    app.store.find_okta_org(&id).await?.with_context(|| {
        format!(
            "{name} is not connected to an org: `tacit okta connect {name} --org … --token-file …`"
        )
    })
}

async fn note(app: &App, kind: &str, detail: &str) -> anyhow::Result<()> {
    app.store
        .insert_admin_event(app.now_ms(), kind, &open::actor(), detail)
        .await?;
    Ok(())
}

fn show(app: &App, org: &OktaOrg, as_json: bool) -> anyhow::Result<()> {
    let credential = StoredCredential::open(&org.sealed_credential, &app.master, &org.connection);
    let credential = credential.map_or("not to be opened with this master key", |c| c.kind());
    let shown = json!({
        "connection": org.connection,
        "org": org.org,
        "credential": credential,
        "effects": org.effects,
        "event_hook": hook_url(app, &org.connection),
        "takes_events": !org.hook_hash.is_empty(),
        "transmitter": transmitter::well_known_url(app, &org.connection),
    });
    if as_json {
        return open::print_json(&shown);
    }
    println!("{}", serde_json::to_string_pretty(&shown)?);
    Ok(())
}

async fn hook(app: &App, org: OktaOrg, as_json: bool) -> anyhow::Result<()> {
    let secret = random::token::<32>();
    let org = OktaOrg {
        hook_hash: keys::hash(secret.as_bytes()),
        updated_at: app.now_ms().max(org.updated_at + 1),
        ..org
    };
    app.store.put_okta_org(&org).await?;
    note(app, "okta_hook_secret_made", org.connection.as_str()).await?;
    let url = hook_url(app, &org.connection);
    if as_json {
        return open::print_json(&json!({ "url": url, "secret": secret, "events": EVENT_TYPES }));
    }
    println!("In Okta, Workflow > Event Hooks > Create:");
    println!("  URL                   {url}");
    println!("  Authentication field  Authorization");
    println!("  Authentication secret {secret}");
    println!("  Events                {}", EVENT_TYPES.join(", "));
    println!("The secret is shown this once. A former one is not good any more.");
    Ok(())
}

async fn list(app: &App, dead: bool, as_json: bool) -> anyhow::Result<()> {
    let rows: Vec<ActionRow> = match dead {
        true => app.store.dead(&ACTIONS, LISTED).await?,
        false => app.store.latest(&ACTIONS, LISTED).await?,
    };
    for row in rows {
        if as_json {
            open::print_json(&row)?;
        } else {
            println!(
                "{}  {}  {}  {}  {}  {} attempt(s)  {}",
                rfc3339(row.created_at),
                row.state,
                row.connection,
                row.kind.code(),
                row.login,
                row.attempts,
                row.problem
            );
        }
    }
    Ok(())
}

type Finding = Result<String, (String, String)>;

/// For `tacit doctor`: each org, and what is on its way.
pub async fn examine(app: &App) -> anyhow::Result<Vec<(String, Finding)>> {
    let mut findings = Vec::new();
    for org in app.store.list_okta_orgs().await? {
        let found = look(app, &org).await.into_iter();
        findings.extend(
            found.map(|(step, finding)| (format!("org of {}: {step}", org.connection), finding)),
        );
    }
    let counts = app.store.count(&ACTIONS).await?;
    if findings.is_empty() && counts.dead + counts.waiting == 0 {
        return Ok(findings);
    }
    let finding = match counts.dead {
        0 => Ok(format!(
            "{} on their way, {} of them tried before",
            counts.waiting, counts.tried
        )),
        dead => {
            let rows: Vec<ActionRow> = app.store.dead(&ACTIONS, NAMED).await?;
            let named: Vec<String> = rows
                .iter()
                .map(|row| format!("{} of {} ({})", row.kind.code(), row.login, row.problem))
                .collect();
            Err((
                format!("{dead} were given up: {}", named.join("; ")),
                "mend the cause, then `tacit okta retry`; `tacit okta actions --dead` shows them all".into(),
            ))
        }
    };
    findings.push(("actions at orgs".into(), finding));
    Ok(findings)
}

/// Whether the org answers, knows us, and has what the effects name.
async fn look(app: &App, org: &OktaOrg) -> Vec<(&'static str, Finding)> {
    let failed =
        |what: &dyn std::fmt::Display, repair: &str| Err((what.to_string(), repair.into()));
    let client = match connect::impatient_client(app, org) {
        Ok(client) => client,
        Err(error) => {
            return vec![(
                "credential",
                failed(&error, "give it anew with `tacit okta connect`"),
            )];
        }
    };
    let mut findings = Vec::new();
    match client.organization().await {
        Err(error) => {
            findings.push((
                "address",
                failed(
                    &error,
                    "check --org, --ca and --address of `tacit okta connect`",
                ),
            ));
            return findings;
        }
        Ok(found) => {
            let engine = match found.pipeline {
                Pipeline::Classic => "Classic Engine",
                Pipeline::Identity => "Identity Engine",
            };
            findings.push(("address", Ok(format!("{} answers: {engine}", org.org))));
            let needs_itp =
                org.effects.on_takeover.iter().any(|effect| {
                    matches!(effect, OnTakeover::RiskHigh | OnTakeover::UserRiskChange)
                });
            if needs_itp && !found.settings.itp_enabled {
                findings.push((
                    "risk",
                    failed(
                        &"the org has no Identity Threat Protection",
                        "leave risk_high and user_risk_change out of --on-takeover",
                    ),
                ));
            }
        }
    }
    if let Some(group) = &org.effects.group {
        let finding = match client.group(group).await {
            Err(error) => failed(&error, "check the credential and its rights"),
            Ok(None) => failed(
                &format!("there is no group {group}"),
                "take the id from the group's address in Okta",
            ),
            Ok(Some(found)) if found.kind != "OKTA_GROUP" => failed(
                &format!(
                    "{} is an {}, whose members Okta does not let us choose",
                    found.name(),
                    found.kind
                ),
                "make a group of Okta's own",
            ),
            Ok(Some(found)) => Ok(found.name().to_owned()),
        };
        findings.push(("group", finding));
    }
    if let Some(attribute) = &org.effects.attribute {
        let finding = match client.user_schema().await {
            Err(error) => failed(&error, "check the credential and its rights"),
            Ok(schema) => match schema.custom(attribute) {
                Some(found) if found["type"] == "boolean" => Ok(format!("{attribute} is boolean")),
                Some(_) => failed(
                    &format!("{attribute} is not boolean"),
                    "make a boolean attribute",
                ),
                None => failed(
                    &format!("the profile has no attribute {attribute}"),
                    "add it in Okta: Directory > Profile Editor > User (default)",
                ),
            },
        };
        findings.push(("attribute", finding));
    }
    if org.effects.kept().is_empty() {
        // Nothing above has shown whether the credential is good.
        let finding = match client.groups_named("tacit").await {
            Ok(_) => Ok("good".into()),
            Err(error) => failed(&error, "give it anew with `tacit okta connect`"),
        };
        findings.push(("credential", finding));
    }
    findings
}
