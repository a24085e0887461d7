//! What the engine says.

use crate::Suitability;

/// The engine's summary at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// The verdict.
    pub verdict: Verdict,
    /// Accumulated calibrated log-likelihood ratio (natural logarithm) that this person acts; always finite.
    pub llr: f64,
    /// How much speaks for somebody else having taken over since, in nats from 0 to 24, by a cumulative sum over blocks
    /// of evidence.
    pub suspicion: f64,
    /// The suspicion that is tolerated, by what this person raised in confirmed unlocks without anybody else.
    pub tolerance: f64,
    /// Whether that is enough to say so, at the target rate of false alarms. The verdict is `Impostor` then.
    pub taken_over: bool,
    /// Keystrokes since the last reset.
    pub keys: u32,
    /// Milliseconds of pointer activity since the last reset.
    pub pointer_ms: u32,
    /// Milliseconds since the newest event that the evidence rests on.
    pub age_ms: Option<u32>,
    /// Progress of learning in per cent.
    pub progress: u8,
    /// Whether the template may be used for verdicts.
    pub mature: bool,
    /// Confirmations by a strong factor so far.
    pub confirmations: u32,
    /// Whether behaviour can tell this person from others; policy had better not bother those whom it cannot.
    pub suitability: Suitability,
    /// The share of moments with evidence at which this person would be asked for a factor, at the target rate of false
    /// acceptance; from what was confirmed.
    pub refused_share: Option<f64>,
    /// Signs of automation, as short codes; [`words`](crate::words) says them in words.
    pub automation: Vec<&'static str>,
    /// The feature groups that moved the verdict most, as short codes; [`words`](crate::words) says them in words.
    pub moved_by: Vec<&'static str>,
}

/// What the behaviour says about the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Fits.
    Genuine,
    /// Not enough to tell.
    Unsure,
    /// Does not fit.
    Impostor,
    /// The template is not mature.
    Learning,
    /// Produced by a program.
    Automated,
    /// Nothing to judge since the last reset.
    NoEvidence,
}
