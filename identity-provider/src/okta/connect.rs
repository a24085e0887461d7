//! From a connection's row to a client of its org.

use super::client::{self, Bounds, Client, Credential, Options, ServiceApp, ServiceAppError};
use crate::{
    app::App,
    backoff::Backoff,
    clock::{Millis, SECOND},
    domain::okta::OktaOrg,
    keys::MasterKey,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use wire::id::ConnectionId;
use zeroize::{Zeroize, Zeroizing};

/// A credential as it lies in the database, under the master key.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StoredCredential {
    /// An API token.
    Token {
        /// The token.
        token: String,
    },
    /// An OAuth service application.
    ServiceApp {
        /// Its client id.
        client_id: String,
        /// Its key's name at the org.
        kid: String,
        /// What it asks for.
        scopes: Vec<String>,
        /// Its private key, PEM.
        key: String,
    },
}

impl fmt::Debug for StoredCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl Drop for StoredCredential {
    fn drop(&mut self) {
        match self {
            Self::Token { token } => token.zeroize(),
            Self::ServiceApp { key, .. } => key.zeroize(),
        }
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Another master key, or another connection's row.
    #[error("the credential for the org cannot be opened with this master key")]
    Sealed,
    /// The service application.
    #[error(transparent)]
    ServiceApp(#[from] ServiceAppError),
    /// TLS.
    #[error(transparent)]
    Client(#[from] client::Error),
}

impl StoredCredential {
    /// What it is, in words.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Token { .. } => "API token",
            Self::ServiceApp { .. } => "service application",
        }
    }

    /// For the database.
    pub fn seal(&self, master: &MasterKey, connection: &ConnectionId) -> String {
        // Strings only, so this cannot fail.
        let json = Zeroizing::new(serde_json::to_vec(self).unwrap_or_default());
        master.seal(&context(connection), &json)
    }

    /// From the database.
    pub fn open(
        sealed: &str,
        master: &MasterKey,
        connection: &ConnectionId,
    ) -> Result<Self, ConnectError> {
        let json = master.open(&context(connection), sealed);
        let json = json.ok_or(ConnectError::Sealed)?;
        serde_json::from_slice(&json).map_err(|_| ConnectError::Sealed)
    }

    /// For a client.
    pub fn credential(&self) -> Result<Credential, ServiceAppError> {
        Ok(match self {
            Self::Token { token } => Credential::Token(Zeroizing::new(token.clone())),
            Self::ServiceApp {
                client_id,
                kid,
                scopes,
                key,
            } => Credential::ServiceApp(ServiceApp::new(client_id, kid, scopes, key.as_bytes())?),
        })
    }
}

/// A client with the usual patience, for whoever waits for its answers.
pub fn client(app: &App, org: &OktaOrg) -> Result<Client, ConnectError> {
    client_within(app, org, Bounds::default())
}

/// A client that does not wait for an org that is down: for a look.
pub fn impatient_client(app: &App, org: &OktaOrg) -> Result<Client, ConnectError> {
    let bounds = Bounds {
        exchange: Duration::from_secs(10),
        attempts: 1,
        ..Bounds::default()
    };
    client_within(app, org, bounds)
}

fn client_within(app: &App, org: &OktaOrg, bounds: Bounds) -> Result<Client, ConnectError> {
    let stored = StoredCredential::open(&org.sealed_credential, &app.master, &org.connection)?;
    let options = Options {
        ca: (!org.ca.is_empty()).then(|| org.ca.clone().into_bytes()),
        addresses: org.addresses.clone(),
        bounds,
        ..Options::new(org.org.clone(), stored.credential()?)
    };
    Ok(Client::new(options, app.clock.clone())?)
}

/// Clients for actions, kept with their connections and access tokens until the org's row changes.
#[derive(Default)]
pub struct OktaClients(Mutex<HashMap<ConnectionId, (Millis, Arc<Client>)>>);

impl OktaClients {
    /// The client for `org`. It tries once: what fails is tried again by whoever keeps the action.
    pub fn of(&self, app: &App, org: &OktaOrg) -> Result<Arc<Client>, ConnectError> {
        // Entries are put in whole, so a panic elsewhere cannot have left half of one.
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, client)) = clients.get(&org.connection)
            && *at == org.updated_at
        {
            return Ok(client.clone());
        }
        let bounds = Bounds {
            exchange: Duration::from_secs(7),
            attempts: 1,
            backoff: Backoff {
                first: SECOND,
                longest: SECOND,
            },
            patience_ms: 0,
            ..Bounds::default()
        };
        let client = Arc::new(client_within(app, org, bounds)?);
        clients.insert(org.connection.clone(), (org.updated_at, client.clone()));
        Ok(client)
    }
}

fn context(connection: &ConnectionId) -> String {
    format!("okta credential of {connection}")
}
