//! `tacit mail`.

use super::open;
use crate::{
    app::App,
    clock::rfc3339,
    mail::{Letter, Mailer},
    random,
    store::outbox::{LETTERS, OutboxRow},
};
use anyhow::{Context, bail};
use clap::Subcommand;
use std::path::Path;

/// Notices that are listed.
const LISTED: i64 = 200;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sends a message to an address now, and says what the mail server said.
    Test { address: String },
    /// Lists the latest notices and what became of them.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Tries again what was given up.
    Retry,
}

impl Command {
    pub async fn run(self, data: &Path) -> anyhow::Result<()> {
        let app = open::app(data).await?;
        match self {
            Self::Test { address } => test(&app, &address).await,
            Self::List { json } => list(&app, json).await,
            Self::Retry => {
                let now = app.now_ms();
                let revived = app.store.revive(&LETTERS, now).await?;
                app.store
                    .insert_admin_event(
                        now,
                        "notices_retried",
                        &open::actor(),
                        &revived.to_string(),
                    )
                    .await?;
                println!("{revived} will be tried again by the running server");
                Ok(())
            }
        }
    }
}

async fn test(app: &App, address: &str) -> anyhow::Result<()> {
    let Some(mail) = &app.settings.mail else {
        bail!("tacit.toml has no [mail]: say there which server takes our mail");
    };
    let mailer = Mailer::new(mail, &app.settings.origin).context("[mail] in tacit.toml")?;
    let body = format!(
        "This is the test that `tacit mail test` sends.\n\nNotices of {} will look like this and come from the same address.\n",
        app.settings.origin
    );
    let letter = Letter {
        id: &random::id(app.now_ms()),
        to: address,
        subject: "A test of Tacit's notices",
        body: &body,
    };
    mailer
        .send(&letter)
        .await
        .with_context(|| format!("{}:{} did not take it", mail.host, mail.port))?;
    println!("{}:{} took it for {address}", mail.host, mail.port);
    Ok(())
}

async fn list(app: &App, json: bool) -> anyhow::Result<()> {
    let rows: Vec<OutboxRow> = app.store.latest(&LETTERS, LISTED).await?;
    for row in rows {
        if json {
            open::print_json(&row)?;
        } else {
            println!(
                "{}  {}  {}  {} attempt(s)  {}  {}",
                rfc3339(row.created_at),
                row.state,
                row.recipient,
                row.attempts,
                row.subject,
                row.problem
            );
        }
    }
    Ok(())
}
