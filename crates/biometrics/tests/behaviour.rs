//! What the engine does with people and programs over time.

mod common;

use biometrics::{Engine, Event, EventKind, Targets, Verdict, words};
use common::{learned, model, person, push_all};

const HOUR: f64 = 3_600_000.0;
const START: f64 = 1_795_000_000_000.0;

fn key(engine: &mut Engine, key: u8, at: f64, hold: f64) {
    engine.push(Event {
        at,
        kind: EventKind::KeyDown { key },
    });
    engine.push(Event {
        at: at + hold,
        kind: EventKind::KeyUp { key },
    });
}

#[test]
fn a_new_engine_learns_and_has_no_template() {
    let engine = Engine::new(model());
    let assessment = engine.assess(START);
    assert_eq!(assessment.verdict, Verdict::Learning);
    assert_eq!(
        (assessment.llr, assessment.age_ms, assessment.progress),
        (0.0, None, 0)
    );
    assert_eq!(engine.template_bytes(), None);
}

#[test]
fn a_mature_engine_without_input_has_no_evidence() {
    let mut engine = learned(&person(3));
    engine.reset();
    assert_eq!(engine.assess(START).verdict, Verdict::NoEvidence);
}

#[test]
fn evidence_fades_with_time_and_goes_with_a_reset() {
    let person = person(3);
    let mut engine = learned(&person);
    engine.reset();
    let now = push_all(&mut engine, &person["live"]["keys"], START);
    let (fresh, stale) = (engine.assess(now), engine.assess(now + HOUR));
    assert_eq!(fresh.verdict, Verdict::Genuine);
    assert_eq!(fresh.age_ms, Some(0));
    assert!(
        stale.llr < fresh.llr / 2.0 && stale.llr > 0.0,
        "{} then {}",
        fresh.llr,
        stale.llr
    );
    engine.reset();
    assert_eq!(engine.assess(now).verdict, Verdict::NoEvidence);
}

#[test]
fn a_template_survives_its_bytes() {
    let person = person(5);
    let first = learned(&person);
    let mut second = Engine::new(model());
    second
        .load_template(&first.template_bytes().unwrap())
        .unwrap();
    assert_eq!(second.template_bytes(), first.template_bytes());
    let mut first = first;
    first.reset();
    let now = push_all(&mut first, &person["live"]["keys"], START);
    push_all(&mut second, &person["live"]["keys"], START);
    let (kept, read) = (first.assess(now).llr, second.assess(now).llr);
    assert!(
        (kept - read).abs() < 0.1,
        "rounding changed {kept} to {read}"
    );
    second.clear_template();
    assert_eq!(second.template_bytes(), None);
}

#[test]
fn nothing_is_learned_without_a_strong_factor() {
    let person = person(1);
    let mut engine = Engine::new(model());
    push_all(&mut engine, &person["live"]["keys"], START);
    engine.reset();
    engine.confirm(START + HOUR);
    assert_eq!(engine.template_bytes(), None);
}

#[test]
fn windows_older_than_eight_hours_do_not_join() {
    let person = person(1);
    let mut engine = Engine::new(model());
    let now = push_all(&mut engine, &person["live"]["keys"], START);
    let mut late = engine.clone();
    engine.confirm(now + 7.0 * HOUR);
    late.confirm(now + 8.0 * HOUR);
    assert_eq!(engine.assess(now).confirmations, 1);
    assert_eq!(late.template_bytes(), None);
}

#[test]
fn three_confirmations_on_one_day_are_not_mature() {
    let person = person(5);
    let mut engine = Engine::new(model());
    let mut now = START - START % (24.0 * HOUR);
    for day in person["learn"].as_array().unwrap() {
        now = push_all(&mut engine, &day["events"], now + 60_000.0) + 1_000.0;
        engine.confirm(now);
    }
    let assessment = engine.assess(now);
    assert_eq!((assessment.confirmations, assessment.mature), (5, false));
    assert_eq!(assessment.progress, 95);
    now = push_all(&mut engine, &person["live"]["keys"], now + 24.0 * HOUR);
    engine.confirm(now);
    assert!(engine.assess(now).mature);
}

#[test]
fn what_a_mature_template_calls_an_impostors_does_not_join() {
    let (owner, other) = (learned(&person(6)), person(2));
    let mut engine = owner.clone();
    engine.reset();
    let now = push_all(&mut engine, &other["live"]["keys"], START);
    assert_eq!(engine.assess(now).verdict, Verdict::Impostor);
    engine.confirm(now);
    let learned = |engine: &Engine| engine.assess(now).confirmations;
    assert_eq!(learned(&engine), learned(&owner));
}

#[test]
fn targets_move_the_thresholds() {
    let person = person(3);
    let strict = Targets {
        false_accept: 1e-6,
        false_alarm: 1e-6,
        ..Targets::default()
    };
    let mut engine = learned(&person).with_targets(strict);
    engine.reset();
    let now = push_all(&mut engine, &person["live"]["keys"], START);
    assert_eq!(engine.assess(now).verdict, Verdict::Unsure);
}

#[test]
fn a_metronome_is_a_program() {
    let mut engine = learned(&person(3));
    engine.reset();
    let mut at = START;
    for i in 0..80u32 {
        key(&mut engine, b'A' + (i * 7 % 26) as u8, at, 81.3);
        at += 133.7;
    }
    let assessment = engine.assess(at);
    assert_eq!(
        (assessment.verdict, assessment.automation),
        (
            Verdict::Automated,
            vec!["regular_typing", "replayed_typing"]
        )
    );
}

