//! `cargo xtask dist`: everything that an administrator deploys, in one folder. The same sources and options give the same
//! bytes, wherever the repository lies.

mod debian;
mod linux;
mod macos;
mod site;
mod store;
mod sums;
mod windows;

use crate::extension::{self, Variant};
use crate::{crx, run, setup, step};
use anyhow::{Context, Result};
use clap::Args;
use site::Site;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cargo xtask dist                                             everything, for an example organisation
  cargo xtask dist --server https://login.acme.com --okta https://acme.okta.com --key extension.pem
  cargo xtask dist --no-programs                               only the extension and the policies";

/// What to make.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The folder to write; what was in it goes.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// RSA key of 2048 bits (PKCS#8 PEM) that signs the extension and gives it its id.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Origin of your Tacit server.
    #[arg(
        long,
        value_name = "ORIGIN",
        default_value = "https://login.example.com"
    )]
    server: String,
    /// Origin of your Okta org; may be given again for custom domains.
    #[arg(
        long,
        value_name = "ORIGIN",
        default_value = "https://example.okta.com"
    )]
    okta: Vec<String>,
    /// Folder in which browsers will find tacit.crx and update.xml; by default /extension of the server.
    #[arg(long, value_name = "URL")]
    update_base: Option<String>,
    /// Without the server's and the host's packages, which take minutes to compile.
    #[arg(long)]
    no_programs: bool,
}

/// Makes everything.
pub fn run(arguments: &Arguments) -> Result<()> {
    setup::wasm::install()?;
    let out = match &arguments.out {
        Some(folder) => std::path::absolute(folder)?,
        None => run::target().join("dist"),
    };
    let test_key = run::root().join("tests/test-only-keys/extension.pem");
    let key_file = arguments.key.as_deref().unwrap_or(&test_key);
    let key = crx::Key::load(key_file)?;
    let site = Site::new(
        key.id(),
        &arguments.server,
        &arguments.okta,
        arguments.update_base.as_deref(),
    )?;
    empty(&out)?;
    let version = lay_out(&out, &key, &site)?;
    step::quiet("write the browsers' policies", || policies(&out, &site))?;
    if !arguments.no_programs {
        debian::make(&out, &version, &site)?;
    }
    sums::write(&out, &version, &site)?;
    println!("\n{}", out.display());
    println!("  extension {} {version}", site.id);
    if arguments.key.is_none() {
        println!(
            "  signed with the key of the tests, which everybody has: make your own with\n    \
             openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out extension.pem\n  \
             and pass it as --key"
        );
    }
    if site.is_example() {
        println!("  policies name example.com: pass --server and --okta");
    }
    Ok(())
}

/// The extension as a folder, packed for one's own server, and zipped for the stores.
fn lay_out(out: &Path, key: &crx::Key, site: &Site) -> Result<String> {
    let built = extension::build(Variant::Product)?;
    let folder = out.join("extension");
    copy(&built.folder, &folder)?;
    let version = store::with_key(&folder, Some(&key.public))?;
    std::fs::write(out.join("tacit.crx"), crx::pack(&folder, key)?)?;
    std::fs::write(
        out.join("update.xml"),
        crx::update_manifest(&site.id, &version, &site.crx_url()),
    )?;
    store::zips(out, &folder)?;
    Ok(version)
}

fn policies(out: &Path, site: &Site) -> Result<()> {
    linux::write(&out.join("policy/linux"), site)?;
    windows::write(&out.join("policy/windows"), site)?;
    macos::write(&out.join("policy/macos"), site)
}

fn empty(out: &Path) -> Result<()> {
    if out.join(sums::FILE).is_file() {
        std::fs::remove_dir_all(out).with_context(|| format!("emptying {}", out.display()))?;
    }
    let is_empty = std::fs::read_dir(out).map_or(true, |mut entries| entries.next().is_none());
    anyhow::ensure!(
        is_empty,
        "{} is not empty and was not made by this command: name another folder with --out",
        out.display()
    );
    std::fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for name in extension::files_below(from)? {
        write(&to.join(&name), &std::fs::read(from.join(&name))?)?;
    }
    Ok(())
}

/// Writes a file and the folders above it.
fn write(file: &Path, content: &[u8]) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    std::fs::write(file, content).with_context(|| format!("writing {}", file.display()))
}
