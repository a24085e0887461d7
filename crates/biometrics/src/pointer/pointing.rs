//! The pointer's part of a background model.

use super::{Mixture, PointerModel};
use crate::calibration::{Calibration, normalise};

/// Added to the rivals' spread.
const FLOOR: f32 = 0.02;

/// Everybody's actions, some models of other people as rivals, and how scores are read.
#[derive(Debug, Clone)]
pub(crate) struct Pointing {
    pub mixture: Mixture,
    pub cohort: Vec<PointerModel>,
    pub calibration: Calibration,
}

impl Pointing {
    /// The normalised score of a window: the mean contribution of its actions, against those of the rivals.
    pub(crate) fn normalised(&self, own: f32, rivals: &mut [f32]) -> f32 {
        normalise(own, rivals, FLOOR)
    }
}
