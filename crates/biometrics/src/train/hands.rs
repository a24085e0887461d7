//! Gestures of one person against other people's, by a forest per person: for benchmarks; too large for a browser.

use super::forest::{Forest, Growth};
use super::gestures::Gesture;
use super::random::Random;

/// How gestures become one figure for a stretch of movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Mean of bounded log-odds.
    Odds,
    /// Mean of the shares of votes.
    Share,
}

/// One person's forest.
#[derive(Debug, Clone)]
pub struct Hand(Forest);

/// How forests of people are grown.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Trees of each.
    pub trees: usize,
    /// Fewest gestures of a leaf.
    pub leaf: usize,
    /// Other people's gestures, as a multiple of the own.
    pub times: usize,
    /// Gestures of each other person, at least.
    pub fewest: usize,
    /// The others are the people themselves, in the same order: nobody is against themselves.
    pub same_people: bool,
}

const SEED: u64 = 20_261_124;

impl Hand {
    /// The forest of the person at `place`, from their gestures and those of the others.
    pub fn grow(own: &[Gesture], place: usize, others: &[&[Gesture]], plan: Plan) -> Hand {
        let own = rows(own);
        let most = (plan.times * own.len() / others.len().max(1)).max(plan.fewest);
        let mut random = Random(SEED ^ place as u64);
        let mut negatives = Vec::new();
        for (j, theirs) in others.iter().enumerate() {
            if plan.same_people && place == j {
                continue;
            }
            draw(&rows(theirs), most, &mut random, &mut negatives);
        }
        let growth = Growth {
            trees: plan.trees,
            leaf: plan.leaf,
            seed: SEED,
        };
        Hand(Forest::grow(&own, &negatives, growth))
    }

    /// How well a stretch of movement fits; `None` without a gesture.
    pub fn score(&self, window: &[Gesture], pooling: Pooling) -> Option<f64> {
        let one = |g: &Gesture| match pooling {
            Pooling::Odds => self.0.log_odds(&g.features),
            Pooling::Share => self.0.share(&g.features),
        };
        (!window.is_empty()).then(|| window.iter().map(one).sum::<f64>() / window.len() as f64)
    }
}

fn rows(gestures: &[Gesture]) -> Vec<&[f32]> {
    gestures.iter().map(|g| g.features.as_slice()).collect()
}

/// At most so many, drawn without repetition.
fn draw<'a>(from: &[&'a [f32]], most: usize, random: &mut Random, into: &mut Vec<&'a [f32]>) {
    let mut index: Vec<usize> = (0..from.len()).collect();
    for i in 0..most.min(index.len()) {
        let j = i + (random.share() * (index.len() - i) as f64) as usize;
        index.swap(i, j);
        into.push(from[index[i]]);
    }
}
