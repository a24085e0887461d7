//! `cargo xtask accuracy`: runs the engine on a benchmark corpus and writes score files for its judge.
//!
//! The protocols, their rules and the judge are not ours; `protocol` follows their text. The background model is built
//! in memory from the users that a protocol gives as background, never from the shipped model.

pub mod corpus;
mod learning;
mod measure;
mod phrase;
mod plot;
mod pointer;
mod privacy;
mod protocol;
mod report;
mod typing;

use anyhow::{Context, Result, bail};
use clap::Parser;
use protocol::Scores;
use std::path::PathBuf;
use std::time::Instant;
pub use typing::typed;

/// The protocols that run without being named.
const DEFAULT: &str = "cmu,aalto-g5-w50,aalto-g5-w100,aalto-g5-w200,aalto-g10-w50,aalto-g10-w100,aalto-g10-w200,\
    aalto-typenet-g5,monaco-g3-w100,social-w100,sapimouse-t15,sapimouse-t30,sapimouse-t60,balabit,fused-60s";

/// Runs the engine on a benchmark corpus and writes score files.
#[derive(Debug, Parser)]
pub struct Args {
    /// The development part: background users come from it.
    #[arg(long)]
    pub background: PathBuf,
    /// The part that is evaluated; the development part itself, or a held-back one.
    #[arg(long)]
    pub evaluate: PathBuf,
    /// Folder that receives one `<protocol>.csv` each.
    #[arg(long)]
    pub out: PathBuf,
    /// Protocols, separated by commas.
    #[arg(long, default_value = DEFAULT, value_delimiter = ',')]
    pub protocols: Vec<String>,
    /// Compares only what the engine does in the browser: groups of keys, no tables.
    #[arg(long)]
    pub engine: bool,
    /// Page that receives tables of all score files in `out`, with plots in a folder beside it; nothing is scored again.
    #[arg(long)]
    pub report: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    if !corpus::is_development(&args.background) {
        bail!(
            "--background must be the development part: {} has no balabit_train.csv.xz",
            args.background.display()
        );
    }
    if corpus::is_development(&args.evaluate)
        && args.evaluate.canonicalize()? != args.background.canonicalize()?
    {
        bail!("the development part is its own background");
    }
    if let Some(page) = &args.report {
        return report::write(&args.out, &args.background, &args.evaluate, page);
    }
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("creating {}", args.out.display()))?;
    let mut parts = protocol::Parts::new(&args.background, &args.evaluate, args.engine);
    let mut left_out = Vec::new();
    for name in &args.protocols {
        let missing = parts.missing(name);
        if !missing.is_empty() {
            let missing: Vec<String> = missing.iter().map(|p| p.display().to_string()).collect();
            println!("{name}: left out, there is no {}", missing.join(", "));
            left_out.push(name.as_str());
            continue;
        }
        let began = Instant::now();
        let scores = parts
            .run(name)
            .with_context(|| format!("protocol {name}"))?;
        let (text, number) = csv(&scores);
        let file = args.out.join(format!("{name}.csv"));
        std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        println!(
            "{name}: {number} scores, {:.1} s",
            began.elapsed().as_secs_f64()
        );
    }
    if !left_out.is_empty() {
        println!("no scores for: {}", left_out.join(", "));
    }
    Ok(())
}

/// A score file and its number of rows.
fn csv(scores: &Scores) -> (String, usize) {
    let rows: Vec<String> = match scores {
        Scores::Claims(claims) => claims
            .iter()
            .map(|c| format!("{},{},{},{:.6}\n", c.claimed, c.actual, c.window, c.score))
            .collect(),
        Scores::Sessions(sessions) => sessions
            .iter()
            .map(|(claimed, session, score)| format!("{claimed},{session},{score:.6}\n"))
            .collect(),
    };
    let header = match scores {
        Scores::Claims(_) => "claimed,actual,window,score\n",
        Scores::Sessions(_) => "claimed,session,score\n",
    };
    (format!("{header}{}", rows.concat()), rows.len())
}
