//! The host for Windows and macOS: type-checked and linted here, although it cannot run here.
//!
//! No target of rustup is needed: Debian's compiler checks the standard library from source, once per target folder.
//! ring compiles C. For Windows mingw does that; for macOS clang, with the few declarations that ring includes, because
//! Apple's own headers may not be passed on. Nothing is linked.

use super::Count;
use crate::setup::targets::{CLANG, LLVM_AR};
use crate::{run, step};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The targets of the host beside Linux.
const TARGETS: [&str; 2] = ["x86_64-pc-windows-gnu", "aarch64-apple-darwin"];

/// What ring's C code includes of a system's headers.
const HEADERS: &[(&str, &str)] = &[
    ("TargetConditionals.h", "#define TARGET_OS_IPHONE 0\n"),
    ("assert.h", "#define assert(condition) ((void)0)\n"),
    (
        "string.h",
        "#include <stddef.h>\n\
         void *memcpy(void *, const void *, size_t);\n\
         void *memmove(void *, const void *, size_t);\n\
         void *memset(void *, int, size_t);\n\
         int memcmp(const void *, const void *, size_t);\n",
    ),
];

/// Lints the host for each target; each counts as one test.
pub fn check() -> Result<Count> {
    println!("\n── native-host for other systems");
    let mut count = Count::default();
    for target in TARGETS {
        let linted = step::loud(&format!("lint tacit-host for {target}"), || {
            run::check(&mut lint(target)?)
        });
        match linted {
            Ok(()) => count.passed += 1,
            Err(error) => {
                println!("{target}: {error:#}");
                count.failed += 1;
            }
        }
    }
    Ok(count)
}

/// clippy checks types first: one pass does both.
fn lint(target: &str) -> Result<Command> {
    let mut command = run::command("/usr/bin/cargo");
    command
        .args(["clippy", "-Zbuild-std=std", "--locked", "--target", target])
        .args(["--package", "native-host", "--lib", "--bins"])
        .arg("--target-dir")
        .arg(folder())
        .args(["--", "-D", "warnings"])
        // Not the compiler and the drivers of the rustup that runs us.
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("PATH", path_with_debian_first())
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO")
        // Another compiler than the one that built the workspace: its dependencies' line tables would only take space.
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    if target.contains("apple") {
        let headers = headers()?;
        let flags = format!("-ffreestanding -nostdlibinc -isystem {}", headers.display());
        command.env("CFLAGS_aarch64_apple_darwin", flags);
        for (variable, programs) in [
            ("CC_aarch64_apple_darwin", CLANG),
            ("AR_aarch64_apple_darwin", LLVM_AR),
        ] {
            if let Some(program) = programs.iter().find(|program| run::exists(program)) {
                command.env(variable, program);
            }
        }
    }
    Ok(command)
}

/// A target folder of its own: two compilers that share one discard each other's caches.
fn folder() -> PathBuf {
    run::target().join("targets")
}

fn headers() -> Result<PathBuf> {
    let folder = folder().join("headers");
    std::fs::create_dir_all(&folder)?;
    for (name, content) in HEADERS {
        let file = folder.join(name);
        // A file that is only touched would make ring compile anew.
        if std::fs::read_to_string(&file).ok().as_deref() != Some(*content) {
            std::fs::write(file, content)?;
        }
    }
    Ok(folder)
}

fn path_with_debian_first() -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(Path::new("/usr/bin").to_owned());
    std::env::join_paths(folders.chain(std::env::split_paths(&path))).unwrap_or(path)
}
