//! `tacit`: the administrator's commands.

mod admin;
mod audit;
mod connection;
mod device;
mod doctor;
mod init;
mod mail;
mod oidc;
mod okta;
mod open;
mod policy;
mod rollout;
mod scim;
mod serve;
mod token;
mod user;

use clap::{Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};

/// Answers an Okta org's factor requests from the behaviour and the device keys of its people.
#[derive(Debug, Parser)]
#[command(name = "tacit", version)]
struct Cli {
    /// The data folder.
    #[arg(
        long,
        global = true,
        env = "TACIT_DATA",
        default_value = "/var/lib/tacit"
    )]
    data: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes the data folder: settings, master key, database, first administrator.
    Init(init::Init),
    /// Runs the server.
    Serve(serve::Serve),
    /// Tests every step that a sign-in needs, and names the one that fails.
    Doctor(doctor::Doctor),
    /// Okta integrations.
    #[command(subcommand)]
    Connection(connection::Command),
    /// People.
    #[command(subcommand)]
    User(user::Command),
    /// Devices.
    #[command(subcommand)]
    Device(device::Command),
    /// The organisation's tokens.
    #[command(subcommand)]
    Token(token::Command),
    /// Windows in which a first use binds a device.
    #[command(subcommand)]
    Rollout(rollout::Command),
    /// The policy and its versions.
    #[command(subcommand)]
    Policy(policy::Command),
    /// The orgs of connections: what is done there, and what they tell us.
    #[command(subcommand)]
    Okta(okta::Command),
    /// People and groups that Okta pushes.
    #[command(subcommand)]
    Scim(scim::Command),
    /// The console's local administrators.
    #[command(subcommand)]
    Admin(admin::Command),
    /// What was decided, and why.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Notices to people and administrators.
    #[command(subcommand)]
    Mail(mail::Command),
    /// Figures for the project's own benchmark.
    #[command(hide = true)]
    Bench(crate::bench::Bench),
    /// The same of ID tokens.
    #[command(hide = true)]
    BenchOidc(crate::bench_oidc::BenchOidc),
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("tacit: no threads to run on: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tacit: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let data = cli.data.as_path();
    match cli.command {
        Command::Init(init) => init.run(data).await?,
        Command::Serve(serve) => serve.run(data).await?,
        Command::Doctor(doctor) => return doctor.run(data).await,
        Command::Connection(command) => command.run(data).await?,
        Command::User(command) => command.run(data).await?,
        Command::Device(command) => command.run(data).await?,
        Command::Token(command) => command.run(data).await?,
        Command::Rollout(command) => command.run(data).await?,
        Command::Policy(command) => command.run(data).await?,
        Command::Okta(command) => return command.run(data).await,
        Command::Scim(command) => return command.run(data).await,
        Command::Admin(command) => command.run(data).await?,
        Command::Audit(command) => command.run(data).await?,
        Command::Mail(command) => command.run(data).await?,
        Command::Bench(bench) => bench.run().await?,
        Command::BenchOidc(bench) => bench.run().await?,
    }
    Ok(ExitCode::SUCCESS)
}
