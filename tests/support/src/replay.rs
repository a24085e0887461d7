//! Plays a recording in a fraction of its time: every event goes through the browser's own input queue, is trusted, and
//! carries the moment at which it happened in the recording, so that pages and extension see the recorded rhythm.
//!
//! [`crate::player`] takes the recorded time instead and leaves the moments to the browser. Both exist, because a browser
//! that presses keys in real time is what people have, and a minute for each of many scenarios is what nobody has.

use crate::browser::Browser;
use crate::devtools::Page;
use crate::player::{Recording, key_value};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Between two recordings that are played one after the other, in ms.
const PAUSE: f64 = 2_000.0;
/// A document has no times before its own beginning, so it has to be older than what is played into it, in ms.
const MARGIN: f64 = 1_000.0;

/// Plays `recordings` one after the other into the page in front, so that the last event is of this moment. Waits until the
/// page is old enough. Whatever has the focus gets the keys.
pub async fn play(browser: &Browser, recordings: &[&Recording]) -> Result<()> {
    let events = joined(recordings);
    let Some(span) = events.last().map(|event| event[1]) else {
        return Ok(());
    };
    wait_for_age(browser, span + MARGIN).await?;
    let limits = browser.viewport().await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1_000.0;
    let commands: Vec<(&str, Value)> = events
        .iter()
        .map(|event| command(event, (now - span + event[1]) / 1_000.0, limits))
        .collect::<Option<_>>()
        .context("an event of no known kind")?;
    let (address, target) = browser.page_in_front().await?;
    let played =
        tokio::task::spawn_blocking(move || Page::connect(&address, &target)?.run(&commands));
    played.await?
}

/// `recordings` one after the other, from the time 0 on.
pub fn joined(recordings: &[&Recording]) -> Vec<Vec<f64>> {
    let mut all: Vec<Vec<f64>> = Vec::new();
    for recording in recordings {
        let events = recording.possible();
        let Some(first) = events.first().map(|event| event[1]) else {
            continue;
        };
        let begin = all.last().map_or(0.0, |event| event[1] + PAUSE);
        all.extend(events.into_iter().map(|mut event| {
            event[1] += begin - first;
            event
        }));
    }
    all
}

/// A document's clock only goes on, so there is nothing to look at in between.
async fn wait_for_age(browser: &Browser, age: f64) -> Result<()> {
    loop {
        let now = browser.run("return performance.now()", Vec::new()).await?;
        let missing = age - now.as_f64().context("the page has no clock")?;
        if missing <= 0.0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs_f64(missing / 1_000.0)).await;
    }
}

/// The DevTools command for an event at `at` seconds since 1970.
fn command(event: &[f64], at: f64, limits: [f64; 2]) -> Option<(&'static str, Value)> {
    let inside = |value: f64, limit: f64| value.clamp(1.0, limit - 2.0).round();
    let kind = event[0] as u8;
    if let 0 | 1 = kind {
        let code = event[2] as u32;
        let value = key_value(code)?;
        // Private-use characters are WebDriver's names of keys that write nothing.
        let text =
            Some(value).filter(|value| kind == 0 && !('\u{E000}'..='\u{F8FF}').contains(value));
        let mut params = json!({
            "type": if kind == 0 { "keyDown" } else { "keyUp" },
            "timestamp": at,
            "windowsVirtualKeyCode": code,
            "key": text.map_or(String::new(), String::from),
        });
        if let Some(text) = text {
            params["text"] = json!(text);
        }
        return Some(("Input.dispatchKeyEvent", params));
    }
    let [x, y] = [inside(event[2], limits[0]), inside(event[3], limits[1])];
    let (kind, button, buttons) = match kind {
        2 => ("mouseMoved", "none", event[4] as u8),
        3 => ("mousePressed", button(event[4])?, 1),
        4 => ("mouseReleased", button(event[4])?, 0),
        _ => return None,
    };
    let params = json!({
        "type": kind, "timestamp": at, "x": x, "y": y, "button": button, "buttons": buttons, "clickCount": 1,
    });
    Some(("Input.dispatchMouseEvent", params))
}

fn button(number: f64) -> Option<&'static str> {
    ["left", "middle", "right"].get(number as usize).copied()
}
