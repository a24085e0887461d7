//! Plays a recording of a person as trusted input, with the recorded timing.

use crate::browser::Browser;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// A recording: capture events in order of time, `[kind, t, …]` with `t` in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The events.
    pub events: Vec<Vec<f64>>,
}

/// A pause of the recorded person after which a new chunk begins, in ms.
const CHUNK_GAP: f64 = 250.0;
/// Longer pauses of the recorded person are cut to this, in ms.
const LONGEST_PAUSE: f64 = 1_500.0;
/// Events of one chunk; then the next gap of any length ends it.
const CHUNK_EVENTS: usize = 60;
/// What chromedriver takes for a pause and an action beyond the pause itself, in ms (measured): subtracted, so that holds
/// arrive as they were.
const TICK: f64 = 2.7;
/// One frame: the browser delivers pointer movement no finer.
const FRAME: f64 = 1_000.0 / 60.0;

impl Recording {
    /// Reads a JSON file: an array of events, or an object that has them as `events`.
    pub fn load(file: &Path) -> Result<Self> {
        let text = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        let value: Value = serde_json::from_slice(&text)?;
        Self::from_value(&value).with_context(|| format!("{} is not a recording", file.display()))
    }

    /// The same from parsed JSON.
    pub fn from_value(value: &Value) -> Result<Self> {
        let events = if value.is_array() {
            value
        } else {
            &value["events"]
        };
        let events: Vec<Vec<f64>> = serde_json::from_value(events.clone())?;
        anyhow::ensure!(
            events.iter().all(|event| event.len() >= 3),
            "an event is too short"
        );
        Ok(Self { events })
    }

    /// Only events that a browser can be made to repeat, and no movement sooner after another than a frame: the browser
    /// would join them.
    pub fn possible(&self) -> Vec<Vec<f64>> {
        let mut last_move = f64::NEG_INFINITY;
        let fits = |event: &&Vec<f64>| match event[0] as u8 {
            0 | 1 => key_value(event[2] as u32).is_some(),
            2 if event[1] - last_move < FRAME => false,
            2..=4 => {
                if event[0] == 2.0 {
                    last_move = event[1];
                }
                event.len() >= 5
            }
            _ => false,
        };
        self.events.iter().filter(fits).cloned().collect()
    }

    /// How long [`play`] takes at least.
    pub fn length(&self) -> Duration {
        let events = self.playable();
        let times = events.first().zip(events.last());
        Duration::from_millis(times.map_or(0.0, |(first, last)| last[1] - first[1]) as u64)
    }

    /// The same with long pauses shortened.
    fn playable(&self) -> Vec<Vec<f64>> {
        let mut events = self.possible();
        let (mut last, mut shift) = (None, 0.0);
        for event in &mut events {
            let time = event[1];
            let gap = time - last.unwrap_or(time);
            if gap > LONGEST_PAUSE {
                shift += gap - LONGEST_PAUSE;
            }
            last = Some(time);
            event[1] = time - shift;
        }
        events
    }
}

/// Types and moves as the recording says. Whatever has the focus gets the keys.
pub async fn play(browser: &Browser, recording: &Recording) -> Result<()> {
    let events = recording.playable();
    let Some(first) = events.first().map(|event| event[1]) else {
        return Ok(());
    };
    let limits = browser.viewport().await?;
    let started = Instant::now();
    for chunk in chunks(&events) {
        let due = started + Duration::from_secs_f64((chunk[0][1] - first).max(0.0) / 1_000.0);
        tokio::time::sleep_until(due.into()).await;
        browser.act(sources(chunk, limits)).await?;
    }
    Ok(())
}

fn chunks(events: &[Vec<f64>]) -> Vec<&[Vec<f64>]> {
    let mut chunks = Vec::new();
    let mut begin = 0;
    for at in 1..events.len() {
        let gap = events[at][1] - events[at - 1][1];
        let wanted = if at - begin >= CHUNK_EVENTS {
            60.0
        } else {
            CHUNK_GAP
        };
        if gap > wanted {
            chunks.push(&events[begin..at]);
            begin = at;
        }
    }
    chunks.push(&events[begin..]);
    chunks
}

