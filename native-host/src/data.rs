//! The user's data folder: bounded reads, atomic writes, one lock for everything that reads and then writes.
//!
//! Each browser profile has its own host process, all on the same folder. Readers never see half a file because writers
//! rename; writers that depend on what they read hold the [`DataFolder::lock`].

use ring::rand::{SecureRandom, SystemRandom};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use wire::b64;

/// Bytes of any file of ours but the log.
const MAX_FILE: u64 = 64 * 1024;

/// What went wrong with which file.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The system refused.
    #[error("{doing} {}: {why}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// Over [`MAX_FILE`].
    #[error("{} is over {MAX_FILE} bytes and not ours", .0.display())]
    TooLong(PathBuf),
    /// Neither the settings nor the environment name a folder.
    #[error("there is no data folder: HOME is not set and the configuration has no data_dir")]
    NoFolder,
}

/// The folder, private to this user.
#[derive(Debug, Clone)]
pub struct DataFolder {
    root: PathBuf,
}

/// Held while reading and then writing; the system lets it go when the process dies.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "closing the file is what unlocks")] File);

impl DataFolder {
    /// Opens or makes the folder and takes everybody else's access away.
    pub fn open(root: PathBuf) -> Result<Self, DataError> {
        make_private_folder(&root).map_err(failed("making", &root))?;
        Ok(Self { root })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The full path of `name`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Waits until no other process of this user changes records.
    pub fn lock(&self) -> Result<Lock, DataError> {
        let path = self.path("lock");
        let file = private_file(OpenOptions::new().create(true).append(true), &path)
            .map_err(failed("opening", &path))?;
        file.lock().map_err(failed("locking", &path))?;
        Ok(Lock(file))
    }

    /// The content of `name`; `None` if there is no such file.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DataError> {
        let path = self.path(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed("opening", &path)(e)),
        };
        let mut content = Vec::new();
        file.take(MAX_FILE + 1)
            .read_to_end(&mut content)
            .map_err(failed("reading", &path))?;
        if content.len() as u64 > MAX_FILE {
            return Err(DataError::TooLong(path));
        }
        Ok(Some(content))
    }

    /// Replaces `name` as a whole: whoever reads sees the old content or the new one, even after a power cut.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), DataError> {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&self.root);
        make_private_folder(folder).map_err(failed("making", folder))?;
        let mut unique = [0; 8];
        SystemRandom::new()
            .fill(&mut unique)
            .map_err(|_| failed("naming", &path)(io::Error::other("no randomness")))?;
        let temporary = folder.join(format!(".new-{}", b64::encode(&unique)));
        let written = write_synced(&temporary, content)
            .and_then(|()| fs::rename(&temporary, &path))
            .and_then(|()| sync_folder(folder));
        if written.is_err() {
            // Nothing is lost if this fails too: the name is never read.
            let _ = fs::remove_file(&temporary);
        }
        written.map_err(failed("writing", &path))
    }

    /// Removes `name`; it is fine if there is none.
    pub fn remove(&self, name: &str) -> Result<(), DataError> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Ok(()) => sync_folder(path.parent().unwrap_or(&self.root)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(e),
        }
        .map_err(failed("removing", &path))
    }

    /// At most `limit` names in the sub-folder `name`, sorted; none if there is no such folder.
    pub fn list(&self, name: &str, limit: usize) -> Result<Vec<String>, DataError> {
        let path = self.path(name);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(failed("reading", &path)(e)),
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .take(limit)
            .collect();
        names.sort();
        Ok(names)
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataError {
    let path = path.to_owned();
    move |why| DataError::Io { doing, path, why }
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = private_file(OpenOptions::new().create_new(true).write(true), path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(unix)]
fn private_file(how: &mut OpenOptions, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    how.mode(0o600).open(path)
}

#[cfg(unix)]
fn make_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    let about = fs::metadata(path)?;
    if about.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// A rename lasts only once the folder itself is on the disk.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
fn private_file(how: &mut OpenOptions, path: &Path) -> io::Result<File> {
    how.open(path)
}

#[cfg(not(unix))]
fn make_private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
