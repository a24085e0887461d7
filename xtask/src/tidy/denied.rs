//! `deny.toml`: by `cargo deny` where it is installed, else its licences, banned crates and sources read by ourselves, so
//! that no machine passes without them.

use crate::run;
use anyhow::{Context, Result};
use serde_json::Value;
use spdx::{Expression, LicenseReq, ParseMode};

/// What dependencies break of `deny.toml`.
pub fn rules() -> Result<Vec<String>> {
    if run::exists("cargo-deny") {
        return by_cargo_deny();
    }
    let text =
        std::fs::read_to_string(run::root().join("deny.toml")).context("reading deny.toml")?;
    let rules = Rules::parse(&text)?;
    let metadata = run::read(run::cargo().args([
        "metadata",
        "--locked",
        "--all-features",
        "--format-version",
        "1",
    ]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    Ok(packages
        .iter()
        // What has no source is ours.
        .filter(|package| package["source"].is_string())
        .flat_map(|package| rules.broken_by(package))
        .collect())
}

fn by_cargo_deny() -> Result<Vec<String>> {
    let check = ["deny", "check", "bans", "licenses", "sources"];
    let output = run::cargo().args(check).output()?;
    Ok(match output.status.success() {
        true => Vec::new(),
        false => vec![String::from_utf8_lossy(&output.stderr).into_owned()],
    })
}

/// The part of `deny.toml` that needs nothing but the list of packages.
struct Rules {
    licences: Vec<String>,
    banned: Vec<String>,
}

impl Rules {
    fn parse(text: &str) -> Result<Self> {
        let file: toml::Table = text.parse().context("deny.toml")?;
        let licences = file["licenses"]["allow"]
            .as_array()
            .context("licenses.allow is no list")?;
        let bans = file["bans"]["deny"]
            .as_array()
            .context("bans.deny is no list")?;
        Ok(Self {
            licences: licences
                .iter()
                .filter_map(|licence| licence.as_str().map(str::to_owned))
                .collect(),
            // With wrappers, who may depend on it is a question that cargo deny answers.
            banned: bans
                .iter()
                .filter(|ban| ban.get("wrappers").is_none())
                .filter_map(|ban| ban.get("name")?.as_str().map(str::to_owned))
                .collect(),
        })
    }

    fn broken_by(&self, package: &Value) -> Vec<String> {
        let text = |key: &str| package[key].as_str().unwrap_or_default();
        let name = format!("{} {}", text("name"), text("version"));
        let mut broken = Vec::new();
        if self.banned.iter().any(|banned| banned == text("name")) {
            broken.push(format!("{name} is banned"));
        }
        if !text("source").starts_with("registry+") {
            broken.push(format!("{name} comes from {}", text("source")));
        }
        match Expression::parse_mode(text("license"), ParseMode::LAX) {
            Ok(licence) if licence.evaluate(|licence| self.allows(licence)) => {}
            Ok(licence) => broken.push(format!("{name} is under {licence}, which is not allowed")),
            Err(_) => broken.push(format!(
                "{name} states no licence that can be read: {:?}",
                text("license")
            )),
        }
        broken
    }

    fn allows(&self, licence: &LicenseReq) -> bool {
        self.licences.contains(&licence.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn broken(license: &str, name: &str, source: &str) -> Vec<String> {
        let rules = Rules::parse(
            "[licenses]\nallow = [\"MIT\", \"Apache-2.0 WITH LLVM-exception\"]\n\
             [bans]\ndeny = [{ name = \"bad\" }, { name = \"wrapped\", wrappers = [\"good\"] }]",
        );
        let package =
            json!({"name": name, "version": "1.0.0", "license": license, "source": source});
        rules.unwrap().broken_by(&package)
    }

    #[test]
    fn licences_bans_and_sources_are_each_named() {
        let registry = "registry+index";
        for licence in ["MIT", "GPL-3.0 OR MIT", "Apache-2.0 WITH LLVM-exception"] {
            assert!(broken(licence, "good", registry).is_empty(), "{licence}");
        }
        for licence in ["GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "", "Mine"] {
            assert_eq!(broken(licence, "good", registry).len(), 1, "{licence}");
        }
        assert_eq!(broken("MIT", "bad", registry).len(), 1);
        assert!(broken("MIT", "wrapped", registry).is_empty());
        assert_eq!(broken("MIT", "good", "git+elsewhere").len(), 1);
    }
}
