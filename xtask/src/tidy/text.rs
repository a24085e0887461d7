//! Texts that may not stand in a source, and the length of files.

use crate::run;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// A text, the endings of files that may not hold it, and why.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    (concat!("todo", "!("), RUST, "unfinished"),
    (concat!("unimplemented", "!("), RUST, "unfinished"),
    (concat!("dbg", "!("), RUST, "left over"),
    (
        concat!("#[", "ignore"),
        RUST,
        "a skipped test shows nothing",
    ),
    (
        concat!("#[", "allow("),
        RUST,
        "write #[expect(…, reason)]: it tells when it is no longer needed",
    ),
    (
        concat!("#![", "allow("),
        RUST,
        "write #![expect(…, reason)]",
    ),
    (
        concat!("<<<<", "<<< "),
        ANY,
        "a conflict that nobody resolved",
    ),
    (concat!("debugger", ";"), &["js"], "left over"),
    (concat!("eval", "("), &["js", "html"], "code from text"),
    (
        concat!(".inner", "HTML ="),
        &["js", "html"],
        "markup from text",
    ),
    (concat!("/wo", "rk/"), ANY, "a path of one machine"),
];

const RUST: &[&str] = &["rs"];
const ANY: &[&str] = &[
    "rs", "js", "md", "toml", "html", "css", "json", "sh", "sql", "py",
];

/// Forbidden texts in tracked files. Vendored code is other people's.
pub fn forbidden() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (file, text) in sources(ANY)? {
        let ending = ending(&file);
        for (number, line) in text.lines().enumerate() {
            for (forbidden, endings, why) in FORBIDDEN {
                if endings.contains(&ending) && line.contains(forbidden) {
                    found.push(format!("{}:{}: {why}", file.display(), number + 1));
                }
            }
        }
    }
    Ok(found)
}

/// The document that promises, each promise with its test.
const PROMISES: &str = "docs/threat-model.md";

/// Tests that [`PROMISES`] names and no source has, as a function or as a scenario's name.
pub fn promised_tests() -> Result<Vec<String>> {
    let text = std::fs::read_to_string(run::root().join(PROMISES))?;
    let sources = sources(RUST)?;
    let exists = |name: &str| {
        let (function, scenario) = (format!("fn {name}("), format!("\"{name}\""));
        sources
            .iter()
            .any(|(_, text)| text.contains(&function) || text.contains(&scenario))
    };
    Ok(test_names(&text)
        .filter(|name| !exists(name))
        .map(|name| format!("{PROMISES}: no test is named {name}"))
        .collect())
}

/// Tests are sentences: whatever stands between back quotes and has three underscores or more.
fn test_names(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|name| {
        name.matches('_').count() >= 3
            && name
                .bytes()
                .all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

/// Clock, files, network and environment in crates that get them as arguments. Tests at the end of a file may.
pub fn pure_sources() -> Result<Vec<String>> {
    const IMPURE: &[&str] = &[
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "SystemTime::now",
        "Instant::now",
    ];
    let mut found = Vec::new();
    for (file, text) in sources(RUST)? {
        let pure = file.strip_prefix("crates").is_ok_and(|below| {
            let mut parts = below.components().skip(1);
            parts.next().is_some_and(|part| part.as_os_str() == "src")
        });
        if !pure || file.ends_with("tests.rs") {
            continue;
        }
        let product = text
            .lines()
            .take_while(|line| line.trim() != "#[cfg(test)]");
        for (number, line) in product.enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(what) = IMPURE.iter().find(|what| code.contains(*what)) {
                found.push(format!("{}:{}: {what}", file.display(), number + 1));
            }
        }
    }
    Ok(found)
}

/// Private keys outside the one kind of folder that scanners are told to leave out.
pub fn private_keys() -> Result<Vec<String>> {
    let marker = concat!("PRIVATE ", "KEY-----");
    let mut found = Vec::new();
    for file in run::tracked_files()? {
        let in_its_folder = file
            .components()
            .any(|part| part.as_os_str() == "test-only-keys");
        if in_its_folder {
            continue;
        }
        let bytes = std::fs::read(run::root().join(&file))?;
        if bytes
            .windows(marker.len())
            .any(|window| window == marker.as_bytes())
        {
            found.push(file.display().to_string());
        }
    }
    Ok(found)
}

/// What `cargo fmt` would change.
pub fn formatted() -> Result<Vec<String>> {
    let output = run::cargo()
        .args(["fmt", "--all", "--check", "--", "--files-with-diff"])
        .output()?;
    let said = [output.stdout, output.stderr].concat();
    let mut files: Vec<String> = String::from_utf8_lossy(&said)
        .lines()
        .map(str::to_owned)
        .collect();
    files.dedup();
    Ok(if output.status.success() {
        Vec::new()
    } else {
        files
    })
}

/// Prints the median and the longest sources: a report, not a check.
pub fn report_lengths() -> Result<()> {
    let mut lengths: Vec<(usize, PathBuf)> = sources(RUST)?
        .into_iter()
        .map(|(file, text)| (text.lines().count(), file))
        .collect();
    lengths.sort();
    let at = |share: usize| {
        lengths
            .get(lengths.len() * share / 100)
            .map_or(0, |(n, _)| *n)
    };
    println!(
        "    {} Rust files, lines: median {}, 90 % {}",
        lengths.len(),
        at(50),
        at(90)
    );
    for (lines, file) in lengths.iter().rev().take_while(|(lines, _)| *lines > 500) {
        println!("    over 500: {} has {lines}", file.display());
    }
    Ok(())
}

fn sources(endings: &[&str]) -> Result<Vec<(PathBuf, String)>> {
    let mut all = Vec::new();
    for file in run::tracked_files()? {
        let vendored = file.components().any(|part| part.as_os_str() == "vendor");
        if vendored || !endings.contains(&ending(&file)) {
            continue;
        }
        if let Ok(text) = std::fs::read_to_string(run::root().join(&file)) {
            all.push((file, text));
        }
    }
    Ok(all)
}

fn ending(file: &Path) -> &str {
    file.extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tests_are_told_from_other_words_in_quotes() {
        let text = "`a_test_that_says_so`, `isTrusted`, `snake_case`, `A_B_C_D`";
        assert_eq!(
            test_names(text).collect::<Vec<_>>(),
            ["a_test_that_says_so"]
        );
    }
}
