//! Started by a browser with the calling extension's origin, or by hand with a subcommand.

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};
use native_host::browsers::{Browser, Level, Places};
use native_host::data::DataFolder;
use native_host::doctor::diagnose;
use native_host::host::Host;
use native_host::install::{Target, install, is_administrator, uninstall};
use native_host::keystore::Kind;
use native_host::log;
use native_host::renew::renew;
use native_host::serve::{End, serve};
use native_host::settings::{DEFAULT_PATH, Settings};
use native_host::status::status;
#[cfg(unix)]
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  tacit-host install --level system           register with Chrome, Chromium, Edge and Brave for every user
  tacit-host install --browser chromium       register with Chromium for this user
  tacit-host --config FILE install            register with another machine configuration
  tacit-host doctor                           find out which step fails, and its repair
  tacit-host status --json                    key store, protection class, device, bindings";

/// Keeps this user's device key and signs Tacit's answers with it. Browsers start it by themselves.
#[derive(Parser)]
#[command(name = "tacit-host", version, after_help = EXAMPLES)]
struct Arguments {
    /// The machine configuration.
    #[arg(long, value_name = "FILE", global = true, default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// The calling extension, as a browser passes it: chrome-extension://ID/
    caller: Option<String>,
    /// Passed by browsers on Windows; not used.
    #[arg(long, hide = true)]
    parent_window: Option<String>,
    #[command(subcommand)]
    command: Option<ByHand>,
}

#[derive(Subcommand)]
enum ByHand {
    /// Register with browsers.
    Install {
        #[command(flatten)]
        at: Where,
        /// The tacit-host that browsers start; this one if not given.
        #[arg(long, value_name = "PATH")]
        program: Option<PathBuf>,
    },
    /// Take the registration back; keys and records stay.
    Uninstall {
        #[command(flatten)]
        at: Where,
    },
    /// Forget this user's device key; the extension makes a new one, and the device has to be bound again.
    Renew,
    /// Show key store, protection class, device and bindings.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Test every step and name the failing one with its repair.
    Doctor {
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// Of a browser that is started with --user-data-dir.
        #[arg(long, value_name = "DIR")]
        user_data_dir: Option<PathBuf>,
    },
}

