//! The keyboard's part of a background model.

use super::{Cohort, KINDS, Phrasing, Population};
use crate::calibration::{Calibration, normalise};

/// Added to the rivals' spread, so that few rivals that agree do not blow a score up.
const FLOOR: f32 = 0.05;

/// Everybody's typing, some models of other people as rivals, and how scores are read.
#[derive(Debug, Clone)]
pub(crate) struct Typing {
    pub population: Population,
    pub cohort: Cohort,
    /// How much each kind of timing counts; four in sum.
    pub weight: [f32; KINDS],
    pub calibration: Calibration,
    /// How a phrase that is typed again and again is read.
    pub phrasing: Phrasing,
}

impl Typing {
    /// The normalised score of a window: means over kinds, against those of the rivals.
    pub(crate) fn normalised(&self, own: f32, rivals: &mut [f32]) -> f32 {
        normalise(own, rivals, FLOOR)
    }

    /// Keystrokes that timings of these numbers amount to.
    pub(crate) fn amount(number: &[f32; KINDS]) -> f64 {
        f64::from(number[0].max(number[1]))
    }
}
