//! Password attempts per user name: Okta's rate of its sign-in endpoint, and its lock-out.

use std::collections::HashMap;

use crate::clock::Millis;
use crate::state::StateError;

#[derive(Debug, Default)]
pub struct PasswordLimits {
    attempts: HashMap<String, Attempts>,
}

#[derive(Debug, Default)]
struct Attempts {
    second: Millis,
    in_second: u32,
    failures: u32,
    last_failure: Millis,
}

impl PasswordLimits {
    pub fn begin_attempt(&mut self, login: &str, now: Millis) -> Result<(), StateError> {
        if self.attempts.len() >= MAX_LOGINS && !self.attempts.contains_key(login) {
            self.attempts.clear();
        }
        let attempts = self.attempts.entry(login.to_owned()).or_default();
        if now - attempts.second >= 1000 {
            attempts.second = now;
            attempts.in_second = 0;
        }
        attempts.in_second += 1;
        match attempts.in_second <= ATTEMPTS_PER_SECOND {
            true => Ok(()),
            false => Err(StateError::RateLimited),
        }
    }

    /// A locked-out user is told the same as one with a wrong password.
    pub fn is_locked(&self, login: &str, now: Millis) -> bool {
        self.attempts.get(login).is_some_and(|attempts| {
            attempts.failures >= FAILURES_BEFORE_LOCK && now - attempts.last_failure < LOCK_TIME
        })
    }

    pub fn note_failure(&mut self, login: &str, now: Millis) {
        let attempts = self.attempts.entry(login.to_owned()).or_default();
        if now - attempts.last_failure >= LOCK_TIME {
            attempts.failures = 0;
        }
        attempts.failures += 1;
        attempts.last_failure = now;
    }

    pub fn note_success(&mut self, login: &str) {
        if let Some(attempts) = self.attempts.get_mut(login) {
            attempts.failures = 0;
        }
    }
}

const ATTEMPTS_PER_SECOND: u32 = 4;
const FAILURES_BEFORE_LOCK: u32 = 10;
const LOCK_TIME: Millis = 5 * 60 * 1000;
const MAX_LOGINS: usize = 1000;
