//! Everybody: what a time is like at each place, and how people vary around it.

use super::{KINDS, Layout, PLACES, Timing};

/// The background of the keyboard model. Means are natural logarithms of milliseconds; variances are of residuals.
#[derive(Debug, Clone)]
pub(crate) struct Population {
    /// What a feature is.
    pub layout: Layout,
    /// Mean and standard deviation over people and repetitions, per place.
    pub mean: Box<[f32]>,
    pub spread: Box<[f32]>,
    /// Variance of one person's own repetitions, per feature.
    pub within: Box<[f32]>,
    /// Variance of people's means, per feature.
    pub between: Box<[f32]>,
}

/// A timing against everybody's at its place, in their standard deviations, as a value of a feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Residual {
    pub feature: u16,
    pub kind: u8,
    pub value: f32,
}

impl Population {
    /// A place or feature that nobody ever typed has the figures of its kind: mean and spread, within and between.
    pub(crate) fn uniform(kinds: [[f32; 4]; KINDS]) -> Self {
        let table = |layout: Layout, which: usize| {
            let kind = (0..layout.features()).map(|f| layout.kind_of(f));
            kind.map(|kind| kinds[kind][which]).collect()
        };
        Self {
            layout: Layout::GROUPS,
            mean: table(Layout::CLASSES, 0),
            spread: table(Layout::CLASSES, 1),
            within: table(Layout::GROUPS, 2),
            between: table(Layout::GROUPS, 3),
        }
    }

    /// A timing as a residual.
    #[inline]
    pub(crate) fn residual(&self, timing: Timing) -> Residual {
        let place = usize::from(timing.place);
        debug_assert!(place < PLACES, "a place of everybody's");
        let is_grouped = self.layout == Layout::GROUPS;
        Residual {
            feature: if is_grouped {
                timing.feature
            } else {
                timing.place
            },
            kind: timing.kind,
            value: (timing.value - self.mean[place]) / self.spread[place],
        }
    }

    /// Variance of a feature over people and repetitions.
    pub(crate) fn wide(&self, feature: usize) -> f32 {
        self.within[feature] + self.between[feature]
    }

    /// The squared distance of a residual from everybody's mean, in variances, bounded.
    #[inline]
    pub(crate) fn distance(&self, residual: Residual) -> f32 {
        let value = residual.value;
        (value * value / self.wide(usize::from(residual.feature))).min(super::model::FAR)
    }

    /// Repetitions that weigh as much as what everybody does: the prior count of the MAP estimate. Part of what tells
    /// people apart is their offset already, hence the 0.6.
    pub(crate) fn shrinkage(&self, feature: usize) -> f32 {
        self.within[feature] / (self.between[feature] * 0.6)
    }

    /// A value that one typing error cannot exceed: three standard deviations from everybody's mean.
    pub(crate) fn winsorise(&self, residual: Residual) -> f32 {
        let reach = 3.0 * libm::sqrtf(self.wide(usize::from(residual.feature)));
        residual.value.clamp(-reach, reach)
    }
}
