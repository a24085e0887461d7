//! Test programs: built in one go, run one after the other, their summary lines read.

use super::Count;
use crate::{run, step};
use anyhow::{Context, Result};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// One compiled test program.
pub struct Program {
    /// The package it belongs to.
    pub package: String,
    name: String,
    executable: PathBuf,
    folder: PathBuf,
}

/// The longest that one program may take.
const PATIENCE: Duration = Duration::from_secs(25 * 60);

/// Compiles everything once, binaries and tests with the same features, so that nothing is compiled twice.
pub fn build_tests() -> Result<Vec<Program>> {
    let mut child = run::cargo()
        .args(["build", "--workspace", "--bins", "--tests"])
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting cargo")?;
    let output = child.stdout.take().context("cargo has no output")?;
    let mut programs = Vec::new();
    for line in BufReader::new(output).lines() {
        let message: Value = serde_json::from_str(&line?).unwrap_or_default();
        programs.extend(program_of(&message));
    }
    let status = child.wait()?;
    anyhow::ensure!(status.success(), "the build ended with {status}");
    programs.sort_by(|a, b| (&a.package, &a.name).cmp(&(&b.package, &b.name)));
    Ok(programs)
}

/// Compiles the programs alone.
pub fn build_binaries() -> Result<()> {
    step::loud("compile all programs", || {
        run::check(run::cargo().args(["build", "--workspace", "--bins"]))
    })
}

fn program_of(message: &Value) -> Option<Program> {
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
    Some(Program {
        package: package_name(message["package_id"].as_str()?),
        name: message["target"]["name"].as_str()?.to_owned(),
        executable: message["executable"].as_str()?.into(),
        folder: folder.to_owned(),
    })
}

/// `path+file:///…/crates/wire#0.1.0` or `path+file:///…/tests/okta#okta-stand-in@0.1.0`.
fn package_name(id: &str) -> String {
    let (path, tag) = id.rsplit_once('#').unwrap_or((id, ""));
    match tag.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => path.rsplit('/').next().unwrap_or(path).to_owned(),
    }
}

impl Program {
    /// Runs it and shows its output as it comes.
    pub fn run(&self) -> Result<Count> {
        println!("\n── {} {}", self.package, self.name);
        let mut command = Command::new(&self.executable);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .env("CARGO_TARGET_DIR", run::target());
        let count = run_and_count(&mut command)?;
        Ok(count)
    }
}

/// Documentation tests, of all libraries at once.
pub fn run_documentation_tests() -> Result<Count> {
    println!("\n── documentation");
    run_and_count(run::cargo().args(["test", "--quiet", "--workspace", "--doc"]))
}

fn run_and_count(command: &mut Command) -> Result<Count> {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", command.get_program().to_string_lossy()))?;
    let (count, in_time) = follow(&mut child, started + PATIENCE)?;
    if !in_time {
        println!("stopped after {}", step::duration(started.elapsed()));
        child.kill()?;
    }
    let status = child.wait()?;
    println!("   {}", step::duration(started.elapsed()));
    Ok(judge(count, in_time && status.success()))
}

/// A program that ended badly has at least one failure, whatever its summary says.
fn judge(mut count: Count, ended_well: bool) -> Count {
    if !ended_well && count.failed == 0 {
        count.failed = 1;
    }
    count
}

fn follow(child: &mut Child, deadline: Instant) -> Result<(Count, bool)> {
    let output = child.stdout.take().context("no output")?;
    let (send, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            if send
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                break;
            }
        }
    });
    let mut count = Count::default();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(line) => {
                println!("{line}");
                count += summary_of(&line);
            }
            Err(RecvTimeoutError::Disconnected) => return Ok((count, true)),
            Err(RecvTimeoutError::Timeout) => return Ok((count, false)),
        }
    }
}

/// `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`
fn summary_of(line: &str) -> Count {
    let Some((_, summary)) = line
        .split_once("test result: ")
        .and_then(|(_, rest)| rest.split_once(". "))
    else {
        return Count::default();
    };
    let number = |what: &str| -> u64 {
        summary
            .split("; ")
            .find_map(|part| part.strip_suffix(what)?.trim().parse().ok())
            .unwrap_or(0)
    };
    Count {
        passed: number("passed"),
        failed: number("failed") + number("ignored"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_tests_count_as_failed() {
        let line = "test result: ok. 5 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        let count = Count {
            passed: 5,
            failed: 3,
        };
        assert_eq!(summary_of(line), count);
        assert_eq!(summary_of("test a ... ok"), Count::default());
    }

    #[test]
    fn a_program_that_dies_has_failed_even_without_a_summary() {
        assert_eq!(judge(Count::default(), false).failed, 1);
        assert_eq!(judge(Count::default(), true).failed, 0);
    }

    #[test]
    fn packages_are_named_as_in_their_manifests() {
        assert_eq!(package_name("path+file:///a/crates/wire#0.1.0"), "wire");
        assert_eq!(
            package_name("path+file:///a/tests/okta#okta-stand-in@0.1.0"),
            "okta-stand-in"
        );
    }
}
