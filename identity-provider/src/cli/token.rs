//! `tacit token`.

use super::open;
use crate::{clock::DAY, keys, random, store::token::TokenRow};
use anyhow::bail;
use clap::{Subcommand, ValueEnum};
use std::path::Path;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes a token and prints it this once.
    Create {
        /// What it is for.
        #[arg(long)]
        purpose: Purpose,
        /// Days until it expires; never if absent.
        #[arg(long)]
        days: Option<u16>,
    },
    /// Lists tokens, without the tokens themselves.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Makes a token worthless.
    Revoke {
        /// Its id, from the list.
        id: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Purpose {
    /// Registers pending devices.
    Enrolment,
}

impl Command {
    pub async fn run(self, data: &Path) -> anyhow::Result<()> {
        let app = open::app(data).await?;
        let now = app.now_ms();
        match self {
            Self::Create {
                purpose: Purpose::Enrolment,
                days,
            } => {
                let token = random::token::<32>();
                let row = TokenRow {
                    id: random::id(now),
                    purpose: "enrolment".into(),
                    created_at: now,
                    expires_at: days.map_or(0, |d| now + i64::from(d) * DAY),
                    revoked_at: 0,
                };
                app.store
                    .insert_token(&row, &keys::hash(token.as_bytes()))
                    .await?;
                app.store
                    .insert_admin_event(now, "token_created", &open::actor(), &row.id)
                    .await?;
                println!("{token}");
            }
            Self::List { json } => {
                for row in app.store.list_tokens().await? {
                    if json {
                        open::print_json(&row)?;
                    } else {
                        let state = if row.revoked_at != 0 {
                            "revoked"
                        } else {
                            "good"
                        };
                        println!("{}  {}  {state}", row.id, row.purpose);
                    }
                }
            }
            Self::Revoke { id } => {
                if !app.store.revoke_token(&id, now).await? {
                    bail!("no token {id} that stands: `tacit token list` shows them all");
                }
                app.store
                    .insert_admin_event(now, "token_revoked", &open::actor(), &id)
                    .await?;
                println!("revoked {id}");
            }
        }
        Ok(())
    }
}
