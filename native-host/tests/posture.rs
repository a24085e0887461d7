//! The session's state, from a logind of the test's own on a bus of its own.

mod common;

use common::stores::Keyring;
use common::*;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};
use wire::host::ResponseBody;
use wire::statement::Posture;

const ANN: &str = "ann@acme.test";

struct Session {
    kind: &'static str,
    locked: Arc<AtomicBool>,
    /// µs since 1970.
    since: u64,
}

#[zbus::interface(name = "org.freedesktop.login1.Session")]
impl Session {
    #[zbus(property)]
    fn type_(&self) -> &str {
        self.kind
    }

    #[zbus(property)]
    fn locked_hint(&self) -> bool {
        self.locked.load(Ordering::Relaxed)
    }

    #[zbus(property)]
    fn timestamp(&self) -> u64 {
        self.since
    }
}

/// Serves `session` on `bus` until the returned sender is dropped.
fn serve(bus: &Keyring, session: Session) -> std::sync::mpsc::Sender<()> {
    let address = bus.address.clone();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let connection = zbus::connection::Builder::address(address.as_str())
                .unwrap()
                .name("org.freedesktop.login1")
                .unwrap()
                .serve_at("/org/freedesktop/login1/session/auto", session)
                .unwrap()
                .build()
                .await
                .unwrap();
            ready.send(()).unwrap();
            while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            drop(connection);
        });
    });
    is_ready.recv_timeout(PATIENCE).unwrap();
    stop
}

fn now_us() -> u64 {
    UNIX_EPOCH.elapsed().unwrap().as_micros() as u64
}

fn on_system_bus(machine: &mut Machine, address: &str) {
    let variable = "DBUS_SYSTEM_BUS_ADDRESS".into();
    machine.environment = vec![(variable, address.to_owned())];
}

fn posture(host: &mut Host) -> Posture {
    match host.ask(json!({"type": "posture"})) {
        ResponseBody::Posture { posture } => posture,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lock_and_unlock_age_come_from_the_graphical_session() {
    let mut machine = Machine::new("keystore = \"memory\"");
    let bus = Keyring::bus(&machine.root);
    on_system_bus(&mut machine, &bus.address);
    let locked = Arc::new(AtomicBool::new(false));
    let session = Session {
        kind: "wayland",
        locked: Arc::clone(&locked),
        since: now_us() - 90_000_000,
    };
    let _logind = serve(&bus, session);
    let mut host = machine.greeted();
    let seen = posture(&mut host);
    assert_eq!(seen.platform, "linux");
    assert!(seen.os_version.unwrap().contains("Linux"));
    assert_eq!(seen.screen_locked, Some(false));
    assert!((90_000..120_000).contains(&seen.unlock_age_ms.unwrap()));

    locked.store(true, Ordering::Relaxed);
    let seen = posture(&mut host);
    assert_eq!((seen.screen_locked, seen.unlock_age_ms), (Some(true), None));
    locked.store(false, Ordering::Relaxed);
    let seen = posture(&mut host);
    assert_eq!(seen.screen_locked, Some(false));
    assert!(seen.unlock_age_ms.unwrap() < 30_000, "just unlocked");
}

#[test]
fn a_session_without_a_screen_tells_nothing() {
    let mut machine = Machine::new("keystore = \"memory\"");
    let bus = Keyring::bus(&machine.root);
    on_system_bus(&mut machine, &bus.address);
    let session = Session {
        kind: "tty",
        locked: Arc::default(),
        since: now_us(),
    };
    let _logind = serve(&bus, session);
    let seen = posture(&mut machine.greeted());
    assert_eq!((seen.screen_locked, seen.unlock_age_ms), (None, None));
}

#[test]
fn a_bus_that_hangs_or_is_missing_delays_nobody() {
    let mut machine = Machine::new("keystore = \"memory\"");
    let socket = machine.root.join("hanging");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let hanging = format!("unix:path={}", socket.display());
    for address in [hanging.as_str(), "unix:path=/nonexistent"] {
        on_system_bus(&mut machine, address);
        let mut host = machine.greeted();
        host.device_key();
        host.bind(ANN);
        let start = Instant::now();
        for _ in 0..20 {
            let seen = posture(&mut host);
            assert_eq!((seen.screen_locked, seen.unlock_age_ms), (None, None));
            host.signed(answer(ANN));
        }
        // One deadline of 200 ms and not twenty.
        assert!(start.elapsed() < Duration::from_secs(2), "{address}");
    }
}
