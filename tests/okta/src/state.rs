//! The org's memory: transactions, sessions and who is enrolled. No I/O; the time is an
//! argument.
//!
//! A transaction's [`Stage`] says what may happen next. Everything that may be used once
//! (a relay state, a session token, a state token after success) is removed or marked
//! under the same lock that finds it.

use std::collections::{HashMap, HashSet};

use crate::clock::Millis;
use crate::config::{Config, Pipeline};
use crate::ids;
use crate::limits::PasswordLimits;
use crate::sign_on::Next;

pub use crate::transaction::{
    Account, Completion, Marks, PendingRequest, Session, Stage, StateError, Transaction,
};

#[derive(Debug, Default)]
pub struct State {
    transactions: HashMap<String, Transaction>,
    requests: HashMap<String, PendingRequest>,
    /// By the hash of the cookie.
    sessions: HashMap<[u8; 32], Session>,
    session_tokens: HashMap<String, Transaction>,
    enrolled: HashSet<String>,
    /// Assertions that came without a request: each counts once.
    seen: HashMap<String, Millis>,
    limits: PasswordLimits,
}

impl State {
    pub fn new(config: &Config) -> State {
        let enrolled = config.users.iter().filter(|user| user.enrolled);
        State {
            enrolled: enrolled.map(|user| user.login.clone()).collect(),
            ..State::default()
        }
    }

    /// A page was opened; who will sign in is not known yet.
    pub fn begin(&mut self, pipeline: Pipeline, from_uri: &str, now: Millis) -> Transaction {
        self.sweep(now);
        let token = match pipeline {
            Pipeline::Classic => ids::generate_classic_state_token(),
            Pipeline::Oie => ids::generate_idx_state_handle(),
        };
        let transaction = Transaction {
            id: ids::generate_transaction_id(),
            token: token.clone(),
            pipeline,
            from_uri: from_uri.to_owned(),
            expires_at: now + PAGE_LIFETIME,
            login: String::new(),
            stage: Stage::Identify,
            idp: String::new(),
            methods: Vec::new(),
            marks: Marks::default(),
            request_id: None,
            amr: Vec::new(),
        };
        self.transactions.insert(token, transaction.clone());
        transaction
    }

    /// The transaction as it is. Holding the token is enough: no cookie is asked for.
    pub fn transaction(&self, token: &str, now: Millis) -> Result<Transaction, StateError> {
        self.live(token, now).cloned()
    }

    /// Identifier first: remembers who was named, whether or not this user exists.
    pub fn identify(
        &mut self,
        token: &str,
        login: &str,
        now: Millis,
    ) -> Result<Transaction, StateError> {
        let transaction = self.live_mut(token, now)?;
        if transaction.stage != Stage::Identify {
            return Err(StateError::NotAllowed);
        }
        transaction.login = login.to_owned();
        transaction.stage = Stage::Password;
        Ok(transaction.clone())
    }

    /// Identifier first: this name belongs to an identity provider.
    pub fn route(
        &mut self,
        token: &str,
        login: &str,
        idp: &str,
        now: Millis,
    ) -> Result<Transaction, StateError> {
        let transaction = self.live_mut(token, now)?;
        if !matches!(
            transaction.stage,
            Stage::Identify | Stage::Password | Stage::Routed { .. }
        ) {
            return Err(StateError::NotAllowed);
        }
        transaction.login = login.to_owned();
        transaction.idp = idp.to_owned();
        transaction.stage = Stage::Routed { failed: false };
        Ok(transaction.clone())
    }

    /// The password of the first step, which starts the five minutes. `next` is what policy wants of this account then.
    pub fn sign_in(
        &mut self,
        token: &str,
        attempt: &Attempt<'_>,
        config: &Config,
        now: Millis,
    ) -> Result<Transaction, StateError> {
        let stage = self.live(token, now)?.stage.clone();
        if !matches!(stage, Stage::Identify | Stage::Password) {
            return Err(StateError::NotAllowed);
        }
        let login = self.check_password(attempt, now)?;
        let transaction = self.live_mut(token, now)?;
        transaction.login = login;
        transaction.methods.push("pwd");
        transaction.marks.password_ok = Some(now);
        self.go_on(token, &attempt.next, config, now)
    }

