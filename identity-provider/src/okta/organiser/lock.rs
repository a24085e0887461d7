//! One run at a time on a machine: a locked file in the data folder, which the operating system unlocks however the run ends.

use super::{Error, Result};
use crate::random;
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::Path,
};

/// Held until dropped.
pub struct Lock {
    file: File,
    /// Names this data folder in intentions: what it meant to make and did not finish, nobody else is making.
    pub holder: String,
}

impl Lock {
    /// Takes the lock, or says that another run has it.
    pub fn take(data: &Path) -> Result<Self> {
        let path = data.join("okta-organiser.lock");
        let failed = |e| Error::Lock(path.clone(), e);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Busy),
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        let mut holder = String::new();
        (&file)
            .take(64)
            .read_to_string(&mut holder)
            .map_err(failed)?;
        if holder.is_empty() {
            holder = random::token::<12>();
            file.write_all(holder.as_bytes()).map_err(failed)?;
        }
        Ok(Self { file, holder })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would leave it with whatever child process is between its fork and its exec.
        let _ = self.file.unlock();
    }
}
