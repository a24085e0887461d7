//! Prints what the engine costs, as one JSON line. `cargo run --release -p biometrics --example engine_speed`

use biometrics::{Engine, Event, EventKind, Model};
use std::hint::black_box;
use std::time::Instant;

const EVENTS: u32 = 1_000_000;
const ASSESSMENTS: u32 = 2_000;

fn main() {
    let began = Instant::now();
    let Ok(model) = Model::from_bytes(include_bytes!("../model/shipped.bin")) else {
        eprintln!("the shipped model cannot be read");
        std::process::exit(1);
    };
    let load_us = began.elapsed().as_secs_f64() * 1e6;
    let mut engine = Engine::new(model);
    let mut at = 1_793_610_000_000.0;
    // A template first, so that what follows is scored against it.
    for _ in 0..3 {
        at = drive(&mut engine, at, 20_000) + 86_400_000.0;
        engine.confirm(at - 86_400_000.0);
        engine.reset();
    }
    let began = Instant::now();
    at = drive(&mut engine, at, EVENTS);
    let event_ns = began.elapsed().as_secs_f64() * 1e9 / f64::from(EVENTS);
    let began = Instant::now();
    for _ in 0..ASSESSMENTS {
        black_box(engine.assess(black_box(at)));
    }
    let assess_us = began.elapsed().as_secs_f64() * 1e6 / f64::from(ASSESSMENTS);
    let (template, state) = (
        engine.template_bytes().map_or(0, |t| t.len()),
        engine.save().len(),
    );
    println!(
        "{{\"event_ns\":{event_ns:.1},\"assess_us\":{assess_us:.2},\"load_us\":{load_us:.0},\
         \"template_bytes\":{template},\"state_bytes\":{state}}}"
    );
}

/// Half key events, half pointer moves with pauses; returns the time of the end.
fn drive(engine: &mut Engine, mut at: f64, events: u32) -> f64 {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    for i in 0..events / 4 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let key = b'A' + (state % 26) as u8;
        let hold = 60.0 + (state >> 8 & 63) as f64;
        engine.push(Event {
            at,
            kind: EventKind::KeyDown { key },
        });
        engine.push(Event {
            at: at + hold,
            kind: EventKind::KeyUp { key },
        });
        at += 120.0 + (state >> 16 & 127) as f64 + if i % 20 == 0 { 400.0 } else { 0.0 };
        for step in 0..2 {
            let x = ((i * 2 + step) % 900) as f32 + (state >> 30 & 7) as f32;
            engine.push(Event {
                at,
                kind: EventKind::Move {
                    x,
                    y: x * 0.5,
                    buttons: 0,
                },
            });
            at += 16.7;
        }
    }
    at
}
