//! What it takes to check the host for Windows and macOS: Debian's Rust with its sources and lints, and mingw's C compiler.

use super::packages;
use crate::{run, step};
use anyhow::{Result, bail};
use std::path::Path;

/// Names of a clang, the newest first.
pub const CLANG: [&str; 2] = ["clang-22", "clang"];
/// Names of its archiver.
pub const LLVM_AR: [&str; 2] = ["llvm-ar-22", "llvm-ar"];

/// A package and a file that shows that it is there.
const PACKAGES: &[(&str, &str)] = &[
    ("rustc-web", "/usr/bin/rustc"),
    ("cargo-web", "/usr/bin/cargo"),
    ("rust-web-clippy", "/usr/bin/clippy-driver"),
    (
        "rust-web-src",
        "/usr/lib/rustlib/src/rust/library/std/Cargo.toml",
    ),
    ("gcc-mingw-w64-x86-64", "/usr/bin/x86_64-w64-mingw32-gcc"),
];

/// Installs what is missing. clang comes with the other system packages.
pub fn install() -> Result<()> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(_, sign)| !Path::new(sign).exists())
        .map(|(name, _)| *name)
        .collect();
    packages::install_these(&missing)?;
    if missing.is_empty() {
        step::already("Rust for checking Windows and macOS");
    }
    for programs in [CLANG, LLVM_AR] {
        if !programs.iter().any(|program| run::exists(program)) {
            bail!("{} is missing: run `cargo xtask setup`", programs[1]);
        }
    }
    Ok(())
}
