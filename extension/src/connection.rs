//! The connection to the native host as a state machine: opened on demand, greeted with versions, closed when idle, and
//! not hammered while it fails.
//!
//! It decides; `host.rs` holds the port and does what it says.

use wire::{host::Fault, reason::Reason};

/// Where the connection stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Connection {
    /// No port.
    #[default]
    Closed,
    /// A port is open and `hello` is on its way.
    Greeting {
        /// Failures before this attempt.
        failures: u32,
        /// When the port was opened.
        since: f64,
    },
    /// The host has answered `hello`.
    Open {
        /// The host's version.
        host: String,
        /// When it was last used.
        used: f64,
        /// Requests without a response.
        waiting: u32,
    },
    /// It failed; not before `until` unless a person asks.
    BackingOff {
        /// Why it failed.
        reason: Reason,
        /// Failures in a row.
        failures: u32,
        /// When it failed.
        since: f64,
        /// When to try again.
        until: f64,
    },
    /// It failed so often, or so finally, that only a person or a new start of the browser tries again.
    GivenUp {
        /// Why.
        reason: Reason,
        /// When it failed last.
        since: f64,
    },
}

/// Who wants the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Housekeeping: heartbeat, enrolment.
    Routine,
    /// A person waits: a challenge, the popup.
    Person,
}

/// What to do about a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Open a port and send `hello`.
    Open,
    /// Wait for the `hello` that is on its way.
    Wait,
    /// Send.
    Send,
    /// Nothing: the reason it failed last time.
    Refuse(Reason),
}

impl Connection {
    /// Somebody wants the host at `now`.
    pub fn wanted(&mut self, now: f64, wish: Wish) -> Next {
        let failures = match *self {
            Self::Closed => 0,
            Self::Greeting { since, .. } if now - since <= GREETING_MS && now >= since => {
                return Next::Wait;
            }
            Self::Greeting { failures, .. } => failures,
            Self::Open { .. } => return Next::Send,
            Self::BackingOff {
                reason,
                failures,
                since,
                until,
            } => {
                let may = now >= until
                    || now < since
                    || (wish == Wish::Person && now - since >= PERSON_PAUSE_MS);
                if !may {
                    return Next::Refuse(reason);
                }
                failures
            }
            Self::GivenUp { reason, since } => {
                if wish == Wish::Routine || (0.0..PERSON_PAUSE_MS).contains(&(now - since)) {
                    return Next::Refuse(reason);
                }
                // A person's attempt that fails leads straight back here.
                FAILURES - 1
            }
        };
        *self = Self::Greeting {
            failures,
            since: now,
        };
        Next::Open
    }

    /// `hello` was answered.
    pub fn greeted(&mut self, now: f64, host: String) {
        *self = Self::Open {
            host,
            used: now,
            waiting: 0,
        };
    }

    /// The port closed, `hello` was refused, or a response did not come in time.
    pub fn failed(&mut self, now: f64, reason: Reason) {
        let failures = match *self {
            Self::Greeting { failures, .. } | Self::BackingOff { failures, .. } => failures + 1,
            Self::GivenUp { .. } => FAILURES,
            // It worked until now: one quick new attempt is fair.
            Self::Closed | Self::Open { .. } => 1,
        };
        let is_final = matches!(reason, Reason::HostForbidden | Reason::VersionMismatch);
        *self = if is_final || failures >= FAILURES {
            Self::GivenUp { reason, since: now }
        } else {
            Self::BackingOff {
                reason,
                failures,
                since: now,
                until: now + FIRST_PAUSE_MS * f64::from(1u32 << (failures - 1)),
            }
        };
    }

    /// A request was sent.
    pub fn sent(&mut self, now: f64) {
        if let Self::Open { used, waiting, .. } = self {
            *used = now;
            *waiting += 1;
        }
    }

    /// Its response came, or its time is over.
    pub fn settled(&mut self, now: f64) {
        if let Self::Open { used, waiting, .. } = self {
            *used = now;
            *waiting = waiting.saturating_sub(1);
        }
    }

    /// Somebody will probably need the host soon: it stays open.
    pub fn keep_warm(&mut self, now: f64) {
        if let Self::Open { used, .. } = self {
            *used = now;
        }
    }

    /// The browser or the extension has just been started: what failed before may work now.
    pub fn try_again(&mut self) {
        if let Self::BackingOff { .. } | Self::GivenUp { .. } = self {
            *self = Self::Closed;
        }
    }

    /// Whether the port should be closed now; if so, it counts as closed.
    pub fn closes_idle(&mut self, now: f64) -> bool {
        let idle = match self {
            Self::Open { used, waiting, .. } => *waiting == 0 && now - *used >= IDLE_MS,
            _ => false,
        };
        if idle {
            *self = Self::Closed;
        }
        idle
    }

    /// Whether requests can be sent.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }

    /// The version of the host, while the port is open.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Open { host, .. } => Some(host),
            _ => None,
        }
    }

    /// Why the last attempt failed, while no other one has begun.
    pub fn fault(&self) -> Option<Reason> {
        match self {
            Self::BackingOff { reason, .. } | Self::GivenUp { reason, .. } => Some(*reason),
            _ => None,
        }
    }
}

/// What the browser's message about a closed port means.
pub fn reason_of_disconnect(message: &str) -> Reason {
    if message.contains("not found") {
        Reason::HostMissing
    } else if message.contains("forbidden") {
        Reason::HostForbidden
    } else {
        Reason::HostFailed
    }
}

