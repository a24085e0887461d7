//! What the host can tell about the machine. Whatever the platform does not tell is `None`.
//!
//! Nothing here may delay an answer: what is read from files is read once, and the session is asked only for requests
//! that carry the posture, with a deadline, and not again for a while after it missed one.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod logind;
#[cfg(any(target_os = "macos", test))]
mod macos;
#[cfg(any(windows, test))]
mod windows;

#[cfg(any(target_os = "linux", test))]
use std::time::Duration;
#[cfg(target_os = "linux")]
use std::time::Instant;
use std::time::SystemTime;
use tokio::sync::{Mutex, OnceCell};
use wire::statement;

/// For everything that is asked over D-Bus.
#[cfg(target_os = "linux")]
const PATIENCE: Duration = Duration::from_millis(200);
/// After a missed deadline.
#[cfg(target_os = "linux")]
const PAUSE: Duration = Duration::from_secs(60);

/// The machine's state.
#[derive(Default)]
pub struct Posture {
    lasting: OnceCell<statement::Posture>,
    session: Mutex<Session>,
}

/// The state of the person's session, as the platform reports it at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    /// Whether the screen is locked.
    locked: bool,
    /// When the person logged in, where the platform tells.
    since: Option<SystemTime>,
}

/// What was seen of the session so far.
#[derive(Default)]
struct Session {
    #[cfg(target_os = "linux")]
    logind: Option<logind::Logind>,
    #[cfg(target_os = "linux")]
    not_before: Option<Instant>,
    /// When the screen was last seen locked: an unlock that came after it is at most that old.
    last_locked: Option<SystemTime>,
}

impl Posture {
    /// The state now.
    pub async fn current(&self) -> statement::Posture {
        let mut posture = self
            .lasting
            .get_or_init(|| async { lasting() })
            .await
            .clone();
        let now = SystemTime::now();
        let mut session = self.session.lock().await;
        if let Some(sight) = session.look().await {
            session.remember(sight, now);
            posture.screen_locked = Some(sight.locked);
            posture.unlock_age_ms = session.unlock_age_ms(sight, now);
        }
        posture
    }
}

impl Session {
    #[cfg(target_os = "linux")]
    async fn look(&mut self) -> Option<Sight> {
        if self.not_before.is_some_and(|at| Instant::now() < at) {
            return None;
        }
        let logind = &mut self.logind;
        let look = async {
            if logind.is_none() {
                *logind = Some(logind::Logind::connect().await?);
            }
            logind.as_ref()?.session().await
        };
        match tokio::time::timeout(PATIENCE, look).await {
            Ok(Some(seen)) => seen,
            Ok(None) | Err(_) => {
                tracing::info!("logind did not tell the session's state");
                self.logind = None;
                self.not_before = Some(Instant::now() + PAUSE);
                None
            }
        }
    }

    #[cfg(windows)]
    async fn look(&mut self) -> Option<Sight> {
        let (flags, logon) = crate::system::windows::session()?;
        windows::sight(flags, logon)
    }

    /// When the person logged in is not told: the age of an unlock is known once this process has seen the screen locked.
    #[cfg(target_os = "macos")]
    async fn look(&mut self) -> Option<Sight> {
        Some(Sight {
            locked: crate::system::macos::screen_locked()?,
            since: None,
        })
    }

    fn remember(&mut self, sight: Sight, now: SystemTime) {
        if sight.locked {
            self.last_locked = Some(now);
        }
    }

    /// The age of the last login or unlock that we know of, never less than the truth; `None` while locked.
    fn unlock_age_ms(&self, sight: Sight, now: SystemTime) -> Option<u32> {
        if sight.locked {
            return None;
        }
        let latest = self.last_locked.max(sight.since)?;
        let age = now.duration_since(latest).ok()?;
        u32::try_from(age.as_millis()).ok()
    }
}

#[cfg(target_os = "linux")]
fn lasting() -> statement::Posture {
    linux::lasting()
}

#[cfg(windows)]
fn lasting() -> statement::Posture {
    let key = windows_registry::LOCAL_MACHINE.open(r"SOFTWARE\Microsoft\Windows NT\CurrentVersion");
    let text = |name: &str| key.as_ref().ok()?.get_string(name).ok();
    let told = windows::CurrentVersion {
        product_name: text("ProductName"),
        display_version: text("DisplayVersion"),
        build: text("CurrentBuildNumber"),
        revision: key.as_ref().ok().and_then(|key| key.get_u32("UBR").ok()),
    };
    let drive = std::env::var("SystemDrive").unwrap_or_else(|_| "C:".into()) + r"\";
    statement::Posture {
        platform: "windows".into(),
        os_version: windows::os_version(&told),
        disk_encrypted: crate::system::windows::bitlocker_protection(&drive)
            .and_then(windows::disk_encrypted),
        ..statement::Posture::default()
    }
}

#[cfg(target_os = "macos")]
fn lasting() -> statement::Posture {
    let plist = std::fs::read_to_string("/System/Library/CoreServices/SystemVersion.plist");
    let status = std::process::Command::new("/usr/bin/fdesetup")
        .arg("status")
        .stdin(std::process::Stdio::null())
        .output();
    let status = status
        .ok()
        .and_then(|said| String::from_utf8(said.stdout).ok());
    statement::Posture {
        platform: "macos".into(),
        os_version: plist.ok().and_then(|plist| macos::os_version(&plist)),
        disk_encrypted: status.and_then(|status| macos::disk_encrypted(&status)),
        ..statement::Posture::default()
    }
}

/// Bytes of the version's text.
const MAX_VERSION: usize = 200;

/// Short and without control characters.
fn one_line(text: &str) -> String {
    let mut text: String = text.chars().filter(|c| !c.is_control()).collect();
    text.truncate(text.floor_char_boundary(MAX_VERSION));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_an_unlock_is_never_understated() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut session = Session::default();
        let open = Sight {
            locked: false,
            since: Some(start),
        };
        let locked = Sight {
            locked: true,
            ..open
        };
        session.remember(open, at(10));
        assert_eq!(session.unlock_age_ms(open, at(10)), Some(10_000));
        session.remember(locked, at(20));
        assert_eq!(session.unlock_age_ms(locked, at(20)), None);
        session.remember(locked, at(50));
        session.remember(open, at(60));
        assert_eq!(
            session.unlock_age_ms(open, at(60)),
            Some(10_000),
            "unlocked at some time after it was last seen locked"
        );
        let login_in_the_future = Sight {
            locked: false,
            since: Some(at(1_000)),
        };
        let fresh = Session::default();
        assert_eq!(fresh.unlock_age_ms(login_in_the_future, at(60)), None);
        assert_eq!(
            fresh.unlock_age_ms(open, at(u64::from(u32::MAX))),
            None,
            "older than fits"
        );
        let login_not_told = Sight {
            since: None,
            ..open
        };
        assert_eq!(fresh.unlock_age_ms(login_not_told, at(60)), None);
        assert_eq!(
            session.unlock_age_ms(login_not_told, at(60)),
            Some(10_000),
            "what was seen counts"
        );
    }
}
