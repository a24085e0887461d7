//! Which content scripts run where. They are registered for the configuration in force, and run in tabs that were open
//! before: a page that was there first has none.

use super::{store, with};
use crate::{
    browser::{self, Script},
    sites::Place,
};
use wire::{config::Configuration, id::Origin};

/// Registers the scripts if the configuration asks for others than are registered.
pub async fn register() {
    let Some(configuration) = with(|w| w.configuration().cloned()) else {
        return;
    };
    // The registration outlives the browser's sessions, though not an update of the extension.
    let wanted = configuration.as_ref().map(fingerprint).unwrap_or_default();
    let changed = with(|w| {
        let changed = w.scripts_for.as_ref() != Some(&wanted);
        w.scripts_for = Some(wanted.clone());
        changed
    });
    if changed != Some(true) {
        return;
    }
    let scripts = configuration.as_ref().map(scripts_for).unwrap_or_default();
    if browser::register_scripts(&scripts).await.is_err() {
        with(|w| w.scripts_for = None);
        return;
    }
    store::keep(store::SCRIPTS_FOR, &wanted).await;
    run_in_open_tabs().await;
}

/// What of a configuration the scripts depend on, without the enrolment token.
fn fingerprint(configuration: &Configuration) -> String {
    let relevant = (
        &configuration.server_origin,
        &configuration.excluded_sites,
        configuration.password_timing,
    );
    store::text(&relevant)
}

/// Runs the scripts in the tabs that are open. A page that loads while the browser starts may get none otherwise.
pub async fn run_in_open_tabs() {
    with(|w| w.scripts_at = Some(browser::now()));
    let Some(configuration) = with(|w| w.configuration().cloned()).flatten() else {
        return;
    };
    let files = capture_files(&configuration);
    for (tab, url) in browser::open_tabs().await {
        let excluded = crate::sites::host_of(&url)
            .is_none_or(|host| crate::sites::is_excluded(&host, &configuration.excluded_sites));
        if !excluded {
            browser::run_in_tab(tab, files, true).await;
        }
        if crate::sites::Sites::of(&configuration).place(&url) == Place::Server {
            browser::run_in_tab(tab, ANSWER, false).await;
        }
    }
}

/// Runs answer.js in a page of our server that may have come before the scripts were registered; harmless otherwise.
pub fn run_answer_in(tab: i32) {
    let young = with(|w| {
        w.scripts_at
            .is_some_and(|at| browser::now() - at < YOUNG_MS)
    });
    if young == Some(true) {
        browser::spawn(async move { browser::run_in_tab(tab, ANSWER, false).await });
    }
}

fn scripts_for(configuration: &Configuration) -> Vec<Script<'static>> {
    let excludes = configuration
        .excluded_sites
        .iter()
        .filter_map(|site| exclude(site))
        .collect();
    let capture = Script {
        id: "capture",
        files: capture_files(configuration),
        matches: vec!["http://*/*".into(), "https://*/*".into()],
        excludes,
        all_frames: true,
    };
    let answer = Script {
        id: "answer",
        files: ANSWER,
        matches: vec![pattern(&configuration.server_origin)],
        excludes: Vec::new(),
        all_frames: false,
    };
    vec![capture, answer]
}

fn capture_files(configuration: &Configuration) -> &'static [&'static str] {
    match configuration.password_timing {
        true => &["timing.js", "capture.js"],
        false => &["capture.js"],
    }
}

/// Match patterns know no ports in some browsers' versions: the worker checks the whole origin anyway.
fn pattern(origin: &Origin) -> String {
    let origin = origin.as_str();
    let (scheme, host) = origin.split_once("://").unwrap_or(("https", origin));
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    format!("{scheme}://{host}/*")
}

/// One malformed entry must not keep all scripts from being registered; the worker refuses its events all the same.
fn exclude(site: &str) -> Option<String> {
    let host = site.trim_start_matches("*.");
    let plain = !host.is_empty()
        && host
            .bytes()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'.');
    plain.then(|| format!("*://*.{host}/*"))
}

const ANSWER: &[&str] = &["answer.js"];
/// Scripts that are registered for longer than this are in every new page.
const YOUNG_MS: f64 = 60_000.0;
