//! A fixed input whose results must be the same bits natively and in WASM.

use crate::{Engine, Event, EventKind, Model};

/// Learns a synthetic person, judges them and somebody else, and returns every ratio and a hash of every byte that
/// comes out. Needs the shipped model.
pub fn parity_fixture() -> Vec<u64> {
    let mut out = Vec::new();
    let Ok(model) = Model::from_bytes(include_bytes!("../model/shipped.bin")) else {
        return out;
    };
    let mut engine = Engine::new(model);
    engine.expect(Some("quick@example.com"));
    for day in 0..3 {
        let origin = 1_793_610_000_000.0 + 86_400_000.0 * f64::from(day);
        let end = act(&mut engine, u64::from(day as u32), 1.0, origin, 700);
        engine.confirm(end + 1_000.0);
        engine.reset();
    }
    out.push(hash(&engine.template_bytes().unwrap_or_default()));
    for (seed, pace) in [(10, 1.0), (11, 1.35)] {
        engine.reset();
        let end = act(&mut engine, seed, pace, 1_794_000_000_000.0, 150);
        for wait in [0.0, 60_000.0, 3_600_000.0] {
            out.push(engine.assess(end + wait).llr.to_bits());
        }
        out.push(hash(&engine.save()));
    }
    out
}

/// Types `keys` keys at a pace and moves the pointer in arcs in between; returns the time of the end.
fn act(engine: &mut Engine, seed: u64, pace: f64, origin: f64, keys: u32) -> f64 {
    const TEXT: &[u8] = b"THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG AND RUNS AWAY WITH ITS TAIL ";
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f64 / f64::from(1u32 << 24)
    };
    let mut at = origin;
    for i in 0..keys {
        let key = TEXT[i as usize % TEXT.len()];
        let (hold, gap) = (60.0 + 60.0 * random(), pace * (110.0 + 140.0 * random()));
        engine.push(Event {
            at,
            kind: EventKind::KeyDown { key },
        });
        engine.push(Event {
            at: at + hold,
            kind: EventKind::KeyUp { key },
        });
        at += gap.max(hold + 1.0);
        if i % 5 == 0 {
            let (x0, y0, reach) = (900.0 * random(), 500.0 * random(), 300.0 * random() / pace);
            let frames = 12 + (20.0 * random()) as u32;
            for frame in 0..frames {
                let share = f64::from(frame) / f64::from(frames);
                let eased = share * share * (3.0 - 2.0 * share);
                let (x, y) = (
                    x0 + reach * eased,
                    y0 + reach * 0.4 * eased * (1.2 - eased) + random(),
                );
                engine.push(Event {
                    at,
                    kind: EventKind::Move {
                        x: x as f32,
                        y: y as f32,
                        buttons: 0,
                    },
                });
                at += 1_000.0 / 60.0;
            }
            at += 300.0;
        }
    }
    at
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, byte| {
        (h ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
