//! The fixed-text protocol: one password, two hundred repetitions to learn from, single repetitions to judge.

use super::corpus::Repeated;
use super::protocol::{Claim, in_parallel};
use biometrics::train::{Phrase, PhraseModel, Repetition, Time};

/// Repetitions that are enrolled; the rest are genuine attempts.
const ENROLLED: usize = 200;
const LAST: usize = 400;
/// First repetitions of everybody else are the impostors' attempts.
const STRANGE: usize = 5;

/// Scores every claim of one group of people.
pub fn claims(kinds: &[Time], people: &Repeated, background: &Repeated) -> Vec<Claim> {
    let rows: Vec<Vec<Repetition>> = background.iter().map(|(_, rows)| rows.clone()).collect();
    let model = PhraseModel::train(kinds, &rows);
    let enrolled: Vec<Phrase> = in_parallel("enrolling on a phrase", people, |(_, rows)| {
        model.enrol(&rows[..rows.len().min(ENROLLED)])
    });
    let windows: Vec<(usize, usize)> = (0..people.len())
        .flat_map(|owner| {
            let rows = people[owner].1.len();
            let numbers = (0..STRANGE.min(rows)).chain(ENROLLED.min(rows)..LAST.min(rows));
            numbers.map(move |number| (owner, number))
        })
        .collect();
    let who = |owner: usize, number: usize| -> Vec<usize> {
        let everyone = 0..people.len();
        everyone
            .filter(|&i| (i == owner) == (number >= ENROLLED))
            .collect()
    };
    let scores = in_parallel("scoring a phrase", &windows, |&(owner, number)| {
        let claimed: Vec<&Phrase> = who(owner, number).iter().map(|&i| &enrolled[i]).collect();
        model.llr(&people[owner].1[number], &claimed)
    });
    let mut claims = Vec::new();
    for (&(owner, number), scores) in windows.iter().zip(&scores) {
        for (claimed, &score) in who(owner, number).into_iter().zip(scores) {
            claims.push(Claim {
                claimed: people[claimed].0.clone(),
                actual: people[owner].0.clone(),
                window: number.to_string(),
                score,
            });
        }
    }
    claims
}
