//! The keyboard's background from recorded typing.

use super::calibrate::{Claim, fit};
use crate::calibration::Calibration;
use crate::keyboard::{
    Cohort, FEATURES, KINDS, KeyEvidence, KeyModel, KeyNorm, Population, Stroke, Timing, Typing,
    class_of, kind_of, timings_of,
};

/// Keystrokes per calibrated amount of evidence.
const AMOUNTS: [usize; 5] = [15, 30, 60, 120, 200];
/// Folds in which the calibration leaves people out.
const FOLDS: usize = 3;
/// Windows per person and amount, and other people per window, that calibrate.
const WINDOWS: usize = 24;
/// From so many people in a fold on, fewer windows of each suffice.
const MANY: usize = 60;
const FEW_WINDOWS: usize = 3;
/// Which of the amounts the weights of the kinds are learned on, and the ridge that draws them together.
const WEIGHED_BY: usize = 2;
const RIDGE: f64 = 0.3;
const OTHERS: usize = 40;

/// One recorded keystroke.
#[derive(Debug, Clone, Copy)]
pub struct Keystroke {
    /// Key code.
    pub key: u8,
    /// Press, in ms since the first press of the session.
    pub at: f64,
    /// Press to release, in ms.
    pub hold: f64,
}

/// The timings of one keystroke: hold, and three of the pair that it ends.
#[derive(Debug, Clone, Copy)]
pub struct Row([Option<Timing>; KINDS]);

impl Row {
    /// Without what reaches back to the keystroke before.
    pub fn first(self) -> Row {
        Row([self.0[0], None, None, None])
    }

    fn timings(&self) -> impl Iterator<Item = Timing> {
        self.0.into_iter().flatten()
    }
}

/// The timings of a session's keystrokes, in order of their presses.
pub fn rows(session: &[Keystroke]) -> Vec<Row> {
    let stroke = |k: &Keystroke| Stroke {
        class: class_of(k.key),
        down: k.at,
        up: k.at + k.hold,
    };
    let mut before = None;
    session
        .iter()
        .map(|keystroke| {
            let stroke = stroke(keystroke);
            let mut row = Row([None; KINDS]);
            timings_of(before.as_ref(), &stroke, |t| {
                row.0[usize::from(t.kind)] = Some(t)
            });
            before = Some(stroke);
            row
        })
        .collect()
}

/// A keyboard background with its cohort.
#[derive(Debug, Clone)]
pub struct TypingModel {
    pub(crate) typing: Typing,
    /// What the rivals typed, and how often anybody typed each feature: for the model file.
    pub(crate) rivals: Vec<KeyNorm>,
    pub(crate) seen: Vec<u32>,
}

/// One person's adapted model.
#[derive(Debug, Clone)]
pub struct Typist(KeyModel);

/// One window against several people: mean contributions per kind of timing, of the rivals and of each claim.
struct Trial {
    rivals: Vec<[f32; KINDS]>,
    claims: Vec<([f32; KINDS], bool)>,
}

impl TypingModel {
    /// From people, each a list of sessions. Rivals are the first `cohort` people, enrolled on their first `gallery`
    /// sessions; weights and calibration come from folds of people who are left out.
    pub fn train(people: &[Vec<Vec<Row>>], gallery: usize, cohort: usize) -> TypingModel {
        let mut model = uncalibrated(people, gallery, cohort);
        let mut trials: Vec<Vec<Trial>> = AMOUNTS.iter().map(|_| Vec::new()).collect();
        for fold in 0..FOLDS {
            let is_held = |i: &usize| i % FOLDS == fold;
            let pick = |held: bool| (0..people.len()).filter(move |i| is_held(i) == held);
            let held: Vec<&Vec<Vec<Row>>> = pick(true).map(|i| &people[i]).collect();
            let rest: Vec<Vec<Vec<Row>>> = pick(false).map(|i| people[i].clone()).collect();
            uncalibrated(&rest, gallery, cohort).trials(&held, gallery, &mut trials);
        }
        let typing = &mut model.typing;
        typing.weight = weights(&trials[WEIGHED_BY], people.len());
        let knots = AMOUNTS
            .iter()
            .zip(&trials)
            .filter_map(|(&amount, trials)| {
                let claims: Vec<Claim> = trials
                    .iter()
                    .flat_map(|trial| trial.normalised(typing))
                    .collect();
                fit(&claims, amount as f32)
            })
            .collect();
        typing.calibration = Calibration { knots };
        model
    }

