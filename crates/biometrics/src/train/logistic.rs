//! Logistic regression over several scores, both sides weighing the same, by Newton's method.

use super::algebra::solve;
use libm::exp;

/// A weighted sum of scores: a natural-logarithm likelihood ratio where the claims were representative.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fusion {
    pub slopes: Vec<f64>,
    pub offset: f64,
}

/// Scores of one claim, and whether it is genuine.
pub(crate) type Example = (Vec<f64>, bool);

impl Fusion {
    /// Fits slopes and offset; `ridge` draws the slopes of standardised scores towards nought.
    pub(crate) fn fit(claims: &[Example], ridge: f64) -> Fusion {
        let width = claims.first().map_or(0, |(x, _)| x.len());
        let genuine = claims.iter().filter(|(_, genuine)| *genuine).count();
        let weight = [
            0.5 / (claims.len() - genuine).max(1) as f64,
            0.5 / genuine.max(1) as f64,
        ];
        let n = claims.len().max(1) as f64;
        let column = |d: usize| claims.iter().map(move |(x, _)| x[d]);
        let centre: Vec<f64> = (0..width).map(|d| column(d).sum::<f64>() / n).collect();
        let scale: Vec<f64> = (0..width)
            .map(|d| {
                let square: f64 = column(d).map(|v| (v - centre[d]) * (v - centre[d])).sum();
                1.0 / libm::sqrt(square / n).max(1e-9)
            })
            .collect();
        let mut beta = vec![0.0; width + 1];
        let mut point = vec![1.0; width + 1];
        for _ in 0..25 {
            let mut gradient = vec![0.0; width + 1];
            let mut hessian = vec![0.0; (width + 1) * (width + 1)];
            for d in 0..width {
                gradient[d] = -ridge * beta[d];
                hessian[d * (width + 2)] = ridge;
            }
            hessian[width * (width + 2)] = 1e-9;
            for (x, is_genuine) in claims {
                for d in 0..width {
                    point[d] = (x[d] - centre[d]) * scale[d];
                }
                let z: f64 = point.iter().zip(&beta).map(|(x, b)| x * b).sum();
                let p = 1.0 / (1.0 + exp(-z));
                let w = weight[usize::from(*is_genuine)];
                let error = w * (f64::from(u8::from(*is_genuine)) - p);
                let curve = w * p * (1.0 - p);
                for i in 0..=width {
                    gradient[i] += error * point[i];
                    for j in 0..=i {
                        hessian[i * (width + 1) + j] += curve * point[i] * point[j];
                    }
                }
            }
            let Some(step) = solve(&mut hessian, &gradient) else {
                break;
            };
            let most = step.iter().fold(0.0f64, |most, s| most.max(s.abs()));
            let limit = 1.0f64.min(2.0 / most.max(1e-12));
            beta.iter_mut()
                .zip(&step)
                .for_each(|(b, s)| *b += s * limit);
            if most < 1e-7 {
                break;
            }
        }
        let slopes: Vec<f64> = (0..width).map(|d| beta[d] * scale[d]).collect();
        let moved: f64 = slopes.iter().zip(&centre).map(|(s, c)| s * c).sum();
        Fusion {
            offset: beta[width] - moved,
            slopes,
        }
    }

    /// The log-likelihood ratio of a claim.
    pub(crate) fn llr(&self, scores: &[f64]) -> f64 {
        self.offset
            + self
                .slopes
                .iter()
                .zip(scores)
                .map(|(s, x)| s * x)
                .sum::<f64>()
    }
}
