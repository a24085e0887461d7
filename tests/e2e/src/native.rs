//! The engine without a browser: what it says about the same recordings is what the browser has to say.

use crate::person::{Person, repository};
use anyhow::{Context, Result};
use biometrics::{Assessment, Engine, Event, EventKind, Model};

/// A later day than any that was learned, in ms since 1970.
const LIVE: f64 = 1_793_610_000_000.0 + 6.0 * 86_400_000.0;

/// An engine that has learned the person's days as the extension does: unlock by unlock, each confirmed.
pub fn learned(person: &Person) -> Result<Engine> {
    let model = std::fs::read(repository().join("crates/biometrics/model/shipped.bin"))?;
    let mut engine = Engine::new(Model::from_bytes(&model)?);
    for day in person.days().as_array().context("no days")? {
        let number = |name: &str| {
            day[name]
                .as_f64()
                .with_context(|| format!("a day without {name}"))
        };
        let (origin, confirm_at) = (number("origin")?, number("confirm_at")?);
        let events: Vec<Vec<f64>> = serde_json::from_value(day["events"].clone())?;
        engine.reset();
        push(&mut engine, &events, origin);
        engine.confirm(confirm_at);
    }
    engine.reset();
    Ok(engine)
}

/// What the engine says a second after `actor` has typed and moved the pointer as they do in the browser.
pub fn assess(engine: &Engine, actor: &Person) -> Assessment {
    let mut engine = engine.clone();
    let events = support::replay::joined(&actor.live());
    push(&mut engine, &events, LIVE);
    let end = events.last().map_or(0.0, |event| event[1]);
    engine.assess(LIVE + end + 1_000.0)
}

fn push(engine: &mut Engine, events: &[Vec<f64>], origin: f64) {
    for event in events {
        if let Some(kind) = kind(event) {
            let at = origin + event[1];
            engine.push(Event { at, kind });
        }
    }
}

fn kind(event: &[f64]) -> Option<EventKind> {
    let (x, y) = (
        event[2] as f32,
        event.get(3).copied().unwrap_or_default() as f32,
    );
    let last = event.get(4).copied().unwrap_or_default() as u8;
    Some(match event[0] as u8 {
        0 => EventKind::KeyDown {
            key: event[2] as u8,
        },
        1 => EventKind::KeyUp {
            key: event[2] as u8,
        },
        2 => EventKind::Move {
            x,
            y,
            buttons: last,
        },
        3 => EventKind::ButtonDown { x, y, button: last },
        4 => EventKind::ButtonUp { x, y, button: last },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use biometrics::Verdict;

    /// Scenarios that are not about the engine rely on it.
    #[test]
    fn a_few_lines_of_person_six_are_enough_to_know_them() {
        let six = Person::number(6).unwrap();
        let events = support::replay::joined(&[six.few_lines()]);
        let mut engine = learned(&six).unwrap();
        push(&mut engine, &events, LIVE);
        let end = LIVE + events.last().unwrap()[1];
        let assessment = engine.assess(end + 20_000.0);
        assert_eq!(assessment.verdict, Verdict::Genuine, "{assessment:?}");
        assert!(
            assessment.llr > 5.5,
            "too near to the threshold: {assessment:?}"
        );
    }
}
