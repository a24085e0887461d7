//! `okta-stand-in`: an Okta org and an application on loopback.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use okta_stand_in::{Clock, Config, EXAMPLE};
use tracing_subscriber::EnvFilter;

/// A stand-in of an Okta org with one application, for tests and demonstrations.
#[derive(Parser)]
#[command(version, after_long_help = example())]
struct Arguments {
    /// Configuration file (TOML); without it the defaults hold.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// Folder for keys [default: okta-stand-in.data beside the configuration file,
    /// or in the user's state folder]
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the org and the application (this is also what happens without a command).
    Serve,
    /// Print the service provider's SAML metadata.
    Metadata,
    /// Print an example configuration.
    Example,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let config = match &arguments.config {
        Some(path) => {
            Config::load(path).with_context(|| format!("configuration {}", path.display()))?
        }
        None => Config::default(),
    };
    let data = arguments
        .data
        .unwrap_or_else(|| default_data(arguments.config.as_deref()));
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(config, &data).await,
        Command::Metadata => {
            println!("{}", okta_stand_in::metadata_xml(&config, &data)?);
            Ok(())
        }
        Command::Example => {
            print!("{EXAMPLE}");
            Ok(())
        }
    }
}

async fn serve(config: Config, data: &Path) -> anyhow::Result<()> {
    let (org, app) = (config.org_origin.clone(), config.app_origin.clone());
    let lacks_certificate = config
        .idp
        .as_ref()
        .is_some_and(|idp| idp.oidc.is_none() && idp.certificate.is_none());
    let running = okta_stand_in::serve(config, data, Clock::System).await?;
    tracing::info!(listening = %running.org_address, origin = org, "org");
    tracing::info!(listening = %running.application_address, origin = app, "application");
    if lacks_certificate {
        tracing::warn!("idp.certificate is not set: every SAML Response will be refused");
    }
    wait_for_end().await?;
    running.shutdown().await;
    Ok(())
}

async fn wait_for_end() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).context("waiting for SIGTERM")?;
        tokio::select! {
            end = tokio::signal::ctrl_c() => end.context("waiting for Ctrl-C"),
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.context("waiting for Ctrl-C")
}

fn default_data(config: Option<&Path>) -> PathBuf {
    if let Some(folder) = config.and_then(Path::parent) {
        return folder.join("okta-stand-in.data");
    }
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(home);
    state
        .unwrap_or_else(std::env::temp_dir)
        .join("okta-stand-in")
}

fn example() -> String {
    format!("Example configuration:\n\n{EXAMPLE}")
}
