//! What files tell: the system's version, and whether the disks below `/` and the home folder are encrypted.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use wire::statement::Posture;

/// Bytes of any file read here.
const MAX_FILE: u64 = 1024 * 1024;
/// Device-mapper layers on top of each other.
const MAX_DEPTH: usize = 8;

/// Everything that does not change while this process lives.
pub(super) fn lasting() -> Posture {
    let root = Path::new("/");
    let home = std::env::var_os("HOME").map(PathBuf::from);
    Posture {
        platform: "linux".into(),
        os_version: os_version(root),
        disk_encrypted: disk_encrypted(root, home.as_deref()),
        ..Posture::default()
    }
}

/// As in `Debian GNU/Linux 12 (bookworm), Linux 6.1.0`.
fn os_version(root: &Path) -> Option<String> {
    let release = read(&root.join("etc/os-release"))
        .or_else(|| read(&root.join("usr/lib/os-release")))
        .unwrap_or_default();
    let name = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map(|name| name.trim_matches(['"', '\'']).to_owned());
    let kernel = read(&root.join("proc/sys/kernel/osrelease"))
        .map(|kernel| format!("Linux {}", kernel.trim()));
    let version = match (name, kernel) {
        (Some(name), Some(kernel)) => format!("{name}, {kernel}"),
        (name, kernel) => name.or(kernel)?,
    };
    Some(super::one_line(&version))
}

/// `Some(false)` as soon as one of the two disks is known to be plain, `Some(true)` only if both are known to be encrypted.
fn disk_encrypted(root: &Path, home: Option<&Path>) -> Option<bool> {
    let mounts = read(&root.join("proc/self/mountinfo"))?;
    let mut all = Some(true);
    for place in [Some(Path::new("/")), home].into_iter().flatten() {
        let device = mount_of(&mounts, place).and_then(|mount| mount.device(root));
        match device.and_then(|device| is_encrypted(&device, MAX_DEPTH)) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => all = None,
        }
    }
    all
}

struct Mount<'a> {
    point: PathBuf,
    /// `major:minor`.
    number: &'a str,
    source: &'a str,
}

/// The mount that holds `place`: the longest mount point above it, and of equal ones the last.
fn mount_of<'a>(mounts: &'a str, place: &Path) -> Option<Mount<'a>> {
    mounts
        .lines()
        .filter_map(parse_mount)
        .filter(|mount| place.starts_with(&mount.point))
        .max_by_key(|mount| mount.point.as_os_str().len())
}

/// `36 35 98:0 /root /point options optional… - type source options`, proc_pid_mountinfo(5).
fn parse_mount(line: &str) -> Option<Mount<'_>> {
    let (place, file_system) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(2);
    let number = place.next()?;
    let point = place.nth(1)?;
    Some(Mount {
        // The kernel writes a space in a path as an octal escape.
        point: PathBuf::from(point.replace(r"\040", " ")),
        number,
        source: file_system.split(' ').nth(1)?,
    })
}

impl Mount<'_> {
    /// The device's folder in sysfs; `None` for what lies on no disk, or on one that is not ours.
    fn device(&self, root: &Path) -> Option<PathBuf> {
        if !self.number.starts_with("0:") {
            return Some(root.join("sys/dev/block").join(self.number));
        }
        // btrfs has no device number of its own, but names its device.
        let source = root.join(self.source.strip_prefix('/')?);
        let source = fs::canonicalize(source).ok()?;
        Some(root.join("sys/class/block").join(source.file_name()?))
    }
}

