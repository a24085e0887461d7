//! The machine configuration, `/etc/tacit/host.toml`: written by an administrator, read at start, never written by us.

use crate::platform::Platform;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs, io};
use wire::config::Configuration;
use wire::trouble::Trouble;

/// Where the machine configuration is unless `--config` says otherwise. Only administrators can write there: in
/// Windows' ProgramData everybody may make files.
pub const DEFAULT_PATH: &str = match Platform::HERE {
    Platform::Linux => "/etc/tacit/host.toml",
    Platform::MacOs => "/Library/Application Support/Tacit/host.toml",
    Platform::Windows => r"C:\Program Files\Tacit\host.toml",
};
/// Bytes of a configuration file; what it yields has to fit into one frame.
const MAX_FILE: u64 = 32 * 1024;
/// Extensions that may call: the stores' ids and the self-hosted one.
const MAX_EXTENSIONS: usize = 16;

/// What the administrator decided for this machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Extensions that may call.
    pub allowed_extensions: Vec<ExtensionId>,
    /// Which key store to use.
    #[serde(default)]
    pub keystore: Choice,
    /// Whether a key that only file permissions protect is acceptable.
    #[serde(default)]
    pub allow_software: bool,
    /// Instead of the user's data folder.
    #[serde(default)]
    pub data_dir: Option<PathBuf>,
    /// How to reach the TPM, in the words of the TSS: `device:/dev/tpmrm0`, `swtpm:host=127.0.0.1,port=2321`, `tabrmd:`.
    #[serde(default = "default_tcti")]
    pub tcti: String,
    /// Seconds without a request after which the process ends.
    #[serde(default = "default_idle")]
    pub idle_seconds: u32,
    /// What the log file holds.
    #[serde(default)]
    pub log: LogLevel,
    /// What the extension gets.
    pub configuration: Configuration,
}

/// Which key store to use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// The best there is: hardware, then what the operating system keeps, then software if allowed.
    #[default]
    Auto,
    /// TPM 2.0.
    Tpm,
    /// The desktop's secret store over D-Bus.
    SecretService,
    /// Windows: the TPM.
    CngPlatform,
    /// Windows: without a TPM.
    CngSoftware,
    /// macOS: the Secure Enclave.
    SecureEnclave,
    /// macOS: the login keychain.
    Keychain,
    /// A file.
    Software,
    /// Nothing lasts longer than the process; debug builds only.
    Memory,
}

/// How much the log file holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Only what keeps the host from working.
    Error,
    /// And what weakens it.
    #[default]
    Warn,
    /// And each start and refusal.
    Info,
    /// And each request's kind.
    Debug,
}

/// An extension's id: 32 letters from a to p.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ExtensionId(String);

impl ExtensionId {
    /// Takes the id from the origin that a browser passes as the first argument: `chrome-extension://<id>/`.
    pub fn of_caller(origin: &str) -> Option<Self> {
        let id = origin.strip_prefix("chrome-extension://")?;
        Self::try_from(id.strip_suffix('/').unwrap_or(id).to_owned()).ok()
    }

    /// What a manifest's `allowed_origins` holds.
    pub fn origin(&self) -> String {
        format!("chrome-extension://{}/", self.0)
    }
}

impl TryFrom<String> for ExtensionId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = text.len() == 32 && text.bytes().all(|c| (b'a'..=b'p').contains(&c));
        fits.then_some(Self(text))
            .ok_or("an extension id is 32 letters from a to p")
    }
}

impl fmt::Display for ExtensionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Nobody configured this machine.
    #[error("{} does not exist: write it, or give another path with --config", .0.display())]
    Missing(PathBuf),
    /// There, but this user may not read it.
    #[error("{} cannot be read ({why}): make it readable for every user, as with chmod 644", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// Anybody could have written it.
    #[error("{} may be changed by every user of this machine: chmod 644 it", .0.display())]
    WritableByAll(PathBuf),
    /// Over [`MAX_FILE`].
    #[error("{} is over {MAX_FILE} bytes", .0.display())]
    TooLong(PathBuf),
    /// Not the format.
    #[error("{}: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, column and what is wrong there.
        what: String,
    },
}

impl SettingsError {
    /// Its code in a diagnosis.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Missing(_) => Trouble::ConfigurationMissing,
            Self::Unreadable { .. } => Trouble::ConfigurationUnreadable,
            Self::WritableByAll(_) => Trouble::ConfigurationUnsafe,
            Self::TooLong(_) | Self::Malformed { .. } => Trouble::ConfigurationMalformed,
        }
    }
}

impl Settings {
    /// Reads and checks `path`.
    pub fn load(path: &Path) -> Result<Self, SettingsError> {
        let unreadable = |why: io::Error| match why.kind() {
            io::ErrorKind::NotFound => SettingsError::Missing(path.into()),
            _ => SettingsError::Unreadable {
                path: path.into(),
                why,
            },
        };
        let about = fs::metadata(path).map_err(unreadable)?;
        if about.len() > MAX_FILE {
            return Err(SettingsError::TooLong(path.into()));
        }
        if is_writable_by_all(&about) {
            return Err(SettingsError::WritableByAll(path.into()));
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text).map_err(|what| SettingsError::Malformed {
            path: path.into(),
            what,
        })
    }

