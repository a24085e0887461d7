//! A change detector: whether somebody else has taken over since the evidence spoke for the person.
//!
//! Every *block* of evidence (some twenty keystrokes, or some eight actions) gives one calibrated log-likelihood ratio
//! *x*. The suspicion is a cumulative sum that forgets (Page's CUSUM, *Biometrika* 41, 1954, with a leak):
//! D ← max(0, λD + c - x). For blocks that are independent and calibrated, E[exp(-x) | genuine] = 1, so without leak and
//! allowance a rise to *h* happens about exp(-h) times per block. Blocks of one person are not independent (a sore hand,
//! another text), so the rate falls more slowly with *h*; [`threshold`] has the figures measured on recordings.
//!
//! Time alone takes nothing away: a stranger who waits is no less of a stranger.

use crate::codec::{Fault, Reader};
use libm::log;

/// What one block may say, in nats, either way.
const BLOCK: f64 = 4.0;
/// What is left of the suspicion when another block comes.
const KEEP: f64 = 0.9;
/// Added for each block: less than nothing, so that a person between fits and does not fit raises no alarm.
const ALLOWANCE: f64 = -0.15;
/// Two sums of recent blocks: what is left of them when another one comes (about the last fifty and the last hundred
/// keystrokes count), and what they have to reach before anything older counts in full, in nats.
const RECENT: [f64; 2] = [0.6, 0.8];
const FITS: [f64; 2] = [1.0, 3.5];
/// The suspicion from which nothing counts that was gathered before: whoever acts now has to earn trust alone.
pub(crate) const BROKEN: f64 = 3.0;
/// The suspicion from which nothing joins a template that is still being learned.
pub(crate) const YOUNG: f64 = 5.0;
/// The suspicion goes no further, so that the rightful person finds back without a strong factor.
const MOST: f64 = 24.0;

/// No sum of recent blocks gets beyond this.
const MOST_RECENT: f64 = BLOCK / (1.0 - RECENT[1]) + 1e-6;

/// Rates of alarms on recorded activity of the rightful person, given what each person's own template tolerates: alarms
/// per hour go as exp(SCALE - RISE * threshold). `cargo xtask streams` counts them: two in 3.2 hours at 3.5, one from 3.75
/// to 12, none from 12.5 on. That is a line through few points, and beyond one alarm per three hours a guess.
const SCALE: f64 = 0.37;
const RISE: f64 = 0.24;
/// Hours of a working day.
const DAY: f64 = 8.0;

/// The suspicion at which somebody else is flagged, for so many false alarms per working day of activity.
pub(crate) fn threshold(alarms_per_day: f64) -> f64 {
    let rate = alarms_per_day.clamp(1e-3, 100.0) / DAY;
    ((SCALE - log(rate)) / RISE).clamp(BROKEN + 0.5, MOST - 1.0)
}

/// Suspicion and the sum of recent blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    suspicion: f64,
    recent: [f64; 2],
}

impl Change {
    pub(crate) const fn new() -> Self {
        Self {
            suspicion: 0.0,
            recent: [0.0; 2],
        }
    }

    /// Takes a block's log-likelihood ratio; `true` where this is the moment from which nothing earlier counts.
    pub(crate) fn block(&mut self, llr: f64) -> bool {
        let llr = llr.clamp(-BLOCK, BLOCK);
        let before = self.suspicion;
        self.suspicion = (KEEP * before + ALLOWANCE - llr).clamp(0.0, MOST);
        for (recent, keep) in self.recent.iter_mut().zip(RECENT) {
            *recent = *recent * keep + llr;
        }
        before < BROKEN && self.suspicion >= BROKEN
    }

    /// The suspicion, from 0.
    pub(crate) fn suspicion(&self) -> f64 {
        self.suspicion
    }

    /// What the last blocks say, with a part of one that is not complete: the least of the sums.
    pub(crate) fn newest(&self, part: f64) -> f64 {
        let part = part.clamp(-BLOCK, BLOCK);
        self.recent
            .iter()
            .map(|recent| recent + part)
            .fold(f64::INFINITY, f64::min)
    }

    /// How far the last blocks, with a part of one that is not complete, exceed what they have to say for the person.
    pub(crate) fn margin(&self, part: f64) -> f64 {
        let part = part.clamp(-BLOCK, BLOCK);
        let margins = self
            .recent
            .iter()
            .zip(FITS)
            .map(|(recent, fits)| recent + part - fits);
        margins.fold(f64::INFINITY, f64::min)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.suspicion.to_le_bytes());
        self.recent
            .iter()
            .for_each(|recent| out.extend(recent.to_le_bytes()));
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
        let suspicion = from.f64(MOST)?;
        if suspicion < 0.0 {
            return Err(Fault::OutOfRange);
        }
        Ok(Self {
            suspicion,
            recent: [from.f64(MOST_RECENT)?, from.f64(MOST_RECENT)?],
        })
    }
}