    /// The first factor is done, by password or by an identity provider.
    fn go_on(
        &mut self,
        token: &str,
        next: &Next,
        config: &Config,
        now: Millis,
    ) -> Result<Transaction, StateError> {
        let is_enrolled = self.enrolled.contains(&self.live(token, now)?.login);
        let transaction = self.live_mut(token, now)?;
        transaction.expires_at = now + lifetime(config);
        transaction.stage = match (next, is_enrolled, transaction.pipeline) {
            (Next::Denied, _, _) => return Err(StateError::Denied),
            (Next::Session, _, _) => Stage::Success { is_redeemed: false },
            (Next::Factor { .. }, false, _) => Stage::EnrolRequired,
            (Next::Factor { .. }, true, Pipeline::Classic) => Stage::FactorRequired,
            // One authenticator only: Identity Engine goes on to its challenge by itself.
            (Next::Factor { .. }, true, Pipeline::Oie) => Stage::FactorChallenge { failed: false },
        };
        if let Next::Factor { idp } = next {
            transaction.idp.clone_from(idp);
        }
        Ok(transaction.clone())
    }

    fn check_password(&mut self, attempt: &Attempt<'_>, now: Millis) -> Result<String, StateError> {
        let key = attempt.login.to_lowercase();
        self.limits.begin_attempt(&key, now)?;
        let account = attempt.account.as_ref().filter(|account| {
            account.is_active && account.password == Some(ids::hash(attempt.password))
        });
        let Some(account) = account.filter(|_| !self.limits.is_locked(&key, now)) else {
            self.limits.note_failure(&key, now);
            return Err(StateError::AuthenticationFailed);
        };
        self.limits.note_success(&key);
        Ok(account.login.clone())
    }

    pub fn choose_factor(&mut self, token: &str, now: Millis) -> Result<Transaction, StateError> {
        let transaction = self.live_mut(token, now)?;
        match transaction.stage {
            Stage::FactorRequired | Stage::FactorChallenge { .. } => {
                transaction.stage = Stage::FactorChallenge { failed: false };
                Ok(transaction.clone())
            }
            _ => Err(StateError::NotAllowed),
        }
    }

    pub fn choose_enrolment(
        &mut self,
        token: &str,
        now: Millis,
    ) -> Result<Transaction, StateError> {
        let transaction = self.live_mut(token, now)?;
        match transaction.stage {
            Stage::EnrolRequired | Stage::EnrolActivate { .. } => {
                transaction.stage = Stage::EnrolActivate { failed: false };
                Ok(transaction.clone())
            }
            _ => Err(StateError::NotAllowed),
        }
    }

    /// One step back, as the link "prev" of Classic.
    pub fn previous(&mut self, token: &str, now: Millis) -> Result<Transaction, StateError> {
        let transaction = self.live_mut(token, now)?;
        transaction.stage = match transaction.stage {
            Stage::FactorChallenge { .. } => Stage::FactorRequired,
            Stage::EnrolActivate { .. } => Stage::EnrolRequired,
            _ => return Err(StateError::NotAllowed),
        };
        Ok(transaction.clone())
    }

    pub fn cancel(&mut self, token: &str) {
        self.forget(token);
    }

