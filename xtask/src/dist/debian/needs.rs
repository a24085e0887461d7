//! Which packages a program needs: whose libraries its dynamic section names, and the C library it was linked against.

use crate::run;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Packages of the libraries that `program` names and of those that it `loads` by name.
pub fn packages(program: &Path, loads: &[&str]) -> Result<Vec<String>> {
    let dynamic = run::read(
        Command::new("readelf")
            .args(["--wide", "--dynamic"])
            .arg(program),
    )?;
    let versions = run::read(
        Command::new("readelf")
            .args(["--wide", "--version-info"])
            .arg(program),
    )?;
    let mut packages = BTreeSet::new();
    for library in needed(&dynamic).into_iter().chain(loads.iter().copied()) {
        let package = owner(library)?;
        packages.insert(match (package.as_str(), newest_glibc(&versions)) {
            ("libc6", Some((major, minor))) => format!("libc6 (>= {major}.{minor})"),
            _ => package,
        });
    }
    Ok(packages.into_iter().collect())
}

/// `0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]`
fn needed(dynamic: &str) -> Vec<&str> {
    dynamic
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| line.split_once('[')?.1.strip_suffix(']'))
        .collect()
}

/// The highest `GLIBC_2.34` of the versions needed.
fn newest_glibc(versions: &str) -> Option<(u32, u32)> {
    versions
        .split("GLIBC_")
        .skip(1)
        .filter_map(|text| {
            let number = |text: &str| {
                text.split(|c: char| !c.is_ascii_digit())
                    .next()?
                    .parse()
                    .ok()
            };
            let (major, rest) = text.split_once('.')?;
            Some((number(major)?, number(rest)?))
        })
        .max()
}

/// `libc6:amd64: /usr/lib/x86_64-linux-gnu/libc.so.6`
fn owner(library: &str) -> Result<String> {
    let found = run::read(Command::new("dpkg-query").args(["--search", &format!("*/{library}")]))
        .with_context(|| format!("no installed package has {library}"))?;
    found
        .lines()
        .find_map(|line| line.split([':', ',']).next())
        .map(str::to_owned)
        .with_context(|| format!("no installed package has {library}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_the_newest_c_library_are_read_from_the_tables() {
        let line = " 0x0000000000000001 (NEEDED)             Shared library: [libtss2-esys.so.0]\n";
        assert_eq!(needed(line), ["libtss2-esys.so.0"]);
        let versions =
            "Name: GLIBC_2.4  Flags\nName: GLIBC_2.34  Flags\nName: GLIBC_2.9\nName: GCC_3.0";
        assert_eq!(newest_glibc(versions), Some((2, 34)));
        assert_eq!(newest_glibc("none"), None);
    }
}
