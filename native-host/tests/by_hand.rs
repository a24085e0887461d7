//! The commands that people run: install, uninstall, status, doctor.

mod common;

use common::*;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// A machine whose home, programs and system folders are its own.
fn machine(top: &str) -> Machine {
    let mut machine = Machine::new(top);
    let at = |name: &str| machine.root.join(name).display().to_string();
    machine.environment = vec![
        ("HOME".into(), at("home")),
        ("XDG_CONFIG_HOME".into(), at("home/.config")),
        ("PATH".into(), at("bin")),
    ];
    std::fs::create_dir_all(machine.root.join("home")).unwrap();
    put_program(&machine.root.join("bin/chromium"), "#!/bin/sh\n");
    machine
}

fn put_program(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let draft = path.with_extension("draft");
    std::fs::write(&draft, script).unwrap();
    std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o755)).unwrap();
    copy_program(&draft, path);
}

fn run(machine: &Machine, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tacit-host"));
    command.arg("--config").arg(machine.config());
    command.envs(machine.environment.iter().map(|(k, v)| (k, v)));
    command.args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

const CHROMIUM: &str = "home/.config/chromium/NativeMessagingHosts/com.tacit.host.json";

#[test]
fn install_registers_and_the_registered_program_answers_a_browser() {
    let machine = machine(SOFTWARE);
    let output = run(&machine, &["install", "--level", "user"]);
    assert!(output.status.success());
    let manifest = std::fs::read(machine.root.join(CHROMIUM)).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["name"], "com.tacit.host");
    assert_eq!(manifest["type"], "stdio");
    let origin = format!("chrome-extension://{ALLOWED}/");
    assert_eq!(manifest["allowed_origins"], serde_json::json!([origin]));
    assert!(
        !machine.root.join("home/.config/google-chrome").exists(),
        "Chrome is not installed here"
    );

    let mut browser = Command::new(manifest["path"].as_str().unwrap());
    browser.arg(origin);
    let mut host = Host::spawn(browser);
    host.greet();
    host.device_key();

    assert!(
        run(&machine, &["uninstall", "--level", "user"])
            .status
            .success()
    );
    let folder = machine.root.join(CHROMIUM);
    let left = std::fs::read_dir(folder.parent().unwrap()).unwrap().count();
    assert_eq!(left, 0, "manifest and wrapper are gone");
    assert!(machine.data().join("software-keys").exists());
}

#[test]
fn a_configuration_with_an_awkward_path_survives_the_wrapper() {
    let machine = machine(SOFTWARE);
    let awkward = machine.root.join("it's $HOME `here`");
    std::fs::create_dir_all(&awkward).unwrap();
    let config = awkward.join("host.toml");
    std::fs::copy(machine.config(), &config).unwrap();
    let profile = machine.root.join("profile");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tacit-host"));
    command.arg("--config").arg(&config).arg("install");
    command.arg("--user-data-dir").arg(&profile);
    assert!(command.status().unwrap().success());
    let wrapper = profile.join("NativeMessagingHosts/com.tacit.host.sh");
    let mut browser = Command::new(wrapper);
    browser.arg(format!("chrome-extension://{ALLOWED}/"));
    let mut host = Host::spawn(browser);
    host.greet();
    host.device_key();
}

#[test]
fn a_package_is_built_below_a_folder_and_names_the_installed_program() {
    let machine = machine(SOFTWARE);
    let staging = machine.root.join("staging");
    let staging = staging.to_str().unwrap();
    let output = run(
        &machine,
        &[
            "install",
            "--level",
            "system",
            "--root",
            staging,
            "--program",
            "/usr/bin/tacit-host",
        ],
    );
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for folder in [
        "etc/opt/chrome/native-messaging-hosts",
        "etc/chromium/native-messaging-hosts",
        "etc/opt/edge/native-messaging-hosts",
        "etc/brave/native-messaging-hosts",
    ] {
        let script = Path::new(staging).join(folder).join("com.tacit.host.sh");
        let script = std::fs::read_to_string(script).unwrap();
        assert!(script.contains("exec '/usr/bin/tacit-host' --config"));
    }
}

#[test]
fn status_tells_store_class_device_and_bindings() {
    let machine = machine(SOFTWARE);
    let before = json(&run(&machine, &["status", "--json"]));
    assert_eq!(before["keystore"], "software");
    assert_eq!(before["protection_class"], "software");
    assert_eq!(before["device"], Value::Null);
    let mut host = machine.greeted();
    let (device, _) = host.device_key();
    host.bind("ann@acme.test");
    let after = json(&run(&machine, &["status", "--json"]));
    assert_eq!(after["device"], device);
    assert_eq!(after["bindings"], serde_json::json!(["ann@acme.test"]));
    let text = run(&machine, &["status"]);
    assert!(String::from_utf8(text.stdout).unwrap().contains(&device));
}

