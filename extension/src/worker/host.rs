//! The port to the native host: requests and their responses by number, as [`Connection`] allows.

use super::{HostStatus, with};
use crate::{
    browser,
    configuration::Machine,
    connection::{self, Connection, Next, Wish},
    presence::{self, Seen},
};
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use std::{cell::RefCell, collections::HashMap, pin::pin};
use wire::{
    host::{NAME, Request, RequestBody, Response, ResponseBody},
    reason::Reason,
    version::{self, Refusal, V},
};

type Reply = oneshot::Sender<Result<ResponseBody, Reason>>;

#[derive(Default)]
struct Line {
    port: Option<browser::Port>,
    next: u32,
    waiting: HashMap<u32, Reply>,
    /// Those who wait for `hello`.
    opening: Vec<oneshot::Sender<Result<(), Reason>>>,
}

thread_local! {
    static LINE: RefCell<Line> = RefCell::default();
}

/// One request, one response.
pub async fn request(wish: Wish, body: RequestBody) -> Result<ResponseBody, Reason> {
    open(wish).await?;
    exchange(body, RESPONSE_MS).await
}

/// Opens the port unless it is open.
pub async fn open(wish: Wish) -> Result<(), Reason> {
    let now = browser::now();
    match with(|w| w.connection.wanted(now, wish)) {
        None => Err(Reason::HostFailed),
        Some(Next::Send) => Ok(()),
        Some(Next::Refuse(reason)) => Err(reason),
        Some(Next::Wait) => {
            let (sender, receiver) = oneshot::channel();
            LINE.with_borrow_mut(|line| line.opening.push(sender));
            receiver.await.unwrap_or(Err(Reason::HostFailed))
        }
        Some(Next::Open) => greet().await,
    }
}

/// Makes host, keys and template ready, and keeps the port open, without waiting.
pub fn warm_up() {
    let now = browser::now();
    let ready = with(|w| {
        w.connection.keep_warm(now);
        let fresh = w
            .posture
            .as_ref()
            .is_some_and(|p| presence::is_fresh(now, p.at));
        w.connection.host().is_some() && w.host.is_some() && fresh
    });
    if ready == Some(false) {
        browser::spawn(async {
            let _ = status(Wish::Routine).await;
            posture(Wish::Routine).await;
        });
    }
    super::person::load_due();
    if with(|w| w.installation.is_none()) == Some(true) {
        browser::spawn(async {
            let _ = super::enrol::installation().await;
        });
    }
}

/// The machine's state, from the last ten seconds or asked for now.
pub async fn posture(wish: Wish) -> Option<Seen> {
    let now = browser::now();
    let seen = with(|w| w.posture.clone()).flatten();
    if let Some(seen) = seen.filter(|seen| presence::is_fresh(now, seen.at)) {
        return Some(seen);
    }
    open(wish).await.ok()?;
    let ResponseBody::Posture { posture } =
        exchange(RequestBody::Posture {}, POSTURE_MS).await.ok()?
    else {
        return None;
    };
    let seen = Seen {
        posture,
        at: browser::now(),
    };
    with(|w| {
        let unlocked_at = seen
            .posture
            .unlock_age_ms
            .map(|age| seen.at - f64::from(age));
        // Where the browser does not see the lock, a later unlock shows that there was one.
        if seen.posture.screen_locked == Some(true)
            || presence::is_another_unlock(w.unlocked_at, unlocked_at)
        {
            super::person::locked(w);
        }
        w.unlocked_at = unlocked_at.or(w.unlocked_at);
        w.posture = Some(seen.clone());
    });
    Some(seen)
}

/// Keystore, device and bindings; asked for once per port, and again after a change.
pub async fn status(wish: Wish) -> Result<HostStatus, Reason> {
    open(wish).await?;
    if let Some(known) = with(|w| w.host.clone()).flatten() {
        return Ok(known);
    }
    match exchange(RequestBody::Status {}, RESPONSE_MS).await? {
        ResponseBody::Status {
            keystore,
            protection_class,
            device,
            bindings,
        } => {
            let status = HostStatus {
                keystore,
                protection_class,
                device,
                bindings,
            };
            with(|w| w.host = Some(status.clone()));
            Ok(status)
        }
        ResponseBody::Refused { fault, .. } => Err(connection::reason_of_fault(fault)),
        _ => Err(Reason::HostFailed),
    }
}

/// The next `status` asks again.
pub fn status_changed() {
    with(|w| w.host = None);
}

async fn greet() -> Result<(), Reason> {
    let result = hello().await;
    let now = browser::now();
    with(|w| match &result {
        Ok(host) => w.connection.greeted(now, host.clone()),
        Err(reason) => w.connection.failed(now, *reason),
    });
    let result = result.map(drop);
    if result.is_err() {
        hang_up();
    }
    for waiting in LINE.with_borrow_mut(|line| std::mem::take(&mut line.opening)) {
        let _ = waiting.send(result);
    }
    if result.is_ok() {
        close_when_idle();
        learn_about_the_host().await;
    }
    result
}

