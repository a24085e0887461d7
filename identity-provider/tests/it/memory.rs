//! What stands in the memory of the running program after a ceremony: it signs, so it has its keys; but no copy of them lies
//! about in a form that could be carried away, and the master key is gone once what it derives is there.

use crate::{
    crash::{run, site},
    program::Running,
    support::server::acme,
};
use std::{
    io::{Read, Seek, SeekFrom},
    process::Stdio,
};
use tacit::{domain::signing::key_context, settings::MASTER_KEY_FILE};

/// All that the program can write to, region by region.
fn memory_of(program: &Running) -> Vec<Vec<u8>> {
    let id = program.0.id();
    let maps = std::fs::read_to_string(format!("/proc/{id}/maps")).unwrap();
    let mut memory = std::fs::File::open(format!("/proc/{id}/mem")).unwrap();
    let mut regions = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (range, _) = line.split_once(' ').unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|n| u64::from_str_radix(n, 16).unwrap());
        let mut region = vec![0; usize::try_from(to - from).unwrap()];
        memory.seek(SeekFrom::Start(from)).unwrap();
        // Parts of a stack's reservation cannot be read; nothing is there.
        if memory.read_exact(&mut region).is_ok() {
            regions.push(region);
        }
    }
    regions
}

fn holds(memory: &[Vec<u8>], what: &[u8]) -> bool {
    let first = what[0];
    memory.iter().any(|region| {
        let mut from = 0;
        while let Some(at) = region[from..].iter().position(|&byte| byte == first) {
            if region[from + at..].starts_with(what) {
                return true;
            }
            from += at + 1;
        }
        false
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_programs_memory_holds_no_master_key_and_no_private_key_that_could_be_carried_away() {
    let (folder, server, agent, client) = site().await;
    let mut serve = folder.command();
    let log = std::fs::File::create(folder.path("log")).unwrap();
    serve.env("RUST_LOG", "trace").stderr(Stdio::from(log));
    let (program, _) = run(serve, &client);
    let (cookie, page) = client.start(&server).unwrap();
    let reply = client.answer(&server, &agent, &cookie, &page).unwrap();
    assert_eq!(reply.json()["outcome"], "allow");
    let own = [
        ("cookie", cookie.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    let outcome = client.send(
        "GET",
        &format!("/challenge/{}/outcome", page.challenge),
        &own,
        "",
    );
    let response = outcome.unwrap().json()["form"]["fields"]["SAMLResponse"].clone();
    assert!(response.as_str().unwrap().len() > 1_000, "it was signed");

    let memory = memory_of(&program);
    let keys = server.app.store.signing_keys_of(&acme()).await.unwrap();
    assert!(
        holds(&memory, &keys[0].certificate),
        "the search finds what is there"
    );
    let text = std::fs::read_to_string(folder.path("data").join(MASTER_KEY_FILE)).unwrap();
    let text = text.trim();
    assert!(!holds(&memory, text.as_bytes()), "the master key as text");
    assert!(
        !holds(&memory, &wire::b64::decode(text).unwrap()),
        "the master key"
    );
    let pkcs8 = server
        .app
        .master
        .open(&key_context("acme"), &keys[0].sealed_key)
        .unwrap();
    // After the modulus, which is public, comes the private exponent, and then the primes.
    for (at, piece) in pkcs8.chunks_exact(32).enumerate().skip(10) {
        assert!(
            !holds(&memory, piece),
            "piece {at} of the signing key as it is stored"
        );
    }
    assert!(
        !holds(&memory, agent.device.secret()),
        "the device's key never came here"
    );

    // The log of everything that a whole ceremony says about itself.
    drop(program);
    let log = vec![std::fs::read(folder.path("log")).unwrap()];
    assert!(
        holds(&log, page.challenge.as_str().as_bytes()),
        "the decision is logged"
    );
    let (_, cookie) = cookie.split_once('=').unwrap();
    let response = response.as_str().unwrap();
    for (what, secret) in [
        ("cookie", cookie),
        ("response", response),
        ("nonce", page.nonce.as_str()),
        ("master key", text),
    ] {
        assert!(!holds(&log, secret.as_bytes()), "{what} was logged");
    }
}
