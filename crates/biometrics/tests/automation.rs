//! Programs against the engine, and people who must not be taken for programs.

#[path = "common/attacks.rs"]
mod attacks;
mod common;

use attacks::{Known, Random};
use biometrics::{Engine, Event, EventKind, Verdict};
use common::{event, learned, person};

const START: f64 = 1_797_000_000_000.0;
const WINDOWS: u64 = 200;

type Attack = fn(&mut Random) -> Vec<Event>;

fn play(engine: &mut Engine, events: &[Event]) -> f64 {
    let mut now = START;
    for event in events {
        now = START + event.at;
        engine.push(Event { at: now, ..*event });
    }
    // The next move tells that the last one is over.
    let kind = EventKind::Move {
        x: 0.0,
        y: 0.0,
        buttons: 0,
    };
    engine.push(Event {
        at: now + 1_000.0,
        kind,
    });
    now + 1_000.0
}

/// How many of the windows that a generator makes show a sign.
fn detected(make: Attack, sign: &'static str) -> u64 {
    let engine = learned(&person(3));
    (0..WINDOWS)
        .filter(|seed| {
            let mut engine = engine.clone();
            engine.reset();
            let now = play(&mut engine, &make(&mut Random(*seed)));
            engine.assess(now).automation.contains(&sign)
        })
        .count() as u64
}

#[test]
fn programs_are_detected() {
    let table: [(&'static str, Attack); 8] = [
        ("regular_typing", attacks::metronome),
        ("regular_typing", attacks::even_gaps),
        ("timer_grid", attacks::on_a_timer),
        ("no_holds", attacks::without_holds),
        ("constant_velocity", attacks::constant_velocity),
        ("smooth_pointer", attacks::bezier),
        ("untrusted_events", attacks::untrusted),
        ("inserted_text", attacks::pasted),
    ];
    for (i, (sign, make)) in table.into_iter().enumerate() {
        let found = detected(make, sign);
        println!("attack {i}: {found} of {WINDOWS} show {sign}");
        assert!(
            found * 100 >= WINDOWS * 99,
            "attack {i}: {found} of {WINDOWS} show {sign}"
        );
    }
}

/// A window that the person typed in a confirmed unlock is played again, as it was and up to a millisecond off.
#[test]
fn a_replay_of_what_was_learned_is_detected() {
    for (off, least) in [(0.0, 100), (1.0, 99)] {
        let (mut found, mut all) = (0, 0);
        for n in 1..=6 {
            let person = person(n);
            let mut taught = Engine::new(common::model()).with_salt(77);
            for day in person["learn"].as_array().unwrap() {
                taught.reset();
                let origin = day["origin"].as_f64().unwrap();
                common::push_all(&mut taught, &day["events"], origin);
                taught.confirm(day["confirm_at"].as_f64().unwrap());
            }
            // What another day's worker reads back.
            let mut engine = Engine::new(common::model());
            engine
                .load_template(&taught.template_bytes().unwrap())
                .unwrap();
            for day in person["learn"].as_array().unwrap() {
                let keys: Vec<Event> = day["events"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|capture| event(capture, 0.0))
                    .filter(|e| {
                        matches!(e.kind, EventKind::KeyDown { .. } | EventKind::KeyUp { .. })
                    })
                    .collect();
                for window in keys.chunks_exact(200) {
                    let mut engine = engine.clone();
                    let again = attacks::replayed(window, &mut Random(all), off);
                    let now = play(&mut engine, &again);
                    all += 1;
                    found += u64::from(engine.assess(now).verdict == Verdict::Automated);
                }
            }
        }
        println!("replay off by up to {off} ms: {found} of {all}");
        assert!(found * 100 >= all * least, "off by {off}: {found} of {all}");
    }
}

#[test]
fn what_is_seen_is_salted_and_holds_no_order() {
    let saved = |salt: u64| {
        let mut engine = Engine::new(common::model()).with_salt(salt);
        play(&mut engine, &attacks::like_anybody(&mut Random(1), 80));
        engine.save()
    };
    assert_eq!(saved(1), saved(1));
    assert_ne!(saved(1), saved(2));
}

/// What no sign tells: times drawn from people in general, and from the victim's own statistics.
#[test]
fn programs_that_sample_human_times_are_told_as_far_as_they_can_be() {
    let (mut anybody, mut victim, mut all) = (0, 0, 0);
    for n in 1..=6 {
        let person = person(n);
        let engine = learned(&person);
        let mut known = Known::default();
        for day in person["learn"].as_array().unwrap() {
            let events: Vec<Event> = day["events"]
                .as_array()
                .unwrap()
                .iter()
                .map(|c| event(c, 0.0))
                .collect();
            known.learn(&events);
        }
        let text: Vec<u8> = attacks::TEXT.iter().copied().cycle().take(220).collect();
        for seed in 0..20 {
            let random = &mut Random(seed);
            all += 1;
            for (accepted, events) in [
                (&mut anybody, attacks::like_anybody(random, 220)),
                (&mut victim, known.sample(random, &text)),
            ] {
                let mut engine = engine.clone();
                engine.reset();
                let now = play(&mut engine, &events);
                *accepted += u64::from(engine.assess(now).verdict == Verdict::Genuine);
            }
        }
    }
    println!(
        "accepted: {anybody} of {all} with anybody's times, {victim} of {all} with the victim's"
    );
    // Nobody's times are accepted. The victim's own are, and nothing here prevents it: that is stated, not hidden.
    assert_eq!(anybody, 0);
    assert!(victim > 0, "the documents say that this attack succeeds");
}