    /// A browser follows the link to the identity provider.
    ///
    /// As a factor only where the factor of this provider is asked for; as a sign-in only before anything has been done.
    pub fn begin_request(
        &mut self,
        token: &str,
        idp: &str,
        is_factor: bool,
        now: Millis,
    ) -> Result<PendingRequest, StateError> {
        let transaction = self.live_mut(token, now)?;
        let is_asked_for = matches!(
            transaction.stage,
            Stage::FactorChallenge { .. } | Stage::EnrolActivate { .. }
        ) && transaction.idp == idp;
        let is_open = matches!(
            transaction.stage,
            Stage::Identify | Stage::Password | Stage::Routed { .. }
        );
        if !(is_factor && is_asked_for || !is_factor && is_open) {
            return Err(StateError::NotAllowed);
        }
        let request = PendingRequest {
            id: ids::generate_request_id(),
            relay_state: ids::generate_relay_state(),
            token: token.to_owned(),
            login: transaction.login.clone(),
            idp: idp.to_owned(),
        };
        idp.clone_into(&mut transaction.idp);
        transaction.marks.idp_redirect = Some(now);
        transaction.request_id = Some(request.id.clone());
        if self
            .requests
            .values()
            .filter(|other| other.token == token)
            .count()
            >= REQUESTS_PER_TRANSACTION
        {
            self.requests.retain(|_, other| other.token != token);
        }
        self.requests
            .insert(request.relay_state.clone(), request.clone());
        Ok(request)
    }

    /// The request that a relay state stands for, while its transaction is alive.
    pub fn pending_request(
        &self,
        relay_state: &str,
        now: Millis,
    ) -> Result<PendingRequest, StateError> {
        let request = self
            .requests
            .get(relay_state)
            .ok_or(StateError::UnknownRelayState)?;
        self.live(&request.token, now)
            .map_err(|_| StateError::UnknownRelayState)?;
        Ok(request.clone())
    }

    /// A verified Response came: uses the relay state up and moves its transaction on,
    /// whichever browser brought it.
    pub fn complete(
        &mut self,
        request: &PendingRequest,
        amr: &[String],
        acs_received: Millis,
        now: Millis,
    ) -> Result<(Completion, Transaction), StateError> {
        self.use_up(request, now)?;
        let transaction = self.live_mut(&request.token, now)?;
        let completion = match transaction.stage {
            Stage::FactorChallenge { .. } => Completion::Verified,
            Stage::EnrolActivate { .. } => Completion::Enrolled,
            _ => return Err(StateError::NotAllowed),
        };
        transaction.marks.acs_received = Some(acs_received);
        transaction.request_id = Some(request.id.clone());
        transaction.amr.extend(amr.iter().cloned());
        if !transaction.methods.contains(&"fed") {
            transaction.methods.push("fed");
        }
        transaction.stage = match completion {
            Completion::Enrolled => Stage::EnrolFinished,
            _ => Stage::Success { is_redeemed: false },
        };
        let transaction = transaction.clone();
        if completion == Completion::Enrolled {
            self.enrolled.insert(transaction.login.clone());
        }
        self.requests
            .retain(|_, other| other.token != request.token);
        Ok((completion, transaction))
    }

    /// A verified answer of an identity provider that does the first factor: `who` signs in.
    pub fn sign_in_by_idp(
        &mut self,
        request: &PendingRequest,
        who: &Arrival<'_>,
        config: &Config,
        now: Millis,
    ) -> Result<(Completion, Transaction), StateError> {
        self.use_up(request, now)?;
        let transaction = self.live_mut(&request.token, now)?;
        if !matches!(
            transaction.stage,
            Stage::Identify | Stage::Password | Stage::Routed { .. }
        ) {
            return Err(StateError::NotAllowed);
        }
        transaction.login = who.login.to_owned();
        transaction.methods.push("fed");
        transaction.amr = who.amr.to_vec();
        transaction.marks.acs_received = Some(who.received);
        transaction.request_id = Some(request.id.clone());
        let transaction = self.go_on(&request.token, &who.next, config, now)?;
        self.requests
            .retain(|_, other| other.token != request.token);
        let completion = match who.next {
            Next::Session => Completion::SignedIn,
            _ => Completion::FactorFollows,
        };
        Ok((completion, transaction))
    }

