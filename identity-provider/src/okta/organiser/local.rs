//! Our own side: reading connections, making them, and importing what the org says of itself.

use super::{
    Error, Organiser, Result,
    file::{Access, Idp, OidcSide, Protocol, SubjectName, Usage, Wanted},
    object::callback,
    ours::{OurCertificate, OurConnection, Ours, service_provider},
};
use crate::{
    app::App,
    domain::{
        connection::{Connection, KeyStatus, Role},
        oidc::{OidcClient, Subject, generate_key, generate_secret},
        okta::{Effects, OktaOrg, OnTakeover},
        signing,
    },
    keys,
    okta::connect::StoredCredential,
    random,
    store::StoreError,
};
use serde_json::{Value, json};
use standards::{
    oidc::{
        client::{AuthMethod, Client},
        jwk::JwkSet,
        jwt::Alg,
    },
    saml::metadata::ServiceProvider,
};
use std::collections::BTreeMap;
use wire::id::ConnectionId;
use zeroize::Zeroizing;

/// The connections that a file names, as they are.
pub async fn ours(app: &App, wanted: &Wanted) -> Result<Ours> {
    let mut connections = BTreeMap::new();
    for idp in &wanted.idps {
        let id = &idp.connection;
        if let Some(connection) = app.store.find_connection(id).await? {
            connections.insert(id.to_string(), read(app, &connection).await?);
        }
    }
    let mut ours = Ours {
        origin: app.settings.origin.to_string(),
        connections,
        ..Ours::default()
    };
    if let Some(run_time) = &wanted.run_time
        && let Some(org) = app.store.find_okta_org(&run_time.connection).await?
    {
        let effects = &org.effects;
        let body = json!({
            "org": org.org,
            "group": effects.group,
            "attribute": effects.attribute,
            "watched_group": effects.watched_group,
            "on_takeover": effects.on_takeover,
        });
        ours.links.insert(org.connection.to_string(), body);
        ours.hook_hashes
            .insert(org.connection.to_string(), org.hook_hash);
    }
    Ok(ours)
}

async fn read(app: &App, connection: &Connection) -> Result<OurConnection> {
    let mut body = json!({
        "protocol": "saml",
        "role": connection.role.code(),
        "okta_offers_choice": connection.okta_offers_choice,
    });
    if let Some(client) = app.store.find_oidc_client(&connection.id).await? {
        let registration = &client.client;
        body["protocol"] = "oidc".into();
        body["redirect_uris"] = json!(registration.redirect_uris);
        body["request_object"] = json!(registration.request_object_signing_alg.map(Alg::name));
        body["require_pkce"] = registration.require_pkce.into();
        body["subject"] = client.subject.code().into();
        body["groups"] = json!(client.groups);
        return Ok(OurConnection {
            body,
            certificates: Vec::new(),
            service_provider: None,
            client_id: Some(registration.client_id.clone()),
        });
    }
    let keys = app.store.signing_keys_of(&connection.id).await?;
    let sp = ServiceProvider::parse(connection.metadata.as_bytes()).ok();
    Ok(OurConnection {
        body,
        certificates: keys
            .iter()
            .map(|key| OurCertificate::new(&key.certificate))
            .collect(),
        service_provider: sp.map(|sp| service_provider(sp.entity_id(), sp.default_acs())),
        client_id: None,
    })
}

