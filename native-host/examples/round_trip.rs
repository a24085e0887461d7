//! How long a signed answer takes over stdio, per key store, beside what cannot be avoided: the same frames echoed by a
//! process that does nothing, and the bare signature. Prints one JSON object.
//!
//! `cargo build --release -p native-host --bins --examples && target/release/examples/round_trip`

#[path = "../tests/common/mod.rs"]
mod common;

use common::stores::{Keyring, SwTpm, machine_with};
use common::{Host, Machine, SOFTWARE, answer};
use native_host::framing::{read_frame, write_frame};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Instant;
use wire::host::ResponseBody;

const ANN: &str = "ann@acme.test";
const ROUNDS: usize = 1000;
const STARTS: usize = 30;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("--echo") {
        return echo();
    }
    let software = Machine::new(SOFTWARE);
    let in_tpm = Machine::new("");
    let tpm = SwTpm::start(&in_tpm.root);
    in_tpm.configure(&machine_with(&tpm));
    let mut in_keyring = Machine::new("keystore = \"secret-service\"");
    let keyring = Keyring::start(&in_keyring.root);
    in_keyring.environment = keyring.environment();
    let figures = json!({
        "unit": "us",
        "rounds": ROUNDS,
        "floor_echo": floor_echo(),
        "floor_signature": floor_signature(),
        "software": measure(&software),
        "swtpm": measure(&in_tpm),
        "secret_service": measure(&in_keyring),
    });
    println!("{figures}");
}

/// Answers after the first, the start up to `hello`, the start up to the first answer, and the memory at its height.
fn measure(machine: &Machine) -> Value {
    let mut host = machine.greeted();
    host.device_key();
    host.bind(ANN);
    let request = answer(ANN);
    let answers = times(ROUNDS, || {
        host.signed(request.clone());
    });
    let peak_kib = peak_memory(host.id());
    assert!(host.close().success());
    let hello = times(STARTS, || {
        machine.greeted();
    });
    let first_answer = times(STARTS, || {
        let mut host = machine.greeted();
        host.signed(request.clone());
        assert!(host.close().success());
    });
    json!({
        "answer": answers, "start_to_hello": hello, "start_to_answer": first_answer, "peak_memory_kib": peak_kib
    })
}

fn floor_echo() -> Value {
    let start = || {
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        command.arg("--echo");
        Host::spawn(command)
    };
    // As long as a signed answer is, and in its shape, so that parsing it costs the same.
    let body = ResponseBody::Signed {
        statement: "x".repeat(1200),
    };
    let frame = json!({"v": 1, "id": 1, "body": body}).to_string();
    let mut host = start();
    let round = |host: &mut Host| {
        host.send_frame(frame.as_bytes());
        host.receive().expect("the echo ended");
    };
    round(&mut host);
    let rounds = times(ROUNDS, || round(&mut host));
    let starts = times(STARTS, || round(&mut start()));
    json!({"answer": rounds, "start": starts})
}

fn floor_signature() -> Value {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("there is randomness");
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("just made");
    let message = [7; 900];
    times(ROUNDS, || {
        pair.sign(&random, &message).expect("there is randomness");
    })
}

fn echo() {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    while let Ok(Some(frame)) = read_frame(&mut input) {
        if write_frame(&mut output, &frame).is_err() {
            return;
        }
    }
}

fn times(rounds: usize, mut once: impl FnMut()) -> Value {
    let mut took: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            once();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    took.sort_by(f64::total_cmp);
    let at = |share: usize| took[(took.len() - 1) * share / 100].round();
    json!({"p50": at(50), "p95": at(95)})
}

fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
