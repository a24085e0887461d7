//! What holds for any input.

use proptest::prelude::*;
use wire::{b64, capture, host, id, jws, limits, page, statement, version};

fn event() -> impl Strategy<Value = capture::Event> {
    use capture::Event::*;
    // Eighths: serde_json reads a decimal to within one unit in the last place, and these are exact.
    let t = (-1_000_000_000i64..100_000_000_000).prop_map(|n| n as f64 / 8.0);
    let p = || (-1_000_000i32..1_000_000).prop_map(|n| n as f32 / 8.0);
    prop_oneof![
        (t.clone(), any::<u8>()).prop_map(|(t, key)| KeyDown { t, key }),
        (t.clone(), any::<u8>()).prop_map(|(t, key)| KeyUp { t, key }),
        (t.clone(), p(), p(), any::<u8>()).prop_map(|(t, x, y, buttons)| Move { t, x, y, buttons }),
        (t.clone(), p(), p(), any::<u8>()).prop_map(|(t, x, y, button)| ButtonDown {
            t,
            x,
            y,
            button
        }),
        (t.clone(), p(), p(), any::<u8>()).prop_map(|(t, x, y, button)| ButtonUp {
            t,
            x,
            y,
            button
        }),
        (t.clone(), p(), p()).prop_map(|(t, dx, dy)| Wheel { t, dx, dy }),
        (t.clone(), any::<bool>()).prop_map(|(t, focused)| Focus { t, focused }),
        (t.clone(), any::<bool>()).prop_map(|(t, visible)| Visibility { t, visible }),
        (t, any::<u16>()).prop_map(|(t, characters)| Inserted { t, characters }),
    ]
}

proptest! {
    #[test]
    fn events_survive_the_way_through_json(events in prop::collection::vec(event(), 0..50), untrusted: u32) {
        let sent = capture::Events {
            v: version::V, kind: capture::EventsType::Events, origin: 1.76e12, untrusted, withheld: 0, events,
        };
        let text = serde_json::to_vec(&sent).unwrap();
        prop_assert_eq!(version::parse_bounded::<capture::Events>(&text, limits::PAGE_MESSAGE), Ok(sent));
    }

    #[test]
    fn sealed_bytes_survive_the_way_through_json(plain: Vec<u8>, number: u32) {
        let sent = host::Request {
            v: version::V,
            id: number,
            body: host::RequestBody::Seal { user: id::UserName::new("ann@acme.test").unwrap(), plain },
        };
        let text = serde_json::to_vec(&sent).unwrap();
        prop_assert_eq!(version::parse::<host::Request>(&text), Ok(sent));
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes: Vec<u8>, text: String) {
        let _ = version::parse::<host::Request>(&bytes);
        let _ = version::parse::<host::Response>(&bytes);
        let _ = version::parse::<page::Request>(&bytes);
        let _ = version::parse::<capture::Events>(&bytes);
        let _ = jws::parse_compact(&text, statement::ANSWER_TYP);
        let _ = id::Origin::new(text);
    }

    #[test]
    fn text_that_begins_like_a_message_does_not_make_a_parser_panic(tail in r#"[\[\]{}",:0-9a-z\-.e ]{0,80}"#) {
        let _ = version::parse::<host::Request>(format!(r#"{{"v":1,"id":1,"body":{{"type":"{tail}"#).as_bytes());
        let _ = version::parse::<capture::Events>(format!(r#"{{"v":1,"type":"events","events":[{tail}"#).as_bytes());
    }

    #[test]
    fn bytes_survive_base64url(bytes: Vec<u8>) {
        prop_assert_eq!(b64::decode(&b64::encode(&bytes)), Some(bytes));
    }

    #[test]
    fn a_jws_comes_apart_as_it_was_put_together(claims in prop::collection::btree_map("[a-z]{1,8}", any::<u32>(), 0..6), signature in prop::collection::vec(any::<u8>(), 64)) {
        let header = jws::Header {
            alg: jws::Alg::ES256, typ: statement::ANSWER_TYP.into(), kid: id::Thumbprint::new("A".repeat(43)).unwrap(),
        };
        let input = jws::signing_input(&header, &claims);
        let text = jws::compact(&input, &signature);
        let parts = jws::parse_compact(&text, statement::ANSWER_TYP).unwrap();
        prop_assert_eq!(&parts.header, &header);
        let back: std::collections::BTreeMap<String, u32> =
            parts.verified(|signed, s| signed == input.as_bytes() && s == signature).unwrap();
        prop_assert_eq!(back, claims);
    }

    #[test]
    fn claims_stay_hidden_when_the_signature_does_not_fit(signature in prop::collection::vec(any::<u8>(), 64)) {
        let header = jws::Header {
            alg: jws::Alg::ES256, typ: statement::ANSWER_TYP.into(), kid: id::Thumbprint::new("A".repeat(43)).unwrap(),
        };
        let text = jws::compact(&jws::signing_input(&header, &1), &signature);
        let parts = jws::parse_compact(&text, statement::ANSWER_TYP).unwrap();
        prop_assert_eq!(parts.verified::<u32>(|_, _| false), Err(jws::JwsError::Signature));
    }
}

#[test]
fn events_outside_their_range_are_refused() {
    for bad in [
        "[0,1]",
        "[0,1,256]",
        "[0,1,-1]",
        "[0,1,1.5]",
        "[2,1,1e9,0,0]",
        "[9,1,1]",
        "[0,1,65,0]",
        "[]",
        "[6,1,2]",
        "[8,1,65536]",
        "[\"0\",1,65]",
    ] {
        assert!(
            serde_json::from_str::<capture::Event>(bad).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn too_many_events_are_refused() {
    let many = vec!["[0,1,65]"; limits::CAPTURE_EVENTS + 1].join(",");
    let text = format!(
        r#"{{"v":1,"type":"events","origin":0,"untrusted":0,"withheld":0,"events":[{many}]}}"#
    );
    let refused = version::parse_bounded::<capture::Events>(text.as_bytes(), limits::PAGE_MESSAGE);
    assert!(
        matches!(refused, Err(version::Refusal::Malformed { .. })),
        "{refused:?}"
    );
}