    /// The settings in `text`, or line, column and what is wrong there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let settings: Self = toml::from_str(text).map_err(|error| without_excerpt(text, &error))?;
        match settings.allowed_extensions.len() {
            0 => Err("allowed_extensions is empty, so nobody could call".into()),
            n if n > MAX_EXTENSIONS => {
                Err(format!("allowed_extensions has more than {MAX_EXTENSIONS}"))
            }
            _ if settings.idle_seconds == 0 => Err("idle_seconds has to be at least 1".into()),
            _ => Ok(settings),
        }
    }

    /// Time without a request after which the process ends.
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds.into())
    }

    /// Where this user's keys and records are.
    pub fn data_dir(&self) -> Option<PathBuf> {
        self.data_dir.clone().or_else(default_data_dir)
    }
}

/// `$XDG_DATA_HOME/tacit`, else `~/.local/share/tacit`; `~/Library/Application Support/Tacit`; `%LOCALAPPDATA%\Tacit`.
fn default_data_dir() -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    match Platform::HERE {
        Platform::Linux => absolute("XDG_DATA_HOME")
            .or_else(|| Some(absolute("HOME")?.join(".local/share")))
            .map(|base| base.join("tacit")),
        Platform::MacOs => Some(absolute("HOME")?.join("Library/Application Support/Tacit")),
        Platform::Windows => Some(absolute("LOCALAPPDATA")?.join("Tacit")),
    }
}

#[cfg(unix)]
fn is_writable_by_all(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o002 != 0
}

#[cfg(not(unix))]
fn is_writable_by_all(_: &fs::Metadata) -> bool {
    false
}

/// toml's own text shows the offending line, which may hold the enrolment token: line and column have to do.
fn without_excerpt(text: &str, error: &toml::de::Error) -> String {
    let what = error.message();
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return what.to_owned();
    };
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
    format!("line {line}, column {column}: {what}")
}

fn default_tcti() -> String {
    "device:/dev/tpmrm0".into()
}

fn default_idle() -> u32 {
    300
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const LEAST: &str = r#"
allowed_extensions = ["abcdefghijklmnopabcdefghijklmnop"]
[configuration]
server_origin = "https://login.acme.test"
okta_origins = ["https://acme.okta.test"]
"#;

    pub(crate) fn least() -> Settings {
        Settings::parse(LEAST).unwrap()
    }

    #[test]
    fn the_least_file_means_auto_and_nothing_weak() {
        let settings = Settings::parse(LEAST).unwrap();
        assert_eq!(settings.keystore, Choice::Auto);
        assert!(!settings.allow_software);
        assert_eq!(settings.idle(), Duration::from_secs(300));
    }

    #[test]
    fn the_packaged_example_is_valid_and_shows_the_defaults() {
        let example = Settings::parse(include_str!("../package/host.toml")).unwrap();
        let mut least = Settings::parse(LEAST).unwrap();
        least.configuration = example.configuration.clone();
        assert_eq!(example, least);
    }

    #[test]
    fn faults_are_named_with_their_place_and_never_with_a_value() {
        let cases = [
            ("keystores = 'auto'", "line 1, column 1: unknown field"),
            ("keystore = 'best'", "line 1, column 12: unknown variant"),
            ("idle_seconds = 0", "idle_seconds has to be at least 1"),
            (
                "allow_software = 'hunter2'",
                "line 1, column 18: invalid type",
            ),
            ("x", "line 1, column 2"),
        ];
        for (line, expected) in cases {
            let what = Settings::parse(&format!("{line}{LEAST}")).unwrap_err();
            assert!(what.contains(expected), "{line}: {what}");
        }
        let empty = LEAST.replace("\"abcdefghijklmnopabcdefghijklmnop\"", "");
        assert!(Settings::parse(&empty).unwrap_err().contains("is empty"));
        let token = format!("{LEAST}enrolment_token = ['hunter2']");
        assert!(!Settings::parse(&token).unwrap_err().contains("hunter2"));
    }

    #[test]
    fn a_caller_is_an_extension_or_nobody() {
        let id = "abcdefghijklmnopabcdefghijklmnop";
        for good in [
            format!("chrome-extension://{id}/"),
            format!("chrome-extension://{id}"),
        ] {
            assert_eq!(ExtensionId::of_caller(&good).unwrap().to_string(), id);
        }
        for bad in [
            id.to_owned(),
            format!("https://{id}/"),
            format!("chrome-extension://{id}/x"),
            format!("chrome-extension://{id}x/"),
            format!("chrome-extension://{}/", id.to_uppercase()),
            format!("chrome-extension://{}/", id.replace('a', "q")),
            String::new(),
        ] {
            assert_eq!(ExtensionId::of_caller(&bad), None, "{bad}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_everybody_may_write_configures_nothing() {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("tacit-settings-{}", std::process::id()));
        fs::write(&path, LEAST).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(
            Settings::load(&path),
            Err(SettingsError::WritableByAll(_))
        ));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Settings::load(&path).is_ok());
        fs::remove_file(&path).unwrap();
        assert!(matches!(
            Settings::load(&path),
            Err(SettingsError::Missing(_))
        ));
    }
}
