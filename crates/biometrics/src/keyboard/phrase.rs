//! The rhythm of one's own user name: the only text that the engine knows, because the device's binding names it.
//!
//! The name's letters and digits are matched against the keys as they go down; a repetition that was typed in one go,
//! without a correction, gives four residuals per position. They are kept by position: nothing of it says what was typed
//! that the binding does not say already (docs/adr/0012-rhythm-of-the-user-name.md). Residuals of one position are
//! Gaussian around the person's own mean; the model says how much of everybody's variance is between people.

use super::strokes::{Stroke, hold_of, pair_of};
use super::{KINDS, Population, class_of};
use crate::calibration::Calibration;
use libm::logf;

/// Positions that count, and the fewest that a name needs to have a rhythm of its own.
pub(crate) const POSITIONS: usize = 16;
const FEWEST: usize = 4;
/// Repetitions from which a rhythm is known, and beyond which old ones fade.
pub(crate) const KNOWN: f32 = 4.0;
const MOST: f32 = 40.0;
/// Longer rests than this end a repetition, in ms.
const REST: f64 = 3_000.0;
/// No residual counts for more, in everybody's standard deviations.
const REACH: f32 = 3.0;
/// What one residual may contribute at most, in nats, and where squared distances end, in variances.
const CLIP: f32 = 2.5;
const FAR: f32 = 9.0;

/// Residuals of one repetition: per position and kind of timing.
pub(crate) type Repetition = [[Option<f32>; KINDS]; POSITIONS];

/// What the model knows of phrases that people type again and again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Phrasing {
    /// Variance of one person's repetitions, and of people's means, per kind of timing; of residuals at one position.
    pub within: [f32; KINDS],
    pub between: [f32; KINDS],
    /// From the mean contribution and the number of positions.
    pub calibration: Calibration,
}

impl Phrasing {
    /// The log-likelihood ratio of a repetition; nought where the person's rhythm is not known.
    pub(crate) fn llr(&self, norm: &PhraseNorm, repetition: &Repetition) -> f64 {
        if !norm.is_known() {
            return 0.0;
        }
        let (score, positions) = self.score(norm, repetition);
        self.calibration.llr(f64::from(score), f64::from(positions))
    }

    /// The mean contribution of what was seen at the person's positions, and how many positions that are.
    pub(crate) fn score(&self, norm: &PhraseNorm, repetition: &Repetition) -> (f32, f32) {
        let (mut sum, mut number, mut positions) = (0.0, 0.0f32, 0.0);
        for (place, values) in repetition.iter().enumerate() {
            let before = number;
            for (kind, value) in values.iter().enumerate() {
                let count = norm.count[place][kind];
                if let Some(value) = value
                    && count > 0.0
                {
                    sum += self.ratio(kind, count, norm.sum[place][kind], *value);
                    number += 1.0;
                }
            }
            positions += if number > before { 1.0 } else { 0.0 };
        }
        (sum / number.max(1.0), positions)
    }

    fn ratio(&self, kind: usize, count: f32, sum: f32, value: f32) -> f32 {
        let (within, between) = (self.within[kind], self.between[kind]);
        let weight = count + within / between;
        let mean = sum / weight;
        let own = within + within / weight;
        let wide = within + between;
        let distance = |d: f32, variance: f32| (d * d / variance).min(FAR);
        let apart = distance(value, wide) - distance(value - mean, own);
        let ratio = 0.5 * (logf(wide / own) + apart);
        ratio.clamp(-CLIP, CLIP)
    }
}

/// One person's repetitions as sums.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PhraseNorm {
    pub count: [[f32; KINDS]; POSITIONS],
    pub sum: [[f32; KINDS]; POSITIONS],
}

