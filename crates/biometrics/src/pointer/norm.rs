//! One person's actions as sums, and the mixture adapted to them.

use super::{COMPONENTS, FEATURES, Mixture, mixture::Point};

/// Actions that weigh as much as the background, per component.
const RELEVANCE: f32 = 4.0;
/// Actions per component beyond which old ones fade.
const MOST: f32 = 300.0;
/// What one action may contribute at most, in nats.
const CLIP: f32 = 3.0;

/// Zeroth and first moments per component.
#[derive(Debug, Clone)]
pub(crate) struct PointerNorm {
    pub count: [f32; COMPONENTS],
    pub sum: Box<[Point; COMPONENTS]>,
    /// Actions.
    pub actions: u32,
    /// Their duration in ms.
    pub lasted: f32,
}

impl PointerNorm {
    pub(crate) fn new() -> Self {
        Self {
            count: [0.0; COMPONENTS],
            sum: Box::new([[0.0; FEATURES]; COMPONENTS]),
            actions: 0,
            lasted: 0.0,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.count = [0.0; COMPONENTS];
        *self.sum = [[0.0; FEATURES]; COMPONENTS];
        self.actions = 0;
        self.lasted = 0.0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.actions == 0
    }

    pub(crate) fn add(&mut self, posterior: &[f32; COMPONENTS], point: &Point, lasted: f32) {
        for ((count, sum), share) in self
            .count
            .iter_mut()
            .zip(self.sum.iter_mut())
            .zip(posterior)
        {
            *count += share;
            sum.iter_mut()
                .zip(point)
                .for_each(|(sum, value)| *sum += share * value);
        }
        self.actions = self.actions.saturating_add(1);
        self.lasted += lasted;
    }

    pub(crate) fn merge(&mut self, other: &PointerNorm) {
        for c in 0..COMPONENTS {
            self.count[c] += other.count[c];
            for d in 0..FEATURES {
                self.sum[c][d] += other.sum[c][d];
            }
            if self.count[c] > MOST {
                let keep = MOST / self.count[c];
                self.count[c] = MOST;
                self.sum[c].iter_mut().for_each(|s| *s *= keep);
            }
        }
        self.actions = self.actions.saturating_add(other.actions);
        self.lasted += other.lasted;
    }

    /// The background's means moved towards this person's by shrinkage (MAP).
    pub(crate) fn adapt(&self, mixture: &Mixture) -> PointerModel {
        let mut mean = mixture.mean.clone();
        for c in 0..COMPONENTS {
            for d in 0..FEATURES {
                let m = mean[c][d];
                mean[c][d] = m + (self.sum[c][d] - self.count[c] * m) / (self.count[c] + RELEVANCE);
            }
        }
        PointerModel { mean }
    }
}

/// A person's adapted mixture: only its means differ from the background's.
#[derive(Debug, Clone)]
pub(crate) struct PointerModel {
    pub mean: Box<[Point; COMPONENTS]>,
}

impl PointerModel {
    /// The clipped log-likelihood ratio of one action; `anyone` is its log-density under the background.
    pub(crate) fn ratio(&self, mixture: &Mixture, point: &Point, anyone: f32) -> f32 {
        (mixture.density(&self.mean, point) - anyone).clamp(-CLIP, CLIP)
    }
}
