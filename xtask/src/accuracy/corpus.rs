//! Reads the corpus: xz-compressed CSV files of recorded typing and pointer movement.

use anyhow::{Context, Result, bail};
use biometrics::train::{Keystroke, Repetition, Sample, SampleKind, Time};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// One person's sessions by number, each in order of presses.
pub type Typed = Vec<(u32, Vec<Keystroke>)>;
/// One person's sessions by name, in file order.
pub type Moved = BTreeMap<String, Vec<Sample>>;
/// People with their sessions.
pub type Moves = Vec<(String, Moved)>;
/// People with their repetitions of one phrase, in order.
pub type Repeated = Vec<(String, Vec<Repetition>)>;

/// The development part is the one with the Balabit training sessions.
pub fn is_development(part: &Path) -> bool {
    part.join("balabit_train.csv.xz").exists()
}

/// A typing file: people in the order of their names as bytes.
pub fn typing(part: &Path, name: &str) -> Result<Vec<(String, Typed)>> {
    let mut people: BTreeMap<String, BTreeMap<u32, Vec<Keystroke>>> = BTreeMap::new();
    lines(part, name, |columns: &[&str]| {
        let [user, session, rest @ ..] = columns else {
            return None;
        };
        // A key name may itself hold commas or quotes; the last two columns never do.
        let (hold, rest) = rest.split_last()?;
        let (at, key) = rest.split_last()?;
        let keystroke = Keystroke {
            key: key_code(&key.join(",")),
            at: at.parse().ok()?,
            hold: hold.parse().ok()?,
        };
        people
            .entry((*user).to_owned())
            .or_default()
            .entry(session.parse().ok()?)
            .or_default()
            .push(keystroke);
        Some(())
    })?;
    Ok(people
        .into_iter()
        .map(|(user, mut sessions)| {
            for keystrokes in sessions.values_mut() {
                keystrokes.sort_by(|a, b| a.at.total_cmp(&b.at));
            }
            (user, sessions.into_iter().collect())
        })
        .collect())
}

/// A pointer file: people in the order of their names as bytes. The wheel moves nothing: only its time counts.
pub fn pointer(part: &Path, name: &str) -> Result<Moves> {
    let mut people: BTreeMap<String, BTreeMap<String, (f64, Vec<Sample>)>> = BTreeMap::new();
    lines(part, name, |columns: &[&str]| {
        let &[user, session, dt, event, x, y] = columns else {
            return None;
        };
        let (clock, samples) = people
            .entry(user.to_owned())
            .or_default()
            .entry(session.to_owned())
            .or_default();
        *clock += dt.parse::<f64>().ok()?;
        let kind = match event.parse::<u32>().ok()? % 10 {
            0 | 3 => SampleKind::Move,
            1 => SampleKind::Press,
            2 => SampleKind::Release,
            _ => return Some(()),
        };
        samples.push(Sample {
            at: *clock,
            x: x.parse().ok()?,
            y: y.parse().ok()?,
            kind,
        });
        Some(())
    })?;
    let sessions = |sessions: BTreeMap<String, (f64, Vec<Sample>)>| {
        sessions
            .into_iter()
            .map(|(name, (_, samples))| (name, samples))
            .collect()
    };
    Ok(people
        .into_iter()
        .map(|(user, s)| (user, sessions(s)))
        .collect())
}

/// Balabit's labels: whether somebody else held the mouse, by session.
pub fn illegal(part: &Path) -> Result<BTreeMap<String, bool>> {
    let mut sessions = BTreeMap::new();
    lines(part, "balabit_labels", |columns: &[&str]| {
        let &[session, illegal] = columns else {
            return None;
        };
        sessions.insert(session.to_owned(), illegal == "1");
        Some(())
    })?;
    Ok(sessions)
}

