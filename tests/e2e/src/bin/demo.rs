//! `tacit-demo`: one sample user, one browser, four scenes. `cargo xtask demo` builds everything and calls it.

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use e2e::demo::{self, Stage};
use e2e::person::Person;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use support::browser::Window;
use support::{okta, tacit};

/// Shows Tacit with a sample user.
#[derive(Parser)]
struct Arguments {
    /// Without a window: plays the scenes and ends.
    #[arg(long)]
    headless: bool,
    /// The last line is one JSON object.
    #[arg(long)]
    json: bool,
    /// Breaks one link of the chain: nothing may be silent then.
    #[arg(long = "break", value_enum)]
    broken: Option<Link>,
    /// Recording of the user; tests/fixtures/recordings/NOTICE.md describes the form.
    #[arg(long)]
    user: Option<PathBuf>,
    /// Recording of somebody else at the same browser, in the same form.
    #[arg(long)]
    impostor: Option<PathBuf>,
    /// Folder for pictures of the fallback page and of the popup.
    #[arg(long)]
    screenshots: Option<PathBuf>,
}

/// A link of the chain.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Link {
    /// Another device key, with the binding record forged to fit it.
    DeviceKey,
    /// A binding record that names somebody else.
    Sub,
    /// The browser keeps no cookie for the server.
    Cookie,
    /// The template is another person's.
    Template,
    /// The sign-in begins with somebody's link.
    Provenance,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = support::signals::run(run(&arguments)).and_then(|result| result);
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("✗ {why:#}");
            if arguments.json {
                println!(
                    "{}",
                    json!({ "silent": false, "error": format!("{why:#}") })
                );
            }
            ExitCode::FAILURE
        }
    }
}

/// Whether the first scene was silent.
async fn run(arguments: &Arguments) -> Result<bool> {
    let user = person(arguments.user.as_ref(), 6)?;
    let impostor = person(arguments.impostor.as_ref(), 2)?;
    let window = if arguments.headless {
        Window::Headless
    } else {
        Window::Visible
    };
    let learned = if arguments.broken == Some(Link::Template) {
        &impostor
    } else {
        &user
    };
    let mut stage = Stage::set(window, learned).await?;

    let scene = match arguments.broken {
        None => demo::own_sign_in(&stage, &user).await?,
        Some(Link::DeviceKey) => demo::with_another_device_key(&mut stage, &user).await?,
        Some(Link::Sub) => demo::with_a_forged_subject(&stage, &user).await?,
        Some(Link::Cookie) => demo::without_cookies(&mut stage, &user).await?,
        Some(Link::Template) => demo::with_another_template(&stage, &user).await?,
        Some(Link::Provenance) => demo::with_a_link(&stage, &user).await?,
    };
    if arguments.broken.is_none() {
        demo::others(&mut stage, &impostor, arguments.screenshots.as_deref()).await?;
    }
    if !arguments.headless {
        println!("\nThe browser stays open.");
        println!(
            "  {}/login     {} with the password {}",
            okta::APP_ORIGIN,
            demo::ANN,
            okta::PASSWORD
        );
        println!(
            "  {}/console    admin with the password {}",
            tacit::ORIGIN,
            tacit::ADMIN_PASSWORD
        );
        println!("Press Enter to end.");
        let line = || std::io::stdin().read_line(&mut String::new());
        tokio::task::spawn_blocking(line).await??;
    }
    if arguments.json {
        println!("{}", scene.json());
    }
    Ok(scene.silent)
}

fn person(file: Option<&PathBuf>, number: u32) -> Result<Person> {
    match file {
        Some(file) => Person::load(file).context("the recording"),
        None => Person::number(number),
    }
}