#[test]
fn renew_repairs_a_damaged_key_and_the_device_is_another_one() {
    let machine = machine(SOFTWARE);
    let (before, _) = machine.greeted().device_key();
    std::fs::write(machine.data().join("software-keys"), b"damaged").unwrap();
    let refused = run(&machine, &["status"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("tacit-host renew"), "{said}");
    let output = run(&machine, &["renew"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && said.contains("software"),
        "{said}"
    );
    let (after, _) = machine.greeted().device_key();
    assert_ne!(before, after);
    assert!(
        run(&machine, &["renew"]).status.success(),
        "twice, and without a key"
    );
    assert!(run(&machine, &["renew"]).status.success());
}

/// Runs doctor, expects `step` to be the first that fails, with this code, and returns its message.
fn failing(machine: &Machine, step: &str, code: &str) -> String {
    let output = run(machine, &["doctor", "--json"]);
    assert!(!output.status.success());
    let diagnosis = json(&output);
    assert_eq!(diagnosis["failing"], step, "{diagnosis}");
    let steps = diagnosis["steps"].as_array().unwrap();
    let step = steps.iter().find(|s| s["ok"] == false).unwrap();
    assert_eq!(step["code"], code, "{diagnosis}");
    step["message"].as_str().unwrap().to_owned()
}

#[test]
fn doctor_finds_nothing_where_everything_works() {
    let machine = machine(SOFTWARE);
    assert!(
        run(&machine, &["install", "--level", "user"])
            .status
            .success()
    );
    machine.greeted().device_key();
    let output = run(&machine, &["doctor", "--json"]);
    let diagnosis = json(&output);
    assert!(output.status.success(), "{diagnosis}");
    let names: Vec<&str> = diagnosis["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "configuration",
            "data folder",
            "key store",
            "device key",
            "browser chromium"
        ]
    );
    let text = run(&machine, &["doctor"]);
    assert!(
        String::from_utf8(text.stdout)
            .unwrap()
            .contains("Everything works.")
    );
}

#[test]
fn doctor_names_each_failing_step_and_its_repair() {
    let mut machine = machine(SOFTWARE);
    let no_bus = "unix:path=/nonexistent".to_owned();
    machine
        .environment
        .push(("DBUS_SESSION_BUS_ADDRESS".into(), no_bus));
    assert!(
        run(&machine, &["install", "--level", "user"])
            .status
            .success()
    );
    machine.greeted().device_key();
    let manifest = machine.root.join(CHROMIUM);
    let whole = std::fs::read_to_string(&manifest).unwrap();
    let with_manifest = |text: &str| std::fs::write(&manifest, text).unwrap();
    let path_of = |text: &str| {
        let value: Value = serde_json::from_str(text).unwrap();
        value["path"].as_str().unwrap().to_owned()
    };

    std::fs::remove_file(&manifest).unwrap();
    assert!(
        failing(&machine, "browser chromium", "manifest_missing")
            .contains("run tacit-host install")
    );
    with_manifest("{");
    assert!(failing(&machine, "browser chromium", "manifest_malformed").contains("install again"));
    with_manifest(&whole.replace("\"com.tacit.host\"", "\"com.other.host\""));
    let message = failing(&machine, "browser chromium", "manifest_malformed");
    assert!(message.contains("is not the manifest of"), "{message}");
    with_manifest(&" ".repeat(20_000));
    let message = failing(&machine, "browser chromium", "manifest_malformed");
    assert!(message.contains("is not our manifest"), "{message}");
    with_manifest(&whole.replace(&path_of(&whole), "tacit-host"));
    let message = failing(&machine, "browser chromium", "manifest_program");
    assert!(message.contains("is not an absolute path"), "{message}");
    with_manifest(&whole.replace(ALLOWED, "ponmlkjihgfedcbaponmlkjihgfedcba"));
    assert!(
        failing(&machine, "browser chromium", "manifest_origin")
            .contains("does not allow the extension")
    );
    with_manifest(&whole.replace(&path_of(&whole), "/nonexistent/tacit-host"));
    assert!(failing(&machine, "browser chromium", "manifest_program").contains("does not exist"));
    with_manifest(&whole.replace(&path_of(&whole), machine.config().to_str().unwrap()));
    assert!(
        failing(&machine, "browser chromium", "manifest_program").contains("cannot be started")
    );
    let other = machine.root.join("other");
    with_manifest(&whole.replace(&path_of(&whole), other.to_str().unwrap()));
    put_program(&other, "#!/bin/sh\necho something else\n");
    assert!(
        failing(&machine, "browser chromium", "manifest_program").contains("is another program")
    );
    put_program(&other, "#!/bin/sh\necho tacit-host 99.0.0\n");
    assert!(failing(&machine, "browser chromium", "host_version").contains("version 99.0.0"));
    put_program(&other, "#!/bin/sh\nexit 127\n");
    assert!(failing(&machine, "browser chromium", "manifest_program").contains("ends with"));
    with_manifest(&whole);

    std::fs::write(machine.data().join("software-keys"), b"damaged").unwrap();
    assert!(failing(&machine, "key store", "key_foreign").contains("software-keys"));
    machine.configure("keystore = \"software\"");
    assert!(
        failing(&machine, "key store", "keystore_not_allowed").contains("allow_software = true")
    );

    std::fs::remove_dir_all(machine.data()).unwrap();
    std::fs::write(machine.data(), b"in the way").unwrap();
    assert!(failing(&machine, "data folder", "data_folder").contains("making"));
    std::fs::remove_file(machine.data()).unwrap();

    for (top, code, words) in [
        (
            "keystore = \"tpm\"\ntcti = \"device:/nonexistent\"",
            "hardware_missing",
            "switch it on in the firmware",
        ),
        (
            "keystore = \"secret-service\"",
            "secret_store_missing",
            "start gnome-keyring",
        ),
        (
            "keystore = \"secure-enclave\"",
            "keystore_not_allowed",
            "choose another one",
        ),
        (
            "tcti = \"device:/nonexistent\"",
            "keystore_none",
            "no key store works",
        ),
    ] {
        machine.configure(top);
        let message = failing(&machine, "key store", code);
        assert!(message.contains(words), "{message}");
    }

    machine.configure("allow_software = true");
    std::fs::write(machine.data().join("keystore.json"), b"{}").unwrap();
    let message = failing(&machine, "key store", "key_damaged");
    assert!(message.contains("tacit-host renew"), "{message}");
    assert!(run(&machine, &["renew"]).status.success());
    let diagnosis = json(&run(&machine, &["doctor", "--json"]));
    assert_eq!(diagnosis["ok"], true, "{diagnosis}");

    machine.configure("keystore = 7");
    assert!(failing(&machine, "configuration", "configuration_malformed").contains("line 3"));
    machine.configure(&format!("{SOFTWARE}\n{}", "#".repeat(40_000)));
    let message = failing(&machine, "configuration", "configuration_malformed");
    assert!(message.contains("is over"), "{message}");
    machine.configure(SOFTWARE);
    use std::os::unix::fs::PermissionsExt;
    let for_all = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(machine.config(), for_all).unwrap();
    let message = failing(&machine, "configuration", "configuration_unsafe");
    assert!(message.contains("chmod 644"), "{message}");
    std::fs::remove_file(machine.config()).unwrap();
    assert!(failing(&machine, "configuration", "configuration_missing").contains("does not exist"));
}

#[test]
fn doctor_says_when_the_browser_cannot_start_any_host() {
    let mut machine = machine(SOFTWARE);
    std::fs::remove_file(machine.root.join("bin/chromium")).unwrap();
    put_program(&machine.root.join("snap/bin/chromium"), "#!/bin/sh\n");
    let path = machine.root.join("snap/bin").display().to_string();
    machine.environment.push(("PATH".into(), path));
    assert!(failing(&machine, "chromium", "browser_confined").contains("Snap"));
}

#[test]
fn doctor_says_when_there_is_no_browser() {
    let machine = machine(SOFTWARE);
    machine.greeted().device_key();
    std::fs::remove_file(machine.root.join("bin/chromium")).unwrap();
    let message = failing(&machine, "browser", "browser_missing");
    assert!(message.contains("no Chrome, Chromium"), "{message}");
}

#[test]
fn bad_command_lines_are_answered_with_help_and_a_failure() {
    let machine = machine(SOFTWARE);
    for arguments in [
        &["instal"][..],
        &["--unknown"],
        &["install", "--browser", "lynx"],
        &[],
    ] {
        let output = run(&machine, arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
    let help = run(&machine, &["--help"]);
    assert!(
        String::from_utf8(help.stdout)
            .unwrap()
            .contains("Examples:")
    );
    std::fs::remove_file(machine.config()).unwrap();
    let expected = "does not exist: write it";
    for command in ["install", "status"] {
        let output = run(&machine, &[command]);
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains(expected) && said.lines().count() == 1,
            "{said}"
        );
    }
    let output = run(&machine, &["status", "--json"]);
    assert!(!output.status.success());
    assert!(json(&output)["error"].as_str().unwrap().contains(expected));
}
