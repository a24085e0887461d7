//! The org as one file says.

use crate::cli::open;
use crate::okta::organiser::{
    Organiser, Planned, Way,
    apply::{Options, Progress},
    clicks,
    doctor::Finding,
    file::Wanted,
    snapshot::name_of,
};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use std::{
    io::{IsTerminal, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Reads the org, and prints what apply would create, change and leave. Changes nothing.
    Plan {
        #[command(flatten)]
        org: Org,
        /// Also what was there before and would be taken over.
        #[arg(long)]
        adopt: bool,
        #[arg(long)]
        json: bool,
    },
    /// Brings about what the file says: shows the plan, asks, and does it. Ends with 3 if something waits for somebody.
    Apply {
        #[command(flatten)]
        org: Org,
        /// Takes over what was there before and has the names of the file.
        #[arg(long)]
        adopt: bool,
        /// Does not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Tests each step of the way, and names the failing one with its repair.
    Doctor {
        #[command(flatten)]
        org: Org,
        #[arg(long)]
        json: bool,
    },
    /// Compares the org with the file. Ends with 1 if anything differs.
    Drift {
        #[command(flatten)]
        org: Org,
        #[arg(long)]
        json: bool,
    },
    /// Takes away what apply made, in reverse order, and nothing else.
    Destroy {
        #[command(flatten)]
        org: Org,
        /// Does not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Prints the same as resources of Terraform's okta provider. Needs no org.
    Terraform {
        /// The file.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct Org {
    /// The file.
    file: PathBuf,
    /// PEM certificates that are trusted for the org besides the machine's own.
    #[arg(long, value_name = "FILE", env = "TACIT_OKTA_CA")]
    org_ca: Option<PathBuf>,
    /// Where the org's host is, instead of asking DNS.
    #[arg(long, value_name = "ADDRESS:PORT", env = "TACIT_OKTA_ADDRESS")]
    org_address: Option<SocketAddr>,
}

/// Something waits for somebody.
const WAITS: u8 = 3;

impl Command {
    pub async fn run(self, data: &Path) -> anyhow::Result<ExitCode> {
        match self {
            Self::Plan { org, adopt, json } => {
                plan(&organiser(&org, data).await?, adopt, json).await
            }
            Self::Drift { org, json } => drift(&organiser(&org, data).await?, json).await,
            Self::Apply { org, adopt, yes } => {
                apply(&organiser(&org, data).await?, adopt, yes).await
            }
            Self::Doctor { org, json } => doctor(&org, data, json).await,
            Self::Destroy { org, yes } => destroy(&organiser(&org, data).await?, yes).await,
            Self::Terraform { file } => {
                let app = open::app(data).await?;
                let text = crate::okta::organiser::terraform(&app, &Wanted::load(&file)?).await?;
                print!("{text}");
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

async fn organiser(org: &Org, data: &Path) -> anyhow::Result<Organiser> {
    let wanted = Wanted::load(&org.file)?;
    let app = open::app(data).await?;
    let ca = match &org.org_ca {
        Some(file) => {
            Some(std::fs::read(file).with_context(|| format!("reading {}", file.display()))?)
        }
        None => None,
    };
    let way = Way {
        ca,
        address: org.org_address,
        bounds: None,
    };
    let folder = org.file.parent().unwrap_or(Path::new("."));
    Ok(Organiser::new(
        app,
        wanted,
        folder,
        data,
        way,
        &open::actor(),
    )?)
}

fn head(organiser: &Organiser, planned: &Planned) -> String {
    let wanted = organiser.wanted();
    format!(
        "{} ({}, {})",
        wanted.org.url,
        planned.snapshot.org_id,
        name_of(planned.snapshot.pipeline)
    )
}

async fn plan(organiser: &Organiser, adopt: bool, as_json: bool) -> anyhow::Result<ExitCode> {
    let planned = organiser.plan(adopt).await?;
    show(organiser, &planned, as_json)?;
    Ok(ExitCode::SUCCESS)
}

fn show(organiser: &Organiser, planned: &Planned, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let mut shown = planned.plan.to_json();
        shown["org"] = json!({
            "url": organiser.wanted().org.url,
            "id": planned.snapshot.org_id,
            "pipeline": planned.snapshot.pipeline,
        });
        shown["by_hand"] = json!(planned.clicks);
        return open::print_json(&shown);
    }
    println!("{}\n", head(organiser, planned));
    print!(
        "{}{}",
        planned.plan.to_text(),
        clicks::to_text(&planned.clicks)
    );
    Ok(())
}

async fn drift(organiser: &Organiser, as_json: bool) -> anyhow::Result<ExitCode> {
    let planned = organiser.plan(false).await?;
    show(organiser, &planned, as_json)?;
    Ok(
        match planned.plan.is_done() && planned.plan.orphans.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        },
    )
}

async fn apply(organiser: &Organiser, adopt: bool, yes: bool) -> anyhow::Result<ExitCode> {
    let mut agrees = |planned: &Planned| {
        println!("{}\n", head(organiser, planned));
        print!("{}", planned.plan.to_text());
        yes || asks("Do this?")
    };
    let applied = organiser
        .apply(Options { adopts: adopt }, &mut agrees, &mut tell)
        .await?;
    let Some(applied) = applied else {
        bail!("nothing was changed: say yes, or give --yes");
    };
    print!("{}", clicks::to_text(&applied.clicks));
    if applied.waits.is_empty() && applied.plan.is_done() {
        println!("\n{} done; all is as the file says", applied.done);
        return Ok(ExitCode::SUCCESS);
    }
    println!("\n{} done", applied.done);
    for (key, refusal) in &applied.waits {
        println!(
            "waits: {key}: {}\n       repair: {}",
            refusal.why, refusal.repair
        );
    }
    for step in applied
        .plan
        .steps
        .iter()
        .filter(|step| step.action.is_work())
        .filter(|step| !applied.waits.iter().any(|(key, _)| *key == step.object.key))
    {
        let at: Vec<&str> = step
            .action
            .differences()
            .iter()
            .map(|d| d.at.as_str())
            .collect();
        println!("differs still: {}: {}", step.object.key, at.join(", "));
    }
    Ok(ExitCode::from(WAITS))
}

fn tell(progress: Progress<'_>) {
    match progress {
        Progress::Begin {
            number,
            of,
            action,
            key,
        } => {
            print!("[{number}/{of}] {action} {key} … ");
            // What is seen of the progress is no reason to end it.
            let _ = std::io::stdout().flush();
        }
        Progress::Done(id) => println!("done {id}"),
        Progress::Waits(refusal) => println!("waits: {}", refusal.why),
    }
}

/// Whether the person at the terminal says yes; without a terminal nobody does.
fn asks(question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    print!("{question} [y/N] ");
    let _ = std::io::stdout().flush();
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes")
}

async fn destroy(organiser: &Organiser, yes: bool) -> anyhow::Result<ExitCode> {
    let mut agrees = |keys: &[crate::okta::organiser::object::Key]| {
        for key in keys {
            println!("- remove   {key}");
        }
        yes || asks("Take this away?")
    };
    let Some(destroyed) = organiser.destroy(&mut agrees, &mut tell).await? else {
        bail!("nothing was changed: say yes, or give --yes");
    };
    for (key, refusal) in &destroyed.left {
        println!("left: {key}: {}; {}", refusal.why, refusal.repair);
    }
    match destroyed.removed.len() {
        0 => println!("nothing to take away"),
        n => println!("{n} taken away"),
    }
    Ok(ExitCode::SUCCESS)
}

async fn doctor(org: &Org, data: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut findings = Vec::new();
    match organiser(org, data).await {
        Ok(organiser) => {
            findings.push(Finding {
                step: "file and secrets".into(),
                found: Ok(organiser.wanted().name.clone()),
            });
            findings.extend(organiser.doctor().await?);
        }
        Err(error) => {
            let refusal = crate::okta::organiser::plan::Refusal::new(
                format!("{error:#}"),
                "mend what it names, and run doctor again",
            );
            findings.push(Finding {
                step: "file and secrets".into(),
                found: Err(refusal),
            });
        }
    }
    let mut failed = false;
    for Finding { step, found } in findings {
        let (good, what, repair) = match found {
            Ok(what) => (true, what, String::new()),
            Err(refusal) => (false, refusal.why, refusal.repair),
        };
        failed |= !good;
        if as_json {
            open::print_json(
                &json!({ "step": step, "good": good, "what": what, "repair": repair }),
            )?;
        } else if good {
            println!("good  {step}: {what}");
        } else {
            println!("FAIL  {step}: {what}\n      repair: {repair}");
        }
    }
    Ok(match failed {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}