impl PhraseNorm {
    pub(crate) const fn new() -> Self {
        Self {
            count: [[0.0; KINDS]; POSITIONS],
            sum: [[0.0; KINDS]; POSITIONS],
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.repetitions() <= 0.0
    }

    /// Repetitions that are remembered.
    pub(crate) fn repetitions(&self) -> f32 {
        self.count
            .as_flattened()
            .iter()
            .copied()
            .fold(0.0, f32::max)
    }

    /// Whether there are enough to judge by.
    pub(crate) fn is_known(&self) -> bool {
        self.repetitions() >= KNOWN
    }

    pub(crate) fn add(&mut self, repetition: &Repetition) {
        let cells = self.count.iter_mut().zip(&mut self.sum).zip(repetition);
        for ((counts, sums), values) in cells {
            for ((count, sum), value) in counts.iter_mut().zip(sums).zip(values) {
                if let Some(value) = value {
                    *count += 1.0;
                    *sum += value.clamp(-REACH, REACH);
                }
            }
        }
    }

    /// Adds other repetitions; then lets the old fade.
    pub(crate) fn merge(&mut self, other: &PhraseNorm) {
        let cells = self.count.iter_mut().zip(&mut self.sum);
        for ((counts, sums), (more, added)) in cells.zip(other.count.iter().zip(&other.sum)) {
            for k in 0..KINDS {
                counts[k] += more[k];
                sums[k] += added[k];
                if counts[k] > MOST {
                    sums[k] *= MOST / counts[k];
                    counts[k] = MOST;
                }
            }
        }
    }

    /// Everything weighs only a share of what it did.
    pub(crate) fn shrink(&mut self, share: f32) {
        let all = self.count.as_flattened_mut().iter_mut();
        all.chain(self.sum.as_flattened_mut())
            .for_each(|value| *value *= share);
    }
}

/// The keys of a user name: letters and digits, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    keys: [u8; POSITIONS],
    length: usize,
}

impl Name {
    /// What stands before the `@`, or all of it where that is short; `None` where even that is.
    fn of(user: &str) -> Option<Name> {
        let keys_of = |text: &str| -> Vec<u8> {
            let typed = text.bytes().filter(u8::is_ascii_alphanumeric);
            typed
                .map(|c| c.to_ascii_uppercase())
                .take(POSITIONS)
                .collect()
        };
        let local = keys_of(user.split('@').next().unwrap_or_default());
        let found = if local.len() >= FEWEST {
            local
        } else {
            keys_of(user)
        };
        if found.len() < FEWEST {
            return None;
        }
        let mut keys = [0; POSITIONS];
        keys[..found.len()].copy_from_slice(&found);
        Some(Name {
            keys,
            length: found.len(),
        })
    }
}

/// Follows the keys and notices when the name was typed. Holds times of the name's own keys for one repetition.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    name: Option<Name>,
    strokes: [Held; POSITIONS],
    matched: usize,
    /// The last key was a letter or digit: a name does not begin inside a word.
    in_word: bool,
    /// Another key came since the last matched one.
    interrupted: bool,
    last: f64,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    stroke: Stroke,
    released: bool,
    /// It follows the one before with nothing in between.
    follows: bool,
}

impl Watch {
    pub(crate) const fn new() -> Self {
        const EMPTY: Held = Held {
            stroke: Stroke {
                class: 0,
                down: 0.0,
                up: 0.0,
            },
            released: true,
            follows: false,
        };
        Self {
            name: None,
            strokes: [EMPTY; POSITIONS],
            matched: 0,
            in_word: false,
            interrupted: false,
            last: 0.0,
        }
    }

    /// Watches for this user name from now on; for none where it is too short.
    pub(crate) fn expect(&mut self, user: Option<&str>) {
        self.break_off();
        self.name = user.and_then(Name::of);
    }

    /// A repetition that was begun does not count.
    pub(crate) fn break_off(&mut self) {
        self.matched = 0;
        self.in_word = false;
    }

    /// Whether a repetition has begun.
    pub(crate) fn is_open(&self) -> bool {
        self.matched > 0
    }

    /// A key goes down.
    pub(crate) fn down(&mut self, key: u8, at: f64) {
        let Some(name) = &self.name else { return };
        if !(0.0..REST).contains(&(at - self.last)) {
            self.matched = 0;
            self.in_word = false;
        }
        self.last = at;
        let is_next = self.matched < name.length && key == name.keys[self.matched];
        if is_next && (self.matched > 0 || !self.in_word) {
            self.strokes[self.matched] = Held {
                stroke: Stroke {
                    class: class_of(key),
                    down: at,
                    up: at,
                },
                released: false,
                follows: self.matched > 0 && !self.interrupted,
            };
            self.matched += 1;
            self.interrupted = false;
        } else if self.matched < name.length && !is_between(key) {
            self.matched = 0;
        } else {
            self.interrupted = true;
        }
        self.in_word = is_word(key);
    }

