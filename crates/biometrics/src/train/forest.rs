//! Extremely randomised trees (Geurts, Ernst and Wehenkel, *Machine Learning* 63, 2006): genuine against others.

use super::random::Random;
use libm::{log, sqrt};

/// How a forest is grown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Growth {
    pub trees: usize,
    /// Fewest rows of a leaf.
    pub leaf: usize,
    pub seed: u64,
}

/// Trees that vote on rows of one width.
#[derive(Debug, Clone)]
pub(crate) struct Forest {
    trees: Vec<Vec<Node>>,
}

/// A leaf has no feature; the right child follows the left one.
#[derive(Debug, Clone, Copy)]
struct Node {
    feature: u16,
    value: f32,
    left: u32,
}

const LEAF: u16 = u16::MAX;
/// Shares of genuine rows are kept away from nought and one.
const SUREST: f64 = 0.005;

impl Forest {
    /// From rows of both sides, which weigh the same in sum.
    pub(crate) fn grow(own: &[&[f32]], others: &[&[f32]], growth: Growth) -> Forest {
        let rows: Vec<&[f32]> = own.iter().chain(others).copied().collect();
        let weight = 0.5 / others.len().max(1) as f64;
        let grower = Grower {
            width: rows.first().map_or(0, |row| row.len()),
            rows,
            own: own.len() as u32,
            weight: [0.5 / own.len().max(1) as f64, weight],
            leaf: growth.leaf,
        };
        let tree = |i: u64| grower.tree(Random(growth.seed ^ (i + 1).wrapping_mul(0x9e37_79b9)));
        let trees = (0..growth.trees as u64).map(tree).collect();
        Forest { trees }
    }

    /// The mean share of genuine rows in the leaves that a row falls into.
    pub(crate) fn share(&self, row: &[f32]) -> f64 {
        let sum: f64 = self
            .trees
            .iter()
            .map(|tree| f64::from(leaf(tree, row)))
            .sum();
        sum / self.trees.len().max(1) as f64
    }

    /// The logarithm of the odds of [`share`](Self::share), bounded.
    pub(crate) fn log_odds(&self, row: &[f32]) -> f64 {
        let share = self.share(row).clamp(SUREST, 1.0 - SUREST);
        log(share / (1.0 - share))
    }
}

fn leaf(tree: &[Node], row: &[f32]) -> f32 {
    let mut node = &tree[0];
    while node.feature != LEAF {
        let right = row[usize::from(node.feature)] > node.value;
        node = &tree[node.left as usize + usize::from(right)];
    }
    node.value
}

struct Grower<'a> {
    rows: Vec<&'a [f32]>,
    width: usize,
    /// The first rows are genuine.
    own: u32,
    /// Weight of a genuine row and of another.
    weight: [f64; 2],
    leaf: usize,
}

impl Grower<'_> {
    fn tree(&self, mut random: Random) -> Vec<Node> {
        let mut index: Vec<u32> = (0..self.rows.len() as u32).collect();
        let mut nodes = vec![Node {
            feature: LEAF,
            value: 0.5,
            left: 0,
        }];
        let mut open = vec![(0usize, 0usize, index.len())];
        while let Some((place, begin, end)) = open.pop() {
            let slice = &mut index[begin..end];
            let (genuine, other) = self.weigh(slice.iter());
            nodes[place].value = (genuine / (genuine + other).max(1e-12)) as f32;
            if slice.len() < 2 * self.leaf || genuine <= 0.0 || other <= 0.0 {
                continue;
            }
            let Some((feature, threshold)) = self.split(slice, &mut random) else {
                continue;
            };
            let value = |i: u32| self.rows[i as usize][feature];
            let mut middle = 0;
            for i in 0..slice.len() {
                if value(slice[i]) <= threshold {
                    slice.swap(i, middle);
                    middle += 1;
                }
            }
            let left = nodes.len() as u32;
            nodes[place] = Node {
                feature: feature as u16,
                value: threshold,
                left,
            };
            nodes.extend(
                [Node {
                    feature: LEAF,
                    value: 0.5,
                    left: 0,
                }; 2],
            );
            open.push((left as usize, begin, begin + middle));
            open.push((left as usize + 1, begin + middle, end));
        }
        nodes
    }

    /// The best of some random thresholds, one per drawn feature.
    fn split(&self, slice: &[u32], random: &mut Random) -> Option<(usize, f32)> {
        let draws = sqrt(self.width as f64) as usize + 1;
        let mut best: Option<(f64, usize, f32)> = None;
        for _ in 0..draws {
            let feature = (random.share() * self.width as f64) as usize;
            let mut range = (f32::MAX, f32::MIN);
            for &i in slice {
                let value = self.rows[i as usize][feature];
                range = (range.0.min(value), range.1.max(value));
            }
            if range.0 >= range.1 {
                continue;
            }
            let threshold = range.0 + (range.1 - range.0) * random.share() as f32;
            let (mut side, mut number) = ([[0.0f64; 2]; 2], [0usize; 2]);
            for &i in slice {
                let right = usize::from(self.rows[i as usize][feature] > threshold);
                let other = usize::from(i >= self.own);
                side[right][other] += self.weight[other];
                number[right] += 1;
            }
            if number[0] < self.leaf || number[1] < self.leaf {
                continue;
            }
            let purity = |s: [f64; 2]| (s[0] * s[0] + s[1] * s[1]) / (s[0] + s[1]).max(1e-12);
            let gain = purity(side[0]) + purity(side[1]);
            if best.is_none_or(|(most, ..)| gain > most) {
                best = Some((gain, feature, threshold));
            }
        }
        best.map(|(_, feature, threshold)| (feature, threshold))
    }

    fn weigh<'i>(&self, rows: impl Iterator<Item = &'i u32>) -> (f64, f64) {
        let mut sums = [0.0; 2];
        for &i in rows {
            let other = usize::from(i >= self.own);
            sums[other] += self.weight[other];
        }
        (sums[0], sums[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forest_tells_two_clouds_apart_and_is_the_same_every_time() {
        let mut random = Random(1);
        let mut cloud = |centre: f32| -> Vec<Vec<f32>> {
            (0..200)
                .map(|_| (0..4).map(|_| centre + random.share() as f32).collect())
                .collect()
        };
        let (own, others) = (cloud(0.5), cloud(0.0));
        let view = |rows: &'static [Vec<f32>]| rows.iter().map(Vec::as_slice).collect::<Vec<_>>();
        let (own, others) = (view(own.leak()), view(others.leak()));
        let growth = Growth {
            trees: 40,
            leaf: 3,
            seed: 7,
        };
        let forest = Forest::grow(&own, &others, growth);
        assert!(forest.share(&[1.2; 4]) > 0.9);
        assert!(forest.share(&[0.2; 4]) < 0.1);
        let again = Forest::grow(&own, &others, growth);
        assert_eq!(
            forest.share(&[0.7; 4]).to_bits(),
            again.share(&[0.7; 4]).to_bits()
        );
    }
}
