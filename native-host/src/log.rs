//! The log: a file of bounded size in the data folder, never standard output, which belongs to the browser.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::LogLevel;

/// Bytes of the file; there is one older file of the same size.
const MAX_FILE: u64 = 256 * 1024;

/// Starts logging to `folder/host.log`. A log that cannot be written keeps nobody from signing in.
///
/// Only our own crate is logged below warnings: a library's trace could hold what it carries.
pub fn start(folder: &Path, level: LogLevel) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("native_host", level);
    let file = BoundedFile {
        path: folder.join("host.log"),
        open: None,
    };
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(Mutex::new(file));
    // It fails only if logging was started before.
    let _ = tracing_subscriber::registry()
        .with(tracing_subscriber::Layer::with_filter(layer, targets))
        .try_init();
}

/// Appends; several processes may share it.
struct BoundedFile {
    path: PathBuf,
    open: Option<File>,
}

impl BoundedFile {
    /// The file to append to. A full one, renamed by whoever notices first, is followed by a new one.
    fn current(&mut self) -> io::Result<&mut File> {
        let is_full = |file: &File| file.metadata().is_ok_and(|about| about.len() >= MAX_FILE);
        if self.open.as_ref().is_some_and(is_full) {
            self.open = None;
        }
        if self.open.is_none() {
            let mut file = append_to(&self.path)?;
            if is_full(&file) {
                fs::rename(&self.path, self.path.with_extension("log.1"))?;
                file = append_to(&self.path)?;
            }
            self.open = Some(file);
        }
        self.open
            .as_mut()
            .ok_or_else(|| io::Error::other("opened above"))
    }
}

impl Write for BoundedFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.current()?.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    let mut how = OpenOptions::new();
    how.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut how, 0o600);
    how.open(path)
}

/// Writes the panic to the log, where it can be found, before the process ends.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "the host stopped on an internal fault");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::TestFolder;

    #[test]
    fn two_writers_never_fill_more_than_two_files() {
        let folder = TestFolder::new("log");
        let path = folder.path().join("host.log");
        let writer = || BoundedFile {
            path: path.clone(),
            open: None,
        };
        let (mut one, mut other) = (writer(), writer());
        let line = [b'x'; 1000];
        for _ in 0..1000 {
            one.write_all(&line).unwrap();
            other.write_all(&line).unwrap();
        }
        let mut sizes = Vec::new();
        for entry in fs::read_dir(folder.path()).unwrap() {
            sizes.push(entry.unwrap().metadata().unwrap().len());
        }
        assert_eq!(sizes.len(), 2);
        assert!(sizes.iter().all(|size| *size < MAX_FILE + 4 * 1000));
    }
}