async fn hello() -> Result<String, Reason> {
    status_changed();
    hang_up();
    let port =
        browser::Port::open(NAME, received, disconnected).map_err(|()| Reason::HostMissing)?;
    LINE.with_borrow_mut(|line| line.port = Some(port));
    let extension = browser::version();
    match exchange(RequestBody::Hello { extension }, connection::GREETING_MS).await? {
        ResponseBody::Hello { host } => Ok(host),
        ResponseBody::Refused { fault, .. } => Err(connection::reason_of_fault(fault)),
        _ => Err(Reason::HostFailed),
    }
}

/// What every port tells first: the machine's configuration, as managed storage may be empty or not loaded yet.
async fn learn_about_the_host() {
    let machine = match exchange(RequestBody::Config {}, RESPONSE_MS).await {
        Ok(ResponseBody::Config { configuration }) => {
            configuration.map_or(Machine::Absent, Machine::File)
        }
        _ => Machine::Unknown,
    };
    let changed = with(|w| {
        let changed = machine != Machine::Unknown && machine != w.sources.machine;
        if changed {
            w.sources.machine = machine;
        }
        changed
    });
    if changed == Some(true) {
        super::configuration_changed().await;
    }
}

async fn exchange(body: RequestBody, limit_ms: f64) -> Result<ResponseBody, Reason> {
    let (sender, receiver) = oneshot::channel();
    let posted = LINE.with_borrow_mut(|line| {
        line.next = line.next.wrapping_add(1).max(1);
        let id = line.next;
        let text = super::store::text(&Request { v: V, id, body });
        line.port.as_ref()?.post(&text).ok()?;
        line.waiting.insert(id, sender);
        Some(id)
    });
    let Some(id) = posted else {
        return Err(with(|w| w.connection.fault())
            .flatten()
            .unwrap_or(Reason::HostFailed));
    };
    let now = browser::now();
    with(|w| w.connection.sent(now));
    let limit = pin!(browser::sleep(limit_ms));
    let in_time = select(receiver, limit).await;
    let now = browser::now();
    with(|w| w.connection.settled(now));
    match in_time {
        Either::Left((reply, _)) => reply.unwrap_or(Err(Reason::HostFailed)),
        Either::Right(_) => {
            LINE.with_borrow_mut(|line| line.waiting.remove(&id));
            if limit_ms >= RESPONSE_MS && with(|w| w.connection.is_open()) == Some(true) {
                // It hangs: the next request gets another process.
                with(|w| w.connection.failed(now, Reason::HostFailed));
                hang_up();
            }
            Err(Reason::HostFailed)
        }
    }
}

fn received(text: String) {
    let response = match version::parse::<Response>(text.as_bytes()) {
        Ok(response) => response,
        Err(refusal) => {
            let reason = match refusal {
                Refusal::Version { .. } => Reason::VersionMismatch,
                _ => Reason::HostFailed,
            };
            return everybody_hears(reason);
        }
    };
    let waiting = LINE.with_borrow_mut(|line| line.waiting.remove(&response.id));
    if let Some(waiting) = waiting {
        let _ = waiting.send(Ok(response.body));
    }
}

fn disconnected(message: String) {
    let reason = connection::reason_of_disconnect(&message);
    let now = browser::now();
    with(|w| {
        // While greeting, the greeter counts the failure.
        if w.connection.is_open() {
            w.connection.failed(now, reason);
        }
    });
    everybody_hears(reason);
    // The port's own listener runs right now and must not be dropped under its feet.
    browser::spawn(async {
        let closed = with(|w| {
            !matches!(
                w.connection,
                Connection::Open { .. } | Connection::Greeting { .. }
            )
        });
        if closed == Some(true) {
            LINE.with_borrow_mut(|line| line.port.take());
        }
    });
}

fn everybody_hears(reason: Reason) {
    let waiting = LINE.with_borrow_mut(|line| std::mem::take(&mut line.waiting));
    for (_, reply) in waiting {
        let _ = reply.send(Err(reason));
    }
}

/// Closes the port; whoever still waits for it hears so.
fn hang_up() {
    if let Some(port) = LINE.with_borrow_mut(|line| line.port.take()) {
        port.close();
        everybody_hears(Reason::HostFailed);
    }
}

fn close_when_idle() {
    browser::spawn(async {
        loop {
            browser::sleep(connection::IDLE_MS / 4.0).await;
            let now = browser::now();
            let (closes, gone) = with(|w| {
                let closes = w.connection.closes_idle(now);
                (closes, !w.connection.is_open())
            })
            .unwrap_or((false, true));
            if closes {
                hang_up();
            }
            if closes || gone {
                return;
            }
        }
    });
}

const RESPONSE_MS: f64 = 4_000.0;
/// Presence is worth a moment, not a wait.
const POSTURE_MS: f64 = 300.0;
