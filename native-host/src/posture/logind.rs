//! The person's session as systemd-logind sees it, over the system bus.

use super::Sight;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};
use zbus::Connection;
use zbus::zvariant::OwnedValue;

/// A connection to the system bus, kept open.
pub(super) struct Logind(Connection);

impl Logind {
    pub(super) async fn connect() -> Option<Self> {
        Connection::system().await.ok().map(Self)
    }

    /// The graphical session of this user: the one we run in, else the one on the display. The outer `None` means that
    /// logind does not answer, the inner one that there is no such session.
    pub(super) async fn session(&self) -> Option<Option<Sight>> {
        let reply = self
            .0
            .call_method(
                Some("org.freedesktop.login1"),
                "/org/freedesktop/login1/session/auto",
                Some("org.freedesktop.DBus.Properties"),
                "GetAll",
                &("org.freedesktop.login1.Session",),
            )
            .await
            .ok()?;
        let properties: HashMap<String, OwnedValue> = reply.body().deserialize().ok()?;
        Some(sight(&properties))
    }
}

fn sight(properties: &HashMap<String, OwnedValue>) -> Option<Sight> {
    let text = |name: &str| properties.get(name)?.downcast_ref::<&str>().ok();
    // A session on a terminal or over the network has no screen to lock.
    if !matches!(text("Type")?, "x11" | "wayland" | "mir") {
        return None;
    }
    let locked = properties.get("LockedHint")?.downcast_ref::<bool>().ok()?;
    let microseconds = properties.get("Timestamp")?.downcast_ref::<u64>().ok()?;
    Some(Sight {
        locked,
        since: SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(microseconds)),
    })
}
