//! What a template says about the words that were typed: an attack on counts of pairs of keys, against chance.
//!
//! The attacker holds an unsealed template of a person who wrote essays (Monaco) and a dictionary of the words that
//! anybody wrote. For each word they ask: did this person write it? Their evidence is how often the template counted the
//! pairs of the word, above what everybody's text has. Chance is an area under the curve of one half.

use super::corpus::{self, Typed};
use super::measure::{Roc, Scored, eer};
use super::typing::{self, Cut, Typists};
use anyhow::Result;
use biometrics::train::{Evidence, Keystroke, kept_pair};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Shorter words are in everybody's text.
const SHORTEST: usize = 4;
/// Sessions that a template holds.
const LEARNED: u32 = 3;
/// Words that more people than this share say nothing about anybody.
const COMMON: usize = 6;

/// A way to group keys.
struct Grouping {
    name: &'static str,
    /// The representative of a key's group; none where pairs are counted and compared as the engine does.
    group: Option<fn(u8) -> u8>,
}

const GROUPINGS: [Grouping; 4] = [
    Grouping {
        name: "44 classes: every letter by itself",
        group: Some(|key| key),
    },
    Grouping {
        name: "24 groups: hand and row of a letter, every other class by itself",
        group: Some(rows),
    },
    Grouping {
        name: "pairs of these groups and 100 common pairs, of residuals, and holds of 44 classes (the engine's)",
        group: None,
    },
    Grouping {
        name: "two groups of letters by hand, every other class by itself",
        group: Some(hands),
    },
];

impl Grouping {
    fn pair(&self, before: u8, key: u8) -> u16 {
        match self.group {
            Some(group) => u16::from_be_bytes([group(before), group(key)]),
            None => kept_pair(before, key),
        }
    }
}

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

type Pairs = BTreeMap<u16, f64>;

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
fn pairs(sessions: &Typed, grouping: &Grouping) -> Pairs {
    let mut pairs = Pairs::new();
    for (_, keystrokes) in sessions.iter().filter(|(s, _)| *s < LEARNED) {
        for pair in keystrokes.windows(2) {
            *pairs
                .entry(grouping.pair(pair[0].key, pair[1].key))
                .or_default() += 1.0;
        }
    }
    pairs
}

/// How often each key was held.
fn holds(sessions: &Typed) -> BTreeMap<u8, f64> {
    let mut holds = BTreeMap::new();
    for (_, keystrokes) in sessions.iter().filter(|(s, _)| *s < LEARNED) {
        for keystroke in keystrokes {
            *holds.entry(keystroke.key).or_default() += 1.0;
        }
    }
    holds
}

/// How much more often a person typed a key than everybody else's text lets expect, as a logarithm.
fn surprise(letters: &[BTreeMap<u8, f64>], person: usize, key: &u8) -> f64 {
    let of = |holds: &BTreeMap<u8, f64>| {
        (
            holds.get(key).copied().unwrap_or(0.0),
            holds.values().sum::<f64>(),
        )
    };
    let (count, own) = of(&letters[person]);
    let others = letters.iter().enumerate().filter(|(i, _)| *i != person);
    let (all, total) = others
        .map(|(_, holds)| of(holds))
        .fold((0.0, 0.0), |sum, (n, of)| (sum.0 + n, sum.1 + of));
    let expected = own * (all + 0.5) / f64::max(total, 1.0);
    ((count + 0.1) / (expected + 0.1)).ln()
}

/// A word is as unlikely as its least likely part, and as all of them together.
fn mean_and_least(evidence: &[f64]) -> f64 {
    let mean = evidence.iter().sum::<f64>() / evidence.len().max(1) as f64;
    mean + evidence.iter().copied().fold(f64::MAX, f64::min)
}

struct Attack {
    auc: f64,
    found: f64,
    blind: f64,
}

fn attack(people: &Typists, written: &[BTreeSet<Vec<u8>>], grouping: &Grouping) -> Attack {
    let templates: Vec<Pairs> = people.iter().map(|(_, s)| pairs(s, grouping)).collect();
    let letters: Vec<BTreeMap<u8, f64>> = people.iter().map(|(_, s)| holds(s)).collect();
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
                let pair = grouping.pair(pair[0], pair[1]);
                let count = template.get(&pair).copied().unwrap_or(0.0);
                // Everybody else's text says how often the pair was to be expected.
                let others = everybody.get(&pair).copied().unwrap_or(0.0) - count;
                let expected = own * (others + 0.5) / (total - own);
                ((count + 0.1) / (expected + 0.1)).ln()
            });
            let mut score = mean_and_least(&evidence.collect::<Vec<f64>>());
            if grouping.group.is_none() {
                // Holds are counted per letter.
                let evidence = word.iter().map(|key| surprise(&letters, person, key));
                score += mean_and_least(&evidence.collect::<Vec<f64>>());
            }
            guesses.push((score, written[person].contains(*word)));
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
                key: grouping.group.map_or(k.key, |group| group(k.key)),
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
    let evidence = if grouping.group.is_none() {
        Evidence::Timings
    } else {
        Evidence::Fine
    };
    let model = typing::train_with(evidence, &half(0), LEARNED, &[]);
    let claims = typing::claims(&cut, &half(1), &model);
    let scored = claims.iter().map(|c| Scored {
        claimed: 0,
        actual: 0,
        genuine: c.claimed == c.actual,
        score: c.score,
    });
    eer(&Roc::new(scored.collect(), 1).curve())
}