    /// Whether an assertion that nobody asked for comes for the first time; remembers it as long as it could be valid.
    pub fn is_first(&mut self, assertion: &str, now: Millis) -> bool {
        self.seen.retain(|_, until| *until > now);
        let is_full = self.seen.len() >= MAX_SEEN;
        !is_full
            && self
                .seen
                .insert(assertion.to_owned(), now + SEEN_LIFETIME)
                .is_none()
    }

    /// The identity provider said no: the person may try again.
    pub fn fail(
        &mut self,
        request: &PendingRequest,
        now: Millis,
    ) -> Result<Transaction, StateError> {
        self.use_up(request, now)?;
        let transaction = self.live_mut(&request.token, now)?;
        transaction.stage = match transaction.stage {
            Stage::FactorChallenge { .. } => Stage::FactorChallenge { failed: true },
            Stage::EnrolActivate { .. } => Stage::EnrolActivate { failed: true },
            Stage::Identify | Stage::Password | Stage::Routed { .. } => {
                Stage::Routed { failed: true }
            }
            _ => return Err(StateError::NotAllowed),
        };
        transaction.idp.clone_from(&request.idp);
        Ok(transaction.clone())
    }

    /// "Finish" after the enrolment.
    pub fn finish_enrolment(
        &mut self,
        token: &str,
        now: Millis,
    ) -> Result<Transaction, StateError> {
        let transaction = self.live_mut(token, now)?;
        if transaction.stage != Stage::EnrolFinished {
            return Err(StateError::NotAllowed);
        }
        transaction.stage = Stage::Success { is_redeemed: false };
        Ok(transaction.clone())
    }

    /// Uses a state token up after success: the transaction, once.
    pub fn redeem(&mut self, token: &str, now: Millis) -> Result<Transaction, StateError> {
        let transaction = self.live_mut(token, now)?;
        match transaction.stage {
            Stage::Success { is_redeemed: false } => {
                transaction.stage = Stage::Success { is_redeemed: true };
                Ok(transaction.clone())
            }
            Stage::Success { is_redeemed: true } => Err(StateError::InvalidToken),
            _ => Err(StateError::NotAllowed),
        }
    }

    /// Classic: the one-time token that a browser turns into its session cookie.
    pub fn issue_session_token(&mut self, transaction: &Transaction) -> String {
        let token = format!("20111{}", ids::generate_secret());
        self.session_tokens
            .insert(token.clone(), transaction.clone());
        token
    }

    pub fn redeem_session_token(
        &mut self,
        token: &str,
        now: Millis,
    ) -> Result<Transaction, StateError> {
        let transaction = self
            .session_tokens
            .remove(token)
            .ok_or(StateError::InvalidToken)?;
        match transaction.expires_at > now {
            true => Ok(transaction),
            false => Err(StateError::InvalidToken),
        }
    }

    /// Signs the browser in that gets the cookie, which is the first value.
    pub fn create_session(&mut self, transaction: &Transaction, now: Millis) -> (String, Session) {
        let cookie = ids::generate_secret();
        let mut transaction = transaction.clone();
        transaction.marks.session_created = Some(now);
        let mut amr: Vec<String> = transaction.methods.iter().map(|&m| m.to_owned()).collect();
        amr.extend(transaction.amr.iter().cloned());
        let session = Session {
            id: format!("102{}", ids::generate_transaction_id()),
            login: transaction.login.clone(),
            created_at: now,
            expires_at: now + SESSION_LIFETIME,
            amr,
            transaction,
        };
        if self.sessions.len() >= MAX_SESSIONS {
            let oldest = self
                .sessions
                .iter()
                .min_by_key(|(_, session)| session.expires_at);
            if let Some(key) = oldest.map(|(key, _)| *key) {
                self.sessions.remove(&key);
            }
        }
        self.sessions.insert(ids::hash(&cookie), session.clone());
        (cookie, session)
    }

    pub fn session(&self, cookie: &str, now: Millis) -> Option<&Session> {
        self.sessions
            .get(&ids::hash(cookie))
            .filter(|session| session.expires_at > now)
    }

    pub fn end_session(&mut self, cookie: &str) -> Option<Session> {
        self.sessions.remove(&ids::hash(cookie))
    }

