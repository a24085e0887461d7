//! The last decisions, as the popup shows them.

use serde::{Deserialize, Serialize};
use wire::{popup::Decision, reason::Reason, server::Outcome};

/// At most [`MOST`] decisions, newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Decisions(Vec<Decision>);

impl Decisions {
    /// Adds one. Several in the same second for the same reason (a page that is reloaded) stay one.
    pub fn add(&mut self, at: f64, outcome: Option<Outcome>, mut reasons: Vec<Reason>) {
        reasons.truncate(REASONS);
        let decision = Decision {
            at,
            outcome,
            reasons,
        };
        let repeats = self.0.first().is_some_and(|last| {
            last.outcome == decision.outcome
                && last.reasons == decision.reasons
                && (0.0..1_000.0).contains(&(at - last.at))
        });
        if !repeats {
            self.0.insert(0, decision);
            self.0.truncate(MOST);
        }
    }

    /// Newest first.
    pub fn list(&self) -> &[Decision] {
        &self.0
    }
}

/// Decisions kept.
pub const MOST: usize = 20;
const REASONS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_are_kept_newest_first() {
        let mut decisions = Decisions::default();
        for n in 0..30 {
            let at = f64::from(n) * 5_000.0;
            decisions.add(at, Some(Outcome::Allow), vec![Reason::Genuine]);
        }
        assert_eq!(decisions.list().len(), MOST);
        assert_eq!(decisions.list()[0].at, 29.0 * 5_000.0);
    }

    #[test]
    fn a_repetition_within_a_second_stays_one() {
        let mut decisions = Decisions::default();
        decisions.add(1_000.0, None, vec![Reason::HostMissing]);
        decisions.add(1_900.0, None, vec![Reason::HostMissing]);
        decisions.add(1_950.0, None, vec![Reason::Paused]);
        decisions.add(9_000.0, None, vec![Reason::Paused]);
        assert_eq!(decisions.list().len(), 3);
    }
}
