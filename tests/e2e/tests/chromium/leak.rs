//! Finds what was typed in files, however it was written down: as text or key codes, as bytes, words or floating-point
//! numbers, as numbers in JSON with something in between, as names of keys, in base64 or hex, backwards.
//!
//! LevelDB's files, in which browsers keep what extensions store, are taken apart: their blocks are compressed.
//!
//! What it does not find: anything encrypted or compressed otherwise, and key identities without their sequence.

use crate::leveldb;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::path::Path;

/// So many keys in a row are a leak. Longer secrets are searched for in pieces of this length.
const WINDOW: usize = 8;
/// Bytes from one key to the next.
const STRIDES: usize = 64;
/// The same in folders of megabytes that are not ours.
const FEW_STRIDES: usize = 16;
/// Longer runs of one byte are cut to this: more than any step from one key to the next.
const LONGEST_RUN: usize = 4 * STRIDES;
/// Numbers from one key to the next: code, time and kind of press and release are six.
const NUMBER_STRIDES: usize = 16;
/// Bytes of the shortest base64 or hex text that is looked into.
const ENCODED: usize = 12;
/// What a file's name ends in if something was found in the blocks of a LevelDB table.
pub const BLOCKS: &str = " (blocks)";
/// The same for the records of a LevelDB log.
const RECORDS: &str = " (records)";
/// Larger files are the browser's own: dictionaries and models.
const LARGEST: u64 = 64 * 1024 * 1024;

/// What was found, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// The file below the folder that was searched, with its numbers blotted out, since they differ from run to run.
    pub file: String,
    /// Which secret.
    pub secret: &'static str,
    /// In which form.
    pub form: &'static str,
}

/// How thoroughly a file is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Ours: every form.
    Deep,
    /// The browser's: the plain forms.
    Plain,
}

struct Needle {
    secret: &'static str,
    form: &'static str,
    codes: Vec<u16>,
}

/// A search for some secrets.
pub struct Search {
    needles: Vec<Needle>,
}

