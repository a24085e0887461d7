//! The keyboard's background from recorded typing.

use super::calibrate::{Claim, fit, slopes};
use super::logistic::Fusion;
use super::population::population;
use super::tables::{ALL, TABLES, places, ratios, shares};
use super::words;
use crate::calibration::Calibration;
use crate::keyboard::{
    Cohort, KINDS, KeyModel, KeyNorm, Layout, PLACES, Population, Residual, Stroke, Timing, Typing,
    class_of, timings_of,
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
/// From so many people on, only they calibrate, not those of other recordings.
const ENOUGH: usize = 10;
/// Which of the amounts the weights of the kinds are learned on, and the ridges that draw them together.
const WEIGHED_BY: usize = 2;
const RIDGE: f64 = 0.3;
const RIDGE_OF_ALL: f64 = 1e-3;
const OTHERS: usize = 40;
/// Kinds of evidence: timings per group of keys, the same per class, tables.
const SCORES: usize = 2 * KINDS + TABLES;
const FINE: usize = KINDS;
const TABLED: usize = 2 * KINDS;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// What the engine compares: four kinds of timing per group of keys and pair of groups.
    Timings,
    /// The same per class of keys and pair of classes, which a template does not hold.
    Fine,
    /// Both, and tables of how timings go together; they need hundreds of people to weigh them.
    Tables,
}

impl Evidence {
    /// Which of the scores are weighed; the others count nothing.
    const fn scores(self) -> std::ops::Range<usize> {
        match self {
            Self::Timings => 0..KINDS,
            Self::Fine => FINE..TABLED,
            Self::Tables => 0..SCORES,
        }
    }
}

/// What is known per class, where that is compared.
#[derive(Debug, Clone)]
struct Fine {
    population: Population,
    cohort: Cohort,
}

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
pub struct Row {
    pub(crate) key: u8,
    pub(crate) times: [Option<Timing>; KINDS],
}

impl Row {
    /// Without what reaches back to the keystroke before.
    pub fn first(self) -> Row {
        Row {
            times: [self.times[0], None, None, None],
            ..self
        }
    }

    pub(crate) fn timings(&self) -> impl Iterator<Item = Timing> {
        self.times.into_iter().flatten()
    }
}

/// One person of the background: sessions, and how many of them a rival is enrolled on.
#[derive(Debug, Clone)]
pub struct Typed {
    /// The timings of each session.
    pub sessions: Vec<Vec<Row>>,
    /// Sessions to enrol on; the rest is judged.
    pub gallery: usize,
}

impl Typed {
    fn enrolled(&self) -> Vec<Row> {
        self.sessions[..self.gallery.min(self.sessions.len())].concat()
    }

