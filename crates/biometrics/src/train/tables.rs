//! How two timings of neighbouring keystrokes go together, or a timing and the keys it belongs to, as counts in small
//! tables: they see the shape of what Gaussians take for a mean and a variance. For benchmarks: on the few people that
//! the shipped model may learn from they tell nothing more, so the engine does without.

use super::keyboard::Row;
use crate::keyboard::{Population, Timing};
use libm::logf;

/// Tables.
pub(crate) const TABLES: usize = 8;
/// Eighths of the population, or groups of keys, along each side of a table.
const SIDE: usize = 8;
/// Places of a table.
const PLACES: usize = SIDE * SIDE;
/// Places of all tables.
pub(crate) const ALL: usize = TABLES * PLACES;
/// Keystrokes that weigh as much as what everybody's tables say.
const PRIOR: f32 = 40.0;

/// What a side of a table says.
#[derive(Clone, Copy)]
enum Axis {
    /// In which eighth of the population a timing of this kind lies.
    Own(usize),
    /// The same of the keystroke before.
    Before(usize),
    /// Which group of keys the keystroke belongs to.
    Group,
    /// The same of the keystroke before.
    GroupBefore,
}
const AXES: [[Axis; 2]; TABLES] = [
    [Axis::Group, Axis::Own(0)],
    [Axis::Group, Axis::Own(1)],
    [Axis::Group, Axis::Own(2)],
    [Axis::GroupBefore, Axis::Own(1)],
    [Axis::GroupBefore, Axis::Own(3)],
    [Axis::Before(1), Axis::Own(1)],
    [Axis::Before(0), Axis::Own(2)],
    [Axis::Before(0), Axis::Own(0)],
];
/// Bounds between eighths of a standard normal distribution.
const BOUNDS: [f32; SIDE - 1] = [-1.15, -0.674, -0.319, 0.0, 0.319, 0.674, 1.15];

/// What one keystroke adds to the tables, given its timings and those of the keystroke before it: table and place.
pub(crate) fn places(
    population: &Population,
    before: &Row,
    own: &Row,
    mut sink: impl FnMut(usize, usize),
) {
    for (table, axes) in AXES.iter().enumerate() {
        let [a, b] = axes.map(|axis| match axis {
            Axis::Own(kind) => own.times[kind].map(|timing| eighth(population, timing)),
            Axis::Before(kind) => before.times[kind].map(|timing| eighth(population, timing)),
            Axis::Group => own.times[0].map(|hold| group(usize::from(hold.place))),
            Axis::GroupBefore => before.times[0].map(|hold| group(usize::from(hold.place))),
        });
        if let (Some(a), Some(b)) = (a, b) {
            sink(table, table * PLACES + a * SIDE + b);
        }
    }
}

/// Shares of the places of each table, from everybody's counts.
pub(crate) fn shares(counts: &[f32]) -> Vec<f32> {
    let share = |table: &[f32]| -> Vec<f32> {
        let total: f32 = table.iter().sum::<f32>() + PLACES as f32;
        table.iter().map(|count| (count + 1.0) / total).collect()
    };
    smooth(
        &counts
            .chunks_exact(PLACES)
            .flat_map(share)
            .collect::<Vec<f32>>(),
    )
}

/// How much likelier each place is for one person than for anybody, as logarithms; `anyone` comes from [`shares`].
pub(crate) fn ratios(counts: &[f32], anyone: &[f32]) -> Vec<f32> {
    let own = smooth(counts);
    let of = |(own, anyone): (&[f32], &[f32])| -> Vec<f32> {
        let number: f32 = own.iter().sum::<f32>() + PRIOR;
        own.iter()
            .zip(anyone)
            .map(|(own, anyone)| logf((own + PRIOR * anyone) / number / anyone))
            .collect()
    };
    own.chunks_exact(PLACES)
        .zip(anyone.chunks_exact(PLACES))
        .flat_map(of)
        .collect()
}

/// Tables in which every place shares with its neighbours along the sides that are eighths; sums stay.
fn smooth(tables: &[f32]) -> Vec<f32> {
    let mut out = tables.to_vec();
    for (table, axes) in out.chunks_exact_mut(PLACES).zip(AXES) {
        for (axis, stride) in axes.into_iter().zip([SIDE, 1]) {
            if matches!(axis, Axis::Group | Axis::GroupBefore) {
                continue;
            }
            for line in 0..SIDE {
                let begin = line * if stride == 1 { SIDE } else { 1 };
                let old: [f32; SIDE] = std::array::from_fn(|i| table[begin + i * stride]);
                for i in 0..SIDE {
                    let below = old[i.saturating_sub(1)];
                    let above = old[(i + 1).min(SIDE - 1)];
                    table[begin + i * stride] = 0.5 * old[i] + 0.25 * (below + above);
                }
            }
        }
    }
    out
}

/// In which eighth of the population a timing lies.
fn eighth(population: &Population, timing: Timing) -> usize {
    let z = population.residual(timing).value;
    BOUNDS.iter().filter(|&&bound| z > bound).count()
}

/// Groups of classes: outer and inner keys of each hand, space, backspace, shift, the rest.
fn group(class: usize) -> usize {
    match class {
        26 => 4,
        27 => 5,
        29 => 6,
        letter => GROUPS
            .get(letter)
            .map_or(7, |group| usize::from(group - b'0')),
    }
}

/// Groups of the letters A to Z.
const GROUPS: &[u8; 26] = b"01111112323322330101210020";
