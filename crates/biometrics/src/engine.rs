//! Events in, assessment out.

use crate::automation::Automation;
use crate::calibration;
use crate::change;
use crate::explain;
use crate::history::Suitability;
use crate::keyboard::{KeyModel, Residual, Strokes, Timing, Watch};
use crate::pointer::{Action, Actions, PointerModel};
use crate::quarantine::Quarantine;
use crate::replay::Replay;
use crate::template::Template;
use crate::trust::{Moved, Reading, Trust};
use crate::{Assessment, Event, EventKind, Model, TemplateError, Verdict};

/// Events may come late by so much without breaking a rhythm, in ms: frames of a page report one after the other.
const LATE: f64 = 1_000.0;
/// Relearning lasts no longer than this, in ms.
const LONGEST_RELEARNING: f64 = 14.0 * 86_400_000.0;
/// Fading keystrokes or actions below which there is nothing to judge.
const LEAST: (f64, f64) = (3.0, 1.0);
/// No screen reaches further, in pixels.
const SCREEN: f32 = 1e6;
/// Residuals that wait while the user name may be being typed: sixteen keys and some that come between.
const PENDING: usize = 128;
/// Places in `clocks`.
pub(crate) const KEYBOARD: usize = 0;
pub(crate) const POINTER: usize = 1;
/// A time that no clock shows; events beyond it are dropped.
pub(crate) const NO_CLOCK: f64 = 9.0e15;

/// The error rates that thresholds are derived from.
///
/// Acceptance: for calibrated log-likelihood ratios that are Gaussian given who acts, at most a share Q(√2t) of impostors
/// reaches *t*, Q being the upper tail of a standard normal distribution; so the threshold is half the square of the
/// quantile (3.3 nats for 0.5 %). How near recordings come to it is in docs/engine-behaviour.md. Alarms, which cost the person
/// more, keep Markov's bound, which assumes nothing: `-ln(1/false_alarm)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Targets {
    /// The share of impostors who may be taken for the person.
    pub false_accept: f64,
    /// The share of genuine assessments that may be called an impostor's.
    pub false_alarm: f64,
    /// How often, in eight hours of activity, the person may be taken for somebody who has taken over. Rests on what
    /// was measured on recordings, not on a bound.
    pub alarms_per_day: f64,
}

impl Default for Targets {
    fn default() -> Self {
        Self {
            false_accept: 0.005,
            false_alarm: 0.02,
            alarms_per_day: 1.0,
        }
    }
}

/// Judges one person on one device.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) model: Model,
    accept: f64,
    reject: f64,
    /// The suspicion at which somebody else is flagged.
    flag: f64,
    template: Option<Template>,
    /// Adapted from the template.
    typist: Option<KeyModel>,
    mover: Option<PointerModel>,

    strokes: Strokes,
    watch: Watch,
    pending: Pending,
    actions: Actions,
    pub(crate) trust: Trust,
    pub(crate) automation: Automation,
    pub(crate) quarantine: Quarantine,
    pub(crate) replay: Replay,
    /// Keystrokes and ms of pointer actions since the last reset.
    pub(crate) keys: u32,
    pub(crate) pointer_ms: f32,
    /// Time of the latest event of keyboard and pointer; no event yet: `None`. One batch holds each in order, but not
    /// the one with the other.
    pub(crate) clocks: [Option<f64>; 2],
    /// Time of the newest evidence.
    pub(crate) newest: Option<f64>,
}

impl Engine {
    /// An engine without a template, with the default targets.
    pub fn new(model: Model) -> Engine {
        let trust = Trust::new(&model.typing, &model.pointing);
        let engine = Engine {
            model,
            accept: 0.0,
            reject: 0.0,
            flag: 0.0,
            template: None,
            typist: None,
            mover: None,
            strokes: Strokes::new(),
            watch: Watch::new(),
            pending: Pending::new(),
            actions: Actions::new(),
            trust,
            automation: Automation::new(),
            quarantine: Quarantine::new(),
            replay: Replay::new(0),
            keys: 0,
            pointer_ms: 0.0,
            clocks: [None; 2],
            newest: None,
        };
        engine.with_targets(Targets::default())
    }

