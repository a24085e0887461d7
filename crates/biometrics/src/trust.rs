//! Evidence accumulated over time: sums that fade with newer evidence and with time, and blocks of it that tell whether
//! somebody else has taken over.
//!
//! Two clocks watch the same timings. The *long* sums (half-lives of 200 keystrokes, 60 actions, ten minutes) say how
//! well everything fits; *blocks* of some twenty keystrokes or eight actions feed the change detector of [`crate::change`].
//! When that finds a change, the long sums begin anew: what the person before earned is not inherited.

use crate::change::Change;
use crate::codec::{Fault, Reader};
use crate::keyboard::{KINDS, KeyEvidence, KeyModel, Residual, Typing};
use crate::model::RIVALS;
use crate::pointer::{Action, COMPONENTS, FEATURES, PointerModel, Pointing};
use libm::exp2;

/// Keystrokes after which a keystroke weighs half.
const HALF_KEYS: f64 = 200.0;
/// Actions after which an action weighs half.
const HALF_ACTIONS: f64 = 60.0;
/// Time after which evidence weighs half, in ms.
const HALF_TIME: f64 = 600_000.0;

/// Keystrokes and actions that make a block.
const BLOCK_KEYS: f64 = 20.0;
const BLOCK_ACTIONS: f32 = 8.0;

/// What repetitions of the user name may say against the person and for them, in nats. Names have keys that no prose has,
/// and whoever types them meets the same difficulties: the name alone is never enough for an answer.
const PHRASE: (f64, f64) = (3.0, 1.5);

/// Groups of pointer features that explanations speak of: speed, path, force, click.
pub(crate) const GROUPS: usize = 4;
const GROUP_FEATURES: [&[usize]; GROUPS] = [&[4, 5, 7, 21], &[14, 15, 16], &[8, 9, 10, 11], &[24]];

/// Sums for the person's model and for each rival.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    keys: KeyEvidence,
    key_rivals: Box<[KeyEvidence]>,
    key_number: [f32; KINDS],
    /// Signed deviation from the person's norm, per kind of timing, in standard deviations.
    key_drift: [f32; KINDS],
    /// Log-likelihood ratios of repetitions of the user name, and how many.
    phrase: f32,
    phrases: f32,
    pointer: f32,
    pointer_rivals: Box<[f32]>,
    pointer_number: f32,
    /// The same per group of features.
    pointer_drift: [f32; GROUPS],
    /// The moment that the sums belong to.
    at: f64,
    fade_key: f32,
    fade_action: f32,
    /// The blocks that are being filled.
    typed: Typed,
    acted: Acted,
    change: Change,
}

/// A block of keystrokes: sums that do not fade, of the person's model and of each rival.
#[derive(Debug, Clone)]
struct Typed {
    own: KeyEvidence,
    rivals: Box<[KeyEvidence]>,
    number: [f32; KINDS],
}

/// A block of actions.
#[derive(Debug, Clone)]
struct Acted {
    own: f32,
    rivals: Box<[f32]>,
    number: f32,
}

/// What the sums amount to at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading {
    pub keys_llr: f64,
    pub pointer_llr: f64,
    /// Of the user name, and its repetitions.
    pub phrase_llr: f64,
    pub phrases: f64,
    /// Keystrokes and actions after fading.
    pub keys: f64,
    pub actions: f64,
    /// How far the newest evidence exceeds what it has to say for the person before anything older counts in full.
    pub margin: f64,
    /// What the newest evidence says by itself.
    pub newest: f64,
    /// How much speaks for somebody else having taken over; see [`crate::change::threshold`].
    pub suspicion: f64,
}

impl Trust {
    pub(crate) fn new(typing: &Typing, pointing: &Pointing) -> Self {
        Self {
            keys: KeyEvidence::default(),
            key_rivals: vec![KeyEvidence::default(); typing.cohort.len()].into(),
            key_number: [0.0; KINDS],
            key_drift: [0.0; KINDS],
            phrase: 0.0,
            phrases: 0.0,
            pointer: 0.0,
            pointer_rivals: vec![0.0; pointing.cohort.len()].into(),
            pointer_number: 0.0,
            pointer_drift: [0.0; GROUPS],
            at: 0.0,
            fade_key: exp2(-1.0 / HALF_KEYS) as f32,
            fade_action: exp2(-1.0 / HALF_ACTIONS) as f32,
            typed: Typed {
                own: KeyEvidence::default(),
                rivals: vec![KeyEvidence::default(); typing.cohort.len()].into(),
                number: [0.0; KINDS],
            },
            acted: Acted {
                own: 0.0,
                rivals: vec![0.0; pointing.cohort.len()].into(),
                number: 0.0,
            },
            change: Change::new(),
        }
    }

