//! `cargo xtask fuzz`: hostile bytes for every parser that is reachable from outside.

use crate::{run, step};
use anyhow::Result;
use clap::Args;

/// Options of the command.
#[derive(Args)]
pub struct Arguments {
    /// Minutes for each target.
    #[arg(long, default_value_t = 1)]
    minutes: u64,
    /// One target instead of all of them.
    #[arg(long, default_value = "all")]
    target: String,
    /// Another seed finds other things.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Seconds for each target within `cargo xtask test`: all of them together stay under two minutes.
const IN_TESTS: u64 = 4;

/// Runs the targets for minutes.
pub fn run(arguments: &Arguments) -> Result<()> {
    throw(&arguments.target, arguments.minutes * 60, arguments.seed)
}

/// Runs the targets for seconds, as one of the checks of `cargo xtask test`.
pub fn briefly() -> Result<()> {
    step::loud("throw hostile bytes at every parser", || {
        throw("all", IN_TESTS, 1)
    })
}

fn throw(target: &str, seconds: u64, seed: u64) -> Result<()> {
    let mut cargo = run::cargo();
    cargo.args([
        "run",
        "--quiet",
        "--manifest-path",
        "fuzz/Cargo.toml",
        "--",
        "run",
        target,
    ]);
    cargo.args([
        "--seconds",
        &seconds.to_string(),
        "--seed",
        &seed.to_string(),
    ]);
    // A folder of its own: the two workspaces have other settings for the same crates.
    cargo.env("CARGO_TARGET_DIR", run::target().join("fuzz"));
    run::check(&mut cargo)
}
