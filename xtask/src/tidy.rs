//! `cargo xtask tidy`: conventions as checks. Each one is a sentence that holds, or a list of places where it does not.

mod arrows;
mod denied;
mod sizes;
mod text;

use crate::suite::Count;
use anyhow::{Result, bail};

/// Runs all checks and fails if one finds something.
pub fn run() -> Result<()> {
    let count = checks()?;
    if count.failed > 0 {
        bail!(
            "{} of {} checks failed",
            count.failed,
            count.failed + count.passed
        );
    }
    Ok(())
}

/// Runs all checks and prints what they find.
pub fn checks() -> Result<Count> {
    println!("\n── tidy");
    let mut count = Count::default();
    for (sentence, check) in CHECKS {
        let found = check().unwrap_or_else(|why| vec![format!("{why:#}")]);
        if found.is_empty() {
            count.passed += 1;
            println!("check {sentence} ... ok");
        } else {
            count.failed += 1;
            println!("check {sentence} ... FAILED");
            for place in found {
                println!("    {place}");
            }
        }
    }
    text::report_lengths()?;
    Ok(count)
}

/// Returns the places where the sentence does not hold.
type Check = fn() -> Result<Vec<String>>;

const CHECKS: &[(&str, Check)] = &[
    (
        "dependencies point the way DESIGN draws them",
        arrows::between_crates,
    ),
    (
        "pure crates depend on nothing that does I/O",
        arrows::of_pure_crates,
    ),
    (
        "pure crates touch neither files nor clock nor environment",
        text::pure_sources,
    ),
    (
        "wasm-bindgen and its command-line half have one version",
        arrows::one_wasm_bindgen,
    ),
    ("no source holds a forbidden text", text::forbidden),
    (
        "private keys lie only in folders named test-only-keys",
        text::private_keys,
    ),
    (
        "every test that the threat model names exists",
        text::promised_tests,
    ),
    ("dependencies keep to deny.toml", denied::rules),
    ("sources are formatted", text::formatted),
    ("capture.js is at most 150 lines and 6 kB", sizes::capture),
    (
        "the worker's module is at most 250 kB gzipped",
        sizes::worker,
    ),
    (
        "the product's extension does not know the rehearsal port",
        sizes::no_rehearsal,
    ),
];