    /// Everything begins anew: another person, another template, another unlock.
    pub(crate) fn clear(&mut self) {
        self.clear_long();
        self.typed.clear();
        self.acted.clear();
        self.change = Change::new();
    }

    /// A strong factor vouches for who is here: what spoke against it is settled.
    pub(crate) fn settle(&mut self) {
        self.change = Change::new();
    }

    fn clear_long(&mut self) {
        self.keys = KeyEvidence::default();
        self.key_rivals.fill(KeyEvidence::default());
        self.key_number = [0.0; KINDS];
        self.key_drift = [0.0; KINDS];
        (self.phrase, self.phrases) = (0.0, 0.0);
        self.pointer = 0.0;
        self.pointer_rivals.fill(0.0);
        self.pointer_number = 0.0;
        self.pointer_drift = [0.0; GROUPS];
    }

    /// Takes one timing into account.
    pub(crate) fn typed(&mut self, typing: &Typing, own: &KeyModel, residual: Residual) {
        let kind = usize::from(residual.kind);
        let fade = self.fade_key;
        let anyone = typing.population.distance(residual);
        let ratio = own.ratio(residual, anyone);
        self.keys.sum[kind] = self.keys.sum[kind] * fade + ratio;
        self.typed.own.sum[kind] += ratio;
        let blocks = self.typed.rivals.iter_mut();
        for ((rival, block), entry) in
            (self.key_rivals.iter_mut().zip(blocks)).zip(typing.cohort.of(residual))
        {
            let ratio = entry.ratio(residual.value, anyone);
            rival.sum[kind] = rival.sum[kind] * fade + ratio;
            block.sum[kind] += ratio;
        }
        self.typed.number[kind] += 1.0;
        self.key_number[kind] = self.key_number[kind] * fade + 1.0;
        self.key_drift[kind] = self.key_drift[kind] * fade + own.deviation(residual);
    }

    /// A keystroke is complete; `true` where it ended a block.
    pub(crate) fn stroke(&mut self, typing: &Typing) -> bool {
        if Typing::amount(&self.typed.number) < BLOCK_KEYS {
            return false;
        }
        let llr = self.typed.llr(typing, &mut [0.0; RIVALS]);
        self.typed.clear();
        self.block(llr);
        true
    }

    /// Takes a repetition of the user name into account, by its log-likelihood ratio. Repetitions are averaged, so that
    /// trying until one fits wins nothing.
    pub(crate) fn named(&mut self, llr: f64) {
        let llr = llr.clamp(-PHRASE.0, PHRASE.1);
        self.phrase += llr as f32;
        self.phrases += 1.0;
        self.block(llr);
    }

    /// Takes one action into account. `true` where it ended a block.
    pub(crate) fn moved(&mut self, pointing: &Pointing, own: &PointerModel, moved: &Moved) -> bool {
        let fade = self.fade_action;
        let ratio = own.ratio(&pointing.mixture, &moved.point, moved.anyone);
        self.pointer = self.pointer * fade + ratio;
        self.acted.own += ratio;
        let blocks = self.acted.rivals.iter_mut();
        for ((rival, block), model) in
            (self.pointer_rivals.iter_mut().zip(blocks)).zip(&pointing.cohort)
        {
            let ratio = model.ratio(&pointing.mixture, &moved.point, moved.anyone);
            *rival = *rival * fade + ratio;
            *block += ratio;
        }
        self.acted.number += 1.0;
        self.pointer_number = self.pointer_number * fade + 1.0;
        for (drift, features) in self.pointer_drift.iter_mut().zip(GROUP_FEATURES) {
            let mut sum = 0.0;
            for c in 0..COMPONENTS {
                let off: f32 = features
                    .iter()
                    .map(|&d| moved.point[d] - own.mean[c][d])
                    .sum();
                sum += moved.posterior[c] * off;
            }
            *drift = *drift * fade + sum / features.len() as f32;
        }
        if self.acted.number < BLOCK_ACTIONS {
            return false;
        }
        let llr = self.acted.llr(pointing, &mut [0.0; RIVALS]);
        self.acted.clear();
        self.block(llr);
        true
    }

