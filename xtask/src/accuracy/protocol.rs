//! Which protocols there are, which files each needs, and who is background.

use super::corpus::{self, Moves, is_development};
use super::typing::{Cut, FOLLOWERS, Typists};
use super::{phrase, pointer, typing};
use anyhow::{Result, bail};
use biometrics::train::{Evidence, Typed, TypingModel};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::{HashMap, hash_map::Entry};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The file with the most people.
const AALTO: &str = "aalto2k";
/// Every how many of its people help with the small files, and sessions that these are enrolled on.
const FOREIGN_STEP: usize = 4;
const FOREIGN_GALLERY: usize = 10;

/// One scored claim.
pub struct Claim {
    pub claimed: String,
    pub actual: String,
    pub window: String,
    pub score: f64,
}

/// One verified window.
pub struct Window<T> {
    pub owner: usize,
    pub number: u32,
    pub rows: Vec<T>,
}

/// Both parts of the corpus; files are read when first needed.
pub struct Parts {
    background: PathBuf,
    evaluate: PathBuf,
    typing: HashMap<(PathBuf, &'static str), Typists>,
    /// Only what the engine compares.
    engine: bool,
    /// By file and sessions enrolled on, one per group.
    models: HashMap<(&'static str, u32), Vec<TypingModel>>,
}

/// The rows of a score file.
pub enum Scores {
    /// `claimed,actual,window,score`
    Claims(Vec<Claim>),
    /// `claimed,session,score`
    Sessions(Vec<(String, String, f64)>),
}

impl Parts {
    pub fn new(background: &Path, evaluate: &Path, engine: bool) -> Self {
        Self {
            background: background.into(),
            evaluate: evaluate.into(),
            typing: HashMap::new(),
            engine,
            models: HashMap::new(),
        }
    }

    /// The files that a protocol needs and that are not there.
    pub fn missing(&self, protocol: &str) -> Vec<PathBuf> {
        let family = protocol.split('-').next().unwrap_or_default();
        let (learned, judged): (&[&str], &[&str]) = match family {
            "cmu" => (&["cmu"], &["cmu"]),
            "aalto" => (&["aalto2k"], &["aalto2k"]),
            "monaco" => (&["monaco_free_text"], &["monaco_free_text"]),
            "social" => (&["social"], &["social"]),
            "sapimouse" => (&["sapimouse"], &["sapimouse"]),
            "balabit" => (&["balabit_train"], &["balabit_test"]),
            "fused" => (&["aalto2k", "sapimouse"], &["aalto2k", "sapimouse"]),
            _ => (&[], &[]),
        };
        let file = |part: &Path, name: &str| part.join(format!("{name}.csv.xz"));
        let learned = learned.iter().map(|name| file(&self.background, name));
        let judged = judged.iter().map(|name| file(&self.evaluate, name));
        learned
            .chain(judged)
            .filter(|path| !path.exists())
            .collect()
    }

    /// The scores of all claims of a protocol.
    pub fn run(&mut self, protocol: &str) -> Result<Scores> {
        let number = |text: &str| {
            text.get(1..)
                .and_then(|n| n.parse::<usize>().ok())
                .filter(|n| *n > 0)
        };
        let parts: Vec<&str> = protocol.split('-').collect();
        let cut = |file, gallery, keys| Cut {
            file,
            gallery,
            from: gallery,
            keys,
            at_most: None,
            queries: None,
            followers: None,
        };
        let claims = match *parts.as_slice() {
            ["cmu"] => self.phrase()?,
            ["aalto", "typenet", "g5"] => self.typing(&Cut {
                queries: Some(10..15),
                followers: Some(FOLLOWERS),
                ..cut("aalto2k", 5, 50)
            })?,
            ["aalto", gallery, keys] => match (number(gallery), number(keys)) {
                (Some(gallery), Some(keys)) => self.typing(&Cut {
                    at_most: Some(5),
                    followers: Some(FOLLOWERS),
                    ..cut("aalto2k", gallery as u32, keys)
                })?,
                _ => bail!("unknown protocol"),
            },
            ["monaco", "g3", "w100"] => self.typing(&cut("monaco_free_text", 3, 100))?,
            ["social", "w100"] => self.typing(&cut("social", 1, 100))?,
            ["sapimouse", seconds] if number(seconds).is_some_and(|s| 60 % s == 0) => {
                let (people, background) = self.movers()?;
                pointer::claims(&people, &background, number(seconds).unwrap_or(60))
            }
            ["balabit"] => return Ok(Scores::Sessions(self.balabit()?)),
            ["fused", "60s"] => self.fused()?,
            _ => bail!("unknown protocol"),
        };
        Ok(Scores::Claims(claims))
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
            let background = &self.typing[&(self.background.clone(), file)];
            return Ok(vec![(people.clone(), background.clone())]);
        }
        let (even, odd) = halves(people);
        Ok(match file {
            "aalto2k" => vec![(odd, even)],
            _ => vec![(odd.clone(), even.clone()), (even, odd)],
        })
    }

    /// Users of other files of the development part are background too. The small files have so few people of their own
    /// that some of Aalto's help; a development part without Aalto has none to give.
    fn foreign(&mut self, file: &str) -> Result<Vec<Typed>> {
        let key = (self.background.clone(), AALTO);
        if file == AALTO || !key.0.join(format!("{AALTO}.csv.xz")).exists() {
            return Ok(Vec::new());
        }
        if !self.typing.contains_key(&key) {
            let people = corpus::typing(&key.0, AALTO)?;
            self.typing.insert(key.clone(), people);
        }
        let people = self.typing[&key].iter().step_by(FOREIGN_STEP);
        Ok(people
            .map(|(_, s)| typing::typed(s, FOREIGN_GALLERY))
            .collect())
    }

    fn typing(&mut self, cut: &Cut) -> Result<Vec<Claim>> {
        let groups = self.groups(cut.file)?;
        self.learn(cut)?;
        let models = &self.models[&(cut.file, cut.gallery)];
        let each = groups.iter().zip(models);
        Ok(each
            .flat_map(|((people, _), model)| typing::claims(cut, people, model))
            .collect())
    }

    /// Background models of a file's groups; protocols that enrol on the same sessions share them.
    fn learn(&mut self, cut: &Cut) -> Result<()> {
        let key = (cut.file, cut.gallery);
        if !self.models.contains_key(&key) {
            let groups = self.groups(cut.file)?;
            let others = self.foreign(cut.file)?;
            let engine = self.engine;
            let models = in_parallel("learning about everybody", &groups, |(_, background)| {
                if engine {
                    let evidence = Evidence::Timings;
                    typing::train_with(evidence, background, cut.gallery, &others)
                } else {
                    typing::train(background, cut.gallery, &others)
                }
            });
            self.models.insert(key, models);
        }
        Ok(())
    }

    fn phrase(&self) -> Result<Vec<Claim>> {
        let (kinds, people) = corpus::repeated(&self.evaluate, "cmu")?;
        if is_development(&self.evaluate) {
            let (even, odd) = halves(&people);
            let mut claims = phrase::claims(&kinds, &odd, &even);
            claims.extend(phrase::claims(&kinds, &even, &odd));
            return Ok(claims);
        }
        let (same, background) = corpus::repeated(&self.background, "cmu")?;
        if kinds != same {
            bail!("the two parts have different columns");
        }
        Ok(phrase::claims(&kinds, &people, &background))
    }

    /// (evaluated, background) of the SapiMouse file.
    fn movers(&self) -> Result<(Moves, Moves)> {
        let mut people = corpus::pointer(&self.evaluate, "sapimouse")?;
        if !is_development(&self.evaluate) {
            return Ok((people, corpus::pointer(&self.background, "sapimouse")?));
        }
        let evaluated = people.split_off(people.len().min(42));
        Ok((evaluated, people))
    }

    fn balabit(&self) -> Result<Vec<(String, String, f64)>> {
        let train = corpus::pointer(&self.background, "balabit_train")?;
        let test = corpus::pointer(&self.evaluate, "balabit_test")?;
        Ok(pointer::closed_set(&train, &test))
    }

    /// Pairs of one typist and one mouse user each; the sum of both ratios.
    fn fused(&mut self) -> Result<Vec<Claim>> {
        let Some((typists, _)) = self.groups("aalto2k")?.into_iter().next() else {
            bail!("no typists");
        };
        let (people, background) = self.movers()?;
        let cut = Cut {
            file: "aalto2k",
            gallery: 5,
            from: 5,
            keys: 100,
            at_most: Some(5),
            queries: None,
            followers: None,
        };
        let (typed, moved) = (cut.windows(&typists), pointer::windows(&people, 60));
        let pairs: Vec<usize> = (0..typists.len().min(people.len()))
            .filter(|&i| typed.iter().any(|w| w.owner == i && w.number == 0))
            .filter(|&i| moved.iter().any(|w| w.owner == i && w.number == 0))
            .collect();
        self.learn(&cut)?;
        let Some(model) = self.models[&(cut.file, cut.gallery)].first() else {
            bail!("no background");
        };
        let enrolled: Vec<_> = pairs
            .iter()
            .map(|&i| typing::enrol(model, &typists[i].1, cut.gallery))
            .collect();
        let keys: Vec<_> = enrolled.iter().collect();
        let pointing = pointer::Pointing::new(&people, &background);
        let name = |i: usize| format!("{}+{}", typists[i].0, people[i].0);
        let both = in_parallel("scoring both", &pairs, |&actual| {
            let typed = typed.iter().find(|w| w.owner == actual && w.number == 0);
            let moved = moved.iter().find(|w| w.owner == actual && w.number == 0);
            let keys = model.llr(typed.map_or(&[][..], |w| &w.rows), &keys);
            let moves = pointing.scores(moved.map_or(&[][..], |w| &w.rows), &pairs);
            keys.into_iter()
                .zip(moves)
                .map(|(k, p)| k + p)
                .collect::<Vec<f64>>()
        });
        let mut claims = Vec::new();
        for (&actual, scores) in pairs.iter().zip(&both) {
            claims.extend(pairs.iter().zip(scores).map(|(&claimed, &score)| Claim {
                claimed: name(claimed),
                actual: name(actual),
                window: "0".to_owned(),
                score,
            }));
        }
        Ok(claims)
    }
}

/// People with even and with odd places.
fn halves<T: Clone>(people: &[T]) -> (Vec<T>, Vec<T>) {
    let half = |first: usize| people.iter().skip(first).step_by(2).cloned().collect();
    (half(0), half(1))
}

/// Claims with the names of people.
pub fn named<T>(
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
                window: window.number.to_string(),
                score,
            })
    });
    claims.collect()
}

/// Scores every item on all cores, in order, with a progress bar.
pub fn in_parallel<T: Sync, R: Send>(
    title: &'static str,
    items: &[T],
    score: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} {eta}").ok();
    let bar = ProgressBar::new(items.len() as u64).with_message(title);
    let bar = style.map_or(bar.clone(), |style| {
        bar.with_style(style.progress_chars("=> "))
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(i) else {
                break done;
            };
            done.push((i, score(item)));
            bar.inc(1);
        }
    };
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::with_capacity(items.len());
        for thread in threads {
            match thread.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    bar.finish_and_clear();
    results.sort_unstable_by_key(|(i, _)| *i);
    results.into_iter().map(|(_, result)| result).collect()
}
