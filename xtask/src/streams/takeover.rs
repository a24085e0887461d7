//! Somebody else takes over in the middle of an unlock: how long until the engine says so, against false alarms.

use super::people::{LIVE, Person, push};
use super::statistics::{Interval, Random, bootstrap, quantile};
use biometrics::{Assessment, Engine, Event, Verdict};
use std::fmt::Write as _;

/// How often the engine is asked, in ms of activity.
const EVERY: f64 = 500.0;
/// Where strangers take over, as shares of the person's activity; and the activity before, in ms, at least.
const PLACES: [f64; 3] = [0.25, 0.5, 0.75];
/// An alarm is over when the suspicion is below this again.
const OVER: f64 = 3.0;
/// Moments after the takeover, in ms, that shares are told for.
const MOMENTS: [f64; 6] = [5e3, 15e3, 30e3, 60e3, 120e3, 300e3];
/// Thresholds that curves are drawn over.
const LEAST: usize = 14;
const STEPS: usize = 92;
const STEP: f64 = 0.25;
/// Draws of people for intervals.
const DRAWS: usize = 400;

/// The engine's word at one moment.
#[derive(Clone, Copy)]
struct Moment {
    at: f64,
    keys: u32,
    suspicion: f64,
    /// What the person's own template tolerates, whatever the threshold.
    tolerance: f64,
    verdict: Verdict,
}

impl Moment {
    fn is_flagged(&self, threshold: f64) -> bool {
        self.suspicion >= threshold.max(self.tolerance)
    }
}

/// One person's own activity, and the takeovers of their session.
struct Record {
    own: Vec<Moment>,
    takeovers: Vec<Vec<Moment>>,
}

/// Plays every person's activity, and every stranger of the same fold at three places of it.
pub fn report(people: &[Person]) -> String {
    let activities: Vec<Vec<Event>> = people.iter().map(Person::activity).collect();
    let mut records = Vec::new();
    for (o, owner) in people.iter().enumerate() {
        let mut engine = owner.engine.clone();
        engine.reset();
        let mut own = Vec::new();
        let mut forks: Vec<(f64, Engine)> = Vec::new();
        let end = activities[o].last().map_or(0.0, |event| event.at);
        let mut places = PLACES.iter().map(|share| share * end).peekable();
        for event in &activities[o] {
            if let Some(place) = places.next_if(|place| event.at >= *place) {
                forks.push((place, engine.clone()));
            }
            watch(&mut engine, *event, LIVE, &mut own);
        }
        let mut takeovers = Vec::new();
        for (a, actor) in people.iter().enumerate() {
            if a == o || actor.fold != owner.fold {
                continue;
            }
            for (place, engine) in &forks {
                let mut engine = engine.clone();
                let keys = engine.assess(LIVE + place).keys;
                let mut seen = Vec::new();
                for event in &activities[a] {
                    watch(&mut engine, *event, LIVE + place + 1_000.0, &mut seen);
                }
                for moment in &mut seen {
                    moment.keys -= keys;
                }
                takeovers.push(seen);
            }
        }
        records.push(Record { own, takeovers });
    }
    written(&records)
}

fn watch(engine: &mut Engine, event: Event, origin: f64, seen: &mut Vec<Moment>) {
    let now = push(engine, event, origin);
    if seen
        .last()
        .is_none_or(|last: &Moment| event.at - last.at >= EVERY)
    {
        let Assessment {
            verdict,
            keys,
            suspicion,
            tolerance,
            ..
        } = engine.assess(now);
        seen.push(Moment {
            at: event.at,
            keys,
            suspicion,
            tolerance,
            verdict,
        });
    }
}

/// Alarms in a person's own activity at a threshold.
fn alarms(own: &[Moment], threshold: f64) -> u32 {
    let (mut alarms, mut is_on) = (0, false);
    for moment in own {
        if !is_on && moment.is_flagged(threshold) {
            alarms += 1;
            is_on = true;
        } else if moment.suspicion < OVER.min(threshold) {
            is_on = false;
        }
    }
    alarms
}

fn flagged(seen: &[Moment], threshold: f64) -> Option<&Moment> {
    seen.iter().find(|moment| moment.is_flagged(threshold))
}

fn hours(records: &[&Record]) -> f64 {
    let ends = records.iter().filter_map(|r| r.own.last());
    ends.map(|moment| moment.at).sum::<f64>() / 3.6e6
}

fn rate(records: &[&Record], threshold: f64) -> f64 {
    let alarms: u32 = records.iter().map(|r| alarms(&r.own, threshold)).sum();
    f64::from(alarms) / hours(records)
}

/// The least threshold with so many alarms per hour. The engine has none below the first.
fn threshold_for(records: &[&Record], per_hour: f64) -> f64 {
    let all = (LEAST..STEPS).map(|step| step as f64 * STEP);
    let mut fitting = all.filter(|&threshold| rate(records, threshold) <= per_hour);
    fitting.next().unwrap_or(f64::INFINITY)
}

