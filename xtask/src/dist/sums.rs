//! What was made, for whoever installs it: a line per file as `sha256sum --check` reads it, and what it was made from.

use super::site::Site;
use crate::{extension, run};
use anyhow::Result;
use ring::digest::{SHA256, digest};
use serde_json::json;
use std::path::Path;

/// Also the sign that a folder was made by this command.
pub const FILE: &str = "SHA256SUMS";

/// Writes `build.json` and [`FILE`].
pub fn write(out: &Path, version: &str, site: &Site) -> Result<()> {
    let build = json!({
        "version": version,
        "extension_id": site.id,
        "extension_sha256": folder_hash(&out.join("extension"))?,
    });
    std::fs::write(
        out.join("build.json"),
        serde_json::to_string_pretty(&build)? + "\n",
    )?;
    let mut lines = String::new();
    for name in extension::files_below(out)? {
        if name.as_os_str() != FILE {
            lines += &format!(
                "{}  {}\n",
                hash(&std::fs::read(out.join(&name))?),
                name.display()
            );
        }
    }
    std::fs::write(out.join(FILE), lines)?;
    Ok(())
}

/// One hash over names and contents.
fn folder_hash(folder: &Path) -> Result<String> {
    let mut all = String::new();
    for name in extension::files_below(folder)? {
        all += &format!(
            "{}  {}\n",
            hash(&std::fs::read(folder.join(&name))?),
            name.display()
        );
    }
    Ok(hash(all.as_bytes()))
}

fn hash(bytes: &[u8]) -> String {
    run::hex(digest(&SHA256, bytes).as_ref())
}
