//! The manifest with or without a key: browsers take the extension's id from it, the stores give ids of their own and
//! refuse it.

use crate::crx;
use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::path::Path;

/// Puts the public key into the folder's manifest, or takes it out; returns the version.
pub fn with_key(folder: &Path, public: Option<&[u8]>) -> Result<String> {
    let file = folder.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    let version = manifest["version"]
        .as_str()
        .context("manifest.json has no version")?
        .to_owned();
    let members = manifest
        .as_object_mut()
        .context("manifest.json is no object")?;
    match public {
        Some(public) => drop(members.insert("key".into(), STANDARD.encode(public).into())),
        None => drop(members.remove("key")),
    }
    std::fs::write(&file, serde_json::to_string_pretty(&manifest)? + "\n")?;
    Ok(version)
}

/// One zip per store, both without the key. They are the same today; each store wants its own upload.
pub fn zips(out: &Path, folder: &Path) -> Result<()> {
    let keyless = out.join("store/without-key");
    super::copy(folder, &keyless)?;
    with_key(&keyless, None)?;
    let zip = crx::zip(&keyless)?;
    std::fs::remove_dir_all(&keyless)?;
    for store in ["chrome-web-store", "edge-add-ons"] {
        super::write(&out.join(format!("store/{store}.zip")), &zip)?;
    }
    Ok(())
}
