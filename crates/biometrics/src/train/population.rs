//! What people in general type like, from recordings of many.

use super::keyboard::{Row, Typed};
use crate::keyboard::{FEATURES, KINDS, Population, Timing, kind_of};

/// Mean, within and between variance of each feature, each shrunk towards its kind's.
pub(crate) fn population(people: &[&Typed]) -> Population {
    let mut count = vec![0.0f64; FEATURES];
    let mut total = vec![0.0f64; FEATURES];
    let each = |visit: &mut dyn FnMut(usize, Timing)| {
        for (place, person) in people.iter().enumerate() {
            for timing in person.sessions.iter().flatten().flat_map(Row::timings) {
                visit(place, timing);
            }
        }
    };
    each(&mut |_, t| {
        count[usize::from(t.feature)] += 1.0;
        total[usize::from(t.feature)] += f64::from(t.value);
    });
    let mean = shrink(&total, &count, 20.0);

    // Sums per (person, feature), one person after the other.
    let mut spread = vec![0.0f64; FEATURES];
    let mut freedom = vec![0.0f64; FEATURES];
    let mut means: Vec<(usize, f64, f64)> = Vec::new();
    for person in people {
        let mut cells = vec![(0.0f64, 0.0f64, 0.0f64); FEATURES];
        for t in person.sessions.iter().flatten().flat_map(Row::timings) {
            let (cell, value) = (&mut cells[usize::from(t.feature)], f64::from(t.value));
            *cell = (cell.0 + 1.0, cell.1 + value, cell.2 + value * value);
        }
        for (feature, &(n, s, q)) in cells.iter().enumerate() {
            if n > 0.0 {
                spread[feature] += (q - s * s / n).max(0.0);
                freedom[feature] += n - 1.0;
                if n >= 2.0 {
                    means.push((feature, n, s / n));
                }
            }
        }
    }
    let within = shrink(&spread, &freedom, 30.0);
    let mut spread = vec![0.0f64; FEATURES];
    let mut number = vec![0.0f64; FEATURES];
    for (feature, n, own) in means {
        let d = own - mean[feature];
        spread[feature] += (d * d - within[feature] / n).max(0.0);
        number[feature] += 1.0;
    }
    let between = shrink(&spread, &number, 20.0);
    let table =
        |values: Vec<f64>, least: f64| values.into_iter().map(|v| v.max(least) as f32).collect();
    Population {
        mean: table(mean, 0.0),
        within: table(within, 1e-3),
        between: table(between, 1e-3),
    }
}

/// total / count per feature, with `weight` observations of the kind's average added.
fn shrink(total: &[f64], count: &[f64], weight: f64) -> Vec<f64> {
    let mut kinds = [(0.0f64, 0.0f64); KINDS];
    for feature in 0..FEATURES {
        let kind = &mut kinds[kind_of(feature)];
        *kind = (kind.0 + total[feature], kind.1 + count[feature]);
    }
    let average = kinds.map(|(total, count)| total / count.max(1.0));
    (0..FEATURES)
        .map(|f| (total[f] + weight * average[kind_of(f)]) / (count[f] + weight))
        .collect()
}
