//! Who is enrolled on what, which windows are verified and which claims are scored.

use super::corpus::{self, is_development};
use anyhow::{Result, bail};
use biometrics::train::{
    Keystroke, Moved, Mover, PointingModel, Row, Sample, TypingModel, Typist, actions, rows,
};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::{HashMap, hash_map::Entry};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Background models that standardise scores, at most.
const COHORT: usize = 400;
/// People who claim an Aalto window besides its owner.
const FOLLOWERS: usize = 100;
/// A pointer window with fewer moves is skipped.
const FEWEST_MOVES: usize = 50;

/// One scored claim.
pub struct Claim {
    pub claimed: String,
    pub actual: String,
    pub window: u32,
    pub score: f64,
}

/// One verified window.
struct Window<T> {
    owner: usize,
    number: u32,
    rows: Vec<T>,
}

type Typists = Vec<(String, corpus::Typed)>;
type Movers = Vec<(String, corpus::Moved)>;

/// Both parts of the corpus; files are read when first needed.
pub struct Parts {
    background: PathBuf,
    evaluate: PathBuf,
    typing: HashMap<(PathBuf, &'static str), Typists>,
}

/// How windows are cut from a typing file.
struct Cut {
    file: &'static str,
    gallery: u32,
    keys: usize,
    at_most: Option<usize>,
    /// One window per session of these, instead of windows of the whole rest.
    queries: Option<std::ops::Range<u32>>,
    followers: Option<usize>,
}

impl Parts {
    pub fn new(background: &Path, evaluate: &Path) -> Self {
        Self {
            background: background.into(),
            evaluate: evaluate.into(),
            typing: HashMap::new(),
        }
    }

    pub fn run(&mut self, protocol: &str) -> Result<Vec<Claim>> {
        let number = |text: &str| {
            text.get(1..)
                .and_then(|n| n.parse::<usize>().ok())
                .filter(|n| *n > 0)
        };
        let parts: Vec<&str> = protocol.split('-').collect();
        let cut = |file, gallery, keys| Cut {
            file,
            gallery,
            keys,
            at_most: None,
            queries: None,
            followers: None,
        };
        match *parts.as_slice() {
            ["aalto", "typenet", "g5"] => self.typing(&Cut {
                queries: Some(10..15),
                followers: Some(FOLLOWERS),
                ..cut("aalto2k", 5, 50)
            }),
            ["aalto", gallery, keys] => match (number(gallery), number(keys)) {
                (Some(gallery), Some(keys)) => self.typing(&Cut {
                    at_most: Some(5),
                    followers: Some(FOLLOWERS),
                    ..cut("aalto2k", gallery as u32, keys)
                }),
                _ => bail!("unknown protocol"),
            },
            ["monaco", "g3", "w100"] => self.typing(&cut("monaco_free_text", 3, 100)),
            ["social", "w100"] => self.typing(&cut("social", 1, 100)),
            ["sapimouse", seconds] if number(seconds).is_some_and(|s| 60 % s == 0) => {
                self.sapimouse(number(seconds).unwrap_or(60))
            }
            ["fused", "60s"] => self.fused(),
            _ => bail!("unknown or unsupported protocol"),
        }
    }

    /// (evaluated, background) groups of a typing file.
    fn groups(&mut self, file: &'static str) -> Result<Vec<(Typists, Typists)>> {
        for part in [self.background.clone(), self.evaluate.clone()] {
            let key = (part, file);
            if let Entry::Vacant(empty) = self.typing.entry(key) {
                let people = corpus::typing(&empty.key().0, file)?;
                empty.insert(people);
            }
        }
        let people = &self.typing[&(self.evaluate.clone(), file)];
        if !is_development(&self.evaluate) {
            return Ok(vec![(
                people.clone(),
                self.typing[&(self.background.clone(), file)].clone(),
            )]);
        }
        let half = |first: usize| {
            people
                .iter()
                .skip(first)
                .step_by(2)
                .cloned()
                .collect::<Vec<_>>()
        };
        let (even, odd) = (half(0), half(1));
        Ok(match file {
            "aalto2k" => vec![(odd, even)],
            _ => vec![(odd.clone(), even.clone()), (even, odd)],
        })
    }

