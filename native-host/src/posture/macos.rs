//! What macOS' files and programs say, in the words of a posture. No system call here, so that it is tested everywhere.

/// As in `macOS 15.2 (24C101)`, from `/System/Library/CoreServices/SystemVersion.plist`.
pub(super) fn os_version(plist: &str) -> Option<String> {
    let name = string_of(plist, "ProductName").unwrap_or("macOS");
    let version = string_of(plist, "ProductVersion")?;
    let build = string_of(plist, "ProductBuildVersion").map(|build| format!(" ({build})"));
    Some(super::one_line(&format!(
        "{name} {version}{}",
        build.unwrap_or_default()
    )))
}

/// The text of `<key>name</key><string>text</string>` in a property list of plain texts.
fn string_of<'a>(plist: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = plist.split_once(&format!("<key>{name}</key>"))?;
    let value = after.trim_start().strip_prefix("<string>")?;
    Some(value.split_once("</string>")?.0)
}

/// What `fdesetup status` says first; while it still encrypts, some of the disk is readable.
pub(super) fn disk_encrypted(status: &str) -> Option<bool> {
    if status.contains("Encryption in progress") || status.contains("Decryption in progress") {
        return Some(false);
    }
    match status.lines().next()?.trim() {
        "FileVault is On." => Some(true),
        "FileVault is Off." => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_name_number_and_build() {
        let plist = "<?xml version=\"1.0\"?>\n<plist version=\"1.0\">\n<dict>\n\
             \t<key>ProductBuildVersion</key>\n\t<string>24C101</string>\n\
             \t<key>ProductName</key>\n\t<string>macOS</string>\n\
             \t<key>ProductVersion</key>\n\t<string>15.2</string>\n</dict>\n</plist>\n";
        assert_eq!(os_version(plist).unwrap(), "macOS 15.2 (24C101)");
        assert_eq!(os_version("<key>ProductVersion</key>"), None);
        assert_eq!(os_version(""), None);
    }

    #[test]
    fn file_vault_is_on_off_or_not_known() {
        for (said, expected) in [
            ("FileVault is On.\n", Some(true)),
            ("FileVault is Off.\n", Some(false)),
            (
                "FileVault is On.\nEncryption in progress: Percent completed = 4\n",
                Some(false),
            ),
            (
                "FileVault is Off, but will be enabled after the next restart.\n",
                None,
            ),
            ("fdesetup: device error\n", None),
            ("", None),
        ] {
            assert_eq!(disk_encrypted(said), expected, "{said}");
        }
    }
}
