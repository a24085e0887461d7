//! Recorded people as streams of events: days to learn from, and a later stretch of activity.
//!
//! A person is one Monaco typist and one SapiMouse user; the pair is not one person in reality. People are judged by a
//! background model that never saw them: there is one per fold, and only people of one fold play strangers to each other.
//! Their user name is the phrase of one CMU subject, as far as there are subjects: a third person in reality.

use crate::accuracy::{
    self,
    corpus::{self, Moved},
};
use anyhow::{Context, Result};
use biometrics::train::{
    Evidence, Keystroke, PointingModel, Sample, SampleKind, TypingModel, actions, model_bytes,
};
use biometrics::{Engine, Event, EventKind, Model};
use std::path::Path;

/// Parts that the people are divided into.
pub const FOLDS: usize = 4;
/// Sessions that are learned, one a day; the rest is played.
const LEARNED: usize = 4;
/// Sessions that rivals are enrolled on, and rivals per modality: as in the model that ships.
const GALLERY: usize = 3;
const RIVALS: usize = 20;
/// Turns at keyboard and pointer, in ms of activity.
const TYPING_TURN: f64 = 20_000.0;
const POINTER_TURN: f64 = 10_000.0;
/// Longer rests are cut to this, in ms: what is measured is activity.
const LONGEST_REST: f64 = 5_000.0;
/// 2 November 2026, 09:00 UTC, and the day that is played.
const FIRST: f64 = 1_793_610_000_000.0;
const DAY: f64 = 86_400_000.0;
pub const LIVE: f64 = FIRST + 9.0 * DAY;
/// The letters and digits of the CMU phrase as a user name, and its keys: the full stop before and enter after belong to
/// the phrase, not to the name.
const NAME: &str = "tie5roanl@example.com";
const PHRASE: &[u8; 11] = b"\xbeTIE5ROANL\r";
/// Repetitions that are learned on each day, and those that are judged: the subject's own later ones, and the first ones
/// of strangers.
const NAMED: [usize; 2] = [15, 35];
const A_SESSION: usize = 50;
const LATER: usize = 200;
const APART: usize = 25;

/// One person: an engine that has learned them, and what they do later, each at times from 0 on.
pub struct Person {
    pub fold: usize,
    pub engine: Engine,
    /// The key events that were learned, at times from 0 on.
    pub learned: Vec<Event>,
    pub keys: Vec<Event>,
    pub pointer: Vec<Event>,
    /// Repetitions of the user name in order; empty where there is no subject for it.
    names: Vec<Vec<Event>>,
}

impl Person {
    /// A later repetition of the own user name.
    pub fn own_name(&self, n: usize) -> Option<&[Event]> {
        self.names.get(LATER + APART * n).map(Vec::as_slice)
    }

    /// One of the first repetitions of it, as a stranger types another person's.
    pub fn strange_name(&self, n: usize) -> Option<&[Event]> {
        self.names.get(n).map(Vec::as_slice)
    }

    /// Keyboard and pointer in turns, with the pointer's recording repeated as often as it is needed.
    pub fn activity(&self) -> Vec<Event> {
        let mut events = Vec::new();
        let (mut key, mut place, mut round) = (0, 0, 0.0);
        let mut now = 0.0;
        let mut typed_until = 0.0;
        let span = self.pointer.last().map_or(0.0, |event| event.at) + 400.0;
        let mut moved_until = 0.0;
        while key < self.keys.len() {
            let from = now - typed_until;
            typed_until += TYPING_TURN;
            while key < self.keys.len() && self.keys[key].at < typed_until {
                events.push(at(self.keys[key], from + self.keys[key].at));
                key += 1;
            }
            now += TYPING_TURN;
            if self.pointer.is_empty() {
                continue;
            }
            let from = now - moved_until;
            moved_until += POINTER_TURN;
            loop {
                let event = self.pointer[place];
                let moved = round * span + event.at;
                if moved >= moved_until {
                    break;
                }
                events.push(at(event, from + moved));
                place = (place + 1) % self.pointer.len();
                round += if place == 0 { 1.0 } else { 0.0 };
            }
            now += POINTER_TURN;
        }
        events
    }
}

/// The same event at another time.
pub fn at(event: Event, at: f64) -> Event {
    Event { at, ..event }
}