    fn typing(&mut self, cut: &Cut) -> Result<Vec<Claim>> {
        let mut claims = Vec::new();
        for (people, background) in self.groups(cut.file)? {
            let model = train(&background, cut.gallery);
            let typists: Vec<Typist> = people
                .iter()
                .map(|(_, s)| enrol(&model, s, cut.gallery))
                .collect();
            let windows = cut.windows(&people);
            let reach = cut
                .followers
                .map_or(people.len(), |f| people.len().min(f + 1));
            let all = people.len();
            let who = |owner: usize| {
                (0..reach)
                    .map(|step| (owner + step) % all)
                    .collect::<Vec<_>>()
            };
            let names: Vec<&String> = people.iter().map(|(name, _)| name).collect();
            let scores = in_parallel("scoring typing", &windows, |window| {
                let claimed: Vec<&Typist> =
                    who(window.owner).iter().map(|&i| &typists[i]).collect();
                model.llr(&window.rows, &claimed)
            });
            claims.extend(named(&names, &windows, &scores, |window| who(window.owner)));
        }
        Ok(claims)
    }

    /// (evaluated, background) of the pointer file.
    fn movers(&self) -> Result<(Movers, Movers)> {
        let mut people = corpus::pointer(&self.evaluate)?;
        if !is_development(&self.evaluate) {
            return Ok((people, corpus::pointer(&self.background)?));
        }
        let evaluated = people.split_off(people.len().min(42));
        Ok((evaluated, people))
    }

    fn sapimouse(&self, seconds: usize) -> Result<Vec<Claim>> {
        let (people, background) = self.movers()?;
        let (model, movers, windows) = pointing(&people, &background, seconds);
        let everyone: Vec<usize> = (0..people.len()).collect();
        let claimed: Vec<&Mover> = movers.iter().collect();
        let scores = in_parallel("scoring pointer", &windows, |window| {
            model.llr(&window.rows, &claimed)
        });
        let names: Vec<&String> = people.iter().map(|(name, _)| name).collect();
        Ok(named(&names, &windows, &scores, |_| everyone.clone()))
    }

