//! What a template says about the words that were typed: an attack on counts of pairs of keys, against chance.
//!
//! The attacker holds an unsealed template of a person who wrote essays (Monaco) and a dictionary of the words that
//! anybody wrote. For each word they ask: did this person write it? Their evidence is how often the template counted the
//! pairs of the word, above what everybody's text has. Chance is an area under the curve of one half.

use super::corpus::{self, Typed};
use super::measure::{Roc, Scored, eer};
use super::typing::{self, Cut, Typists};
use anyhow::Result;
use biometrics::train::Keystroke;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Shorter words are in everybody's text.
const SHORTEST: usize = 4;
/// Sessions that a template holds.
const LEARNED: u32 = 3;
/// Words that more people than this share say nothing about anybody.
const COMMON: usize = 6;

/// A way to group keys: the representative of a key's group.
struct Grouping {
    name: &'static str,
    group: fn(u8) -> u8,
}

const GROUPINGS: [Grouping; 3] = [
    Grouping {
        name: "44 classes (the engine's): every letter by itself",
        group: |key| key,
    },
    Grouping {
        name: "12 groups: hand and row of a letter, space, backspace, the rest",
        group: rows,
    },
    Grouping {
        name: "4 groups: left hand, right hand, space and the rest",
        group: hands,
    },
];

fn rows(key: u8) -> u8 {
    match key {
        b'Q' | b'W' | b'E' | b'R' | b'T' => b'Q',
        b'A' | b'S' | b'D' | b'F' | b'G' => b'A',
        b'Z' | b'X' | b'C' | b'V' | b'B' => b'Z',
        b'Y' | b'U' | b'I' | b'O' | b'P' => b'Y',
        b'H' | b'J' | b'K' | b'L' => b'H',
        b'N' | b'M' => b'N',
        other => other,
    }
}

fn hands(key: u8) -> u8 {
    match rows(key) {
        b'Q' | b'A' | b'Z' => b'A',
        b'Y' | b'H' | b'N' => b'H',
        other => other,
    }
}

type Pairs = BTreeMap<(u8, u8), f64>;

/// The table of groupings: what the attacker gets, and what the verifier loses.
pub fn table(data: &Path) -> Result<String> {
    let file = "monaco_free_text";
    if !data.join(format!("{file}.csv.xz")).exists() {
        return Ok(String::new());
    }
    let people = corpus::typing(data, file)?;
    let written: Vec<BTreeSet<Vec<u8>>> =
        people.iter().map(|(_, sessions)| words(sessions)).collect();
    let mut out = String::from(
        "\n## What a template says about the text\n\nAn attacker with an unsealed template (counts of pairs of keys) guesses for each word of the others' essays whether its owner wrote it; words of four letters and more that at most six of the people wrote.\nChance is .500; *found* is the share of right guesses among the 20 words per person that the attacker is surest of, beside the share that a blind guess finds.\nThe verifier's error is that of Monaco, windows of 100 keys, people in even places learned from and in odd ones judged.\n\n| keys are grouped as | attacker's AUC | found | blind | verifier's EER % |\n| --- | --- | --- | --- | --- |\n",
    );
    for grouping in GROUPINGS {
        let attack = attack(&people, &written, &grouping);
        let error = error(&people, &grouping);
        out += &format!(
            "| {} | {:.3} | {:.1} % | {:.1} % | {:.2} |\n",
            grouping.name,
            attack.auc,
            100.0 * attack.found,
            100.0 * attack.blind,
            100.0 * error
        );
        println!("privacy, {}: AUC {:.3}", grouping.name, attack.auc);
    }
    Ok(out)
}

/// Words of the learned sessions; a backspace ends a word, since what it took back was not meant.
fn words(sessions: &Typed) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    for (_, keystrokes) in sessions.iter().filter(|(s, _)| *s < LEARNED) {
        let mut word = Vec::new();
        for key in keystrokes.iter().map(|k| k.key) {
            match key {
                b'A'..=b'Z' => word.push(key),
                16 => {}
                _ => {
                    if word.len() >= SHORTEST && key != 8 {
                        found.insert(word.clone());
                    }
                    word.clear();
                }
            }
        }
    }
    found
}