    /// Tells how many there were.
    pub fn end_sessions_of(&mut self, login: &str) -> usize {
        let before = self.sessions.len();
        self.sessions.retain(|_, session| session.login != login);
        before - self.sessions.len()
    }

    /// The user's name has changed; what is known of them goes along.
    pub fn rename(&mut self, from: &str, to: &str) {
        if self.enrolled.remove(from) {
            self.enrolled.insert(to.to_owned());
        }
        for session in self.sessions.values_mut() {
            if session.login == from {
                to.clone_into(&mut session.login);
            }
        }
    }

    /// Whether too many wrong passwords have locked a name for a while.
    pub fn is_locked(&self, login: &str, now: Millis) -> bool {
        self.limits.is_locked(&login.to_lowercase(), now)
    }

    pub fn unlock(&mut self, login: &str) {
        self.limits.note_success(&login.to_lowercase());
    }

    pub fn is_enrolled(&self, login: &str) -> bool {
        self.enrolled.contains(login)
    }

    pub fn reset_factors(&mut self, login: &str) {
        self.enrolled.remove(login);
    }

    fn live(&self, token: &str, now: Millis) -> Result<&Transaction, StateError> {
        let found = self
            .transactions
            .get(token)
            .filter(|transaction| transaction.expires_at > now);
        found.ok_or(StateError::InvalidToken)
    }

    fn live_mut(&mut self, token: &str, now: Millis) -> Result<&mut Transaction, StateError> {
        let found = self
            .transactions
            .get_mut(token)
            .filter(|transaction| transaction.expires_at > now);
        found.ok_or(StateError::InvalidToken)
    }

    fn use_up(&mut self, request: &PendingRequest, now: Millis) -> Result<(), StateError> {
        self.live(&request.token, now)
            .map_err(|_| StateError::UnknownRelayState)?;
        self.requests
            .remove(&request.relay_state)
            .ok_or(StateError::UnknownRelayState)?;
        Ok(())
    }

    fn forget(&mut self, token: &str) {
        self.transactions.remove(token);
        self.requests.retain(|_, request| request.token != token);
    }

    /// Keeps memory bounded: what is over goes, then what would be over first.
    fn sweep(&mut self, now: Millis) {
        self.transactions
            .retain(|_, transaction| transaction.expires_at > now);
        self.session_tokens
            .retain(|_, transaction| transaction.expires_at > now);
        self.sessions.retain(|_, session| session.expires_at > now);
        if self.transactions.len() >= MAX_TRANSACTIONS {
            let oldest = self
                .transactions
                .values()
                .min_by_key(|transaction| transaction.expires_at);
            if let Some(token) = oldest.map(|transaction| transaction.token.clone()) {
                self.forget(&token);
            }
        }
        let transactions = &self.transactions;
        self.requests
            .retain(|_, request| transactions.contains_key(&request.token));
    }
}

/// A name, a password, and whom they are tried against.
pub struct Attempt<'a> {
    pub login: &'a str,
    pub password: &'a str,
    pub account: Option<Account>,
    pub next: Next,
}

/// Somebody whom an identity provider has vouched for.
pub struct Arrival<'a> {
    pub login: &'a str,
    pub amr: &'a [String],
    pub received: Millis,
    pub next: Next,
}

fn lifetime(config: &Config) -> Millis {
    Millis::from(config.transaction_seconds) * 1000
}

/// A sign-in page may stay open for an hour before the password.
const PAGE_LIFETIME: Millis = 60 * 60 * 1000;
const SESSION_LIFETIME: Millis = 2 * 60 * 60 * 1000;
const MAX_TRANSACTIONS: usize = 5000;
const MAX_SESSIONS: usize = 5000;
const MAX_SEEN: usize = 20_000;
/// Longer than any assertion that the validator takes.
const SEEN_LIFETIME: Millis = 24 * 60 * 60 * 1000;
const REQUESTS_PER_TRANSACTION: usize = 20;

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
