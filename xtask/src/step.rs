//! One line per step: what is being done, and how long it took.

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Does `work` under a spinner (on a terminal) and prints one line when it is over.
pub fn quiet<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let bar = if std::io::stderr().is_terminal() {
        spinner(what)
    } else {
        eprintln!("· {what} …");
        ProgressBar::hidden()
    };
    let started = Instant::now();
    let result = work();
    bar.finish_and_clear();
    finish(what, started.elapsed(), result.is_ok());
    result
}

/// Does `work`, which prints for itself, between two lines of ours.
pub fn loud<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("· {what} …");
    let started = Instant::now();
    let result = work();
    finish(what, started.elapsed(), result.is_ok());
    result
}

/// Says that something was already there.
pub fn already(what: &str) {
    eprintln!("✓ {what} (already there)");
}

fn finish(what: &str, took: Duration, ok: bool) {
    let mark = if ok { '✓' } else { '✗' };
    eprintln!("{mark} {what} ({})", duration(took));
}

/// `820 ms`, `12.3 s` or `4 min 05 s`.
pub fn duration(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        s if s < 60 => format!("{:.1} s", time.as_secs_f64()),
        s => format!("{} min {:02} s", s / 60, s % 60),
    }
}

fn spinner(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
