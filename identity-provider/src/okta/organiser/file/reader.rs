//! Reads tables of TOML key by key, so that each fault names its line and its repair and none repeats a value: somebody may
//! have put a secret there.

use super::Fault;
use std::{collections::BTreeSet, ops::RangeInclusive};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The longest text, in bytes.
const TEXT: usize = 1024;
/// The longest list.
const LIST: usize = 300;

/// One table of the file.
pub struct Reader<'a> {
    source: &'a str,
    table: &'a DeTable<'a>,
    /// `routing_rule[2]`; empty at the top.
    place: String,
    line: usize,
    known: BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    /// The file's own table.
    pub fn top(source: &'a str, table: &'a DeTable<'a>) -> Result<Self, Fault> {
        Self {
            source,
            table,
            place: String::new(),
            line: 1,
            known: BTreeSet::new(),
        }
        .without_secrets()
    }

    /// Refuses keys whose names say that they hold a secret rather than where one is.
    fn without_secrets(self) -> Result<Self, Fault> {
        for (key, value) in self.table.iter() {
            let key: &str = key.get_ref();
            let lower = key.to_ascii_lowercase();
            let says_where = lower.ends_with("_env") || lower.ends_with("_file");
            if !says_where
                && value.get_ref().is_str()
                && SECRETS.iter().any(|word| lower.contains(word))
            {
                let shown: String = key.chars().take(40).collect();
                let fault = self.fault_of(
                    key,
                    "looks like a secret, and secrets are never in this file",
                    "name an environment variable (…_env) or a file (…_file) that holds it, and replace the secret: it has been written down",
                );
                return Err(Fault {
                    place: self.place_of(&shown),
                    ..fault
                });
            }
        }
        Ok(self)
    }

    /// A fault of the whole table.
    pub fn fault(&self, what: impl Into<String>, repair: impl Into<String>) -> Fault {
        Fault {
            line: self.line,
            place: self.place.clone(),
            what: what.into(),
            repair: repair.into(),
        }
    }

    /// A fault of one key; of the whole table if the key is not there.
    pub fn fault_of(&self, key: &str, what: impl Into<String>, repair: impl Into<String>) -> Fault {
        let found = self.table.iter().find(|(k, _)| k.get_ref() == key);
        Fault {
            line: found.map_or(self.line, |(k, _)| line_of(self.source, k.span().start)),
            place: self.place_of(key),
            what: what.into(),
            repair: repair.into(),
        }
    }

    fn place_of(&self, key: &str) -> String {
        match self.place.is_empty() {
            true => key.to_owned(),
            false => format!("{}.{key}", self.place),
        }
    }

    fn find(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.insert(key);
        self.table
            .iter()
            .find(|(k, _)| k.get_ref() == key)
            .map(|(_, value)| value)
    }

    fn wrong(&self, key: &str, expected: &str) -> Fault {
        self.fault_of(
            key,
            format!("has to be {expected}"),
            format!("write `{key} = {}`", example(expected)),
        )
    }

    /// A text of at least one and at most 1,024 bytes without control characters.
    pub fn text(&mut self, key: &'static str) -> Result<Option<String>, Fault> {
        let Some(value) = self.find(key) else {
            return Ok(None);
        };
        let Some(text) = value.get_ref().as_str() else {
            return Err(self.wrong(key, "a text"));
        };
        self.checked(key, text).map(Some)
    }

    /// The same, which has to be there.
    pub fn required(&mut self, key: &'static str) -> Result<String, Fault> {
        let found = self.text(key)?;
        found.ok_or_else(|| self.fault_of(key, "is missing", format!("add `{key} = \"…\"`")))
    }

    fn checked(&self, key: &str, text: &str) -> Result<String, Fault> {
        if text.trim().is_empty() || text.len() > TEXT {
            let what = format!("has to have between 1 and {TEXT} bytes");
            return Err(self.fault_of(key, what, "shorten it, or leave the key out"));
        }
        if text.chars().any(char::is_control) {
            return Err(self.fault_of(key, "holds a control character", "write it on one line"));
        }
        Ok(text.to_owned())
    }

    /// Texts; an empty list if the key is missing.
    pub fn texts(&mut self, key: &'static str) -> Result<Vec<String>, Fault> {
        let Some(value) = self.find(key) else {
            return Ok(Vec::new());
        };
        let Some(list) = value.get_ref().as_array().filter(|list| list.len() <= LIST) else {
            return Err(self.wrong(key, "a list of texts"));
        };
        let mut texts = Vec::new();
        for item in list.iter() {
            let Some(text) = item.get_ref().as_str() else {
                return Err(self.wrong(key, "a list of texts"));
            };
            let text = self.checked(key, text)?;
            if texts.contains(&text) {
                return Err(self.fault_of(key, "says the same twice", "leave one out"));
            }
            texts.push(text);
        }
        Ok(texts)
    }

    /// True or false.
    pub fn flag(&mut self, key: &'static str) -> Result<Option<bool>, Fault> {
        match self.find(key) {
            None => Ok(None),
            Some(value) => match value.get_ref().as_bool() {
                Some(flag) => Ok(Some(flag)),
                None => Err(self.wrong(key, "true or false")),
            },
        }
    }

    /// A whole number.
    pub fn number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u32>,
    ) -> Result<Option<u32>, Fault> {
        let Some(value) = self.find(key) else {
            return Ok(None);
        };
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|n| u32::from_str_radix(n.as_str(), n.radix()).ok())
            .filter(|n| range.contains(n));
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(self.fault_of(
                key,
                format!(
                    "has to be a whole number from {} to {}",
                    range.start(),
                    range.end()
                ),
                format!("write `{key} = {}`", range.start()),
            )),
        }
    }

    /// One of a few words.
    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, Fault> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, it)) => Ok(Some(*it)),
            None => {
                let all: Vec<String> = words.iter().map(|(w, _)| format!("\"{w}\"")).collect();
                Err(self.fault_of(
                    key,
                    "is not known",
                    format!("write one of {}", all.join(", ")),
                ))
            }
        }
    }

    /// The table of this name.
    pub fn table(&mut self, key: &'static str) -> Result<Option<Reader<'a>>, Fault> {
        let Some(value) = self.find(key) else {
            return Ok(None);
        };
        match value.get_ref().as_table() {
            Some(table) => Ok(Some(self.below(
                table,
                self.place_of(key),
                value.span().start,
            )?)),
            None => Err(self.fault_of(key, "has to be a table", format!("write it as [{key}]"))),
        }
    }

    /// The tables of this name, in their order; at most as many as a list may have.
    pub fn tables(&mut self, key: &'static str) -> Result<Vec<Reader<'a>>, Fault> {
        let Some(value) = self.find(key) else {
            return Ok(Vec::new());
        };
        let wrong = || {
            self.fault_of(
                key,
                "has to be a list of tables",
                format!("write each as [[{key}]]"),
            )
        };
        let list = value.get_ref().as_array().ok_or_else(wrong)?;
        if list.len() > LIST {
            return Err(self.fault_of(
                key,
                format!("is there more than {LIST} times"),
                "split the file",
            ));
        }
        let mut tables = Vec::new();
        for (number, item) in list.iter().enumerate() {
            let table = item.get_ref().as_table().ok_or_else(wrong)?;
            let place = format!("{}[{number}]", self.place_of(key));
            tables.push(self.below(table, place, item.span().start)?);
        }
        Ok(tables)
    }

    fn below(&self, table: &'a DeTable<'a>, place: String, at: usize) -> Result<Reader<'a>, Fault> {
        Reader {
            source: self.source,
            table,
            place,
            line: line_of(self.source, at),
            known: BTreeSet::new(),
        }
        .without_secrets()
    }

    /// Refuses keys that nobody asked for.
    pub fn finish(self) -> Result<(), Fault> {
        for (key, _) in self.table.iter() {
            let key: &str = key.get_ref();
            if self.known.contains(key) {
                continue;
            }
            let shown: String = key.chars().take(40).collect();
            let known: Vec<&str> = self.known.iter().copied().collect();
            let repair = match nearest(key, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            return Err(Fault {
                place: self.place_of(&shown),
                ..self.fault_of(key, "is not known", repair)
            });
        }
        Ok(())
    }
}

/// Parts of names that people give to secrets.
const SECRETS: &[&str] = &[
    "secret", "token", "password", "passwd", "private", "ssws", "apikey", "api_key", "skey",
];

fn example(expected: &str) -> &'static str {
    match expected {
        "a list of texts" => "[\"…\"]",
        "true or false" => "true",
        _ => "\"…\"",
    }
}

/// The number of the line that holds the byte `at`.
pub fn line_of(source: &str, at: usize) -> usize {
    let before = source.as_bytes().get(..at).unwrap_or(source.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// The known key that `key` was probably meant to be: at most two edits away.
fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = known.iter().map(|k| (edits(key, k), *k)).min()?;
    (near.0 <= 2).then_some(near.1)
}

/// Edits (insertions, deletions, replacements) that make one of the other; keys are short.
fn edits(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (
        one.chars().take(40).collect(),
        other.chars().take(40).collect(),
    );
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(a != b))
                .min(above + 1)
                .min(row[j] + 1);
            diagonal = above;
        }
    }
    row[other.len()]
}
