//! Quantiles and intervals by drawing people again.

use super::takeover::random;

/// The middle nine tenths of what drawing people again gives.
#[derive(Debug, Clone, Copy)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// Draws `people` of `people` with replacement, `draws` times.
pub fn bootstrap(draws: usize, people: usize, figure: impl Fn(&[usize]) -> f64) -> Interval {
    let mut random = random();
    let mut figures = Vec::with_capacity(draws);
    for _ in 0..draws {
        let draw: Vec<usize> = (0..people).map(|_| random.below(people)).collect();
        figures.push(figure(&draw));
    }
    Interval {
        low: quantile(figures.clone(), 0.05),
        high: quantile(figures, 0.95),
    }
}

/// The value below which a share of the values lies; infinity counts as the greatest.
pub fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    values.sort_by(f64::total_cmp);
    let place = (share * values.len() as f64) as usize;
    values[place.min(values.len() - 1)]
}

/// splitmix64.
pub struct Random(u64);

impl Random {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}
