//! Registering with browsers: a manifest per browser that names the program and the extensions that may start it.

use crate::browsers::{Browser, Level, Places, RegistryKey};
use crate::platform::Platform;
#[cfg(windows)]
use crate::registry::{register, unregister};
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
    /// The folders of manifests, each with what points to it on Windows.
    pub folders: Vec<(PathBuf, Option<RegistryKey>)>,
}

/// Why nothing could be registered.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The environment has no home.
    #[error(
        "there is no home folder: set HOME (LOCALAPPDATA on Windows), or install with --level system"
    )]
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
        let mut folders = Vec::new();
        for browser in browsers {
            let folder = browser.manifests(level, places);
            let key = match places.platform {
                Platform::Windows => Some(browser.registry_key(level)),
                _ => None,
            };
            // Some browsers share a place.
            let entry = (folder.ok_or(InstallError::NoHome)?, key);
            if !folders.contains(&entry) {
                folders.push(entry);
            }
        }
        Ok(Self { folders })
    }

    /// A browser that is started with `--user-data-dir`.
    pub fn of_profile(user_data_dir: &Path) -> Self {
        let folder = user_data_dir.join("NativeMessagingHosts");
        Self {
            folders: vec![(folder, None)],
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
    for (folder, key) in &target.folders {
        fs::create_dir_all(folder).map_err(failed("making", folder))?;
        let mut path = program.to_owned();
        if config != Path::new(DEFAULT_PATH) {
            path = wrapper_in(folder);
            let script = wrapper(Platform::HERE, program, config)
                .ok_or_else(|| InstallError::NoProgram(config.to_owned()))?;
            fs::write(&path, script).map_err(failed("writing", &path))?;
            make_executable(&path).map_err(failed("making executable", &path))?;
            written.push(path.clone());
        }
        let manifest = manifest(path, &settings.allowed_extensions);
        let path = manifest_in(folder);
        // A struct of texts: serde_json cannot fail on it.
        let json = serde_json::to_string_pretty(&manifest).unwrap_or_default() + "\n";
        fs::write(&path, json).map_err(failed("writing", &path))?;
        if let Some(key) = key {
            let shown = PathBuf::from(key.display());
            register(key, &path).map_err(failed("writing", &shown))?;
            written.push(shown);
        }
        written.push(path);
    }
    Ok(written)
}

/// Removes what [`install`] wrote; returns what was there. Keys and records stay.
pub fn uninstall(target: &Target) -> Result<Vec<PathBuf>, InstallError> {
    let mut removed = Vec::new();
    for (folder, key) in &target.folders {
        if let Some(key) = key {
            let shown = PathBuf::from(key.display());
            if unregister(key).map_err(failed("removing", &shown))? {
                removed.push(shown);
            }
        }
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
    let ending = match Platform::HERE {
        Platform::Windows => "bat",
        _ => "sh",
    };
    folder.join(format!("{NAME}.{ending}"))
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

/// `None` for a path that the system's shell could not be given.
fn wrapper(platform: Platform, program: &Path, config: &Path) -> Option<String> {
    if platform == Platform::Windows {
        return Some(format!(
            "@rem Written by tacit-host install.\r\n@{} --config {} %*\r\n",
            quoted_for_cmd(program)?,
            quoted_for_cmd(config)?
        ));
    }
    Some(format!(
        "#!/bin/sh\n# Written by tacit-host install.\nexec {} --config {} \"$@\"\n",
        quoted(program),
        quoted(config)
    ))
}

/// For a batch file, which takes variables apart even within quotes.
fn quoted_for_cmd(path: &Path) -> Option<String> {
    let path = path.to_str()?;
    let fits = !path.contains(['"', '\r', '\n']);
    fits.then(|| format!("\"{}\"", path.replace('%', "%%")))
}

/// For a POSIX shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// Whether this process may register for the whole machine.
#[cfg(unix)]
pub fn is_administrator() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether this process may register for the whole machine.
#[cfg(windows)]
pub fn is_administrator() -> bool {
    crate::registry::is_administrator()
}

fn hint(why: &io::Error) -> &'static str {
    match why.kind() {
        io::ErrorKind::PermissionDenied => " (--level system needs root or an administrator)",
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

#[cfg(not(windows))]
fn register(_: &RegistryKey, _: &Path) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

#[cfg(not(windows))]
fn unregister(_: &RegistryKey) -> io::Result<bool> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_pass_any_path_on_as_it_is() {
        let of =
            |platform, program, config| wrapper(platform, Path::new(program), Path::new(config));
        let script = of(Platform::Linux, "/opt/a b/it's", "/etc/x $y").unwrap();
        assert!(script.ends_with("exec '/opt/a b/it'\\''s' --config '/etc/x $y' \"$@\"\n"));
        let script = of(
            Platform::Windows,
            r"C:\Program Files\T\h.exe",
            r"C:\100%\h.toml",
        );
        assert_eq!(
            script.unwrap(),
            "@rem Written by tacit-host install.\r\n\
             @\"C:\\Program Files\\T\\h.exe\" --config \"C:\\100%%\\h.toml\" %*\r\n"
        );
        for bad in ["a\"b", "a\r\nb"] {
            assert_eq!(of(Platform::Windows, bad, "c"), None);
        }
    }

    #[test]
    fn browsers_that_share_a_place_are_registered_once() {
        let places = Places {
            platform: Platform::Windows,
            root: "/".into(),
            home: None,
            config_home: None,
            path: vec!["P".into()],
            local: None,
        };
        let target = Target::new(&[], Level::System, &places).unwrap();
        let keys: Vec<String> = target
            .folders
            .iter()
            .map(|(_, key)| key.unwrap().display())
            .collect();
        assert_eq!(
            keys,
            [
                r"HKLM\SOFTWARE\Google\Chrome\NativeMessagingHosts\com.tacit.host",
                r"HKLM\SOFTWARE\Chromium\NativeMessagingHosts\com.tacit.host",
                r"HKLM\SOFTWARE\Microsoft\Edge\NativeMessagingHosts\com.tacit.host",
            ]
        );
        let nobody = Target::new(&[Browser::Edge], Level::User, &places);
        assert!(matches!(nobody, Err(InstallError::NoHome)));
    }
}
