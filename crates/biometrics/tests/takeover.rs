//! Another person sits down in the same unlock: what the one before earned is not theirs.

mod common;

use biometrics::{Engine, Targets, Verdict};
use common::{event, learned, person, push_all};
use serde_json::Value;

const START: f64 = 1_795_000_000_000.0;

/// The person's own activity, typing and then pointer.
fn own(engine: &mut Engine, person: &Value, from: f64) -> f64 {
    let now = push_all(engine, &person["live"]["keys"], from);
    push_all(engine, &person["live"]["pointer"], now + 2_000.0)
}

/// What happens while a stranger types after the owner was accepted: the last keystroke at which the verdict was still
/// genuine, the keystroke at which the takeover was flagged, and the last verdict.
fn taken_over(owner: &Value, stranger: &Value) -> (u32, Option<u32>, Verdict) {
    let mut engine = learned(owner);
    engine.reset();
    let taken = own(&mut engine, owner, START) + 2_000.0;
    let before = engine.assess(taken).keys;
    let (mut accepted, mut flagged, mut now) = (0, None, taken);
    for capture in stranger["live"]["keys"].as_array().unwrap() {
        let event = event(capture, taken);
        engine.push(event);
        now = event.at;
        let assessment = engine.assess(now);
        let keys = assessment.keys - before;
        if assessment.verdict == Verdict::Genuine {
            accepted = keys;
        }
        if assessment.taken_over && flagged.is_none() {
            flagged = Some(keys);
        }
    }
    let now = push_all(&mut engine, &stranger["live"]["pointer"], now + 2_000.0);
    (accepted, flagged, engine.assess(now).verdict)
}

#[test]
fn nobody_is_accepted_on_what_the_person_before_earned() {
    let people: Vec<Value> = (1..=6).map(person).collect();
    let (mut accepted, mut flagged) = (Vec::new(), Vec::new());
    for (o, owner) in people.iter().enumerate() {
        for (a, stranger) in people.iter().enumerate().filter(|(a, _)| *a != o) {
            let (until, flag, last) = taken_over(owner, stranger);
            assert_ne!(last, Verdict::Genuine, "{} after {}", a + 1, o + 1);
            if until > 80 {
                accepted.push((o + 1, a + 1, until));
            }
            flagged.extend(flag);
        }
    }
    flagged.sort_unstable();
    println!("accepted beyond 80 keys (owner, stranger, keys): {accepted:?}");
    println!(
        "{} of 30 flagged within 220 keys, after {flagged:?}",
        flagged.len()
    );
    // Three of the thirty type so much like the owner that stretches of it fit: that is the engine's error, not inherited
    // trust. Two of these owners are told to be not suited. Nobody else lives on what the owner earned.
    assert!(accepted.len() <= 3, "{accepted:?}");
    assert!(flagged.len() >= 8, "{flagged:?}");
}

#[test]
fn person_6_right_after_person_3_is_not_taken_for_person_3() {
    let (accepted, _, last) = taken_over(&person(3), &person(6));
    assert!(accepted <= 80, "accepted for {accepted} keys");
    assert_ne!(last, Verdict::Genuine);
}

#[test]
fn a_takeover_that_was_flagged_is_forgiven_by_evidence_or_by_a_strong_factor() {
    let (owner, stranger) = (person(6), person(2));
    let mut engine = learned(&owner);
    engine.reset();
    let now = own(&mut engine, &owner, START);
    let now = own(&mut engine, &stranger, now + 2_000.0);
    let flagged = engine.assess(now);
    assert!(
        flagged.taken_over && flagged.verdict == Verdict::Impostor,
        "{flagged:?}"
    );
    let mut vouched = engine.clone();
    vouched.confirm(now + 1_000.0);
    assert!(!vouched.assess(now + 1_000.0).taken_over);
    let back = own(&mut engine, &owner, now + 60_000.0);
    assert!(!engine.assess(back).taken_over, "{:?}", engine.assess(back));
}

#[test]
fn time_alone_takes_no_suspicion_away() {
    let (owner, stranger) = (person(6), person(2));
    let mut engine = learned(&owner);
    engine.reset();
    let now = own(&mut engine, &owner, START);
    let now = own(&mut engine, &stranger, now + 2_000.0);
    let (soon, late) = (engine.assess(now), engine.assess(now + 7.0 * 3_600_000.0));
    assert_eq!(soon.suspicion, late.suspicion);
    assert_eq!(late.verdict, Verdict::Impostor);
}

#[test]
fn fewer_alarms_per_day_mean_a_later_flag() {
    let (owner, stranger) = (person(6), person(2));
    let template = learned(&owner).template_bytes().unwrap();
    let keys_until = |alarms_per_day: f64| {
        let targets = Targets {
            alarms_per_day,
            ..Targets::default()
        };
        let mut engine = Engine::new(common::model()).with_targets(targets);
        engine.load_template(&template).unwrap();
        let events = stranger["live"]["keys"].as_array().unwrap();
        events.iter().find_map(|capture| {
            let event = event(capture, START);
            engine.push(event);
            let assessment = engine.assess(event.at);
            assessment.taken_over.then_some(assessment.keys)
        })
    };
    let (often, seldom) = (
        keys_until(8.0).unwrap(),
        keys_until(0.2).unwrap_or(u32::MAX),
    );
    assert!(often < seldom, "{often} and {seldom}");
}
