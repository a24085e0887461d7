//! What every handler shares.

use crate::{
    clock::{Clock, Millis},
    domain::{connection::Role, policy::PolicyCache},
    http::{oidc::OidcCache, saml::SamlCache},
    keys::MasterKey,
    limits::Limits,
    okta::connect::OktaClients,
    settings::Settings,
    store::{Result, Store, Write, decision::Decision},
};
use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;
use wire::id::{ChallengeId, ConnectionId};

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of [`App`].
pub struct Parts {
    /// What this server is.
    pub settings: Settings,
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Seals what must not lie in the database in the clear.
    pub master: MasterKey,
    /// Rate limits.
    pub limits: Limits,
    /// Who waits for which challenge.
    pub wakeups: Wakeups,
    /// The policy in force, parsed.
    pub policies: PolicyCache,
    /// Parsed metadata and opened signing keys.
    pub saml: SamlCache,
    /// Opened signing keys of OpenID connections.
    pub oidc: OidcCache,
    /// Clients of orgs, with their connections and access tokens.
    pub okta: OktaClients,
}

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Puts the parts together.
    pub fn new(
        settings: Settings,
        store: Store,
        clock: Clock,
        master: MasterKey,
        limits: Limits,
    ) -> Self {
        Self(Arc::new(Parts {
            settings,
            store,
            clock,
            master,
            limits,
            wakeups: Wakeups::default(),
            policies: PolicyCache::default(),
            saml: SamlCache::default(),
            oidc: OidcCache::default(),
            okta: OktaClients::default(),
        }))
    }

    /// Now.
    pub fn now_ms(&self) -> Millis {
        self.clock.now_ms()
    }

    /// A URL of ours.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.settings.origin)
    }

    /// Whether Okta did the first factor on this connection.
    pub async fn is_second_factor(&self, id: &ConnectionId) -> Result<bool> {
        let connection = self.store.find_connection(id).await?;
        Ok(connection.is_some_and(|c| c.role == Role::Factor))
    }

    /// Ends the transaction that decided: what moved and the row that says why both stand, or neither does. Then tells log
    /// and metrics.
    pub async fn settle(&self, mut write: Write<'_>, decision: Decision) -> Result<()> {
        Store::insert_decision(&mut write, &decision).await?;
        write.commit().await?;
        tracing::info!(
            challenge = decision.challenge,
            connection = decision.connection,
            outcome = decision.outcome,
            reasons = ?decision.reasons,
            factor = decision.factor,
            verdict = decision.verdict,
            challenge_ms = decision.challenge_ms,
            "decided"
        );
        metrics::counter!("tacit_decisions_total", "outcome" => decision.outcome, "factor" => decision.factor).increment(1);
        let seconds =
            std::time::Duration::from_millis(u64::try_from(decision.challenge_ms).unwrap_or(0))
                .as_secs_f64();
        metrics::histogram!("tacit_challenge_seconds").record(seconds);
        Ok(())
    }
}

/// Wakes long polls of this process when a challenge moves. Other processes see the move in the database a little later.
#[derive(Debug, Default)]
pub struct Wakeups(Mutex<HashMap<String, Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    notify: Arc<Notify>,
    waiters: usize,
}

/// One who waits; leaves the table when dropped.
pub struct Waiter<'a> {
    table: &'a Wakeups,
    id: String,
    notify: Arc<Notify>,
}

impl Wakeups {
    /// Enters the table; do so before reading the row, so that nothing is missed in between.
    pub fn wait_for(&self, id: &ChallengeId) -> Waiter<'_> {
        let mut table = self.lock();
        let waiting = table.entry(id.to_string()).or_default();
        waiting.waiters += 1;
        Waiter {
            table: self,
            id: id.to_string(),
            notify: waiting.notify.clone(),
        }
    }

    /// The challenge has moved.
    pub fn wake(&self, id: &ChallengeId) {
        if let Some(waiting) = self.lock().get(id.as_str()) {
            waiting.notify.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        // A panic elsewhere leaves the table usable: its entries are independent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter<'_> {
    /// Until the challenge moves. Take this future before reading the row.
    pub fn moved(&self) -> tokio::sync::futures::Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut table = self.table.lock();
        if let Some(waiting) = table.get_mut(&self.id) {
            waiting.waiters -= 1;
            if waiting.waiters == 0 {
                table.remove(&self.id);
            }
        }
    }
}
