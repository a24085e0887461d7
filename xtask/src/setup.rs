//! `cargo xtask setup`: what this machine lacks. Idempotent, asks nothing, and quick when all is there.

mod packages;
mod root;
mod scripts;
pub mod targets;
pub mod wasm;

use crate::step;
use anyhow::Result;
use root::Wish;

/// Everything that `test` and `demo` need. Who is not root gets one line for all that only root can do.
pub fn run() -> Result<()> {
    let system = packages::missing();
    if system.is_empty() {
        step::already("system packages");
    }
    let compiler = wasm::missing()?;
    let others = targets::missing();
    if others.is_empty() {
        step::already("Rust for checking Windows and macOS");
    }
    let folder = root::may_write(POLICIES);
    if folder {
        step::already("policy folder of the browser");
    }
    let mut packages = [system, compiler, others].concat();
    packages.sort_unstable();
    packages.dedup();
    root::grant(&Wish {
        packages,
        folder: (!folder).then_some(POLICIES),
    })?;
    wasm::find()?;
    scripts::install_npm()?;
    scripts::install_python()
}

/// Browser tests put a policy file here; only root can, or whoever the folder was given to.
const POLICIES: &str = "/etc/chromium/policies/managed";
