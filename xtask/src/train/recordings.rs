//! The recordings that demo and browser tests play: six people, each one Monaco typist and one SapiMouse user.
//!
//! A file holds days to learn from and a live part, as capture events (`wire::capture`). Days: `origin` and `confirm_at`
//! in ms since 1970, event times in ms since `origin`. The pointer is given once per frame of a 60 Hz screen.

use super::{MOVERS, TYPISTS};
use crate::accuracy::corpus::{Moved, Typed};
use anyhow::{Context, Result};
use biometrics::train::{Keystroke, Sample, SampleKind};
use serde_json::{Value, json};
use std::path::Path;

/// 2 November 2026, 09:00 UTC: the first day to learn from.
const FIRST: f64 = 1_793_610_000_000.0;
const HOUR: f64 = 3_600_000.0;
/// When the learned sessions took place, in hours after [`FIRST`]: five unlocks on four days.
const UNLOCKS: [f64; 5] = [0.0, 5.0, 24.0, 48.0, 72.0];
/// The session typed live, and how many keystrokes of it.
const LIVE_SESSION: u32 = 5;
const LIVE_KEYS: usize = 220;
/// The pointer moved live, in ms.
const LIVE_POINTER: std::ops::Range<f64> = 0.0..28_000.0;
const FRAME: f64 = 1_000.0 / 60.0;
/// The longest rest that is played, in ms.
const LONGEST_REST: f64 = 5_000.0;

/// Writes `person-1.json` to `person-6.json`.
pub fn write(typists: &[(String, Typed)], movers: &[(String, Moved)], folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for (i, (typist, mover)) in TYPISTS.into_iter().zip(MOVERS).enumerate() {
        let sessions = &typists
            .iter()
            .find(|(name, _)| name == typist)
            .context("typist")?
            .1;
        let moved = &movers
            .iter()
            .find(|(name, _)| name == mover)
            .context("mouse user")?
            .1;
        let long = moved.get("3min").context("3-minute session")?;
        let quarter = long.last().map_or(0.0, |s| s.at) / UNLOCKS.len() as f64 + 1.0;
        let mut learn = Vec::new();
        for (n, hours) in UNLOCKS.into_iter().enumerate() {
            let keystrokes = &sessions.get(n).context("session to learn from")?.1;
            let mut events = typing(keystrokes);
            let begin = last(&events) + 2_000.0;
            let span = quarter * n as f64..quarter * (n + 1) as f64;
            events.extend(
                pointer(long, span)
                    .into_iter()
                    .map(|event| later(event, begin)),
            );
            let origin = FIRST + hours * HOUR;
            learn.push(json!({"origin": origin, "confirm_at": origin + last(&events) + 30_000.0, "events": events}));
        }
        let (_, live) = sessions
            .iter()
            .find(|(n, _)| *n == LIVE_SESSION)
            .context("live session")?;
        let person = json!({
            "person": i + 1,
            "source": {"typing": format!("Monaco, user {typist}"), "pointer": format!("SapiMouse, user {mover}")},
            "learn": learn,
            "live": {
                "keys": typing(&live[..live.len().min(LIVE_KEYS)]),
                "pointer": pointer(moved.get("1min").context("1-minute session")?, LIVE_POINTER),
            },
        });
        let file = folder.join(format!("person-{}.json", i + 1));
        std::fs::write(&file, format!("{person}\n"))
            .with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

fn last(events: &[Value]) -> f64 {
    events
        .iter()
        .filter_map(|event| event[1].as_f64())
        .fold(0.0, f64::max)
}

fn later(mut event: Value, by: f64) -> Value {
    event[1] = json!((event[1].as_f64().unwrap_or(0.0) + by).round());
    event
}

/// Key events in order of time; presses of a session begin at its first.
fn typing(keystrokes: &[Keystroke]) -> Vec<Value> {
    let begin = keystrokes.first().map_or(0.0, |k| k.at);
    let mut events: Vec<(f64, u8, u8)> = Vec::new();
    for k in keystrokes {
        events.push((k.at - begin, 0, k.key));
        events.push((k.at - begin + k.hold, 1, k.key));
    }
    events.sort_by(|a, b| a.0.total_cmp(&b.0));
    events
        .into_iter()
        .map(|(t, kind, key)| json!([kind, t.round(), key]))
        .collect()
}

/// Pointer events of a stretch: one move per frame, every press and release. Long rests are shortened; every button is
/// played as the left one, since others open menus.
fn pointer(samples: &[Sample], span: std::ops::Range<f64>) -> Vec<Value> {
    let mut events = Vec::new();
    let mut waiting: Option<(f64, &Sample)> = None;
    let (mut time, mut before, mut buttons) = (0.0f64, None, 0u8);
    for sample in samples.iter().filter(|s| span.contains(&s.at)) {
        time += (sample.at - before.unwrap_or(sample.at)).clamp(0.0, LONGEST_REST);
        before = Some(sample.at);
        let is_same_frame = |t: f64| (t / FRAME).floor() == (time / FRAME).floor();
        if let Some((t, held)) =
            waiting.take_if(|(t, _)| sample.kind != SampleKind::Move || !is_same_frame(*t))
        {
            events.push(json!([
                2,
                t.round(),
                held.x.round(),
                held.y.round(),
                buttons
            ]));
        }
        match sample.kind {
            SampleKind::Move => waiting = Some((time, sample)),
            kind => {
                buttons = u8::from(kind == SampleKind::Press);
                let code = if kind == SampleKind::Press { 3 } else { 4 };
                events.push(json!([
                    code,
                    time.round(),
                    sample.x.round(),
                    sample.y.round(),
                    0
                ]));
            }
        }
    }
    if let Some((t, held)) = waiting {
        events.push(json!([
            2,
            t.round(),
            held.x.round(),
            held.y.round(),
            buttons
        ]));
    }
    events
}
