//! How much likelier a timing is for one person than for anybody.

use super::{KINDS, Population, Residual, Shift};
use libm::{logf, sqrtf};

/// What one timing may contribute at most, in nats.
const CLIP: f32 = 4.0;
/// Squared distances, in variances, are bounded here: heavier tails than a Gaussian's.
pub(super) const FAR: f32 = 9.0;

/// A person's adapted model, as tables for scoring.
#[derive(Debug, Clone)]
pub(crate) struct KeyModel {
    table: Box<[Entry]>,
}

/// What one person's model knows of one feature.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    mean: f32,
    /// Inverse variance.
    precision: f32,
    /// Half the logarithm of anybody's variance over this person's.
    constant: f32,
}

impl KeyModel {
    /// From a person's shift, and counts (per cell) and sums (per feature) of what they typed.
    pub(crate) fn new(
        population: &Population,
        shift: &Shift,
        count: impl Fn(usize) -> f32,
        sum: impl Fn(usize) -> f32,
    ) -> Self {
        let entry = |feature: usize| {
            let count = count(population.layout.cell_of(feature));
            let own = shift.variance(population, feature, count).max(1e-4);
            let anyone = population.wide(feature);
            Entry {
                mean: shift.mean(population, feature, count, sum(feature)),
                precision: 1.0 / own,
                constant: 0.5 * logf(anyone / own),
            }
        };
        Self {
            table: (0..population.layout.features()).map(entry).collect(),
        }
    }

    /// The clipped log-likelihood ratio of one residual; `anyone` is [`Population::distance`] of it.
    #[inline]
    pub(crate) fn ratio(&self, residual: Residual, anyone: f32) -> f32 {
        self.table[usize::from(residual.feature)].ratio(residual.value, anyone)
    }

    /// How far a residual lies from the person's mean, in their standard deviations, bounded.
    pub(crate) fn deviation(&self, residual: Residual) -> f32 {
        let entry = &self.table[usize::from(residual.feature)];
        ((residual.value - entry.mean) * sqrtf(entry.precision)).clamp(-3.0, 3.0)
    }
}

impl Entry {
    #[inline]
    pub(crate) fn ratio(&self, value: f32, anyone: f32) -> f32 {
        let d = value - self.mean;
        let own = (d * d * self.precision).min(FAR);
        (self.constant + 0.5 * (anyone - own)).clamp(-CLIP, CLIP)
    }
}

/// The models of several people, feature by feature: what one timing needs of them lies together.
#[derive(Debug, Clone)]
pub(crate) struct Cohort {
    people: usize,
    table: Box<[Entry]>,
}

impl Cohort {
    pub(crate) fn new(models: &[KeyModel]) -> Self {
        let features = models.first().map_or(0, |model| model.table.len());
        let table =
            (0..features).flat_map(|feature| models.iter().map(move |model| model.table[feature]));
        Self {
            people: models.len(),
            table: table.collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.people
    }

    /// One entry per person.
    #[inline]
    pub(crate) fn of(&self, residual: Residual) -> &[Entry] {
        let begin = usize::from(residual.feature) * self.people;
        &self.table[begin..begin + self.people]
    }
}

/// Contributions of many timings to one model, per kind of timing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct KeyEvidence {
    pub sum: [f32; KINDS],
}

impl KeyEvidence {
    /// The mean contribution of each kind of timing.
    pub(crate) fn means(&self, number: &[f32; KINDS]) -> [f32; KINDS] {
        std::array::from_fn(|k| {
            if number[k] > 0.0 {
                self.sum[k] / number[k].max(1.0)
            } else {
                0.0
            }
        })
    }

    /// The weighted sum of these means.
    pub(crate) fn score(&self, number: &[f32; KINDS], weight: &[f32; KINDS]) -> f32 {
        self.means(number)
            .iter()
            .zip(weight)
            .map(|(mean, weight)| mean * weight)
            .sum()
    }
}
