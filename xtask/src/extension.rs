//! The extension: compiled, bound to JavaScript, laid out as a folder and packed as a CRX.

use crate::setup::wasm;
use crate::{crx, run, step};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// Which extension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variant {
    /// What customers get.
    Product,
    /// Understands the rehearsal message, by which tests and the demo teach it a template.
    Rehearsal,
}

/// A built extension.
pub struct Built {
    /// The folder, for size checks.
    pub folder: PathBuf,
}

impl Variant {
    /// The folder below the target folder; the packed file has the same name and ends in `.crx`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Product => "extension",
            Self::Rehearsal => "extension-rehearsal",
        }
    }
}

/// Builds one variant into `target/<name>/` and `target/<name>.crx`; does nothing if no input changed.
pub fn build(variant: Variant) -> Result<Built> {
    let folder = run::target().join(variant.name());
    let module = compile(variant)?;
    let mut inputs = static_files(variant)?;
    inputs.extend([
        module.clone(),
        run::root().join("manifest.json"),
        run::root().join(MODEL),
        run::root().join(KEY),
    ]);
    let wanted = run::fingerprint(&inputs, "layout 2")?;
    let stamp = run::target().join(format!("{}.sha256", variant.name()));
    if folder.is_dir() && std::fs::read_to_string(&stamp).is_ok_and(|done| done == wanted) {
        step::already(&format!("{} folder", variant.name()));
        return Ok(Built { folder });
    }
    step::quiet(&format!("lay out and pack {}", variant.name()), || {
        lay_out(variant, &module, &folder)?;
        let packed = run::target().join(format!("{}.crx", variant.name()));
        pack(&folder, &run::root().join(KEY), &packed)
    })?;
    std::fs::write(stamp, wanted)?;
    Ok(Built { folder })
}

/// Whether there is an extension to build at all.
pub fn exists() -> bool {
    run::root().join("manifest.json").is_file()
}

/// Names of all files below `folder`, sorted.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in
            std::fs::read_dir(&next).with_context(|| format!("reading {}", next.display()))?
        {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder)?.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

const MODEL: &str = "crates/biometrics/model/shipped.bin";
const KEY: &str = "tests/test-only-keys/extension.pem";
const STATIC: &str = "www/extension";
/// Below [`STATIC`]: the page that teaches a template. Only in the rehearsal variant.
const REHEARSAL: &str = "rehearsal";

fn compile(variant: Variant) -> Result<PathBuf> {
    let mut build = wasm::cargo_build(wasm::find()?);
    build.args(["--profile", "wasm", "--package", "extension", "--lib"]);
    if variant == Variant::Rehearsal {
        build.args(["--features", "rehearsal"]);
    }
    step::loud(&format!("compile {} for wasm32", variant.name()), || {
        run::check(&mut build)
    })?;
    // Both variants come out under one name: keep each, so that building one does not undo the other.
    let made = wasm::output().join("extension.wasm");
    let kept = run::target()
        .join("wasm")
        .join(format!("{}.wasm", variant.name()));
    std::fs::copy(&made, &kept).with_context(|| format!("copying {}", made.display()))?;
    Ok(kept)
}

fn lay_out(variant: Variant, module: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder.join("wasm"))?;
    std::fs::copy(
        run::root().join("manifest.json"),
        folder.join("manifest.json"),
    )?;
    std::fs::copy(run::root().join(MODEL), folder.join("model.bin"))
        .context("copying the model")?;
    let source = run::root().join(STATIC);
    for file in static_files(variant)? {
        let name = file.strip_prefix(&source)?;
        let to = folder.join(name.strip_prefix(REHEARSAL).unwrap_or(name));
        std::fs::create_dir_all(to.parent().unwrap_or(folder))?;
        std::fs::copy(&file, &to)?;
    }
    wasm_bindgen_cli_support::Bindgen::new()
        .input_path(module)
        .out_name("extension")
        .remove_name_section(true)
        .remove_producers_section(true)
        .web(true)
        .and_then(|bindgen| bindgen.typescript(false).generate(folder.join("wasm")))
        .context("binding the module to JavaScript")
    // No wasm-opt here: Debian's (binaryen 108) breaks the export of the function table, and gains next to nothing.
}

/// Packs and signs `folder` into the file `packed`, and writes the update manifest beside it. The URL in the manifest is
/// `CRX_URL`: whoever serves it fills it in.
pub fn pack(folder: &Path, key: &Path, packed: &Path) -> Result<()> {
    let key = crx::Key::load(key)?;
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("manifest.json"))?)?;
    let Some(version) = manifest["version"].as_str() else {
        bail!("manifest.json has no version");
    };
    std::fs::write(packed, crx::pack(folder, &key)?)?;
    std::fs::write(
        packed.with_extension("update.xml"),
        crx::update_manifest(&key.id(), version, "CRX_URL"),
    )?;
    Ok(())
}

fn static_files(variant: Variant) -> Result<Vec<PathBuf>> {
    let source = run::root().join(STATIC);
    let mut files = files_below(&source)?;
    files.retain(|name| variant == Variant::Rehearsal || !name.starts_with(REHEARSAL));
    Ok(files.iter().map(|name| source.join(name)).collect())
}
