//! `cargo xtask chaos`: kill -9 at random points at protocol level, far more often than the tests do, several at once.

use crate::{run, step};
use anyhow::Result;
use clap::Args;

/// Options of the command.
#[derive(Args)]
pub struct Arguments {
    /// Kills in all.
    #[arg(long, default_value_t = 1_000)]
    kills: u16,
    /// Servers that are killed at the same time.
    #[arg(long, default_value_t = 4)]
    sites: u16,
}

/// Runs the tests that kill, with these numbers: of the server, and of the host with its keys and templates.
pub fn run(arguments: &Arguments) -> Result<()> {
    let tests = [
        ("identity-provider", "it", "crash::"),
        ("native-host", "chaos", ""),
    ];
    for (package, test, filter) in tests {
        let what = format!("kill {package} {} times", arguments.kills);
        step::loud(&what, || {
            let mut cargo = run::cargo();
            cargo.args([
                "test",
                "--package",
                package,
                "--test",
                test,
                "--",
                "--nocapture",
            ]);
            cargo.args(Some(filter).filter(|f| !f.is_empty()));
            cargo
                .env("TACIT_CHAOS_KILLS", arguments.kills.to_string())
                .env("TACIT_CHAOS_SITES", arguments.sites.to_string());
            run::check(&mut cargo)
        })?;
    }
    Ok(())
}
