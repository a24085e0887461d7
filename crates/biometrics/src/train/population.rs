//! What people in general type like, from recordings of many.

use super::keyboard::{Row, Typed};
use crate::keyboard::{KINDS, Layout, PLACES, Population, Timing};

/// Mean and spread of each place, then within and between variance of the residuals of each feature, each shrunk towards
/// its kind's.
pub(crate) fn population(people: &[&Typed], layout: Layout) -> Population {
    let raw = |timing: Timing| (usize::from(timing.place), f64::from(timing.value));
    let places = Moments::of(people, Layout::CLASSES, None, raw);
    let spread = |place: usize| libm::sqrt(places.within[place] + places.between[place]) as f32;
    let mut population = Population {
        layout,
        mean: places
            .mean
            .iter()
            .map(|&mean| mean.max(0.0) as f32)
            .collect(),
        spread: (0..PLACES).map(spread).collect(),
        within: Box::default(),
        between: Box::default(),
    };
    let standard = |timing: Timing| {
        let residual = population.residual(timing);
        (usize::from(residual.feature), f64::from(residual.value))
    };
    let features = Moments::of(people, layout, Some(0.0), standard);
    let table = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect();
    population.within = table(features.within);
    population.between = table(features.between);
    population
}

/// Mean over people, variance of one person's repetitions, variance of people's means.
struct Moments {
    mean: Vec<f64>,
    within: Vec<f64>,
    between: Vec<f64>,
}

impl Moments {
    /// Of places in a layout, with the mean estimated or given.
    fn of(
        people: &[&Typed],
        layout: Layout,
        centre: Option<f64>,
        value: impl Fn(Timing) -> (usize, f64),
    ) -> Self {
        let number = layout.features();
        let timings = |person: &&Typed| -> Vec<(usize, f64)> {
            let rows = person.sessions.iter().flatten();
            rows.flat_map(Row::timings).map(&value).collect()
        };
        let mut count = vec![0.0f64; number];
        let mut total = vec![0.0f64; number];
        // Sums per (person, place), one person after the other.
        let mut spread = vec![0.0f64; number];
        let mut freedom = vec![0.0f64; number];
        let mut means: Vec<(usize, f64, f64)> = Vec::new();
        for person in people {
            let mut cells = vec![(0.0f64, 0.0f64, 0.0f64); number];
            for (place, value) in timings(person) {
                count[place] += 1.0;
                total[place] += value;
                let cell = &mut cells[place];
                *cell = (cell.0 + 1.0, cell.1 + value, cell.2 + value * value);
            }
            for (place, &(n, s, q)) in cells.iter().enumerate() {
                if n > 0.0 {
                    spread[place] += (q - s * s / n).max(0.0);
                    freedom[place] += n - 1.0;
                    if n >= 2.0 {
                        means.push((place, n, s / n));
                    }
                }
            }
        }
        let mean = match centre {
            Some(centre) => vec![centre; number],
            None => shrink(&total, &count, 20.0, layout),
        };
        let within = shrink(&spread, &freedom, 30.0, layout);
        let mut spread = vec![0.0f64; number];
        let mut people = vec![0.0f64; number];
        for (place, n, own) in means {
            let d = own - mean[place];
            spread[place] += (d * d - within[place] / n).max(0.0);
            people[place] += 1.0;
        }
        let between = shrink(&spread, &people, 20.0, layout);
        let floor = |values: Vec<f64>| values.into_iter().map(|v| v.max(1e-3)).collect();
        Self {
            mean,
            within: floor(within),
            between: floor(between),
        }
    }
}

/// total / count per place, with `weight` observations of the kind's average added.
fn shrink(total: &[f64], count: &[f64], weight: f64, layout: Layout) -> Vec<f64> {
    let mut kinds = [(0.0f64, 0.0f64); KINDS];
    for place in 0..total.len() {
        let kind = &mut kinds[layout.kind_of(place)];
        *kind = (kind.0 + total[place], kind.1 + count[place]);
    }
    let average = kinds.map(|(total, count)| total / count.max(1.0));
    (0..total.len())
        .map(|p| (total[p] + weight * average[layout.kind_of(p)]) / (count[p] + weight))
        .collect()
}
