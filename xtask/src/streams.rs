//! `cargo xtask streams`: what the engine does over time, on recorded people: takeovers, cold starts, attacks.
//!
//! Everything goes through the engine as the browser uses it, event by event. The background models are trained here,
//! on the people of the other folds; the shipped model is not used.

mod cold;
mod people;
mod programs;
mod statistics;
mod takeover;

use anyhow::{Context, Result};
use clap::Parser;
use std::path::PathBuf;

/// Replays recorded people and prints tables in Markdown.
#[derive(Debug, Parser)]
pub struct Args {
    /// The development part of the corpus.
    #[arg(long)]
    pub data: PathBuf,
    /// What to report: takeover, cold, programs.
    #[arg(long, default_value = "takeover,cold,programs", value_delimiter = ',')]
    pub reports: Vec<String>,
    /// A file that receives what is printed.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let people = people::load(&args.data)?;
    let mut text = String::new();
    for report in &args.reports {
        let part = match report.as_str() {
            "takeover" => takeover::report(&people),
            "cold" => cold::report(&people),
            "programs" => programs::report(&people, &args.data)?,
            other => anyhow::bail!("there is no report {other:?}: takeover, cold, programs"),
        };
        println!("## {report}\n\n{part}");
        text.push_str(&format!("## {report}\n\n{part}\n"));
    }
    if let Some(out) = &args.out {
        std::fs::write(out, text).with_context(|| format!("writing {}", out.display()))?;
    }
    Ok(())
}
