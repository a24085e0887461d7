//! What it takes to check the host for Windows and macOS: Debian's Rust with its sources and lints, and mingw's C compiler.

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

/// Names of those that are not there. clang comes with the other system packages.
pub fn missing() -> Vec<&'static str> {
    PACKAGES
        .iter()
        .filter(|(_, sign)| !Path::new(sign).exists())
        .map(|(name, _)| *name)
        .collect()
}
