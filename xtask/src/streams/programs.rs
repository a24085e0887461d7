//! Programs: how many windows of each attack are detected, and how many windows of recorded people are flagged.

#[path = "../../../crates/biometrics/tests/common/attacks.rs"]
mod attacks;

use super::people::{LIVE, Person, at, keys, pointer};
use crate::accuracy::corpus;
use anyhow::Result;
use attacks::{Known, Random};
use biometrics::{Engine, Event, EventKind, Verdict};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Windows of each attack.
const WINDOWS: u64 = 500;
/// Key events, and pointer events, that are a window of a recorded person.
const KEY_WINDOW: usize = 80;
const POINTER_WINDOW: usize = 600;

type Attack = (&'static str, fn(&mut Random) -> Vec<Event>);
const ATTACKS: [Attack; 8] = [
    ("metronome", attacks::metronome),
    ("evenly drawn gaps", attacks::even_gaps),
    ("ticks of a timer", attacks::on_a_timer),
    ("no holds", attacks::without_holds),
    ("constant velocity", attacks::constant_velocity),
    ("Bézier curves", attacks::bezier),
    ("dispatched by a script", attacks::untrusted),
    ("pasted text", attacks::pasted),
];

/// Both tables, and how far programs get that sample human times.
pub fn report(people: &[Person], data: &Path) -> Result<String> {
    let mut text =
        String::from("| attack | windows with a sign | verdict Automated |\n| --- | --- | --- |\n");
    for (name, make) in ATTACKS {
        let (mut told, mut automated) = (0, 0);
        for seed in 0..WINDOWS {
            let person = &people[seed as usize % people.len()];
            let (signs, verdict) = judged(person, &make(&mut Random(seed)));
            told += u64::from(signs);
            automated += u64::from(verdict == Verdict::Automated);
        }
        row(&mut text, name, told, automated, WINDOWS);
    }
    for off in [0.0, 1.0, 3.0, 8.0] {
        let (mut told, mut automated, mut all) = (0, 0, 0);
        for person in people {
            for (n, window) in person.learned.chunks_exact(400).enumerate() {
                let again = attacks::replayed(window, &mut Random(n as u64), off);
                let (signs, verdict) = judged(person, &again);
                told += u64::from(signs);
                automated += u64::from(verdict == Verdict::Automated);
                all += 1;
            }
        }
        let name = format!("replay of 200 learned keystrokes, each event up to {off} ms late");
        row(&mut text, &name, told, automated, all);
    }
    text.push_str("\n| recorded people | windows | flagged as programs | signs |\n| --- | --- | --- | --- |\n");
    for set in ["aalto2k", "monaco_free_text", "social"] {
        let sessions = corpus::typing(data, set)?
            .into_iter()
            .flat_map(|(_, person)| person);
        let streams = sessions.map(|(_, session)| keys(&[&session]));
        genuine(&mut text, people, set, streams, KEY_WINDOW);
    }
    let sessions = corpus::pointer(data, "sapimouse")?
        .into_iter()
        .flat_map(|(_, person)| person);
    let streams = sessions.map(|(_, session)| pointer(&session));
    genuine(&mut text, people, "sapimouse", streams, POINTER_WINDOW);
    text.push_str(&sampled(people));
    Ok(text)
}

fn row(text: &mut String, name: &str, told: u64, automated: u64, all: u64) {
    let share = |n: u64| 100.0 * n as f64 / all.max(1) as f64;
    let _ = writeln!(
        text,
        "| {name} | {:.1} % of {all} | {:.1} % |",
        share(told),
        share(automated)
    );
}

fn judged(person: &Person, events: &[Event]) -> (bool, Verdict) {
    let mut engine = person.engine.clone();
    engine.reset();
    let now = play(&mut engine, events);
    let assessment = engine.assess(now);
    (!assessment.automation.is_empty(), assessment.verdict)
}

fn play(engine: &mut Engine, events: &[Event]) -> f64 {
    let mut now = LIVE;
    for event in events {
        now = LIVE + event.at;
        engine.push(at(*event, now));
    }
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

/// One row: the engine is asked after every window of a session, and forgets when it has flagged one.
fn genuine(
    text: &mut String,
    people: &[Person],
    name: &str,
    streams: impl Iterator<Item = Vec<Event>>,
    window: usize,
) {
    let (mut windows, mut flagged) = (0u64, 0u64);
    let mut signs: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut engine = people[0].engine.clone();
    engine.clear_template();
    for stream in streams {
        engine.reset();
        for events in stream.chunks_exact(window) {
            let mut now = LIVE;
            for event in events {
                now = LIVE + event.at;
                engine.push(at(*event, now));
            }
            windows += 1;
            let assessment = engine.assess(now);
            if assessment.verdict == Verdict::Automated {
                flagged += 1;
                for sign in assessment.automation {
                    *signs.entry(sign).or_default() += 1;
                }
                engine.reset();
            }
        }
    }
    let signs: Vec<String> = signs
        .iter()
        .map(|(sign, n)| format!("{sign} {n}"))
        .collect();
    let _ = writeln!(
        text,
        "| {name} | {windows} | {flagged} ({:.3} %) | {} |",
        100.0 * flagged as f64 / windows.max(1) as f64,
        signs.join(", ")
    );
}

/// Times drawn from people in general, and from the victim's own statistics, against the template.
fn sampled(people: &[Person]) -> String {
    let mut text = String::from(
        "\n| 220 keystrokes with sampled times | taken for the person | flagged as a program | called an impostor |\n| --- | --- | --- | --- |\n",
    );
    let line: Vec<u8> = attacks::TEXT.iter().copied().cycle().take(220).collect();
    for name in ["anybody's times", "the victim's own times per key and pair"] {
        let (mut verdicts, mut all) = ([0u32; 3], 0);
        for person in people {
            let mut known = Known::default();
            known.learn(&person.learned);
            for seed in 0..10 {
                let random = &mut Random(seed);
                let events = if name.starts_with("anybody") {
                    attacks::like_anybody(random, 220)
                } else {
                    known.sample(random, &line)
                };
                all += 1;
                match judged(person, &events).1 {
                    Verdict::Genuine => verdicts[0] += 1,
                    Verdict::Automated => verdicts[1] += 1,
                    Verdict::Impostor => verdicts[2] += 1,
                    _ => {}
                }
            }
        }
        let share = verdicts.map(|n| 100.0 * f64::from(n) / f64::from(all));
        let _ = writeln!(
            text,
            "| {name} | {:.0} % of {all} | {:.0} % | {:.0} % |",
            share[0], share[1], share[2]
        );
    }
    text
}
