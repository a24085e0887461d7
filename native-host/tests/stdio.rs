//! The real binary over stdin and stdout, as a browser speaks with it.

mod common;

use common::*;
use serde_json::json;
use std::io::Read;
use wire::host::{Fault, ResponseBody};
use wire::statement::{
    ANSWER_TYP, Answer, BINDING_TYP, Binding, HEARTBEAT_TYP, Heartbeat, ProtectionClass,
    REGISTRATION_TYP, Registration,
};

const MEMORY: &str = "keystore = \"memory\"";
const ANN: &str = "ann@acme.test";
const BEN: &str = "ben@acme.test";

#[test]
fn the_first_request_is_hello_and_both_say_their_version() {
    let machine = Machine::new(MEMORY);
    let mut host = machine.start();
    assert_eq!(host.fault(json!({"type": "status"})), Fault::NotGreeted);
    let ResponseBody::Hello { host: version } =
        host.ask(json!({"type": "hello", "extension": "0.1.0"}))
    else {
        panic!("no hello")
    };
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    let status = host.ask(json!({"type": "status"}));
    assert!(matches!(status, ResponseBody::Status { device: None, .. }));
    assert!(host.close().success());
}

#[test]
fn every_request_is_carried_out() {
    let machine = Machine::new(MEMORY);
    let mut host = machine.greeted();
    assert_eq!(
        host.fault(json!({"type": "register", "installation": token(3)})),
        Fault::NoKey
    );
    let (device, jwk) = host.device_key();
    assert_eq!(host.device_key().0, device, "the key is made once");

    let statement = host.signed(json!({"type": "register", "installation": token(3)}));
    let registration: Registration = verified(&statement, REGISTRATION_TYP, &jwk);
    assert_eq!(registration.iss.as_str(), device);
    assert_eq!(registration.aud.as_str(), SERVER);
    assert_eq!(registration.jwk, jwk);
    assert_eq!(registration.cnf.jkt.as_str(), token(3));
    assert_eq!(registration.protection_class, ProtectionClass::Software);
    assert_eq!(registration.posture.platform, "linux");
    assert!(!registration.os_account.is_empty());

    let offer = json!({
        "type": "offer_binding", "origin": SERVER, "challenge": "challenge-1", "nonce": token(1), "req": token(2),
        "installation": token(3), "provenance": {"broken_by": null, "age_ms": 10, "entered_from": null}
    });
    let binding: Binding = verified(&host.signed(offer), BINDING_TYP, &jwk);
    assert_eq!(binding.nonce.as_str(), token(1));
    assert_eq!(binding.aud.as_str(), SERVER);

    host.bind(ANN);
    let answer: Answer = verified(&host.signed(answer(ANN)), ANSWER_TYP, &jwk);
    assert_eq!((answer.sub.as_str(), answer.aud.as_str()), (ANN, SERVER));
    assert_eq!(
        (answer.iss.as_str(), answer.jti.as_str()),
        (device.as_str(), "challenge-1")
    );
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    assert!((now - 60..=now).contains(&answer.iat));

    let learning =
        |user: &str| json!({"user": user, "progress": 40, "mature": false, "confirmations": 1});
    let heartbeat = json!({
        "type": "heartbeat", "installation": token(3), "extension": "0.1.0", "learning": [learning(ANN), learning(BEN)]
    });
    let beat: Heartbeat = verified(&host.signed(heartbeat.clone()), HEARTBEAT_TYP, &jwk);
    let again: Heartbeat = verified(&host.signed(heartbeat), HEARTBEAT_TYP, &jwk);
    assert_ne!(beat.jti, again.jti);
    assert_eq!(beat.learning.len(), 1, "ben is not bound to this device");
    assert_eq!(beat.learning[0].user.as_str(), ANN);

    let sealed = host.seal(ANN, b"template");
    assert_eq!(host.unseal(ANN, &sealed), Ok(b"template".to_vec()));

    let ResponseBody::Config { configuration } = host.ask(json!({"type": "config"})) else {
        panic!("no configuration")
    };
    assert_eq!(configuration.unwrap().server_origin.as_str(), SERVER);
    let posture = host.ask(json!({"type": "posture"}));
    assert!(matches!(posture, ResponseBody::Posture { .. }));

    let ResponseBody::Status {
        keystore,
        protection_class,
        device: known,
        bindings,
    } = host.ask(json!({"type": "status"}))
    else {
        panic!("no status")
    };
    assert_eq!(keystore, "memory");
    assert_eq!(protection_class, ProtectionClass::Software);
    assert_eq!(known.unwrap().as_str(), device);
    assert_eq!(bindings.len(), 1);

    let removed = host.ask(json!({"type": "remove_binding", "user": ANN}));
    assert_eq!(removed, ResponseBody::Done {});
    assert_eq!(host.fault(common::answer(ANN)), Fault::NotBound);
    assert!(host.close().success());
}

