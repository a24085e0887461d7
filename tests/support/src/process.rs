//! Programs that end with us.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running program with its process group, ended on drop.
pub struct Process {
    child: Child,
    log: PathBuf,
}

const PATIENCE: Duration = Duration::from_secs(4);

/// A command that the kernel ends when we die, however we die.
pub fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]).arg(program.as_ref());
    command
}

/// Runs a program to its end and returns what it wrote; an error holds what it complained about.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = format!("{:?}", command.get_args().collect::<Vec<_>>());
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {shown}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    anyhow::ensure!(
        output.status.success(),
        "{shown} ended with {}: {}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    Ok(text(&output.stdout))
}

impl Process {
    /// Starts `command` with its output going to the file `log`.
    pub fn start(mut command: Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {command:?}"))?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// An error with the end of the log if the program has ended.
    pub fn ensure_running(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            anyhow::bail!("ended with {status}:\n{}", self.log_tail());
        }
        Ok(())
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last lines that it wrote.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Asks the group to end and waits; what does not listen is killed.
    pub fn stop(&mut self) {
        let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else {
            return;
        };
        // The leader may be gone already while others of its group live, so the signals go out in any case.
        let _ = kill_process_group(group, Signal::TERM);
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Ends every process whose command line names `folder`: what a browser leaves behind carries its profile there.
pub fn end_all_that_name(folder: &Path) {
    let needle = folder.to_string_lossy().into_owned();
    let named = || -> Vec<Pid> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
                let line = std::fs::read(entry.path().join("cmdline")).ok()?;
                let ours = String::from_utf8_lossy(&line).contains(&needle);
                (ours && pid != std::process::id() as i32).then(|| Pid::from_raw(pid))?
            })
            .collect()
    };
    let deadline = Instant::now() + PATIENCE;
    for signal in [Signal::TERM, Signal::KILL] {
        for pid in named() {
            let _ = rustix::process::kill_process(pid, signal);
        }
        while !named().is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
