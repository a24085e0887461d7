//! Key events to timings, without allocation: a ring of the last strokes waits for their releases.

use super::{CLASSES, Layout, class_of, pair_of_person};
use libm::log;

/// Presses further apart than this are a pause, not a rhythm, in ms.
const PAUSE: f64 = 1_500.0;
/// Holds outside of these bounds are not a keystroke, in ms.
const HOLD: (f64, f64) = (5.0, 1_000.0);
/// Added before the logarithm where keys may overlap, in ms.
const OVERLAP: f64 = 300.0;
/// A key that was not released after so long has lost its release, in ms.
const LOST: f64 = 5_000.0;
/// Strokes that may wait for a release at one time.
const RING: usize = 16;

/// One key, pressed and released; times in ms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stroke {
    pub class: u8,
    pub down: f64,
    pub up: f64,
}

/// One observation: the logarithm of a time, with its place among everybody's and its feature of a person.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Timing {
    pub place: u16,
    pub feature: u16,
    pub kind: u8,
    pub value: f32,
}

/// The hold of a stroke, where it is one.
pub(super) fn hold_of(stroke: &Stroke) -> Option<Timing> {
    let held = stroke.up - stroke.down;
    (held > HOLD.0 && held < HOLD.1).then(|| Timing {
        place: u16::from(stroke.class),
        feature: u16::from(stroke.class),
        kind: 0,
        value: log(held) as f32,
    })
}

/// The three timings of two strokes in a row, unless a pause lies between them.
pub(super) fn pair_of(before: &Stroke, stroke: &Stroke) -> Option<[Timing; 3]> {
    let press = stroke.down - before.down;
    if !(0.0..PAUSE).contains(&press) {
        return None;
    }
    let gap = stroke.down - before.up + OVERLAP;
    let release = stroke.up - before.up + OVERLAP;
    let place = usize::from(before.class) * CLASSES + usize::from(stroke.class);
    let kept = pair_of_person(before.class, stroke.class);
    let timing = |kind: usize, value: f64| Timing {
        place: Layout::CLASSES.pair(kind, place),
        feature: Layout::GROUPS.pair(kind, kept),
        kind: kind as u8,
        value: log(value) as f32,
    };
    Some([
        timing(1, press.clamp(5.0, PAUSE)),
        timing(2, gap.clamp(20.0, 1_800.0)),
        timing(3, release.clamp(20.0, 2_000.0)),
    ])
}

