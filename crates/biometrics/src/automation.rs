//! Signs that a program produced the input. Basic: only what no hand does.

use crate::codec::{Fault, Reader};
use crate::keyboard::Timing;
use crate::pointer::Action;
use libm::{expf, floor, sqrt};

/// Timings that the regularity of typing is judged by, and the fade that makes it about so many.
const WINDOW: f64 = 40.0;
/// A person's log-times never vary so little, in nats: a hold or a rhythm that is the same within 5 %.
const REGULAR: f64 = 0.05;
/// Key events in a row on a grid of 10 ms.
const GRID: u32 = 40;
const GRID_STEP: f64 = 10.0;
/// Straight actions of constant speed in a row.
const SMOOTH: u32 = 3;
/// Untrusted events that outnumber the trusted ones from this number on.
const UNTRUSTED: u32 = 50;

/// Counters; no event is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Automation {
    untrusted: u32,
    trusted: u32,
    /// Fading number, sum and sum of squares: holds, then press to press.
    moments: [[f64; 3]; 2],
    latest_key: f64,
    grid: u32,
    smooth: u32,
}

impl Automation {
    pub(crate) fn new() -> Self {
        Self {
            untrusted: 0,
            trusted: 0,
            moments: [[0.0; 3]; 2],
            latest_key: 0.0,
            grid: 0,
            smooth: 0,
        }
    }

    pub(crate) fn untrusted(&mut self, count: u32) {
        self.untrusted = self.untrusted.saturating_add(count);
    }

    /// A key went down or up.
    pub(crate) fn key_event(&mut self, at: f64) {
        self.trusted = self.trusted.saturating_add(1);
        let gap = at - self.latest_key;
        self.latest_key = at;
        let off = gap - floor(gap / GRID_STEP + 0.5) * GRID_STEP;
        let on_grid = gap >= GRID_STEP / 2.0 && off.abs() < 0.02;
        self.grid = if on_grid {
            self.grid.saturating_add(1)
        } else {
            0
        };
    }

    pub(crate) fn timing(&mut self, timing: Timing) {
        if let Some(moments) = self.moments.get_mut(usize::from(timing.kind)) {
            let keep = 1.0 - 1.0 / WINDOW;
            let value = f64::from(timing.value);
            *moments = [
                moments[0] * keep + 1.0,
                moments[1] * keep + value,
                moments[2] * keep + value * value,
            ];
        }
    }

    pub(crate) fn action(&mut self, action: &Action) {
        self.trusted = self.trusted.saturating_add(1);
        // Features 4 and 6 are the logarithms of mean speed and of its spread, 3 is straightness, 1 log length.
        let [_, length, _, straight, mean, _, spread, ..] = action.features;
        let constant = expf(spread) - 0.1 < 0.02 * expf(mean);
        if constant && straight > 0.999 && length > 4.6 {
            self.smooth = self.smooth.saturating_add(1);
        } else if length > 4.6 {
            self.smooth = 0;
        }
    }

    /// Codes of all signs there are.
    pub(crate) fn signs(&self) -> Vec<&'static str> {
        let mut signs = self.programs();
        if self.untrusted > 0 {
            signs.push("untrusted_events");
        }
        signs
    }

    /// Whether the signs suffice for a verdict. Web pages make a few untrusted events of their own.
    pub(crate) fn is_program(&self) -> bool {
        !self.programs().is_empty()
            || (self.untrusted >= UNTRUSTED && self.untrusted > self.trusted)
    }

    fn programs(&self) -> Vec<&'static str> {
        let regular =
            |[n, s, q]: [f64; 3]| n >= 20.0 && sqrt((q / n - s * s / (n * n)).max(0.0)) < REGULAR;
        let mut signs = Vec::new();
        if self.moments.into_iter().any(regular) {
            signs.push("regular_typing");
        }
        if self.grid >= GRID {
            signs.push("timer_grid");
        }
        if self.smooth >= SMOOTH {
            signs.push("constant_velocity");
        }
        signs
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for number in [self.untrusted, self.trusted, self.grid, self.smooth] {
            out.extend(number.to_le_bytes());
        }
        self.moments
            .iter()
            .flatten()
            .chain([&self.latest_key])
            .for_each(|v| out.extend(v.to_le_bytes()));
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
        let (untrusted, trusted, grid, smooth) =
            (from.u32()?, from.u32()?, from.u32()?, from.u32()?);
        let mut moments = [[0.0; 3]; 2];
        for value in moments.iter_mut().flatten() {
            *value = from.f64(1e9)?;
        }
        Ok(Self {
            untrusted,
            trusted,
            moments,
            latest_key: from.f64(f64::MAX)?,
            grid,
            smooth,
        })
    }
}