#[test]
fn another_extension_gets_nothing_not_even_a_version() {
    let machine = Machine::new(MEMORY);
    for caller in ["ponmlkjihgfedcbaponmlkjihgfedcba", "x", ""] {
        let mut host = machine.start_for(caller);
        for body in [
            json!({"type": "hello", "extension": "0.1.0"}),
            json!({"type": "config"}),
            json!({"type": "ensure_device_key"}),
        ] {
            assert_eq!(host.fault(body), Fault::CallerForbidden, "{caller}");
        }
    }
}

#[test]
fn another_origin_gets_no_signature() {
    let machine = Machine::new(MEMORY);
    let mut host = machine.greeted();
    host.device_key();
    host.bind(ANN);
    for origin in [
        "https://evil.test",
        "https://login.tacit-idp.test:8443",
        "https://login.tacit-idp.test.evil.test",
        "http://localhost",
    ] {
        let mut request = answer(ANN);
        request["origin"] = json!(origin);
        assert_eq!(host.fault(request), Fault::WrongOrigin, "{origin}");
        let offer = json!({
            "type": "offer_binding", "origin": origin, "challenge": "c", "nonce": token(1), "req": token(2),
            "installation": token(3), "provenance": {"broken_by": null, "age_ms": 10, "entered_from": null}
        });
        assert_eq!(host.fault(offer), Fault::WrongOrigin, "{origin}");
    }
}

#[test]
fn the_person_comes_from_the_record_and_only_case_may_differ() {
    let machine = Machine::new(MEMORY);
    let mut host = machine.greeted();
    let (_, jwk) = host.device_key();
    host.bind("Ann.Lee@acme.test");
    let answer_for = |name: &str| answer(name);
    let statement = host.signed(answer_for("ann.lee@ACME.test"));
    let claims: Answer = verified(&statement, ANSWER_TYP, &jwk);
    assert_eq!(claims.sub.as_str(), "Ann.Lee@acme.test");
    for name in [BEN, "ann.lee", "ann.lee@acme.test ", "änn.lee@acme.test"] {
        assert_eq!(host.fault(answer_for(name)), Fault::NotBound, "{name}");
    }
    // Two records that differ in case alone: neither is meant by a third spelling.
    host.bind("ANN.LEE@acme.test");
    assert_eq!(host.fault(answer_for("ann.lee@acme.test")), Fault::NotBound);
    let statement = host.signed(answer_for("ANN.LEE@acme.test"));
    let claims: Answer = verified(&statement, ANSWER_TYP, &jwk);
    assert_eq!(claims.sub.as_str(), "ANN.LEE@acme.test");
}

