//! The real binary on real key stores: a simulated TPM 2.0 and gnome-keyring.

mod common;

use common::stores::{Keyring, SwTpm, machine, machine_with};
use common::*;
use serde_json::json;
use wire::host::{Fault, ResponseBody};
use wire::statement::{ANSWER_TYP, Answer, ProtectionClass};

const ANN: &str = "ann@acme.test";
const SECRET_SERVICE: &str = "keystore = \"secret-service\"";

/// Makes a key, signs, seals; the same after a restart of the host; returns the device.
fn keeps_its_keys(machine: &Machine, keystore: &str, class: ProtectionClass) -> String {
    let mut host = machine.greeted();
    let ResponseBody::DeviceKey {
        device,
        jwk,
        protection_class,
    } = host.ask(json!({"type": "ensure_device_key"}))
    else {
        panic!("no key")
    };
    assert_eq!(protection_class, class);
    host.bind(ANN);
    let claims: Answer = verified(&host.signed(answer(ANN)), ANSWER_TYP, &jwk);
    assert_eq!(claims.protection_class, class);
    let sealed = host.seal(ANN, b"template");
    assert!(host.close().success());

    let mut host = machine.greeted();
    let ResponseBody::Status {
        keystore: name,
        protection_class,
        device: known,
        bindings,
    } = host.ask(json!({"type": "status"}))
    else {
        panic!("no status")
    };
    assert_eq!((name.as_str(), protection_class), (keystore, class));
    assert_eq!(known.unwrap(), device);
    assert_eq!(bindings.len(), 1);
    for _ in 0..20 {
        let _: Answer = verified(&host.signed(answer(ANN)), ANSWER_TYP, &jwk);
    }
    assert_eq!(host.unseal(ANN, &sealed), Ok(b"template".to_vec()));
    assert!(host.close().success());
    device.to_string()
}

#[test]
fn a_tpm_keeps_the_key_across_restarts_of_host_and_machine() {
    let machine = machine();
    let tpm = SwTpm::start(&machine.root);
    machine.configure(&machine_with(&tpm));
    let device = keeps_its_keys(&machine, "tpm", ProtectionClass::Hardware);
    let tpm = tpm.restart();
    machine.configure(&machine_with(&tpm));
    let mut host = machine.greeted();
    assert_eq!(host.device_key().0, device);
    host.signed(answer(ANN));
}

#[test]
fn a_tpm_that_was_reset_under_a_running_host_costs_nothing() {
    let machine = machine();
    let tpm = SwTpm::start(&machine.root);
    machine.configure(&machine_with(&tpm));
    let mut host = machine.greeted();
    let (_, jwk) = host.device_key();
    host.bind(ANN);
    let sealed = host.seal(ANN, b"template");
    let tpm = tpm.restart();
    let _: Answer = verified(&host.signed(answer(ANN)), ANSWER_TYP, &jwk);
    let _tpm = tpm.restart();
    assert_eq!(host.unseal(ANN, &sealed), Ok(b"template".to_vec()));
    let _: Answer = verified(&host.signed(answer(ANN)), ANSWER_TYP, &jwk);
}

#[test]
fn a_key_of_another_tpm_is_named_as_such_and_not_replaced() {
    let machine = machine();
    let tpm = SwTpm::start(&machine.root);
    machine.configure(&machine_with(&tpm));
    machine.greeted().device_key();
    let file = machine.data().join("tpm-keys.json");
    let wrapped = std::fs::read(&file).unwrap();
    let elsewhere = SwTpm::start(&machine.root.join("elsewhere"));
    machine.configure(&machine_with(&elsewhere));
    let mut host = machine.greeted();
    let ResponseBody::Refused { fault, message } = host.ask(json!({"type": "ensure_device_key"}))
    else {
        panic!("another TPM opened the key")
    };
    assert_eq!(fault, Fault::Keystore);
    assert!(
        message.contains("another TPM") && message.contains("tpm-keys.json"),
        "{message}"
    );
    assert_eq!(std::fs::read(&file).unwrap(), wrapped);
}