/// The fixed-text file: what its columns are, and everybody's repetitions in order of session and number, in ms.
pub fn repeated(part: &Path, name: &str) -> Result<(Vec<Time>, Repeated)> {
    /// Session, number within it, times.
    type Numbered = (u32, u32, Repetition);
    let kinds = header(part, name)?
        .split(',')
        .skip(3)
        .map(|column| match column.split('.').next() {
            Some("H") => Ok(Time::Hold),
            Some("DD") => Ok(Time::Press),
            Some("UD") => Ok(Time::Gap),
            _ => bail!("{name}: unknown column {column:?}"),
        })
        .collect::<Result<Vec<Time>>>()?;
    let mut people: BTreeMap<String, Vec<Numbered>> = BTreeMap::new();
    lines(part, name, |columns: &[&str]| {
        let [user, session, number, times @ ..] = columns else {
            return None;
        };
        if times.len() != kinds.len() {
            return None;
        }
        // The file counts tenths of a millisecond.
        let times: Option<Repetition> = times
            .iter()
            .map(|t| Some(t.parse::<f64>().ok()? / 10.0))
            .collect();
        let row = (session.parse().ok()?, number.parse().ok()?, times?);
        people.entry((*user).to_owned()).or_default().push(row);
        Some(())
    })?;
    let in_order = |mut rows: Vec<Numbered>| {
        rows.sort_by_key(|(session, number, _)| (*session, *number));
        rows.into_iter().map(|(.., times)| times).collect()
    };
    Ok((
        kinds,
        people
            .into_iter()
            .map(|(user, rows)| (user, in_order(rows)))
            .collect(),
    ))
}

/// Hands the columns of every line after the header to `take`, which answers `None` to a line that it cannot read.
fn lines(part: &Path, name: &str, mut take: impl FnMut(&[&str]) -> Option<()>) -> Result<()> {
    let (path, reader) = open(part, name)?;
    for (number, line) in reader.lines().enumerate().skip(1) {
        let line = line.with_context(|| format!("reading {}", path.display()))?;
        let columns: Vec<&str> = line.split(',').collect();
        take(&columns).with_context(|| {
            format!(
                "{}, line {}: unexpected {line:?}",
                path.display(),
                number + 1
            )
        })?;
    }
    Ok(())
}

fn header(part: &Path, name: &str) -> Result<String> {
    let (path, reader) = open(part, name)?;
    let first = reader.lines().next();
    first
        .with_context(|| format!("{} is empty", path.display()))?
        .with_context(|| format!("reading {}", path.display()))
}

fn open(part: &Path, name: &str) -> Result<(PathBuf, impl BufRead)> {
    let path = part.join(format!("{name}.csv.xz"));
    let file = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
    let reader = BufReader::new(lzma_rust2::XzReader::new(BufReader::new(file), false));
    Ok((path, reader))
}

/// The legacy key code of a key name; Aalto has the codes themselves, Monaco and social have names.
pub fn key_code(name: &str) -> u8 {
    let name = name.strip_prefix("key.").unwrap_or(name);
    if name.len() > 1
        && let Ok(code) = name.parse::<u32>()
    {
        return u8::try_from(code).unwrap_or(0);
    }
    match name.as_bytes() {
        [letter] if letter.is_ascii_alphabetic() => return letter.to_ascii_uppercase(),
        [digit] if digit.is_ascii_digit() => return *digit,
        _ => {}
    }
    match name {
        "space" => 32,
        "backspace" => 8,
        "enter" => 13,
        "tab" => 9,
        "shift" | "shift_r" => 16,
        "ctrl" | "ctrl_r" => 17,
        "alt" | "alt_r" | "alt_gr" => 18,
        "cmd" | "cmd_r" => 91,
        "caps_lock" => 20,
        "esc" => 27,
        "delete" => 46,
        "left" => 37,
        "up" => 38,
        "right" => 39,
        "down" => 40,
        "home" => 36,
        "end" => 35,
        "page_up" => 33,
        "page_down" => 34,
        "period" | "." | ">" => 190,
        "comma" | "<" => 188,
        "dash" | "-" | "_" => 189,
        "slash" | "/" | "?" => 191,
        "semicolon" | ";" | ":" => 186,
        "equals" | "=" | "+" => 187,
        "open_bracket" | "[" | "{" => 219,
        "back_slash" | "\\" => 220,
        "close_bracket" | "]" | "}" => 221,
        "back_quote" | "`" => 192,
        "!" => b'1',
        "@" => b'2',
        "#" => b'3',
        "&" => b'7',
        "*" => b'8',
        "(" => b'9',
        ")" => b'0',
        _ if name.contains('\'') && name.contains(',') => 188,
        _ if name.contains('\'') || name == "quote" => 222,
        _ => name
            .strip_prefix("numpad_")
            .and_then(|n| n.parse::<u8>().ok())
            .map_or(0, |n| 96u8.saturating_add(n)),
    }
}