#[test]
fn random_gaps_on_a_timer_grid_are_a_program() {
    let mut engine = learned(&person(3));
    engine.reset();
    let mut at = START;
    for i in 0..80u32 {
        key(
            &mut engine,
            b'A' + (i * 7 % 26) as u8,
            at,
            f64::from(50 + i * 37 % 9 * 10),
        );
        at += f64::from(150 + i * 53 % 17 * 10);
    }
    assert_eq!(engine.assess(at).automation, ["timer_grid"]);
}

#[test]
fn straight_moves_of_constant_speed_are_a_program() {
    let mut engine = learned(&person(3));
    engine.reset();
    let mut at = START;
    for _ in 0..4u32 {
        for frame in 0..30u8 {
            let x = 10.0 + 8.0 * f32::from(frame);
            engine.push(Event {
                at,
                kind: EventKind::Move {
                    x,
                    y: x,
                    buttons: 0,
                },
            });
            at += 1_000.0 / 60.0;
        }
        at += 400.0;
    }
    engine.push(Event {
        at,
        kind: EventKind::Move {
            x: 0.0,
            y: 0.0,
            buttons: 0,
        },
    });
    assert_eq!(
        engine.assess(at).automation,
        ["constant_velocity", "smooth_pointer"]
    );
}

#[test]
fn a_few_untrusted_events_are_told_and_many_are_a_program() {
    let person = person(3);
    let mut engine = learned(&person);
    engine.reset();
    let now = push_all(&mut engine, &person["live"]["keys"], START);
    engine.push(Event {
        at: now,
        kind: EventKind::Untrusted { count: 3 },
    });
    let few = engine.assess(now);
    assert_eq!(
        (few.verdict, few.automation),
        (Verdict::Genuine, vec!["untrusted_events"])
    );
    engine.push(Event {
        at: now,
        kind: EventKind::Untrusted { count: 100_000 },
    });
    assert_eq!(engine.assess(now).verdict, Verdict::Automated);
}

#[test]
fn recorded_people_are_no_programs() {
    for n in 1..=6 {
        let person = person(n);
        let mut engine = learned(&person);
        let now = push_all(&mut engine, &person["live"]["keys"], START);
        let now = push_all(&mut engine, &person["live"]["pointer"], now + 1_000.0);
        assert_eq!(
            engine.assess(now).automation,
            Vec::<&str>::new(),
            "person {n}"
        );
    }
}

#[test]
fn every_reason_has_words() {
    for n in 1..=6 {
        let mut engine = learned(&person(n));
        for actor in 1..=6 {
            engine.reset();
            let now = push_all(&mut engine, &person(actor)["live"]["keys"], START);
            let now = push_all(
                &mut engine,
                &person(actor)["live"]["pointer"],
                now + 1_000.0,
            );
            let assessment = engine.assess(now);
            assert!(!assessment.moved_by.is_empty() && assessment.moved_by.len() <= 4);
            assert!(
                assessment.moved_by.iter().all(|code| words(code).is_some()),
                "{:?}",
                assessment.moved_by
            );
        }
    }
    assert_eq!(words("no such code"), None);
}

#[test]
fn a_rolling_state_shrinks_what_was_typed_to_sums() {
    let mut first = Engine::new(model());
    let mut second = Engine::new(model());
    // The same keys in another order, far enough apart that no pair is formed.
    for (i, (a, b)) in b"SECRETWORD".iter().zip(b"DROWTERCES").enumerate() {
        key(&mut first, *a, START + 4_000.0 * i as f64, 80.0);
        key(&mut second, *b, START + 4_000.0 * i as f64, 80.0);
    }
    assert_eq!(first.save(), second.save());
}

#[test]
fn a_million_events_leave_the_state_small() {
    let person = person(4);
    let mut engine = learned(&person);
    let mut at = START;
    for _ in 0..400 {
        at = push_all(&mut engine, &person["learn"][0]["events"], at + 5_000.0);
    }
    assert!(engine.save().len() < 64 * 1024, "{}", engine.save().len());
    engine.confirm(at);
    assert!(engine.template_bytes().unwrap().len() <= 40 * 1024);
}

#[test]
fn a_batch_may_hold_the_keyboard_before_the_pointer() {
    let person = person(6);
    let mut events: Vec<Event> = ["keys", "pointer"]
        .into_iter()
        .flat_map(|part| person["live"][part].as_array().unwrap())
        .map(|capture| common::event(capture, START))
        .collect();
    let mut apart = learned(&person);
    apart.reset();
    let mut mixed = apart.clone();
    // Batches of half a second, the keyboard's events first in each.
    events.sort_by_key(|event| (event.at / 500.0) as u64);
    events.iter().for_each(|event| apart.push(*event));
    events.sort_by(|a, b| a.at.total_cmp(&b.at));
    events.iter().for_each(|event| mixed.push(*event));
    let end = events.last().unwrap().at;
    let (apart, mixed) = (apart.assess(end), mixed.assess(end));
    assert_eq!(
        (apart.keys, apart.pointer_ms),
        (mixed.keys, mixed.pointer_ms)
    );
    assert!(
        (apart.llr - mixed.llr).abs() < 0.05,
        "{} and {}",
        apart.llr,
        mixed.llr
    );
}