/// What a refusal of the host means to a person.
pub fn reason_of_fault(fault: Fault) -> Reason {
    match fault {
        Fault::Version => Reason::VersionMismatch,
        Fault::CallerForbidden => Reason::HostForbidden,
        Fault::NotConfigured => Reason::NotConfigured,
        Fault::WrongOrigin => Reason::WrongOrigin,
        Fault::NotBound | Fault::NoKey => Reason::NotEnrolled,
        Fault::Keystore | Fault::NotUnsealed => Reason::KeystoreFailed,
        Fault::Malformed | Fault::NotGreeted | Fault::Storage => Reason::HostFailed,
    }
}

/// An unused port is closed after this.
pub const IDLE_MS: f64 = 10_000.0;
/// A `hello` without answer is given up after this.
pub const GREETING_MS: f64 = 5_000.0;
const FIRST_PAUSE_MS: f64 = 2_000.0;
/// Even a person does not start the host more often than this.
const PERSON_PAUSE_MS: f64 = 1_000.0;
const FAILURES: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    const T: f64 = 1e12;

    #[test]
    fn it_opens_on_demand_greets_and_closes_when_idle() {
        let mut connection = Connection::Closed;
        assert_eq!(connection.wanted(T, Wish::Routine), Next::Open);
        assert_eq!(connection.wanted(T + 1.0, Wish::Person), Next::Wait);
        connection.greeted(T + 2.0, "0.1.0".into());
        assert_eq!(connection.wanted(T + 3.0, Wish::Person), Next::Send);
        connection.sent(T + 3.0);
        assert!(!connection.closes_idle(T + 60_000.0), "a response is due");
        connection.settled(T + 4.0);
        assert!(!connection.closes_idle(T + 9_000.0));
        connection.keep_warm(T + 9_000.0);
        assert!(!connection.closes_idle(T + 18_000.0));
        assert!(connection.closes_idle(T + 19_000.0));
        assert_eq!(connection, Connection::Closed);
    }

    #[test]
    fn failures_back_off_and_end_in_a_terminal_state() {
        let mut connection = Connection::Closed;
        let mut now = T;
        let mut pauses = Vec::new();
        while connection.wanted(now, Wish::Routine) == Next::Open {
            connection.failed(now, Reason::HostMissing);
            let Connection::BackingOff { until, .. } = connection else {
                break;
            };
            pauses.push(until - now);
            let refused = connection.wanted(until - 1.0, Wish::Routine);
            assert_eq!(refused, Next::Refuse(Reason::HostMissing));
            now = until;
        }
        assert_eq!(pauses, [2e3, 4e3, 8e3, 16e3, 32e3]);
        let day = 86_400_000.0;
        assert_eq!(
            connection.wanted(now + day, Wish::Routine),
            Next::Refuse(Reason::HostMissing)
        );
        assert_eq!(connection.wanted(now + day, Wish::Person), Next::Open);
        connection.failed(now + day, Reason::HostMissing);
        assert!(matches!(connection, Connection::GivenUp { .. }));
        assert_eq!(
            connection.wanted(now + day + 10.0, Wish::Person),
            Next::Refuse(Reason::HostMissing),
            "not a process per click"
        );
        assert_eq!(
            connection.wanted(now + day + 2_000.0, Wish::Person),
            Next::Open
        );
        connection.greeted(now + day + 2_001.0, "0.1.0".into());
        assert_eq!(connection.host(), Some("0.1.0"));
    }

    #[test]
    fn a_new_start_forgets_failures_and_disturbs_nothing_else() {
        let mut connection = Connection::GivenUp {
            reason: Reason::HostMissing,
            since: T,
        };
        connection.try_again();
        assert_eq!(connection.wanted(T, Wish::Routine), Next::Open);
        connection.try_again();
        assert_eq!(connection.wanted(T, Wish::Routine), Next::Wait);
    }

    #[test]
    fn what_cannot_mend_itself_is_given_up_at_once() {
        for reason in [Reason::HostForbidden, Reason::VersionMismatch] {
            let mut connection = Connection::Closed;
            connection.wanted(T, Wish::Routine);
            connection.failed(T, reason);
            assert_eq!(connection, Connection::GivenUp { reason, since: T });
            assert_eq!(connection.fault(), Some(reason));
        }
    }

    #[test]
    fn a_hello_that_is_never_answered_does_not_block_for_ever() {
        let mut connection = Connection::Closed;
        connection.wanted(T, Wish::Person);
        assert_eq!(
            connection.wanted(T + GREETING_MS + 1.0, Wish::Person),
            Next::Open
        );
    }

    #[test]
    fn a_host_that_stops_may_be_started_again_soon() {
        let mut connection = Connection::Closed;
        connection.wanted(T, Wish::Person);
        connection.greeted(T, "0.1.0".into());
        connection.failed(T + 50_000.0, Reason::HostFailed);
        assert_eq!(connection.wanted(T + 52_000.0, Wish::Routine), Next::Open);
    }

    #[test]
    fn chromium_s_messages_are_told_apart() {
        for (message, reason) in [
            (
                "Specified native messaging host not found.",
                Reason::HostMissing,
            ),
            (
                "Access to the specified native messaging host is forbidden.",
                Reason::HostForbidden,
            ),
            ("Native host has exited.", Reason::HostFailed),
            (
                "Error when communicating with the native messaging host.",
                Reason::HostFailed,
            ),
            ("", Reason::HostFailed),
        ] {
            assert_eq!(reason_of_disconnect(message), reason, "{message}");
        }
    }
}
