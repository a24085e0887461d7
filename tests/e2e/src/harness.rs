//! Runs scenarios one after the other and sums them up in the words of Rust's own test harness.

use anyhow::{Result, anyhow};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

/// One scenario: a sentence, and how to show that it is true.
pub struct Scenario<W> {
    /// The sentence, as a name.
    pub name: &'static str,
    /// Shows it.
    pub show: for<'a> fn(&'a mut W) -> LocalBoxFuture<'a, Result<()>>,
}

/// The longest that one scenario may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is being run, and what came of it.
pub struct Run {
    wanted: Vec<String>,
    passed: u32,
    failed: Vec<&'static str>,
    started: Instant,
}

impl Run {
    /// A run of those scenarios whose names contain one of the arguments; of all without arguments.
    pub fn from_arguments() -> Self {
        Self {
            wanted: std::env::args()
                .skip(1)
                .filter(|word| !word.starts_with('-'))
                .collect(),
            passed: 0,
            failed: Vec::new(),
            started: Instant::now(),
        }
    }

    /// Whether any of `scenarios` is wanted: if not, their world need not be made.
    pub fn wants<W>(&self, scenarios: &[Scenario<W>]) -> bool {
        scenarios
            .iter()
            .any(|scenario| self.wants_name(scenario.name))
    }

    /// Runs those that are wanted. A failed scenario ends nothing but itself.
    pub async fn all<W>(&mut self, world: &mut W, scenarios: &[Scenario<W>]) {
        for scenario in scenarios {
            if self.wants_name(scenario.name) {
                let started = Instant::now();
                let shown = AssertUnwindSafe((scenario.show)(world)).catch_unwind();
                let result = match tokio::time::timeout(PATIENCE, shown).await {
                    Ok(Ok(result)) => result,
                    Ok(Err(_)) => Err(anyhow!("panicked")),
                    Err(_) => Err(anyhow!("took longer than {} s", PATIENCE.as_secs())),
                };
                self.note(scenario.name, started.elapsed(), result);
            }
        }
    }

    /// All of `scenarios` have failed, because their world could not be made.
    pub fn fail_all<W>(&mut self, scenarios: &[Scenario<W>], why: &anyhow::Error) {
        for scenario in scenarios {
            if self.wants_name(scenario.name) {
                self.note(
                    scenario.name,
                    Duration::ZERO,
                    Err(anyhow!("no world: {why:#}")),
                );
            }
        }
    }

    /// Prints the summary and ends the process.
    pub fn finish(self) -> ! {
        for name in &self.failed {
            println!("failed: {name}");
        }
        let word = if self.failed.is_empty() {
            "ok"
        } else {
            "FAILED"
        };
        println!(
            "\ntest result: {word}. {} passed; {} failed; 0 ignored; 0 measured; 0 filtered out; finished in {:.1}s",
            self.passed,
            self.failed.len(),
            self.started.elapsed().as_secs_f32()
        );
        std::process::exit(i32::from(!self.failed.is_empty()))
    }

    fn wants_name(&self, name: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|word| name.contains(word.as_str()))
    }

    fn note(&mut self, name: &'static str, took: Duration, result: Result<()>) {
        match result {
            Ok(()) => {
                self.passed += 1;
                println!("test {name} ... ok ({:.1} s)", took.as_secs_f32());
            }
            Err(why) => {
                self.failed.push(name);
                println!(
                    "test {name} ... FAILED ({:.1} s)\n    {why:#}",
                    took.as_secs_f32()
                );
            }
        }
    }
}
