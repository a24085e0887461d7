//! Pointer events to actions, without allocation.

use libm::{atan2f, fabsf, hypotf, logf, sqrtf};

/// Numbers that describe one action.
pub(crate) const FEATURES: usize = 26;
/// One frame of a 60 Hz screen, in ms.
const FRAME: f64 = 1_000.0 / 60.0;
/// An action ends at a pause longer than this, in ms.
const PAUSE: f64 = 250.0;
/// An action of so many frames is cut.
const LONGEST: usize = 48;
/// Fewer frames with an event are no action.
const FEWEST: u32 = 5;
/// A shorter path is no action, in pixels.
const SHORTEST: f32 = 3.0;

/// One action: its features, not standardised, and how long it took in ms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Action {
    pub features: [f32; FEATURES],
    pub lasted: f32,
}

/// Collects the frames of the action that is going on.
#[derive(Debug, Clone)]
pub(crate) struct Actions {
    x: [f32; LONGEST],
    y: [f32; LONGEST],
    /// Frames filled.
    frames: usize,
    /// Frames that had an event of their own.
    events: u32,
    /// Time of the first event of the action.
    began: f64,
    /// Time of the latest event.
    latest: f64,
    /// End of the action before.
    ended: Option<f64>,
    /// When the button that is down went down.
    pressed: Option<f64>,
}

impl Actions {
    pub(crate) fn new() -> Self {
        Self {
            x: [0.0; LONGEST],
            y: [0.0; LONGEST],
            frames: 0,
            events: 0,
            began: 0.0,
            latest: 0.0,
            ended: None,
            pressed: None,
        }
    }

    /// Whatever was going on is not continued: focus changed, time jumped.
    pub(crate) fn break_off(&mut self) {
        *self = Self::new();
    }

    /// The pointer is at a place. An action that this ends is returned.
    pub(crate) fn at(&mut self, t: f64, x: f32, y: f32) -> Option<Action> {
        let finished = if self.frames > 0 && t - self.latest > PAUSE {
            self.close(None)
        } else {
            None
        };
        let cut = self.place(t, x, y);
        finished.or(cut)
    }

    /// A button goes down.
    pub(crate) fn press(&mut self, t: f64, x: f32, y: f32) -> Option<Action> {
        let finished = self.at(t, x, y);
        self.pressed = Some(t);
        finished
    }

    /// A button comes up: an action ends.
    pub(crate) fn release(&mut self, t: f64, x: f32, y: f32) -> Option<Action> {
        let finished = self.at(t, x, y);
        let held = self
            .pressed
            .take()
            .map(|pressed| (t - pressed).clamp(0.0, 2_000.0));
        let clicked = self.close(Some(held.unwrap_or(0.0)));
        finished.or(clicked)
    }

    /// Nothing follows. The action that was going on is returned.
    #[cfg(feature = "train")]
    pub(crate) fn finish(&mut self) -> Option<Action> {
        self.close(None)
    }

    fn place(&mut self, t: f64, x: f32, y: f32) -> Option<Action> {
        if self.frames == 0 {
            self.began = t;
        }
        self.latest = t;
        let frame = ((t - self.began) / FRAME).max(0.0) as usize;
        if self.frames > 0 && frame < self.frames {
            self.x[self.frames - 1] = x;
            self.y[self.frames - 1] = y;
            return None;
        }
        // Frames without an event hold the place before.
        while self.frames < frame.min(LONGEST - 1) {
            self.x[self.frames] = self.x[self.frames - 1];
            self.y[self.frames] = self.y[self.frames - 1];
            self.frames += 1;
        }
        self.x[self.frames] = x;
        self.y[self.frames] = y;
        self.frames += 1;
        self.events += 1;
        if self.frames >= LONGEST {
            self.close(None)
        } else {
            None
        }
    }

    /// Ends the action; `held` is the duration of the click that ended it.
    fn close(&mut self, held: Option<f64>) -> Option<Action> {
        let rest = self
            .ended
            .map_or(0.0, |ended| (self.began - ended).clamp(0.0, 3_000.0));
        let action = (self.events >= FEWEST)
            .then(|| describe(&self.x[..self.frames], &self.y[..self.frames], held, rest))
            .flatten()
            .map(|features| Action {
                features,
                lasted: (self.latest - self.began) as f32,
            });
        if self.frames > 0 {
            self.ended = Some(self.latest);
        }
        self.frames = 0;
        self.events = 0;
        action
    }
}

