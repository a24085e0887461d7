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
        platform: Platform::Linux,
        root: root.to_owned(),
        home: Some(root.join("home")),
        config_home: None,
        path: vec![root.join("bin"), root.join("snap/bin")],
        local: None,
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
fn browsers_of_windows_and_macos_are_found_where_they_are_installed() {
    let folder = TestFolder::new("browsers-elsewhere");
    let root = folder.path();
    let put = |path: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    };
    let mut places = Places {
        platform: Platform::Windows,
        root: root.to_owned(),
        home: Some(root.join("ann")),
        config_home: None,
        path: vec![root.join("Program Files"), root.join("Program Files (x86)")],
        local: Some(root.join("Local")),
    };
    for browser in Browser::ALL {
        assert_eq!(browser.packaging(&places), None);
    }
    put("Program Files/Google/Chrome/Application/chrome.exe");
    put("Program Files (x86)/Microsoft/Edge/Application/msedge.exe");
    put("Local/BraveSoftware/Brave-Browser/Application/brave.exe");
    let found = Browser::ALL.map(|browser| browser.packaging(&places).is_some());
    assert_eq!(found, [true, false, true, true]);
    places.platform = Platform::MacOs;
    put("Applications/Chromium.app/Contents/Info.plist");
    put("ann/Applications/Google Chrome.app/Contents/Info.plist");
    let found = Browser::ALL.map(|browser| browser.packaging(&places).is_some());
    assert_eq!(found, [true, true, false, false]);
}

#[test]
fn on_windows_a_key_of_the_registry_points_to_the_manifest() {
    let mut places = Places {
        platform: Platform::Windows,
        root: "/".into(),
        home: None,
        config_home: None,
        path: vec!["P".into(), "P86".into()],
        local: Some("L".into()),
    };
    for (browser, level, key, folder) in [
        (
            Browser::Chrome,
            Level::System,
            r"HKLM\SOFTWARE\Google\Chrome\",
            "P/Tacit/chrome",
        ),
        (
            Browser::Chrome,
            Level::User,
            r"HKCU\SOFTWARE\Google\Chrome\",
            "L/Tacit/chrome",
        ),
        (
            Browser::Edge,
            Level::System,
            r"HKLM\SOFTWARE\Microsoft\Edge\",
            "P/Tacit/edge",
        ),
        (
            Browser::Chromium,
            Level::User,
            r"HKCU\SOFTWARE\Chromium\",
            "L/Tacit/chromium",
        ),
        (
            Browser::Brave,
            Level::User,
            r"HKCU\SOFTWARE\Google\Chrome\",
            "L/Tacit/chrome",
        ),
    ] {
        let found = browser.registry_key(level).display();
        assert_eq!(found, format!(r"{key}NativeMessagingHosts\com.tacit.host"));
        assert_eq!(browser.manifests(level, &places), Some(folder.into()));
    }
    places.local = None;
    assert_eq!(Browser::Edge.manifests(Level::User, &places), None);
}

#[test]
fn on_macos_folders_lie_in_the_library() {
    let places = Places {
        platform: Platform::MacOs,
        root: "/".into(),
        home: Some("/Users/ann".into()),
        config_home: None,
        path: Vec::new(),
        local: None,
    };
    let own = "/Users/ann/Library/Application Support/";
    for (browser, level, folder) in [
        (Browser::Chrome, Level::System, "/Library/Google/Chrome"),
        (Browser::Edge, Level::System, "/Library/Microsoft/Edge"),
        (
            Browser::Chromium,
            Level::System,
            "/Library/Application Support/Chromium",
        ),
        (Browser::Brave, Level::System, "/Library/Google/Chrome"),
        (Browser::Chrome, Level::User, &format!("{own}Google/Chrome")),
        (Browser::Edge, Level::User, &format!("{own}Microsoft Edge")),
    ] {
        let expected = PathBuf::from(folder).join("NativeMessagingHosts");
        assert_eq!(browser.manifests(level, &places), Some(expected));
    }
}

#[test]
fn each_browser_looks_in_its_own_folder() {
    let places = Places {
        platform: Platform::Linux,
        root: "/".into(),
        home: Some("/home/ann".into()),
        config_home: Some("/home/ann/.config".into()),
        path: Vec::new(),
        local: None,
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