/// All timings of a stroke that is complete, given the one before it if they belong together.
#[cfg(feature = "train")]
pub(crate) fn timings_of(before: Option<&Stroke>, stroke: &Stroke, mut sink: impl FnMut(Timing)) {
    if let Some(hold) = hold_of(stroke) {
        sink(hold);
    }
    if let Some(timings) = before.and_then(|before| pair_of(before, stroke)) {
        timings.into_iter().for_each(sink);
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    key: u8,
    stroke: Stroke,
    released: bool,
    /// Whether the stroke in the slot before this one is its predecessor.
    chained: bool,
}

/// The streaming form of [`timings_of`].
#[derive(Debug, Clone)]
pub(crate) struct Strokes {
    ring: [Slot; RING],
    /// Strokes so far, wrapping: the next goes to `next % RING`.
    next: usize,
    /// Slots that hold a stroke.
    filled: usize,
    /// The next stroke has no predecessor.
    broken: bool,
}

impl Strokes {
    pub(crate) fn new() -> Self {
        let empty = Slot {
            key: 0,
            stroke: Stroke {
                class: 0,
                down: 0.0,
                up: 0.0,
            },
            released: true,
            chained: false,
        };
        Self {
            ring: [empty; RING],
            next: 0,
            filled: 0,
            broken: true,
        }
    }

    /// No rhythm reaches across this moment: focus changed, text was inserted, time jumped.
    pub(crate) fn break_chain(&mut self) {
        self.filled = 0;
        self.broken = true;
    }

    /// A key goes down; `false` where it is auto-repeat.
    pub(crate) fn down(&mut self, key: u8, at: f64) -> bool {
        if let Some(slot) = self.waiting(key) {
            if at - slot.stroke.down < LOST {
                return false;
            }
            self.break_chain();
        }
        let chained = !self.broken && self.filled > 0;
        self.ring[self.next % RING] = Slot {
            key,
            stroke: Stroke {
                class: class_of(key),
                down: at,
                up: at,
            },
            released: false,
            chained,
        };
        self.next = (self.next + 1) % (RING * 2);
        self.filled = (self.filled + 1).min(RING);
        self.broken = false;
        true
    }

    /// A key comes up; its timings go to `sink`, and how long it was held comes back where a stroke was completed.
    pub(crate) fn up(&mut self, key: u8, at: f64, mut sink: impl FnMut(Timing)) -> Option<f64> {
        let back = (1..=self.filled).find(|&back| {
            let slot = &self.ring[self.place(back)];
            slot.key == key && !slot.released
        })?;
        let place = self.place(back);
        self.ring[place].stroke.up = at;
        self.ring[place].released = true;
        let slot = self.ring[place];
        if let Some(hold) = hold_of(&slot.stroke) {
            sink(hold);
        }
        if slot.chained && back < self.filled {
            let before = &self.ring[self.place(back + 1)];
            if before.released
                && let Some(timings) = pair_of(&before.stroke, &slot.stroke)
            {
                timings.into_iter().for_each(&mut sink);
            }
        }
        if back > 1 {
            let after = &self.ring[self.place(back - 1)];
            if after.chained
                && after.released
                && let Some(timings) = pair_of(&slot.stroke, &after.stroke)
            {
                timings.into_iter().for_each(&mut sink);
            }
        }
        Some(slot.stroke.up - slot.stroke.down)
    }

    fn waiting(&self, key: u8) -> Option<&Slot> {
        (1..=self.filled)
            .map(|back| &self.ring[self.place(back)])
            .find(|slot| slot.key == key && !slot.released)
    }

    /// The slot of the stroke `back` places before the next one.
    fn place(&self, back: usize) -> usize {
        (self.next + 2 * RING - back) % RING
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (key, down, up) to (kind, time in ms) in the order of emission.
    fn check(strokes: &[(u8, f64, f64)], expected: &[(u8, f64)]) {
        let mut events: Vec<(f64, bool, u8)> = Vec::new();
        for &(key, down, up) in strokes {
            events.push((down, true, key));
            events.push((up, false, key));
        }
        events.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut ring = Strokes::new();
        let mut found = Vec::new();
        for (at, is_down, key) in events {
            if is_down {
                ring.down(key, at);
            } else {
                ring.up(key, at, |t| found.push((t.kind, f64::from(t.value))));
            }
        }
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            let overlap = if expected.0 >= 2 { OVERLAP } else { 0.0 };
            assert_eq!(found.0, expected.0);
            assert!(
                (found.1 - log(expected.1 + overlap)).abs() < 1e-5,
                "{found:?} {expected:?}"
            );
        }
    }

    #[test]
    fn a_pair_is_told_when_both_keys_are_released() {
        check(
            &[(65, 0.0, 80.0), (66, 150.0, 240.0)],
            &[(0, 80.0), (0, 90.0), (1, 150.0), (2, 70.0), (3, 160.0)],
        );
    }

    #[test]
    fn a_key_held_over_the_next_still_makes_the_pair() {
        check(
            &[(16, 0.0, 200.0), (66, 100.0, 180.0)],
            &[(0, 80.0), (0, 200.0), (1, 100.0), (2, -100.0), (3, -20.0)],
        );
    }

    #[test]
    fn no_pair_reaches_across_a_pause() {
        check(
            &[(65, 0.0, 80.0), (66, 1_600.0, 1_700.0)],
            &[(0, 80.0), (0, 100.0)],
        );
    }

    #[test]
    fn auto_repeat_and_lost_releases_are_no_strokes() {
        let mut ring = Strokes::new();
        assert!(ring.down(65, 0.0));
        assert!(!ring.down(65, 500.0));
        assert!(ring.down(65, 6_000.0), "the release was lost");
        let mut holds = Vec::new();
        assert_eq!(ring.up(65, 6_090.0, |t| holds.push(t.kind)), Some(90.0));
        assert_eq!(ring.up(65, 6_100.0, |t| holds.push(t.kind)), None);
        assert_eq!(holds, [0]);
    }

    #[test]
    fn many_keys_held_at_once_are_forgotten_one_by_one() {
        let mut ring = Strokes::new();
        for key in 0..40 {
            ring.down(key, f64::from(key) * 10.0);
        }
        assert_eq!(ring.up(0, 500.0, |_| {}), None);
        assert!(ring.up(39, 500.0, |_| {}).is_some());
    }
}
