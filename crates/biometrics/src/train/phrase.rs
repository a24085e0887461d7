//! A phrase that everybody types the same way: one vector of times per repetition.
//!
//! Four scores of a repetition are weighed by logistic regression: a bounded scaled distance to the person's medians;
//! a log-likelihood ratio per time; a Mahalanobis distance under the covariance that people share; and the log-odds of
//! a forest that was grown against other people's first repetitions. Each comes with what the same repetition scores
//! under other people's models. Means are moved by what practice changes in people on the average.

use super::algebra::{factor, forward};
use super::forest::{Forest, Growth};
use super::logistic::{Example, Fusion};
use libm::{fabs, log};

/// What a time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Press to release of one key.
    Hold,
    /// Press to press.
    Press,
    /// Release to press; negative where keys overlap.
    Gap,
}

/// One repetition of the phrase, times in ms.
pub type Repetition = Vec<f64>;

/// A person's first repetitions are learned from; later ones and strangers' first ones are told apart.
const ENROLLED: usize = 200;
/// Other people's repetitions that a forest is grown against, from each their first.
const NOVICE: usize = 40;
/// First repetitions of strangers that the fusion is fitted on.
const STRANGE: usize = 8;
const FOLDS: usize = 4;
const SCORES: usize = 4;
/// Repetitions after which an enrolled one weighs half as much as the latest.
const HALF: f64 = 80.0;
const GROWTH: Growth = Growth {
    trees: 200,
    leaf: 2,
    seed: 20_261_123,
};
const RIDGE: f64 = 3e-3;

/// Everybody's way to type one phrase.
#[derive(Debug, Clone)]
pub struct PhraseModel {
    kinds: Vec<Time>,
    basis: Basis,
    rivals: Vec<Phrase>,
    fusion: Fusion,
}

/// One person's way to type it.
#[derive(Debug, Clone)]
pub struct Phrase {
    mean: Vec<f64>,
    spread: Vec<f64>,
    variance: Vec<f64>,
    median: Vec<f64>,
    forest: Forest,
}

#[derive(Debug, Clone)]
struct Basis {
    mean: Vec<f64>,
    within: Vec<f64>,
    between: Vec<f64>,
    practice: Vec<f64>,
    /// Cholesky factor of the shared covariance of repetitions.
    covariance: Vec<f64>,
    /// Whose repetition it is, and its row.
    novices: Vec<(usize, Vec<f32>)>,
}

impl PhraseModel {
    /// From people, each with all repetitions in order.
    pub fn train(kinds: &[Time], people: &[Vec<Repetition>]) -> PhraseModel {
        let vectors: Vec<Vec<Vec<f64>>> = people
            .iter()
            .map(|p| p.iter().map(|r| vector(kinds, r)).collect())
            .collect();
        let mut claims = Vec::new();
        for fold in 0..FOLDS {
            let pick = |held: bool| {
                let chosen = vectors.iter().enumerate();
                chosen
                    .filter(move |(i, _)| (i % FOLDS == fold) == held)
                    .map(|(_, v)| v)
            };
            let rest: Vec<&Vec<Vec<f64>>> = pick(false).collect();
            let held: Vec<&Vec<Vec<f64>>> = pick(true).collect();
            if rest.len() < 2 || held.is_empty() {
                continue;
            }
            let basis = Basis::new(&rest);
            let rivals = enrol_all(&basis, &rest);
            for (i, person) in held.iter().enumerate() {
                let own = basis.enrol(&person[..person.len().min(ENROLLED)], NOBODY);
                let mut add = |row: &[f64], genuine: bool| {
                    claims.push((scores(&basis, &own, &rivals, row), genuine));
                };
                person.iter().skip(ENROLLED).for_each(|row| add(row, true));
                let strangers = held.iter().enumerate().filter(|(j, _)| *j != i);
                for (_, stranger) in strangers {
                    stranger
                        .iter()
                        .take(STRANGE)
                        .for_each(|row| add(row, false));
                }
            }
        }
        let everyone: Vec<&Vec<Vec<f64>>> = vectors.iter().collect();
        let basis = Basis::new(&everyone);
        let rivals = enrol_all(&basis, &everyone);
        PhraseModel {
            kinds: kinds.to_vec(),
            rivals,
            fusion: fuse(&claims),
            basis,
        }
    }

    /// A person's model from their repetitions in order.
    pub fn enrol(&self, repetitions: &[Repetition]) -> Phrase {
        let rows: Vec<Vec<f64>> = repetitions.iter().map(|r| vector(&self.kinds, r)).collect();
        self.basis.enrol(&rows, NOBODY)
    }

    /// The log-likelihood ratio of one repetition for several people.
    pub fn llr(&self, repetition: &Repetition, people: &[&Phrase]) -> Vec<f64> {
        let row = vector(&self.kinds, repetition);
        let rivals = rival_scores(&self.basis, &self.rivals, &row);
        let with = |person: &&Phrase| {
            self.fusion
                .llr(&join(&self.basis.scores(person, &row), &rivals))
        };
        people.iter().map(with).collect()
    }
}