#[test]
fn a_cleared_tpm_is_repaired_by_renewing_and_enrolling_again() {
    let machine = machine();
    let tpm = SwTpm::start(&machine.root);
    let automatic = format!("tcti = \"{}\"", tpm.tcti());
    machine.configure(&automatic);
    let mut host = machine.greeted();
    let (before, _) = host.device_key();
    host.bind(ANN);
    assert!(host.close().success());
    tpm_tool(&machine, &tpm, &["tpm2_clear", "-c", "platform"]);
    let mut host = machine.greeted();
    let ResponseBody::Refused { message, .. } = host.ask(json!({"type": "ensure_device_key"}))
    else {
        panic!("the key survived the TPM")
    };
    assert!(
        message.contains("the TPM was cleared") && message.contains("tacit-host renew"),
        "{message}"
    );
    assert!(host.close().success());
    let renewed = machine.command().arg("renew").output().unwrap();
    assert!(renewed.status.success(), "{renewed:?}");
    let mut host = machine.greeted();
    let (after, _) = host.device_key();
    assert_ne!(after, before);
    assert_eq!(
        host.fault(answer(ANN)),
        Fault::NotBound,
        "the new device belongs to nobody yet"
    );
    host.bind(ANN);
    host.signed(answer(ANN));
}

#[test]
fn a_tpm_whose_persistent_handles_are_all_taken_still_keeps_a_key() {
    let machine = machine();
    let tpm = SwTpm::start(&machine.root);
    machine.configure(&machine_with(&tpm));
    tpm_tool(
        &machine,
        &tpm,
        &["tpm2_createprimary", "-C", "o", "-G", "ecc", "-c", "p.ctx"],
    );
    tpm_tool(&machine, &tpm, &["tpm2_flushcontext", "-t"]);
    // A chip has room for at least seven; whatever this one has is taken.
    let mut taken = 0;
    while try_tpm_tool(
        &machine,
        &tpm,
        &[
            "tpm2_evictcontrol",
            "-C",
            "o",
            "-c",
            "p.ctx",
            &format!("0x{:x}", 0x8100_0100_u32 + taken),
        ],
    ) {
        try_tpm_tool(&machine, &tpm, &["tpm2_flushcontext", "-t"]);
        taken += 1;
        assert!(taken < 500, "this TPM has no limit");
    }
    try_tpm_tool(&machine, &tpm, &["tpm2_flushcontext", "-t"]);
    assert!(taken >= 3, "only {taken} were free");
    let mut host = machine.greeted();
    let (device, _) = host.device_key();
    assert!(host.close().success());
    let mut host = machine.greeted();
    assert_eq!(host.device_key().0, device);
    host.bind(ANN);
    host.signed(answer(ANN));
}

/// A tool of tpm2-tools, which has to succeed.
fn tpm_tool(machine: &Machine, tpm: &SwTpm, arguments: &[&str]) {
    assert!(try_tpm_tool(machine, tpm, arguments), "{arguments:?}");
}

fn try_tpm_tool(machine: &Machine, tpm: &SwTpm, arguments: &[&str]) -> bool {
    std::process::Command::new(arguments[0])
        .args(&arguments[1..])
        .env("TPM2TOOLS_TCTI", tpm.tcti())
        .current_dir(&machine.root)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .expect("tpm2-tools have to be installed (apt-get install tpm2-tools)")
        .success()
}

#[test]
fn a_host_that_was_killed_leaves_the_tpm_usable() {
    let machine = machine();
    let tpm = SwTpm::start(&machine.root);
    machine.configure(&machine_with(&tpm));
    // A chip holds three objects: without cleaning up, the fourth host finds it full.
    for _ in 0..6 {
        let mut host = machine.greeted();
        host.device_key();
        drop(host);
    }
    machine.greeted().device_key();
}