    /// A person's model from their rows.
    pub fn enrol(&self, rows: &[Row]) -> Typist {
        Typist(norm_of(&self.typing.population, rows).adapt(&self.typing.population))
    }

    /// Calibrated log-likelihood ratios of one window for several people, without the engine's bound.
    pub fn llr(&self, window: &[Row], typists: &[&Typist]) -> Vec<f64> {
        let claims = typists
            .iter()
            .map(|typist| (*typist, false))
            .collect::<Vec<_>>();
        self.trial(window, &claims)
            .normalised(&self.typing)
            .map(|claim| {
                self.typing
                    .calibration
                    .unbounded(f64::from(claim.score), window.len() as f64)
            })
            .collect()
    }

    fn trial(&self, window: &[Row], claims: &[(&Typist, bool)]) -> Trial {
        let mut number = [0.0; KINDS];
        let mut timings: Vec<(Timing, f32)> = Vec::with_capacity(window.len() * KINDS);
        for timing in window.iter().flat_map(Row::timings) {
            number[usize::from(timing.kind)] += 1.0;
            timings.push((timing, self.typing.population.distance(timing)));
        }
        let means = |model: &KeyModel| {
            let mut evidence = KeyEvidence::default();
            for &(timing, anyone) in &timings {
                evidence.sum[usize::from(timing.kind)] += model.ratio(timing, anyone);
            }
            evidence.means(&number)
        };
        let mut rivals = vec![KeyEvidence::default(); self.typing.cohort.len()];
        for &(timing, anyone) in &timings {
            for (rival, entry) in rivals.iter_mut().zip(self.typing.cohort.of(timing)) {
                rival.sum[usize::from(timing.kind)] += entry.ratio(timing.value, anyone);
            }
        }
        Trial {
            rivals: rivals.iter().map(|rival| rival.means(&number)).collect(),
            claims: claims
                .iter()
                .map(|(typist, genuine)| (means(&typist.0), *genuine))
                .collect(),
        }
    }

    fn trials(&self, people: &[&Vec<Vec<Row>>], gallery: usize, trials: &mut [Vec<Trial>]) {
        let gallery = |sessions: &Vec<Vec<Row>>| gallery.min(sessions.len());
        let typists: Vec<Typist> = people
            .iter()
            .map(|s| self.enrol(&s[..gallery(s)].concat()))
            .collect();
        let reach = OTHERS.min(people.len() - 1);
        for (owner, sessions) in people.iter().enumerate() {
            let rest = sessions[gallery(sessions)..].concat();
            let claims: Vec<(&Typist, bool)> = (0..=reach)
                .map(|step| (&typists[(owner + step) % people.len()], step == 0))
                .collect();
            for (trials, &amount) in trials.iter_mut().zip(&AMOUNTS) {
                let windows = rest.len() / amount;
                let most = windows.min(if people.len() > MANY {
                    FEW_WINDOWS
                } else {
                    WINDOWS
                });
                for w in 0..most {
                    let start = w * windows / most * amount;
                    let mut window = rest[start..start + amount].to_vec();
                    window[0] = window[0].first();
                    trials.push(self.trial(&window, &claims));
                }
            }
        }
    }
}

impl Trial {
    fn normalised(&self, typing: &Typing) -> impl Iterator<Item = Claim> {
        let weigh = |means: &[f32; KINDS]| {
            means
                .iter()
                .zip(&typing.weight)
                .map(|(m, w)| m * w)
                .sum::<f32>()
        };
        let rivals: Vec<f32> = self.rivals.iter().map(weigh).collect();
        let mut order = rivals.clone();
        self.claims.iter().map(move |(means, genuine)| {
            order.copy_from_slice(&rivals);
            Claim {
                score: typing.normalised(weigh(means), &mut order),
                genuine: *genuine,
            }
        })
    }
}

/// How much each kind of timing tells: logistic regression on what a claim has above the rivals' mean. Few people say
/// little about it, so the weights are drawn together by a ridge that fades with the number of people.
fn weights(trials: &[Trial], people: usize) -> [f32; KINDS] {
    let mut claims: Vec<([f64; KINDS], bool)> = Vec::new();
    for trial in trials {
        let n = trial.rivals.len().max(1) as f64;
        let mean: [f64; KINDS] =
            std::array::from_fn(|k| trial.rivals.iter().map(|r| f64::from(r[k])).sum::<f64>() / n);
        let above = |m: &[f32; KINDS]| std::array::from_fn(|k| f64::from(m[k]) - mean[k]);
        claims.extend(
            trial
                .claims
                .iter()
                .map(|(means, genuine)| (above(means), *genuine)),
        );
    }
    let slopes = super::calibrate::slopes(&claims, RIDGE / people.max(1) as f64);
    let slopes = slopes.map(|slope| slope.max(0.0));
    let sum: f64 = slopes.iter().sum();
    if sum > 0.0 {
        slopes.map(|slope| (slope * KINDS as f64 / sum) as f32)
    } else {
        [1.0; KINDS]
    }
}

