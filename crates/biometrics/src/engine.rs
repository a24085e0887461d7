//! Events in, assessment out.

use crate::{Assessment, Event, Model, TemplateError, Verdict};

/// The error rates that thresholds are derived from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Targets {
    /// The share of impostors who may be taken for the person.
    pub false_accept: f64,
    /// The share of genuine assessments that may be called an impostor's.
    pub false_alarm: f64,
}

impl Default for Targets {
    fn default() -> Self {
        Self {
            false_accept: 0.01,
            false_alarm: 0.002,
        }
    }
}

/// Judges one person on one device.
#[derive(Debug, Clone)]
pub struct Engine {
    model: Model,
}

impl Engine {
    /// An engine without a template, with the default targets.
    pub fn new(model: Model) -> Engine {
        Engine { model }
    }

    /// Derives the thresholds from other targets.
    pub fn with_targets(self, _targets: Targets) -> Engine {
        self
    }

    /// The background model's version.
    pub fn model_version(&self) -> u32 {
        self.model.version()
    }

    /// Takes a person's template; refuses bytes that are none and keeps what it had.
    pub fn load_template(&mut self, _bytes: &[u8]) -> Result<(), TemplateError> {
        Ok(())
    }

    /// The template to seal and store: at most 40 kB; `None` while nothing is learned.
    pub fn template_bytes(&self) -> Option<Vec<u8>> {
        None
    }

    /// Forgets the template.
    pub fn clear_template(&mut self) {}

    /// Takes one event. Allocates nothing; hostile times are harmless.
    pub fn push(&mut self, _event: Event) {}

    /// What the evidence says at `now` (ms since 1970).
    pub fn assess(&self, _now: f64) -> Assessment {
        Assessment {
            verdict: Verdict::NoEvidence,
            llr: 0.0,
            keys: 0,
            pointer_ms: 0,
            age_ms: None,
            progress: 0,
            mature: false,
            confirmations: 0,
            automation: Vec::new(),
            moved_by: Vec::new(),
        }
    }

    /// A strong factor of this person has passed: what is in quarantine joins the template.
    pub fn confirm(&mut self, _now: f64) {}

    /// Lock, logout or another user: trust and quarantine go.
    pub fn reset(&mut self) {}

    /// The rolling state, for a worker that may die at any time. It holds no sequence of what was typed.
    pub fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes a rolling state back; refuses bytes that are none and keeps what it had.
    pub fn restore(&mut self, _bytes: &[u8]) -> Result<(), StateError> {
        Ok(())
    }
}

/// Why bytes are not a rolling state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// They end too early.
    #[error("the state ends too early")]
    Truncated,
}
