//! `tacit audit`.

use super::open;
use crate::{
    clock::{HOUR, rfc3339},
    store::decision::Decision,
};
use clap::Subcommand;
use std::path::Path;

/// Rows read at once.
const PAGE: i64 = 1_000;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prints decisions, oldest first.
    Decisions {
        #[arg(long)]
        json: bool,
        /// Only those of the last hours.
        #[arg(long)]
        hours: Option<u16>,
    },
    /// Prints everything else that was noted, oldest first.
    Events {
        #[arg(long)]
        json: bool,
        #[arg(long)]
        hours: Option<u16>,
    },
}

/// A decision, and what follows from its evidence.
#[derive(serde::Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    row: &'a Decision,
    /// How far the device's clock was ahead of ours.
    clock_off_s: Option<i64>,
}

impl Command {
    pub async fn run(self, data: &Path) -> anyhow::Result<()> {
        let app = open::app(data).await?;
        let since = |hours: Option<u16>| hours.map_or(0, |h| app.now_ms() - i64::from(h) * HOUR);
        match self {
            Self::Decisions { json, hours } => {
                let (mut at, mut last) = (since(hours), String::new());
                loop {
                    let rows = app.store.decisions_after(at, &last, PAGE).await?;
                    let Some(end) = rows.last() else { break };
                    (at, last) = (end.at, end.id.clone());
                    for row in &rows {
                        if json {
                            open::print_json(&Shown {
                                row,
                                clock_off_s: row.clock_off_s(),
                            })?;
                        } else {
                            println!(
                                "{}  {}  {}  {}  {}",
                                rfc3339(row.at),
                                row.user,
                                row.outcome,
                                row.factor,
                                row.reasons.join(", ")
                            );
                        }
                    }
                }
            }
            Self::Events { json, hours } => {
                for row in app.store.events_since(since(hours), PAGE).await? {
                    if json {
                        open::print_json(&row)?;
                    } else {
                        println!(
                            "{}  {}  {}  {}",
                            rfc3339(row.at),
                            row.kind,
                            row.actor,
                            row.detail
                        );
                    }
                }
            }
        }
        Ok(())
    }
}
