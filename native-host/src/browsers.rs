//! Where browsers look for the manifest of a native-messaging host, and how to tell that one is installed.

use crate::platform::Platform;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A browser family with folders of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Browser {
    /// Google Chrome.
    Chrome,
    /// Chromium.
    Chromium,
    /// Microsoft Edge.
    Edge,
    /// Brave.
    Brave,
}

/// For one user or for the whole machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Level {
    /// This user.
    User,
    /// Every user; needs root.
    System,
}

/// The folders that the environment names; a test or a package build names others.
#[derive(Debug, Clone)]
pub struct Places {
    /// Whose tables to use.
    pub platform: Platform,
    /// `/`, or the folder below which a package is built.
    pub root: PathBuf,
    /// The user's home, if there is one.
    pub home: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME`, else `~/.config`.
    pub config_home: Option<PathBuf>,
    /// Folders of programs: `$PATH`, or what Windows calls Program Files, the machine's 64-bit one first.
    pub path: Vec<PathBuf>,
    /// Windows' `%LOCALAPPDATA%`: where a person's own programs and data are.
    pub local: Option<PathBuf>,
}

/// Where a browser on Windows looks for the path of the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistryKey {
    /// Whose.
    pub hive: Hive,
    /// Below it; the default value is the path.
    pub path: &'static str,
}

/// A part of Windows' registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hive {
    /// HKEY_CURRENT_USER.
    CurrentUser,
    /// HKEY_LOCAL_MACHINE.
    LocalMachine,
}

/// How a browser is packaged, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packaging {
    /// Starts hosts.
    Plain,
    /// Confined: cannot start a host outside its sandbox.
    Snap,
    /// Confined as well.
    Flatpak,
}

impl Browser {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Chrome, Self::Chromium, Self::Edge, Self::Brave];

    /// As on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chrome => "chrome",
            Self::Chromium => "chromium",
            Self::Edge => "edge",
            Self::Brave => "brave",
        }
    }

    /// The folder of manifests; `None` if the environment names no home. Windows has none of its own: there the
    /// manifest lies beside the program, or beside the person's data, and [`Browser::registry_key`] points to it.
    pub fn manifests(self, level: Level, places: &Places) -> Option<PathBuf> {
        match (places.platform, level) {
            (Platform::Linux, Level::User) => {
                let folder = places.config_home.as_ref()?.join(self.profile_folder());
                Some(folder.join("NativeMessagingHosts"))
            }
            (Platform::Linux, Level::System) => Some(places.root.join(match self {
                Self::Chrome => "etc/opt/chrome/native-messaging-hosts",
                Self::Chromium => "etc/chromium/native-messaging-hosts",
                Self::Edge => "etc/opt/edge/native-messaging-hosts",
                Self::Brave => "etc/brave/native-messaging-hosts",
            })),
            (Platform::MacOs, Level::User) => {
                let folder = places.home.as_ref()?.join("Library/Application Support");
                let folder = folder.join(self.mac_profile_folder());
                Some(folder.join("NativeMessagingHosts"))
            }
            (Platform::MacOs, Level::System) => Some(places.root.join(match self {
                // Brave looks where Chrome does.
                Self::Chrome | Self::Brave => "Library/Google/Chrome/NativeMessagingHosts",
                Self::Chromium => "Library/Application Support/Chromium/NativeMessagingHosts",
                Self::Edge => "Library/Microsoft/Edge/NativeMessagingHosts",
            })),
            (Platform::Windows, level) => {
                let folder = match level {
                    Level::User => places.local.as_ref()?,
                    Level::System => places.path.first()?,
                };
                Some(
                    folder
                        .join("Tacit")
                        .join(self.windows_registration().name()),
                )
            }
        }
    }

    /// The key that points to the manifest on Windows. Edge reads Chrome's as well: what both name allows the same
    /// extensions. Both views of the machine's hive are read, and the 64-bit one is ours.
    pub fn registry_key(self, level: Level) -> RegistryKey {
        RegistryKey {
            hive: match level {
                Level::User => Hive::CurrentUser,
                Level::System => Hive::LocalMachine,
            },
            path: match self.windows_registration() {
                Self::Edge => r"SOFTWARE\Microsoft\Edge\NativeMessagingHosts\com.tacit.host",
                Self::Chromium => r"SOFTWARE\Chromium\NativeMessagingHosts\com.tacit.host",
                _ => r"SOFTWARE\Google\Chrome\NativeMessagingHosts\com.tacit.host",
            },
        }
    }

    /// Brave has no key of its own.
    const fn windows_registration(self) -> Self {
        match self {
            Self::Brave => Self::Chrome,
            own => own,
        }
    }

    /// The manifests that this browser would read, those of the person first, as it does itself.
    pub fn registered(self, places: &Places) -> Vec<PathBuf> {
        [Level::User, Level::System]
            .into_iter()
            .filter_map(|level| self.manifest(level, places))
            .filter(|manifest| manifest.exists())
            .collect()
    }

    #[cfg(windows)]
    fn manifest(self, level: Level, _: &Places) -> Option<PathBuf> {
        crate::registry::manifest(&self.registry_key(level))
    }

    #[cfg(not(windows))]
    fn manifest(self, level: Level, places: &Places) -> Option<PathBuf> {
        Some(crate::install::manifest_in(&self.manifests(level, places)?))
    }

    /// How this browser is installed here; `None` if it is not. A plain one counts before a confined one.
    pub fn packaging(self, places: &Places) -> Option<Packaging> {
        let is_there = match places.platform {
            Platform::Linux => return self.packaging_on_linux(places),
            Platform::MacOs => [Some(&places.root), places.home.as_ref()]
                .into_iter()
                .flatten()
                .any(|folder| folder.join("Applications").join(self.mac_bundle()).exists()),
            Platform::Windows => places
                .path
                .iter()
                .chain(&places.local)
                .any(|folder| folder.join(self.windows_program()).exists()),
        };
        is_there.then_some(Packaging::Plain)
    }

    fn packaging_on_linux(self, places: &Places) -> Option<Packaging> {
        let program = |folder: &PathBuf| {
            self.programs()
                .iter()
                .map(|name| folder.join(name))
                .find(|program| program.exists())
        };
        let programs: Vec<PathBuf> = places.path.iter().filter_map(program).collect();
        if programs.iter().any(|program| !is_snap(program)) {
            return Some(Packaging::Plain);
        }
        if !programs.is_empty() {
            return Some(Packaging::Snap);
        }
        let shared = Some(places.root.join("var/lib/flatpak"));
        let own = places
            .home
            .as_ref()
            .map(|home| home.join(".local/share/flatpak"));
        let is_flatpak = [shared, own]
            .into_iter()
            .flatten()
            .any(|folder| folder.join("app").join(self.flatpak()).exists());
        is_flatpak.then_some(Packaging::Flatpak)
    }

    const fn profile_folder(self) -> &'static str {
        match self {
            Self::Chrome => "google-chrome",
            Self::Chromium => "chromium",
            Self::Edge => "microsoft-edge",
            Self::Brave => "BraveSoftware/Brave-Browser",
        }
    }

    /// Below `Library/Application Support`.
    const fn mac_profile_folder(self) -> &'static str {
        match self {
            Self::Chrome => "Google/Chrome",
            Self::Chromium => "Chromium",
            Self::Edge => "Microsoft Edge",
            Self::Brave => "BraveSoftware/Brave-Browser",
        }
    }

    const fn mac_bundle(self) -> &'static str {
        match self {
            Self::Chrome => "Google Chrome.app",
            Self::Chromium => "Chromium.app",
            Self::Edge => "Microsoft Edge.app",
            Self::Brave => "Brave Browser.app",
        }
    }

    const fn windows_program(self) -> &'static str {
        match self {
            Self::Chrome => "Google/Chrome/Application/chrome.exe",
            Self::Chromium => "Chromium/Application/chrome.exe",
            Self::Edge => "Microsoft/Edge/Application/msedge.exe",
            Self::Brave => "BraveSoftware/Brave-Browser/Application/brave.exe",
        }
    }

    const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Chrome => &["google-chrome", "google-chrome-stable"],
            Self::Chromium => &["chromium", "chromium-browser"],
            Self::Edge => &["microsoft-edge", "microsoft-edge-stable"],
            Self::Brave => &["brave-browser", "brave"],
        }
    }

    const fn flatpak(self) -> &'static str {
        match self {
            Self::Chrome => "com.google.Chrome",
            Self::Chromium => "org.chromium.Chromium",
            Self::Edge => "com.microsoft.Edge",
            Self::Brave => "com.brave.Browser",
        }
    }
}

impl Places {
    /// What the environment says.
    pub fn from_environment() -> Self {
        let folder = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let home = folder("HOME");
        let path = match Platform::HERE {
            Platform::Windows => ["ProgramFiles", "ProgramFiles(x86)"]
                .into_iter()
                .filter_map(folder)
                .collect(),
            _ => std::env::var_os("PATH")
                .map(|path| std::env::split_paths(&path).collect())
                .unwrap_or_default(),
        };
        Self {
            platform: Platform::HERE,
            root: PathBuf::from("/"),
            config_home: folder("XDG_CONFIG_HOME")
                .or_else(|| home.as_ref().map(|home| home.join(".config"))),
            home,
            path,
            local: folder("LOCALAPPDATA"),
        }
    }
}

impl RegistryKey {
    /// As `reg query` takes it.
    pub fn display(&self) -> String {
        let hive = match self.hive {
            Hive::CurrentUser => "HKCU",
            Hive::LocalMachine => "HKLM",
        };
        format!(r"{hive}\{}", self.path)
    }
}

/// In /snap, a link into it, or Ubuntu's script that only starts the snap.
fn is_snap(program: &Path) -> bool {
    let real = std::fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
    let in_snap = |path: &Path| {
        path.components()
            .any(|part| part.as_os_str() == OsStr::new("snap"))
    };
    if in_snap(program) || in_snap(&real) {
        return true;
    }
    let is_short = std::fs::metadata(&real).is_ok_and(|about| about.len() < 16 * 1024);
    is_short && std::fs::read_to_string(&real).is_ok_and(|script| script.contains("/snap/bin/"))
}

#[cfg(test)]
mod tests;
