//! What the tests share: the shipped model, and the recordings of six people that it never saw.

use biometrics::{Engine, Event, EventKind, Model};
use serde_json::Value;
use std::path::Path;

pub fn model() -> Model {
    Model::from_bytes(include_bytes!("../../model/shipped.bin")).unwrap()
}

pub fn person(n: usize) -> Value {
    let file = format!(
        "{}/../../tests/fixtures/recordings/person-{n}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_slice(&std::fs::read(Path::new(&file)).unwrap()).unwrap()
}

/// One capture event, as the extension would hand it on.
pub fn event(capture: &Value, origin: f64) -> Event {
    let number = |i: usize| capture[i].as_f64().unwrap();
    let (x, y) = (
        capture[2].as_f64().unwrap() as f32,
        capture[3].as_f64().unwrap_or(0.0) as f32,
    );
    let kind = match number(0) as u8 {
        0 => EventKind::KeyDown { key: x as u8 },
        1 => EventKind::KeyUp { key: x as u8 },
        2 => EventKind::Move {
            x,
            y,
            buttons: number(4) as u8,
        },
        3 => EventKind::ButtonDown {
            x,
            y,
            button: number(4) as u8,
        },
        4 => EventKind::ButtonUp {
            x,
            y,
            button: number(4) as u8,
        },
        other => panic!("the recordings hold no events of kind {other}"),
    };
    Event {
        at: origin + number(1),
        kind,
    }
}

pub fn push_all(engine: &mut Engine, events: &Value, origin: f64) -> f64 {
    let mut last = origin;
    for capture in events.as_array().unwrap() {
        let event = event(capture, origin);
        last = event.at;
        engine.push(event);
    }
    last
}

/// An engine that has learned a person's days, as the browser would: unlock by unlock, each confirmed.
pub fn learned(person: &Value) -> Engine {
    let mut engine = Engine::new(model());
    for day in person["learn"].as_array().unwrap() {
        engine.reset();
        push_all(&mut engine, &day["events"], day["origin"].as_f64().unwrap());
        engine.confirm(day["confirm_at"].as_f64().unwrap());
    }
    engine
}