    fn rest(&self) -> Vec<Row> {
        self.sessions[self.gallery.min(self.sessions.len())..].concat()
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
            let mut row = Row {
                key: keystroke.key,
                times: [None; KINDS],
            };
            timings_of(before.as_ref(), &stroke, |t| {
                row.times[usize::from(t.kind)] = Some(t)
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
    /// What the rivals typed, and how often anybody typed at each place: for the model file.
    pub(crate) rivals: Vec<KeyNorm>,
    pub(crate) seen: Vec<u32>,
    evidence: Evidence,
    fine: Option<Fine>,
    weight: [f32; SCORES],
    /// Everybody's tables, and those of the rivals: place by place, all rivals of a place together.
    share: Vec<f32>,
    rival_ratios: Vec<f32>,
}

/// One person's adapted model.
#[derive(Debug, Clone)]
pub struct Typist {
    model: KeyModel,
    fine: Option<KeyModel>,
    /// Logarithms of ratios per place of the tables; empty where they are not compared.
    ratios: Vec<f32>,
}

/// One window against several people: mean contributions per kind of evidence, of the rivals and of each claim.
struct Trial {
    rivals: Vec<[f32; SCORES]>,
    claims: Vec<([f32; SCORES], bool)>,
}

/// What is observed in a window.
struct Observed {
    /// Each residual with its distance from everybody's: of groups, and of classes.
    residuals: Vec<(Residual, f32)>,
    fine: Vec<(Residual, f32)>,
    /// Table and place.
    places: Vec<(usize, usize)>,
    /// Observations per kind of evidence.
    number: [f32; SCORES],
}

impl TypingModel {
    /// From people, and from others who widen what is known about everybody. Rivals are the first `cohort` of all;
    /// weights and calibration come from folds of people who are left out, and of the others where people are few.
    pub fn train(
        people: &[Typed],
        others: &[Typed],
        cohort: usize,
        evidence: Evidence,
    ) -> TypingModel {
        let everyone: Vec<&Typed> = people.iter().chain(others).collect();
        let calibrating = if people.len() < ENOUGH {
            everyone.len()
        } else {
            people.len()
        };
        let mut model = uncalibrated(&everyone, cohort, evidence);
        let mut phrases = words::Trials::default();
        let mut trials: Vec<Vec<Trial>> = AMOUNTS.iter().map(|_| Vec::new()).collect();
        for fold in 0..FOLDS {
            let is_held = |i: usize| i < calibrating && i % FOLDS == fold;
            let pick = |held: bool| {
                let all = everyone.iter().enumerate();
                let chosen = all.filter(|(i, _)| is_held(*i) == held);
                chosen.map(|(_, person)| *person).collect::<Vec<&Typed>>()
            };
            let (held, rest) = (pick(true), pick(false));
            if !held.is_empty() && !rest.is_empty() {
                let model = uncalibrated(&rest, cohort, evidence);
                let (population, phrasing) = (&model.typing.population, &model.typing.phrasing);
                phrases.add(&held, population, phrasing);
                model.trials(&held, &mut trials);
            }
        }
        model.typing.phrasing.calibration = phrases.calibration();
        model.weight = weights(&trials[WEIGHED_BY], calibrating, evidence);
        model.typing.weight.copy_from_slice(&model.weight[..KINDS]);
        let knots = AMOUNTS
            .iter()
            .zip(&trials)
            .filter_map(|(&amount, trials)| {
                let scored = trials.iter().flat_map(|trial| model.claims(trial));
                fit(&scored.collect::<Vec<Claim>>(), amount as f32)
            })
            .collect();
        model.typing.calibration = Calibration { knots };
        model
    }

    /// A person's model from their rows.
    pub fn enrol(&self, rows: &[Row]) -> Typist {
        let population = &self.typing.population;
        let ratios = match self.evidence {
            Evidence::Timings | Evidence::Fine => Vec::new(),
            Evidence::Tables => ratios(&counts_of(population, rows), &self.share),
        };
        let adapted = |p: &Population| norm_of(p, rows).adapt(p);
        Typist {
            model: adapted(population),
            fine: self.fine.as_ref().map(|fine| adapted(&fine.population)),
            ratios,
        }
    }

    /// Calibrated log-likelihood ratios of one window for several people, without the engine's bound.
    pub fn llr(&self, window: &[Row], typists: &[&Typist]) -> Vec<f64> {
        let claims: Vec<(&Typist, bool)> = typists.iter().map(|typist| (*typist, false)).collect();
        let trial = self.trial(window, &claims);
        self.claims(&trial)
            .map(|claim| {
                let calibration = &self.typing.calibration;
                calibration.unbounded(f64::from(claim.score), window.len() as f64)
            })
            .collect()
    }

    fn observe(&self, window: &[Row]) -> Observed {
        let population = &self.typing.population;
        let mut observed = Observed {
            residuals: Vec::with_capacity(window.len() * KINDS),
            fine: Vec::new(),
            places: Vec::new(),
            number: [0.0; SCORES],
        };
        for timing in window.iter().flat_map(Row::timings) {
            observed.number[usize::from(timing.kind)] += 1.0;
            let residual = population.residual(timing);
            let observed_as = (residual, population.distance(residual));
            observed.residuals.push(observed_as);
            if let Some(Fine { population, .. }) = &self.fine {
                observed.number[FINE + usize::from(timing.kind)] += 1.0;
                let residual = population.residual(timing);
                let observed_as = (residual, population.distance(residual));
                observed.fine.push(observed_as);
            }
        }
        if self.evidence == Evidence::Tables {
            each_place(population, window, |table, place| {
                observed.number[TABLED + table] += 1.0;
                observed.places.push((table, place));
            });
        }
        observed
    }

    fn trial(&self, window: &[Row], claims: &[(&Typist, bool)]) -> Trial {
        let observed = self.observe(window);
        let cohort = &self.typing.cohort;
        let mut rivals = vec![[0.0; SCORES]; cohort.len()];
        let mut add = |cohort: &Cohort, residuals: &[(Residual, f32)], first: usize| {
            for &(residual, anyone) in residuals {
                for (rival, entry) in rivals.iter_mut().zip(cohort.of(residual)) {
                    rival[first + usize::from(residual.kind)] +=
                        entry.ratio(residual.value, anyone);
                }
            }
        };
        add(cohort, &observed.residuals, 0);
        if let Some(fine) = &self.fine {
            add(&fine.cohort, &observed.fine, FINE);
        }
        for &(table, place) in &observed.places {
            let begin = place * cohort.len();
            for (rival, ratio) in rivals.iter_mut().zip(&self.rival_ratios[begin..]) {
                rival[TABLED + table] += ratio;
            }
        }
        rivals.iter_mut().for_each(|sums| observed.average(sums));
        let claim = |(typist, genuine): &(&Typist, bool)| (observed.under(typist), *genuine);
        Trial {
            rivals,
            claims: claims.iter().map(claim).collect(),
        }
    }

    fn trials(&self, people: &[&Typed], trials: &mut [Vec<Trial>]) {
        let typists: Vec<Typist> = people.iter().map(|p| self.enrol(&p.enrolled())).collect();
        let reach = OTHERS.min(people.len() - 1);
        for (owner, person) in people.iter().enumerate() {
            let rest = person.rest();
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

    /// Normalised scores of a trial.
    fn claims(&self, trial: &Trial) -> impl Iterator<Item = Claim> {
        let weigh = |means: &[f32; SCORES]| -> f32 {
            means.iter().zip(&self.weight).map(|(m, w)| m * w).sum()
        };
        let rivals: Vec<f32> = trial.rivals.iter().map(weigh).collect();
        let mut order = rivals.clone();
        trial.claims.iter().map(move |(means, genuine)| {
            order.copy_from_slice(&rivals);
            Claim {
                score: self.typing.normalised(weigh(means), &mut order),
                genuine: *genuine,
            }
        })
    }
}

impl Observed {
    /// Mean contributions under one person's model.
    fn under(&self, typist: &Typist) -> [f32; SCORES] {
        let mut sums = [0.0; SCORES];
        let mut add = |model: &KeyModel, residuals: &[(Residual, f32)], first: usize| {
            for &(residual, anyone) in residuals {
                sums[first + usize::from(residual.kind)] += model.ratio(residual, anyone);
            }
        };
        add(&typist.model, &self.residuals, 0);
        if let Some(fine) = &typist.fine {
            add(fine, &self.fine, FINE);
        }
        for &(table, place) in &self.places {
            sums[TABLED + table] += typist.ratios[place];
        }
        self.average(&mut sums);
        sums
    }

    fn average(&self, sums: &mut [f32; SCORES]) {
        for (sum, number) in sums.iter_mut().zip(&self.number) {
            *sum /= number.max(1.0);
        }
    }
}

/// How much each kind of evidence tells: logistic regression on what a claim has above the rivals' mean. Few people say
/// little about it, so the weights of timings are drawn together by a ridge that fades with the number of people.
fn weights(trials: &[Trial], people: usize, evidence: Evidence) -> [f32; SCORES] {
    let mut claims: Vec<([f64; SCORES], bool)> = Vec::new();
    for trial in trials {
        let n = trial.rivals.len().max(1) as f64;
        let mean: [f64; SCORES] =
            std::array::from_fn(|k| trial.rivals.iter().map(|r| f64::from(r[k])).sum::<f64>() / n);
        let above = |m: &[f32; SCORES]| std::array::from_fn(|k| f64::from(m[k]) - mean[k]);
        let of = |(means, genuine): &([f32; SCORES], bool)| (above(means), *genuine);
        claims.extend(trial.claims.iter().map(of));
    }
    let mut found = [0.0f64; SCORES];
    let ridge = RIDGE / people.max(1) as f64;
    match evidence {
        Evidence::Timings | Evidence::Fine => {
            let first = evidence.scores().start;
            let some = |x: &[f64; SCORES]| std::array::from_fn(|k| x[first + k]);
            let claims: Vec<([f64; KINDS], bool)> =
                claims.iter().map(|(x, g)| (some(x), *g)).collect();
            found[evidence.scores()].copy_from_slice(&slopes(&claims, ridge));
        }
        Evidence::Tables => {
            let claims: Vec<_> = claims.iter().map(|(x, g)| (x.to_vec(), *g)).collect();
            let fusion = Fusion::fit(&claims, RIDGE_OF_ALL);
            found
                .iter_mut()
                .zip(fusion.slopes)
                .for_each(|(f, s)| *f = s);
        }
    }
    let found = found.map(|slope| slope.max(0.0));
    let sum: f64 = found.iter().sum();
    if sum > 0.0 {
        found.map(|slope| (slope * KINDS as f64 / sum) as f32)
    } else {
        std::array::from_fn(|k| {
            if evidence.scores().contains(&k) {
                1.0
            } else {
                0.0
            }
        })
    }
}

fn norm_of(population: &Population, rows: &[Row]) -> KeyNorm {
    let mut norm = KeyNorm::with(population.layout);
    for row in rows {
        norm.keys += 1;
        row.timings()
            .for_each(|timing| norm.add(population, population.residual(timing)));
    }
    norm
}

/// Every place of the tables that a stretch of typing falls into.
fn each_place(population: &Population, rows: &[Row], mut visit: impl FnMut(usize, usize)) {
    for pair in rows.windows(2) {
        // Without a pair the keystroke begins anew.
        if pair[1].times[1].is_some() {
            places(population, &pair[0], &pair[1], &mut visit);
        }
    }
}

fn counts_of(population: &Population, rows: &[Row]) -> Vec<f32> {
    let mut counts = vec![0.0; ALL];
    each_place(population, rows, |_, place| counts[place] += 1.0);
    counts
}

fn uncalibrated(people: &[&Typed], cohort: usize, evidence: Evidence) -> TypingModel {
    let fine = (evidence != Evidence::Timings).then(|| population(people, Layout::CLASSES));
    let population = population(people, Layout::GROUPS);
    let enrolled: Vec<Vec<Row>> = people.iter().take(cohort).map(|p| p.enrolled()).collect();
    let rivals: Vec<KeyNorm> = enrolled
        .iter()
        .map(|rows| norm_of(&population, rows))
        .collect();
    let phrasing = words::phrasing(people, &population);
    let mut seen = vec![0; PLACES];
    let sessions = people.iter().flat_map(|person| &person.sessions);
    let timings = sessions.flatten().flat_map(Row::timings);
    timings.for_each(|timing| seen[usize::from(timing.place)] += 1);
    let (mut share, mut rival_ratios) = (Vec::new(), Vec::new());
    if evidence == Evidence::Tables {
        let mut counts = vec![0.0; ALL];
        for session in people.iter().flat_map(|person| &person.sessions) {
            each_place(&population, session, |_, place| counts[place] += 1.0);
        }
        share = shares(&counts);
        let each: Vec<Vec<f32>> = enrolled
            .iter()
            .map(|rows| ratios(&counts_of(&population, rows), &share))
            .collect();
        rival_ratios = (0..ALL)
            .flat_map(|place| each.iter().map(move |r| r[place]))
            .collect();
    }
    let models: Vec<KeyModel> = rivals.iter().map(|norm| norm.adapt(&population)).collect();
    let fine = fine.map(|population| {
        let adapted = |rows: &Vec<Row>| norm_of(&population, rows).adapt(&population);
        let models: Vec<KeyModel> = enrolled.iter().map(adapted).collect();
        Fine {
            cohort: Cohort::new(&models),
            population,
        }
    });
    TypingModel {
        typing: Typing {
            population,
            cohort: Cohort::new(&models),
            weight: [1.0; KINDS],
            calibration: Calibration { knots: Vec::new() },
            phrasing,
        },
        rivals,
        seen,
        evidence,
        fine,
        weight: std::array::from_fn(|k| {
            if evidence.scores().contains(&k) {
                1.0
            } else {
                0.0
            }
        }),
        share,
        rival_ratios,
    }
}
