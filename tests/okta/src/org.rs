//! Everything that one running stand-in shares between its requests.
//!
//! Each part has a lock of its own, held for a few lines; whoever needs two takes them one after the other.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::authn_request::Application;
use crate::clock::{Clock, Millis};
use crate::config::Config;
use crate::deliveries::{self, Delivery};
use crate::faults::Faults;
use crate::ids;
use crate::keys::{KeyError, ServiceProvider};
use crate::outbound::{Outbound, OutboundError};
use crate::party::Party;
use crate::rate::Rate;
use crate::resources::users::Status;
use crate::resources::{Fault, Resources};
use crate::sign_on::{self, Next};
use crate::state::{Account, Attempt, State, Transaction};
use crate::system_log::{Change, Client, Entities, Event, SystemLog};
use crate::tokens::Tokens;
use crate::xmlsec::{Xmlsec, XmlsecError, read_certificates};

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Xmlsec(#[from] XmlsecError),
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("the configuration's rows: {0}")]
    Rows(#[from] Fault),
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
    pub outbound: Outbound,
    pub clock: Clock,
    /// `workplace` and its `0oa…`.
    pub app_slug: String,
    pub app_id: String,
    state: Mutex<State>,
    resources: Mutex<Resources>,
    log: Mutex<SystemLog>,
    application: Mutex<ApplicationState>,
    tokens: Mutex<Tokens>,
    faults: Mutex<Faults>,
    rate: Mutex<Rate>,
    journal: Mutex<VecDeque<Value>>,
    skip_verify: AtomicBool,
    deliveries: mpsc::Sender<Delivery>,
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
    pub async fn new(config: Config, data: &Path, clock: Clock) -> Result<Arc<Org>, StartError> {
        let app_slug: String = config
            .app_name
            .to_lowercase()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let sp = ServiceProvider::load_or_generate(data, &config)?;
        let file = config
            .idp
            .as_ref()
            .and_then(|idp| idp.certificate.as_deref());
        let certificates = file.map(read_certificates).transpose()?.unwrap_or_default();
        let resources = Resources::new(&config, &sp, &certificates, clock.now())?;
        let (sender, receiver) = mpsc::channel(10_000);
        let org = Arc::new(Org {
            xmlsec: Xmlsec::new().await?,
            outbound: Outbound::new(&config)?,
            sp,
            clock,
            app_id: ids::derive_id("0oa", &config.app_name),
            app_slug,
            state: Mutex::new(State::new(&config)),
            resources: Mutex::new(resources),
            log: Mutex::default(),
            application: Mutex::default(),
            tokens: Mutex::default(),
            faults: Mutex::default(),
            rate: Mutex::default(),
            journal: Mutex::default(),
            skip_verify: AtomicBool::new(config.skip_verify),
            deliveries: sender,
            config,
        });
        tokio::spawn(deliveries::run(Arc::downgrade(&org), receiver));
        Ok(org)
    }

    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    pub fn resources(&self) -> MutexGuard<'_, Resources> {
        locked(&self.resources)
    }

    pub fn system_log(&self) -> MutexGuard<'_, SystemLog> {
        locked(&self.log)
    }

    pub fn application(&self) -> MutexGuard<'_, ApplicationState> {
        locked(&self.application)
    }

    pub fn tokens(&self) -> MutexGuard<'_, Tokens> {
        locked(&self.tokens)
    }

    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        locked(&self.faults)
    }

    pub fn rate(&self) -> MutexGuard<'_, Rate> {
        locked(&self.rate)
    }

    /// The requests to the management API, newest last.
    pub fn journal(&self) -> MutexGuard<'_, VecDeque<Value>> {
        locked(&self.journal)
    }

    /// Okta's feature "Skip the verify screen and redirect to the IdP authenticator".
    pub fn skips_verify(&self) -> bool {
        self.skip_verify.load(Ordering::SeqCst)
    }

    pub fn set_skip_verify(&self, on: bool) {
        self.skip_verify.store(on, Ordering::SeqCst);
    }

    /// What a name and a password are tried against, and what policy wants then.
    pub fn attempt<'a>(&self, login: &'a str, password: &'a str) -> Attempt<'a> {
        let resources = self.resources();
        let id = resources.user_id_of_login(login).map(str::to_owned);
        let account = id.as_ref().and_then(|id| {
            let user = resources.users.find(id)?;
            Some(Account {
                login: user.login().to_owned(),
                password: user.password,
                // Whether a lock still holds is known where attempts are counted.
                is_active: matches!(user.status, Status::Active | Status::LockedOut),
            })
        });
        let next =
            id.and_then(|id| sign_on::after_first_factor(&resources, &id, &self.app_id, None).ok());
        Attempt {
            login,
            password,
            account,
            next: next.unwrap_or(Next::Denied),
        }
    }

    /// Shows a lock of the name on the user, if there is one.
    pub fn note_lock(&self, login: &str, client: &Client) {
        if !self.state().is_locked(login, self.now()) {
            return;
        }
        let entity = {
            let mut resources = self.resources();
            let id = resources.user_id_of_login(login).map(str::to_owned);
            let Some(id) = id else { return };
            let Ok(user) = resources.users.row_mut(&id) else {
                return;
            };
            if user.status != Status::Active {
                return;
            }
            user.status = Status::LockedOut;
            user_entity(&id, user)
        };
        let change = Change::new(
            "user.account.lock",
            "Max sign in attempts exceeded",
            entity.clone(),
        );
        self.write_change(change.entity(entity), client);
    }

    /// The identity provider that a transaction is about.
    pub fn party_of(&self, transaction: &Transaction) -> Result<Party, Fault> {
        Party::find(&self.resources(), &transaction.idp)
    }

    /// Its id of a user, or a made-up one that looks the same for somebody who does not exist.
    pub fn user_id(&self, login: &str) -> String {
        let resources = self.resources();
        let found = resources.user_id_of_login(login).map(str::to_owned);
        found.unwrap_or_else(|| ids::derive_id("00u", login))
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
        let entities = self.entities(event);
        let written = self.system_log().write(event, &entities, client, now);
        self.deliver(written);
    }

    /// An event of the management API.
    pub fn write_change(&self, change: Change, client: &Client) {
        let now = self.now();
        tracing::info!(
            kind = change.event_type,
            failure = change.failure.as_deref(),
            "system log"
        );
        let written = self.system_log().write_change(change, client, now);
        self.deliver(written);
    }

    fn entities(&self, event: &Event<'_>) -> Entities {
        let resources = self.resources();
        let user = resources.user_id_of_login(event.login);
        let user = user.and_then(|id| Some(user_entity(id, resources.users.find(id)?)));
        let idp = event
            .transaction
            .map(|transaction| transaction.idp.as_str());
        let idp = idp.and_then(|id| Some(idp_entity(id, resources.idps.find(id)?)));
        let authenticator = event
            .transaction
            .map(|transaction| sign_on::authenticator_of(&resources, &transaction.idp));
        Entities {
            user: user.unwrap_or_else(|| {
                json!({ "id": "unknown", "type": "User", "alternateId": event.login, "displayName": "unknown",
                        "detailEntry": null })
            }),
            idp: idp.unwrap_or(Value::Null),
            authenticator: authenticator.unwrap_or_default(),
            app: json!({ "id": self.app_id, "type": "AppInstance", "alternateId": self.config.app_name,
                         "displayName": self.config.app_name, "detailEntry": null }),
        }
    }

    /// Hands an event to the hooks that want it.
    fn deliver(&self, event: Value) {
        let event_type = event["eventType"].as_str().unwrap_or_default().to_owned();
        let hooks: Vec<String> = {
            let resources = self.resources();
            let hooks = resources.event_hooks.iter();
            hooks
                .filter(|(_, hook)| hook.wants(&event_type))
                .map(|(id, _)| id.to_owned())
                .collect()
        };
        for hook in hooks {
            let delivery = Delivery {
                hook,
                event: event.clone(),
            };
            if self.deliveries.try_send(delivery).is_err() {
                tracing::error!("too many deliveries wait; one is lost");
            }
        }
    }

    /// The application context of AuthnRequests, where the provider wants it.
    pub fn application_context(&self, party: &Party) -> Option<Application<'_>> {
        let application = Application {
            id: &self.app_id,
            name: &self.app_slug,
        };
        party.send_application_context.then_some(application)
    }

    /// The path that starts a sign-in for the application.
    pub fn app_path(&self) -> String {
        format!("/app/{}/{}/sso/saml", self.app_slug, self.app_id)
    }
}

pub fn user_entity(id: &str, user: &crate::resources::users::UserRow) -> Value {
    json!({
        "id": id,
        "type": "User",
        "alternateId": user.login(),
        "displayName": format!("{} {}", user.text("firstName"), user.text("lastName")),
        "detailEntry": null,
    })
}

pub fn idp_entity(id: &str, idp: &crate::resources::idps::IdpRow) -> Value {
    let issuer = match idp.kind() {
        "OIDC" => idp.text("/protocol/issuer/url"),
        _ => idp.text("/protocol/credentials/trust/issuer"),
    };
    json!({ "id": id, "type": "IdentityProvider", "alternateId": issuer, "displayName": idp.name(), "detailEntry": null })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
