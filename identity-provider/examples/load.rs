//! Load: simulated agents with software keys against real server processes over the loopback, on SQLite and on PostgreSQL.
//! Prints what it does to standard error and one line of JSON at the end. `cargo xtask load`.
//!
//! It ends with an error if any sign-in or heartbeat failed, if anything was decided twice, or if overload was not told
//! when to come back.

#[path = "../tests/it/support/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the tests use more of it"
)]
mod support;
#[path = "../tests/it/swarm/mod.rs"]
mod swarm;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use support::Database;
use swarm::{Flood, Member, Site, Size, Tally};

/// How much of it.
#[derive(Parser)]
struct Arguments {
    /// Enrolled devices; each sends one heartbeat during the main run.
    #[arg(long, default_value_t = 20_000)]
    devices: usize,
    /// Challenges under way at any moment.
    #[arg(long, default_value_t = 2_000)]
    at_once: usize,
    /// Seconds of each main run.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Seconds at each number of devices that growth is measured at.
    #[arg(long, default_value_t = 8)]
    growth_seconds: u64,
    /// Numbers of devices that growth is measured at.
    #[arg(long, value_delimiter = ',', default_value = "1000,20000,100000")]
    growth: Vec<usize>,
    /// Connections of the flood.
    #[arg(long, default_value_t = 6_000)]
    flood: usize,
    /// Leave PostgreSQL out.
    #[arg(long)]
    sqlite_only: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut figures = json!({
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "sqlite": sqlite(&arguments).await?,
        "growth": growth(&arguments).await?,
    });
    if !arguments.sqlite_only {
        figures["postgres"] = postgres(&arguments).await?;
    }
    println!("{figures}");
    Ok(())
}

async fn site(
    postgres: Option<Database>,
    processes: usize,
    devices: usize,
) -> Result<(Arc<Site>, Arc<Vec<Member>>)> {
    let program = swarm::program();
    ensure!(
        program.is_file(),
        "{} is missing: build the server beside this program",
        program.display()
    );
    let site = Site::start(&program, postgres, processes).await?;
    let members = site.enrol(devices, 0).await?;
    Ok((Arc::new(site), Arc::new(members)))
}

async fn sqlite(arguments: &Arguments) -> Result<Value> {
    let (site, members) = site(None, 1, arguments.devices).await?;
    let (idle, ..) = site.processes[0].used();
    let commits = commits(&site).await?;
    let during = Duration::from_secs(arguments.seconds);
    let size = Size {
        at_once: arguments.at_once,
        during,
        sign_ins: None,
        heartbeats: arguments.devices,
    };
    let before = site.processes[0].used();
    let tally = swarm::run(&site, &members, size).await;
    let after = site.processes[0].used();
    let mut told = told("sqlite", arguments.devices, arguments.at_once, &tally);
    ensure!(tally.errors.is_empty(), "{told:#}");
    ensure!(
        swarm::decided_twice(&site).await? == 0,
        "a challenge was decided twice"
    );
    told["memory_idle_mb"] = json!(idle);
    told["memory_mb"] = json!(after.0);
    told["memory_peak_mb"] = json!(after.1);
    told["processor_ms_per_challenge"] =
        json!((after.2 - before.2) * 1e3 / tally.sign_ins.len().max(1) as f64);
    told["commits_per_challenge"] = json!(
        self::commits(&site).await.map(|now| now - commits)? / tally.sign_ins.len().max(1) as f64
    );
    told["overload"] = overload(arguments, &site, &members).await?;
    Ok(told)
}

/// More than is worked on at once, and what a sign-in takes before and afterwards.
async fn overload(
    arguments: &Arguments,
    site: &Arc<Site>,
    members: &Arc<Vec<Member>>,
) -> Result<Value> {
    let calm = Size {
        at_once: 50,
        during: Duration::from_secs(4),
        sign_ins: None,
        heartbeats: 0,
    };
    let before = swarm::run(site, members, calm).await;
    let Flood { replies, faults } =
        swarm::flood(site, members, arguments.flood, Duration::from_secs(6)).await;
    let after = swarm::run(site, members, calm).await;
    let shed = replies.get(&503).copied().unwrap_or(0) + replies.get(&429).copied().unwrap_or(0);
    eprintln!("overload: {replies:?}, {faults} faults");
    ensure!(
        faults == 0,
        "{faults} replies did not say when to come back, or connections that broke"
    );
    ensure!(
        before.errors.is_empty() && after.errors.is_empty(),
        "{:?} {:?}",
        before.errors,
        after.errors
    );
    Ok(json!({
        "connections": arguments.flood, "taken": replies.get(&303), "shed": shed, "faults": faults,
        "p50_ms_before": Tally::percentile(&before.sign_ins, 0.5), "p50_ms_after": Tally::percentile(&after.sign_ins, 0.5),
    }))
}