/// Path, speed, acceleration, jerk, turning, direction, click and rest of one action.
fn describe(x: &[f32], y: &[f32], held: Option<f64>, rest: f64) -> Option<[f32; FEATURES]> {
    let frames = x.len();
    let steps = frames.checked_sub(1).filter(|&n| n >= 4)?;
    let mut speed = [0.0f32; LONGEST];
    let (mut length, mut across, mut down) = (0.0f32, 0.0f32, 0.0f32);
    let (mut turns, mut turned, mut sharpest) = (0u32, 0.0f32, 0.0f32);
    let mut direction: Option<f32> = None;
    let mut still = 0u32;
    for i in 0..steps {
        let (dx, dy) = (x[i + 1] - x[i], y[i + 1] - y[i]);
        let step = hypotf(dx, dy);
        speed[i] = step;
        length += step;
        across += fabsf(dx);
        down += fabsf(dy);
        if step > 0.0 {
            let angle = atan2f(dy, dx);
            if let Some(before) = direction {
                let turn = fabsf(wrap(angle - before));
                turned += turn;
                sharpest = sharpest.max(turn);
                turns += 1;
            }
            direction = Some(angle);
        } else {
            still += 1;
        }
    }
    if !(SHORTEST..1e6).contains(&length) {
        return None;
    }
    let speed = &mut speed[..steps];
    let n = steps as f32;
    let (ex, ey) = (x[frames - 1] - x[0], y[frames - 1] - y[0]);
    let chord = hypotf(ex, ey);
    let aside = (0..frames)
        .map(|i| fabsf((x[i] - x[0]) * ey - (y[i] - y[0]) * ex))
        .fold(0.0f32, f32::max)
        / chord.max(1.0);
    let mean = length / n;
    let spread = sqrtf(speed.iter().map(|s| (s - mean) * (s - mean)).sum::<f32>() / n);
    let peak = speed.iter().enumerate().fold(
        (0, f32::MIN),
        |best, (i, &s)| if s > best.1 { (i, s) } else { best },
    );
    let first = speed[..3].iter().sum::<f32>() / 3.0;
    let last = speed[steps - 3..].iter().sum::<f32>() / 3.0;
    let mut pull = (0.0f32, 0.0f32, 0.0f32); // mean size, most, least of acceleration
    for pair in speed.windows(2) {
        let a = pair[1] - pair[0];
        pull = (pull.0 + fabsf(a), pull.1.max(a), pull.2.min(a));
    }
    let jerk = speed
        .windows(3)
        .map(|w| fabsf(w[2] - 2.0 * w[1] + w[0]))
        .sum::<f32>()
        / (n - 2.0);
    speed.sort_unstable_by(f32::total_cmp);
    let quantile = |q: usize| speed[(steps - 1) * q / 4];
    let log = |value: f32, floor: f32| logf(value.max(0.0) + floor);
    Some([
        log(n, 1.0),
        log(length, 1.0),
        log(chord, 1.0),
        chord / length,
        log(mean, 0.1),
        log(peak.1, 0.1),
        log(spread, 0.1),
        log(quantile(2), 0.1),
        log(pull.0 / (n - 1.0), 0.1),
        log(pull.1, 0.1),
        log(-pull.2, 0.1),
        log(jerk, 0.1),
        peak.0 as f32 / n,
        still as f32 / n,
        log(turned / turns.max(1) as f32, 0.02),
        log(sharpest, 0.02),
        log(aside, 1.0),
        (across - down) / length,
        ex / length,
        ey / length,
        log(quantile(1), 0.1),
        log(quantile(3), 0.1),
        log(last, 0.1),
        log(first, 0.1),
        held.map_or(3.5, |held| log(held as f32, 10.0)),
        log(rest as f32, 20.0),
    ])
}

/// An angle between -pi and pi.
fn wrap(angle: f32) -> f32 {
    use std::f32::consts::PI;
    if angle > PI {
        angle - 2.0 * PI
    } else if angle < -PI {
        angle + 2.0 * PI
    } else {
        angle
    }
}
