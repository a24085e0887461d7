//! Packages of other languages that tests use, from committed lock files.

use crate::{run, step};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// `npm ci` beside every tracked `package-lock.json`.
pub fn install_npm() -> Result<()> {
    for lock in tracked("package-lock.json")? {
        let folder = parent(&lock);
        let stamp = folder.join("node_modules/.lock-sha256");
        install(&lock, &stamp, "npm packages", || {
            run::check_quietly(run::command("npm").current_dir(&folder).args([
                "ci",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
            ]))
        })?;
    }
    Ok(())
}

/// A virtual environment `.venv` beside every tracked `requirements.txt`.
pub fn install_python() -> Result<()> {
    for lock in tracked("requirements.txt")? {
        let folder = parent(&lock);
        let stamp = folder.join(".venv/.lock-sha256");
        install(&lock, &stamp, "Python packages", || {
            run::check_quietly(
                run::command("python3")
                    .current_dir(&folder)
                    .args(["-m", "venv", ".venv"]),
            )?;
            run::check_quietly(
                run::command(folder.join(".venv/bin/python"))
                    .current_dir(&folder)
                    .args([
                        "-m",
                        "pip",
                        "install",
                        "--quiet",
                        "--disable-pip-version-check",
                    ])
                    .args(["--requirement", "requirements.txt"]),
            )
        })?;
    }
    Ok(())
}

/// Does `work` unless it was done for this very lock file.
fn install(lock: &Path, stamp: &Path, what: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let wanted = run::fingerprint(&[lock.to_owned()], "")?;
    let shown = lock.strip_prefix(run::root()).unwrap_or(lock);
    let what = format!("{what} of {}", parent(shown).display());
    if std::fs::read_to_string(stamp).is_ok_and(|done| done == wanted) {
        step::already(&what);
        return Ok(());
    }
    step::quiet(&what, || {
        work()?;
        std::fs::write(stamp, wanted).with_context(|| format!("writing {}", stamp.display()))
    })
}

fn tracked(name: &str) -> Result<Vec<PathBuf>> {
    let mut files = run::tracked_files()?;
    files.retain(|file| file.file_name().is_some_and(|n| n == name));
    Ok(files.iter().map(|file| run::root().join(file)).collect())
}

fn parent(file: &Path) -> PathBuf {
    file.parent().map_or_else(PathBuf::new, Path::to_owned)
}