    /// Derives the thresholds from other targets; rates outside of one in a million to one half are brought inside.
    pub fn with_targets(mut self, targets: Targets) -> Engine {
        let nats = |rate: f64| {
            -libm::log(if rate.is_nan() {
                1e-6
            } else {
                rate.clamp(1e-6, 0.5)
            })
        };
        self.accept = calibration::threshold(targets.false_accept);
        self.reject = -nats(targets.false_alarm);
        self.flag = change::threshold(targets.alarms_per_day);
        self
    }

    /// Salts the hashes that tell a replay from typing, for a person who has no template yet: any number that others do
    /// not know. A template keeps its own.
    pub fn with_salt(mut self, salt: u64) -> Engine {
        self.replay.restart(salt);
        self
    }

    /// Whose user name's rhythm is evidence from now on, where it is long enough to have one; `None` for nobody's.
    pub fn expect(&mut self, user: Option<&str>) {
        self.settle_pending();
        self.watch.expect(user);
    }

    /// The background model's version.
    pub fn model_version(&self) -> u32 {
        self.model.version()
    }

    /// Takes a person's template; refuses bytes that are none and keeps what it had.
    pub fn load_template(&mut self, bytes: &[u8]) -> Result<(), TemplateError> {
        let template = Template::from_bytes(bytes, self.model.version)?;
        if template.seen.salt() != self.replay.seen.salt() {
            self.replay.restart(template.seen.salt());
        }
        self.template = Some(template);
        self.trust.clear();
        self.adapt();
        Ok(())
    }

    /// The template to seal and store: at most 40 kB; `None` while nothing is learned.
    pub fn template_bytes(&self) -> Option<Vec<u8>> {
        self.template.as_ref().map(Template::to_bytes)
    }

    /// Forgets the template.
    pub fn clear_template(&mut self) {
        self.template = None;
        self.trust.clear();
        self.adapt();
    }

    /// Takes one event. Allocates nothing; hostile times are harmless.
    pub fn push(&mut self, event: Event) {
        if !(0.0..NO_CLOCK).contains(&event.at) {
            return;
        }
        let Event { at, kind } = event;
        match kind {
            EventKind::KeyDown { key } => {
                let at = self.advance(KEYBOARD, at);
                if self.strokes.down(key, at) {
                    self.automation.key_event(at);
                    self.watch.down(key, at);
                    if !self.watch.is_open() {
                        self.settle_pending();
                    }
                }
            }
            EventKind::KeyUp { key } => {
                let at = self.advance(KEYBOARD, at);
                self.key_up(key, at);
            }
            EventKind::Move { x, y, .. } => self.point(at, x, y, Actions::at),
            EventKind::ButtonDown { x, y, .. } => {
                self.automation.stroke_ended();
                self.point(at, x, y, Actions::press);
            }
            EventKind::ButtonUp { x, y, .. } => {
                self.automation.stroke_ended();
                self.point(at, x, y, Actions::release);
            }
            EventKind::Wheel { .. } => {}
            EventKind::Focus { .. } => self.break_off(),
            EventKind::Inserted { characters } => {
                self.automation.inserted(characters);
                self.strokes.break_chain();
                self.watch.break_off();
                self.settle_pending();
            }
            EventKind::Untrusted { count } => self.automation.untrusted(count),
        }
    }

