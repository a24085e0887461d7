//! What only root can do: done at once by root, and said in one line to everybody else.

use crate::{run, step};
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;

/// What is missing.
pub struct Wish {
    /// Debian packages.
    pub packages: Vec<&'static str>,
    /// A folder that the person who runs this may write to.
    pub folder: Option<&'static str>,
}

/// Grants the wish as root; otherwise ends with the line to run.
pub fn grant(wish: &Wish) -> Result<()> {
    let user = effective_user();
    let Some(line) = wish.line(user) else {
        return Ok(());
    };
    if !wish.packages.is_empty() && !run::exists("apt-get") {
        bail!(
            "these are missing, and this system has no apt-get: {}",
            wish.packages.join(" ")
        );
    }
    if user != Some(0) {
        bail!(
            "this machine lacks what only root can add. Run this line, then start again:\n  sudo sh -c '{line}'"
        );
    }
    let what = match wish.packages.as_slice() {
        [] => "make the policy folder of the browser".to_owned(),
        packages => format!("install {}", packages.join(", ")),
    };
    step::quiet(&what, || {
        run::check_quietly(
            Command::new("sh")
                .args(["-c", &line])
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    })
}

/// Whether files can be made in `folder`.
pub fn may_write(folder: &str) -> bool {
    let probe = Path::new(folder).join(".tacit-probe");
    let written = std::fs::write(&probe, "").is_ok();
    // It cannot be removed only if it was not made.
    let _ = std::fs::remove_file(probe);
    written
}

impl Wish {
    fn line(&self, user: Option<u32>) -> Option<String> {
        let mut parts = Vec::new();
        if !self.packages.is_empty() {
            parts.push("apt-get update".to_owned());
            parts.push(format!(
                "apt-get install --yes --no-install-recommends {}",
                self.packages.join(" ")
            ));
        }
        if let Some(folder) = self.folder {
            parts.push(format!("install -d -o {} {folder}", user.unwrap_or(0)));
        }
        (!parts.is_empty()).then(|| parts.join(" && "))
    }
}

fn effective_user() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .and_then(|ids| ids.split_whitespace().nth(1))
        .and_then(|id| id.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_does_all_that_only_root_can_do() {
        let all = Wish {
            packages: vec!["swtpm", "clang"],
            folder: Some("/etc/policies"),
        };
        assert_eq!(
            all.line(Some(1000)).unwrap(),
            "apt-get update && apt-get install --yes --no-install-recommends swtpm clang \
             && install -d -o 1000 /etc/policies"
        );
        let nothing = Wish {
            packages: Vec::new(),
            folder: None,
        };
        assert_eq!(nothing.line(Some(1000)), None);
        assert!(grant(&nothing).is_ok());
    }
}