fn share_within(records: &[&Record], threshold: f64, ms: f64) -> f64 {
    let all: Vec<&Vec<Moment>> = records.iter().flat_map(|r| &r.takeovers).collect();
    let within = all
        .iter()
        .filter(|seen| flagged(seen, threshold).is_some_and(|m| m.at <= ms))
        .count();
    within as f64 / all.len().max(1) as f64
}

fn written(records: &[Record]) -> String {
    let all: Vec<&Record> = records.iter().collect();
    let takeovers: usize = all.iter().map(|r| r.takeovers.len()).sum();
    let mut text = format!(
        "{} people, {:.2} hours of their own activity, {takeovers} takeovers. Alarms by threshold:{}.\n\n\
         | false alarms, one per | threshold | flagged within 5 s | 15 s | 30 s | 60 s | 120 s | 300 s | median | 90th percentile | keys, median | keys, 90th |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        records.len(),
        hours(&all),
        (LEAST..STEPS)
            .step_by(6)
            .map(|step| step as f64 * STEP)
            .map(|t| {
                let number: u32 = all.iter().map(|r| alarms(&r.own, t)).sum();
                format!(" {t} {number}")
            })
            .collect::<Vec<_>>()
            .join(",")
    );
    let hours = hours(&all);
    for (name, per_hour) in [
        ("1 h".to_owned(), 1.0),
        ("2 h".to_owned(), 0.5),
        (format!("none in {hours:.1} h"), 0.0),
    ] {
        let threshold = threshold_for(&all, per_hour);
        let mut row = format!("| {name} | {threshold:.2} |");
        for ms in MOMENTS {
            let interval = bootstrap(DRAWS, records.len(), |draw| {
                let drawn: Vec<&Record> = draw.iter().map(|&i| &records[i]).collect();
                share_within(&drawn, threshold, ms)
            });
            let _ = write!(
                row,
                " {} |",
                percent(share_within(&all, threshold, ms), interval)
            );
        }
        let found: Vec<(f64, f64)> = all
            .iter()
            .flat_map(|r| &r.takeovers)
            .map(|seen| {
                flagged(seen, threshold).map_or((f64::INFINITY, f64::INFINITY), |m| {
                    (m.at / 1e3, f64::from(m.keys))
                })
            })
            .collect();
        let column = |pick: fn(&(f64, f64)) -> f64, q: f64| {
            let value = quantile(found.iter().map(pick).collect(), q);
            if value.is_finite() {
                format!("{value:.0}")
            } else {
                "never".into()
            }
        };
        let _ = writeln!(
            text,
            "{row} {} s | {} s | {} | {} |",
            column(|f| f.0, 0.5),
            column(|f| f.0, 0.9),
            column(|f| f.1, 0.5),
            column(|f| f.1, 0.9)
        );
    }
    text.push_str(&inherited(records));
    text
}

/// What a stranger still gets from the person before, and how often the person themself is answered silently.
fn inherited(records: &[Record]) -> String {
    let share = |of: &mut dyn Iterator<Item = bool>| {
        let (mut yes, mut all) = (0.0, 0.0);
        for is in of {
            all += 1.0;
            yes += f64::from(u8::from(is));
        }
        yes / f64::max(all, 1.0)
    };
    let mut text = String::from(
        "\n| | at 0 s | 5 s | 15 s | 30 s | 60 s | 120 s |\n| --- | --- | --- | --- | --- | --- | --- |\n| a stranger is answered silently |",
    );
    for ms in [0.0, 5e3, 15e3, 30e3, 60e3, 120e3] {
        let mut of = records
            .iter()
            .flat_map(|r| &r.takeovers)
            .filter_map(|seen| {
                seen.iter()
                    .rev()
                    .find(|m| m.at <= ms + EVERY)
                    .map(|m| m.verdict == Verdict::Genuine)
            });
        let _ = write!(text, " {:.1} % |", 100.0 * share(&mut of));
    }
    text.push_str("\n\nThe person, after the first minute of the unlock:");
    for verdict in [
        Verdict::Genuine,
        Verdict::Unsure,
        Verdict::NoEvidence,
        Verdict::Impostor,
        Verdict::Automated,
        Verdict::Learning,
    ] {
        let own = records.iter().flat_map(|r| &r.own).filter(|m| m.at >= 60e3);
        let of = share(&mut own.map(|m| m.verdict == verdict));
        let _ = write!(text, " {verdict:?} {:.1} %,", 100.0 * of);
    }
    let learning = records
        .iter()
        .filter(|r| r.own.iter().any(|m| m.verdict == Verdict::Learning));
    let _ = writeln!(
        text,
        " of the moments; {} people are not mature.",
        learning.count()
    );
    text
}

fn percent(share: f64, interval: Interval) -> String {
    format!(
        "{:.0} % ({:.0}-{:.0})",
        100.0 * share,
        100.0 * interval.low,
        100.0 * interval.high
    )
}

/// Keeps the random source in one place for reports that draw.
pub fn random() -> Random {
    Random::new(20_261_123)
}
