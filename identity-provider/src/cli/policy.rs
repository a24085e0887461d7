//! `tacit policy`.

mod replay;

use super::open;
use crate::{
    clock::rfc3339,
    domain::policy::{Policy, SHIPPED},
};
use anyhow::Context;
use clap::Subcommand;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prints the policy in force.
    Show {
        #[arg(long)]
        json: bool,
    },
    /// Puts a file in force, unless it allows too much.
    Set { file: PathBuf },
    /// Lists versions.
    History {
        #[arg(long)]
        json: bool,
    },
    /// Puts an earlier version in force again, as a new one.
    Restore { version: i64 },
    /// Says what recorded decisions would have been under another policy; nothing is put in force.
    Replay(replay::Replay),
}

impl Command {
    pub async fn run(self, data: &Path) -> anyhow::Result<()> {
        let app = open::app(data).await?;
        let now = app.now_ms();
        let put = async |text: &str| -> anyhow::Result<()> {
            Policy::parse(text).context("this policy is not put in force")?;
            let version = app.store.insert_policy(text, &open::actor(), now).await?;
            app.store
                .insert_admin_event(
                    now,
                    "policy_set",
                    &open::actor(),
                    &format!("version {version}"),
                )
                .await?;
            println!("version {version} is in force");
            Ok(())
        };
        match self {
            Self::Show { json } => {
                let version = app.store.policy_version().await?.unwrap_or(0);
                let row = app.store.find_policy(version).await?;
                match (row, json) {
                    (Some(row), true) => open::print_json(&row)?,
                    (Some(row), false) => print!("{}", row.text),
                    (None, _) => print!("{SHIPPED}"),
                }
            }
            Self::Set { file } => {
                let text = std::fs::read_to_string(&file)
                    .with_context(|| format!("reading {}", file.display()))?;
                put(&text).await?;
            }
            Self::History { json } => {
                for row in app.store.list_policies().await? {
                    if json {
                        open::print_json(&row)?;
                    } else {
                        println!(
                            "{}  {}  {}",
                            row.version,
                            rfc3339(row.created_at),
                            row.author
                        );
                    }
                }
            }
            Self::Restore { version } => {
                let row = app.store.find_policy(version).await?.with_context(|| {
                    format!("there is no version {version}: `tacit policy history` lists them")
                })?;
                put(&row.text).await?;
            }
            Self::Replay(replay) => replay.run(&app).await?,
        }
        Ok(())
    }
}