/// What a template counts.
fn pairs(sessions: &Typed, group: fn(u8) -> u8) -> Pairs {
    let mut pairs = Pairs::new();
    for (_, keystrokes) in sessions.iter().filter(|(s, _)| *s < LEARNED) {
        for pair in keystrokes.windows(2) {
            *pairs
                .entry((group(pair[0].key), group(pair[1].key)))
                .or_default() += 1.0;
        }
    }
    pairs
}

struct Attack {
    auc: f64,
    found: f64,
    blind: f64,
}

fn attack(people: &Typists, written: &[BTreeSet<Vec<u8>>], grouping: &Grouping) -> Attack {
    let templates: Vec<Pairs> = people
        .iter()
        .map(|(_, s)| pairs(s, grouping.group))
        .collect();
    let mut everybody = Pairs::new();
    for (pair, count) in templates.iter().flatten() {
        *everybody.entry(*pair).or_default() += count;
    }
    let total: f64 = everybody.values().sum();
    let mut dictionary: BTreeMap<&Vec<u8>, usize> = BTreeMap::new();
    written
        .iter()
        .flatten()
        .for_each(|word| *dictionary.entry(word).or_default() += 1);
    dictionary.retain(|_, people| *people <= COMMON);
    let mut claims = Vec::new();
    let (mut right, mut guessed, mut all_right) = (0usize, 0usize, 0usize);
    for (person, template) in templates.iter().enumerate() {
        let own: f64 = template.values().sum();
        let mut guesses: Vec<(f64, bool)> = Vec::new();
        for word in dictionary.keys() {
            let evidence = word.windows(2).map(|pair| {
                let pair = ((grouping.group)(pair[0]), (grouping.group)(pair[1]));
                let count = template.get(&pair).copied().unwrap_or(0.0);
                // Everybody else's text says how often the pair was to be expected.
                let others = everybody.get(&pair).copied().unwrap_or(0.0) - count;
                let expected = own * (others + 0.5) / (total - own);
                ((count + 0.1) / (expected + 0.1)).ln()
            });
            let evidence: Vec<f64> = evidence.collect();
            let mean = evidence.iter().sum::<f64>() / evidence.len() as f64;
            let least = evidence.iter().copied().fold(f64::MAX, f64::min);
            guesses.push((mean + least, written[person].contains(*word)));
        }
        guesses.sort_by(|a, b| b.0.total_cmp(&a.0));
        right += guesses.iter().take(20).filter(|g| g.1).count();
        guessed += guesses.len().min(20);
        all_right += guesses.iter().filter(|g| g.1).count();
        claims.extend(guesses.into_iter().map(|(score, genuine)| Scored {
            claimed: person as u32,
            actual: person as u32,
            genuine,
            score,
        }));
    }
    let number = claims.len().max(1) as f64;
    let curve = Roc::new(claims, people.len()).curve();
    let area = curve
        .windows(2)
        .map(|p| (p[1].0 - p[0].0) * (p[1].1 + p[0].1) / 2.0);
    Attack {
        auc: 1.0 - area.sum::<f64>(),
        found: right as f64 / guessed.max(1) as f64,
        blind: all_right as f64 / number,
    }
}

fn error(people: &Typists, grouping: &Grouping) -> f64 {
    let grouped: Typists = people
        .iter()
        .map(|(name, sessions)| {
            let group = |k: &Keystroke| Keystroke {
                key: (grouping.group)(k.key),
                ..*k
            };
            let sessions = sessions
                .iter()
                .map(|(s, keys)| (*s, keys.iter().map(group).collect()));
            (name.clone(), sessions.collect())
        })
        .collect();
    let half = |first: usize| {
        grouped
            .iter()
            .skip(first)
            .step_by(2)
            .cloned()
            .collect::<Typists>()
    };
    let cut = Cut {
        file: "monaco_free_text",
        gallery: LEARNED,
        from: LEARNED,
        keys: 100,
        at_most: None,
        queries: None,
        followers: None,
    };
    let model = typing::train(&half(0), LEARNED, &[]);
    let claims = typing::claims(&cut, &half(1), &model);
    let scored = claims.iter().map(|c| Scored {
        claimed: 0,
        actual: 0,
        genuine: c.claimed == c.actual,
        score: c.score,
    });
    eer(&Roc::new(scored.collect(), 1).curve())
}