#[test]
fn keys_without_password_work_while_the_tpm_is_locked_out() {
    let machine = machine();
    let tpm = SwTpm::start(&machine.root);
    machine.configure(&machine_with(&tpm));
    let device = machine.greeted().device_key().0;
    let tool = |arguments: &[&str]| try_tpm_tool(&machine, &tpm, arguments);
    // One wrong password suffices from now on, and is given.
    assert!(tool(&[
        "tpm2_dictionarylockout",
        "--setup-parameters",
        "--max-tries=1",
        "--recovery-time=1000",
        "--lockout-recovery-time=1000"
    ]));
    assert!(tool(&[
        "tpm2_createprimary",
        "-C",
        "o",
        "-c",
        "primary.ctx",
        "-p",
        "right"
    ]));
    assert!(tool(&["tpm2_flushcontext", "-t"]));
    assert!(tool(&[
        "tpm2_create",
        "-C",
        "primary.ctx",
        "-P",
        "right",
        "-u",
        "key.pub",
        "-r",
        "key.priv"
    ]));
    assert!(tool(&["tpm2_flushcontext", "-t"]));
    assert!(!tool(&[
        "tpm2_create",
        "-C",
        "primary.ctx",
        "-P",
        "wrong",
        "-u",
        "x.pub",
        "-r",
        "x.priv"
    ]));
    assert!(tool(&["tpm2_flushcontext", "-t"]));
    assert!(
        !tool(&[
            "tpm2_create",
            "-C",
            "primary.ctx",
            "-P",
            "right",
            "-u",
            "x.pub",
            "-r",
            "x.priv"
        ]),
        "not locked out"
    );
    assert!(tool(&["tpm2_flushcontext", "-t"]));
    let mut host = machine.greeted();
    assert_eq!(host.device_key().0, device);
    host.bind(ANN);
    host.signed(answer(ANN));
}

#[test]
fn a_tpm_whose_owner_has_a_password_is_named_with_its_repair() {
    let machine = machine();
    let tpm = SwTpm::start(&machine.root);
    machine.configure(&machine_with(&tpm));
    let changed = std::process::Command::new("tpm2_changeauth")
        .args(["-c", "owner", "secret"])
        .env("TPM2TOOLS_TCTI", tpm.tcti())
        .status()
        .unwrap();
    assert!(changed.success());
    let mut host = machine.greeted();
    let ResponseBody::Refused { message, .. } = host.ask(json!({"type": "ensure_device_key"}))
    else {
        panic!("not refused")
    };
    assert!(message.contains("tpm2_changeauth -c owner"), "{message}");
}

#[test]
fn a_tpm_that_is_missing_or_forbidden_is_named_with_its_repair() {
    use std::os::unix::fs::PermissionsExt;
    let machine = machine();
    let device = machine.root.join("tpmrm0");
    machine.configure(&format!(
        "keystore = \"tpm\"\ntcti = \"device:{}\"",
        device.display()
    ));
    let refused = |host: &mut Host| match host.ask(json!({"type": "ensure_device_key"})) {
        ResponseBody::Refused {
            fault: Fault::Keystore,
            message,
        } => message,
        other => panic!("{other:?}"),
    };
    let message = refused(&mut machine.greeted());
    assert!(message.contains("there is no TPM"), "{message}");

    std::fs::write(&device, b"").unwrap();
    std::fs::set_permissions(&device, std::fs::Permissions::from_mode(0o000)).unwrap();
    let mut host = machine.start_unprivileged();
    host.greet();
    let message = refused(&mut host);
    assert!(message.contains("group tss"), "{message}");
}

#[test]
fn a_tpm_that_another_program_holds_is_reported_in_time() {
    let machine = machine();
    let tpm = SwTpm::start(&machine.root);
    machine.configure(&machine_with(&tpm));
    let mut first = machine.greeted();
    let device = first.device_key().0;
    let mut second = machine.greeted();
    let status = machine
        .command()
        .args(["status", "--json"])
        .output()
        .unwrap();
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["device"], device, "status leaves the chip alone");
    let config = second.ask(json!({"type": "config"}));
    assert!(
        matches!(config, ResponseBody::Config { .. }),
        "other requests do not wait"
    );
    drop(first);
    assert_eq!(second.device_key().0, device);
}

#[test]
fn the_secret_service_keeps_the_key_across_restarts() {
    let mut machine = Machine::new(SECRET_SERVICE);
    let keyring = Keyring::start(&machine.root);
    machine.environment = keyring.environment();
    let device = keeps_its_keys(&machine, "secret-service", ProtectionClass::OsProtected);
    let keyring = keyring.restart();
    machine.environment = keyring.environment();
    let mut host = machine.greeted();
    assert_eq!(host.device_key().0, device);
    host.signed(answer(ANN));
    assert!(!contains(&machine.data(), b"PRIVATE"));
}

