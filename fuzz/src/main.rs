//! Throws mutated messages at the targets; see README.md.

mod event_hook;
mod messages;
mod mutate;
mod oidc;
// The same org that the tests of `standards` know, so that there is one place where good requests are made.
#[path = "../../crates/standards/tests/it/okta.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod okta;
mod scim;
mod targets;

use anyhow::{Context, Result, bail};
use clap::Parser;
use mutate::{Random, mutated};
use std::{
    collections::HashSet,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use targets::{TARGETS, Target};

/// Hostile bytes for everything that parses what comes from outside.
#[derive(Parser)]
enum Command {
    /// Names the targets.
    List,
    /// Runs one target, or `all`, each for some seconds.
    Run {
        target: String,
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Runs a target once, with the bytes of a file.
    Replay { target: String, file: PathBuf },
}

/// An input that takes longer is a finding.
const SLOW: Duration = Duration::from_secs(1);

fn main() -> Result<()> {
    match Command::parse() {
        Command::List => TARGETS
            .iter()
            .for_each(|target| println!("{}", target.name)),
        Command::Run {
            target,
            seconds,
            seed,
        } => {
            let mut findings = 0;
            for target in chosen(&target)? {
                findings += run(target, Duration::from_secs(seconds), seed)?;
            }
            if findings > 0 {
                bail!("{findings} findings: the inputs are in fuzz/crashes");
            }
        }
        Command::Replay { target, file } => {
            let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            for target in chosen(&target)? {
                println!("{}: {}", target.name, (target.run)(&bytes));
            }
        }
    }
    Ok(())
}

fn chosen(name: &str) -> Result<Vec<&'static Target>> {
    let chosen: Vec<_> = TARGETS
        .iter()
        .filter(|t| name == "all" || t.name == name)
        .collect();
    if chosen.is_empty() {
        bail!("there is no target {name}");
    }
    Ok(chosen)
}

/// Returns the number of findings; stops at the third.
fn run(target: &Target, duration: Duration, seed: u64) -> Result<u32> {
    let mut corpus = (target.seeds)();
    corpus.extend(files(&folder().join("corpus").join(target.name))?);
    let mut random = Random(seed);
    let (mut outcomes, mut inputs, mut findings) = (HashSet::new(), 0_u64, 0);
    let (begin, mut slowest, mut fixed) =
        (Instant::now(), Duration::ZERO, corpus.clone().into_iter());
    while begin.elapsed() < duration && findings < 3 {
        // First what is known, as it is.
        let bytes = fixed
            .next()
            .unwrap_or_else(|| mutated(&corpus, target.words, &mut random));
        let before = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(&bytes)));
        let took = before.elapsed();
        inputs += 1;
        slowest = slowest.max(took);
        match outcome {
            Ok(_) if took > SLOW && is_slow(target, &bytes) => {
                findings += report(target, "slow", &bytes)?
            }
            Err(_) => findings += report(target, "panic", &bytes)?,
            Ok(outcome) => {
                if outcomes.insert(outcome) && inputs > corpus.len() as u64 {
                    corpus.push(bytes);
                }
            }
        }
    }
    println!(
        "{}: {inputs} inputs, {} outcomes, slowest {} ms, {findings} findings",
        target.name,
        outcomes.len(),
        slowest.as_millis()
    );
    Ok(findings)
}

/// Slow each time: once may be the machine's business.
fn is_slow(target: &Target, bytes: &[u8]) -> bool {
    (0..3).all(|_| {
        let before = Instant::now();
        (target.run)(bytes);
        before.elapsed() > SLOW
    })
}

fn report(target: &Target, what: &str, bytes: &[u8]) -> Result<u32> {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let crashes = folder().join("crashes");
    fs::create_dir_all(&crashes)?;
    let file = crashes.join(format!("{}-{what}-{:016x}", target.name, hasher.finish()));
    fs::write(&file, bytes)?;
    eprintln!("{}: {what}: {}", target.name, file.display());
    Ok(1)
}

fn files(folder: &Path) -> Result<Vec<Vec<u8>>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    paths.iter().map(|path| Ok(fs::read(path)?)).collect()
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