/// The person is not among the background.
const NOBODY: Option<usize> = None;

/// Without both sides there is nothing to fit: scores count as they are.
fn fuse(claims: &[Example]) -> Fusion {
    let genuine = claims.iter().filter(|(_, genuine)| *genuine).count();
    if genuine < 20 || claims.len() - genuine < 20 {
        let slopes = (0..2 * SCORES).map(|k| if k < SCORES { 1.0 } else { 0.0 });
        return Fusion {
            slopes: slopes.collect(),
            offset: 0.0,
        };
    }
    Fusion::fit(claims, RIDGE)
}

fn enrol_all(basis: &Basis, people: &[&Vec<Vec<f64>>]) -> Vec<Phrase> {
    let enrol =
        |(i, p): (usize, &&Vec<Vec<f64>>)| basis.enrol(&p[..p.len().min(ENROLLED)], Some(i));
    people.iter().enumerate().map(enrol).collect()
}

fn scores(basis: &Basis, own: &Phrase, rivals: &[Phrase], row: &[f64]) -> Vec<f64> {
    join(&basis.scores(own, row), &rival_scores(basis, rivals, row))
}

fn join(own: &[f64; SCORES], rivals: &[f64; SCORES]) -> Vec<f64> {
    own.iter().chain(rivals).copied().collect()
}

/// The mean of the better two fifths of the rivals, score by score.
fn rival_scores(basis: &Basis, rivals: &[Phrase], row: &[f64]) -> [f64; SCORES] {
    let all: Vec<[f64; SCORES]> = rivals.iter().map(|r| basis.scores(r, row)).collect();
    std::array::from_fn(|k| {
        let mut column: Vec<f64> = all.iter().map(|s| s[k]).collect();
        column.sort_unstable_by(|a, b| b.total_cmp(a));
        let top = &column[..(column.len() * 2 / 5).max(1).min(column.len())];
        top.iter().sum::<f64>() / top.len().max(1) as f64
    })
}

/// Logarithms of the times; 300 ms are added first where keys may overlap.
fn vector(kinds: &[Time], repetition: &[f64]) -> Vec<f64> {
    let one = |(&kind, &ms): (&Time, &f64)| match kind {
        Time::Hold => log(ms.clamp(5.0, 1_000.0)),
        Time::Press => log(ms.clamp(5.0, 3_000.0)),
        Time::Gap => log((ms + 300.0).clamp(20.0, 3_300.0)),
    };
    kinds.iter().zip(repetition).map(one).collect()
}

/// The same with each time also against the mean of the repetition, for trees.
fn row_of(vector: &[f64]) -> Vec<f32> {
    let mean = vector.iter().sum::<f64>() / vector.len().max(1) as f64;
    let relative = vector.iter().map(|v| (v - mean) as f32);
    vector.iter().map(|v| *v as f32).chain(relative).collect()
}

impl Basis {
    fn new(people: &[&Vec<Vec<f64>>]) -> Basis {
        let width = people
            .iter()
            .flat_map(|p| p.iter())
            .map(Vec::len)
            .next()
            .unwrap_or(0);
        let n = people.len().max(1) as f64;
        let early: Vec<Vec<f64>> = people
            .iter()
            .map(|p| weighted_mean(&p[..p.len().min(ENROLLED)], width))
            .collect();
        let average = |rows: &[Vec<f64>], d: usize| rows.iter().map(|r| r[d]).sum::<f64>() / n;
        let mean: Vec<f64> = (0..width).map(|d| average(&early, d)).collect();
        let between: Vec<f64> = (0..width)
            .map(|d| {
                early
                    .iter()
                    .map(|r| (r[d] - mean[d]) * (r[d] - mean[d]))
                    .sum::<f64>()
                    / n
                    + 1e-3
            })
            .collect();
        let mut practice = vec![0.0; width];
        let (mut covariance, mut number) = (vec![0.0; width * width], 0.0f64);
        for (person, early) in people.iter().zip(&early) {
            let later = &person[person.len().min(ENROLLED)..];
            if !later.is_empty() {
                let late = plain_mean(later, width);
                (0..width).for_each(|d| practice[d] += (late[d] - early[d]) / n);
            }
            let centre = plain_mean(&person[person.len().min(50)..], width);
            for row in person.iter().skip(50) {
                let off: Vec<f64> = (0..width)
                    .map(|d| (row[d] - centre[d]).clamp(-0.8, 0.8))
                    .collect();
                for i in 0..width {
                    for j in 0..=i {
                        covariance[i * width + j] += off[i] * off[j];
                    }
                }
                number += 1.0;
            }
        }
        covariance.iter_mut().for_each(|c| *c /= number.max(1.0));
        let within: Vec<f64> = (0..width)
            .map(|d| covariance[d * (width + 1)].max(1e-4))
            .collect();
        for d in 0..width {
            covariance[d * (width + 1)] = within[d] * 1.1 + 1e-4;
        }
        if !factor(&mut covariance, width) {
            covariance = vec![0.0; width * width];
            (0..width).for_each(|d| covariance[d * (width + 1)] = libm::sqrt(within[d]));
        }
        let first = |(i, p): (usize, &&Vec<Vec<f64>>)| -> Vec<_> {
            p.iter().take(NOVICE).map(|r| (i, row_of(r))).collect()
        };
        let novices = people.iter().enumerate().flat_map(first).collect();
        Basis {
            mean,
            within,
            between,
            practice,
            covariance,
            novices,
        }
    }

