//! What the worker holds in memory, and the functions that boot.js calls.
//!
//! Everything here may vanish between two events. What has to outlive the worker is written down at once (`store`);
//! what is lost costs evidence, never correctness.

mod answer;
mod enrol;
mod host;
mod person;
mod popup;
#[cfg(feature = "rehearsal")]
mod rehearse;
mod scripts;
mod server;
mod store;

use crate::{
    browser, capture,
    challenge::{Registration, Sender},
    configuration::{Machine, Managed, Sources},
    connection::Connection,
    decisions::Decisions,
    digest,
    presence::{IdleState, Seen},
    provenance::{Commit, Request, Tab},
    sites::{self, Sites},
};
use biometrics::{Engine, Model};
use ring::rand::{SecureRandom, SystemRandom};
use std::{cell::RefCell, collections::HashMap};
use wasm_bindgen::prelude::*;
use wire::{
    config::Configuration,
    id::{ChallengeId, DeviceId, Digest, Thumbprint, UserName},
    jws::Jwk,
    limits,
    statement::{Learning, ProtectionClass},
    version,
};

/// The worker's memory.
struct Worker {
    engine: Engine,
    sources: Sources,
    tabs: HashMap<i32, Tab>,
    /// The newest trusted input anywhere.
    input_at: Option<f64>,
    idle: Option<IdleState>,
    posture: Option<Seen>,
    /// When the system was unlocked last, by the host's word.
    unlocked_at: Option<f64>,
    connection: Connection,
    host: Option<HostStatus>,
    installation: Option<(Thumbprint, Jwk)>,
    registration: Option<Registration>,
    person: person::Held,
    learning: Vec<Learning>,
    decisions: Decisions,
    paused_until: Option<f64>,
    /// When an ordinary factor passed in this browser, by the server's word.
    confirmed_at: Option<f64>,
    /// Challenges that were answered, or are being answered, by this worker.
    asked: Vec<ChallengeId>,
    enrolling: bool,
    saving: bool,
    settling: bool,
    /// What the scripts were registered for.
    scripts_for: Option<String>,
    /// When this worker ran them in the tabs that were open.
    scripts_at: Option<f64>,
}

/// What the host said about itself.
#[derive(Clone)]
struct HostStatus {
    keystore: String,
    protection_class: ProtectionClass,
    device: Option<DeviceId>,
    bindings: Vec<UserName>,
}

thread_local! {
    static WORKER: RefCell<Option<Worker>> = const { RefCell::new(None) };
}

/// Works on the worker's memory; never across an `await`. `None` before `start`, which boot.js calls before anything.
fn with<R>(work: impl FnOnce(&mut Worker) -> R) -> Option<R> {
    WORKER.with_borrow_mut(|worker| worker.as_mut().map(work))
}

impl Worker {
    fn configuration(&self) -> Option<&Configuration> {
        self.sources
            .in_force()
            .map(|(configuration, _)| configuration)
    }

    fn sites(&self) -> Option<Sites> {
        self.configuration().map(Sites::of)
    }

    /// The configuration names another server than the one that knows this device.
    fn is_registered_elsewhere(&self) -> bool {
        let server = self.configuration().map(|c| c.server_origin.as_str());
        let known = self.registration.as_ref().map(|r| r.server.as_str());
        known.is_some() && server.is_some() && known != server
    }

    fn pause_left(&self, now: f64) -> Option<f64> {
        self.paused_until
            .map(|until| until - now)
            .filter(|left| *left > 0.0)
    }

    fn template_digest(&self) -> Option<Digest> {
        digest::sha256(&self.engine.template_bytes()?)
    }
}

/// Takes over what the storage areas hold, as JSON texts, and the background model.
#[wasm_bindgen]
pub fn start(session: &str, local: &str, model: &[u8]) -> Result<(), JsError> {
    let model = Model::from_bytes(model)?;
    let mut salt = [0; 8];
    SystemRandom::new()
        .fill(&mut salt)
        .map_err(|_| JsError::new("the browser gives no random numbers"))?;
    let mut worker = Worker {
        engine: Engine::new(model).with_salt(u64::from_le_bytes(salt)),
        sources: Sources::default(),
        tabs: HashMap::new(),
        input_at: None,
        idle: None,
        posture: None,
        unlocked_at: None,
        connection: Connection::default(),
        host: None,
        installation: None,
        registration: None,
        person: person::Held::default(),
        learning: Vec::new(),
        decisions: Decisions::default(),
        paused_until: None,
        confirmed_at: None,
        asked: Vec::new(),
        enrolling: false,
        saving: false,
        settling: false,
        scripts_for: None,
        scripts_at: None,
    };
    store::restore(&mut worker, session, local);
    WORKER.set(Some(worker));
    Ok(())
}

