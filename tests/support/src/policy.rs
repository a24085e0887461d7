//! The browser policy of one run: installs the extension, configures it, and trusts the CA of the run.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};

const FOLDER: &str = "/etc/chromium/policies/managed";
const FILE: &str = "/etc/chromium/policies/managed/tacit-test.json";

/// The policy file, removed on drop. It holds for the whole machine, so only one run at a time has it.
pub struct Policy {
    _turn: File,
}

impl Policy {
    /// Waits for its turn and writes the file.
    pub fn install(policy: &Value) -> Result<Self> {
        let turn = File::create(std::env::temp_dir().join("tacit-test-policy.lock"))?;
        if turn.try_lock().is_err() {
            eprintln!("  waiting for another run that uses the browser policy");
            turn.lock()?;
        }
        std::fs::create_dir_all(FOLDER).with_context(|| format!("creating {FOLDER}"))?;
        refuse_company()?;
        let this = Self { _turn: turn };
        this.replace(policy)?;
        Ok(this)
    }

    /// Writes it anew; running browsers notice after a while, new ones at once.
    pub fn replace(&self, policy: &Value) -> Result<()> {
        let text = serde_json::to_string_pretty(policy)?;
        // A browser that reads half a file would drop the whole policy.
        let draft = PathBuf::from(FILE).with_extension("draft");
        std::fs::write(&draft, text).with_context(|| format!("writing {FILE}"))?;
        std::fs::rename(draft, FILE)?;
        Ok(())
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(FILE);
    }
}

/// Lists of several policy files do not merge: the last one wins, and ours might not be it.
fn refuse_company() -> Result<()> {
    for entry in std::fs::read_dir(FOLDER)? {
        let path = entry?.path();
        let other =
            path != Path::new(FILE) && path.extension().is_some_and(|ending| ending == "json");
        if other {
            bail!(
                "{} is there too, and policies of several files do not merge: move it away for the tests",
                path.display()
            );
        }
    }
    Ok(())
}
