//! What words that people type again and again say about the rhythm of a phrase: for the user name's, which no corpus of
//! free text holds.

use super::calibrate::{Claim, fit};
use super::keyboard::{Row, Typed};
use crate::calibration::Calibration;
use crate::keyboard::{KINDS, POSITIONS, PhraseNorm, Phrasing, Population, Repetition};
use std::collections::BTreeMap;

/// Letters of a word, at least.
const SHORTEST: usize = 4;
/// Repetitions that are enrolled, at least that are judged, at most that are, and of each stranger.
const ENROLLED: usize = 6;
const JUDGED: usize = 4;
const STRANGE: usize = 2;
/// Repetitions from which a word says how one person's vary.
const REPEATED: usize = 3;
/// No variance is less.
const LEAST: f32 = 0.02;

/// Everything that a person typed more than once.
type Words = BTreeMap<Vec<u8>, Vec<Repetition>>;

fn words(person: &Typed, population: &Population) -> Words {
    let mut found = Words::new();
    for session in &person.sessions {
        let letters = |row: &Row| row.key.is_ascii_uppercase();
        for word in session.chunk_by(|a, b| letters(a) == letters(b)) {
            if word.len() < SHORTEST || !letters(&word[0]) {
                continue;
            }
            let mut repetition: Repetition = [[None; KINDS]; POSITIONS];
            for (place, (row, values)) in word.iter().zip(&mut repetition).enumerate() {
                for timing in row.timings().filter(|t| place > 0 || t.kind == 0) {
                    values[usize::from(timing.kind)] = Some(population.residual(timing).value);
                }
            }
            let keys = word.iter().map(|row| row.key).take(POSITIONS).collect();
            found.entry(keys).or_default().push(repetition);
        }
    }
    found
}

/// Variances within and between people, without a calibration.
pub(crate) fn phrasing(people: &[&Typed], population: &Population) -> Phrasing {
    let (mut all, mut own) = ([(0.0f64, 0.0f64); KINDS], [(0.0f64, 0.0f64); KINDS]);
    let repeated = people
        .iter()
        .flat_map(|person| words(person, population).into_values());
    for repetitions in repeated.filter(|r| r.len() >= REPEATED) {
        for place in 0..POSITIONS {
            for kind in 0..KINDS {
                let values: Vec<f64> = repetitions
                    .iter()
                    .filter_map(|r| r[place][kind].map(f64::from))
                    .collect();
                let n = values.len() as f64;
                if values.len() >= REPEATED {
                    let sum: f64 = values.iter().sum();
                    let squares: f64 = values.iter().map(|v| v * v).sum();
                    all[kind] = (all[kind].0 + squares, all[kind].1 + n);
                    own[kind] = (own[kind].0 + squares - sum * sum / n, own[kind].1 + n - 1.0);
                }
            }
        }
    }
    let variance = |(sum, n): (f64, f64)| if n > 0.0 { (sum / n) as f32 } else { 0.5 };
    let within = own.map(|moments| variance(moments).max(LEAST));
    Phrasing {
        within,
        between: std::array::from_fn(|k| (variance(all[k]) - within[k]).max(LEAST)),
        calibration: Calibration { knots: Vec::new() },
    }
}

/// Scores of repetitions by their owner and by strangers who typed the same word.
#[derive(Default)]
pub(crate) struct Trials(Vec<Claim>);

impl Trials {
    /// People who were left out of the population and of the phrasing.
    pub(crate) fn add(&mut self, people: &[&Typed], population: &Population, phrasing: &Phrasing) {
        let each: Vec<Words> = people.iter().map(|p| words(p, population)).collect();
        for (owner, own) in each.iter().enumerate() {
            for (word, repetitions) in own {
                if repetitions.len() <= ENROLLED {
                    continue;
                }
                let (enrolled, judged) = repetitions.split_at(ENROLLED);
                let mut norm = PhraseNorm::new();
                enrolled.iter().for_each(|repetition| norm.add(repetition));
                let mut claim = |repetition: &Repetition, genuine: bool| {
                    let score = phrasing.score(&norm, repetition).0;
                    self.0.push(Claim { score, genuine });
                };
                judged.iter().take(JUDGED).for_each(|r| claim(r, true));
                let strangers = each.iter().enumerate().filter(|(other, _)| *other != owner);
                for (_, theirs) in strangers {
                    let theirs = theirs.get(word).into_iter().flatten().take(STRANGE);
                    theirs.for_each(|repetition| claim(repetition, false));
                }
            }
        }
    }

    /// One map for all lengths: longer names say no more than these words do.
    pub(crate) fn calibration(&self) -> Calibration {
        Calibration {
            knots: fit(&self.0, SHORTEST as f32).into_iter().collect(),
        }
    }
}
