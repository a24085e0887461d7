//! Whether somebody is there: the newest trusted input anywhere in this browser, and the screen lock.

use crate::whole_ms;
use serde::{Deserialize, Serialize};
use wire::statement;

/// What the browser says about its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdleState {
    /// Input lately.
    Active,
    /// None for a while.
    Idle,
    /// The screen is locked.
    Locked,
}

impl IdleState {
    /// From the text of `chrome.idle`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "idle" => Some(Self::Idle),
            "locked" => Some(Self::Locked),
            _ => None,
        }
    }
}

/// The host's posture and when it was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// What it said.
    pub posture: statement::Posture,
    /// When, ms since 1970.
    pub at: f64,
}

/// How long a posture may be taken for the present one.
pub const POSTURE_FRESH_MS: f64 = 10_000.0;

/// Presence at `now`, from the newest trusted input, the browser's idle state and the host's posture.
pub fn presence(
    now: f64,
    input_at: Option<f64>,
    idle: Option<IdleState>,
    seen: Option<&Seen>,
) -> statement::Presence {
    let seen = seen.filter(|seen| is_fresh(now, seen.at));
    let by_host = seen.and_then(|seen| seen.posture.screen_locked);
    let by_browser = idle.map(|idle| idle == IdleState::Locked);
    // Either may see a lock that the other does not.
    let screen_locked = match (by_host, by_browser) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), _) | (_, Some(false)) => Some(false),
        (None, None) => None,
    };
    statement::Presence {
        screen_locked,
        input_age_ms: input_at.map(|at| whole_ms(now - at)),
        unlock_age_ms: seen.and_then(|seen| {
            let age = f64::from(seen.posture.unlock_age_ms?);
            Some(whole_ms(age + now - seen.at))
        }),
    }
}

/// Whether the system was unlocked again since `before`. The host measures an age, so that the time wavers a little.
pub fn is_another_unlock(before: Option<f64>, now: Option<f64>) -> bool {
    matches!((before, now), (Some(before), Some(now)) if now - before > 5_000.0)
}

/// Whether a posture taken `at` may be used at `now`.
pub fn is_fresh(now: f64, at: f64) -> bool {
    (0.0..=POSTURE_FRESH_MS).contains(&(now - at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(locked: Option<bool>, at: f64) -> Seen {
        Seen {
            posture: statement::Posture {
                screen_locked: locked,
                unlock_age_ms: Some(1_000),
                ..Default::default()
            },
            at,
        }
    }

    #[test]
    fn a_lock_that_either_side_sees_counts() {
        for (host, browser, locked) in [
            (None, None, None),
            (None, Some(IdleState::Active), Some(false)),
            (None, Some(IdleState::Locked), Some(true)),
            (Some(true), Some(IdleState::Active), Some(true)),
            (Some(false), None, Some(false)),
            (Some(false), Some(IdleState::Idle), Some(false)),
            (Some(false), Some(IdleState::Locked), Some(true)),
        ] {
            let at = seen(host, 1e12);
            let presence = presence(1e12, None, browser, Some(&at));
            assert_eq!(presence.screen_locked, locked, "{host:?} {browser:?}");
        }
    }

    #[test]
    fn a_later_unlock_means_that_the_screen_was_locked() {
        for (before, now, another) in [
            (None, None, false),
            (None, Some(1e12), false),
            (Some(1e12), None, false),
            (Some(1e12), Some(1e12 + 900.0), false),
            (Some(1e12), Some(1e12 + 60_000.0), true),
        ] {
            assert_eq!(
                is_another_unlock(before, now),
                another,
                "{before:?} {now:?}"
            );
        }
    }

    #[test]
    fn ages_grow_and_old_postures_are_left_out() {
        let at = seen(Some(false), 1e12);
        let now = presence(1e12 + 2_000.0, Some(1e12 - 500.0), None, Some(&at));
        assert_eq!(now.input_age_ms, Some(2_500));
        assert_eq!(now.unlock_age_ms, Some(3_000));
        let later = presence(1e12 + 11_000.0, None, None, Some(&at));
        assert_eq!((later.screen_locked, later.unlock_age_ms), (None, None));
        let clock_went_back = presence(1e12 - 1.0, Some(1e12), None, Some(&at));
        assert_eq!(clock_went_back.input_age_ms, Some(0));
        assert_eq!(clock_went_back.unlock_age_ms, None);
    }
}
