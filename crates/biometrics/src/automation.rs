//! Signs that a program produced the input: what no hand does, by bounds that recordings of some 1,400 people keep.

use crate::codec::{Fault, Reader};
use crate::keyboard::Timing;
use crate::roughness::Roughness;
use libm::{floor, sqrt};

/// Timings that the regularity of typing is judged by, and the fade that makes it about so many.
const WINDOW: f64 = 40.0;
/// Standard deviations of log-times that no person stays below: of holds, of press to press. One recorded window in a
/// thousand has less than 0.11 and 0.23.
const REGULAR: [f64; 2] = [0.08, 0.15];
/// Key events in a row on the ticks of a timer. Keyboards that are polled every 8 ms put people on a grid of 4 ms;
/// nothing puts them on 5 ms or on the frames of a screen.
const TICKS: u32 = 40;
/// Ticks in ms, and how far off an event may be: frames do not fall on whole milliseconds,
/// which both events of a gap are rounded to.
const GRIDS: [(f64, f64); 2] = [(5.0, 0.02), (50.0 / 3.0, 1.01)];
/// Holds up to this, in ms, are no finger's; and the share of such among the last strokes that a program makes.
const NO_HOLD: f64 = 8.0;
const HOLDLESS: f64 = 0.6;
/// Untrusted events that outnumber the trusted ones from this number on.
const UNTRUSTED: u32 = 50;
/// Characters that came without keys, from this number on and outnumbering the keys, are told (and are no crime).
const INSERTED: u32 = 40;

/// Counters; no event is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Automation {
    untrusted: u32,
    trusted: u32,
    inserted: u32,
    typed: u32,
    /// Fading number, sum and sum of squares: holds, then press to press.
    moments: [[f64; 3]; 2],
    /// Fading number of strokes, and of those that nothing held.
    strokes: f64,
    holdless: f64,
    latest_key: f64,
    grids: [u32; 2],
    roughness: Roughness,
    replayed: bool,
}

impl Automation {
    pub(crate) fn new() -> Self {
        Self {
            untrusted: 0,
            trusted: 0,
            inserted: 0,
            typed: 0,
            moments: [[0.0; 3]; 2],
            strokes: 0.0,
            holdless: 0.0,
            latest_key: 0.0,
            grids: [0; 2],
            roughness: Roughness::new(),
            replayed: false,
        }
    }

    pub(crate) fn untrusted(&mut self, count: u32) {
        self.untrusted = self.untrusted.saturating_add(count);
    }

    /// Characters appeared without keystrokes.
    pub(crate) fn inserted(&mut self, characters: u16) {
        self.inserted = self.inserted.saturating_add(u32::from(characters));
    }

    /// A key went down or up.
    pub(crate) fn key_event(&mut self, at: f64) {
        self.trusted = self.trusted.saturating_add(1);
        let gap = at - self.latest_key;
        self.latest_key = at;
        for (run, (grid, off)) in self.grids.iter_mut().zip(GRIDS) {
            let away = gap - floor(gap / grid + 0.5) * grid;
            // Events at the same time say nothing.
            if gap >= grid / 2.0 {
                *run = if away.abs() <= off {
                    run.saturating_add(1)
                } else {
                    0
                };
            }
        }
    }

    /// A key came up that was held so long.
    pub(crate) fn stroke(&mut self, held: f64) {
        self.typed = self.typed.saturating_add(1);
        let keep = 1.0 - 1.0 / WINDOW;
        self.strokes = self.strokes * keep + 1.0;
        self.holdless = self.holdless * keep + f64::from(u8::from(held <= NO_HOLD));
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

    /// Whether the last timings were seen before.
    pub(crate) fn replay(&mut self, is_replay: bool) {
        self.replayed |= is_replay;
    }

    /// The pointer moved.
    pub(crate) fn moved(&mut self, at: f64, x: f32, y: f32) {
        self.roughness.at(at, x, y);
    }

    /// A button went down or up, or the focus changed.
    pub(crate) fn stroke_ended(&mut self) {
        self.roughness.end();
    }

    /// An action is complete.
    pub(crate) fn action(&mut self) {
        self.trusted = self.trusted.saturating_add(1);
    }

    /// Codes of all signs there are.
    pub(crate) fn signs(&self) -> Vec<&'static str> {
        let mut signs = Vec::new();
        self.each_program(|sign| signs.push(sign));
        if self.untrusted > 0 {
            signs.push("untrusted_events");
        }
        if self.inserted >= INSERTED && self.inserted > self.typed {
            signs.push("inserted_text");
        }
        signs
    }

    /// Whether the signs suffice for a verdict. Web pages make a few untrusted events of their own, and people paste.
    pub(crate) fn is_program(&self) -> bool {
        let mut is = self.untrusted >= UNTRUSTED && self.untrusted > self.trusted;
        self.each_program(|_| is = true);
        is
    }

    fn each_program(&self, mut found: impl FnMut(&'static str)) {
        let regular = |([n, s, q], least): ([f64; 3], f64)| {
            n >= 20.0 && sqrt((q / n - s * s / (n * n)).max(0.0)) < least
        };
        if self.moments.into_iter().zip(REGULAR).any(regular) {
            found("regular_typing");
        }
        if self.grids.iter().any(|run| *run >= TICKS) {
            found("timer_grid");
        }
        if self.strokes >= 15.0 && self.holdless >= HOLDLESS * self.strokes {
            found("no_holds");
        }
        if self.replayed {
            found("replayed_typing");
        }
        if self.roughness.is_even() {
            found("constant_velocity");
        }
        if self.roughness.is_smooth() {
            found("smooth_pointer");
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let [five, frames] = self.grids;
        for number in [
            self.untrusted,
            self.trusted,
            self.inserted,
            self.typed,
            five,
            frames,
            u32::from(self.replayed),
        ] {
            out.extend(number.to_le_bytes());
        }
        let moments = self.moments.iter().flatten();
        moments
            .chain([&self.strokes, &self.holdless, &self.latest_key])
            .for_each(|v| out.extend(v.to_le_bytes()));
        self.roughness.write(out);
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
        let mut automation = Self {
            untrusted: from.u32()?,
            trusted: from.u32()?,
            inserted: from.u32()?,
            typed: from.u32()?,
            grids: [from.u32()?, from.u32()?],
            replayed: from.u32()? != 0,
            ..Self::new()
        };
        for value in automation.moments.iter_mut().flatten() {
            *value = from.f64(1e9)?;
        }
        automation.strokes = from.f64(1e9)?;
        automation.holdless = from.f64(1e9)?;
        automation.latest_key = from.f64(f64::MAX)?;
        automation.roughness = Roughness::read(from)?;
        Ok(automation)
    }
}
