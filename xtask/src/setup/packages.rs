//! Debian and Ubuntu packages.

use crate::run;
use std::path::Path;

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

/// Names of those that are not there.
pub fn missing() -> Vec<&'static str> {
    PACKAGES
        .iter()
        .filter(|package| !package.shown_by.iter().any(|sign| is_there(sign)))
        .map(|package| package.name)
        .collect()
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
