//! Everybody: mean, within-person and between-person variance of every feature.

use super::{FEATURES, KINDS, kind_of};

/// The background of the keyboard model. All values are natural logarithms of milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct Population {
    /// Mean over people.
    pub mean: Box<[f32]>,
    /// Variance of one person's own repetitions.
    pub within: Box<[f32]>,
    /// Variance of people's means.
    pub between: Box<[f32]>,
}

impl Population {
    /// A feature that nobody ever typed has the figures of its kind.
    pub(crate) fn uniform(kinds: [[f32; 3]; KINDS]) -> Self {
        let table = |which: usize| (0..FEATURES).map(|f| kinds[kind_of(f)][which]).collect();
        Self {
            mean: table(0),
            within: table(1),
            between: table(2),
        }
    }

    /// Repetitions that weigh as much as what everybody does: the prior count of the MAP estimate. Part of what tells
    /// people apart is their offset already, hence the 0.6.
    pub(crate) fn shrinkage(&self, feature: usize) -> f32 {
        self.within[feature] / (self.between[feature] * 0.6)
    }

    /// A value at a distance from the mean that one typing error cannot exceed: three standard deviations.
    pub(crate) fn winsorise(&self, feature: usize, value: f32) -> f32 {
        let reach = 3.0 * libm::sqrtf(self.within[feature] + self.between[feature]);
        value.clamp(self.mean[feature] - reach, self.mean[feature] + reach)
    }
}