    fn block(&mut self, llr: f64) {
        if self.change.block(llr) {
            self.clear_long();
        }
    }

    /// See [`Change::suspicion`].
    pub(crate) fn suspicion(&self) -> f64 {
        self.change.suspicion()
    }

    /// Time goes on: everything weighs less. Time that goes back changes nothing.
    pub(crate) fn pass(&mut self, now: f64) {
        let passed = now - self.at;
        if passed.abs() < 1_000.0 {
            return;
        }
        self.at = now;
        if passed < 0.0 {
            return;
        }
        let fade = exp2(-passed / HALF_TIME) as f32;
        let Self {
            keys,
            key_rivals,
            key_number,
            key_drift,
            pointer,
            pointer_rivals,
            pointer_number,
            ..
        } = self;
        keys.sum
            .iter_mut()
            .chain(key_number)
            .chain(key_drift)
            .for_each(|sum| *sum *= fade);
        key_rivals
            .iter_mut()
            .flat_map(|rival| &mut rival.sum)
            .for_each(|sum| *sum *= fade);
        pointer_rivals
            .iter_mut()
            .chain(&mut self.pointer_drift)
            .for_each(|sum| *sum *= fade);
        *pointer *= fade;
        *pointer_number *= fade;
        self.phrase *= fade;
    }

    /// What all of it says at `now`.
    pub(crate) fn reading(&self, typing: &Typing, pointing: &Pointing, now: f64) -> Reading {
        let fade = exp2(-(now - self.at).max(0.0) / HALF_TIME);
        let mut room = [0.0; RIVALS];
        let part = self.typed.llr(typing, &mut room) + self.acted.llr(pointing, &mut room);
        let rivals = &mut room[..self.key_rivals.len().min(RIVALS)];
        for (score, rival) in rivals.iter_mut().zip(&self.key_rivals) {
            *score = rival.score(&self.key_number, &typing.weight);
        }
        let own = self.keys.score(&self.key_number, &typing.weight);
        let score = typing.normalised(own, rivals);
        let keys = Typing::amount(&self.key_number) * fade;
        let per_action = 1.0 / self.pointer_number.max(1.0);
        let rivals = &mut room[..self.pointer_rivals.len().min(RIVALS)];
        for (score, rival) in rivals.iter_mut().zip(&self.pointer_rivals) {
            *score = rival * per_action;
        }
        let movement = pointing.normalised(self.pointer * per_action, rivals);
        let actions = f64::from(self.pointer_number) * fade;
        Reading {
            phrase_llr: f64::from(self.phrase / self.phrases.max(1.0)) * fade,
            phrases: f64::from(self.phrases),
            keys_llr: typing.calibration.llr(f64::from(score), keys),
            pointer_llr: pointing.calibration.llr(f64::from(movement), actions),
            keys,
            actions,
            margin: self.change.margin(part),
            newest: self.change.newest(part),
            suspicion: self.change.suspicion(),
        }
    }

    /// Mean contribution against the rivals' mean, and mean deviation, per kind of timing.
    pub(crate) fn kinds(&self) -> [(f32, f32); KINDS] {
        std::array::from_fn(|k| {
            let number = self.key_number[k].max(1.0);
            let rivals = self.key_rivals.iter().map(|r| r.sum[k]).sum::<f32>()
                / self.key_rivals.len().max(1) as f32;
            (
                (self.keys.sum[k] - rivals) / number,
                self.key_drift[k] / number,
            )
        })
    }