/// The same load beside ever more devices.
async fn growth(arguments: &Arguments) -> Result<Vec<Value>> {
    let mut grown = Vec::new();
    let (site, first) = site(None, 1, 0).await?;
    drop(first);
    let mut members = Vec::new();
    for &devices in &arguments.growth {
        members.extend(site.enrol(devices - members.len(), members.len()).await?);
        let shared = Arc::new(std::mem::take(&mut members));
        let during = Duration::from_secs(arguments.growth_seconds);
        let size = Size {
            at_once: 200,
            during,
            sign_ins: None,
            heartbeats: 2_000,
        };
        let before = site.processes[0].used();
        let tally = swarm::run(&site, &shared, size).await;
        let after = site.processes[0].used();
        members = Arc::into_inner(shared).context("the run is over")?;
        let mut told = told("sqlite", devices, size.at_once, &tally);
        ensure!(tally.errors.is_empty(), "{told:#}");
        told["memory_mb"] = json!(after.0);
        told["processor_ms_per_challenge"] =
            json!((after.2 - before.2) * 1e3 / tally.sign_ins.len().max(1) as f64);
        told["database_mb"] = json!(site.database_bytes() as f64 / 1e6);
        grown.push(told);
    }
    Ok(grown)
}

/// Two processes on one database; one of them is killed in the middle.
async fn postgres(arguments: &Arguments) -> Result<Value> {
    let (site, members) = site(Some(swarm::durable_postgres().await), 2, arguments.devices).await?;
    let during = Duration::from_secs(arguments.seconds);
    let size = Size {
        at_once: arguments.at_once,
        during,
        sign_ins: None,
        heartbeats: arguments.devices,
    };
    let both = swarm::run(&site, &members, size).await;
    let mut figures = told(
        "postgres, two processes",
        arguments.devices,
        size.at_once,
        &both,
    );
    ensure!(both.errors.is_empty(), "{figures:#}");
    let killer = tokio::spawn({
        let site = site.clone();
        async move {
            tokio::time::sleep(during / 4).await;
            site.processes[0].kill();
        }
    });
    let one = swarm::run(
        &site,
        &members,
        Size {
            during: during / 2,
            heartbeats: 2_000,
            ..size
        },
    )
    .await;
    killer.await?;
    let told = told(
        "postgres, one killed",
        arguments.devices,
        size.at_once,
        &one,
    );
    ensure!(one.errors.is_empty(), "{told:#}");
    ensure!(
        one.moved > 0,
        "nobody had to move: the process was not in use"
    );
    ensure!(
        swarm::decided_twice(&site).await? == 0,
        "a challenge was decided twice"
    );
    figures["one_killed"] = told;
    figures["memory_mb"] = json!(site.processes[1].used().0);
    Ok(figures)
}

fn told(what: &str, devices: usize, at_once: usize, tally: &Tally) -> Value {
    let errors: usize = tally.errors.values().sum();
    let told = json!({
        "devices": devices, "at_once": at_once, "seconds": tally.took.as_secs_f64(),
        "challenges": tally.sign_ins.len(), "challenges_per_second": tally.per_second(),
        "p50_ms": Tally::percentile(&tally.sign_ins, 0.5), "p99_ms": Tally::percentile(&tally.sign_ins, 0.99),
        "p999_ms": Tally::percentile(&tally.sign_ins, 0.999),
        "heartbeats": tally.heartbeats.len(), "heartbeat_p99_ms": Tally::percentile(&tally.heartbeats, 0.99),
        "moved": tally.moved, "errors": errors, "which_errors": tally.errors,
    });
    eprintln!(
        "{what}: {devices} devices, {at_once} at once: {:.0} challenges/s, p50 {:.0} ms, p99 {:.0} ms, {} heartbeats, {errors} errors",
        tally.per_second(),
        Tally::percentile(&tally.sign_ins, 0.5),
        Tally::percentile(&tally.sign_ins, 0.99),
        tally.heartbeats.len(),
    );
    told
}

/// Commits of the one writer so far.
async fn commits(site: &Site) -> Result<f64> {
    let text = site
        .connect(0)
        .await?
        .ask("GET", "/metrics", &[], "")
        .await?
        .body;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("tacit_store_batch_count "));
    Ok(line.map_or(0.0, |n| n.parse().unwrap_or(0.0)))
}
