//! Debian and Ubuntu packages.

use crate::{run, step};
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;

/// A package and a file or program that shows that what it brings is there.
struct Package {
    name: &'static str,
    shown_by: &'static [&'static str],
}

/// Paths begin with `/` and may have one `*` as a whole component; everything else is a program in `PATH`.
const PACKAGES: &[Package] = &[
    package("gcc", &["cc"]),
    package("make", &["make"]),
    package("pkg-config", &["pkg-config"]),
    package("chromium", &["chromium"]),
    package("chromium-driver", &["chromedriver"]),
    package("fonts-dejavu-core", &["/usr/share/fonts/truetype/*"]),
    package("swtpm", &["swtpm"]),
    package("swtpm-tools", &["swtpm_setup"]),
    package("libtss2-dev", &["/usr/include/tss2/tss2_esys.h"]),
    package(
        "libtss2-tcti-swtpm0",
        &["/usr/lib/*/libtss2-tcti-swtpm.so.0"],
    ),
    package("tpm2-tools", &["tpm2_getcap"]),
    package("gnome-keyring", &["gnome-keyring-daemon"]),
    package("dbus", &["dbus-run-session"]),
    package("xmlsec1", &["xmlsec1"]),
    package("postgresql", &["/usr/lib/postgresql/*/bin/initdb"]),
    package("nodejs", &["node"]),
    package("npm", &["npm"]),
    package("python3", &["python3"]),
    package("python3-venv", &["/usr/lib/*/ensurepip/__init__.py"]),
    // ring's C code is compiled for wasm32 by clang; gcc cannot.
    package("clang", &["clang-22", "clang"]),
    package("llvm", &["llvm-ar-22", "llvm-ar"]),
];

const fn package(name: &'static str, shown_by: &'static [&'static str]) -> Package {
    Package { name, shown_by }
}

/// Installs what is missing, as root; otherwise says which line does it.
pub fn install() -> Result<()> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|package| !package.shown_by.iter().any(|sign| is_there(sign)))
        .map(|package| package.name)
        .collect();
    install_these(&missing)?;
    if missing.is_empty() {
        step::already("system packages");
    }
    Ok(())
}

/// Installs packages that are not checked by a sign.
pub fn install_these(missing: &[&str]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!(
        "apt-get update && apt-get install --yes --no-install-recommends {}",
        missing.join(" ")
    );
    if !run::exists("apt-get") {
        bail!(
            "these are missing, and this system has no apt-get: {}",
            missing.join(" ")
        );
    }
    if !is_root() {
        bail!("system packages are missing. Run this, then start again:\n  sudo sh -c '{line}'");
    }
    step::quiet(&format!("install {}", missing.join(", ")), || {
        run::check_quietly(
            Command::new("sh")
                .args(["-c", &line])
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    })
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .and_then(|ids| ids.split_whitespace().nth(1))
        == Some("0")
}

fn is_there(sign: &str) -> bool {
    if !sign.starts_with('/') {
        return run::exists(sign);
    }
    match sign.split_once("/*") {
        None => Path::new(sign).exists(),
        Some((folder, rest)) => std::fs::read_dir(folder).is_ok_and(|entries| {
            entries.flatten().any(|entry| {
                let below = rest.trim_start_matches('/');
                below.is_empty() || entry.path().join(below).exists()
            })
        }),
    }
}
