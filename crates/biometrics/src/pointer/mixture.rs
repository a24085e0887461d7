//! Everybody's actions as a Gaussian mixture with diagonal covariances.

use super::FEATURES;
use libm::{expf, logf};

/// Components of the mixture.
pub(crate) const COMPONENTS: usize = 24;
/// Standardised features are bounded here.
const REACH: f32 = 4.0;

/// One standardised action.
pub(crate) type Point = [f32; FEATURES];

/// The universal background model of actions, over standardised features.
#[derive(Debug, Clone)]
pub(crate) struct Mixture {
    /// Mean and inverse standard deviation that standardise each feature.
    pub centre: Point,
    pub scale: Point,
    /// Logarithm of weight and half log-determinant, per component.
    pub constant: [f32; COMPONENTS],
    pub mean: Box<[Point; COMPONENTS]>,
    /// Inverse variances.
    pub precision: Box<[Point; COMPONENTS]>,
}

impl Mixture {
    /// Standardises and bounds the features of an action.
    pub(crate) fn point(&self, features: &Point) -> Point {
        std::array::from_fn(|d| {
            ((features[d] - self.centre[d]) * self.scale[d]).clamp(-REACH, REACH)
        })
    }

    /// The log-density of a point, up to a constant, under the mixture with these means.
    pub(crate) fn density(&self, means: &[Point; COMPONENTS], point: &Point) -> f32 {
        let mut logs = [0.0; COMPONENTS];
        for (c, log) in logs.iter_mut().enumerate() {
            *log = self.component(c, &means[c], point);
        }
        log_sum(&logs)
    }

    /// Which components a point belongs to, by the background's own means; and its log-density.
    pub(crate) fn posterior(&self, point: &Point) -> ([f32; COMPONENTS], f32) {
        let mut logs = [0.0; COMPONENTS];
        for (c, log) in logs.iter_mut().enumerate() {
            *log = self.component(c, &self.mean[c], point);
        }
        let total = log_sum(&logs);
        (logs.map(|log| expf(log - total)), total)
    }

    #[inline]
    fn component(&self, c: usize, mean: &Point, point: &Point) -> f32 {
        let precision = &self.precision[c];
        let mut distance = 0.0;
        for d in 0..FEATURES {
            let e = point[d] - mean[d];
            distance += e * e * precision[d];
        }
        self.constant[c] - 0.5 * distance
    }
}

/// What is smaller than the greatest by a factor of three million adds nothing to a single-precision sum.
const NEGLIGIBLE: f32 = -15.0;

fn log_sum(logs: &[f32; COMPONENTS]) -> f32 {
    let most = logs.iter().copied().fold(f32::MIN, f32::max);
    let near = logs
        .iter()
        .map(|log| log - most)
        .filter(|&log| log > NEGLIGIBLE);
    most + logf(near.map(expf).sum::<f32>())
}
