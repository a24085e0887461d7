//! Stretches of pointer movement described from the raw events, for trees: finer than what a browser's frames allow.

use super::pointer::{Sample, SampleKind};
use libm::{atan2, fabs, hypot, sqrt};
use std::f64::consts::PI;

/// Where movement is cut.
#[derive(Debug, Clone, Copy)]
pub struct Cutting {
    /// A gesture ends at a pause longer than this, in ms.
    pub pause: f64,
    /// A gesture of so many events is cut.
    pub longest: usize,
    /// Fewer events are no gesture.
    pub fewest: usize,
}

/// For recordings of minutes.
pub const SHORT: Cutting = Cutting {
    pause: 250.0,
    longest: 64,
    fewest: 5,
};
/// For sessions of remote desktops, where events come rarely.
pub const LONG: Cutting = Cutting {
    pause: 1_000.0,
    longest: 400,
    fewest: 4,
};

/// A coordinate beyond this is a recorder's mark for "unknown".
const SCREEN: f32 = 10_000.0;

/// One gesture, by what describes it.
#[derive(Debug, Clone)]
pub struct Gesture {
    pub(crate) features: Vec<f32>,
}

#[derive(Clone, Copy)]
struct Place {
    t: f64,
    x: f64,
    y: f64,
}

/// The gestures of a stretch of samples.
pub fn gestures(samples: &[Sample], cutting: Cutting) -> Vec<Gesture> {
    let mut found = Vec::new();
    let mut open: Vec<Place> = Vec::new();
    let mut pressed: Option<f64> = None;
    let mut ended: Option<f64> = None;
    let mut close = |open: &mut Vec<Place>, kind: f32, held: f64| {
        if let (Some(first), Some(last)) = (open.first(), open.last()) {
            let rest = ended.map_or(0.0, |ended: f64| (first.t - ended).clamp(0.0, 5.0));
            ended = Some(last.t);
            if open.len() >= cutting.fewest
                && let Some(features) = describe(open, kind, held, rest, cutting.fewest)
            {
                found.push(Gesture { features });
            }
        }
        open.clear();
    };
    for sample in samples.iter().filter(|s| s.x < SCREEN && s.y < SCREEN) {
        let place = Place {
            t: sample.at / 1_000.0,
            x: sample.x.into(),
            y: sample.y.into(),
        };
        if let Some(last) = open.last()
            && !(0.0..=cutting.pause / 1_000.0).contains(&(place.t - last.t))
        {
            close(&mut open, 0.0, 0.0);
            pressed = None;
        }
        open.push(place);
        match sample.kind {
            SampleKind::Press => pressed = Some(place.t),
            SampleKind::Release => {
                let held = pressed
                    .take()
                    .map_or(0.0, |t| (place.t - t).clamp(0.0, 5.0));
                let dragged = held > 0.0
                    && open
                        .iter()
                        .rev()
                        .take_while(|p| p.t > place.t - held)
                        .count()
                        > 3;
                close(&mut open, if dragged { 2.0 } else { 1.0 }, held);
            }
            SampleKind::Move if open.len() >= cutting.longest => close(&mut open, 3.0, 0.0),
            SampleKind::Move => {}
        }
    }
    close(&mut open, 0.0, 0.0);
    found
}