    /// What the evidence says at `now` (ms since 1970).
    pub fn assess(&self, now: f64) -> Assessment {
        let reading = self.reading(now);
        let llr = self.trusted(&reading);
        let template = self.template.as_ref();
        let is_mature = template.is_some_and(Template::is_mature);
        let verdict = if self.automation.is_program() {
            Verdict::Automated
        } else if !is_mature {
            Verdict::Learning
        } else if reading.suspicion >= self.flag() {
            Verdict::Impostor
        } else if reading.keys < LEAST.0 && reading.actions < LEAST.1 && reading.phrases <= 0.0 {
            Verdict::NoEvidence
        } else if llr >= self.accept {
            Verdict::Genuine
        } else if llr <= self.reject {
            Verdict::Impostor
        } else {
            Verdict::Unsure
        };
        Assessment {
            verdict,
            llr,
            suspicion: reading.suspicion,
            tolerance: template.map_or(0.0, |t| t.history.tolerance()),
            taken_over: reading.suspicion >= self.flag(),
            keys: self.keys,
            pointer_ms: self.pointer_ms as u32,
            age_ms: self.newest.map(|newest| (now - newest).max(0.0) as u32),
            progress: template.map_or(0, Template::progress),
            mature: is_mature,
            confirmations: template.map_or(0, |template| template.confirmations),
            suitability: template.map_or(Suitability::Unknown, |t| t.history.suitability()),
            refused_share: template.and_then(|t| t.history.refused_share()),
            automation: self.automation.signs(),
            moved_by: explain::moved_by(&self.trust, &reading),
        }
    }

    /// The suspicion at which somebody else is flagged: the target's, or more where the person raises that themself.
    fn flag(&self) -> f64 {
        let own = self.template.as_ref().map(|t| t.history.tolerance());
        self.flag.max(own.unwrap_or(0.0))
    }

    /// What all evidence says, bounded by what the newest says: nobody lives on what another person earned.
    fn trusted(&self, reading: &Reading) -> f64 {
        let all = reading.keys_llr + reading.pointer_llr + reading.phrase_llr;
        if reading.suspicion >= self.flag() {
            all.min(self.reject)
        } else if reading.suspicion >= change::BROKEN {
            all.min(0.0)
        } else {
            let most = self.accept + reading.margin;
            // Too little of the newest says nothing; only what speaks against the person goes below nought.
            all.min(if most < 0.0 {
                reading.newest.min(0.0)
            } else {
                most
            })
        }
    }

    /// A strong factor of this person has passed: what is in quarantine joins the template, if it is not too old and
    /// fits. What a template that knows the person calls somebody else's does not join, whoever passed the factor; three
    /// such unlocks in a row make a template that is not mature begin anew.
    pub fn confirm(&mut self, now: f64) {
        if now.is_finite() {
            self.join(now);
            // What does not join is known by its rhythm all the same.
            if let Some(template) = &mut self.template {
                template.seen.merge(&self.replay.seen);
            }
        }
        self.trust.settle();
        self.automation = Automation::new();
        self.quarantine.clear();
    }

    fn join(&mut self, now: f64) {
        let reading = self.reading(now);
        let is_mature = self.template.as_ref().is_some_and(Template::is_mature);
        let is_foreign =
            self.automation.is_program() || (is_mature && self.trusted(&reading) <= self.reject);
        let knows = self.template.as_ref().is_some_and(|t| t.knows_person());
        let is_relearning = self.is_relearning(now);
        let (judged, silent) = (self.quarantine.judged, self.quarantine.silent);
        let peak = self.quarantine.peak;
        let vouched = self.quarantine.vouched(now);
        let is_foreign = is_foreign || vouched.aside.0 > vouched.fitting.0;
        if knows && is_foreign && !is_relearning {
            // A program's input says nothing about the person, and a mature template does not give way by itself.
            if let Some(template) = self.template.as_mut().filter(|t| !t.is_mature())
                && !self.automation.is_program()
                && template.history.contradict()
            {
                self.clear_template();
            }
            return;
        }
        if vouched.stretches.is_empty() {
            return;
        }
        let template = self
            .template
            .get_or_insert_with(|| Template::new(self.model.version, self.replay.seen.salt()));
        for stretch in &vouched.stretches {
            template.join(stretch);
        }
        let (keys, actions) = vouched.fitting;
        template.count(keys, actions, (now / 86_400_000.0) as u32);
        template.history.agree();
        template.history.add(judged, silent);
        template.history.peaked(peak);
        self.adapt();
    }