    /// Pairs of one typist and one mouse user each; the sum of both ratios.
    fn fused(&mut self) -> Result<Vec<Claim>> {
        let Some((typists, typing_background)) = self.groups("aalto2k")?.into_iter().next() else {
            bail!("no typists");
        };
        let (people, background) = self.movers()?;
        let (pointing, movers, moved) = pointing(&people, &background, 60);
        let model = train(&typing_background, 5);
        let cut = Cut {
            file: "aalto2k",
            gallery: 5,
            keys: 100,
            at_most: Some(5),
            queries: None,
            followers: None,
        };
        let typed = cut.windows(&typists);
        let pairs: Vec<Pair<'_>> = (0..typists.len().min(people.len()))
            .filter_map(|i| {
                let typed = typed.iter().find(|w| w.owner == i && w.number == 0)?;
                let moved = moved.iter().find(|w| w.owner == i && w.number == 0)?;
                Some((i, typed, moved))
            })
            .collect();
        let enrolled: Vec<Typist> = pairs
            .iter()
            .map(|&(i, ..)| enrol(&model, &typists[i].1, 5))
            .collect();
        let (keys, hands): (Vec<&Typist>, Vec<&Mover>) = (
            enrolled.iter().collect(),
            pairs.iter().map(|&(i, ..)| &movers[i]).collect(),
        );
        let name = |i: usize| format!("{}+{}", typists[i].0, people[i].0);
        Ok(pairs
            .iter()
            .flat_map(|&(actual, typed, moved)| {
                let both = model
                    .llr(&typed.rows, &keys)
                    .into_iter()
                    .zip(pointing.llr(&moved.rows, &hands));
                pairs
                    .iter()
                    .zip(both)
                    .map(|(&(claimed, ..), (k, p))| Claim {
                        claimed: name(claimed),
                        actual: name(actual),
                        window: 0,
                        score: k + p,
                    })
                    .collect::<Vec<_>>()
            })
            .collect())
    }
}

impl Cut {
    fn windows(&self, people: &Typists) -> Vec<Window<Row>> {
        let mut windows = Vec::new();
        for (owner, (_, sessions)) in people.iter().enumerate() {
            if let Some(queries) = &self.queries {
                for (session, keystrokes) in sessions.iter().filter(|(s, _)| queries.contains(s)) {
                    let mut rows = rows(keystrokes);
                    rows.truncate(self.keys);
                    windows.push(Window {
                        owner,
                        number: *session,
                        rows,
                    });
                }
                continue;
            }
            let rest: Vec<Row> = sessions
                .iter()
                .filter(|(s, _)| *s >= self.gallery)
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

/// A background model of typing.
pub fn train(people: &[(String, corpus::Typed)], gallery: u32) -> TypingModel {
    let people: Vec<Vec<Vec<Row>>> = people
        .iter()
        .map(|(_, s)| s.iter().map(|(_, k)| rows(k)).collect())
        .collect();
    TypingModel::train(&people, gallery as usize, COHORT)
}

fn enrol(model: &TypingModel, sessions: &[(u32, Vec<Keystroke>)], gallery: u32) -> Typist {
    let own: Vec<Row> = sessions
        .iter()
        .filter(|(s, _)| *s < gallery)
        .flat_map(|(_, k)| rows(k))
        .collect();
    model.enrol(&own)
}

fn session(person: &corpus::Moved, name: &str) -> Vec<(f64, Moved)> {
    actions(person.get(name).map_or(&[][..], Vec::as_slice))
}

/// The place of a pair, and its first window of each.
type Pair<'a> = (usize, &'a Window<Row>, &'a Window<(f64, Moved)>);
type Pointed = (PointingModel, Vec<Mover>, Vec<Window<(f64, Moved)>>);

fn pointing(people: &Movers, background: &Movers, seconds: usize) -> Pointed {
    let background: Vec<_> = background
        .iter()
        .map(|(_, p)| (session(p, "3min"), session(p, "1min")))
        .collect();
    let model = PointingModel::train(&background, COHORT);
    let movers = people
        .iter()
        .map(|(_, p)| model.enrol(&session(p, "3min")))
        .collect();
    let mut windows = Vec::new();
    for (owner, (_, person)) in people.iter().enumerate() {
        let samples = person.get("1min").map_or(&[][..], Vec::as_slice);
        for k in 0..60 / seconds {
            let span = (1_000 * seconds * k) as f64..(1_000 * seconds * (k + 1)) as f64;
            let own: Vec<Sample> = samples
                .iter()
                .filter(|s| span.contains(&s.at))
                .copied()
                .collect();
            let moves = own
                .iter()
                .filter(|s| s.kind == biometrics::train::SampleKind::Move)
                .count();
            if moves >= FEWEST_MOVES {
                windows.push(Window {
                    owner,
                    number: k as u32,
                    rows: actions(&own),
                });
            }
        }
    }
    (model, movers, windows)
}

fn named<T>(
    names: &[&String],
    windows: &[Window<T>],
    scores: &[Vec<f64>],
    who: impl Fn(&Window<T>) -> Vec<usize>,
) -> Vec<Claim> {
    let claims = windows.iter().zip(scores).flat_map(|(window, scores)| {
        who(window)
            .into_iter()
            .zip(scores)
            .map(|(i, &score)| Claim {
                claimed: names[i].clone(),
                actual: names[window.owner].clone(),
                window: window.number,
                score,
            })
    });
    claims.collect()
}

/// Scores every window on all cores, in order, with a progress bar.
fn in_parallel<T: Sync>(
    title: &'static str,
    windows: &[T],
    score: impl Fn(&T) -> Vec<f64> + Sync,
) -> Vec<Vec<f64>> {
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} {eta}").ok();
    let bar = ProgressBar::new(windows.len() as u64).with_message(title);
    let bar = style.map_or(bar.clone(), |style| {
        bar.with_style(style.progress_chars("=> "))
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(window) = windows.get(i) else {
                break done;
            };
            done.push((i, score(window)));
            bar.inc(1);
        }
    };
    let mut scores = vec![Vec::new(); windows.len()];
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            match thread.join() {
                Ok(done) => done.into_iter().for_each(|(i, s)| scores[i] = s),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    bar.finish_and_clear();
    scores
}
