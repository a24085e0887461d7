//! Which toolchain compiles for wasm32: rustup's own target, or Debian's packages where rustup cannot download.

use super::root::{self, Wish};
use crate::{run, step};
use anyhow::{Result, bail};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN: &[&str] = &[
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "rust-web-llvm",
    "lld-22",
    "clang-22",
];
const RUSTUP_PATIENCE: Duration = Duration::from_secs(120);

/// A way to compile for wasm32.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Toolchain {
    /// The target is installed beside the Rust that runs us.
    Installed,
    /// Debian's rustc builds the standard library from source.
    Debian,
}

/// Finds or installs a toolchain.
pub fn install() -> Result<Toolchain> {
    root::grant(&Wish {
        packages: missing()?,
        folder: None,
    })?;
    find()
}

/// Debian's packages that would bring a toolchain, if there is none. Looked for in this order: the installed target, Debian's
/// toolchain; then rustup is asked for the target, which needs no root.
pub fn missing() -> Result<Vec<&'static str>> {
    if target_is_installed() {
        step::already("wasm target");
        return Ok(Vec::new());
    }
    if debian_is_installed() {
        step::already("wasm target, by Debian's toolchain");
        return Ok(Vec::new());
    }
    let added = run::exists("rustup")
        && step::quiet("add the wasm target by rustup", || Ok(add_by_rustup()))?;
    if added && target_is_installed() {
        return Ok(Vec::new());
    }
    if !run::exists("apt-get") {
        bail!("no Rust for {TARGET}. This adds it:\n  rustup target add {TARGET}");
    }
    Ok(DEBIAN.to_vec())
}

/// The toolchain that is there.
pub fn find() -> Result<Toolchain> {
    if target_is_installed() {
        Ok(Toolchain::Installed)
    } else if debian_is_installed() {
        Ok(Toolchain::Debian)
    } else {
        bail!("no Rust for {TARGET}: run `cargo xtask setup`")
    }
}

/// A cargo command that builds for wasm32; the caller adds package and profile.
pub fn cargo_build(toolchain: Toolchain) -> Command {
    let mut command = match toolchain {
        Toolchain::Installed => run::cargo(),
        Toolchain::Debian => {
            let mut command = run::command("/usr/bin/cargo");
            command
                .env("RUSTC", "/usr/bin/rustc")
                .env("RUSTC_BOOTSTRAP", "1")
                .env_remove("RUSTUP_TOOLCHAIN");
            command
        }
    };
    command.args(["build", "--target", TARGET]);
    if toolchain == Toolchain::Debian {
        command.arg("-Zbuild-std=std,panic_abort");
    }
    // A target folder of its own: two compilers that share one discard each other's caches.
    command.arg("--target-dir").arg(run::target().join("wasm"));
    // The same module wherever the repository lies.
    command.env(
        "CARGO_ENCODED_RUSTFLAGS",
        run::remapped_paths().join("\x1f"),
    );
    // wasm-bindgen reads the list of features that stripping would remove, and strips afterwards.
    command.env("CARGO_PROFILE_WASM_STRIP", "none");
    for (variable, programs) in [
        ("CC_wasm32_unknown_unknown", ["clang-22", "clang"]),
        ("AR_wasm32_unknown_unknown", ["llvm-ar-22", "llvm-ar"]),
    ] {
        if let Some(program) = programs.iter().find(|program| run::exists(program)) {
            command.env(variable, program);
        }
    }
    command
}

/// Where [`cargo_build`] leaves what profile `wasm` made.
pub fn output() -> std::path::PathBuf {
    run::target().join("wasm").join(TARGET).join("wasm")
}

fn target_is_installed() -> bool {
    let mut rustc = run::command(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let Ok(sysroot) = run::read(rustc.args(["--print", "sysroot"])) else {
        return false;
    };
    std::path::Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(TARGET)
        .is_dir()
}

fn debian_is_installed() -> bool {
    let source = std::path::Path::new("/usr/src/rustc-web");
    let sources = std::fs::read_dir("/usr/src").is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("rustc-"))
    });
    let programs = ["/usr/bin/rustc", "/usr/bin/cargo"];
    (source.is_dir() || sources)
        && programs
            .iter()
            .all(|path| std::path::Path::new(path).is_file())
        && run::exists("clang-22")
        && (run::exists("lld-22") || run::exists("wasm-ld-22"))
}

/// On a closed network rustup could try for long, so it gets a limit.
fn add_by_rustup() -> bool {
    let started = Command::new("rustup")
        .args(["target", "add", TARGET])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    started.is_ok_and(|child| ends_well(child, RUSTUP_PATIENCE))
}

fn ends_well(mut child: Child, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
            Ok(None) | Err(_) => {
                // Both fail only if it has just ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}