#[test]
fn a_message_cannot_bring_its_own_claims() {
    let machine = Machine::new(MEMORY);
    let mut host = machine.greeted();
    host.device_key();
    host.bind(ANN);
    for (member, value) in [
        ("sub", json!(BEN)),
        ("aud", json!("https://evil.test")),
        ("iss", json!(token(9))),
        ("iat", json!(0)),
        ("protection_class", json!("hardware")),
        ("statement", json!("eyJ")),
    ] {
        let mut request = answer(ANN);
        request[member] = value;
        assert_eq!(host.fault(request), Fault::Malformed, "{member}");
    }
    assert_eq!(
        host.fault(json!({"type": "sign", "bytes": "AAAA"})),
        Fault::Malformed
    );
}

#[test]
fn evidence_out_of_bounds_is_refused_and_the_next_request_works() {
    let machine = Machine::new(MEMORY);
    let mut host = machine.greeted();
    host.device_key();
    host.bind(ANN);
    for (member, value) in [
        ("progress", json!(101)),
        (
            "automation",
            json!(["a", "b", "c", "d", "e", "f", "g", "h", "i"]),
        ),
        ("moved_by", json!(["the words that were typed"])),
        ("llr", json!(null)),
        ("template", json!("short")),
    ] {
        let mut request = answer(ANN);
        request["evidence"][member] = value;
        assert_eq!(host.fault(request), Fault::Malformed, "{member}");
    }
    host.signed(answer(ANN));
}

