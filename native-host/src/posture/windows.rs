//! What Windows' registry, its session and BitLocker say, in the words of a posture. No system call here, so that it is
//! tested everywhere.

use super::Sight;
use std::time::{Duration, SystemTime};

/// Seconds from 1601, where FILETIME begins, to 1970.
const FROM_1601_TO_1970: u64 = 11_644_473_600;
/// Of Windows 11; its registry still says "Windows 10".
const FIRST_OF_11: u32 = 22_000;

/// Values of `SOFTWARE\Microsoft\Windows NT\CurrentVersion`.
#[derive(Debug, Default)]
pub(super) struct CurrentVersion {
    pub(super) product_name: Option<String>,
    pub(super) display_version: Option<String>,
    pub(super) build: Option<String>,
    /// The number of the last cumulative update.
    pub(super) revision: Option<u32>,
}

/// As in `Windows 11 Pro 24H2, build 26100.2605`.
pub(super) fn os_version(told: &CurrentVersion) -> Option<String> {
    let build = told.build.as_deref()?;
    let number: u32 = build.parse().ok()?;
    let mut name = told
        .product_name
        .clone()
        .unwrap_or_else(|| "Windows".into());
    if number >= FIRST_OF_11 {
        name = name.replacen("Windows 10", "Windows 11", 1);
    }
    if let Some(version) = &told.display_version {
        name = format!("{name} {version}");
    }
    let revision = told.revision.map(|number| format!(".{number}"));
    Some(super::one_line(&format!(
        "{name}, build {build}{}",
        revision.unwrap_or_default()
    )))
}

/// `SessionFlags` and `LogonTime` of WTSINFOEX_LEVEL1; `None` for a session without a screen of its own.
pub(super) fn sight(flags: i32, logon: i64) -> Option<Sight> {
    let locked = match flags {
        0 => true,
        1 => false,
        _ => return None,
    };
    Some(Sight {
        locked,
        since: time_of(logon),
    })
}

/// A FILETIME: 100 ns since 1601; 0 if the system knows none.
fn time_of(file_time: i64) -> Option<SystemTime> {
    let ticks = u64::try_from(file_time).ok()?;
    let seconds = (ticks / 10_000_000).checked_sub(FROM_1601_TO_1970)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// The shell's `System.Volume.BitLockerProtection`. A disk whose protection is suspended has its key beside it in clear.
pub(super) fn disk_encrypted(protection: i32) -> Option<bool> {
    match protection {
        // On; on and locked
        1 | 6 => Some(true),
        // Off, encrypting, decrypting, suspended, waiting for activation
        2..=5 | 8 => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_says_11_where_the_registry_still_says_10() {
        let mut told = CurrentVersion {
            product_name: Some("Windows 10 Pro".into()),
            display_version: Some("24H2".into()),
            build: Some("26100".into()),
            revision: Some(2605),
        };
        assert_eq!(
            os_version(&told).unwrap(),
            "Windows 11 Pro 24H2, build 26100.2605"
        );
        told.build = Some("19045".into());
        told.display_version = None;
        told.revision = None;
        assert_eq!(os_version(&told).unwrap(), "Windows 10 Pro, build 19045");
        told.product_name = Some("x\n".repeat(400));
        assert!(os_version(&told).unwrap().len() <= 200);
        told.build = Some("latest".into());
        assert_eq!(os_version(&told), None);
        assert_eq!(os_version(&CurrentVersion::default()), None);
    }

    #[test]
    fn a_session_is_locked_open_or_not_known() {
        // 2024-01-01T00:00:00Z
        let logon = 133_485_408_000_000_000;
        let open = sight(1, logon).unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_067_200);
        assert_eq!((open.locked, open.since), (false, Some(at)));
        assert!(sight(0, logon).unwrap().locked);
        assert_eq!(sight(-1, logon), None, "WTS_SESSIONSTATE_UNKNOWN");
        for unknown in [0, -1, i64::MIN] {
            assert_eq!(sight(1, unknown).unwrap().since, None);
        }
        assert!(sight(1, i64::MAX).is_some());
    }

    #[test]
    fn a_disk_whose_key_lies_beside_it_is_not_encrypted() {
        assert_eq!(disk_encrypted(1), Some(true));
        for open in [2, 3, 4, 5, 8] {
            assert_eq!(disk_encrypted(open), Some(false), "{open}");
        }
        assert_eq!((disk_encrypted(0), disk_encrypted(7)), (None, None));
    }
}
