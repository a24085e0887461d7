//! Where browsers look for the manifest of a native-messaging host, and how to tell that one is installed.

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
    /// `/`, or the folder below which a package is built.
    pub root: PathBuf,
    /// The user's home, if there is one.
    pub home: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME`, else `~/.config`.
    pub config_home: Option<PathBuf>,
    /// Folders of programs.
    pub path: Vec<PathBuf>,
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

    /// The folder of manifests; `None` if the environment names no home.
    pub fn manifests(self, level: Level, places: &Places) -> Option<PathBuf> {
        match level {
            Level::User => Some(
                places
                    .config_home
                    .as_ref()?
                    .join(self.profile_folder())
                    .join("NativeMessagingHosts"),
            ),
            Level::System => Some(places.root.join(match self {
                Self::Chrome => "etc/opt/chrome/native-messaging-hosts",
                Self::Chromium => "etc/chromium/native-messaging-hosts",
                Self::Edge => "etc/opt/edge/native-messaging-hosts",
                Self::Brave => "etc/brave/native-messaging-hosts",
            })),
        }
    }

    /// How this browser is installed here; `None` if it is not. A plain one counts before a confined one.
    pub fn packaging(self, places: &Places) -> Option<Packaging> {
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
        Self {
            root: PathBuf::from("/"),
            config_home: folder("XDG_CONFIG_HOME")
                .or_else(|| home.as_ref().map(|home| home.join(".config"))),
            home,
            path: std::env::var_os("PATH")
                .map(|path| std::env::split_paths(&path).collect())
                .unwrap_or_default(),
        }
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
mod tests {
    use super::*;
    use crate::test_folder::TestFolder;

    #[test]
    fn confined_browsers_are_told_from_plain_ones() {
        let folder = TestFolder::new("browsers");
        let root = folder.path();
        let put = |path: &str, content: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        };
        let places = Places {
            root: root.to_owned(),
            home: Some(root.join("home")),
            config_home: None,
            path: vec![root.join("bin"), root.join("snap/bin")],
        };
        assert_eq!(Browser::Chromium.packaging(&places), None);
        put("home/.local/share/flatpak/app/com.brave.Browser/x", "");
        assert_eq!(Browser::Brave.packaging(&places), Some(Packaging::Flatpak));
        put("snap/bin/chromium", "");
        assert_eq!(Browser::Chromium.packaging(&places), Some(Packaging::Snap));
        put(
            "bin/chromium-browser",
            "#!/bin/sh\nexec /snap/bin/chromium \"$@\"\n",
        );
        assert_eq!(Browser::Chromium.packaging(&places), Some(Packaging::Snap));
        put(
            "bin/chromium",
            "#!/bin/sh\nexec /usr/lib/chromium/chromium\n",
        );
        assert_eq!(Browser::Chromium.packaging(&places), Some(Packaging::Plain));
    }

    #[test]
    fn each_browser_looks_in_its_own_folder() {
        let places = Places {
            root: "/".into(),
            home: Some("/home/ann".into()),
            config_home: Some("/home/ann/.config".into()),
            path: Vec::new(),
        };
        let folder = |browser: Browser, level| {
            let folder = browser.manifests(level, &places).unwrap();
            folder.to_str().unwrap().to_owned()
        };
        assert_eq!(
            folder(Browser::Chrome, Level::System),
            "/etc/opt/chrome/native-messaging-hosts"
        );
        assert_eq!(
            folder(Browser::Chromium, Level::System),
            "/etc/chromium/native-messaging-hosts"
        );
        assert_eq!(
            folder(Browser::Edge, Level::User),
            "/home/ann/.config/microsoft-edge/NativeMessagingHosts"
        );
        assert_eq!(
            folder(Browser::Brave, Level::User),
            "/home/ann/.config/BraveSoftware/Brave-Browser/NativeMessagingHosts"
        );
    }
}
