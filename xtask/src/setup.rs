//! `cargo xtask setup`: what this machine lacks. Idempotent, asks nothing, and quick when all is there.

mod packages;
mod scripts;
pub mod targets;
pub mod wasm;

use crate::step;
use anyhow::Result;

/// Everything that `test` and `demo` need.
pub fn run() -> Result<()> {
    packages::install()?;
    wasm::install()?;
    targets::install()?;
    scripts::install_npm()?;
    scripts::install_python()?;
    policy_folder()
}

/// Browser tests put a policy file here; only root can, or whoever the folder was given to.
const POLICIES: &str = "/etc/chromium/policies/managed";

fn policy_folder() -> Result<()> {
    let made = std::fs::create_dir_all(POLICIES);
    let probe = std::path::Path::new(POLICIES).join(".tacit-probe");
    if made.is_err() || std::fs::write(&probe, "").is_err() {
        anyhow::bail!(
            "{POLICIES} is not writable, and browser tests install the extension by policy. Run this, then start again:\n  \
             sudo install -d -o \"$USER\" {POLICIES}"
        );
    }
    std::fs::remove_file(probe)?;
    step::already("policy folder of the browser");
    Ok(())
}
