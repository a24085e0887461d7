//! The pointer's background from recorded movement.

use super::calibrate::{Claim, fit};
use super::random::Random;
use crate::calibration::Calibration;
use crate::pointer::{
    Action, Actions, COMPONENTS, FEATURES, Mixture, PointerModel, PointerNorm, Pointing,
};
use libm::{exp, log, sqrt};

/// Seconds of the windows that calibrate; amounts are counted in actions.
const SECONDS: [f64; 4] = [5.0, 15.0, 30.0, 60.0];
const FOLDS: usize = 3;
const SEED: u64 = 20_261_123;
const ROUNDS: usize = 60;
/// Added to every variance of the mixture.
const FLOOR: f64 = 1e-2;

/// One recorded pointer event.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Time in ms.
    pub at: f64,
    /// Position in pixels.
    pub x: f32,
    /// Position in pixels.
    pub y: f32,
    /// What happened there.
    pub kind: SampleKind,
}

/// What a pointer event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleKind {
    /// A move, with or without a button held.
    Move,
    /// A button went down.
    Press,
    /// A button came up.
    Release,
}

/// The actions in a stretch of samples, each with its time.
pub fn actions(samples: &[Sample]) -> Vec<(f64, Moved)> {
    let mut actions = Actions::new();
    let mut latest = f64::MIN;
    let mut found = Vec::new();
    for sample in samples {
        latest = latest.max(sample.at);
        let action = match sample.kind {
            SampleKind::Move => actions.at(latest, sample.x, sample.y),
            SampleKind::Press => actions.press(latest, sample.x, sample.y),
            SampleKind::Release => actions.release(latest, sample.x, sample.y),
        };
        found.extend(action.map(|action| (latest, Moved(action))));
    }
    found.extend(actions.finish().map(|action| (latest, Moved(action))));
    found
}

/// One action.
#[derive(Debug, Clone, Copy)]
pub struct Moved(Action);

/// A pointer background with its cohort.
#[derive(Debug, Clone)]
pub struct PointingModel(pub(crate) Pointing);

/// One person's adapted model.
#[derive(Debug, Clone)]
pub struct Mover(PointerModel);

/// One person of the background: actions to enrol on, and a later session.
pub type Person = (Vec<(f64, Moved)>, Vec<(f64, Moved)>);

impl PointingModel {
    /// From people, each with an enrolment and a later session. Rivals are the first `cohort` people.
    pub fn train(people: &[Person], cohort: usize) -> PointingModel {
        let mut model = uncalibrated(&people.iter().collect::<Vec<_>>(), cohort);
        let mut claims: Vec<(Vec<Claim>, f64)> =
            SECONDS.iter().map(|_| (Vec::new(), 0.0)).collect();
        for fold in 0..FOLDS {
            let held: Vec<&Person> = people.iter().skip(fold).step_by(FOLDS).collect();
            let rest: Vec<&Person> = people
                .iter()
                .enumerate()
                .filter(|(i, _)| i % FOLDS != fold)
                .map(|(_, p)| p)
                .collect();
            uncalibrated(&rest, cohort).claims(&held, &mut claims);
        }
        let knots = claims
            .iter()
            .filter_map(|(claims, total)| fit(claims, (total / claims.len() as f64) as f32));
        model.0.calibration = Calibration {
            knots: knots.collect(),
        };
        model
    }

    /// A person's model from their actions.
    pub fn enrol(&self, actions: &[(f64, Moved)]) -> Mover {
        Mover(norm_of(&self.0.mixture, actions).adapt(&self.0.mixture))
    }

    /// Calibrated log-likelihood ratios of one window for several people, without the engine's bound.
    pub fn llr(&self, window: &[(f64, Moved)], movers: &[&Mover]) -> Vec<f64> {
        let calibration = &self.0.calibration;
        let scores = self.score(window, movers);
        scores
            .into_iter()
            .map(|score| calibration.unbounded(score, window.len() as f64))
            .collect()
    }

    /// Normalised scores of one window for several people.
    pub fn score(&self, window: &[(f64, Moved)], movers: &[&Mover]) -> Vec<f64> {
        let mixture = &self.0.mixture;
        let points: Vec<_> = window
            .iter()
            .map(|(_, moved)| {
                let point = mixture.point(&moved.0.features);
                (point, mixture.density(&mixture.mean, &point))
            })
            .collect();
        let score = |model: &PointerModel| {
            let sum: f32 = points
                .iter()
                .map(|(point, anyone)| model.ratio(mixture, point, *anyone))
                .sum();
            sum / (points.len() as f32).max(1.0)
        };
        let rivals: Vec<f32> = self.0.cohort.iter().map(score).collect();
        let mut order = rivals.clone();
        movers
            .iter()
            .map(|mover| {
                order.copy_from_slice(&rivals);
                f64::from(self.0.normalised(score(&mover.0), &mut order))
            })
            .collect()
    }

    fn claims(&self, people: &[&Person], claims: &mut [(Vec<Claim>, f64)]) {
        let movers: Vec<Mover> = people
            .iter()
            .map(|(enrolment, _)| self.enrol(enrolment))
            .collect();
        let claimed: Vec<&Mover> = movers.iter().collect();
        for (owner, (_, later)) in people.iter().enumerate() {
            for ((claims, total), seconds) in claims.iter_mut().zip(SECONDS) {
                for k in 0..(60.0 / seconds) as usize {
                    let span = 1_000.0 * seconds * k as f64..1_000.0 * seconds * (k + 1) as f64;
                    let window: Vec<_> = later
                        .iter()
                        .filter(|(t, _)| span.contains(t))
                        .copied()
                        .collect();
                    if window.is_empty() {
                        continue;
                    }
                    let scores = self.score(&window, &claimed);
                    *total += (window.len() * scores.len()) as f64;
                    claims.extend(scores.iter().enumerate().map(|(i, &score)| Claim {
                        score: score as f32,
                        genuine: i == owner,
                    }));
                }
            }
        }
    }
}

