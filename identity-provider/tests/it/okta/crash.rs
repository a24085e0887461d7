//! kill -9 with a thousand calls pending, again and again: each has its effect at the org, and has it once. The program is
//! the real one, its log is read for secrets, and the org is in this process, so that it outlives the program.

use super::{
    org::TOKEN,
    world::{World, id_of},
};
use crate::{
    program::{Folder, Running},
    support::{
        Server,
        server::{acme, add_user},
    },
};
use std::{
    fs::File,
    process::Stdio,
    time::{Duration, Instant},
};
use tacit::{
    domain::okta::{Effects, OnTakeover},
    random,
    store::{factor::PasskeyRow, okta::ACTIONS, queue::Counts},
};

/// Each is put into the group, and of each tenth one security event goes out and the sessions end.
const PEOPLE: usize = 834;
const KILLS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_with_a_thousand_calls_pending_makes_each_take_effect_once() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let folder = Folder::listening_on(port);
    folder.good(&["connection", "add", "acme", "--role", "factor"]);
    folder.good(&["user", "add", "ann@acme.test"]);
    let server = Server::on(&folder.path("data")).await;
    let world = World::new().await;
    let effects = Effects {
        group: Some(super::world::GROUP.into()),
        on_takeover: vec![OnTakeover::SessionRevoked, OnTakeover::EndSessions],
        ..Effects::default()
    };
    world.connect(&server, effects).await;
    let mut expected = Vec::new();
    for n in 0..PEOPLE {
        let login = format!("p{n}@acme.test");
        let user = add_user(&server.app, &login, &[]).await;
        let passkey = PasskeyRow {
            credential_id: format!("c{n}"),
            user_id: user.id.to_string(),
            credential: "{}".into(),
            label: "key".into(),
            created_at: server.now(),
            last_used_at: 0,
        };
        let added = in_one!(
            server.app.store,
            add_passkey(&user.id, &passkey, server.now())
        );
        assert!(added);
        expected.push(format!("add {}", id_of(&login)));
        if n % 10 == 0 {
            in_one!(
                server.app.store,
                queue_takeover(&acme(), &user.id, &format!("challenge {n}"), server.now())
            );
            expected.push(format!("session-revoked mail-{login}"));
            expected.push(format!("end_sessions {}", id_of(&login)));
        }
    }
    let pending = server.app.store.count(&ACTIONS).await.unwrap().waiting;
    assert_eq!(usize::try_from(pending).unwrap(), expected.len());
    assert!(pending >= 1_000, "{pending}");

    let log = |n: usize| folder.path(&format!("log{n}"));
    let run = |n: usize| {
        let mut serve = folder.command();
        let process = serve
            .arg("serve")
            .env("RUST_LOG", "debug")
            .stdout(Stdio::null())
            .stderr(File::create(log(n)).unwrap())
            .spawn()
            .unwrap();
        Running(process)
    };
    let effects = || -> u32 { world.state.lock().unwrap().effects.values().sum() };
    for kill in 0..KILLS {
        let before = effects();
        let mut program = run(kill);
        // At some moment among the calls.
        let least = before + 100 + u32::from(random::below(150));
        let deadline = Instant::now() + Duration::from_secs(120);
        while effects() < least {
            assert!(Instant::now() < deadline, "{} effects", effects());
            tokio::time::sleep(Duration::from_micros(u64::from(random::below(900)))).await;
        }
        program.0.kill().unwrap();
        program.0.wait().unwrap();
        let left = server.app.store.count(&ACTIONS).await.unwrap().waiting;
        assert!(left > 0, "there was something left to do");
    }
    let _program = run(KILLS);
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        let counts = server.app.store.count(&ACTIONS).await.unwrap();
        if counts == Counts::default() {
            break;
        }
        assert!(
            Instant::now() < deadline && counts.dead == 0,
            "{counts:?} are left"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let state = world.state.lock().unwrap();
    let calls = world.org.seen().len();
    for what in &expected {
        let times = state.effects.get(what).copied().unwrap_or_default();
        assert_eq!(times, 1, "{what}");
    }
    assert_eq!(state.effects.len(), expected.len(), "and nothing else");
    assert_eq!(state.members.len(), PEOPLE);
    eprintln!(
        "{pending} actions, {KILLS} kills, {calls} calls, {} events sent for {}",
        state.tokens.len(),
        state.events.len()
    );
    for n in 0..=KILLS {
        let text = std::fs::read_to_string(log(n)).unwrap();
        assert!(text.contains("serving"), "there is a log");
        assert!(!text.contains(TOKEN), "no log holds the token");
    }
}
