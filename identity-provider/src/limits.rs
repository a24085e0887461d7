//! Rate limits on everything that can be guessed or filled up, per process and in memory. What must hold across nodes (tries
//! at a code) is counted in the database.

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::{net::IpAddr, num::NonZeroU32};

/// The limiters.
#[derive(Debug)]
pub struct Limits {
    requests: DefaultKeyedRateLimiter<IpAddr>,
    registrations: DefaultKeyedRateLimiter<IpAddr>,
    sign_ins: DefaultKeyedRateLimiter<IpAddr>,
    factors: DefaultKeyedRateLimiter<IpAddr>,
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
        }
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

    /// Forgets addresses that have been quiet.
    pub fn shrink(&self) {
        for limiter in [
            &self.requests,
            &self.registrations,
            &self.sign_ins,
            &self.factors,
        ] {
            limiter.retain_recent();
        }
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
}
