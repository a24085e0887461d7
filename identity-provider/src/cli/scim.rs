//! `tacit scim`.

use super::open;
use crate::{
    app::App,
    clock::{DAY, rfc3339},
    domain::scim::drift::{self, Report, Side},
    http::scim::base_url,
    store::token::TokenRow,
};
use anyhow::{Context, bail, ensure};
use clap::Subcommand;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use wire::id::ConnectionId;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prints what an administrator types into Okta, and which tokens are good.
    Show {
        #[arg(long)]
        connection: String,
        #[arg(long)]
        json: bool,
    },
    /// Compares what Okta has with what is here. Okta never sends again what it believes to be sent.
    ///
    /// The file is `{"users": [{"userName": …, "externalId": …, "active": …}], "groups": [{"displayName": …, "members":
    /// [logins]}]}`, or what Okta answers to `GET /api/v1/apps/{id}/users`. Ends with 1 if anything differs.
    Drift {
        #[arg(long)]
        connection: String,
        #[arg(long)]
        expected: PathBuf,
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    pub async fn run(self, data: &Path) -> anyhow::Result<ExitCode> {
        let app = open::app(data).await?;
        match self {
            Self::Show { connection, json } => {
                show(&app, &find(&app, &connection).await?, json).await
            }
            Self::Drift {
                connection,
                expected,
                json,
            } => compare(&app, &find(&app, &connection).await?, &expected, json).await,
        }
    }
}

async fn find(app: &App, name: &str) -> anyhow::Result<ConnectionId> {
    let id = ConnectionId::new(name).context("the connection's name")?;
    match app.store.find_connection(&id).await? {
        Some(_) => Ok(id),
        None => bail!("there is no connection {name}"),
    }
}

async fn show(app: &App, connection: &ConnectionId, json: bool) -> anyhow::Result<ExitCode> {
    let url = base_url(app, connection);
    let now = app.now_ms();
    let tokens: Vec<TokenRow> = scim_tokens(app, connection).await?;
    if json {
        open::print_json(&serde_json::json!({ "base_url": url, "tokens": tokens }))?;
        return Ok(ExitCode::SUCCESS);
    }
    println!("Base URL        {url}");
    println!("Unique user id  userName");
    for token in tokens.iter().filter(|t| t.is_good(now)) {
        let used = match token.last_used_at {
            0 => "never used".into(),
            at => format!("last used {}", rfc3339(at)),
        };
        println!(
            "token {}  good until {}  {used}",
            token.id,
            rfc3339(token.expires_at)
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn scim_tokens(app: &App, connection: &ConnectionId) -> anyhow::Result<Vec<TokenRow>> {
    let all = app.store.list_tokens().await?;
    let ours = |t: &TokenRow| t.purpose == "scim" && t.connection == connection.as_str();
    Ok(all.into_iter().filter(ours).collect())
}

/// A list of everybody in the largest org is smaller.
const FILE_AT_MOST: u64 = 256 * 1024 * 1024;

async fn compare(
    app: &App,
    connection: &ConnectionId,
    file: &Path,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let length = std::fs::metadata(file)
        .with_context(|| format!("reading {}", file.display()))?
        .len();
    ensure!(
        length <= FILE_AT_MOST,
        "{} is larger than {FILE_AT_MOST} bytes",
        file.display()
    );
    let text =
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let there = Side::parse(&text).with_context(|| file.display().to_string())?;
    let report = Report::of(&there, &drift::here(&app.store, connection.as_str()).await?);
    if json {
        open::print_json(&report)?;
    } else {
        print(&report);
    }
    Ok(match report.is_clean() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn print(report: &Report) {
    for (what, names) in [
        ("user missing here", &report.users_missing_here),
        ("user missing in Okta", &report.users_missing_there),
        ("group missing here", &report.groups_missing_here),
        ("group missing in Okta", &report.groups_missing_there),
    ] {
        for name in names {
            println!("{what}: {name}");
        }
    }
    for d in &report.users_differing {
        println!(
            "user differs: {} {}: {:?} in Okta, {:?} here",
            d.user, d.attribute, d.there, d.here
        );
    }
    for m in &report.groups_differing {
        println!(
            "members differ: {}: missing here {:?}, missing in Okta {:?}",
            m.group, m.missing_here, m.missing_there
        );
    }
    match report.is_clean() {
        true => println!("nothing differs"),
        false => println!(
            "repair: in Okta, push the groups again (Push now), and unassign and assign the people again"
        ),
    }
}

/// A token that stops being good so soon is a failure of `tacit doctor`: provisioning would die silently.
const WARN_DAYS: i64 = 14;

/// Whether the newest token of each connection that ever had one will last; for `tacit doctor`.
pub async fn examine(app: &App) -> anyhow::Result<Vec<(String, Result<String, (String, String)>)>> {
    let now = app.now_ms();
    let mut findings = Vec::new();
    for connection in app.store.list_connections().await? {
        let tokens = scim_tokens(app, &connection.id).await?;
        if tokens.is_empty() {
            continue;
        }
        let id = &connection.id;
        let repair = format!(
            "tacit token create --purpose scim --connection {id} --days 180, and enter it in Okta"
        );
        let last = tokens
            .iter()
            .filter(|t| t.is_good(now))
            .map(|t| t.expires_at)
            .max();
        let finding = match last.map(|at| (at - now) / DAY) {
            None => Err(("no token is good any more: Okta cannot push".into(), repair)),
            Some(days) if days < WARN_DAYS => Err((
                format!("the last good token expires in {days} days"),
                repair,
            )),
            Some(days) => Ok(format!("good for {days} more days")),
        };
        findings.push((format!("connection {id}: SCIM token"), finding));
    }
    Ok(findings)
}