/// The worker has been started, for whatever reason: settles what is due.
#[wasm_bindgen]
pub async fn woken() {
    browser::local_for_own_pages_only().await;
    person::load_due();
    settle().await;
}

/// The extension has been installed, updated or reloaded: what happened in the tabs meanwhile was not seen.
#[wasm_bindgen]
pub async fn installed() {
    let tabs = with(|w| {
        w.scripts_for = None;
        std::mem::take(&mut w.tabs)
    })
    .unwrap_or_default();
    for tab in tabs.into_keys() {
        browser::session_remove(&store::tab_key(tab)).await;
    }
    started().await;
}

/// The browser has been started.
#[wasm_bindgen]
pub async fn started() {
    with(|w| w.connection.try_again());
    settle().await;
    scripts::run_in_open_tabs().await;
}

/// Managed storage has to be read. It may keep us waiting, and after an installation it is empty at first and fills
/// without a word: so it is read again, less and less often.
#[wasm_bindgen]
pub async fn policy_due() {
    for pause in [250.0, 500.0, 1e3, 2e3, 4e3, 8e3] {
        policy_changed().await;
        if with(|w| w.sources.managed == Managed::Empty) != Some(true) {
            return;
        }
        browser::sleep(pause).await;
    }
}

/// Managed storage has changed.
#[wasm_bindgen]
pub async fn policy_changed() {
    let managed = Managed::parse(&browser::managed().await);
    let changed = with(|w| {
        let changed = managed != w.sources.managed;
        w.sources.managed = managed;
        changed
    });
    if changed == Some(true) {
        settle().await;
        // A settling that had begun before went by the old policy.
        configuration_changed().await;
    }
}

/// An alarm is due.
#[wasm_bindgen]
pub async fn alarm(name: String) {
    if name == enrol::HEARTBEAT_ALARM {
        settle().await;
        enrol::heartbeat().await;
    }
}

/// Brings configuration, content scripts and enrolment up to date; asks the host only where something is missing.
async fn settle() {
    // Waking and starting come together; one of them is enough.
    if with(|w| std::mem::replace(&mut w.settling, true)) != Some(false) {
        return;
    }
    settle_alone().await;
    with(|w| w.settling = false);
}

async fn settle_alone() {
    let ask_host = with(|w| {
        let no_policy = matches!(w.sources.managed, Managed::Empty);
        let unknown = w.sources.machine == Machine::Unknown && w.sources.remembered.is_none();
        (no_policy && unknown) || w.registration.is_none()
    });
    if ask_host == Some(true) {
        // Opening the port asks for configuration and status on the way.
        let _ = host::open(crate::connection::Wish::Routine).await;
    }
    configuration_changed().await;
    enrol::keep_up().await;
}

/// Applies the configuration in force.
async fn configuration_changed() {
    store::remember_configuration().await;
    scripts::register().await;
}

/// A request for a top-frame document begins or is redirected.
#[wasm_bindgen]
pub fn requested(tab: i32, id: &str, url: &str, initiator: Option<String>) {
    change_tab(tab, |sites, record| {
        let initiator = initiator.as_deref();
        record.requested(sites, &Request { id, url, initiator });
    });
}

/// A top-frame document has been committed.
#[wasm_bindgen]
pub fn committed(tab: i32, document: &str, url: &str, reload: bool, history: bool, at: f64) {
    let at_okta = change_tab(tab, |sites, record| {
        let commit = Commit {
            document,
            url,
            reload,
            history,
            at,
        };
        record.committed(sites, &commit);
        record.is_at_okta()
    });
    let place = with(|w| w.sites().map(|sites| sites.place(url))).flatten();
    if at_okta == Some(true) || place == Some(sites::Place::Server) {
        // A challenge is near: host, keys and template are made ready meanwhile.
        host::warm_up();
    }
    if place == Some(sites::Place::Server) {
        scripts::run_answer_in(tab);
    }
}