    /// `index` is the person's own place among the novices, who are left out.
    fn enrol(&self, rows: &[Vec<f64>], index: Option<usize>) -> Phrase {
        let width = self.mean.len();
        let own = weighted_mean(rows, width);
        let number = rows.len() as f64;
        let prior = |d: usize| self.within[d] / self.between[d];
        let mean: Vec<f64> = (0..width)
            .map(|d| {
                let shrunk = (own[d] * number + self.mean[d] * prior(d)) / (number + prior(d));
                shrunk + self.practice[d]
            })
            .collect();
        let column = |d: usize| rows.iter().map(move |r| r[d]);
        let variance: Vec<f64> = (0..width)
            .map(|d| {
                let reach = 3.0 * libm::sqrt(self.within[d]);
                let square: f64 = column(d)
                    .map(|v| (v - own[d]).clamp(-reach, reach))
                    .map(|e| e * e)
                    .sum();
                (square + 20.0 * self.within[d]) / (number + 20.0)
            })
            .collect();
        let median: Vec<f64> = (0..width)
            .map(|d| {
                let mut values: Vec<f64> = column(d).skip(rows.len() / 4).collect();
                values.sort_unstable_by(f64::total_cmp);
                values
                    .get(values.len() / 2)
                    .copied()
                    .unwrap_or(self.mean[d])
                    + self.practice[d]
            })
            .collect();
        let spread = (0..width)
            .map(|d| column(d).map(|v| fabs(v - median[d])).sum::<f64>() / number.max(1.0) + 0.01)
            .collect();
        let own: Vec<Vec<f32>> = rows
            .iter()
            .skip(rows.len() / 8)
            .map(|r| row_of(r))
            .collect();
        let others = self
            .novices
            .iter()
            .filter(|(owner, _)| Some(*owner) != index);
        let others: Vec<&[f32]> = others.map(|(_, row)| row.as_slice()).collect();
        let own: Vec<&[f32]> = own.iter().map(Vec::as_slice).collect();
        Phrase {
            mean,
            spread,
            variance,
            median,
            forest: Forest::grow(&own, &others, GROWTH),
        }
    }

    fn scores(&self, person: &Phrase, row: &[f64]) -> [f64; SCORES] {
        let width = row.len();
        let n = width.max(1) as f64;
        let (mut distance, mut ratio) = (0.0, 0.0);
        let mut off = vec![0.0; width];
        for d in 0..width {
            distance += (fabs(row[d] - person.median[d]) / person.spread[d]).min(4.0);
            let own = row[d] - person.mean[d];
            let anyone = row[d] - self.mean[d];
            let wide = self.within[d] + self.between[d];
            let likelihood = 0.5
                * (log(wide / person.variance[d]) - (own * own / person.variance[d]).min(9.0)
                    + (anyone * anyone / wide).min(9.0));
            ratio += likelihood.clamp(-3.0, 3.0);
            off[d] = own.clamp(-1.0, 1.0);
        }
        forward(&self.covariance, width, &mut off);
        let mahalanobis: f64 = off.iter().map(|e| e * e).sum();
        [
            -distance / n,
            ratio / n,
            -log(1.0 + mahalanobis / n),
            person.forest.log_odds(&row_of(row)),
        ]
    }
}

fn plain_mean(rows: &[Vec<f64>], width: usize) -> Vec<f64> {
    let n = rows.len().max(1) as f64;
    (0..width)
        .map(|d| rows.iter().map(|r| r[d]).sum::<f64>() / n)
        .collect()
}

/// Later repetitions weigh more.
fn weighted_mean(rows: &[Vec<f64>], width: usize) -> Vec<f64> {
    let weight: Vec<f64> = (0..rows.len())
        .map(|i| libm::exp2(-((rows.len() - 1 - i) as f64) / HALF))
        .collect();
    let total: f64 = weight.iter().sum::<f64>().max(1e-12);
    (0..width)
        .map(|d| rows.iter().zip(&weight).map(|(r, w)| r[d] * w).sum::<f64>() / total)
        .collect()
}
