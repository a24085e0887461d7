//! `tacit connection`.

use super::{oidc, open};
use crate::{
    app::App,
    clock::rfc3339,
    domain::{
        connection::{Connection, KeyStatus, Role, SigningKey},
        oidc::generate_key,
        signing,
    },
    http::saml::{issuer, sso_url},
    store::StoreError,
};
use anyhow::{Context, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use standards::saml::{certificate::Certificate, metadata::ServiceProvider};
use std::path::{Path, PathBuf};
use wire::id::ConnectionId;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Adds a connection; its metadata from Okta may follow.
    Add {
        /// Lower-case letters, digits and hyphens; part of the URLs.
        name: String,
        /// What it is used for.
        #[arg(long)]
        role: RoleName,
        /// Which standard it speaks.
        #[arg(long, default_value = "saml")]
        protocol: Protocol,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        oidc: Box<oidc::Options>,
        #[arg(long)]
        json: bool,
    },
    /// Changes what is given.
    Update {
        name: String,
        #[arg(long)]
        role: Option<RoleName>,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        oidc: Box<oidc::Options>,
        /// Takes --okta-offers-choice back.
        #[arg(long, conflicts_with = "okta_offers_choice")]
        no_okta_offers_choice: bool,
    },
    /// Prints what an administrator types into Okta.
    Show {
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Lists connections.
    List {
        #[arg(long)]
        json: bool,
    },
    /// OpenID Connect: makes a second client secret, so that the first can be replaced without a pause.
    Secret {
        name: String,
        /// Ends every secret but the newest instead.
        #[arg(long)]
        retire: bool,
        #[arg(long)]
        json: bool,
    },
    /// Rolls the signing key over, in two steps: announce the next one and hand it to Okta, then promote it.
    Rotate {
        name: String,
        /// Signs with the announced key from now on, and retires the other.
        #[arg(long)]
        promote: bool,
    },
}

#[derive(Debug, Args)]
pub struct Change {
    /// Okta's SP metadata, from Security > Identity Providers > Download metadata.
    #[arg(long)]
    metadata: Option<PathBuf>,
    /// A refusal lets people choose another of Okta's factors (Okta's skip-verify switch is off).
    #[arg(long)]
    okta_offers_choice: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// SAML 2.0.
    Saml,
    /// OpenID Connect.
    Oidc,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleName {
    /// Okta did the first factor.
    Factor,
    /// We are the only factor.
    Sso,
}

impl RoleName {
    const fn role(self) -> Role {
        match self {
            Self::Factor => Role::Factor,
            Self::Sso => Role::Sso,
        }
    }
}

impl Command {
    pub async fn run(self, data: &Path) -> anyhow::Result<()> {
        let app = open::app(data).await?;
        match self {
            Self::Add {
                name,
                role,
                protocol,
                change,
                oidc,
                json,
            } => {
                // Before the file is read: whatever it holds, it is not wanted.
                if protocol == Protocol::Oidc && change.metadata.is_some() {
                    bail!("--metadata is SAML's: leave it out");
                }
                let connection = new(&app, &name, role, &change)?;
                match protocol {
                    Protocol::Saml if oidc.is_empty() => add(&app, &connection, json).await,
                    Protocol::Saml => bail!("that needs --protocol oidc"),
                    Protocol::Oidc => oidc::add(&app, &connection, &oidc, json).await,
                }
            }
            Self::Update {
                name,
                role,
                change,
                oidc,
                no_okta_offers_choice,
            } => update(&app, &name, role, &change, &oidc, no_okta_offers_choice).await,
            Self::Show { name, json } => {
                let connection = find(&app, &name).await?;
                match app.store.find_oidc_client(&connection.id).await? {
                    Some(client) => oidc::show(&app, &connection, &client, None, json).await,
                    None => show(&app, &connection, json).await,
                }
            }
            Self::Secret { name, retire, json } => {
                let client = oidc::client_of(&app, &find(&app, &name).await?).await?;
                match retire {
                    true => oidc::retire_secrets(&app, &client).await,
                    false => oidc::add_secret(&app, &client, json).await,
                }
            }
            Self::List { json } => list(&app, json).await,
            Self::Rotate { name, promote } => {
                rotate(&app, &find(&app, &name).await?, promote).await
            }
        }
    }
}

async fn find(app: &App, name: &str) -> anyhow::Result<Connection> {
    let id = ConnectionId::new(name).context("the connection's name")?;
    app.store
        .find_connection(&id)
        .await?
        .with_context(|| format!("there is no connection {name}"))
}

/// A connection that is not stored yet.
fn new(app: &App, name: &str, role: RoleName, change: &Change) -> anyhow::Result<Connection> {
    Ok(Connection {
        id: ConnectionId::new(name)
            .context("the connection's name: lower-case letters, digits and hyphens")?,
        role: role.role(),
        okta_offers_choice: change.okta_offers_choice,
        metadata: change
            .metadata
            .as_deref()
            .map(metadata)
            .transpose()?
            .unwrap_or_default(),
        updated_at: app.now_ms(),
    })
}

async fn add(app: &App, connection: &Connection, as_json: bool) -> anyhow::Result<()> {
    let (id, now) = (&connection.id, connection.updated_at);
    let key = signing::generate(app, id, KeyStatus::Current, now)?;
    match app.store.insert_connection(connection, &key).await {
        Ok(()) => {}
        Err(StoreError::Conflict) => {
            bail!("connection {id} exists already; change it with `tacit connection update`")
        }
        Err(other) => return Err(other.into()),
    }
    app.store
        .insert_admin_event(now, "connection_added", &open::actor(), id.as_str())
        .await?;
    show(app, connection, as_json).await
}

async fn update(
    app: &App,
    name: &str,
    role: Option<RoleName>,
    change: &Change,
    oidc: &oidc::Options,
    no_choice: bool,
) -> anyhow::Result<()> {
    let mut connection = find(app, name).await?;
    let client = app.store.find_oidc_client(&connection.id).await?;
    if client.is_some() && change.metadata.is_some() {
        bail!("{name} speaks OpenID Connect: --metadata is SAML's");
    }
    if client.is_none() && !oidc.is_empty() {
        bail!("{name} speaks SAML: add another connection with --protocol oidc");
    }
    if let Some(role) = role {
        connection.role = role.role();
    }
    if let Some(file) = &change.metadata {
        connection.metadata = metadata(file)?;
    }
    connection.okta_offers_choice =
        (connection.okta_offers_choice || change.okta_offers_choice) && !no_choice;
    connection.updated_at = app.now_ms().max(connection.updated_at + 1);
    if let Some(mut client) = client {
        oidc::update(app, &mut client, oidc, connection.updated_at).await?;
    }
    app.store.update_connection(&connection).await?;
    app.store
        .insert_admin_event(
            connection.updated_at,
            "connection_updated",
            &open::actor(),
            name,
        )
        .await?;
    println!("updated {name}");
    Ok(())
}

/// Reads metadata and refuses what could not be used later.
fn metadata(file: &Path) -> anyhow::Result<String> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    ServiceProvider::parse(text.as_bytes())
        .with_context(|| format!("{} is not Okta's SP metadata", file.display()))?;
    Ok(text)
}

async fn show(app: &App, connection: &Connection, as_json: bool) -> anyhow::Result<()> {
    let keys = app.store.signing_keys_of(&connection.id).await?;
    let current = keys
        .iter()
        .find(|k| k.status == KeyStatus::Current)
        .context("the connection has no signing key")?;
    let next = keys.iter().find(|k| k.status == KeyStatus::Next);
    let sp = ServiceProvider::parse(connection.metadata.as_bytes()).ok();
    let (issuer, sso_url) = (issuer(app, &connection.id), sso_url(app, &connection.id));
    if as_json {
        return open::print_json(&json!({
            "name": connection.id,
            "protocol": "saml",
            "role": connection.role.code(),
            "okta_offers_choice": connection.okta_offers_choice,
            "issuer": issuer,
            "sso_url": sso_url,
            "certificate_pem": pem(current),
            "certificate_expires": expires(current),
            "next_certificate_pem": next.map(pem),
            "has_metadata": sp.is_some(),
            "entity_id": sp.as_ref().map(|sp| sp.entity_id()),
            "acs_url": sp.as_ref().map(|sp| sp.default_acs()),
            "requests_signed": sp.as_ref().map(|sp| sp.authn_requests_signed()),
        }));
    }
    println!(
        "connection           {} ({})",
        connection.id,
        connection.role.code()
    );
    println!("Issuer               {issuer}");
    println!("Single Sign-On URL   {sso_url}");
    println!("Destination          {sso_url}");
    println!(
        "certificate expires  {}",
        expires(current).unwrap_or_default()
    );
    match sp {
        Some(sp) => println!(
            "Okta's side          {} → {}",
            sp.entity_id(),
            sp.default_acs()
        ),
        None => println!(
            "Okta's side          missing: tacit connection update {} --metadata FILE",
            connection.id
        ),
    }
    println!("\n{}", pem(current));
    if let Some(next) = next {
        println!("announced for roll-over:\n\n{}", pem(next));
    }
    Ok(())
}

async fn list(app: &App, as_json: bool) -> anyhow::Result<()> {
    for connection in app.store.list_connections().await? {
        let is_oidc = app.store.find_oidc_client(&connection.id).await?.is_some();
        let protocol = if is_oidc { "oidc" } else { "saml" };
        if as_json {
            open::print_json(&json!({
                "name": connection.id, "protocol": protocol, "role": connection.role.code(), "okta_offers_choice": connection.okta_offers_choice,
                "has_metadata": !connection.metadata.is_empty(),
            }))?;
        } else {
            println!("{}  {protocol}  {}", connection.id, connection.role.code());
        }
    }
    Ok(())
}

async fn rotate(app: &App, connection: &Connection, promote: bool) -> anyhow::Result<()> {
    let (id, now) = (&connection.id, app.now_ms());
    if promote {
        if !app.store.promote_key(id, now).await? {
            bail!(
                "no key is announced for {id}: run `tacit connection rotate {id}` first and hand its certificate to Okta"
            );
        }
        app.store
            .insert_admin_event(now, "key_promoted", &open::actor(), id.as_str())
            .await?;
        println!("{id} signs with the announced key from now on");
        return Ok(());
    }
    let client = app.store.find_oidc_client(id).await?;
    let key = match &client {
        Some(client) => generate_key(app, client, KeyStatus::Next, now)?,
        None => signing::generate(app, id, KeyStatus::Next, now)?,
    };
    match app.store.announce_key(id, &key).await {
        Ok(()) => {}
        Err(StoreError::Conflict) => bail!(
            "a key is announced for {id} already: finish with `tacit connection rotate {id} --promote`"
        ),
        Err(other) => return Err(other.into()),
    }
    app.store
        .insert_admin_event(now, "key_announced", &open::actor(), id.as_str())
        .await?;
    if client.is_some() {
        println!(
            "the next key is published; when its client has had time to read it (a day is plenty), run `tacit connection rotate {id} --promote`"
        );
        return Ok(());
    }
    println!(
        "add this certificate in Okta, then run `tacit connection rotate {id} --promote`\n\n{}",
        pem(&key)
    );
    Ok(())
}

fn pem(key: &SigningKey) -> String {
    let text = STANDARD.encode(&key.certificate);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out + "-----END CERTIFICATE-----\n"
}

fn expires(key: &SigningKey) -> Option<String> {
    let certificate = Certificate::from_der(&key.certificate).ok()?;
    Some(rfc3339(certificate.not_after_ms()))
}