    /// Learns anew until `until` (ms since 1970, at most two weeks from `now`): another keyboard, a hurt hand. What was
    /// learned weighs a quarter, everything that a strong factor vouches for joins whether it fits or not, and verdicts
    /// are `Learning` until the template is mature again. Only after a strong factor of the person or by the help desk.
    pub fn relearn(&mut self, now: f64, until: f64) {
        let Some(template) = &mut self.template else {
            return;
        };
        if !now.is_finite() || until.is_nan() {
            return;
        }
        template.begin_again();
        template
            .history
            .relearn(until.clamp(0.0, now.max(0.0) + LONGEST_RELEARNING));
        self.trust.clear();
        self.adapt();
    }

    /// Whether everything that is vouched for joins the template.
    pub fn is_relearning(&self, now: f64) -> bool {
        let template = self.template.as_ref();
        template.is_some_and(|template| template.history.is_relearning(now))
    }

    /// Lock, logout or another user: trust and quarantine go.
    pub fn reset(&mut self) {
        self.break_off();
        self.trust.clear();
        self.automation = Automation::new();
        self.replay.clear();
        self.quarantine.clear();
        self.keys = 0;
        self.pointer_ms = 0.0;
        self.clocks = [None; 2];
        self.newest = None;
    }

    /// The time that an event of a device counts for. Lateness is forgiven; a jump back breaks what was going on.
    fn advance(&mut self, device: usize, at: f64) -> f64 {
        let now = match self.clocks[device] {
            Some(clock) if at < clock - LATE => {
                if device == KEYBOARD {
                    self.strokes.break_chain();
                    self.watch.break_off();
                } else {
                    self.actions.break_off();
                }
                at
            }
            Some(clock) => at.max(clock),
            None => at,
        };
        self.clocks[device] = Some(now);
        self.trust.pass(now);
        now
    }

    /// The pointer does something at a place.
    fn point(
        &mut self,
        at: f64,
        x: f32,
        y: f32,
        act: impl Fn(&mut Actions, f64, f32, f32) -> Option<Action>,
    ) {
        if x.abs() <= SCREEN && y.abs() <= SCREEN {
            let at = self.advance(POINTER, at);
            self.automation.moved(at, x, y);
            let action = act(&mut self.actions, at, x, y);
            self.acted(at, action);
        }
    }

    pub(crate) fn break_off(&mut self) {
        self.strokes.break_chain();
        self.watch.break_off();
        self.settle_pending();
        self.actions.break_off();
        self.replay.break_off();
        self.automation.stroke_ended();
    }

    fn key_up(&mut self, key: u8, at: f64) {
        let Self {
            strokes,
            watch,
            pending,
            trust,
            automation,
            quarantine,
            replay,
            model,
            template,
            typist,
            ..
        } = self;
        let seen = template.as_ref().map(|template| &template.seen);
        let keys = &mut quarantine.fresh(at).keys;
        let is_open = watch.is_open();
        let sink = |timing: Timing| {
            automation.timing(timing);
            replay.timing(timing, seen);
            let residual = model.typing.population.residual(timing);
            keys.add(&model.typing.population, residual);
            if let Some(typist) = typist
                && !(is_open && pending.keep(residual))
            {
                trust.typed(&model.typing, typist, residual);
            }
        };
        if let Some(held) = strokes.up(key, at, sink) {
            automation.key_event(at);
            automation.stroke(held);
            automation.replay(replay.is_replay());
            keys.keys = keys.keys.saturating_add(1);
            self.keys = self.keys.saturating_add(1);
            self.newest = Some(at);
            self.name_up(key, at);
            let is_block = self.trust.stroke(&self.model.typing);
            self.advance_quarantine(at, is_block);
        }
    }

