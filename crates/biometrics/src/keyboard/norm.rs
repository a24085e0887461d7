//! One person's typing as sums, and the model adapted from it.

use super::{KINDS, KeyModel, Layout, Population, Residual};

/// Occurrences per cell beyond which old ones fade: a norm follows slow drift.
const MOST: f32 = 400.0;

/// Counts and sums: enough to adapt a model, and to be added to another person-day of the same person.
#[derive(Debug, Clone)]
pub(crate) struct KeyNorm {
    layout: Layout,
    /// Occurrences, per cell.
    pub count: Box<[f32]>,
    /// Sum of values, per feature.
    pub sum: Box<[f32]>,
    /// Sum of squared values, per kind of timing.
    pub squares: [f64; KINDS],
    /// Keystrokes.
    pub keys: u32,
}

impl KeyNorm {
    pub(crate) fn new() -> Self {
        Self::with(Layout::GROUPS)
    }

    pub(crate) fn with(layout: Layout) -> Self {
        Self {
            layout,
            count: vec![0.0; layout.cells()].into(),
            sum: vec![0.0; layout.features()].into(),
            squares: [0.0; KINDS],
            keys: 0,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.count.fill(0.0);
        self.sum.fill(0.0);
        self.squares = [0.0; KINDS];
        self.keys = 0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys == 0
    }

    /// Adds one residual, winsorised so that a single odd one moves nothing.
    pub(crate) fn add(&mut self, population: &Population, residual: Residual) {
        let (feature, kind) = (usize::from(residual.feature), usize::from(residual.kind));
        let value = population.winsorise(residual);
        if kind <= 1 {
            self.count[self.layout.cell_of(feature)] += 1.0;
        }
        self.sum[feature] += value;
        self.squares[kind] += f64::from(value) * f64::from(value);
    }

    /// Adds another norm of the same person; then lets the old fade.
    pub(crate) fn merge(&mut self, other: &KeyNorm) {
        for (mine, theirs) in self.count.iter_mut().zip(&other.count) {
            *mine += theirs;
        }
        for (mine, theirs) in self.sum.iter_mut().zip(&other.sum) {
            *mine += theirs;
        }
        for (mine, theirs) in self.squares.iter_mut().zip(other.squares) {
            *mine += theirs;
        }
        self.keys = self.keys.saturating_add(other.keys);
        self.fade();
    }

    /// Cells over the bound shrink to it; the squares lose what those occurrences had, at the kind's mean residual.
    fn fade(&mut self) {
        let layout = self.layout;
        let mut number = [0.0f64; KINDS];
        let mut explained = [0.0f64; KINDS];
        for (feature, &sum) in self.sum.iter().enumerate() {
            let (cell, kind) = (layout.cell_of(feature), layout.kind_of(feature));
            let count = f64::from(self.count[cell]);
            if count > 0.0 {
                number[kind] += count;
                explained[kind] += f64::from(sum) * f64::from(sum) / count;
            }
        }
        let residual: [f64; KINDS] =
            std::array::from_fn(|k| (self.squares[k] - explained[k]).max(0.0) / number[k].max(1.0));
        for feature in 0..layout.features() {
            let (kind, count) = (layout.kind_of(feature), self.count[layout.cell_of(feature)]);
            if count > MOST {
                let mean = f64::from(self.sum[feature] / count);
                self.squares[kind] -= f64::from(count - MOST) * (mean * mean + residual[kind]);
                self.sum[feature] *= MOST / count;
            }
        }
        for count in &mut self.count {
            *count = count.min(MOST);
        }
    }

    /// The population shifted towards this person: one offset per kind of timing, then each feature by shrinkage (MAP),
    /// then one ratio of variances per kind.
    pub(crate) fn adapt(&self, population: &Population) -> KeyModel {
        let shift = self.shift(population);
        let count = |cell: usize| self.count[cell];
        KeyModel::new(population, &shift, count, |feature| self.sum[feature])
    }

    /// How this person differs from everybody on the whole.
    pub(crate) fn shift(&self, population: &Population) -> Shift {
        let (p, layout) = (population, self.layout);
        let mut number = [0.0f64; KINDS];
        let mut offset = [0.0f64; KINDS];
        let mut expected = [0.0f64; KINDS];
        for (feature, &sum) in self.sum.iter().enumerate() {
            let (kind, count) = (layout.kind_of(feature), self.count[layout.cell_of(feature)]);
            number[kind] += f64::from(count);
            offset[kind] += f64::from(sum);
            expected[kind] += f64::from(count * p.within[feature]);
        }
        let offset: [f64; KINDS] = std::array::from_fn(|kind| offset[kind] / (number[kind] + 10.0));
        let mut shift = Shift {
            offset: offset.map(|o| o as f32),
            ratio: [1.0; KINDS],
        };
        let mut residual = self.squares;
        for (feature, &sum) in self.sum.iter().enumerate() {
            let count = self.count[layout.cell_of(feature)];
            if count > 0.0 {
                let m = f64::from(shift.mean(p, feature, count, sum));
                residual[layout.kind_of(feature)] +=
                    f64::from(count) * m * m - 2.0 * m * f64::from(sum);
            }
        }
        for kind in 0..KINDS {
            if number[kind] > 0.0 {
                let expected = expected[kind] / number[kind];
                let ratio = (residual[kind].max(0.0) + 60.0 * expected)
                    / ((number[kind] + 60.0) * expected);
                shift.ratio[kind] = ratio.clamp(0.05, 20.0) as f32;
            }
        }
        shift
    }
}

/// One person against everybody, per kind of timing: an offset of means and a ratio of variances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shift {
    pub offset: [f32; KINDS],
    pub ratio: [f32; KINDS],
}

impl Shift {
    /// The MAP mean of a feature that was seen `count` times with this sum.
    pub(crate) fn mean(&self, p: &Population, feature: usize, count: f32, sum: f32) -> f32 {
        let shifted = self.offset[p.layout.kind_of(feature)];
        shifted + (sum - count * shifted) / (count + p.shrinkage(feature))
    }

    /// The person's variance of a feature, with what is unknown about the mean.
    pub(crate) fn variance(&self, p: &Population, feature: usize, count: f32) -> f32 {
        p.within[feature]
            * (self.ratio[p.layout.kind_of(feature)] + 1.0 / (count + p.shrinkage(feature)))
    }
}