fn norm_of(population: &Population, rows: &[Row]) -> KeyNorm {
    let mut norm = KeyNorm::new();
    for row in rows {
        norm.keys += 1;
        row.timings()
            .for_each(|timing| norm.add(population, timing));
    }
    norm
}

fn uncalibrated(people: &[Vec<Vec<Row>>], gallery: usize, cohort: usize) -> TypingModel {
    let population = population(people);
    let rivals: Vec<KeyNorm> = people
        .iter()
        .take(cohort)
        .map(|sessions| {
            norm_of(
                &population,
                &sessions[..gallery.min(sessions.len())].concat(),
            )
        })
        .collect();
    let mut seen = vec![0; FEATURES];
    let timings = people.iter().flatten().flatten().flat_map(Row::timings);
    timings.for_each(|timing| seen[usize::from(timing.feature)] += 1);
    let cohort: Vec<KeyModel> = rivals.iter().map(|norm| norm.adapt(&population)).collect();
    let cohort = Cohort::new(&cohort);
    let calibration = Calibration { knots: Vec::new() };
    TypingModel {
        typing: Typing {
            population,
            cohort,
            weight: [1.0; KINDS],
            calibration,
        },
        rivals,
        seen,
    }
}

/// Mean, within and between variance of each feature, each shrunk towards its kind's.
fn population(people: &[Vec<Vec<Row>>]) -> Population {
    let mut count = vec![0.0f64; FEATURES];
    let mut total = vec![0.0f64; FEATURES];
    let each = |visit: &mut dyn FnMut(usize, Timing)| {
        for (person, sessions) in people.iter().enumerate() {
            for timing in sessions.iter().flatten().flat_map(Row::timings) {
                visit(person, timing);
            }
        }
    };
    each(&mut |_, t| {
        count[usize::from(t.feature)] += 1.0;
        total[usize::from(t.feature)] += f64::from(t.value);
    });
    let mean = shrink(&total, &count, 20.0);

    // Sums per (person, feature), one person after the other.
    let mut spread = vec![0.0f64; FEATURES];
    let mut freedom = vec![0.0f64; FEATURES];
    let mut means: Vec<(usize, f64, f64)> = Vec::new();
    for sessions in people {
        let mut cells = vec![(0.0f64, 0.0f64, 0.0f64); FEATURES];
        for t in sessions.iter().flatten().flat_map(Row::timings) {
            let (cell, value) = (&mut cells[usize::from(t.feature)], f64::from(t.value));
            *cell = (cell.0 + 1.0, cell.1 + value, cell.2 + value * value);
        }
        for (feature, &(n, s, q)) in cells.iter().enumerate() {
            if n > 0.0 {
                spread[feature] += (q - s * s / n).max(0.0);
                freedom[feature] += n - 1.0;
                if n >= 2.0 {
                    means.push((feature, n, s / n));
                }
            }
        }
    }
    let within = shrink(&spread, &freedom, 30.0);
    let mut spread = vec![0.0f64; FEATURES];
    let mut number = vec![0.0f64; FEATURES];
    for (feature, n, own) in means {
        let d = own - mean[feature];
        spread[feature] += (d * d - within[feature] / n).max(0.0);
        number[feature] += 1.0;
    }
    let between = shrink(&spread, &number, 20.0);
    let table =
        |values: Vec<f64>, least: f64| values.into_iter().map(|v| v.max(least) as f32).collect();
    Population {
        mean: table(mean, 0.0),
        within: table(within, 1e-3),
        between: table(between, 1e-3),
    }
}

/// total / count per feature, with `weight` observations of the kind's average added.
fn shrink(total: &[f64], count: &[f64], weight: f64) -> Vec<f64> {
    let mut kinds = [(0.0f64, 0.0f64); KINDS];
    for feature in 0..FEATURES {
        let kind = &mut kinds[kind_of(feature)];
        *kind = (kind.0 + total[feature], kind.1 + count[feature]);
    }
    let average = kinds.map(|(total, count)| total / count.max(1.0));
    (0..FEATURES)
        .map(|f| (total[f] + weight * average[kind_of(f)]) / (count[f] + weight))
        .collect()
}