/// dm-crypt names itself in the device-mapper's uuid; LVM and RAID are as good as what lies below them.
fn is_encrypted(device: &Path, depth: usize) -> Option<bool> {
    if !device.exists() || device.join("loop").exists() {
        return None;
    }
    if read(&device.join("dm/uuid")).is_some_and(|uuid| uuid.starts_with("CRYPT-")) {
        return Some(true);
    }
    let depth = depth.checked_sub(1)?;
    let below: Vec<PathBuf> = fs::read_dir(device.join("slaves"))
        .map(|slaves| {
            slaves
                .filter_map(|slave| Some(slave.ok()?.path()))
                .collect()
        })
        .unwrap_or_default();
    let mut all = Some(!below.is_empty());
    for device in below {
        match is_encrypted(&device, depth) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => all = None,
        }
    }
    all
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path)
        .ok()?
        .take(MAX_FILE)
        .read_to_string(&mut text)
        .ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::TestFolder;

    /// A machine as files: mount lines, and per device either its uuid or what it lies on.
    fn check(mounts: &str, devices: &[(&str, &str, &[&str])], expected: Option<bool>) {
        let folder = TestFolder::new("disk");
        let root = folder.path();
        let put = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("proc/self/mountinfo", mounts);
        for (name, uuid, below) in devices {
            put(&format!("sys/class/block/{name}/dev"), "");
            if !uuid.is_empty() {
                put(&format!("sys/class/block/{name}/dm/uuid"), uuid);
            }
            for device in *below {
                let slaves = root.join(format!("sys/class/block/{name}/slaves"));
                fs::create_dir_all(&slaves).unwrap();
                let target = root.join("sys/class/block").join(device);
                std::os::unix::fs::symlink(target, slaves.join(device)).unwrap();
            }
            put(&format!("dev/{name}"), "");
            fs::create_dir_all(root.join("sys/dev/block")).unwrap();
            let number = match *name {
                "sda1" => "8:1",
                "dm-0" => "254:0",
                _ => "254:1",
            };
            let target = root.join("sys/class/block").join(name);
            std::os::unix::fs::symlink(target, root.join("sys/dev/block").join(number)).unwrap();
        }
        let found = disk_encrypted(root, Some(Path::new("/home/ann")));
        assert_eq!(found, expected, "{mounts}");
    }

    const LUKS: (&str, &str, &[&str]) = ("dm-0", "CRYPT-LUKS2-0123-sda1_crypt", &["sda1"]);
    const LVM: (&str, &str, &[&str]) = ("dm-1", "LVM-0123", &["dm-0"]);
    const PLAIN: (&str, &str, &[&str]) = ("sda1", "", &[]);

    #[test]
    fn encryption_is_found_through_lvm_and_btrfs_and_separate_homes() {
        let plain = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw";
        let luks = "22 1 254:0 / / rw shared:1 - ext4 /dev/mapper/x rw";
        let lvm = "22 1 254:1 / / rw - ext4 /dev/mapper/vg-root rw";
        let btrfs = "22 1 0:30 /@ / rw shared:1 - btrfs /dev/dm-0 rw";
        let overlay = "22 1 0:50 / / rw - overlay overlay rw,lowerdir=/x";
        let home = "\n30 22 8:1 / /home rw shared:2 - ext4 /dev/sda1 rw";
        let all = [PLAIN, LUKS, LVM];
        check(plain, &all, Some(false));
        check(luks, &all, Some(true));
        check(lvm, &all, Some(true));
        check(btrfs, &all, Some(true));
        check(overlay, &all, None);
        check(&format!("{luks}{home}"), &all, Some(false));
        check(&format!("{overlay}{home}"), &all, Some(false));
        check(
            &format!("{plain}\n23 22 254:0 / / rw - ext4 x rw"),
            &all,
            Some(true),
        );
        check(luks, &[], None);
        check("", &all, None);
        check("nonsense - \n - - -\n1 2 3", &all, None);
    }

    #[test]
    fn devices_that_lie_on_each_other_in_a_circle_end() {
        let circle: (&str, &str, &[&str]) = ("dm-0", "LVM-1", &["dm-1"]);
        let back: (&str, &str, &[&str]) = ("dm-1", "LVM-2", &["dm-0"]);
        check("22 1 254:0 / / rw - ext4 x rw", &[circle, back], None);
    }

    #[test]
    fn the_version_is_the_system_and_its_kernel_on_one_short_line() {
        let folder = TestFolder::new("os-version");
        let root = folder.path();
        assert_eq!(os_version(root), None);
        let put = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("proc/sys/kernel/osrelease", "6.1.0-13-amd64\n");
        assert_eq!(os_version(root).unwrap(), "Linux 6.1.0-13-amd64");
        put(
            "etc/os-release",
            "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
        );
        assert_eq!(
            os_version(root).unwrap(),
            "Debian GNU/Linux 12 (bookworm), Linux 6.1.0-13-amd64"
        );
        put(
            "etc/os-release",
            &format!("PRETTY_NAME={}", "é".repeat(500)),
        );
        assert!(os_version(root).unwrap().len() <= crate::posture::MAX_VERSION);
    }
}
