//! What outlives the worker: rolling state in session storage, the rest in local storage, as JSON texts by key.

use super::{Worker, person, with};
use crate::browser;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::HashMap;
use wire::{b64, id::UserName};

/// Rolling state besides the engine's and the tabs'.
#[derive(Default, Serialize, Deserialize)]
struct Rolling {
    input_at: Option<f64>,
    confirmed_at: Option<f64>,
    unlocked_at: Option<f64>,
}

/// Fills a new worker.
pub fn restore(w: &mut Worker, session: &str, local: &str) {
    let session = members(session);
    let local = members(local);
    let rolling: Rolling = value(&session, ROLLING).unwrap_or_default();
    w.input_at = rolling.input_at;
    w.confirmed_at = rolling.confirmed_at;
    w.unlocked_at = rolling.unlocked_at;
    for (key, text) in &session {
        let tab = key.strip_prefix(TAB).and_then(|tab| tab.parse().ok());
        if let (Some(tab), Some(record)) = (tab, read(text)) {
            w.tabs.insert(tab, record);
        }
    }
    w.sources.remembered = value(&local, CONFIGURATION);
    w.registration = value(&local, REGISTRATION);
    w.scripts_for = value(&local, SCRIPTS_FOR);
    w.decisions = value(&local, DECISIONS).unwrap_or_default();
    w.paused_until = value(&local, PAUSED_UNTIL);
    w.learning = value(&local, LEARNING).unwrap_or_default();
    let state = session.get(ENGINE).and_then(|text| b64::decode(text));
    let person: Option<UserName> = value(&local, PERSON);
    let sealed = local
        .iter()
        .filter_map(|(key, text)| {
            let user = UserName::new(key.strip_prefix(TEMPLATE)?).ok()?;
            Some((user, b64::decode(text)?))
        })
        .collect();
    person::restore(w, person, sealed, state);
}

/// Writes the rolling state down within a second.
pub fn save_soon() {
    let begins = with(|w| !std::mem::replace(&mut w.saving, true));
    if begins == Some(true) {
        browser::spawn(async {
            browser::sleep(1_000.0).await;
            save().await;
        });
    }
}

/// Writes the rolling state down.
pub async fn save() {
    let texts = with(|w| {
        w.saving = false;
        let rolling = Rolling {
            input_at: w.input_at,
            confirmed_at: w.confirmed_at,
            unlocked_at: w.unlocked_at,
        };
        // While a template is on its way the engine is empty, and what was saved before still counts.
        let engine = (!w.person.is_loading()).then(|| b64::encode(&w.engine.save()));
        (text(&rolling), engine)
    });
    let Some((rolling, engine)) = texts else {
        return;
    };
    browser::session_set(ROLLING, &rolling).await;
    if let Some(engine) = engine {
        browser::session_set(ENGINE, &engine).await;
    }
}

/// Remembers the configuration in force for the next worker, or forgets it.
pub async fn remember_configuration() {
    let change = with(|w| {
        let configuration = w.configuration().cloned();
        let changed = configuration != w.sources.remembered;
        let certain = !matches!(
            w.sources.in_force(),
            None | Some((_, crate::configuration::Source::Remembered))
        ) || w.sources.machine == crate::configuration::Machine::Absent;
        if !changed || !certain {
            return None;
        }
        // Records were made by other rules.
        w.tabs.clear();
        w.sources.remembered = configuration.clone();
        Some(configuration)
    })
    .flatten();
    match change {
        None => {}
        Some(Some(configuration)) => keep(CONFIGURATION, &configuration).await,
        Some(None) => drop(browser::local_remove(CONFIGURATION).await),
    }
}

/// Writes a value to local storage.
pub async fn keep(key: &str, value: &impl Serialize) {
    // A full disk loses comfort (the popup's list, the memory of a configuration), nothing that decides.
    let _ = browser::local_set(key, &text(value)).await;
}

/// The key of a person's sealed template.
pub fn template_key(user: &UserName) -> String {
    format!("{TEMPLATE}{user}")
}

/// The key of a tab's record.
pub fn tab_key(tab: i32) -> String {
    format!("{TAB}{tab}")
}

/// JSON text of a value of ours, which serde_json cannot fail on.
pub fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn members(json: &str) -> HashMap<String, String> {
    serde_json::from_slice(json.as_bytes()).unwrap_or_default()
}

fn value<T: DeserializeOwned>(members: &HashMap<String, String>, key: &str) -> Option<T> {
    read(members.get(key)?)
}

/// What another version of the extension wrote may not fit: then it is as if it were not there.
fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(text.as_bytes()).ok()
}

pub const REGISTRATION: &str = "registration";
pub const DECISIONS: &str = "decisions";
pub const PAUSED_UNTIL: &str = "paused_until";
pub const SCRIPTS_FOR: &str = "scripts_for";
pub const LEARNING: &str = "learning";
pub const PERSON: &str = "person";
const CONFIGURATION: &str = "configuration";
const TEMPLATE: &str = "template.";
const ROLLING: &str = "rolling";
const ENGINE: &str = "engine";
const TAB: &str = "tab.";
