//! Whatever comes in: no panic, finite figures, typed errors.

mod common;

use biometrics::{Engine, Event, EventKind, Model};
use common::{learned, model, person};
use proptest::prelude::*;
use std::sync::OnceLock;

fn taught() -> Engine {
    static TAUGHT: OnceLock<Engine> = OnceLock::new();
    let mut engine = TAUGHT.get_or_init(|| learned(&person(3))).clone();
    engine.expect(Some("ABCD@example.com"));
    engine
}

fn kinds() -> impl Strategy<Value = EventKind> {
    let xy = || (any::<f32>(), any::<f32>());
    prop_oneof![
        8 => any::<u8>().prop_map(|key| EventKind::KeyDown { key }),
        8 => any::<u8>().prop_map(|key| EventKind::KeyUp { key }),
        4 => (65u8..70).prop_map(|key| EventKind::KeyDown { key }),
        4 => (65u8..70).prop_map(|key| EventKind::KeyUp { key }),
        8 => (-10f32..2_000.0, -10f32..2_000.0, 0u8..4).prop_map(|(x, y, buttons)| EventKind::Move { x, y, buttons }),
        2 => (xy(), any::<u8>()).prop_map(|((x, y), buttons)| EventKind::Move { x, y, buttons }),
        1 => (xy(), any::<u8>()).prop_map(|((x, y), button)| EventKind::ButtonDown { x, y, button }),
        1 => (xy(), any::<u8>()).prop_map(|((x, y), button)| EventKind::ButtonUp { x, y, button }),
        1 => xy().prop_map(|(dx, dy)| EventKind::Wheel { dx, dy }),
        1 => any::<bool>().prop_map(|focused| EventKind::Focus { focused }),
        1 => any::<u16>().prop_map(|characters| EventKind::Inserted { characters }),
        1 => any::<u32>().prop_map(|count| EventKind::Untrusted { count }),
    ]
}

fn hostile_events() -> impl Strategy<Value = Vec<Event>> {
    let times = prop_oneof![
        6 => 0f64..300_000.0,
        2 => any::<f64>(),
        1 => Just(f64::NAN),
        1 => Just(9_007_199_254_740_992.0),
        1 => Just(f64::NEG_INFINITY),
    ];
    proptest::collection::vec(
        (times, kinds()).prop_map(|(at, kind)| Event { at, kind }),
        0..400,
    )
}

/// Events in order with gaps of quarter milliseconds, so that a shift by seconds is exact.
fn orderly_events() -> impl Strategy<Value = Vec<(u32, EventKind)>> {
    proptest::collection::vec((0u32..4_000, kinds()), 0..400)
}

fn push_orderly(engine: &mut Engine, events: &[(u32, EventKind)], origin: f64) -> f64 {
    let mut at = origin;
    for (gap, kind) in events {
        at += f64::from(*gap) / 4.0;
        engine.push(Event { at, kind: *kind });
    }
    at
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_events_leave_finite_figures(events in hostile_events(), now in any::<f64>()) {
        let mut engine = taught();
        for event in events {
            engine.push(event);
        }
        prop_assert!(engine.assess(now).llr.is_finite());
        engine.confirm(now);
        prop_assert!(engine.template_bytes().unwrap().len() <= 40 * 1024);
        let saved = engine.save();
        let mut other = taught();
        prop_assert_eq!(other.restore(&saved), Ok(()));
        prop_assert!(other.assess(now).llr.is_finite());
    }

    #[test]
    fn the_score_does_not_change_with_a_shift_of_time(events in orderly_events(), days in 1u32..10_000) {
        let (mut here, mut there) = (taught(), taught());
        here.reset();
        there.reset();
        let origin = 1_000_000_000.0;
        let shift = f64::from(days) * 86_400_000.0;
        let end = push_orderly(&mut here, &events, origin);
        let shifted = push_orderly(&mut there, &events, origin + shift);
        prop_assert_eq!(here.assess(end + 500.0), there.assess(shifted + 500.0));
    }

    #[test]
    fn a_saved_state_goes_on_as_if_nothing_had_happened(events in orderly_events(), more in orderly_events()) {
        let mut first = taught();
        first.reset();
        let now = push_orderly(&mut first, &events, 1_000_000_000.0);
        let focus = Event { at: now, kind: EventKind::Focus { focused: true } };
        first.push(focus);
        let mut second = taught();
        prop_assert_eq!(second.restore(&first.save()), Ok(()));
        prop_assert_eq!(first.assess(now), second.assess(now));
        let end = push_orderly(&mut first, &more, now);
        push_orderly(&mut second, &more, now);
        prop_assert_eq!(first.assess(end), second.assess(end));
    }

    #[test]
    fn any_bytes_are_a_typed_error_or_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..4_000)) {
        prop_assert!(Model::from_bytes(&bytes).is_err());
        let mut engine = taught();
        let before = engine.template_bytes();
        prop_assert!(engine.load_template(&bytes).is_err());
        prop_assert!(engine.restore(&bytes).is_err());
        prop_assert_eq!(engine.template_bytes(), before);
    }

    #[test]
    fn damaged_bytes_are_a_typed_error_or_harmless(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in any::<prop::sample::Index>(),
        events in orderly_events(),
    ) {
        let damaged = |mut bytes: Vec<u8>| {
            for (place, byte) in &damage {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            bytes
        };
        let shipped = include_bytes!("../model/shipped.bin");
        prop_assert!(Model::from_bytes(&shipped[..cut.index(shipped.len())]).is_err());
        let template = taught().template_bytes().unwrap();
        prop_assert!(taught().load_template(&template[..cut.index(template.len())]).is_err());
        let mut engine = match Model::from_bytes(&damaged(shipped.to_vec())) {
            Ok(model) => Engine::new(model),
            Err(_) => Engine::new(model()),
        };
        let _ = engine.load_template(&damaged(template));
        let _ = engine.restore(&damaged(taught().save()));
        let now = push_orderly(&mut engine, &events, 1_793_700_000_000.0);
        prop_assert!(engine.assess(now).llr.is_finite());
        engine.confirm(now);
        prop_assert!(engine.assess(now).llr.is_finite());
    }
}
