//! Replays recordings of real Okta orgs: each answer has to have the recorded status and shape (members and their types).
//!
//! `fixtures/vcr/tolerated.toml` lists every difference that is accepted, each with its reason; one that no longer occurs
//! makes the test fail too.

mod common;
#[path = "vcr/compare.rs"]
mod compare;
#[path = "vcr/replay.rs"]
mod replay;

use std::collections::BTreeMap;
use std::path::PathBuf;

use common::receiver::Receiver;
use replay::{Exchange, Outcome, Replay};
use serde::Deserialize;

#[derive(Deserialize)]
struct Tolerances {
    tolerated: Vec<Tolerance>,
}

#[derive(Deserialize)]
struct Tolerance {
    /// `METHOD /path/{id}`, `*` stands for anything.
    at: String,
    /// The difference as the test words it, `*` stands for anything.
    difference: String,
    reason: String,
}

#[tokio::test]
async fn recorded_answers_have_the_same_status_and_shape() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/vcr");
    let text = std::fs::read_to_string(folder.join("tolerated.toml")).unwrap();
    let tolerances: Tolerances = toml::from_str(&text).unwrap();
    let mut used = vec![0_u32; tolerances.tolerated.len()];
    let receiver = Receiver::start(Receiver::echo_challenge).await;
    let (mut total, mut equal, mut accepted) = (0_u32, 0_u32, 0_u32);
    let mut failures: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut families: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let exchanges: Vec<Exchange> =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let mut replay = Replay::new(&exchanges, receiver.address).await;
        for exchange in &exchanges {
            let Outcome { at, differences } = replay.run(exchange).await;
            total += 1;
            let family = families.entry(family(&at)).or_default();
            family.0 += 1;
            let unlisted: Vec<&String> = differences
                .iter()
                .filter(|difference| {
                    let found = tolerances.tolerated.iter().position(|tolerance| {
                        fits(&tolerance.at, &at) && fits(&tolerance.difference, difference)
                    });
                    if let Some(n) = found {
                        used[n] += 1;
                    }
                    found.is_none()
                })
                .collect();
            match (differences.is_empty(), unlisted.is_empty()) {
                (true, _) => {
                    equal += 1;
                    family.1 += 1;
                }
                (false, true) => accepted += 1,
                (false, false) => {
                    for difference in unlisted {
                        let key = format!("{at}: {difference}");
                        failures.entry(key).or_default().push(name.clone());
                    }
                }
            }
        }
    }
    println!(
        "{total} exchanges: {equal} equal in status and shape, {accepted} with listed differences"
    );
    for (family, (count, equal)) in &families {
        println!("  {family}: {equal} of {count}");
    }
    for (n, tolerance) in tolerances.tolerated.iter().enumerate() {
        assert!(!tolerance.reason.is_empty());
        if used[n] == 0 {
            let key = format!(
                "listed, but does not occur: {} {}",
                tolerance.at, tolerance.difference
            );
            failures.entry(key).or_default();
        }
    }
    for (difference, files) in &failures {
        println!(
            "{difference} ({} times, {})",
            files.len(),
            files.first().map_or("", String::as_str)
        );
    }
    assert!(
        failures.is_empty(),
        "{} differences are not listed",
        failures.len()
    );
    assert!(total >= 500, "only {total} exchanges were replayed");
}

/// `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
        last = Some(part);
    }
    match last {
        None => rest.is_empty(),
        Some(part) => part.is_empty() || text.ends_with(part),
    }
}

fn family(at: &str) -> String {
    let path = at.split(' ').nth(1).unwrap_or_default();
    path.split('/').take(4).collect::<Vec<_>>().join("/")
}
