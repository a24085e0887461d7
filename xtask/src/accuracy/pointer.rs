//! Pointer protocols: stretches of a later session, or whole sessions, against what was learned.

use super::corpus::{Moved, Moves};
use super::protocol::{Claim, Window, in_parallel, named};
use biometrics::train::{
    Gesture, Hand, LONG, Mover, Plan, PointingModel, Pooling, SHORT, Sample, SampleKind, actions,
    gestures,
};

/// Background models that standardise scores, at most.
const COHORT: usize = 400;
/// A window with fewer moves is skipped.
const FEWEST_MOVES: usize = 50;
/// Forests of background people that standardise scores.
const RIVALS: usize = 24;
const PLAN: Plan = Plan {
    trees: 120,
    leaf: 3,
    times: 16,
    fewest: 1,
    same_people: false,
};
const BALABIT: Plan = Plan {
    trees: 160,
    leaf: 2,
    times: 1,
    fewest: 1,
    same_people: true,
};

/// One window of samples.
pub type PointerWindow = Window<Sample>;

/// People's models of both kinds: a mixture that runs in the browser, and forests that do not.
pub struct Pointing {
    model: PointingModel,
    movers: Vec<Mover>,
    hands: Vec<Hand>,
    rivals: Vec<Hand>,
}

impl Pointing {
    pub fn new(people: &Moves, background: &Moves) -> Self {
        let session =
            |person: &Moved, name: &str| actions(person.get(name).map_or(&[][..], Vec::as_slice));
        let learned: Vec<_> = background
            .iter()
            .map(|(_, p)| (session(p, "3min"), session(p, "1min")))
            .collect();
        let model = PointingModel::train(&learned, COHORT);
        let movers = people
            .iter()
            .map(|(_, p)| model.enrol(&session(p, "3min")))
            .collect();
        let cut = |people: &Moves| -> Vec<Vec<Gesture>> {
            let one = |(_, p): &(String, Moved)| {
                gestures(p.get("3min").map_or(&[][..], Vec::as_slice), SHORT)
            };
            people.iter().map(one).collect()
        };
        let (own, others) = (cut(people), cut(background));
        let own: Vec<&[Gesture]> = own.iter().map(Vec::as_slice).collect();
        let others: Vec<&[Gesture]> = others.iter().map(Vec::as_slice).collect();
        let first = &others[..others.len().min(RIVALS)];
        let rivals = hands(
            first,
            &others,
            Plan {
                same_people: true,
                ..PLAN
            },
        );
        Self {
            model,
            movers,
            hands: hands(&own, &others, PLAN),
            rivals,
        }
    }

    /// Scores of one window for some people: the sum of both kinds' ratios, each against rivals.
    pub fn scores(&self, window: &[Sample], who: &[usize]) -> Vec<f64> {
        let movers: Vec<&Mover> = who.iter().map(|&i| &self.movers[i]).collect();
        let mixed = self.model.llr(&actions(window), &movers);
        let gestures = gestures(window, SHORT);
        let odds = |hand: &Hand| hand.score(&gestures, Pooling::Odds).unwrap_or(0.0);
        let rivals: Vec<f64> = self.rivals.iter().map(odds).collect();
        let (mean, spread) = moments(&rivals);
        let grown = who
            .iter()
            .map(|&i| (odds(&self.hands[i]) - mean) / (spread + 0.05));
        mixed.into_iter().zip(grown).map(|(a, b)| a + b).collect()
    }
}

fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    (mean, square.sqrt())
}

/// Forests of people, each grown against the others.
fn hands(people: &[&[Gesture]], others: &[&[Gesture]], plan: Plan) -> Vec<Hand> {
    let places: Vec<usize> = (0..people.len()).collect();
    in_parallel("growing forests", &places, |&i| {
        Hand::grow(people[i], i, others, plan)
    })
}

/// Windows of so many seconds from the first minute of the later session.
pub fn windows(people: &Moves, seconds: usize) -> Vec<PointerWindow> {
    let mut windows = Vec::new();
    for (owner, (_, person)) in people.iter().enumerate() {
        let samples = person.get("1min").map_or(&[][..], Vec::as_slice);
        for k in 0..60 / seconds {
            let span = (1_000 * seconds * k) as f64..(1_000 * seconds * (k + 1)) as f64;
            let rows: Vec<Sample> = samples
                .iter()
                .filter(|s| span.contains(&s.at))
                .copied()
                .collect();
            if rows.iter().filter(|s| s.kind == SampleKind::Move).count() >= FEWEST_MOVES {
                windows.push(Window {
                    owner,
                    number: k as u32,
                    rows,
                });
            }
        }
    }
    windows
}

/// Scores every window against everybody.
pub fn claims(people: &Moves, background: &Moves, seconds: usize) -> Vec<Claim> {
    let pointing = Pointing::new(people, background);
    let windows = windows(people, seconds);
    let everyone: Vec<usize> = (0..people.len()).collect();
    let scores = in_parallel("scoring pointer", &windows, |window| {
        pointing.scores(&window.rows, &everyone)
    });
    let names: Vec<&String> = people.iter().map(|(name, _)| name).collect();
    named(&names, &windows, &scores, |_| everyone.clone())
}

/// Balabit: a closed set; each test session against the forests of all ten users. (claimed, session, score).
pub fn closed_set(train: &Moves, test: &Moves) -> Vec<(String, String, f64)> {
    let learned: Vec<Vec<Gesture>> = in_parallel("cutting sessions", train, |(_, sessions)| {
        sessions
            .values()
            .flat_map(|samples| gestures(samples, LONG))
            .collect()
    });
    let view: Vec<&[Gesture]> = learned.iter().map(Vec::as_slice).collect();
    let forests = hands(&view, &view, BALABIT);
    let sessions: Vec<(&String, &String, &Vec<Sample>)> = test
        .iter()
        .flat_map(|(user, sessions)| sessions.iter().map(move |(name, s)| (user, name, s)))
        .collect();
    in_parallel("scoring sessions", &sessions, |(user, name, samples)| {
        let gestures = gestures(samples, LONG);
        let place = train.iter().position(|(name, _)| name == *user);
        let share = |hand: &Hand| hand.score(&gestures, Pooling::Share).unwrap_or(0.5);
        let own = place.map_or(0.5, |i| share(&forests[i]));
        ((*user).clone(), (*name).clone(), own)
    })
}