impl Search {
    /// Searches for pairs of a name and what is typed: lower-case letters, digits and spaces, whose key codes are the
    /// capitals' ASCII codes.
    pub fn new(secrets: &[(&'static str, &str)]) -> Self {
        let mut needles = Vec::new();
        for &(secret, typed) in secrets {
            for piece in typed.as_bytes().chunks_exact(WINDOW) {
                let text: Vec<u16> = piece.iter().copied().map(u16::from).collect();
                let keys: Vec<u16> = piece
                    .iter()
                    .map(|byte| u16::from(byte.to_ascii_uppercase()))
                    .collect();
                let backwards = |codes: &[u16]| codes.iter().rev().copied().collect();
                let mut add = |form, codes| {
                    needles.push(Needle {
                        secret,
                        form,
                        codes,
                    })
                };
                add("text backwards", backwards(&text));
                add("key codes backwards", backwards(&keys));
                add("text", text);
                add("key codes", keys);
            }
        }
        Self { needles }
    }

    /// Searches every file below `folder`; `depth` is asked with the path below it.
    pub fn folder(&self, folder: &Path, depth: impl Fn(&str) -> Depth) -> Result<BTreeSet<Hit>> {
        let mut hits = BTreeSet::new();
        let mut left = vec![folder.to_owned()];
        while let Some(next) = left.pop() {
            for entry in std::fs::read_dir(&next).with_context(|| format!("{}", next.display()))? {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    left.push(entry.path());
                } else if kind.is_file() && entry.metadata()?.len() < LARGEST {
                    let path = entry.path();
                    let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
                    let Ok(bytes) = std::fs::read(&path) else {
                        continue; // Gone in the meantime: browsers tidy up.
                    };
                    let blotted = without_numbers(&name);
                    let mut search = |bytes: &[u8], part: &str| {
                        for (secret, form) in self.bytes(bytes, depth(&name)) {
                            let file = format!("{blotted}{part}");
                            hits.insert(Hit { file, secret, form });
                        }
                    };
                    search(&bytes, "");
                    if let Some(inner) = leveldb::of_table(&bytes) {
                        search(&inner, BLOCKS);
                    } else if name.ends_with(".log") {
                        search(&leveldb::of_log(&bytes), RECORDS);
                    }
                }
            }
        }
        Ok(hits)
    }

    /// Searches one content: which secrets in which forms.
    pub fn bytes(&self, bytes: &[u8], depth: Depth) -> BTreeSet<(&'static str, &'static str)> {
        let bytes = &without_runs(bytes)[..];
        let deep = depth == Depth::Deep;
        let mut found = BTreeSet::new();
        self.look(
            bytes,
            if deep { STRIDES } else { FEW_STRIDES },
            "",
            &mut found,
        );
        self.look(&numbers(bytes), NUMBER_STRIDES, " as numbers", &mut found);
        self.look(&key_names(bytes), 2, " as names of keys", &mut found);
        if deep {
            self.look_shifted(bytes, &mut found);
            self.look_shifted(&numbers(bytes), &mut found);
            self.look(&floats(bytes, 4), 8, " as single floats", &mut found);
            self.look(&floats(bytes, 8), 8, " as double floats", &mut found);
            for inner in encoded(bytes) {
                self.look(&inner, STRIDES, " encoded", &mut found);
                self.look(
                    &numbers(&inner),
                    NUMBER_STRIDES,
                    " as numbers, encoded",
                    &mut found,
                );
                self.look_shifted(&inner, &mut found);
            }
        }
        found
    }

    fn look<T: Copy + Into<u16>>(
        &self,
        hay: &[T],
        strides: usize,
        suffix: &'static str,
        found: &mut BTreeSet<(&'static str, &'static str)>,
    ) {
        let mut by_first: Vec<Vec<&Needle>> = (0..256).map(|_| Vec::new()).collect();
        for needle in &self.needles {
            by_first[usize::from(needle.codes[0])].push(needle);
        }
        for (at, first) in hay.iter().enumerate() {
            let Some(needles) = by_first.get(usize::from((*first).into())) else {
                continue;
            };
            for needle in needles {
                if (1..=strides).any(|stride| follows(hay, at, stride, &needle.codes, 0)) {
                    found.insert((needle.secret, named(needle.form, suffix)));
                }
            }
        }
    }

    /// Codes counted from another number than zero, such as 0 for A.
    fn look_shifted<T: Copy + Into<u16>>(
        &self,
        hay: &[T],
        found: &mut BTreeSet<(&'static str, &'static str)>,
    ) {
        let forwards = |needle: &&Needle| needle.form == "key codes";
        let needles: Vec<&Needle> = self.needles.iter().filter(forwards).collect();
        for stride in 1..=NUMBER_STRIDES {
            for at in 0..hay.len().saturating_sub(stride) {
                let (first, second) = (hay[at].into(), hay[at + stride].into());
                for needle in &needles {
                    let shift = first.wrapping_sub(needle.codes[0]);
                    if second == needle.codes[1].wrapping_add(shift)
                        && shift != 0
                        && follows(hay, at, stride, &needle.codes, shift)
                    {
                        found.insert((needle.secret, "key codes with an offset"));
                    }
                }
            }
        }
    }
}

fn follows<T: Copy + Into<u16>>(
    hay: &[T],
    at: usize,
    stride: usize,
    codes: &[u16],
    shift: u16,
) -> bool {
    for (step, code) in codes.iter().enumerate().skip(1) {
        match hay.get(at + step * stride) {
            Some(&value) if value.into() == code.wrapping_add(shift) => {}
            _ => return false,
        }
    }
    true
}

/// What a number is read as that is no key code.
const NONE: u16 = 999;

/// The decimal numbers of a text; those that cannot be key codes as [`NONE`].
fn numbers(bytes: &[u8]) -> Vec<u16> {
    let mut out = Vec::new();
    let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    for token in bytes.split(|byte| !is_part(byte)) {
        if token.is_empty() || token == b"." {
            continue;
        }
        let whole = token.strip_suffix(b".0").unwrap_or(token);
        let text = std::str::from_utf8(whole).unwrap_or_default();
        out.push(text.parse::<u8>().map_or(NONE, u16::from));
    }
    out
}

/// `KeyA`, `Digit7`, `Space` and quoted single characters, in order.
fn key_names(bytes: &[u8]) -> Vec<u16> {
    let mut out = Vec::new();
    for at in 0..bytes.len() {
        let rest = &bytes[at..];
        let code = match rest {
            [b'K', b'e', b'y', letter @ b'A'..=b'Z', ..] => *letter,
            [b'D', b'i', b'g', b'i', b't', digit @ b'0'..=b'9', ..] => *digit,
            [b'S', b'p', b'a', b'c', b'e', ..] => b' ',
            [b'"' | b'\'', one, b'"' | b'\'', ..] if one.is_ascii_graphic() || *one == b' ' => *one,
            _ => continue,
        };
        out.push(u16::from(code));
    }
    out
}

/// Floating-point numbers of `size` bytes, for each byte order and each alignment one after the other.
fn floats(bytes: &[u8], size: usize) -> Vec<u16> {
    let code = |value: f64| {
        let fits = value.fract() == 0.0 && (1.0..256.0).contains(&value);
        if fits { value as u16 } else { NONE }
    };
    let mut out = Vec::new();
    for big in [false, true] {
        for offset in 0..size {
            for part in bytes.get(offset..).unwrap_or_default().chunks_exact(size) {
                let mut part = part.to_vec();
                if big {
                    part.reverse();
                }
                out.push(match size {
                    4 => code(f64::from(f32::from_le_bytes([
                        part[0], part[1], part[2], part[3],
                    ]))),
                    _ => {
                        let mut all = [0; 8];
                        all.copy_from_slice(&part);
                        code(f64::from_le_bytes(all))
                    }
                });
            }
        }
    }
    out
}

/// What base64, base64url and hex texts in `bytes` may hold, at each place where they may begin.
fn encoded(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for run in bytes.split(|byte| six_bits(*byte).is_none()) {
        if run.len() < ENCODED {
            continue;
        }
        for begin in 0..4 {
            out.push(unpacked(&run[begin..], 6, six_bits));
        }
        let four_bits = |byte| char::from(byte).to_digit(16);
        for part in run.split(|byte| four_bits(*byte).is_none()) {
            if part.len() >= ENCODED {
                out.push(unpacked(part, 4, four_bits));
                out.push(unpacked(&part[1..], 4, four_bits));
            }
        }
    }
    out
}

fn unpacked(run: &[u8], bits: u32, value: impl Fn(u8) -> Option<u32>) -> Vec<u8> {
    let (mut held, mut count) = (0u32, 0);
    let mut out = Vec::with_capacity(run.len());
    for byte in run {
        held = (held << bits | value(*byte).unwrap_or(0)) & 0xffff;
        count += bits;
        if count >= 8 {
            count -= 8;
            out.push((held >> count & 0xff) as u8);
        }
    }
    out
}

fn six_bits(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    }))
}

/// Long runs of one byte, such as what a file system or a test fills up with, hold nothing and take long to search.
fn without_runs(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for run in bytes.chunk_by(|a, b| a == b) {
        out.extend(&run[..run.len().min(LONGEST_RUN)]);
    }
    out
}

/// Runs of digits as one `#`: they differ from run to run.
pub fn without_numbers(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '0'..='9' if out.ends_with('#') => {}
            '0'..='9' => out.push('#'),
            other => out.push(other),
        }
    }
    out
}

/// Names are few, so each is kept for good.
fn named(form: &'static str, suffix: &'static str) -> &'static str {
    match suffix {
        "" => form,
        _ => Box::leak(format!("{form}{suffix}").into_boxed_str()),
    }
}
