//! `cargo xtask load`: simulated agents against real server processes, over the loopback and in bounded time.

use crate::{run, step};
use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

/// Options of the command.
#[derive(Args)]
pub struct Arguments {
    /// One line of JSON and nothing else.
    #[arg(long)]
    json: bool,
    /// Passed on: --devices, --at-once, --seconds, --growth, --growth-seconds, --flood, --sqlite-only.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds server and crowd, and lets it loose.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut build = run::cargo();
    build.args([
        "build",
        "--quiet",
        "--release",
        "-p",
        "identity-provider",
        "--bins",
        "--example",
        "load",
    ]);
    step::loud("compile server and crowd", || run::check(&mut build))?;
    let mut load = run::command(run::target().join("release/examples/load"));
    load.args(&arguments.arguments);
    let said = step::loud("let the crowd loose", || run::read(&mut load))?;
    let last = said.lines().next_back().context("it printed nothing")?;
    let figures: Value = serde_json::from_str(last).context("its last line is not JSON")?;
    match arguments.json {
        true => println!("{figures}"),
        false => println!("{figures:#}"),
    }
    Ok(())
}
