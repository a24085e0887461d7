//! Free-text protocols: who is enrolled on which sessions, which windows are cut, which claims are scored.

use super::corpus;
use super::protocol::{Claim, Window, in_parallel, named};
use biometrics::train::{Evidence, Keystroke, Row, Typed, TypingModel, Typist, rows};

/// Background models that standardise scores, at most.
const COHORT: usize = 400;
/// From so many people of the same file on, tables are compared as well.
const MANY: usize = 100;
/// People who claim an Aalto window besides its owner.
pub const FOLLOWERS: usize = 100;

pub type Typists = Vec<(String, corpus::Typed)>;

/// How windows are cut from a typing file.
pub struct Cut {
    pub file: &'static str,
    pub gallery: u32,
    /// The first session that windows are cut from.
    pub from: u32,
    pub keys: usize,
    pub at_most: Option<usize>,
    /// One window per session of these, instead of windows of the whole rest.
    pub queries: Option<std::ops::Range<u32>>,
    pub followers: Option<usize>,
}

impl Cut {
    /// The windows of all people, in order.
    pub fn windows(&self, people: &Typists) -> Vec<Window<Row>> {
        let mut windows = Vec::new();
        for (owner, (_, sessions)) in people.iter().enumerate() {
            if let Some(queries) = &self.queries {
                // A session that a person does not have is an empty window.
                for number in queries.clone() {
                    let keystrokes = sessions.iter().find(|(s, _)| *s == number);
                    let mut rows = keystrokes.map_or(Vec::new(), |(_, k)| rows(k));
                    rows.truncate(self.keys);
                    windows.push(Window {
                        owner,
                        number,
                        rows,
                    });
                }
                continue;
            }
            let rest: Vec<Row> = sessions
                .iter()
                .filter(|(s, _)| *s >= self.from)
                .flat_map(|(_, k)| rows(k))
                .collect();
            let count = rest.len() / self.keys;
            let numbers: Vec<usize> = match self.at_most {
                Some(most) if count > most => {
                    (0..most).map(|j| j * (count - 1) / (most - 1)).collect()
                }
                _ => (0..count).collect(),
            };
            for k in numbers {
                let mut rows = rest[k * self.keys..(k + 1) * self.keys].to_vec();
                rows[0] = rows[0].first();
                windows.push(Window {
                    owner,
                    number: k as u32,
                    rows,
                });
            }
        }
        windows
    }
}

/// Scores every claim of one group of people under a background model.
pub fn claims(cut: &Cut, people: &Typists, model: &TypingModel) -> Vec<Claim> {
    let typists: Vec<Typist> = people
        .iter()
        .map(|(_, s)| enrol(model, s, cut.gallery))
        .collect();
    let windows = cut.windows(people);
    let all = people.len();
    let reach = cut.followers.map_or(all, |f| all.min(f + 1));
    let who =
        |owner: usize| -> Vec<usize> { (0..reach).map(|step| (owner + step) % all).collect() };
    let scores = in_parallel("scoring typing", &windows, |window| {
        let claimed: Vec<&Typist> = who(window.owner).iter().map(|&i| &typists[i]).collect();
        model.llr(&window.rows, &claimed)
    });
    let names: Vec<&String> = people.iter().map(|(name, _)| name).collect();
    named(&names, &windows, &scores, |window| who(window.owner))
}

/// A background model of typing: people of the same file, then some of other files.
pub fn train(people: &Typists, gallery: u32, others: &[Typed]) -> TypingModel {
    let evidence = evidence(people);
    train_with(evidence, people, gallery, others)
}

/// The same of what the engine compares, or of anything else.
pub fn train_with(
    evidence: Evidence,
    people: &Typists,
    gallery: u32,
    others: &[Typed],
) -> TypingModel {
    let own: Vec<Typed> = people
        .iter()
        .map(|(_, s)| typed(s, gallery as usize))
        .collect();
    TypingModel::train(&own, others, COHORT, evidence)
}

fn evidence(people: &Typists) -> Evidence {
    if people.len() >= MANY {
        Evidence::Tables
    } else {
        Evidence::Fine
    }
}

/// One person of the background.
pub fn typed(sessions: &corpus::Typed, gallery: usize) -> Typed {
    Typed {
        sessions: sessions.iter().map(|(_, k)| rows(k)).collect(),
        gallery,
    }
}

/// A person's model from the first sessions.
pub fn enrol(model: &TypingModel, sessions: &[(u32, Vec<Keystroke>)], gallery: u32) -> Typist {
    let own: Vec<Row> = sessions
        .iter()
        .filter(|(s, _)| *s < gallery)
        .flat_map(|(_, k)| rows(k))
        .collect();
    model.enrol(&own)
}
