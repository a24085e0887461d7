//! Where the build left what we test.

use anyhow::{Context, Result, ensure};
use std::path::PathBuf;

/// The folder with the compiled programs: ours is in it, or in its `deps`.
pub fn folder() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let mut folder = here.parent().context("no folder")?;
    if folder.ends_with("deps") || folder.ends_with("examples") {
        folder = folder.parent().context("no folder")?;
    }
    Ok(folder.to_owned())
}

/// One compiled program of ours.
pub fn program(name: &str) -> Result<PathBuf> {
    let path = folder()?.join(name);
    ensure!(
        path.is_file(),
        "{} is missing: run `cargo xtask build` first",
        path.display()
    );
    Ok(path)
}

/// A file that `cargo xtask build` leaves in the target folder.
pub fn built(name: &str) -> Result<PathBuf> {
    let target = match std::env::var_os("TACIT_TARGET") {
        Some(folder) => folder.into(),
        None => folder()?.parent().context("no target folder")?.to_owned(),
    };
    let path = target.join(name);
    ensure!(
        path.exists(),
        "{} is missing: run `cargo xtask build --rehearsal` first",
        path.display()
    );
    Ok(path)
}