/// All people of the development part, each with a template learned over four days.
pub fn load(data: &Path) -> Result<Vec<Person>> {
    let typists = corpus::typing(data, "monaco_free_text")?;
    let movers = corpus::pointer(data, "sapimouse")?;
    let (_, subjects) = corpus::repeated(data, "cmu")?;
    let typed: Vec<_> = typists
        .iter()
        .map(|(_, sessions)| accuracy::typed(sessions, GALLERY))
        .collect();
    let session =
        |person: &Moved, name: &str| actions(person.get(name).map_or(&[][..], Vec::as_slice));
    let moved: Vec<_> = movers
        .iter()
        .map(|(_, person)| (session(person, "3min"), session(person, "1min")))
        .collect();
    let mut people = Vec::new();
    for fold in 0..FOLDS {
        let is_held = |i: usize| i % FOLDS == fold;
        let typed: Vec<_> = (0..typed.len())
            .filter(|&i| !is_held(i))
            .map(|i| typed[i].clone())
            .collect();
        let moved: Vec<_> = (0..moved.len())
            .filter(|&i| !is_held(i))
            .map(|i| moved[i].clone())
            .collect();
        let typing = TypingModel::train(&typed, &[], RIVALS, Evidence::Timings);
        let pointing = PointingModel::train(&moved, RIVALS);
        let bytes = model_bytes(1, &typing, &pointing);
        for i in (0..typists.len()).filter(|&i| is_held(i)) {
            let model = Model::from_bytes(&bytes).context("reading the fold's model back")?;
            let (typist, mover) = (&typists[i].1, &movers[i].1);
            let sessions: Vec<&[Keystroke]> = typist.iter().map(|(_, k)| k.as_slice()).collect();
            let long = pointer(mover.get("3min").map_or(&[][..], Vec::as_slice));
            let mut engine = Engine::new(model);
            engine.expect(Some(NAME));
            let subject = subjects.get(i).map_or(&[][..], |(_, rows)| rows.as_slice());
            let names: Vec<Vec<Event>> = subject.iter().map(|times| name(times)).collect();
            let turn = long.last().map_or(0.0, |event| event.at) / LEARNED as f64 + 1.0;
            for day in 0..LEARNED {
                engine.reset();
                let mut now = FIRST + DAY * day as f64;
                for n in NAMED {
                    let origin = now - 60_000.0 + 1_000.0 * n as f64;
                    for event in names.get(A_SESSION * day + n).into_iter().flatten() {
                        push(&mut engine, *event, origin);
                    }
                }
                for event in keys(&sessions[day..=day]) {
                    now = now.max(push(&mut engine, event, FIRST + DAY * day as f64));
                }
                let span = turn * day as f64..turn * (day + 1) as f64;
                let origin = now + 2_000.0 - span.start;
                for &event in long.iter().filter(|event| span.contains(&event.at)) {
                    now = push(&mut engine, event, origin);
                }
                engine.confirm(now + 30_000.0);
            }
            people.push(Person {
                fold,
                engine,
                names,
                learned: keys(&sessions[..LEARNED]),
                keys: keys(&sessions[LEARNED..]),
                pointer: pointer(mover.get("1min").map_or(&[][..], Vec::as_slice)),
            });
        }
    }
    Ok(people)
}

/// Hands an event on, later by `origin`; the time it then has.
pub fn push(engine: &mut Engine, event: Event, origin: f64) -> f64 {
    let event = at(event, origin + event.at);
    engine.push(event);
    event.at
}

/// Key events of one repetition of the phrase: per key its hold, and in between press to press and release to press.
fn name(times: &[f64]) -> Vec<Event> {
    let (mut events, mut down) = (Vec::new(), 0.0);
    for (place, &key) in PHRASE.iter().enumerate() {
        let Some(&hold) = times.get(3 * place) else {
            break;
        };
        for (at, kind) in [
            (down, EventKind::KeyDown { key }),
            (down + hold, EventKind::KeyUp { key }),
        ] {
            events.push(Event { at, kind });
        }
        down += times.get(3 * place + 1).copied().unwrap_or(0.0);
    }
    events.sort_by(|a, b| a.at.total_cmp(&b.at));
    events
}

/// Key events of sessions one after the other, in order of time.
pub fn keys(sessions: &[&[Keystroke]]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut now = 0.0;
    for keystrokes in sessions {
        let mut before = keystrokes.first().map_or(0.0, |k| k.at);
        for k in *keystrokes {
            now += (k.at - before).clamp(0.0, LONGEST_REST);
            before = k.at;
            let key = k.key;
            events.push(Event {
                at: now,
                kind: EventKind::KeyDown { key },
            });
            events.push(Event {
                at: now + k.hold,
                kind: EventKind::KeyUp { key },
            });
        }
        now += LONGEST_REST;
    }
    events.sort_by(|a, b| a.at.total_cmp(&b.at));
    events
}

/// Pointer events from 0 on.
pub fn pointer(samples: &[Sample]) -> Vec<Event> {
    let (mut now, mut before, mut buttons) = (0.0, samples.first().map_or(0.0, |s| s.at), 0);
    let event = |sample: &Sample| {
        now += (sample.at - before).clamp(0.0, LONGEST_REST);
        before = before.max(sample.at);
        let (x, y) = (sample.x, sample.y);
        let kind = match sample.kind {
            SampleKind::Move => EventKind::Move { x, y, buttons },
            SampleKind::Press => {
                buttons = 1;
                EventKind::ButtonDown { x, y, button: 0 }
            }
            SampleKind::Release => {
                buttons = 0;
                EventKind::ButtonUp { x, y, button: 0 }
            }
        };
        Event { at: now, kind }
    };
    samples.iter().map(event).collect()
}
