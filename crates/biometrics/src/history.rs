//! What a template remembers of how it fitted: how often it would have answered, and what contradicted it.

use crate::codec::{Fault, Reader};

/// Blocks that are remembered; older ones fade.
const REMEMBERED: f32 = 400.0;
/// Blocks from which a person's suitability is told.
const ENOUGH: f32 = 40.0;
/// Share of blocks without an answer from which a person is not suited.
const UNSUITED: f32 = 0.7;
/// Unlocks in a row that contradict a template until it begins anew.
const CONTRADICTIONS: u32 = 3;

/// What is left of the greatest suspicion when another unlock is confirmed.
const PEAK_LEFT: f32 = 0.95;
/// No more than this is tolerated, so that a stranger in a confirmed unlock cannot raise it without end.
const MOST_PEAK: f32 = 12.0;
/// Suspicion that is tolerated: a multiple of the greatest, and more.
const TOLERATED: (f32, f32) = (1.2, 1.0);

/// Counts over confirmed unlocks.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct History {
    /// Blocks of evidence since the template could be asked, and those after which it would have answered silently.
    judged: f32,
    silent: f32,
    /// Unlocks in a row whose person passed a strong factor and does not fit the template.
    contradictions: u32,
    /// The greatest suspicion that confirmed unlocks raised, fading.
    peak: f32,
    /// Until when everything that is vouched for joins, ms since 1970; 0 where nothing is being relearned.
    relearn_until: f64,
}

/// Whether behaviour can tell this person from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suitability {
    /// Too little is confirmed to say.
    Unknown,
    /// It can.
    Suited,
    /// It seldom would; policy had better not count on it.
    NotSuited,
}

impl History {
    /// Blocks of a confirmed unlock.
    pub(crate) fn add(&mut self, judged: u32, silent: u32) {
        self.judged += judged as f32;
        self.silent += silent.min(judged) as f32;
        if self.judged > REMEMBERED {
            self.silent *= REMEMBERED / self.judged;
            self.judged = REMEMBERED;
        }
    }

    /// The greatest suspicion of a confirmed unlock: what this person raises without anybody else.
    pub(crate) fn peaked(&mut self, peak: f32) {
        self.peak = (self.peak * PEAK_LEFT).max(peak.min(MOST_PEAK));
    }

    /// The suspicion below which nobody is flagged, by what the person raised themself.
    pub(crate) fn tolerance(&self) -> f64 {
        f64::from(self.peak * TOLERATED.0 + TOLERATED.1)
    }

    /// The share of moments at which this person would have been asked for a factor, by what was confirmed.
    pub(crate) fn refused_share(&self) -> Option<f64> {
        (self.judged >= ENOUGH).then(|| f64::from(1.0 - self.silent / self.judged))
    }

    pub(crate) fn suitability(&self) -> Suitability {
        match self.refused_share() {
            None => Suitability::Unknown,
            Some(share) if share > f64::from(UNSUITED) => Suitability::NotSuited,
            Some(_) => Suitability::Suited,
        }
    }

    /// An unlock fits.
    pub(crate) fn agree(&mut self) {
        self.contradictions = 0;
    }

    /// An unlock does not fit; `true` where the template has been contradicted too often.
    pub(crate) fn contradict(&mut self) -> bool {
        self.contradictions = self.contradictions.saturating_add(1);
        self.contradictions >= CONTRADICTIONS
    }

    pub(crate) fn relearn(&mut self, until: f64) {
        self.relearn_until = until;
    }

    pub(crate) fn is_relearning(&self, now: f64) -> bool {
        now < self.relearn_until
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.judged.to_le_bytes());
        out.extend(self.silent.to_le_bytes());
        out.extend(self.contradictions.to_le_bytes());
        out.extend(self.peak.to_le_bytes());
        out.extend(self.relearn_until.to_le_bytes());
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
        let history = Self {
            judged: from.f32(REMEMBERED)?,
            silent: from.f32(REMEMBERED)?,
            contradictions: from.u32()?,
            peak: from.f32(MOST_PEAK)?.max(0.0),
            relearn_until: from.f64(9.0e15)?,
        };
        if history.judged < 0.0 || !(0.0..=history.judged).contains(&history.silent) {
            return Err(Fault::OutOfRange);
        }
        Ok(history)
    }
}
