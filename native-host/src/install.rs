//! Registering with browsers: a manifest per browser that names the program and the extensions that may start it.

use crate::browsers::{Browser, Level, Places};
use crate::settings::{DEFAULT_PATH, ExtensionId, Settings};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use wire::host::NAME;

/// What a browser reads.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`NAME`].
    pub name: String,
    /// For people.
    pub description: String,
    /// The program, absolute.
    pub path: PathBuf,
    /// Always `stdio`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which extensions may start it.
    pub allowed_origins: Vec<String>,
}

/// Where and for whom.
#[derive(Debug)]
pub struct Target {
    /// The folders of manifests, each with the name of its browser.
    pub folders: Vec<(String, PathBuf)>,
}

/// Why nothing could be registered.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The environment has no home.
    #[error("there is no home folder: set HOME, or install with --level system")]
    NoHome,
    /// Nobody would read a manifest.
    #[error(
        "no Chrome, Chromium, Edge or Brave is installed for this user: name one with --browser"
    )]
    NoBrowser,
    /// The manifest has to hold an absolute path.
    #[error("{} is not the path of a program: give it with --program", .0.display())]
    NoProgram(PathBuf),
    /// A file.
    #[error("{doing} {}: {why}{}", path.display(), hint(why))]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
}

impl Target {
    /// The folders that `browsers` read; with none named, those of the browsers that are there, and for a whole machine
    /// all.
    pub fn new(browsers: &[Browser], level: Level, places: &Places) -> Result<Self, InstallError> {
        let browsers: Vec<Browser> = match (browsers, level) {
            ([], Level::System) => Browser::ALL.to_vec(),
            ([], Level::User) => Browser::ALL
                .into_iter()
                .filter(|browser| browser.packaging(places).is_some())
                .collect(),
            (named, _) => named.to_vec(),
        };
        if browsers.is_empty() {
            return Err(InstallError::NoBrowser);
        }
        let folder = |browser: Browser| {
            let folder = browser.manifests(level, places);
            Ok((
                browser.name().to_owned(),
                folder.ok_or(InstallError::NoHome)?,
            ))
        };
        let folders: Result<_, InstallError> = browsers.into_iter().map(folder).collect();
        Ok(Self { folders: folders? })
    }

    /// A browser that is started with `--user-data-dir`.
    pub fn of_profile(user_data_dir: &Path) -> Self {
        let folder = user_data_dir.join("NativeMessagingHosts");
        Self {
            folders: vec![("profile".into(), folder)],
        }
    }
}

/// Writes the manifests, and a wrapper script beside each when `config` is not the default: a manifest cannot hold
/// arguments. Returns the files written.
pub fn install(
    target: &Target,
    settings: &Settings,
    config: &Path,
    program: &Path,
) -> Result<Vec<PathBuf>, InstallError> {
    if !program.is_absolute() {
        return Err(InstallError::NoProgram(program.to_owned()));
    }
    let mut written = Vec::new();
    for (_, folder) in &target.folders {
        fs::create_dir_all(folder).map_err(failed("making", folder))?;
        let mut path = program.to_owned();
        if config != Path::new(DEFAULT_PATH) {
            path = wrapper_in(folder);
            let script = wrapper(program, config);
            fs::write(&path, script).map_err(failed("writing", &path))?;
            make_executable(&path).map_err(failed("making executable", &path))?;
            written.push(path.clone());
        }
        let manifest = manifest(path, &settings.allowed_extensions);
        let path = manifest_in(folder);
        // A struct of texts: serde_json cannot fail on it.
        let json = serde_json::to_string_pretty(&manifest).unwrap_or_default() + "\n";
        fs::write(&path, json).map_err(failed("writing", &path))?;
        written.push(path);
    }
    Ok(written)
}

/// Removes what [`install`] wrote; returns what was there. Keys and records stay.
pub fn uninstall(target: &Target) -> Result<Vec<PathBuf>, InstallError> {
    let mut removed = Vec::new();
    for (_, folder) in &target.folders {
        for path in [manifest_in(folder), wrapper_in(folder)] {
            match fs::remove_file(&path) {
                Ok(()) => removed.push(path),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(failed("removing", &path)(e)),
            }
        }
    }
    Ok(removed)
}

/// The manifest's file in a browser's folder.
pub fn manifest_in(folder: &Path) -> PathBuf {
    folder.join(format!("{NAME}.json"))
}

fn wrapper_in(folder: &Path) -> PathBuf {
    folder.join(format!("{NAME}.sh"))
}

fn manifest(path: PathBuf, extensions: &[ExtensionId]) -> Manifest {
    Manifest {
        name: NAME.into(),
        description: "Tacit: keeps the device key".into(),
        path,
        kind: "stdio".into(),
        allowed_origins: extensions.iter().map(ExtensionId::origin).collect(),
    }
}

fn wrapper(program: &Path, config: &Path) -> String {
    format!(
        "#!/bin/sh\n# Written by tacit-host install.\nexec {} --config {} \"$@\"\n",
        quoted(program),
        quoted(config)
    )
}

/// For a POSIX shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

fn hint(why: &io::Error) -> &'static str {
    match why.kind() {
        io::ErrorKind::PermissionDenied => " (--level system needs root)",
        _ => "",
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> InstallError {
    let path = path.to_owned();
    move |why| InstallError::Io { doing, path, why }
}

#[cfg(unix)]
fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}