    /// A key of the user name may have come up. A rhythm that is known is judged as a whole, and its times do not count
    /// a second time as free text.
    fn name_up(&mut self, key: u8, at: f64) {
        let population = &self.model.typing.population;
        let Some(repetition) = self.watch.up(key, at, population) else {
            return;
        };
        self.quarantine.fresh(at).phrase.add(&repetition);
        let known = self.template.as_ref().map(|t| &t.phrase);
        match known.filter(|norm| norm.is_known()) {
            Some(norm) => {
                let llr = self.model.typing.phrasing.llr(norm, &repetition);
                self.trust.named(llr);
                self.pending = Pending::new();
            }
            None => self.settle_pending(),
        }
    }

    /// What waited was no user name: it counts as free text.
    fn settle_pending(&mut self) {
        let Self {
            pending,
            trust,
            model,
            typist,
            ..
        } = self;
        if let Some(typist) = typist {
            for residual in pending.kept() {
                trust.typed(&model.typing, typist, *residual);
            }
        }
        pending.number = 0;
    }

    fn acted(&mut self, at: f64, action: Option<Action>) {
        let Some(action) = action else { return };
        self.automation.action();
        let moved = Moved::new(&self.model.pointing, &action);
        let pointer = &mut self.quarantine.fresh(at).pointer;
        pointer.add(&moved.posterior, &moved.point, moved.lasted);
        self.pointer_ms += moved.lasted;
        self.newest = Some(at);
        let is_block = (self.mover.as_ref())
            .is_some_and(|mover| self.trust.moved(&self.model.pointing, mover, &moved));
        self.advance_quarantine(at, is_block);
    }

    /// Ends a segment of the quarantine where one is due, and keeps account of what the template would have answered.
    fn advance_quarantine(&mut self, at: f64, is_block: bool) {
        let knows = self.template.as_ref().is_some_and(|t| t.knows_person());
        let is_mature = self.template.as_ref().is_some_and(Template::is_mature);
        // A young template takes its own person for another more easily.
        let bound = if is_mature {
            change::BROKEN
        } else {
            change::YOUNG
        };
        let suspicion = self.trust.suspicion();
        let suspicious = knows && suspicion >= bound;
        if self.template.as_ref().is_some_and(Template::knows_peaks) {
            self.quarantine.peak = self.quarantine.peak.max(suspicion as f32);
        }
        self.quarantine
            .advance(at, suspicious && !self.is_relearning(at));
        if is_block && knows {
            let is_silent = self.trusted(&self.reading(at)) >= self.accept;
            let quarantine = &mut self.quarantine;
            quarantine.judged = quarantine.judged.saturating_add(1);
            quarantine.silent = quarantine.silent.saturating_add(u32::from(is_silent));
        }
    }

    fn adapt(&mut self) {
        self.pending = Pending::new();
        let template = self.template.as_ref();
        self.typist = template.map(|t| t.keys.adapt(&self.model.typing.population));
        self.mover = template
            .filter(|t| t.knows_pointer())
            .map(|t| t.pointer.adapt(&self.model.pointing.mixture));
    }

    fn reading(&self, now: f64) -> Reading {
        let now = if now.is_finite() {
            now
        } else {
            self.newest.unwrap_or(0.0)
        };
        self.trust
            .reading(&self.model.typing, &self.model.pointing, now)
    }
}

/// Residuals that wait.
#[derive(Debug, Clone)]
struct Pending {
    residuals: [Residual; PENDING],
    number: usize,
}

impl Pending {
    const fn new() -> Self {
        const NONE: Residual = Residual {
            feature: 0,
            kind: 0,
            value: 0.0,
        };
        Self {
            residuals: [NONE; PENDING],
            number: 0,
        }
    }

    /// `false` where there is no room.
    fn keep(&mut self, residual: Residual) -> bool {
        let Some(place) = self.residuals.get_mut(self.number) else {
            return false;
        };
        *place = residual;
        self.number += 1;
        true
    }

    fn kept(&self) -> &[Residual] {
        &self.residuals[..self.number]
    }
}