impl Organiser {
    /// Makes a connection, or gives it the settings of the file.
    pub(super) async fn put_connection(&self, idp: &Idp) -> Result<()> {
        let (app, id) = (&self.app, &idp.connection);
        let role = match idp.usage {
            Usage::Factor => Role::Factor,
            Usage::Sso => Role::Sso,
        };
        let now = app.now_ms();
        let found = app.store.find_connection(id).await?;
        if let Some(mut connection) = found {
            connection.role = role;
            connection.okta_offers_choice = idp.okta_offers_choice;
            connection.updated_at = now.max(connection.updated_at + 1);
            if let (Protocol::Oidc(side), Some(mut client)) =
                (&idp.protocol, app.store.find_oidc_client(id).await?)
            {
                self.set_up(&mut client, side)?;
                client.updated_at = connection.updated_at;
                app.store.update_oidc_client(&client).await?;
            }
            app.store.update_connection(&connection).await?;
            return Ok(());
        }
        let connection = Connection {
            id: id.clone(),
            role,
            okta_offers_choice: idp.okta_offers_choice,
            metadata: String::new(),
            updated_at: now,
        };
        match &idp.protocol {
            Protocol::Saml(_) => {
                let key = signing::generate(app, id, KeyStatus::Current, now)?;
                app.store.insert_connection(&connection, &key).await?;
            }
            Protocol::Oidc(side) => {
                let mut client = OidcClient {
                    connection: id.clone(),
                    client: Client {
                        client_id: random::token::<15>(),
                        redirect_uris: vec![callback(&self.wanted)],
                        post_logout_redirect_uris: Vec::new(),
                        token_endpoint_auth_method: AuthMethod::ClientSecret,
                        token_endpoint_auth_signing_alg: None,
                        request_object_signing_alg: None,
                        id_token_signed_response_alg: Alg::RS256,
                        jwks: JwkSet::default(),
                        require_pkce: false,
                    },
                    groups: Vec::new(),
                    subject: Subject::Id,
                    updated_at: now,
                };
                self.set_up(&mut client, side)?;
                let key = generate_key(app, &client, KeyStatus::Current, now)?;
                // Its secret is made when the org is told it, and nobody else ever sees it.
                app.store
                    .insert_oidc_connection(&connection, &key, &client, None)
                    .await?;
            }
        }
        Ok(())
    }

    fn set_up(&self, client: &mut OidcClient, side: &OidcSide) -> Result<()> {
        client.client.redirect_uris = vec![callback(&self.wanted)];
        client.client.request_object_signing_alg = side.request_signature.and_then(Alg::from_name);
        client.client.require_pkce = side.pkce;
        client.groups.clone_from(&side.groups);
        client.subject = match side.subject {
            SubjectName::Id => Subject::Id,
            SubjectName::Login => Subject::Login,
        };
        let checked = client.client.clone().checked();
        client.client =
            checked.map_err(|e| Error::Connection(client.connection.to_string(), e.to_string()))?;
        Ok(())
    }

    /// A new secret of a connection's client, besides the one in force. Call [`Self::retire_secrets`] once the org has it.
    pub(super) async fn make_secret(&self, id: &ConnectionId) -> Result<Zeroizing<String>> {
        let (app, now) = (&self.app, self.app.now_ms());
        let client = app.store.find_oidc_client(id).await?;
        let Some(client) = client else {
            return Err(Error::Connection(
                id.to_string(),
                "it has no client of OpenID Connect".into(),
            ));
        };
        let (text, row) = generate_secret(app, &client, now);
        match app.store.insert_oidc_secret(id, &row).await {
            // Two are in force: an earlier run made one that the org never got, or somebody is replacing it by hand. The
            // org has at most the older one, and is about to be told this one.
            Err(StoreError::Conflict) => {
                app.store.retire_oidc_secrets(id, now).await?;
                app.store.insert_oidc_secret(id, &row).await?;
            }
            other => other?,
        }
        Ok(text)
    }

    /// Ends all secrets but the newest.
    pub(super) async fn retire_secrets(&self, id: &ConnectionId) -> Result<()> {
        self.app
            .store
            .retire_oidc_secrets(id, self.app.now_ms())
            .await?;
        Ok(())
    }

    /// Takes the org's metadata over into the connection.
    pub(super) async fn import_metadata(&self, id: &ConnectionId, idp: &str) -> Result<()> {
        let text = self
            .client
            .idp_metadata(idp)
            .await
            .map_err(super::call("reading the org's metadata"))?;
        ServiceProvider::parse(text.as_bytes()).map_err(|e| {
            Error::Connection(
                id.to_string(),
                format!("the org's metadata cannot be used: {e}"),
            )
        })?;
        let found = self.app.store.find_connection(id).await?;
        let Some(mut connection) = found else {
            return Err(Error::Connection(id.to_string(), "it is gone".into()));
        };
        connection.metadata = text;
        connection.updated_at = self.app.now_ms().max(connection.updated_at + 1);
        self.app.store.update_connection(&connection).await?;
        Ok(())
    }

