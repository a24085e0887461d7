//! Okta's rate limits: so many requests of one family in a minute, told in every answer.

use std::collections::HashMap;

use crate::clock::Millis;

#[derive(Debug, Default)]
pub struct Rate {
    /// By family: the minute, and how many came in it.
    windows: HashMap<&'static str, (i64, u32)>,
    /// An administrator's lower limit, for tests.
    pub limit: Option<u32>,
}

/// What the headers say.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    pub limit: u32,
    pub remaining: u32,
    /// Seconds since 1970.
    pub reset: i64,
    pub is_over: bool,
}

impl Rate {
    pub fn count(&mut self, path: &str, now: Millis) -> Standing {
        let (family, usual) = family(path);
        let limit = self.limit.unwrap_or(usual);
        let minute = now.div_euclid(60_000);
        let window = self.windows.entry(family).or_insert((minute, 0));
        if window.0 != minute {
            *window = (minute, 0);
        }
        window.1 = window.1.saturating_add(1);
        Standing {
            limit,
            remaining: limit.saturating_sub(window.1),
            reset: (minute + 1) * 60,
            is_over: window.1 > limit,
        }
    }
}

/// Okta's families, with limits in the order of a paid org's.
fn family(path: &str) -> (&'static str, u32) {
    match path.split('/').nth(3) {
        Some("users") => ("users", 6000),
        Some("groups") => ("groups", 5000),
        Some("apps") => ("apps", 5000),
        Some("logs") => ("logs", 1200),
        _ => ("other", 12_000),
    }
}
