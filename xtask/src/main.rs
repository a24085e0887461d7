//! `cargo xtask`: everything that is done to this repository, one command each.

mod accuracy;
mod bench;
mod chaos;
mod crx;
mod demo;
mod dist;
mod extension;
mod fuzz;
mod load;
mod run;
mod setup;
mod step;
mod streams;
mod suite;
mod tidy;
mod train;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Builds, tests and shows Tacit",
    disable_version_flag = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what this machine lacks: system packages, the wasm target, npm and Python packages for tests.
    Setup,
    /// Build the extension folder and the packed extension, the host, the server and the Okta stand-in.
    Build {
        /// The extension with the rehearsal port, for tests and the demo.
        #[arg(long)]
        rehearsal: bool,
    },
    /// Set up, build, and run all tests, or those of one area.
    Test {
        /// One or more areas; all of them if none is named.
        #[arg(value_enum)]
        areas: Vec<suite::Area>,
    },
    /// Show a silent sign-in in a browser: builds what is missing, then plays a sample user. `--headless --json` for scripts.
    Demo {
        /// Passed on: --headless, --json, --break LINK, --user FILE, --impostor FILE, --screenshots FOLDER.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Pack an extension folder with a key of your own; beside it comes the update manifest.
    Pack {
        /// The folder with manifest.json.
        folder: PathBuf,
        /// RSA key of 2048 bits, PKCS#8 PEM.
        #[arg(long)]
        key: PathBuf,
        /// The CRX file to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Make what an administrator deploys: extension, policies for browsers, Debian packages. Reproducible.
    Dist(dist::Arguments),
    /// Check architecture and form.
    Tidy,
    /// Run the engine on a benchmark corpus and write score files for its judge.
    Accuracy(accuracy::Args),
    /// Replay recorded people over time: takeovers, cold starts, attacks.
    Streams(streams::Args),
    /// Make the background model that ships.
    Train(train::Args),
    /// Print performance figures as JSON, each beside its floor in the same run.
    Bench(bench::Arguments),
    /// Kill server and host at random points, again and again, and check what they kept.
    Chaos(chaos::Arguments),
    /// Let many simulated agents loose on real server processes: challenges a second, latencies, memory, overload.
    Load(load::Arguments),
    /// Throw hostile bytes at every parser that is reachable from outside.
    Fuzz(fuzz::Arguments),
}

fn main() -> ExitCode {
    match dispatch(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("✗ {why:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result<()> {
    match command {
        Command::Setup => setup::run(),
        Command::Build { rehearsal: true } => {
            extension::build(extension::Variant::Rehearsal).map(drop)
        }
        Command::Build { rehearsal: false } => suite::build_all(),
        Command::Test { areas } => suite::run(&areas),
        Command::Demo { arguments } => demo::run(&arguments),
        Command::Pack { folder, key, out } => extension::pack(&folder, &key, &out),
        Command::Dist(arguments) => dist::run(&arguments),
        Command::Tidy => tidy::run(),
        Command::Accuracy(args) => accuracy::run(args),
        Command::Streams(args) => streams::run(args),
        Command::Train(args) => train::run(args),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Chaos(arguments) => chaos::run(&arguments),
        Command::Load(arguments) => load::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
    }
}
