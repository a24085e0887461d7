//! `tacit okta` from the command line, and what doctor says of it.

use super::{
    org::{HOST, TOKEN},
    world::{GROUP, Mood, World},
};
use crate::{
    program::Folder,
    support::{Server, server::acme},
};
use std::os::unix::fs::PermissionsExt;
use tacit::{keys, okta::delivery::deliver_due, store::factor::PasskeyRow};

fn private(folder: &Folder, name: &str, text: &str) {
    let path = folder.path(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_connects_an_org_and_sees_what_becomes_of_it() {
    let (folder, world) = (Folder::initialised(), World::new().await);
    folder.good(&["connection", "add", "acme", "--role", "factor"]);
    folder.good(&["user", "add", "ann@acme.test"]);
    private(&folder, "token", &format!("{TOKEN}\n"));
    std::fs::write(folder.path("open"), TOKEN).unwrap();
    std::fs::write(folder.path("ca.pem"), &world.org.ca).unwrap();
    let org = world.org.origin().to_string();
    let address = format!("{HOST}={}", world.org.address);
    let connect = |extra: &[&str]| {
        let mut arguments = vec![
            "okta",
            "connect",
            "acme",
            "--org",
            &org,
            "--ca",
            "ca.pem",
            "--address",
            &address,
        ];
        arguments.extend(extra);
        arguments.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let good = |extra: &[&str]| {
        let arguments = connect(extra);
        folder.good(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let bad = |extra: &[&str]| {
        let arguments = connect(extra);
        folder.bad(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert!(
        folder
            .bad(&[
                "okta",
                "connect",
                "other",
                "--org",
                &org,
                "--token-file",
                "token"
            ])
            .contains("no connection other")
    );
    assert!(bad(&[]).contains("--token-file is needed"));
    assert!(bad(&["--token-file", "open"]).contains("chmod 600"));
    private(&folder, "stale", "00stale");
    let refused = bad(&["--token-file", "stale"]);
    assert!(
        refused.contains("E0000011") && refused.contains("repair"),
        "{refused}"
    );
    assert!(!refused.contains("00stale"), "{refused}");
    assert!(bad(&["--token-file", "token", "--group", "00gOther"]).contains("no group 00gOther"));
    assert!(bad(&["--token-file", "token", "--attribute", "other"]).contains("no attribute other"));
    assert!(
        bad(&[
            "--token-file",
            "token",
            "--group",
            GROUP,
            "--watched-group",
            GROUP
        ])
        .contains("have to be different")
    );
    assert!(
        bad(&["--token-file", "token", "--on-takeover", "everything"]).contains("end_sessions")
    );
    assert!(
        folder
            .bad(&[
                "okta",
                "connect",
                "acme",
                "--org",
                "http://localhost:1",
                "--token-file",
                "token"
            ])
            .contains("https")
    );
    assert!(
        folder
            .bad(&["okta", "show", "acme"])
            .contains("not connected")
    );

    let said = good(&[
        "--token-file",
        "token",
        "--group",
        GROUP,
        "--attribute",
        "byndidRegistered",
        "--on-takeover",
        "end_sessions,risk_high",
    ]);
    assert!(
        said.contains("is connected") && said.contains("Identity Engine"),
        "{said}"
    );
    let shown: serde_json::Value =
        serde_json::from_str(&folder.good(&["okta", "show", "acme", "--json"])).unwrap();
    assert_eq!(shown["effects"]["group"], GROUP);
    assert_eq!(shown["credential"], "API token");
    assert_eq!(
        shown["transmitter"],
        "https://login.tacit-idp.test/ssf/acme/.well-known/ssf-configuration"
    );
    // What is not given stays; the credential goes to no other org.
    folder.good(&[
        "okta",
        "connect",
        "acme",
        "--attribute",
        "",
        "--no-on-takeover",
    ]);
    let shown: serde_json::Value =
        serde_json::from_str(&folder.good(&["okta", "show", "acme", "--json"])).unwrap();
    assert_eq!(
        (
            &shown["effects"]["group"],
            &shown["effects"]["attribute"],
            &shown["effects"]["on_takeover"]
        ),
        (
            &GROUP.into(),
            &serde_json::Value::Null,
            &serde_json::json!([])
        )
    );
    assert!(
        folder
            .bad(&[
                "okta",
                "connect",
                "acme",
                "--org",
                "https://evil.test",
                "--unseen"
            ])
            .contains("--token-file is needed")
    );

    let hook: serde_json::Value =
        serde_json::from_str(&folder.good(&["okta", "hook", "acme", "--json"])).unwrap();
    assert_eq!(hook["url"], "https://login.tacit-idp.test/okta/acme/events");
    let server = Server::on(&folder.path("data")).await;
    let row = server
        .app
        .store
        .find_okta_org(&acme())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        row.hook_hash,
        keys::hash(hook["secret"].as_str().unwrap().as_bytes())
    );
    let everything = std::fs::read(folder.path("data/tacit.db")).unwrap();
    for secret in [TOKEN, hook["secret"].as_str().unwrap()] {
        assert!(
            !everything
                .windows(secret.len())
                .any(|w| w == secret.as_bytes()),
            "neither lies in the database in the clear"
        );
    }

    // A dead letter, in doctor, in the list, and gone after a retry.
    let passkey = PasskeyRow {
        credential_id: "c".into(),
        user_id: server.ann.id.to_string(),
        credential: "{}".into(),
        label: "key".into(),
        created_at: server.now(),
        last_used_at: 0,
    };
    assert!(in_one!(
        server.app.store,
        add_passkey(&server.ann.id, &passkey, server.now())
    ));
    world.is(Mood::Forbidding);
    deliver_due(&server.app).await.unwrap();
    world.is(Mood::Good);
    let doctor = folder.command().arg("doctor").output().unwrap();
    let doctor = String::from_utf8(doctor.stdout).unwrap();
    assert!(
        doctor.contains(
            "FAIL  actions at orgs: 1 were given up: membership of ann@acme.test (E0000006"
        ),
        "{doctor}"
    );
    assert!(
        doctor.contains("good  org of acme: group: Enrolled"),
        "{doctor}"
    );
    assert!(
        folder
            .good(&["okta", "actions", "--dead"])
            .contains("ann@acme.test")
    );
    assert!(
        folder
            .good(&["okta", "retry"])
            .starts_with("1 will be tried again")
    );
    assert_eq!(deliver_due(&server.app).await.unwrap(), 1);
    assert_eq!(world.members(), ["00uann"]);
    let listed: serde_json::Value =
        serde_json::from_str(&folder.good(&["okta", "actions", "--json"])).unwrap();
    assert_eq!(
        (&listed["state"], &listed["kind"]),
        (&"sent".into(), &"membership".into())
    );
    let doctor = folder.command().arg("doctor").output().unwrap();
    assert!(
        String::from_utf8(doctor.stdout)
            .unwrap()
            .contains("good  actions at orgs: 0 on their way")
    );
    world.state.lock().unwrap().members.clear();
    assert!(folder.good(&["okta", "push", "acme"]).starts_with('1'));
    deliver_due(&server.app).await.unwrap();
    assert_eq!(world.members(), ["00uann"]);
}
