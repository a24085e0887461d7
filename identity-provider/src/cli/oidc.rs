//! `tacit connection` for a connection that speaks OpenID Connect.

use super::open;
use crate::{
    app::App,
    clock::Millis,
    domain::{
        connection::{Connection, KeyStatus},
        oidc::{OidcClient, Subject, generate_key, generate_secret, secret_context},
    },
    http::oidc::{issuer, url},
    random,
    store::{StoreError, oidc::SecretRow},
};
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde_json::json;
use standards::oidc::{
    client::{AuthMethod, Client},
    jwk::JwkSet,
    jwt::Alg,
};
use std::path::PathBuf;

/// What only a connection by OpenID Connect has. Given lists replace the ones that stand.
#[derive(Debug, Args, Default)]
pub struct Options {
    /// OpenID Connect: where answers may go, byte for byte. Okta's is https://ORG/oauth2/v1/authorize/callback.
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// OpenID Connect: where a sign-out may lead, byte for byte.
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    /// OpenID Connect: how the client shows that it is itself.
    #[arg(long, value_enum)]
    client_auth: Option<ClientAuth>,
    /// OpenID Connect: algorithm of the client's assertions (HS256… with a secret, RS256… or ES256 with a key pair).
    #[arg(long, value_parser = alg, value_name = "ALG")]
    client_auth_alg: Option<Alg>,
    /// OpenID Connect: the client's public keys, a JWK or a set of them. They are never fetched from anywhere.
    #[arg(long, value_name = "FILE")]
    client_jwks: Option<PathBuf>,
    /// OpenID Connect: algorithm of the client's request objects, or none; unsigned requests are then refused. An Okta org
    /// made by Terraform signs with HS256 unless told otherwise.
    #[arg(long, value_parser = alg_or_none, value_name = "ALG")]
    request_object: Option<AlgOrNone>,
    /// OpenID Connect: algorithm of ID tokens. Cannot be changed later.
    #[arg(long, value_parser = alg, value_name = "RS256|ES256")]
    id_token_alg: Option<Alg>,
    /// OpenID Connect: the client has to use PKCE although it has a secret.
    #[arg(long, value_name = "true|false")]
    require_pkce: Option<bool>,
    /// OpenID Connect: only people in one of these groups may enter; nothing means everybody.
    #[arg(long, value_delimiter = ',', value_name = "GROUP,…")]
    groups: Option<Vec<String>>,
    /// OpenID Connect: what `sub` is. A login is not stable; it is for relying parties that match people by it.
    #[arg(long, value_enum)]
    subject: Option<SubjectName>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ClientAuth {
    /// A secret, in the body or by HTTP Basic.
    Secret,
    /// An assertion by the secret.
    SecretJwt,
    /// An assertion by a private key.
    PrivateKeyJwt,
    /// Not at all: an application on people's own machines. PKCE is demanded.
    None,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SubjectName {
    Id,
    Login,
}

#[derive(Debug, Clone, Copy)]
pub struct AlgOrNone(Option<Alg>);

fn alg(text: &str) -> Result<Alg, String> {
    Alg::from_name(text)
        .ok_or_else(|| "one of HS256, HS384, HS512, RS256, RS384, RS512, ES256".to_owned())
}

fn alg_or_none(text: &str) -> Result<AlgOrNone, String> {
    match text {
        "none" => Ok(AlgOrNone(None)),
        text => alg(text).map(|alg| AlgOrNone(Some(alg))),
    }
}

impl Options {
    /// Whether none of them was given.
    pub fn is_empty(&self) -> bool {
        let Self {
            redirect_uris,
            post_logout_redirect_uris,
            client_auth: None,
            client_auth_alg: None,
            client_jwks: None,
            request_object: None,
            id_token_alg: None,
            require_pkce: None,
            groups: None,
            subject: None,
        } = self
        else {
            return false;
        };
        redirect_uris.is_empty() && post_logout_redirect_uris.is_empty()
    }

    /// Puts what was given into `client`.
    fn apply(&self, client: &mut OidcClient) -> anyhow::Result<()> {
        let registration = &mut client.client;
        if !self.redirect_uris.is_empty() {
            registration.redirect_uris.clone_from(&self.redirect_uris);
        }
        if !self.post_logout_redirect_uris.is_empty() {
            registration
                .post_logout_redirect_uris
                .clone_from(&self.post_logout_redirect_uris);
        }
        if let Some(auth) = self.client_auth {
            registration.token_endpoint_auth_method = match auth {
                ClientAuth::Secret => AuthMethod::ClientSecret,
                ClientAuth::SecretJwt => AuthMethod::ClientSecretJwt,
                ClientAuth::PrivateKeyJwt => AuthMethod::PrivateKeyJwt,
                ClientAuth::None => AuthMethod::None,
            };
        }
        if let Some(file) = &self.client_jwks {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("reading {}", file.display()))?;
            registration.jwks = JwkSet::parse(&text).with_context(|| file.display().to_string())?;
        }
        registration.token_endpoint_auth_signing_alg = self
            .client_auth_alg
            .or(registration.token_endpoint_auth_signing_alg);
        if let Some(AlgOrNone(alg)) = self.request_object {
            registration.request_object_signing_alg = alg;
        }
        registration.require_pkce = self.require_pkce.unwrap_or(registration.require_pkce);
        if let Some(groups) = &self.groups {
            client.groups = groups
                .iter()
                .filter(|group| !group.is_empty())
                .cloned()
                .collect();
        }
        if let Some(subject) = self.subject {
            client.subject = match subject {
                SubjectName::Id => Subject::Id,
                SubjectName::Login => Subject::Login,
            };
        }
        client.client = client.client.clone().checked()?;
        Ok(())
    }
}

/// Adds a connection with its client, and shows the secret, this once.
pub async fn add(
    app: &App,
    connection: &Connection,
    options: &Options,
    as_json: bool,
) -> anyhow::Result<()> {
    let (id, now) = (&connection.id, connection.updated_at);
    let mut client = OidcClient {
        connection: id.clone(),
        client: Client {
            client_id: random::token::<15>(),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            token_endpoint_auth_method: AuthMethod::ClientSecret,
            token_endpoint_auth_signing_alg: None,
            request_object_signing_alg: None,
            id_token_signed_response_alg: options.id_token_alg.unwrap_or(Alg::RS256),
            jwks: JwkSet::default(),
            require_pkce: false,
        },
        groups: Vec::new(),
        subject: Subject::Id,
        updated_at: now,
    };
    options.apply(&mut client)?;
    let key = generate_key(app, &client, KeyStatus::Current, now)?;
    let secret = client
        .client
        .has_secret()
        .then(|| generate_secret(app, &client, now));
    let row = secret.as_ref().map(|(_, row)| row);
    match app
        .store
        .insert_oidc_connection(connection, &key, &client, row)
        .await
    {
        Ok(()) => {}
        Err(StoreError::Conflict) => {
            bail!("connection {id} exists already; change it with `tacit connection update`")
        }
        Err(other) => return Err(other.into()),
    }
    app.store
        .insert_admin_event(now, "connection_added", &open::actor(), id.as_str())
        .await?;
    let secret = secret.as_ref().map(|(text, _)| text.as_str());
    show(app, connection, &client, secret, as_json).await
}

/// Changes what is given.
pub async fn update(
    app: &App,
    client: &mut OidcClient,
    options: &Options,
    now: Millis,
) -> anyhow::Result<()> {
    if options
        .id_token_alg
        .is_some_and(|alg| alg != client.client.id_token_signed_response_alg)
    {
        bail!(
            "the algorithm of ID tokens belongs to the connection's keys: add another connection"
        );
    }
    options.apply(client)?;
    client.updated_at = now;
    app.store.update_oidc_client(client).await?;
    if !client.client.computes_with_its_secret() {
        app.store
            .forget_oidc_secrets_in_the_clear(&client.connection)
            .await?;
        return Ok(());
    }
    let rows = app.store.oidc_secrets_of(&client.connection).await?;
    if rows.is_empty() || rows.iter().any(|row| row.sealed.is_empty()) {
        println!(
            "the present secret is only known as a hash, and HMACs cannot be checked with that: run `tacit connection secret {}` \
             and hand the new one to the client",
            client.connection
        );
    }
    Ok(())
}

/// Makes a second secret and shows it, this once.
pub async fn add_secret(app: &App, client: &OidcClient, as_json: bool) -> anyhow::Result<()> {
    let (id, now) = (&client.connection, app.now_ms());
    if !client.client.has_secret() {
        bail!("the client of {id} has no secret: it shows itself in another way");
    }
    let (text, row) = generate_secret(app, client, now);
    match app.store.insert_oidc_secret(id, &row).await {
        Ok(()) => {}
        Err(StoreError::Conflict) => {
            bail!(
                "two secrets are in force for {id} already: finish with `tacit connection secret {id} --retire`"
            )
        }
        Err(other) => return Err(other.into()),
    }
    app.store
        .insert_admin_event(now, "secret_added", &open::actor(), id.as_str())
        .await?;
    if as_json {
        return open::print_json(
            &json!({ "client_id": client.client.client_id, "client_secret": text.as_str() }),
        );
    }
    println!("client secret  {}", text.as_str());
    println!("it is shown this once; both are good until `tacit connection secret {id} --retire`");
    Ok(())
}

/// Ends every secret but the newest.
pub async fn retire_secrets(app: &App, client: &OidcClient) -> anyhow::Result<()> {
    let (id, now) = (&client.connection, app.now_ms());
    if app.store.retire_oidc_secrets(id, now).await? == 0 {
        bail!("there is no older secret of {id} to retire");
    }
    app.store
        .insert_admin_event(now, "secret_retired", &open::actor(), id.as_str())
        .await?;
    println!("only the newest secret of {id} is good from now on");
    Ok(())
}

/// Prints what an administrator types into Okta, or into the application.
pub async fn show(
    app: &App,
    connection: &Connection,
    client: &OidcClient,
    secret: Option<&str>,
    as_json: bool,
) -> anyhow::Result<()> {
    let (id, registration) = (&connection.id, &client.client);
    let at = |path| url(app, id, path);
    let discovery = at(".well-known/openid-configuration");
    let secrets = app.store.oidc_secrets_of(id).await?.len();
    if as_json {
        let mut shown = json!({
            "name": id,
            "protocol": "oidc",
            "role": connection.role.code(),
            "okta_offers_choice": connection.okta_offers_choice,
            "issuer": issuer(app, id),
            "discovery_url": discovery,
            "authorization_endpoint": at("authorize"),
            "token_endpoint": at("token"),
            "userinfo_endpoint": at("userinfo"),
            "jwks_uri": at("jwks"),
            "end_session_endpoint": at("logout"),
            "groups": client.groups,
            "subject": client.subject,
            "secrets": secrets,
            "client": registration,
        });
        shown["client_id"] = registration.client_id.as_str().into();
        if let Some(secret) = secret {
            shown["client_secret"] = secret.into();
        }
        return open::print_json(&shown);
    }
    println!(
        "connection              {id} ({}, OpenID Connect)",
        connection.role.code()
    );
    println!("Client ID               {}", registration.client_id);
    match secret {
        Some(secret) => println!("Client secret           {secret}  (shown this once)"),
        None if registration.has_secret() => println!(
            "Client secret           {secrets} in force; `tacit connection secret {id}` makes another"
        ),
        None => {}
    }
    println!("Discovery               {discovery}");
    println!("Issuer                  {}", issuer(app, id));
    println!("Authorization endpoint  {}", at("authorize"));
    println!("Token endpoint          {}", at("token"));
    println!("JWKS endpoint           {}", at("jwks"));
    println!("Userinfo endpoint       {}", at("userinfo"));
    println!("Logout endpoint         {}", at("logout"));
    println!(
        "ID tokens               {}, sub is the {}",
        registration.id_token_signed_response_alg.name(),
        client.subject.code()
    );
    println!(
        "request objects         {}",
        registration
            .request_object_signing_alg
            .map_or("not signed", Alg::name)
    );
    for uri in &registration.redirect_uris {
        println!("redirect URI            {uri}");
    }
    match client.groups.as_slice() {
        [] => println!("assigned to             everybody"),
        groups => println!("assigned to             {}", groups.join(", ")),
    }
    Ok(())
}

/// The client of a connection that has to speak OpenID Connect.
pub async fn client_of(app: &App, connection: &Connection) -> anyhow::Result<OidcClient> {
    let client = app.store.find_oidc_client(&connection.id).await?;
    client.with_context(|| {
        format!(
            "connection {} speaks SAML, and has no client",
            connection.id
        )
    })
}

/// One step of `tacit doctor`: its name, and what was found or how to repair it.
type Finding = (&'static str, Result<String, (String, String)>);

/// For `tacit doctor`: whether the client can show that it is itself, and whether tokens can be signed.
pub async fn examine(app: &App, client: &OidcClient) -> anyhow::Result<Vec<Finding>> {
    let id = &client.connection;
    let rows = app.store.oidc_secrets_of(id).await?;
    let opens = |row: &SecretRow| app.master.open(&secret_context(id), &row.sealed).is_some();
    let computes = client.client.computes_with_its_secret();
    let repair = format!("tacit connection secret {id}");
    let secret = match client.client.has_secret() {
        true if rows.is_empty() => Err(("there is no secret in force".into(), repair)),
        true if computes && !rows.iter().any(opens) => Err((
            "no secret can be opened, and HMACs are to be checked with it".into(),
            repair,
        )),
        _ => Ok(client.client.client_id.clone()),
    };
    let signs = match app.oidc.signer(app, id).await {
        Ok(signer) => match signer.sign(b"doctor") {
            Some(_) if signer.alg() == client.client.id_token_signed_response_alg => {
                Ok(format!("signs {}", signer.alg().name()))
            }
            _ => Err("the key does not sign what the connection promises".to_owned()),
        },
        Err(error) => Err(error.to_string()),
    };
    let restore = "restore master.key and database from the same time".to_owned();
    let signs = signs.map_err(|what| (what, restore));
    Ok(vec![("client", secret), ("signing key", signs)])
}
