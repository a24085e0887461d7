//! Small things as people say them.

use crate::clock::{HOUR, MINUTE, Millis, SECOND};

/// A browser's own name for itself as people say it: `Chrome on Windows`.
pub fn browser_in_words(agent: &str) -> String {
    let named = |table: &[(&str, &'static str)]| {
        table
            .iter()
            .find(|(mark, _)| agent.contains(mark))
            .map(|(_, name)| *name)
    };
    // Each pretends to be those that come after it.
    let browser = named(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = named(&[
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "an iPhone"),
        ("iPad", "an iPad"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.into(),
        (None, None) => "an unknown browser".into(),
    }
}

/// How long ago, roughly: `3 min ago`.
pub fn ago_in_words(at: Millis, now: Millis) -> String {
    match now - at {
        ..SECOND => "just now".into(),
        past @ SECOND..MINUTE => format!("{} s ago", past / SECOND),
        past @ MINUTE..HOUR => format!("{} min ago", past / MINUTE),
        past if past < 48 * HOUR => format!("{} h ago", past / HOUR),
        past => format!("{} days ago", past / (24 * HOUR)),
    }
}

/// In groups of three, as people read it out.
pub fn grouped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 3);
    for (n, c) in text.chars().enumerate() {
        if n > 0 && n % 3 == 0 {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_and_times_are_said_as_people_say_them() {
        for (agent, words) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari on an iPhone",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox on macOS",
            ),
            ("", "an unknown browser"),
        ] {
            assert_eq!(browser_in_words(agent), words);
        }
        for (past, words) in [
            (-5_000, "just now"),
            (999, "just now"),
            (59_999, "59 s ago"),
            (60_000, "1 min ago"),
            (47 * HOUR, "47 h ago"),
            (48 * HOUR, "2 days ago"),
        ] {
            assert_eq!(ago_in_words(0, past), words);
        }
    }

    #[test]
    fn numbers_are_read_out_in_threes() {
        for (text, groups) in [
            ("482107", "482 107"),
            ("7K01MX9QZ", "7K0 1MX 9QZ"),
            ("1234", "123 4"),
            ("", ""),
        ] {
            assert_eq!(grouped(text), groups);
        }
    }
}
