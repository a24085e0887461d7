//! Who may depend on whom, read from `cargo metadata`.

use crate::run;
use anyhow::{Context, Result};
use serde_json::Value;

/// Crates of ours that a crate may use in the product. Crates that are not listed here are dev only and may use anything.
const ALLOWED: &[(&str, &[&str])] = &[
    ("biometrics", &[]),
    // The types of keys, identifiers and statements: ADR 0005.
    ("standards", &["wire"]),
    ("okta-stand-in", &[]),
    ("wire", &["biometrics"]),
    ("extension", &["wire", "biometrics"]),
    ("native-host", &["wire", "biometrics"]),
    ("identity-provider", &["wire", "biometrics", "standards"]),
];

/// Nothing uses these, but each other.
const DEV_ONLY: &[&str] = &["support", "conformance", "e2e", "xtask"];

/// Crates that do no I/O and read no clock and no randomness: those are arguments.
const PURE: &[&str] = &["wire", "biometrics", "standards"];

/// Crates whose only use is I/O, a clock or randomness.
const IMPURE: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "mio",
    "hyper",
    "reqwest",
    "ureq",
    "axum",
    "sqlx",
    "rusqlite",
    "rand",
    "getrandom",
    "fastrand",
    "web-sys",
    "js-sys",
    "gloo",
    "tempfile",
    "dirs",
];

/// Arrows that DESIGN section 2 does not draw.
pub fn between_crates() -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for package in packages()? {
        let name = package["name"].as_str().unwrap_or_default();
        for (needed, kind) in dependencies(&package) {
            let ours =
                DEV_ONLY.contains(&needed) || ALLOWED.iter().any(|(other, _)| *other == needed);
            if ours && !arrow_is_drawn(name, needed, kind == "dev") {
                wrong.push(format!("{name} → {needed} ({kind})"));
            }
        }
    }
    Ok(wrong)
}

fn arrow_is_drawn(from: &str, to: &str, for_tests: bool) -> bool {
    if DEV_ONLY.contains(&from) {
        return to != "xtask";
    }
    let allowed = ALLOWED.iter().find(|(name, _)| *name == from);
    let product = allowed.is_some_and(|(_, used)| used.contains(&to));
    // The stand-in judges the product, so not even its tests may share code with it.
    product || (for_tests && to == "support" && from != "okta-stand-in")
}

/// I/O that pure crates depend on.
pub fn of_pure_crates() -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for package in packages()? {
        let name = package["name"].as_str().unwrap_or_default();
        if PURE.contains(&name) {
            wrong.extend(
                dependencies(&package)
                    .filter(|(needed, kind)| *kind != "dev" && IMPURE.contains(needed))
                    .map(|(needed, _)| format!("{name} → {needed}")),
            );
        }
    }
    Ok(wrong)
}

/// The generated JavaScript only fits a module of the same version.
pub fn one_wasm_bindgen() -> Result<Vec<String>> {
    let lock =
        std::fs::read_to_string(run::root().join("Cargo.lock")).context("reading Cargo.lock")?;
    let version = |name: &str| {
        let head = format!("name = \"{name}\"\nversion = \"");
        let at = lock.find(&head)? + head.len();
        lock[at..].split('"').next()
    };
    let (library, tool) = (version("wasm-bindgen"), version("wasm-bindgen-cli-support"));
    Ok(if library.is_none() || library == tool {
        Vec::new()
    } else {
        vec![format!(
            "wasm-bindgen is {library:?}, wasm-bindgen-cli-support is {tool:?}: set the latter in xtask/Cargo.toml"
        )]
    })
}

fn packages() -> Result<Vec<Value>> {
    let metadata =
        run::read(run::cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let mut metadata: Value = serde_json::from_str(&metadata)?;
    match metadata["packages"].take() {
        Value::Array(packages) => Ok(packages),
        _ => anyhow::bail!("cargo metadata lists no packages"),
    }
}

/// Name and kind (`normal`, `dev`, `build`) of each direct dependency.
fn dependencies(package: &Value) -> impl Iterator<Item = (&str, &str)> {
    let list = package["dependencies"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(|dependency| {
        let kind = dependency["kind"].as_str().unwrap_or("normal");
        Some((dependency["name"].as_str()?, kind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_point_one_way() {
        assert!(arrow_is_drawn("identity-provider", "standards", false));
        assert!(arrow_is_drawn("e2e", "support", false));
        for (from, to) in [
            ("wire", "standards"),
            ("standards", "biometrics"),
            ("biometrics", "wire"),
            ("native-host", "standards"),
            ("okta-stand-in", "standards"),
            ("identity-provider", "support"),
            ("e2e", "xtask"),
        ] {
            assert!(!arrow_is_drawn(from, to, false), "{from} → {to}");
        }
        assert!(!arrow_is_drawn("okta-stand-in", "support", true));
    }
}