#[derive(Args)]
struct Where {
    /// Only these browsers; may be repeated.
    #[arg(long)]
    browser: Vec<Browser>,
    /// For this user or for the whole machine; by default for the machine when run as root or as an administrator.
    #[arg(long)]
    level: Option<Level>,
    /// Only a browser that is started with --user-data-dir.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["browser", "level"])]
    user_data_dir: Option<PathBuf>,
    /// Below this folder instead of /, for building packages.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

fn main() -> ExitCode {
    run(Arguments::parse()).unwrap_or_else(|error| {
        eprintln!("tacit-host: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let config = &arguments.config;
    match (arguments.command, arguments.caller) {
        (None, Some(caller)) if caller.contains("://") => speak(config, &caller),
        (None, Some(word)) => bail!("{word} is neither a command nor an extension, see --help"),
        (Some(ByHand::Install { at, program }), _) => register(config, &at, program),
        (Some(ByHand::Uninstall { at }), _) => {
            show_files("removed", &uninstall(&at.target()?)?);
            Ok(ExitCode::SUCCESS)
        }
        (Some(ByHand::Renew), _) => forget_key(config),
        (Some(ByHand::Status { json }), _) => show_status(config, json),
        (
            Some(ByHand::Doctor {
                json,
                user_data_dir,
            }),
            _,
        ) => show_diagnosis(config, json, user_data_dir.as_deref()),
        (None, None) => bail!(
            "no browser started this: say what to do (install, uninstall, status, doctor), or see --help"
        ),
    }
}

/// Native messaging until the browser closes the pipe.
fn speak(config: &Path, caller: &str) -> anyhow::Result<ExitCode> {
    let output = take_stdout().context("taking standard output")?;
    hide_memory();
    let settings = Settings::load(config);
    let idle = settings
        .as_ref()
        .map_or(Duration::from_secs(300), Settings::idle);
    if let Ok(settings) = &settings
        && let Some(folder) = settings.data_dir()
        && let Ok(data) = DataFolder::open(folder)
    {
        log::start(data.root(), settings.log);
    }
    log::log_panics();
    if let Err(error) = &settings {
        eprintln!("tacit-host: {error}");
    }
    let host = Host::new(settings, caller);
    let runtime = event_loop()?;
    let end = runtime.block_on(serve(host, std::io::stdin(), output, idle));
    // A thread blocked on the pipe, or a key store that hangs, must not keep the process alive.
    runtime.shutdown_background();
    tracing::info!(?end, "ended");
    Ok(match end {
        End::Closed | End::Idle => ExitCode::SUCCESS,
        End::Broken(_) | End::Deaf(_) => ExitCode::FAILURE,
    })
}

fn register(config: &Path, at: &Where, program: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(config)?;
    let program = match program {
        Some(program) => program,
        None => std::env::current_exe().context("finding this program")?,
    };
    let config = std::path::absolute(config).context("finding the configuration")?;
    // In a package under construction: where the file will be once it is installed.
    let config = match &at.root {
        Some(root) => match config.strip_prefix(std::path::absolute(root)?) {
            Ok(below) => Path::new("/").join(below),
            Err(_) => config,
        },
        None => config,
    };
    let written = install(&at.target()?, &settings, &config, &program)?;
    show_files("wrote", &written);
    Ok(ExitCode::SUCCESS)
}

fn forget_key(config: &Path) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(config)?;
    let kind = event_loop()?.block_on(renew(&settings))?;
    let place = kind.map_or("every key store", Kind::name);
    println!(
        "the device key in {place} is gone: restart the browser, and this device enrols again"
    );
    Ok(ExitCode::SUCCESS)
}

fn show_status(config: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let found = Settings::load(config)
        .map_err(anyhow::Error::from)
        .and_then(|settings| Ok(event_loop()?.block_on(status(&settings))?));
    match (found, json) {
        (Ok(status), true) => println!("{}", serde_json::to_string(&status)?),
        (Ok(status), false) => print!("{status}"),
        (Err(error), true) => {
            println!("{}", serde_json::json!({"error": format!("{error:#}")}));
            return Ok(ExitCode::FAILURE);
        }
        (Err(error), false) => return Err(error),
    }
    Ok(ExitCode::SUCCESS)
}

fn show_diagnosis(config: &Path, json: bool, profile: Option<&Path>) -> anyhow::Result<ExitCode> {
    let places = Places::from_environment();
    let settings = Settings::load(config);
    let diagnosis = event_loop()?.block_on(diagnose(settings, config, profile, &places));
    match json {
        true => println!("{}", serde_json::to_string(&diagnosis)?),
        false => print!("{diagnosis}"),
    }
    Ok(match diagnosis.ok {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn show_files(what: &str, files: &[PathBuf]) {
    for file in files {
        println!("{what} {}", file.display());
    }
    if files.is_empty() {
        println!("nothing was there");
    }
}

impl Where {
    fn target(&self) -> anyhow::Result<Target> {
        if let Some(folder) = &self.user_data_dir {
            return Ok(Target::of_profile(&std::path::absolute(folder)?));
        }
        let mut places = Places::from_environment();
        if let Some(root) = &self.root {
            places.root.clone_from(root);
        }
        let level = self.level.unwrap_or(if is_administrator() {
            Level::System
        } else {
            Level::User
        });
        Ok(Target::new(&self.browser, level, &places)?)
    }
}

fn event_loop() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the event loop")
}

/// Keys of the weaker stores are in this process's memory: no core dump, and no other program of this user may read it.
#[cfg(target_os = "linux")]
fn hide_memory() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    // A kernel that refuses leaves things as they are for every program.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

#[cfg(not(target_os = "linux"))]
fn hide_memory() {}

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
