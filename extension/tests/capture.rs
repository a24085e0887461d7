//! The content script as JavaScript runs it: `capture.mjs` states what it does, and the protocol's own parser judges
//! every message that it sends.

use std::process::Command;
use wire::{capture::Events, limits, version::parse_bounded};

#[test]
fn every_message_of_the_capture_script_is_one_of_the_protocol() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/capture.mjs");
    let ran = Command::new("node").arg(script).output();
    let ran = ran.expect("node is needed to run the content script");
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{errors}");
    let messages = String::from_utf8(ran.stdout).unwrap();
    assert!(messages.lines().count() > 20);
    for message in messages.lines() {
        let batch = parse_bounded::<Events>(message.as_bytes(), limits::PAGE_MESSAGE);
        assert!(batch.is_ok(), "{batch:?}: {message:.200}");
    }
}
