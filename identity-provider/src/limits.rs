//! Rate limits on everything that can be guessed or filled up, per process and in memory. What must hold across nodes (tries
//! at a code) is counted in the database.

use crate::clock::{MINUTE, Millis};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limiters.
#[derive(Debug)]
pub struct Limits {
    requests: DefaultKeyedRateLimiter<IpAddr>,
    registrations: DefaultKeyedRateLimiter<IpAddr>,
    sign_ins: DefaultKeyedRateLimiter<IpAddr>,
    factors: DefaultKeyedRateLimiter<IpAddr>,
    provisioning: DefaultKeyedRateLimiter<IpAddr>,
    guesses: Guesses,
    slots: Arc<Semaphore>,
    body: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        // A company's whole office may come from one address, so these stop floods and leave guessing of short things to
        // the counts in the database, which are per thing.
        Self {
            requests: RateLimiter::keyed(per_minute(6_000)),
            registrations: RateLimiter::keyed(per_minute(300)),
            sign_ins: RateLimiter::keyed(per_minute(20)),
            factors: RateLimiter::keyed(per_minute(300)),
            // An org pushes all of its people one by one, from one address.
            provisioning: RateLimiter::keyed(per_minute(60_000)),
            guesses: Guesses::allowing(30),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            body: BODY,
        }
    }
}

impl Limits {
    /// Limits that no test reaches; those of the limits themselves use the real ones.
    pub fn generous() -> Self {
        let all = || RateLimiter::keyed(per_minute(u32::MAX));
        Self {
            requests: all(),
            registrations: all(),
            sign_ins: all(),
            factors: all(),
            provisioning: all(),
            guesses: Guesses::allowing(u32::MAX),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            body: BODY,
        }
    }

    /// The same with another number of requests that are worked on at once.
    pub fn working_on(self, at_once: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(at_once)),
            ..self
        }
    }

    /// The same with another time for bodies.
    pub fn waiting_for_bodies(self, body: Duration) -> Self {
        Self { body, ..self }
    }

    /// How long a body may take, however slowly it drips.
    pub fn body_time(&self) -> Duration {
        self.body
    }

    /// A place among the requests that are worked on; none if there are too many.
    pub fn admit(&self) -> Option<Slot> {
        let permit = self.slots.clone().try_acquire_owned().ok()?;
        Some(Slot(Arc::new(Mutex::new(Some(permit)))))
    }

    /// Any request.
    pub fn allows_request(&self, from: IpAddr) -> bool {
        self.requests.check_key(&from).is_ok()
    }

    /// A try at the organisation's token.
    pub fn allows_registration(&self, from: IpAddr) -> bool {
        self.registrations.check_key(&from).is_ok()
    }

    /// A try at an administrator's password.
    pub fn allows_sign_in(&self, from: IpAddr) -> bool {
        self.sign_ins.check_key(&from).is_ok()
    }

    /// A try at an ordinary factor.
    pub fn allows_factor(&self, from: IpAddr) -> bool {
        self.factors.check_key(&from).is_ok()
    }

    /// A request of a provisioning client.
    pub fn allows_provisioning(&self, from: IpAddr) -> bool {
        self.provisioning.check_key(&from).is_ok()
    }

    /// Wrong tokens, by address.
    pub fn guesses(&self) -> &Guesses {
        &self.guesses
    }

    /// Forgets addresses that have been quiet.
    pub fn shrink(&self) {
        for limiter in [
            &self.requests,
            &self.registrations,
            &self.sign_ins,
            &self.factors,
            &self.provisioning,
        ] {
            limiter.retain_recent();
        }
    }
}

/// Requests that are worked on at once, over all connections; the rest is told to come back. It is a bound of memory and of
/// waiting: with a thousand requests a second nobody waits for more than about four seconds.
const AT_ONCE: usize = 4_096;
/// A body is a few kilobytes.
const BODY: Duration = Duration::from_secs(10);

/// A place among the requests that are worked on; given back when the last copy of it goes.
#[derive(Debug, Clone)]
pub struct Slot(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Slot {
    /// Gives the place back early: who only waits for a decision costs nothing.
    pub fn give_back(&self) {
        // A panic elsewhere cannot have left half of a permit.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Counts wrong guesses by address. Unlike a rate limit it costs the right guess nothing, and once the limit is reached the
/// right guess is not heard either.
#[derive(Debug)]
pub struct Guesses {
    limit: u32,
    wrong: Mutex<HashMap<IpAddr, (u32, Millis)>>,
}

/// How long wrong guesses count.
const REMEMBERED: Millis = MINUTE;
/// Addresses remembered; when there are more, those whose time is over are forgotten, and then all.
const ADDRESSES: usize = 10_000;

impl Guesses {
    fn allowing(limit: u32) -> Self {
        Self {
            limit,
            wrong: Mutex::default(),
        }
    }

    /// Whether this address may guess once more.
    pub fn allows(&self, from: IpAddr, now: Millis) -> bool {
        match self.lock().get(&from) {
            Some((wrong, since)) => now - since > REMEMBERED || *wrong < self.limit,
            None => true,
        }
    }

    /// It guessed wrong.
    pub fn note_wrong(&self, from: IpAddr, now: Millis) {
        let mut table = self.lock();
        if table.len() >= ADDRESSES {
            table.retain(|_, (_, since)| now - *since <= REMEMBERED);
            if table.len() >= ADDRESSES {
                table.clear();
            }
        }
        let entry = table.entry(from).or_insert((0, now));
        if now - entry.1 > REMEMBERED {
            *entry = (0, now);
        }
        entry.0 = entry.0.saturating_add(1);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, (u32, Millis)>> {
        // Entries are independent of each other, so a panic elsewhere leaves the table usable.
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn per_minute(n: u32) -> Quota {
    Quota::per_minute(NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_can_be_tried_twenty_times_a_minute() {
        let limits = Limits::default();
        let [here, there] = [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
        let tries = (0..100).filter(|_| limits.allows_sign_in(here)).count();
        assert_eq!(tries, 20);
        assert!(limits.allows_sign_in(there));
    }

    #[test]
    fn wrong_guesses_silence_an_address_for_a_minute_and_no_other() {
        let guesses = Guesses::allowing(3);
        let [here, there] = [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
        for _ in 0..3 {
            assert!(guesses.allows(here, 0));
            guesses.note_wrong(here, 0);
        }
        assert!(!guesses.allows(here, MINUTE));
        assert!(guesses.allows(there, 0));
        assert!(guesses.allows(here, MINUTE + 1));
        for n in 0..2 * ADDRESSES {
            let [_, a, b, c] = u32::try_from(n).unwrap().to_be_bytes();
            guesses.note_wrong([11, a, b, c].into(), 0);
        }
        assert!(guesses.lock().len() <= ADDRESSES);
    }
}
