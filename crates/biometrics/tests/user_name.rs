//! The rhythm of one's own user name: what it adds, what it never does alone, and that nothing else is kept.

mod common;

use biometrics::{Engine, Event, EventKind, Verdict};
use common::{event, learned, model, person, push_all};
use serde_json::Value;

const NAME: &str = "ann.smith@example.com";
const KEYS: &[u8] = b"ANN\xbeSMITH";
const LIVE: f64 = 1_795_000_000_000.0;

/// One person's way to type the name: gaps and holds of their own, a little different every time.
fn typed(hand: u32, time: u32, origin: f64) -> Vec<Event> {
    let wave = |n: usize| (f64::from(hand) * 1.77 + 2.3 * n as f64).sin();
    let mut state = u64::from(time) * 2_654_435_761 + 12_345;
    let mut jitter = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        1.0 + 0.24 * ((state >> 40) as f64 / f64::from(1u32 << 24) - 0.5)
    };
    let mut events = Vec::new();
    let mut at = origin;
    for (n, &key) in KEYS.iter().enumerate() {
        let hold = (95.0 + 30.0 * wave(n)) * jitter();
        let kinds = [
            (at, EventKind::KeyDown { key }),
            (at + hold, EventKind::KeyUp { key }),
        ];
        events.extend(kinds.map(|(at, kind)| Event { at, kind }));
        at += (190.0 + 70.0 * wave(n + 40)) * jitter();
    }
    events.sort_by(|a, b| a.at.total_cmp(&b.at));
    events
}

fn push(engine: &mut Engine, events: &[Event]) {
    events.iter().for_each(|event| engine.push(*event));
}

/// Learns a person's days; in each unlock they type the name twice first.
fn named(person: &Value, expected: Option<&str>) -> Engine {
    let mut engine = Engine::new(model());
    engine.expect(expected);
    for (day, learn) in person["learn"].as_array().unwrap().iter().enumerate() {
        engine.reset();
        let origin = learn["origin"].as_f64().unwrap();
        for time in 0..2 {
            let at = origin - 20_000.0 + 8_000.0 * f64::from(time);
            push(&mut engine, &typed(1, time + 2 * day as u32, at));
        }
        push_all(&mut engine, &learn["events"], origin);
        engine.confirm(learn["confirm_at"].as_f64().unwrap());
    }
    engine
}

/// The ratio after names typed by some hands, and then the owner's first thirty keys.
fn ratio(engine: &Engine, person: &Value, hands: &[u32]) -> f64 {
    let mut engine = engine.clone();
    engine.reset();
    for (n, &hand) in hands.iter().enumerate() {
        push(
            &mut engine,
            &typed(hand, 40 + n as u32, LIVE + 10_000.0 * n as f64),
        );
    }
    let from = LIVE + 10_000.0 * hands.len() as f64;
    let mut now = from;
    for capture in &person["live"]["keys"].as_array().unwrap()[..60] {
        let event = event(capture, from);
        now = event.at;
        engine.push(event);
    }
    engine.assess(now).llr
}

#[test]
fn the_own_rhythm_speaks_for_the_person_and_another_against() {
    let person = person(3);
    let engine = named(&person, Some(NAME));
    let (without, own, other) = (
        ratio(&engine, &person, &[]),
        ratio(&engine, &person, &[1]),
        ratio(&engine, &person, &[3]),
    );
    assert!(own > without + 0.5, "{own} with, {without} without");
    assert!(other < without - 0.5, "{other} with, {without} without");
}

#[test]
fn a_rhythm_that_was_not_learned_says_nothing() {
    let person = person(3);
    let mut engine = learned(&person);
    let free_text = ratio(&engine, &person, &[1]);
    engine.expect(Some(NAME));
    let expected = ratio(&engine, &person, &[1]);
    assert!(
        (expected - free_text).abs() < 0.3,
        "{expected}, {free_text}"
    );
}

#[test]
fn trying_until_one_fits_wins_nothing() {
    let person = person(3);
    let engine = named(&person, Some(NAME));
    let once = ratio(&engine, &person, &[1]);
    let lucky = ratio(&engine, &person, &[3, 10, 3, 1]);
    assert!(lucky < once - 0.5, "{lucky} after tries, {once} at once");
}

#[test]
fn the_name_alone_is_never_enough() {
    let mut engine = named(&person(3), Some(NAME));
    engine.reset();
    for n in 0..6 {
        let at = LIVE + 10_000.0 * f64::from(n);
        push(&mut engine, &typed(1, 50 + n, at));
        let assessment = engine.assess(at + 4_000.0);
        assert_eq!(assessment.verdict, Verdict::Unsure, "{assessment:?}");
        assert!(assessment.moved_by.contains(&"name_fits"), "{assessment:?}");
    }
}

#[test]
fn without_a_name_to_expect_nothing_of_it_is_kept() {
    let person = person(3);
    let (none, other) = (
        named(&person, None),
        named(&person, Some("somebody.else@example.com")),
    );
    assert_eq!(none.template_bytes(), other.template_bytes());
    let known = named(&person, Some(NAME)).template_bytes().unwrap();
    assert_ne!(none.template_bytes().unwrap().len(), known.len());
    // The rhythm of nobody's name is free text like any other.
    assert_eq!(ratio(&none, &person, &[1]), ratio(&other, &person, &[1]));
}

#[test]
fn a_repetition_waits_for_the_strong_factor_through_a_restart() {
    let person = person(3);
    let mut engine = Engine::new(model());
    engine.expect(Some(NAME));
    let day = &person["learn"][0];
    let (origin, confirm_at) = (
        day["origin"].as_f64().unwrap(),
        day["confirm_at"].as_f64().unwrap(),
    );
    push(&mut engine, &typed(1, 0, origin - 10_000.0));
    push_all(&mut engine, &day["events"], origin);
    let mut again = Engine::new(model());
    again.expect(Some(NAME));
    again.restore(&engine.save()).unwrap();
    let mut dropped = engine.clone();
    engine.confirm(confirm_at);
    again.confirm(confirm_at);
    let length = |engine: &Engine| engine.template_bytes().unwrap().len();
    assert_eq!(length(&engine), length(&again));
    // After a lock it is gone.
    dropped.reset();
    push_all(&mut dropped, &day["events"], origin);
    dropped.confirm(confirm_at);
    assert!(length(&dropped) < length(&engine));
}
