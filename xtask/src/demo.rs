//! `cargo xtask demo`: set-up, build, and the scenes, which `tests/e2e` plays.

use crate::extension::{self, Variant};
use crate::{run, setup, step};
use anyhow::{Result, bail};
use std::process::exit;

/// Programs that the scenes start, and the one that plays them.
const PACKAGES: &[&str] = &["identity-provider", "native-host", "okta-stand-in", "e2e"];

/// Builds what is missing and plays the scenes; ends with their exit code.
pub fn run(arguments: &[String]) -> Result<()> {
    // Known before minutes of building.
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY"];
    let has_desktop = desktop.iter().any(|name| std::env::var_os(name).is_some());
    if !has_desktop && !arguments.iter().any(|word| word == "--headless") {
        bail!("there is no desktop to open a window on: use --headless");
    }
    setup::run()?;
    extension::build(Variant::Rehearsal)?;
    let mut build = run::cargo();
    build.args(["build", "--bins"]);
    for package in PACKAGES {
        build.args(["--package", package]);
    }
    step::loud("compile server, host, stand-in and demo", || {
        run::check(&mut build)
    })?;
    let status = run::command(run::target().join("debug/tacit-demo"))
        .args(arguments)
        .status()?;
    if !status.success() {
        exit(status.code().unwrap_or(1));
    }
    Ok(())
}