    /// A key comes up: the repetition, where this completes one.
    pub(crate) fn up(&mut self, key: u8, at: f64, population: &Population) -> Option<Repetition> {
        let name = self.name.as_ref()?;
        let place = (0..self.matched)
            .rev()
            .find(|&i| name.keys[i] == key && !self.strokes[i].released)?;
        self.strokes[place].stroke.up = at;
        self.strokes[place].released = true;
        let strokes = &self.strokes[..self.matched];
        if self.matched < name.length || strokes.iter().any(|held| !held.released) {
            return None;
        }
        let mut repetition = [[None; KINDS]; POSITIONS];
        for (i, held) in strokes.iter().enumerate() {
            let hold = hold_of(&held.stroke).into_iter();
            let pair = (held.follows && i > 0)
                .then(|| pair_of(&strokes[i - 1].stroke, &held.stroke))
                .flatten();
            for timing in hold.chain(pair.into_iter().flatten()) {
                let value = population.residual(timing).value;
                repetition[i][usize::from(timing.kind)] = Some(value);
            }
        }
        self.matched = 0;
        Some(repetition)
    }
}

fn is_word(key: u8) -> bool {
    key.is_ascii_uppercase() || key.is_ascii_digit()
}

/// Keys that may come between the letters of a name: shift and punctuation. Others correct, move or end it.
fn is_between(key: u8) -> bool {
    matches!(key, 16 | 160 | 161 | 173 | 186..=192 | 219..=223)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types keys 120 ms apart, each held for 80 ms; how many repetitions were noticed, and of how many holds and pairs.
    fn check(name: &str, keys: &[u8], expected: &[(usize, usize)]) {
        let mut watch = Watch::new();
        watch.expect(Some(name));
        let population = Population::uniform([[5.0, 0.5, 0.5, 0.5]; KINDS]);
        let mut found = Vec::new();
        for (i, &key) in keys.iter().enumerate() {
            let at = 1e12 + 120.0 * i as f64;
            watch.down(key, at);
            found.extend(watch.up(key, at + 80.0, &population));
        }
        let counted: Vec<(usize, usize)> = found
            .iter()
            .map(|repetition| {
                let seen = |kind: usize| repetition.iter().filter(|p| p[kind].is_some()).count();
                (seen(0), seen(1))
            })
            .collect();
        assert_eq!(counted, expected, "{name}");
    }

    #[test]
    fn a_name_that_was_typed_in_one_go_is_noticed() {
        check("ann.smith@example.com", b"ANN\xbeSMITH\r", &[(8, 6)]);
        check("Bob@example.com", b"BOBEXAMPLECOM", &[(13, 12)]);
        check("anna", b"ANNA ANNA", &[(4, 3), (4, 3)]);
    }

    #[test]
    fn what_is_not_the_name_is_not_noticed() {
        // Corrected, inside another word, another name, the arrow keys, too short a name.
        check("anna", b"AN\x08NNA", &[]);
        check("anna", b"HANNA", &[]);
        check("anna", b"ANNE", &[]);
        check("anna", b"AN\x25NA", &[]);
        check("bo@x", b"BOX", &[]);
    }

    #[test]
    fn a_rest_ends_a_repetition() {
        let mut watch = Watch::new();
        watch.expect(Some("anna"));
        let population = Population::uniform([[5.0, 0.5, 0.5, 0.5]; KINDS]);
        for (key, at) in [(b'A', 0.0), (b'N', 100.0), (b'N', 4_000.0), (b'A', 4_100.0)] {
            watch.down(key, 1e12 + at);
            assert_eq!(watch.up(key, 1e12 + at + 50.0, &population), None);
        }
    }

    #[test]
    fn a_rhythm_is_known_after_some_repetitions_and_old_ones_fade() {
        let phrasing = Phrasing {
            within: [0.3; KINDS],
            between: [0.7; KINDS],
            calibration: Calibration {
                knots: vec![crate::calibration::Knot {
                    amount: 4.0,
                    slope: 4.0,
                    offset: 0.0,
                }],
            },
        };
        let mut own = [[None; KINDS]; POSITIONS];
        own[..4].fill([Some(1.0); KINDS]);
        let mut other = own;
        other[..4].fill([Some(-1.0); KINDS]);
        let mut norm = PhraseNorm::new();
        for n in 0..100 {
            let is_known = phrasing.llr(&norm, &own) != 0.0;
            assert_eq!(is_known, n >= KNOWN as usize, "{n}");
            let mut one = PhraseNorm::new();
            one.add(&own);
            norm.merge(&one);
        }
        assert!(norm.repetitions() <= MOST);
        assert!(phrasing.llr(&norm, &own) > 1.0 && phrasing.llr(&norm, &other) < -1.0);
    }
}
