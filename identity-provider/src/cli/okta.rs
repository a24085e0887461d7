//! `tacit okta`.

mod link;
mod organise;

pub use link::examine;

use clap::Subcommand;
use std::{path::Path, process::ExitCode};

#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(flatten)]
    Organise(organise::Command),
    #[command(flatten)]
    Link(link::Command),
}

impl Command {
    pub async fn run(self, data: &Path) -> anyhow::Result<ExitCode> {
        match self {
            Self::Organise(command) => command.run(data).await,
            Self::Link(command) => command.run(data).await,
        }
    }
}