    /// Says what the server does at the org while people sign in. `shall` is the object's body.
    pub(super) async fn put_link(&self, id: &ConnectionId, shall: &Value) -> Result<()> {
        let Some(run_time) = &self.wanted.run_time else {
            return Ok(());
        };
        let text = |member: &str| shall.get(member).and_then(Value::as_str).map(str::to_owned);
        let effects = Effects {
            group: text("group"),
            attribute: text("attribute"),
            watched_group: text("watched_group"),
            on_takeover: run_time.on_takeover.clone(),
        };
        let effects = effects.checked().map_err(|e| Error::Link(e.to_string()))?;
        let stored = match (&run_time.token, &self.wanted.org.access) {
            (Some(source), _) | (None, Access::Token(source)) => StoredCredential::Token {
                token: source.read(&self.folder)?.to_string(),
            },
            (
                None,
                Access::ServiceApp {
                    client_id,
                    key_id,
                    key,
                },
            ) => StoredCredential::ServiceApp {
                client_id: client_id.clone(),
                kid: key_id.clone(),
                scopes: run_time_scopes(&effects),
                key: key.read(&self.folder)?.to_string(),
            },
        };
        let before = self.app.store.find_okta_org(id).await?;
        let org = OktaOrg {
            connection: id.clone(),
            org: self.wanted.org.url.clone(),
            sealed_credential: stored.seal(&self.app.master, id),
            ca: self
                .way
                .ca
                .as_ref()
                .map(|pem| String::from_utf8_lossy(pem).into_owned())
                .unwrap_or_default(),
            addresses: self.addresses(),
            effects,
            updated_at: self
                .app
                .now_ms()
                .max(before.as_ref().map_or(0, |b| b.updated_at + 1)),
            hook_hash: before.map(|b| b.hook_hash).unwrap_or_default(),
        };
        Ok(self.app.store.put_okta_org(&org).await?)
    }

    /// A new secret for the receiver of events; what the org showed so far is not good any more.
    pub(super) async fn make_hook_secret(&self, connection: &str) -> Result<Zeroizing<String>> {
        let id = ConnectionId::new(connection)
            .map_err(|e| Error::Connection(connection.into(), e.to_string()))?;
        let found = self.app.store.find_okta_org(&id).await?;
        let Some(mut org) = found else {
            return Err(Error::Link(format!("the connection {id} has no org yet")));
        };
        let secret = Zeroizing::new(random::token::<32>());
        org.hook_hash = keys::hash(secret.as_bytes());
        org.updated_at = self.app.now_ms().max(org.updated_at + 1);
        self.app.store.put_okta_org(&org).await?;
        Ok(secret)
    }

    /// Takes the org's metadata out of a connection, so that it answers nobody any more.
    pub(super) async fn drop_metadata(&self, id: &ConnectionId) -> Result<()> {
        if let Some(mut connection) = self.app.store.find_connection(id).await? {
            connection.metadata = String::new();
            connection.updated_at = self.app.now_ms().max(connection.updated_at + 1);
            self.app.store.update_connection(&connection).await?;
        }
        Ok(())
    }
}

/// What a service application asks for at run time.
fn run_time_scopes(effects: &Effects) -> Vec<String> {
    let mut scopes = vec!["okta.users.manage".to_owned()];
    if effects.group.is_some() {
        scopes.push("okta.groups.manage".into());
    }
    if effects.on_takeover.contains(&OnTakeover::UniversalLogout) {
        scopes.push("okta.universalLogout.manage".into());
    }
    if effects.on_takeover.contains(&OnTakeover::RiskHigh) {
        scopes.push("okta.userRisk.manage".into());
    }
    scopes
}
