//! Windows' registry, where browsers look for the path of a manifest.

use crate::browsers::Hive;
use crate::browsers::RegistryKey;
use std::io;
use std::path::{Path, PathBuf};
use windows_registry::{CURRENT_USER, Key, LOCAL_MACHINE};

/// The manifest that `key` names.
pub(crate) fn manifest(key: &RegistryKey) -> Option<PathBuf> {
    let path = hive(key.hive).open(key.path).ok()?.get_string("").ok()?;
    Some(PathBuf::from(path))
}

/// Makes `key` name `manifest`.
pub(crate) fn register(key: &RegistryKey, manifest: &Path) -> io::Result<()> {
    let path = manifest
        .to_str()
        .ok_or_else(|| io::Error::other("the path is not Unicode"))?;
    Ok(hive(key.hive).create(key.path)?.set_string("", path)?)
}

/// Removes `key`; whether it was there.
pub(crate) fn unregister(key: &RegistryKey) -> io::Result<bool> {
    if hive(key.hive).open(key.path).is_err() {
        return Ok(false);
    }
    hive(key.hive).remove_tree(key.path)?;
    Ok(true)
}

/// Whether this process may register for the whole machine.
pub(crate) fn is_administrator() -> bool {
    LOCAL_MACHINE.options().write().open("SOFTWARE").is_ok()
}

fn hive(hive: Hive) -> &'static Key {
    match hive {
        Hive::CurrentUser => CURRENT_USER,
        Hive::LocalMachine => LOCAL_MACHINE,
    }
}
