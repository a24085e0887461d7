//! The first seconds after an unlock: how often the person is answered silently, and how often somebody else.

use super::people::{LIVE, Person, push};
use super::statistics::{bootstrap, quantile};
use biometrics::{Engine, Event, EventKind, Verdict};
use std::fmt::Write as _;

/// Amounts of evidence: keystrokes, and ms of pointer recording.
const AMOUNTS: [(usize, f64); 9] = [
    (10, 0.0),
    (20, 0.0),
    (50, 0.0),
    (0, 5e3),
    (0, 15e3),
    (0, 30e3),
    (10, 5e3),
    (20, 15e3),
    (50, 30e3),
];
/// The same where the user name is typed first.
const NAMED_AMOUNTS: [(usize, f64); 5] = [(0, 0.0), (10, 0.0), (20, 0.0), (50, 0.0), (20, 15e3)];
/// Beginnings per person and amount.
const BEGINNINGS: usize = 8;
const DRAWS: usize = 400;

struct Start {
    owner: usize,
    own: bool,
    llr: f64,
    silent: bool,
}

/// Tables over amounts of evidence: without and with the user name.
pub fn report(people: &[Person]) -> String {
    let mut text = table(people, &AMOUNTS, false);
    text.push_str(
        "\nThe same people where there is a subject for the user name, without and with it typed first:\n\n",
    );
    let named: Vec<&Person> = people.iter().filter(|p| p.own_name(0).is_some()).collect();
    text.push_str(&table(&named, &NAMED_AMOUNTS, false));
    text.push('\n');
    text.push_str(&table(&named, &NAMED_AMOUNTS, true));
    text
}

/// One line per amount; `named` where the user name is typed first.
fn table<P: std::borrow::Borrow<Person>>(
    people: &[P],
    amounts: &[(usize, f64)],
    named: bool,
) -> String {
    let mut text = String::from(
        "| evidence since the unlock | silent at the default target | false acceptance there | silent at false acceptance 5 % | 2 % | 1 % |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for &(keys, pointer) in amounts {
        let mut starts = Vec::new();
        for (o, owner) in people.iter().map(P::borrow).enumerate() {
            for (a, actor) in people.iter().map(P::borrow).enumerate() {
                if owner.fold == actor.fold {
                    for beginning in 0..BEGINNINGS {
                        let name = named.then(|| {
                            if a == o {
                                actor.own_name(beginning)
                            } else {
                                actor.strange_name(beginning)
                            }
                        });
                        let name = name.flatten().unwrap_or_default();
                        starts.extend(start(owner, actor, (name, keys, pointer), beginning).map(
                            |(llr, silent)| Start {
                                owner: o,
                                own: a == o,
                                llr,
                                silent,
                            },
                        ));
                    }
                }
            }
        }
        let share = |own: bool, is: &dyn Fn(&Start) -> bool| {
            let of: Vec<&Start> = starts.iter().filter(|s| s.own == own).collect();
            of.iter().filter(|s| is(s)).count() as f64 / of.len().max(1) as f64
        };
        let interval = |own: bool| {
            bootstrap(DRAWS, people.len(), |draw| {
                let mut counts = (0.0, 0.0);
                for &owner in draw {
                    for s in starts.iter().filter(|s| s.own == own && s.owner == owner) {
                        counts = (counts.0 + f64::from(u8::from(s.silent)), counts.1 + 1.0);
                    }
                }
                counts.0 / f64::max(counts.1, 1.0)
            })
        };
        let (silent, accepted) = (interval(true), interval(false));
        let _ = write!(
            text,
            "| {}{keys} keys, {:.0} s of pointer | {:.0} % ({:.0}-{:.0}) | {:.2} % ({:.1}-{:.1}) |",
            if named { "user name, " } else { "" },
            pointer / 1e3,
            100.0 * share(true, &|s| s.silent),
            100.0 * silent.low,
            100.0 * silent.high,
            100.0 * share(false, &|s| s.silent),
            100.0 * accepted.low,
            100.0 * accepted.high
        );
        for rate in [0.05, 0.02, 0.01] {
            let others: Vec<f64> = starts.iter().filter(|s| !s.own).map(|s| s.llr).collect();
            let threshold = quantile(others, 1.0 - rate);
            let _ = write!(
                text,
                " {:.0} % |",
                100.0 * share(true, &|s| s.llr > threshold)
            );
        }
        text.push('\n');
    }
    text
}

/// Ratio and silence after the first events of an unlock; `None` where the recording is too short.
fn start(
    owner: &Person,
    actor: &Person,
    (name, keys, pointer): (&[Event], usize, f64),
    beginning: usize,
) -> Option<(f64, bool)> {
    let mut engine = owner.engine.clone();
    engine.reset();
    let mut now = LIVE;
    for event in name {
        now = push(&mut engine, *event, LIVE - 10_000.0);
    }
    if keys > 0 {
        now = typed(&mut engine, &actor.keys, keys, beginning)?;
    }
    if pointer > 0.0 {
        let end = actor.pointer.last()?.at;
        let from = (end - pointer).max(0.0) * beginning as f64 / BEGINNINGS as f64;
        let origin = now + 1_000.0 - from;
        for event in &actor.pointer {
            if (from..from + pointer).contains(&event.at) {
                now = push(&mut engine, *event, origin);
            }
        }
    }
    let assessment = engine.assess(now + 300.0);
    Some((assessment.llr, assessment.verdict == Verdict::Genuine))
}

fn typed(engine: &mut Engine, events: &[Event], keys: usize, beginning: usize) -> Option<f64> {
    let is_down = |event: &&Event| matches!(event.kind, EventKind::KeyDown { .. });
    let downs = events.iter().filter(is_down).count();
    let skip = beginning * downs.checked_sub(keys + 1)? / BEGINNINGS;
    let from = events.iter().filter(is_down).nth(skip)?.at;
    let until = events.iter().filter(is_down).nth(skip + keys)?.at;
    let mut now = LIVE;
    for event in events.iter().filter(|e| (from..until).contains(&e.at)) {
        now = push(engine, *event, LIVE - from);
    }
    Some(now)
}
