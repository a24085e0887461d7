//! Bounds on what every browser has to load.

use crate::extension::{self, Variant};
use crate::run;
use anyhow::Result;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::path::PathBuf;

/// capture.js runs in every frame of every page.
pub fn capture() -> Result<Vec<String>> {
    let Ok(text) = std::fs::read_to_string(run::root().join("www/extension/capture.js")) else {
        return missing("www/extension/capture.js");
    };
    let (lines, bytes) = (text.lines().count(), text.len());
    Ok(too_large(
        lines > 150 || bytes > 6_000,
        format!("{lines} lines, {bytes} bytes"),
    ))
}

/// The worker loads its module whenever the browser wakes it.
pub fn worker() -> Result<Vec<String>> {
    let Some(folder) = product()? else {
        return Ok(Vec::new());
    };
    let module = std::fs::read(folder.join("wasm/extension_bg.wasm"))?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&module)?;
    let bytes = packed.finish()?.len();
    println!(
        "    the worker's module: {} kB, {} kB gzipped",
        module.len() / 1000,
        bytes / 1000
    );
    Ok(too_large(bytes > 250_000, format!("{bytes} bytes gzipped")))
}

/// What teaches templates from recordings would let a recording pass for a person.
pub fn no_rehearsal() -> Result<Vec<String>> {
    let Some(folder) = product()? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for name in extension::files_below(&folder)? {
        let bytes = std::fs::read(folder.join(&name))?;
        if bytes.windows(8).any(|window| {
            window.eq_ignore_ascii_case(b"rehears") || window.eq_ignore_ascii_case(b"rehearse")
        }) {
            found.push(format!("{} in the product's extension", name.display()));
        }
    }
    Ok(found)
}

fn product() -> Result<Option<PathBuf>> {
    if !extension::exists() {
        return Ok(None);
    }
    Ok(Some(extension::build(Variant::Product)?.folder))
}

fn missing(file: &str) -> Result<Vec<String>> {
    Ok(too_large(extension::exists(), format!("{file} is missing")))
}

fn too_large(yes: bool, what: String) -> Vec<String> {
    if yes { vec![what] } else { Vec::new() }
}