/// Two sources whose ticks run in step: one waits while the other acts.
fn sources(chunk: &[Vec<f64>], limits: [f64; 2]) -> Value {
    let mut keys = Vec::new();
    let mut pointer = Vec::new();
    // Where the browser will be in the recording's time: what is rounded or late at one event is made up at the next.
    let mut now = chunk[0][1];
    for event in chunk {
        let wait = (event[1] - now - TICK).max(0.0).round();
        now += wait + TICK;
        if wait > 0.0 {
            keys.push(json!({ "type": "pause", "duration": wait }));
            pointer.push(json!({ "type": "pause", "duration": wait }));
        }
        let nothing = json!({ "type": "pause", "duration": 0 });
        match event[0] as u8 {
            kind @ (0 | 1) => {
                let kind = if kind == 0 { "keyDown" } else { "keyUp" };
                keys.push(json!({ "type": kind, "value": key_value(event[2] as u32) }));
                pointer.push(nothing);
            }
            2 => {
                let inside = |value: f64, limit: f64| value.clamp(1.0, limit - 2.0).round();
                keys.push(nothing);
                pointer.push(json!({
                    "type": "pointerMove",
                    "duration": 0,
                    "x": inside(event[2], limits[0]),
                    "y": inside(event[3], limits[1]),
                }));
            }
            kind => {
                let kind = if kind == 3 {
                    "pointerDown"
                } else {
                    "pointerUp"
                };
                keys.push(nothing);
                pointer.push(json!({ "type": kind, "button": event[4] as u8 }));
            }
        }
    }
    let mut all = Vec::new();
    if keys.iter().any(|action| action["type"] != "pause") {
        all.push(json!({ "type": "key", "id": "keyboard", "actions": keys }));
    }
    if pointer.iter().any(|action| action["type"] != "pause") {
        all.push(json!({
            "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": pointer
        }));
    }
    Value::Array(all)
}

/// What WebDriver calls the key with this legacy key code; `None` for keys that would leave the page or do nothing.
pub(crate) fn key_value(code: u32) -> Option<char> {
    Some(match code {
        8 => '\u{E003}',
        13 => '\u{E006}',
        16 => '\u{E008}',
        32 => ' ',
        35 => '\u{E010}',
        36 => '\u{E011}',
        37 => '\u{E012}',
        38 => '\u{E013}',
        39 => '\u{E014}',
        40 => '\u{E015}',
        46 => '\u{E017}',
        48..=57 => char::from(code as u8),
        65..=90 => char::from(code as u8).to_ascii_lowercase(),
        186 => ';',
        187 => '=',
        188 => ',',
        189 => '-',
        190 => '.',
        191 => '/',
        192 => '`',
        219 => '[',
        220 => '\\',
        221 => ']',
        222 => '\'',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(events: &[&[f64]]) -> Recording {
        Recording {
            events: events.iter().map(|event| event.to_vec()).collect(),
        }
    }

    #[test]
    fn long_pauses_are_cut_and_unknown_keys_left_out() {
        let played = recording(&[
            &[0.0, 0.0, 65.0],
            &[0.0, 10.0, 91.0],
            &[1.0, 60_000.0, 65.0],
        ])
        .playable();
        let times: Vec<f64> = played.iter().map(|event| event[1]).collect();
        assert_eq!(times, [0.0, LONGEST_PAUSE]);
        assert_eq!(Recording::default().length(), Duration::ZERO);
    }

    #[test]
    fn overlapping_keys_stay_overlapping() {
        let events = recording(&[
            &[0.0, 0.0, 65.0],
            &[0.0, 50.0, 66.0],
            &[1.0, 80.0, 65.0],
            &[1.0, 130.0, 66.0],
        ])
        .playable();
        let actions = sources(&events, [800.0, 600.0]);
        let kinds: Vec<&str> = actions[0]["actions"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|action| action["type"].as_str())
            .filter(|kind| *kind != "pause")
            .collect();
        assert_eq!(kinds, ["keyDown", "keyDown", "keyUp", "keyUp"]);
        assert_eq!(
            actions.as_array().unwrap().len(),
            1,
            "no pointer source without pointer events"
        );
    }
}