    /// Mean deviation per group of pointer features.
    pub(crate) fn groups(&self) -> [f32; GROUPS] {
        self.pointer_drift
            .map(|drift| drift / self.pointer_number.max(1.0))
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.at.to_le_bytes());
        let mut all = |values: &[f32]| {
            values
                .iter()
                .for_each(|value| out.extend(value.to_le_bytes()))
        };
        all(&self.keys.sum);
        all(&self.key_number);
        all(&self.key_drift);
        all(&[self.phrase, self.phrases]);
        all(&[self.pointer, self.pointer_number]);
        all(&self.pointer_drift);
        self.key_rivals.iter().for_each(|rival| all(&rival.sum));
        all(&self.pointer_rivals);
        all(&self.typed.own.sum);
        all(&self.typed.number);
        self.typed.rivals.iter().for_each(|rival| all(&rival.sum));
        all(&[self.acted.own, self.acted.number]);
        all(&self.acted.rivals);
        self.change.write(out);
    }

    pub(crate) fn read(&mut self, from: &mut Reader<'_>) -> Result<(), Fault> {
        const MOST: f32 = 1e6;
        self.at = from.f64(f64::MAX)?;
        self.keys.sum = from.f32s(MOST)?;
        self.key_number = from.f32s(MOST)?;
        self.key_drift = from.f32s(MOST)?;
        self.phrase = from.f32(MOST)?;
        self.phrases = from.f32(MOST)?.max(0.0);
        self.pointer = from.f32(MOST)?;
        self.pointer_number = from.f32(MOST)?;
        self.pointer_drift = from.f32s(MOST)?;
        for rival in &mut self.key_rivals {
            rival.sum = from.f32s(MOST)?;
        }
        for rival in &mut self.pointer_rivals {
            *rival = from.f32(MOST)?;
        }
        self.typed.own.sum = from.f32s(MOST)?;
        self.typed.number = from.f32s(MOST)?;
        for rival in &mut self.typed.rivals {
            rival.sum = from.f32s(MOST)?;
        }
        self.acted.own = from.f32(MOST)?;
        self.acted.number = from.f32(MOST)?;
        for rival in &mut self.acted.rivals {
            *rival = from.f32(MOST)?;
        }
        self.change = Change::read(from)?;
        let numbers = self.key_number.iter().chain(&self.typed.number);
        if numbers.chain([&self.acted.number]).any(|&n| n < 0.0) {
            return Err(Fault::OutOfRange);
        }
        if self.key_number.iter().any(|&n| n < 0.0) || self.pointer_number < 0.0 {
            return Err(Fault::OutOfRange);
        }
        Ok(())
    }
}

impl Typed {
    fn clear(&mut self) {
        self.own = KeyEvidence::default();
        self.rivals.fill(KeyEvidence::default());
        self.number = [0.0; KINDS];
    }

    /// `room` is for sorting the rivals' scores: a block ends without allocating.
    fn llr(&self, typing: &Typing, room: &mut [f32; RIVALS]) -> f64 {
        let rivals = &mut room[..self.rivals.len().min(RIVALS)];
        for (score, rival) in rivals.iter_mut().zip(&self.rivals) {
            *score = rival.score(&self.number, &typing.weight);
        }
        let own = self.own.score(&self.number, &typing.weight);
        let score = typing.normalised(own, rivals);
        typing
            .calibration
            .llr(f64::from(score), Typing::amount(&self.number))
    }
}

impl Acted {
    fn clear(&mut self) {
        self.own = 0.0;
        self.rivals.fill(0.0);
        self.number = 0.0;
    }

    fn llr(&self, pointing: &Pointing, room: &mut [f32; RIVALS]) -> f64 {
        let share = 1.0 / self.number.max(1.0);
        let rivals = &mut room[..self.rivals.len().min(RIVALS)];
        for (score, rival) in rivals.iter_mut().zip(&self.rivals) {
            *score = rival * share;
        }
        let score = pointing.normalised(self.own * share, rivals);
        pointing
            .calibration
            .llr(f64::from(score), f64::from(self.number))
    }
}

/// One action, placed in the background's mixture.
pub(crate) struct Moved {
    pub point: [f32; FEATURES],
    pub posterior: [f32; COMPONENTS],
    pub anyone: f32,
    pub lasted: f32,
}

impl Moved {
    pub(crate) fn new(pointing: &Pointing, action: &Action) -> Self {
        let point = pointing.mixture.point(&action.features);
        let (posterior, anyone) = pointing.mixture.posterior(&point);
        Self {
            point,
            posterior,
            anyone,
            lasted: action.lasted,
        }
    }
}
