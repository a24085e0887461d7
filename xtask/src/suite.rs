//! `cargo xtask test`: set-up, one build of everything, then each test program; counts what passed and what failed.

mod programs;
mod targets;

use crate::extension::{self, Variant};
use crate::{fuzz, run, setup, step, tidy};
use anyhow::{Result, bail};
use clap::ValueEnum;
use programs::Program;
use std::time::{Duration, Instant};

/// What can be tested by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Area {
    /// Protocol, engine, standards, extension logic, xtask, stand-in.
    Unit,
    /// The native host over stdio, with its key stores.
    Host,
    /// The server, its store on both databases.
    #[value(alias = "store")]
    Idp,
    /// Other people's implementations judge our protocols.
    Conformance,
    /// The whole chain in Chromium.
    E2e,
    /// Architecture and form.
    Tidy,
}

const ALL: [Area; 6] = [
    Area::Tidy,
    Area::Unit,
    Area::Host,
    Area::Idp,
    Area::Conformance,
    Area::E2e,
];

impl Area {
    fn holds(self, package: &str) -> bool {
        match package {
            "native-host" => self == Self::Host,
            "identity-provider" => self == Self::Idp,
            "conformance" => self == Self::Conformance,
            "e2e" => self == Self::E2e,
            _ => self == Self::Unit,
        }
    }
}

/// How many tests passed and failed. A test that was skipped has failed: it showed nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Count {
    /// Passed.
    pub passed: u64,
    /// Failed, skipped, or lost with a program that ended early.
    pub failed: u64,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs the tests of `areas`, all of them if there are none. The last line is `N passed, N failed`.
pub fn run(areas: &[Area]) -> Result<()> {
    let areas = if areas.is_empty() { &ALL[..] } else { areas };
    let started = Instant::now();
    setup::run()?;
    report_free_space();
    let programs = build(areas)?;

    let mut total = Count::default();
    let mut times: Vec<(Area, Duration, Count)> = Vec::new();
    for &area in areas {
        let begun = Instant::now();
        let mut count = Count::default();
        if area == Area::Tidy {
            count += tidy::checks()?;
        }
        for program in programs
            .iter()
            .filter(|program| area.holds(&program.package))
        {
            count += program.run()?;
        }
        if area == Area::Host {
            count += targets::check()?;
        }
        if area == Area::Unit {
            count += programs::run_documentation_tests()?;
            count += hostile_bytes();
        }
        times.push((area, begun.elapsed(), count));
        total += count;
    }

    println!();
    for (area, time, count) in times {
        println!(
            "{:<12} {:>12}  {} passed, {} failed",
            format!("{area:?}").to_lowercase(),
            step::duration(time),
            count.passed,
            count.failed
        );
    }
    println!("{:<12} {:>12}", "in all", step::duration(started.elapsed()));
    report_free_space();
    println!("{} passed, {} failed", total.passed, total.failed);
    if total.failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}

/// The fuzz targets for some seconds each: one more test, whose findings are printed.
fn hostile_bytes() -> Count {
    match fuzz::briefly() {
        Ok(()) => Count {
            passed: 1,
            failed: 0,
        },
        Err(why) => {
            println!("✗ {why:#}");
            Count {
                passed: 0,
                failed: 1,
            }
        }
    }
}

/// A full disk fails tests in odd places, one after the other: then this line explains it.
fn report_free_space() {
    if let Some(free) = run::free_space() {
        eprintln!(
            "  {:.1} GB free at {}",
            free as f64 / 1e9,
            run::target().display()
        );
    }
}

/// Builds programs and the product's extension.
pub fn build_all() -> Result<()> {
    setup::run()?;
    if extension::exists() {
        extension::build(Variant::Product)?;
    }
    programs::build_binaries()
}

fn build(areas: &[Area]) -> Result<Vec<Program>> {
    let browser = areas.contains(&Area::E2e);
    if extension::exists() {
        if browser || areas.contains(&Area::Tidy) {
            extension::build(Variant::Product)?;
        }
        if browser {
            extension::build(Variant::Rehearsal)?;
        }
    }
    if areas == [Area::Tidy] {
        return Ok(Vec::new());
    }
    let programs = step::loud("compile all programs and tests", programs::build_tests)?;
    if programs.is_empty() {
        bail!("no test programs were built");
    }
    eprintln!(
        "  {} test programs in {}",
        programs.len(),
        run::target().display()
    );
    Ok(programs)
}