fn norm_of(mixture: &Mixture, actions: &[(f64, Moved)]) -> PointerNorm {
    let mut norm = PointerNorm::new();
    for (_, moved) in actions {
        let point = mixture.point(&moved.0.features);
        norm.add(&mixture.posterior(&point).0, &point, moved.0.lasted);
    }
    norm
}

fn uncalibrated(people: &[&Person], cohort: usize) -> PointingModel {
    let table: Vec<&Action> = people
        .iter()
        .flat_map(|(enrolment, later)| enrolment.iter().chain(later))
        .map(|(_, moved)| &moved.0)
        .collect();
    let mixture = mixture(&table);
    let cohort = people
        .iter()
        .take(cohort)
        .map(|(enrolment, _)| norm_of(&mixture, enrolment).adapt(&mixture))
        .collect();
    PointingModel(Pointing {
        mixture,
        cohort,
        calibration: Calibration { knots: Vec::new() },
    })
}

type Wide = [f64; FEATURES];

/// Standardises, begins with k-means++, and maximises expectation (EM).
fn mixture(actions: &[&Action]) -> Mixture {
    let n = actions.len().max(1) as f64;
    let column = |d: usize| actions.iter().map(move |a| f64::from(a.features[d]));
    let centre: Wide = std::array::from_fn(|d| column(d).sum::<f64>() / n);
    let scale: Wide = std::array::from_fn(|d| {
        1.0 / sqrt(
            column(d)
                .map(|v| (v - centre[d]) * (v - centre[d]))
                .sum::<f64>()
                / n,
        )
        .max(1e-3)
    });
    let mut mixture = Mixture {
        centre: centre.map(|v| v as f32),
        scale: scale.map(|v| v as f32),
        constant: [0.0; COMPONENTS],
        mean: Box::new([[0.0; FEATURES]; COMPONENTS]),
        precision: Box::new([[1.0; FEATURES]; COMPONENTS]),
    };
    let points: Vec<Wide> = actions
        .iter()
        .map(|a| mixture.point(&a.features).map(f64::from))
        .collect();
    if points.is_empty() {
        return mixture;
    }
    let mut mean = begin(&points);
    let mut variance = [[1.0f64; FEATURES]; COMPONENTS];
    let mut weight = [1.0 / COMPONENTS as f64; COMPONENTS];
    for round in 0..ROUNDS {
        let mut n = [1e-9f64; COMPONENTS];
        let mut s = [[0.0f64; FEATURES]; COMPONENTS];
        let mut q = [[0.0f64; FEATURES]; COMPONENTS];
        let constant: [f64; COMPONENTS] = std::array::from_fn(|c| {
            log(weight[c]) - 0.5 * variance[c].iter().map(|v| log(*v)).sum::<f64>()
        });
        for point in &points {
            let mut share: [f64; COMPONENTS] = std::array::from_fn(|c| {
                let far: f64 = (0..FEATURES)
                    .map(|d| (point[d] - mean[c][d]) * (point[d] - mean[c][d]) / variance[c][d])
                    .sum();
                constant[c] - 0.5 * far
            });
            let most = share.iter().copied().fold(f64::MIN, f64::max);
            // The first rounds decide hard, as k-means does, so that components spread over the data.
            let sharp = if round < 10 { 1e3 } else { 1.0 };
            share.iter_mut().for_each(|v| *v = exp((*v - most) * sharp));
            let total: f64 = share.iter().sum();
            for c in 0..COMPONENTS {
                let p = share[c] / total;
                if p > 1e-8 {
                    n[c] += p;
                    for d in 0..FEATURES {
                        s[c][d] += p * point[d];
                        q[c][d] += p * point[d] * point[d];
                    }
                }
            }
        }
        for c in 0..COMPONENTS {
            weight[c] = n[c] / points.len() as f64;
            for d in 0..FEATURES {
                mean[c][d] = s[c][d] / n[c];
                if round >= 9 {
                    variance[c][d] = (q[c][d] / n[c] - mean[c][d] * mean[c][d]).max(0.0) + FLOOR;
                }
            }
        }
    }
    for c in 0..COMPONENTS {
        let determinant: f64 = variance[c].iter().map(|v| log(*v)).sum();
        mixture.constant[c] = (log(weight[c]) - 0.5 * determinant) as f32;
        mixture.mean[c] = mean[c].map(|v| v as f32);
        mixture.precision[c] = variance[c].map(|v| (1.0 / v) as f32);
    }
    mixture
}

/// k-means++: each next centre is drawn with the square of the distance to those before.
fn begin(points: &[Wide]) -> [Wide; COMPONENTS] {
    let mut random = Random(SEED);
    let mut centres = [points[(random.share() * points.len() as f64) as usize]; COMPONENTS];
    let mut nearest = vec![f64::MAX; points.len()];
    for c in 1..COMPONENTS {
        let mut total = 0.0;
        for (point, nearest) in points.iter().zip(&mut nearest) {
            let far = (0..FEATURES)
                .map(|d| (point[d] - centres[c - 1][d]) * (point[d] - centres[c - 1][d]))
                .sum();
            *nearest = nearest.min(far);
            total += *nearest;
        }
        let mut left = random.share() * total;
        let chosen = nearest.iter().position(|far| {
            left -= far;
            left <= 0.0
        });
        centres[c] = points[chosen.unwrap_or(points.len() - 1)];
    }
    centres
}
