//! `tacit token`.

use super::open;
use crate::{
    app::App,
    clock::{DAY, Millis, rfc3339},
    keys, random,
    store::token::TokenRow,
};
use anyhow::{Context, bail, ensure};
use clap::{Subcommand, ValueEnum};
use std::path::Path;
use wire::id::ConnectionId;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes a token and prints it this once.
    Create {
        /// What it is for.
        #[arg(long)]
        purpose: Purpose,
        /// The connection whose SCIM client it is for.
        #[arg(long, required_if_eq("purpose", "scim"))]
        connection: Option<String>,
        /// Days until it expires. Without it an enrolment token never does, and a SCIM token after 180; that one lives
        /// 365 days at most.
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
    /// Lets an Okta org push people and groups. Two of a connection may be good at once, so that one can take over.
    Scim,
}

impl Command {
    pub async fn run(self, data: &Path) -> anyhow::Result<()> {
        let app = open::app(data).await?;
        let now = app.now_ms();
        match self {
            Self::Create {
                purpose: Purpose::Scim,
                connection,
                days,
            } => create_scim(&app, &connection.unwrap_or_default(), days, now).await?,
            Self::Create {
                purpose: Purpose::Enrolment,
                connection: _,
                days,
            } => {
                ensure!(days != Some(0), "a token is good for at least one day");
                let token = random::token::<32>();
                let row = TokenRow {
                    id: random::id(now),
                    purpose: "enrolment".into(),
                    connection: String::new(),
                    created_at: now,
                    expires_at: days.map_or(0, |d| now + i64::from(d) * DAY),
                    revoked_at: 0,
                    last_used_at: 0,
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
                        let state = match (row.revoked_at, row.is_good(now)) {
                            (0, true) => "good",
                            (0, false) => "expired",
                            _ => "revoked",
                        };
                        let expires = match row.expires_at {
                            0 => "never expires".into(),
                            at => format!("expires {}", rfc3339(at)),
                        };
                        println!(
                            "{}  {}  {state}  {expires}  {}",
                            row.id, row.purpose, row.connection
                        );
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

/// Days of a SCIM token where nothing was said, and at most.
const SCIM_DAYS: u16 = 180;
const SCIM_DAYS_AT_MOST: u16 = 365;

async fn create_scim(
    app: &App,
    connection: &str,
    days: Option<u16>,
    now: Millis,
) -> anyhow::Result<()> {
    let id = ConnectionId::new(connection).context("the connection's name")?;
    app.store
        .find_connection(&id)
        .await?
        .with_context(|| format!("there is no connection {id}"))?;
    let days = days.unwrap_or(SCIM_DAYS);
    ensure!(
        (1..=SCIM_DAYS_AT_MOST).contains(&days),
        "a SCIM token is good for 1 to {SCIM_DAYS_AT_MOST} days"
    );
    let token = random::token::<32>();
    let row = TokenRow {
        id: random::id(now),
        purpose: "scim".into(),
        connection: id.to_string(),
        created_at: now,
        expires_at: now + i64::from(days) * DAY,
        revoked_at: 0,
        last_used_at: 0,
    };
    let hash = keys::hash(token.as_bytes());
    if !app.store.insert_scim_token(&row, &hash, now).await? {
        bail!(
            "two tokens of {id} are good already: look with `tacit token list` which one is not used any more, and revoke it \
             with `tacit token revoke ID`"
        );
    }
    app.store
        .insert_admin_event(now, "token_created", &open::actor(), &row.id)
        .await?;
    println!("{token}");
    Ok(())
}
