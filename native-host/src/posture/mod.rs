//! What the host can tell about the machine. Whatever the platform does not tell is `None`.
//!
//! Nothing here may delay an answer: what is read from files is read once, and the session is asked only for requests
//! that carry the posture, with a deadline, and not again for a while after it missed one.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod logind;

use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Mutex, OnceCell};
use wire::statement;

/// For everything that is asked over D-Bus.
#[cfg(target_os = "linux")]
const PATIENCE: Duration = Duration::from_millis(200);
/// After a missed deadline.
#[cfg(target_os = "linux")]
const PAUSE: Duration = Duration::from_secs(60);

/// The machine's state.
#[derive(Default)]
pub struct Posture {
    lasting: OnceCell<statement::Posture>,
    session: Mutex<Session>,
}

/// The state of the person's session, as the platform reports it at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    /// Whether the screen is locked.
    locked: bool,
    /// When the person logged in.
    since: SystemTime,
}

/// What was seen of the session so far.
#[derive(Default)]
struct Session {
    #[cfg(target_os = "linux")]
    logind: Option<logind::Logind>,
    not_before: Option<Instant>,
    /// When the screen was last seen locked: an unlock that came after it is at most that old.
    last_locked: Option<SystemTime>,
}

impl Posture {
    /// The state now.
    pub async fn current(&self) -> statement::Posture {
        let mut posture = self
            .lasting
            .get_or_init(|| async { lasting() })
            .await
            .clone();
        let now = SystemTime::now();
        let mut session = self.session.lock().await;
        if let Some(sight) = session.look().await {
            session.remember(sight, now);
            posture.screen_locked = Some(sight.locked);
            posture.unlock_age_ms = session.unlock_age_ms(sight, now);
        }
        posture
    }
}

impl Session {
    #[cfg(target_os = "linux")]
    async fn look(&mut self) -> Option<Sight> {
        if self.not_before.is_some_and(|at| Instant::now() < at) {
            return None;
        }
        let logind = &mut self.logind;
        let look = async {
            if logind.is_none() {
                *logind = Some(logind::Logind::connect().await?);
            }
            logind.as_ref()?.session().await
        };
        match tokio::time::timeout(PATIENCE, look).await {
            Ok(Some(seen)) => seen,
            Ok(None) | Err(_) => {
                tracing::info!("logind did not tell the session's state");
                self.logind = None;
                self.not_before = Some(Instant::now() + PAUSE);
                None
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    async fn look(&mut self) -> Option<Sight> {
        None
    }

    fn remember(&mut self, sight: Sight, now: SystemTime) {
        if sight.locked {
            self.last_locked = Some(now);
        }
    }

    /// The age of the last login or unlock that we know of, never less than the truth; `None` while locked.
    fn unlock_age_ms(&self, sight: Sight, now: SystemTime) -> Option<u32> {
        if sight.locked {
            return None;
        }
        let latest = self
            .last_locked
            .map_or(sight.since, |at| at.max(sight.since));
        let age = now.duration_since(latest).ok()?;
        u32::try_from(age.as_millis()).ok()
    }
}

#[cfg(target_os = "linux")]
fn lasting() -> statement::Posture {
    linux::lasting()
}

#[cfg(not(target_os = "linux"))]
fn lasting() -> statement::Posture {
    statement::Posture {
        platform: std::env::consts::OS.into(),
        ..statement::Posture::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_an_unlock_is_never_understated() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut session = Session::default();
        let open = Sight {
            locked: false,
            since: start,
        };
        let locked = Sight {
            locked: true,
            ..open
        };
        session.remember(open, at(10));
        assert_eq!(session.unlock_age_ms(open, at(10)), Some(10_000));
        session.remember(locked, at(20));
        assert_eq!(session.unlock_age_ms(locked, at(20)), None);
        session.remember(locked, at(50));
        session.remember(open, at(60));
        assert_eq!(
            session.unlock_age_ms(open, at(60)),
            Some(10_000),
            "unlocked at some time after it was last seen locked"
        );
        let login_in_the_future = Sight {
            locked: false,
            since: at(1_000),
        };
        let fresh = Session::default();
        assert_eq!(fresh.unlock_age_ms(login_in_the_future, at(60)), None);
        assert_eq!(
            fresh.unlock_age_ms(open, at(u64::from(u32::MAX))),
            None,
            "older than fits"
        );
    }
}
