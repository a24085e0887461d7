//! `cargo xtask bench`: figures beside the floor that was measured in the same run, because machines are shared and noisy.
//! Nothing is asserted here.

use crate::{run, step};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Area {
    /// SAML Responses per second through HTTP and SQLite, beside bare RSA-2048 signatures.
    Responses,
    /// People provisioned over SCIM into SQLite, beside a bare insert; and a whole org.
    Scim,
    /// Responses built and signed without HTTP and database, beside bare signatures.
    Standards,
    /// The worst that a tampered SAML message costs, beside a good one.
    Tampered,
    /// A signed answer over stdio with each key store, beside an echo and a bare signature.
    Host,
    /// The engine's cost per event and per assessment.
    Engine,
    /// The silent challenge in Chromium, beside a bare hop over two pages.
    Challenge,
}

/// Options of the command.
#[derive(Args)]
pub struct Arguments {
    /// One or more areas; all of them if none is named.
    #[arg(value_enum)]
    areas: Vec<Area>,
    /// Also write the figures here.
    #[arg(long)]
    json: Option<PathBuf>,
}

impl Area {
    /// Builds what measures, runs it, and reads the JSON object of its last line.
    fn measure(self) -> Result<Value> {
        let said = match self {
            Self::Responses => {
                cargo_run(&["-p", "identity-provider", "--bin", "tacit", "--", "bench"])
            }
            Self::Scim => cargo_run(&["-p", "identity-provider", "--example", "scim_rate"]),
            Self::Standards => cargo_run(&["-p", "standards", "--example", "response_rate"]),
            Self::Tampered => cargo_run(&["-p", "standards", "--example", "tampered_time"]),
            Self::Engine => cargo_run(&["-p", "biometrics", "--example", "engine_speed"]),
            Self::Host => round_trip(),
            Self::Challenge => challenge(),
        }?;
        let last = said.lines().next_back().context("it printed nothing")?;
        serde_json::from_str(last).with_context(|| format!("its last line is not JSON: {last}"))
    }
}

/// Measures `areas` one after the other: two at once would measure each other.
pub fn run(arguments: &Arguments) -> Result<()> {
    let areas = match arguments.areas.as_slice() {
        [] => Area::value_variants(),
        some => some,
    };
    let mut figures = Map::new();
    for area in areas {
        let name = format!("{area:?}").to_lowercase();
        let measured = step::loud(&format!("measure {name}"), || area.measure())?;
        figures.insert(name, measured);
    }
    let figures = json!({ "machine": machine(), "figures": figures });
    if let Some(file) = &arguments.json {
        std::fs::write(file, format!("{figures:#}\n"))
            .with_context(|| format!("writing {}", file.display()))?;
    }
    println!("{figures:#}");
    Ok(())
}

fn cargo_run(arguments: &[&str]) -> Result<String> {
    run::read(
        run::cargo()
            .args(["run", "--quiet", "--release"])
            .args(arguments),
    )
}

/// The host has a profile of its own, in which it is small; its example starts the program that lies beside it.
fn round_trip() -> Result<String> {
    let build = [
        "build",
        "--quiet",
        "--profile",
        "host",
        "-p",
        "native-host",
        "--bins",
        "--examples",
    ];
    run::check(run::cargo().args(build))?;
    run::read(&mut run::command(
        run::target().join("host/examples/round_trip"),
    ))
}

/// Programs lie beside each other, so that the measuring one finds those that it starts.
fn challenge() -> Result<String> {
    crate::extension::build(crate::extension::Variant::Rehearsal)?;
    let mut build = run::cargo();
    build.args(["build", "--quiet", "--release", "--bins"]);
    for package in ["identity-provider", "native-host", "okta-stand-in", "e2e"] {
        build.args(["-p", package]);
    }
    run::check(&mut build)?;
    run::read(&mut run::command(
        run::target().join("release/tacit-round-trip"),
    ))
}

fn machine() -> Value {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!({ "cores": cores, "load_before_end": load.split(' ').next().unwrap_or_default() })
}
