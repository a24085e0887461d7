//! Started by a browser with the calling extension's origin, or by hand with a subcommand.

use anyhow::Context;
use clap::Parser;
use native_host::host::Host;
use native_host::serve::{End, serve};
use native_host::settings::{DEFAULT_PATH, Settings};
use native_host::{data::DataFolder, log};
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Keeps this user's device key and signs Tacit's answers with it. Browsers start it by themselves.
#[derive(Parser)]
#[command(name = "tacit-host", version)]
struct Arguments {
    /// The machine configuration.
    #[arg(long, value_name = "FILE", global = true, default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// The calling extension, as a browser passes it: chrome-extension://ID/
    caller: Option<String>,
    /// Passed by browsers on Windows; not used.
    #[arg(long, hide = true)]
    parent_window: Option<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let caller = arguments.caller.as_deref().unwrap_or_default();
    speak(&arguments.config, caller)
}

/// Native messaging until the browser closes the pipe.
fn speak(config: &std::path::Path, caller: &str) -> anyhow::Result<ExitCode> {
    let output = take_stdout().context("taking standard output")?;
    let settings = Settings::load(config);
    let idle = settings
        .as_ref()
        .map_or(Duration::from_secs(300), Settings::idle);
    if let Ok(settings) = &settings
        && let Some(folder) = settings.data_dir()
        && let Ok(data) = DataFolder::open(folder)
    {
        log::start(&data.path(""), settings.log);
    }
    log::log_panics();
    if let Err(error) = &settings {
        eprintln!("tacit-host: {error}");
    }
    let host = Host::new(settings, caller);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the event loop")?;
    let end = runtime.block_on(serve(host, std::io::stdin(), output, idle));
    // A thread blocked on the pipe, or a key store that hangs, must not keep the process alive.
    runtime.shutdown_background();
    tracing::info!(?end, "ended");
    Ok(match end {
        End::Closed | End::Idle => ExitCode::SUCCESS,
        End::Broken(_) | End::Deaf(_) => ExitCode::FAILURE,
    })
}

/// A private copy of standard output for frames. Whatever else writes there, as a C library's log may, goes to standard
/// error from now on.
#[cfg(unix)]
fn take_stdout() -> anyhow::Result<File> {
    let frames = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok(File::from(frames))
}

#[cfg(not(unix))]
fn take_stdout() -> anyhow::Result<std::io::Stdout> {
    Ok(std::io::stdout())
}