#[test]
fn a_bad_message_is_answered_and_the_loop_goes_on() {
    let machine = Machine::new(MEMORY);
    let mut host = machine.greeted();
    let cases: [(&[u8], Fault, u32); 9] = [
        (b"", Fault::Malformed, 0),
        (b"garbage", Fault::Malformed, 0),
        (b"\xff\xfe\x00", Fault::Malformed, 0),
        (b"[]", Fault::Malformed, 0),
        (br#"{"v":1}"#, Fault::Malformed, 0),
        (
            br#"{"v":1,"id":-1,"body":{"type":"status"}}"#,
            Fault::Malformed,
            0,
        ),
        (
            br#"{"v":1,"id":41,"body":{"type":"unheard-of"}}"#,
            Fault::Malformed,
            41,
        ),
        (
            br#"{"v":1,"id":42,"body":{"type":"status","x":1}}"#,
            Fault::Malformed,
            42,
        ),
        (
            br#"{"v":2,"id":43,"body":{"type":"status"}}"#,
            Fault::Version,
            43,
        ),
    ];
    for (frame, expected, id) in cases {
        host.send_frame(frame);
        let response = host.receive().unwrap();
        assert_eq!(response.id, id);
        let ResponseBody::Refused { fault, .. } = response.body else {
            panic!("not refused: {response:?}")
        };
        assert_eq!(fault, expected, "{}", String::from_utf8_lossy(frame));
    }
    let deep = [b"[".repeat(30_000), b"]".repeat(30_000)].concat();
    host.send_frame(&deep);
    assert!(matches!(
        host.receive().unwrap().body,
        ResponseBody::Refused { .. }
    ));
    let status = host.ask(json!({"type": "status"}));
    assert!(matches!(status, ResponseBody::Status { .. }));
}

#[test]
fn a_frame_over_the_limit_is_refused_unread_and_closes() {
    let machine = Machine::new(MEMORY);
    for length in [wire::limits::FRAME as u32 + 1, u32::MAX] {
        let mut host = machine.greeted();
        host.send_bytes(&length.to_ne_bytes());
        let response = host.receive().unwrap();
        assert_eq!(response.id, 0);
        assert!(matches!(
            response.body,
            ResponseBody::Refused {
                fault: Fault::Malformed,
                ..
            }
        ));
        assert!(host.receive().is_none());
        assert!(!host.wait().success());
    }
}

#[test]
fn the_largest_frame_is_read() {
    let machine = Machine::new(MEMORY);
    let mut host = machine.greeted();
    let mut frame = br#"{"v":1,"id":9,"body":{"type":"status"}}"#.to_vec();
    frame.resize(wire::limits::FRAME, b' ');
    host.send_frame(&frame);
    assert_eq!(host.receive().unwrap().id, 9);
}

#[test]
fn a_truncated_frame_is_refused_and_closes() {
    let machine = Machine::new(MEMORY);
    for bytes in [&b"\x01"[..], b"\x10\x00\x00\x00{\"v\":1"] {
        let mut host = machine.greeted();
        host.send_bytes(bytes);
        host.input = None;
        let response = host.receive().unwrap();
        assert!(matches!(response.body, ResponseBody::Refused { .. }));
        assert!(host.receive().is_none());
        assert!(!host.wait().success());
    }
}

#[test]
fn the_end_of_input_ends_the_host_in_order() {
    let machine = Machine::new(MEMORY);
    assert!(machine.start().close().success());
    let mut host = machine.greeted();
    let id = host.send(json!({"type": "ensure_device_key"}));
    host.input = None;
    assert_eq!(host.receive().unwrap().id, id, "what was asked is answered");
    assert!(host.wait().success());
}

#[test]
fn an_idle_host_ends_by_itself() {
    let machine = Machine::new("keystore = \"memory\"\nidle_seconds = 1");
    let mut host = machine.greeted();
    assert!(host.receive().is_none());
    assert!(host.wait().success());
}

/// Slow-loris on standard input: bytes that come now and then are no frame, and the host does not wait for ever.
#[test]
fn a_frame_that_never_ends_ends_the_host() {
    use std::io::Write;
    let machine = Machine::new("keystore = \"memory\"\nidle_seconds = 1");
    let mut host = machine.greeted();
    let mut input = host.input.take().unwrap();
    let drip = std::thread::spawn(move || {
        input.write_all(&60_000_u32.to_ne_bytes()).unwrap();
        let until = std::time::Instant::now() + PATIENCE;
        // Ends with the host: then nobody reads any more.
        while std::time::Instant::now() < until && input.write_all(b"[").is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
    assert!(host.receive().is_none());
    assert!(host.wait().success());
    drip.join().unwrap();
}

/// An extension of any other version: each request is refused by name, and says which version the host speaks.
#[test]
fn every_other_version_is_refused_as_such_and_the_right_one_still_works() {
    let machine = Machine::new(MEMORY);
    let mut host = machine.start();
    for (version, expected) in [
        ("0", Fault::Version),
        ("2", Fault::Version),
        ("4294967295", Fault::Version),
        ("1.0", Fault::Malformed),
        ("-1", Fault::Malformed),
        ("\"1\"", Fault::Malformed),
        ("null", Fault::Malformed),
    ] {
        let frame =
            format!(r#"{{"v":{version},"id":7,"body":{{"type":"hello","extension":"9.9.9"}}}}"#);
        host.send_frame(frame.as_bytes());
        let response = host.receive().unwrap();
        let ResponseBody::Refused { fault, message } = response.body else {
            panic!("{version} is not refused")
        };
        assert_eq!(fault, expected, "{version}: {message}");
    }
    host.greet();
    // Another extension of the same protocol is greeted: what differs is told, and decided by its own side.
    let hello = host.ask(json!({"type": "hello", "extension": "9.9.9"}));
    assert!(matches!(hello, ResponseBody::Hello { .. }));
}

#[test]
fn a_browser_that_died_ends_the_host() {
    let machine = Machine::new(MEMORY);
    let mut host = machine.greeted();
    // Only the reading end is closed: the host notices when it writes.
    host.output = None;
    host.send(json!({"type": "status"}));
    assert!(!host.wait().success());
}

#[test]
fn a_thousand_interleaved_requests_are_answered_in_order() {
    let machine = Machine::new(MEMORY);
    let mut host = machine.greeted();
    let (_, jwk) = host.device_key();
    host.bind(ANN);
    let mut input = host.input.take().unwrap();
    let writer = std::thread::spawn(move || {
        use std::io::Write;
        for id in 0..1000u32 {
            let body = match id % 4 {
                0 => answer(ANN),
                1 => json!({"type": "seal", "user": ANN, "plain": "AAAA"}),
                2 => json!({"type": "nonsense"}),
                _ => json!({"type": "config"}),
            };
            let json = json!({"v": 1, "id": 5000 + id, "body": body}).to_string();
            let length = (json.len() as u32).to_ne_bytes();
            input.write_all(&length).unwrap();
            input.write_all(json.as_bytes()).unwrap();
        }
        input
    });
    for id in 0..1000u32 {
        let response = host.receive().unwrap();
        assert_eq!(response.id, 5000 + id);
        match (id % 4, response.body) {
            (0, ResponseBody::Signed { statement }) => {
                let _: Answer = verified(&statement, ANSWER_TYP, &jwk);
            }
            (1, ResponseBody::Sealed { .. })
            | (2, ResponseBody::Refused { .. })
            | (3, ResponseBody::Config { .. }) => {}
            (_, other) => panic!("{id}: {other:?}"),
        }
    }
    drop(writer.join().unwrap());
    assert!(host.wait().success());
}

#[test]
fn a_restart_keeps_key_bindings_and_what_was_sealed() {
    let machine = Machine::new(SOFTWARE);
    let mut host = machine.greeted();
    let (device, _) = host.device_key();
    host.bind(ANN);
    let sealed = host.seal(ANN, b"template");
    assert!(host.close().success());

    let mut host = machine.greeted();
    let ResponseBody::Status {
        device: known,
        bindings,
        keystore,
        ..
    } = host.ask(json!({"type": "status"}))
    else {
        panic!("no status")
    };
    assert_eq!(known.unwrap().as_str(), device);
    assert_eq!(bindings[0].as_str(), ANN);
    assert_eq!(keystore, "software");
    assert_eq!(host.unseal(ANN, &sealed), Ok(b"template".to_vec()));
    host.signed(answer(ANN));
}

#[test]
fn two_processes_at_once_agree_on_one_key_and_lose_no_binding() {
    let machine = Machine::new(SOFTWARE);
    let mut hosts: Vec<Host> = (0..6).map(|_| machine.greeted()).collect();
    for host in &mut hosts {
        host.send(json!({"type": "ensure_device_key"}));
    }
    let mut devices: Vec<String> = Vec::new();
    for host in &mut hosts {
        match host.receive().unwrap().body {
            ResponseBody::DeviceKey { device, .. } => devices.push(device.to_string()),
            other => panic!("{other:?}"),
        }
    }
    devices.dedup();
    assert_eq!(devices.len(), 1);
    for (n, host) in hosts.iter_mut().enumerate() {
        host.send(json!({"type": "record_binding", "user": format!("user-{n}@acme.test")}));
        host.send(json!({"type": "record_binding", "user": ANN}));
    }
    for host in &mut hosts {
        for _ in 0..2 {
            assert_eq!(host.receive().unwrap().body, ResponseBody::Done {});
        }
    }
    // All agree on the salt of the one record that all wrote.
    let sealed = hosts[0].seal(ANN, b"template");
    for host in &mut hosts {
        let ResponseBody::Status { bindings, .. } = host.ask(json!({"type": "status"})) else {
            panic!("no status")
        };
        assert_eq!(bindings.len(), 7);
        assert_eq!(host.unseal(ANN, &sealed), Ok(b"template".to_vec()));
    }
}

#[test]
fn sealed_data_opens_only_unchanged_and_for_its_own_person() {
    let machine = Machine::new(MEMORY);
    let mut host = machine.greeted();
    host.device_key();
    assert_eq!(host.unseal(ANN, b"x"), Err(Fault::NotBound));
    host.bind(ANN);
    host.bind(BEN);
    let sealed = host.seal(ANN, b"template of ann");
    assert_eq!(host.unseal(BEN, &sealed), Err(Fault::NotUnsealed));
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 0x80;
        assert_eq!(
            host.unseal(ANN, &changed),
            Err(Fault::NotUnsealed),
            "byte {at}"
        );
    }
    for cut in [0, 1, 12, 13, sealed.len() - 1] {
        assert_eq!(host.unseal(ANN, &sealed[..cut]), Err(Fault::NotUnsealed));
    }
    let another = Machine::new(MEMORY);
    let mut stranger = another.greeted();
    stranger.device_key();
    stranger.bind(ANN);
    assert_eq!(stranger.unseal(ANN, &sealed), Err(Fault::NotUnsealed));
    assert_eq!(host.unseal(ANN, &sealed), Ok(b"template of ann".to_vec()));
}

#[test]
fn the_largest_template_fits_and_one_byte_more_does_not() {
    let machine = Machine::new(MEMORY);
    let mut host = machine.greeted();
    host.device_key();
    host.bind(ANN);
    let largest = vec![7; wire::limits::TEMPLATE];
    let sealed = host.seal(ANN, &largest);
    assert_eq!(host.unseal(ANN, &sealed), Ok(largest));
    let over = wire::b64::encode(&vec![7; wire::limits::TEMPLATE + 1]);
    assert_eq!(
        host.fault(json!({"type": "seal", "user": ANN, "plain": over})),
        Fault::Malformed
    );
}

#[test]
fn removing_a_binding_makes_what_was_sealed_unreadable_for_ever() {
    let machine = Machine::new(SOFTWARE);
    let mut host = machine.greeted();
    host.device_key();
    host.bind(ANN);
    let sealed = host.seal(ANN, b"template");
    host.bind(ANN);
    assert!(
        host.unseal(ANN, &sealed).is_ok(),
        "binding again changes nothing"
    );
    host.ask(json!({"type": "remove_binding", "user": ANN}));
    assert_eq!(host.unseal(ANN, &sealed), Err(Fault::NotBound));
    assert_eq!(
        host.fault(json!({"type": "seal", "user": ANN, "plain": "AAAA"})),
        Fault::NotBound
    );
    host.bind(ANN);
    assert_eq!(host.unseal(ANN, &sealed), Err(Fault::NotUnsealed));
}

#[test]
fn a_damaged_record_costs_its_own_person_only() {
    let machine = Machine::new(SOFTWARE);
    let mut host = machine.greeted();
    host.device_key();
    host.bind(ANN);
    let folder = machine.data().join("bindings");
    let anns = std::fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    host.bind(BEN);
    let whole = std::fs::read(&anns).unwrap();
    let someone_else = String::from_utf8(whole.clone())
        .unwrap()
        .replace(ANN, "eve@acme.test");
    for content in [
        &b""[..],
        b"{}",
        &whole[..20],
        someone_else.as_bytes(),
        &[b'x'; 100_000],
    ] {
        std::fs::write(&anns, content).unwrap();
        let fault = host.fault(answer(ANN));
        assert!(
            matches!(fault, Fault::NotBound | Fault::Storage),
            "{fault:?}"
        );
        host.signed(answer(BEN));
        let eve = host.fault(answer("eve@acme.test"));
        assert_eq!(eve, Fault::NotBound, "a renamed record binds nobody");
    }
    std::fs::write(&anns, &whole).unwrap();
    host.signed(answer(ANN));
}

#[test]
fn nothing_but_frames_is_written_to_stdout_and_no_secret_to_the_log() {
    let mut machine = Machine::new(&format!("{SOFTWARE}\nlog = \"debug\""));
    for (name, value) in [
        ("RUST_LOG", "trace"),
        ("TSS2_LOG", "all+trace"),
        ("TSS2_LOGFILE", "stdout"),
        ("G_MESSAGES_DEBUG", "all"),
    ] {
        machine.environment.push((name.into(), value.into()));
    }
    let mut host = machine.greeted();
    host.device_key();
    host.bind(ANN);
    let secret = b"a template with its secrets";
    let sealed = host.seal(ANN, secret);
    host.unseal(ANN, &sealed).unwrap();
    let statement = host.signed(answer(ANN));
    host.fault(json!({"type": "answer", "password": "hunter2"}));
    host.input = None;
    let mut rest = Vec::new();
    host.output.take().unwrap().read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"", "frames and nothing else");
    assert!(host.wait().success());

    let log = std::fs::read(machine.data().join("host.log")).unwrap();
    assert!(!log.is_empty());
    let encoded = wire::b64::encode(secret);
    let signature = statement.rsplit('.').next().unwrap();
    for needle in [
        "hunter2",
        "token-of-the-organisation",
        &encoded,
        signature,
        ANN,
        &token(1),
    ] {
        assert!(!contains_bytes(&log, needle.as_bytes()), "{needle}");
    }
    assert!(!contains(&machine.data(), secret));
}

#[test]
fn an_unconfigured_machine_says_so_and_signs_nothing() {
    let machine = Machine::new(MEMORY);
    std::fs::remove_file(machine.config()).unwrap();
    let mut host = machine.greeted();
    assert_eq!(
        host.ask(json!({"type": "config"})),
        ResponseBody::Config {
            configuration: None
        }
    );
    for body in [
        json!({"type": "status"}),
        json!({"type": "ensure_device_key"}),
        json!({"type": "record_binding", "user": ANN}),
        answer(ANN),
    ] {
        assert_eq!(host.fault(body), Fault::NotConfigured);
    }
}

#[test]
fn a_malformed_configuration_is_refused_with_its_place() {
    let machine = Machine::new("keystore = \"best\"");
    let mut host = machine.greeted();
    let ResponseBody::Refused { fault, message } = host.ask(json!({"type": "config"})) else {
        panic!("not refused")
    };
    assert_eq!(fault, Fault::NotConfigured);
    assert!(message.contains("line 3, column 12"), "{message}");
}

#[test]
fn the_software_store_works_only_where_it_is_allowed() {
    for top in [
        "keystore = \"software\"",
        "keystore = \"software\"\nallow_software = false",
    ] {
        let machine = Machine::new(top);
        let mut host = machine.greeted();
        assert_eq!(host.fault(json!({"type": "status"})), Fault::Keystore);
        assert_eq!(
            host.fault(json!({"type": "ensure_device_key"})),
            Fault::Keystore
        );
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_a_refusal_and_not_the_end() {
    let machine = Machine::new(SOFTWARE);
    std::fs::write(machine.data(), b"a file where the folder should be").unwrap();
    let mut host = machine.greeted();
    assert_eq!(host.fault(json!({"type": "status"})), Fault::Storage);
    std::fs::remove_file(machine.data()).unwrap();
    host.device_key();
}

#[test]
fn keys_and_records_are_for_their_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let machine = Machine::new(SOFTWARE);
    let mut host = machine.greeted();
    host.device_key();
    host.bind(ANN);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&machine.data()), 0o700);
    for entry in std::fs::read_dir(machine.data()).unwrap() {
        let path = entry.unwrap().path();
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), expected, "{}", path.display());
    }
}

#[test]
fn no_other_program_of_the_same_user_may_read_the_keys_in_memory() {
    use std::os::unix::fs::MetadataExt;
    let machine = Machine::new(SOFTWARE);
    let mut host = machine.start_unprivileged();
    host.greet();
    host.device_key();
    // What a user may not look into belongs to root in /proc.
    let memory = std::fs::metadata(format!("/proc/{}/mem", host.id())).unwrap();
    assert_eq!(memory.uid(), 0);
}

fn contains_bytes(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|part| part == needle)
}