#[test]
fn a_session_without_a_secret_service_is_named_with_its_repair() {
    let mut machine = Machine::new(SECRET_SERVICE);
    let keyring = Keyring::bus(&machine.root);
    let no_bus = (
        "DBUS_SESSION_BUS_ADDRESS".into(),
        "unix:path=/nonexistent".into(),
    );
    for environment in [keyring.environment(), vec![no_bus]] {
        machine.environment = environment;
        let mut host = machine.greeted();
        let ResponseBody::Refused { fault, message } =
            host.ask(json!({"type": "ensure_device_key"}))
        else {
            panic!("not refused")
        };
        assert_eq!(fault, Fault::Keystore);
        assert!(message.contains("start gnome-keyring"), "{message}");
    }
}

#[test]
fn a_locked_keyring_is_reported_and_nobody_is_asked() {
    let mut machine = Machine::new(SECRET_SERVICE);
    let keyring = Keyring::start(&machine.root);
    machine.environment = keyring.environment();
    machine.greeted().device_key();
    keyring.on_bus(async |connection| {
        let service = secret_service::SecretService::connect_with_existing(
            secret_service::EncryptionType::Dh,
            connection,
        )
        .await
        .unwrap();
        service
            .get_default_collection()
            .await
            .unwrap()
            .lock()
            .await
            .unwrap();
    });
    let mut host = machine.greeted();
    let ResponseBody::Refused { message, .. } = host.ask(json!({"type": "ensure_device_key"}))
    else {
        panic!("not refused")
    };
    assert!(message.contains("is locked"), "{message}");
}

#[test]
fn without_a_default_collection_no_other_one_is_used() {
    let mut machine = Machine::new(SECRET_SERVICE);
    let keyring = Keyring::without_password(&machine.root);
    machine.environment = keyring.environment();
    let mut host = machine.greeted();
    let ResponseBody::Refused { message, .. } = host.ask(json!({"type": "ensure_device_key"}))
    else {
        panic!("a key was made in some other collection")
    };
    assert!(message.contains("no default collection"), "{message}");
}

#[test]
fn auto_takes_the_best_store_that_works() {
    let mut machine = machine();
    let tpm = SwTpm::start(&machine.root);
    let keyring = Keyring::start(&machine.root);
    let no_bus = vec![(
        "DBUS_SESSION_BUS_ADDRESS".into(),
        "unix:path=/nonexistent".into(),
    )];
    let no_tpm = "tcti = \"device:/nonexistent\"";
    let with_tpm = format!("tcti = \"{}\"", tpm.tcti());
    let allowed = format!("{no_tpm}\nallow_software = true");
    let cases = [
        (with_tpm.as_str(), keyring.environment(), Some("tpm")),
        (with_tpm.as_str(), no_bus.clone(), Some("tpm")),
        (no_tpm, keyring.environment(), Some("secret-service")),
        (
            allowed.as_str(),
            keyring.environment(),
            Some("secret-service"),
        ),
        (allowed.as_str(), no_bus.clone(), Some("software")),
        (no_tpm, no_bus, None),
    ];
    for (top, environment, expected) in cases {
        let _ = std::fs::remove_dir_all(machine.data());
        machine.configure(top);
        machine.environment = environment;
        let mut host = machine.greeted();
        match (host.ask(json!({"type": "status"})), expected) {
            (ResponseBody::Status { keystore, .. }, Some(name)) => assert_eq!(keystore, name),
            (ResponseBody::Refused { message, .. }, None) => {
                assert!(message.contains("no TPM"), "{message}");
                assert!(message.contains("Secret Service"), "{message}");
                assert!(message.contains("allow_software"), "{message}");
            }
            (other, _) => panic!("{other:?}"),
        }
        assert!(host.close().success());
    }
}

#[test]
fn auto_never_turns_a_device_into_a_weaker_one() {
    let mut machine = machine();
    let keyring = Keyring::start(&machine.root);
    machine.environment = keyring.environment();
    let tpm = SwTpm::start(&machine.root);
    machine.configure(&format!("allow_software = true\ntcti = \"{}\"", tpm.tcti()));
    let device = machine.greeted().device_key().0;
    let tpm_is_off = "allow_software = true\ntcti = \"device:/nonexistent\"";
    machine.configure(tpm_is_off);
    assert_eq!(
        machine
            .greeted()
            .fault(json!({"type": "ensure_device_key"})),
        Fault::Keystore
    );
    machine.configure(&format!("allow_software = true\ntcti = \"{}\"", tpm.tcti()));
    assert_eq!(machine.greeted().device_key().0, device);
}
