//! Everything that one running stand-in shares between its requests.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::authn_request::Application;
use crate::clock::{Clock, Millis};
use crate::config::Config;
use crate::ids;
use crate::keys::{KeyError, ServiceProvider};
use crate::state::State;
use crate::system_log::{Client, Event, SystemLog};
use crate::xmlsec::{Xmlsec, XmlsecError};

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Xmlsec(#[from] XmlsecError),
    #[error("TLS certificate or key: {0}")]
    Tls(String),
    #[error("listening on {address}: {source}")]
    Listen {
        address: std::net::SocketAddr,
        source: std::io::Error,
    },
}

pub struct Org {
    pub config: Config,
    pub sp: ServiceProvider,
    pub xmlsec: Xmlsec,
    pub clock: Clock,
    /// `workplace` and its `0oa…`.
    pub app_slug: String,
    pub app_id: String,
    state: Mutex<State>,
    log: Mutex<SystemLog>,
    application: Mutex<ApplicationState>,
}

/// What the application at the other origin remembers.
#[derive(Debug, Default)]
pub struct ApplicationState {
    /// One-time codes from the org, with the user and the end of their minute.
    pub codes: HashMap<String, (String, Millis)>,
    /// By the hash of the cookie.
    pub sessions: HashMap<[u8; 32], String>,
}

impl Org {
    pub async fn new(config: Config, data: &Path, clock: Clock) -> Result<Org, StartError> {
        let app_slug: String = config
            .app_name
            .to_lowercase()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        Ok(Org {
            sp: ServiceProvider::load_or_generate(data, &config)?,
            xmlsec: Xmlsec::new(config.idp.certificate.as_deref()).await?,
            clock,
            app_id: ids::derive_id("0oa", &config.app_name),
            app_slug,
            state: Mutex::new(State::new(&config)),
            log: Mutex::default(),
            application: Mutex::default(),
            config,
        })
    }

    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn system_log(&self) -> MutexGuard<'_, SystemLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn application(&self) -> MutexGuard<'_, ApplicationState> {
        self.application
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub fn write_log(&self, event: &Event<'_>, client: &Client) {
        let now = self.now();
        tracing::info!(
            kind = ?event.kind,
            login = event.login,
            failure = event.outcome.err(),
            detail = event.detail.as_deref(),
            "system log"
        );
        self.system_log().write(event, client, &self.config, now);
    }

    /// The application context of AuthnRequests, where the setting is on.
    pub fn application_context(&self) -> Option<Application<'_>> {
        let application = Application {
            id: &self.app_id,
            name: &self.app_slug,
        };
        self.config
            .idp
            .send_application_context
            .then_some(application)
    }

    /// The path that starts a sign-in for the application.
    pub fn app_path(&self) -> String {
        format!("/app/{}/{}/sso/saml", self.app_slug, self.app_id)
    }
}