/// The fragment of a top-frame document's URL has changed.
#[wasm_bindgen]
pub fn fragment_changed(tab: i32, url: &str) {
    change_tab(tab, |sites, record| record.fragment_changed(sites, url));
}

/// A tab is gone.
#[wasm_bindgen]
pub fn tab_closed(tab: i32) {
    with(|w| w.tabs.remove(&tab));
    browser::spawn(async move { browser::session_remove(&store::tab_key(tab)).await });
}

/// The person went idle, came back, or locked the screen.
#[wasm_bindgen]
pub fn idle_changed(state: &str) {
    let state = IdleState::parse(state);
    with(|w| {
        w.idle = state;
        if state == Some(IdleState::Locked) {
            person::locked(w);
        }
    });
    store::save_soon();
}

/// A message from a page's content script or from a page of the extension; gives the reply.
#[wasm_bindgen]
pub async fn message(text: String, sender: String) -> JsValue {
    let Ok(sender) = serde_json::from_slice::<Sender>(sender.as_bytes()) else {
        return JsValue::UNDEFINED;
    };
    let reply = if sender.origin.as_deref() == Some(browser::own_origin().as_str()) {
        own_page(&text).await
    } else if let Ok(batch) = version::parse_bounded(text.as_bytes(), limits::PAGE_MESSAGE) {
        captured(&batch, &sender)
    } else {
        // Everything else a content script says comes from answer.js, or is refused.
        answer::asked(&text, &sender).await
    };
    let value = reply.and_then(|json| js_sys::JSON::parse(&json).ok());
    value.unwrap_or(JsValue::UNDEFINED)
}

/// The words of a reason's code, for the popup.
#[wasm_bindgen]
pub fn words(code: &str) -> Option<String> {
    wire::reason::Reason::from_code(code).map(|reason| reason.words().to_owned())
}

async fn own_page(text: &str) -> Option<String> {
    #[cfg(feature = "rehearsal")]
    if let Some(reply) = rehearse::parity(text) {
        return Some(reply);
    }
    #[cfg(feature = "rehearsal")]
    if let Some(reply) = rehearse::rehearse(text).await {
        return Some(reply);
    }
    popup::asked(text).await
}

/// Takes a batch of capture.js; the reply tells it to be quiet where nothing may be captured.
fn captured(batch: &wire::capture::Events, sender: &Sender) -> Option<String> {
    let now = browser::now();
    let reply = with(|w| {
        let configuration = w.configuration()?;
        let site = sender.url.as_deref().and_then(sites::host_of);
        let excluded =
            site.is_some_and(|host| sites::is_excluded(&host, &configuration.excluded_sites));
        if excluded || sender.tab.as_ref().is_none_or(|tab| tab.incognito) {
            return Some(r#""stop""#.to_owned());
        }
        if let Some(left) = w.pause_left(now) {
            return Some(format!(r#"{{"quiet":{}}}"#, crate::whole_ms(left)));
        }
        let signs = if w.person.is_loading() {
            w.person.put_aside(batch, now)
        } else {
            capture::take(batch, now, |event| w.engine.push(event))
        };
        w.input_at = capture::newest(w.input_at, signs.input_at);
        if let (Some(at), Some(0), Some(tab)) = (signs.touched_at, sender.frame_id, &sender.tab) {
            let document = sender.document_id.as_deref().unwrap_or_default();
            touched(w, tab.id, document, at);
        }
        None
    })
    .flatten();
    store::save_soon();
    reply
}

fn touched(w: &mut Worker, tab: i32, document: &str, at: f64) {
    let Some(record) = w.tabs.get_mut(&tab) else {
        return;
    };
    record.touched(document, at);
    let at_okta = record.is_at_okta();
    let text = store::text(record);
    browser::spawn(async move {
        browser::session_set(&store::tab_key(tab), &text).await;
        if at_okta {
            host::warm_up();
        }
    });
}

/// Changes a tab's record and writes it down. Without a configuration nothing is recorded, so nothing is proven.
fn change_tab<R>(tab: i32, change: impl FnOnce(&Sites, &mut Tab) -> R) -> Option<R> {
    let (result, text) = with(|w| {
        let sites = w.sites()?;
        let record = w.tabs.entry(tab).or_default();
        let result = change(&sites, record);
        Some((result, store::text(record)))
    })??;
    browser::spawn(async move { browser::session_set(&store::tab_key(tab), &text).await });
    Some(result)
}
