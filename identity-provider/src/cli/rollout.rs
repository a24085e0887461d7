//! `tacit rollout`.

use super::open;
use crate::{clock::HOUR, random, store::rollout::RolloutRow};
use anyhow::bail;
use clap::Subcommand;
use std::path::Path;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Opens a window: people of the group bind their first device by using it.
    Open {
        #[arg(long)]
        group: String,
        /// How long; at most 30 days.
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=720))]
        hours: u16,
    },
    /// Lists windows.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Closes a window before its time.
    Close {
        /// Its id, from the list.
        id: String,
    },
}

impl Command {
    pub async fn run(self, data: &Path) -> anyhow::Result<()> {
        let app = open::app(data).await?;
        let now = app.now_ms();
        match self {
            Self::Open { group, hours } => {
                let row = RolloutRow {
                    id: random::id(now),
                    group_name: group,
                    opened_at: now,
                    closes_at: now + i64::from(hours) * HOUR,
                };
                app.store.insert_rollout(&row).await?;
                app.store
                    .insert_admin_event(
                        now,
                        "rollout_opened",
                        &open::actor(),
                        &format!("{} for {}", row.id, row.group_name),
                    )
                    .await?;
                println!("{}", row.id);
            }
            Self::List { json } => {
                for row in app.store.list_rollouts().await? {
                    if json {
                        open::print_json(&row)?;
                    } else {
                        let state = if row.closes_at > now {
                            "open"
                        } else {
                            "closed"
                        };
                        println!("{}  {}  {state}", row.id, row.group_name);
                    }
                }
            }
            Self::Close { id } => {
                if !app.store.close_rollout(&id, now).await? {
                    bail!("no open window {id}: `tacit rollout list` shows them all");
                }
                app.store
                    .insert_admin_event(now, "rollout_closed", &open::actor(), &id)
                    .await?;
                println!("closed {id}");
            }
        }
        Ok(())
    }
}