fn describe(all: &[Place], kind: f32, held: f64, rest: f64, fewest: usize) -> Option<Vec<f32>> {
    // Events with one and the same time say nothing about speed: the first of them stays.
    let mut path: Vec<Place> = Vec::with_capacity(all.len());
    for place in all {
        if path.last().is_none_or(|last| place.t > last.t) {
            path.push(*place);
        }
    }
    let n = path.len();
    if n < fewest.max(3) {
        return None;
    }
    let pairs = || {
        path.windows(2)
            .map(|p| (p[1].t - p[0].t, p[1].x - p[0].x, p[1].y - p[0].y))
    };
    let dt: Vec<f64> = pairs().map(|(t, ..)| t.max(1e-3)).collect();
    let step: Vec<f64> = pairs().map(|(_, x, y)| hypot(x, y)).collect();
    let vx: Vec<f64> = pairs().map(|(t, x, _)| x / t.max(1e-3)).collect();
    let vy: Vec<f64> = pairs().map(|(t, _, y)| y / t.max(1e-3)).collect();
    let mut speed: Vec<f64> = step.iter().zip(&dt).map(|(s, t)| s / t).collect();
    let change = |values: &[f64], by: &[f64]| -> Vec<f64> {
        values
            .windows(2)
            .zip(by)
            .map(|(v, t)| (v[1] - v[0]) / t)
            .collect()
    };
    let acceleration = change(&speed, &dt[1..]);
    let jerk = change(&acceleration, &dt[2.min(dt.len())..]);
    let angle: Vec<f64> = pairs().map(|(_, x, y)| atan2(y, x)).collect();
    let turn: Vec<f64> = angle.windows(2).map(|a| wrap(a[1] - a[0])).collect();
    let turning: Vec<f64> = turn.iter().zip(&dt[1..]).map(|(a, t)| a / t).collect();
    let curvature: Vec<f64> = turn
        .iter()
        .zip(&step[1..])
        .map(|(a, s)| a / s.max(0.5))
        .collect();
    let (first, last) = (path[0], path[n - 1]);
    let (across, down) = (last.x - first.x, last.y - first.y);
    let (length, chord, lasted) = (
        step.iter().sum::<f64>(),
        hypot(across, down),
        last.t - first.t,
    );
    let direction = atan2(down, across);
    let aside = path
        .iter()
        .map(|p| fabs((p.x - first.x) * down - (p.y - first.y) * across))
        .fold(0.0, f64::max);
    let speeding = acceleration
        .iter()
        .position(|a| *a < 0.0)
        .map_or(lasted, |i| path[i + 1].t - first.t);
    let fastest =
        speed.iter().enumerate().fold(
            (0, f64::MIN),
            |best, (i, &s)| {
                if s > best.1 { (i, s) } else { best }
            },
        );
    let ends = (speed[0], speed[speed.len() - 1]);
    let mut sorted = dt.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let share = |count: usize| count as f64 / n as f64;
    let mut out: Vec<f64> = vec![
        kind.into(),
        n as f64,
        length,
        chord,
        lasted,
        chord / length.max(1.0),
        direction,
        libm::floor((direction + PI) / (PI / 4.0)),
        if chord > 0.0 { aside / chord } else { 0.0 },
        turn.iter().map(|a| fabs(*a)).sum(),
        turn.iter().sum(),
        turn.iter().filter(|a| fabs(**a) > PI / 10.0).count() as f64,
        speeding,
        fastest.0 as f64 / n as f64,
        dt.iter().filter(|t| **t > 0.1).count() as f64,
        sorted[sorted.len() / 2],
        sorted[sorted.len() - 1],
        sorted[sorted.len() / 4],
        share(step.iter().filter(|s| **s == 0.0).count()),
        share(turn.iter().filter(|a| **a == 0.0).count()),
        share(vx.iter().filter(|v| **v == 0.0).count()),
        share(vy.iter().filter(|v| **v == 0.0).count()),
        step.iter().copied().fold(0.0, f64::max),
        length / lasted.max(1e-3),
        ends.0,
        ends.1,
        held,
        rest,
    ];
    for values in [&vx, &vy, &speed, &acceleration, &jerk, &turning, &curvature] {
        summarise(values, &mut out);
    }
    speed.sort_unstable_by(f64::total_cmp);
    out.extend([1, 2, 3].map(|q| speed[(speed.len() - 1) * q / 4]));
    let finite = |v: f64| {
        if v.is_finite() {
            v.clamp(-1e9, 1e9) as f32
        } else {
            0.0
        }
    };
    Some(out.into_iter().map(finite).collect())
}

/// Mean, deviation, least and most.
fn summarise(values: &[f64], out: &mut Vec<f64>) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    let least = values.iter().copied().fold(f64::MAX, f64::min);
    let most = values.iter().copied().fold(f64::MIN, f64::max);
    if values.is_empty() {
        out.extend([0.0; 4]);
    } else {
        out.extend([mean, sqrt(square), least, most]);
    }
}

/// An angle between -pi and pi.
fn wrap(angle: f64) -> f64 {
    if angle > PI {
        angle - 2.0 * PI
    } else if angle < -PI {
        angle + 2.0 * PI
    } else {
        angle
    }
}
