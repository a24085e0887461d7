//! What was typed and moved since the unlock, as sums, until a strong factor says whose it is.
//!
//! Evidence comes in *segments* of some sixty keystrokes. A segment waits for the next one: if the change detector
//! suspects somebody else by then, both are put aside, since the change may have begun in either. What is put aside
//! never joins a template that knows the person; of a template that does not yet, it counts as a contradiction.

use crate::codec::{Fault, Reader, write_keys, write_phrase, write_pointer};
use crate::keyboard::{KeyNorm, PhraseNorm};
use crate::pointer::PointerNorm;

/// One slot takes segments for so long, in ms; there are two.
const OPEN: f64 = 4.0 * 3_600_000.0;
/// Segments may join a template for so long after their slot was opened, in ms.
const JOINABLE: f64 = 8.0 * 3_600_000.0;
/// Clocks may disagree by so much, in ms.
const LATE: f64 = 1_000.0;
/// Keystrokes, or actions, that make a segment.
const SEGMENT: (u32, u32) = (60, 24);
/// No clock shows more.
const NO_CLOCK: f64 = 9.0e15;

/// Sums of one stretch.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    pub keys: KeyNorm,
    pub pointer: PointerNorm,
    /// The user name, where it was typed.
    pub phrase: PhraseNorm,
}

impl Stretch {
    fn new() -> Self {
        Self {
            keys: KeyNorm::new(),
            pointer: PointerNorm::new(),
            phrase: PhraseNorm::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.pointer.is_empty() && self.phrase.is_empty()
    }

    fn clear(&mut self) {
        if !self.is_empty() {
            self.keys.clear();
            self.pointer.clear();
            self.phrase = PhraseNorm::new();
        }
    }

    fn take(&mut self, from: &mut Stretch) {
        if !from.is_empty() {
            self.keys.merge(&from.keys);
            self.pointer.merge(&from.pointer);
            self.phrase.merge(&from.phrase);
            from.clear();
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_keys(&self.keys, out);
        write_pointer(&self.pointer, out);
        write_phrase(&self.phrase, out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            keys: from.keys()?,
            pointer: from.pointer()?,
            phrase: from.phrase()?,
        })
    }
}

#[derive(Debug, Clone)]
struct Slot {
    began: f64,
    stretch: Stretch,
}

/// Everything that waits for a strong factor.
#[derive(Debug, Clone)]
pub(crate) struct Quarantine {
    slots: [Slot; 2],
    /// The segment before, and the one that is being filled.
    waiting: Stretch,
    fresh: Stretch,
    /// Keystrokes and actions that were put aside.
    aside: (u32, u32),
    /// Blocks of evidence in this unlock that a template could be asked about, and those it would have answered.
    pub judged: u32,
    pub silent: u32,
    /// The greatest suspicion of this unlock.
    pub peak: f32,
}

/// What a strong factor vouches for.
pub(crate) struct Vouched<'a> {
    pub stretches: Vec<&'a Stretch>,
    /// Keystrokes and actions that fit, and such as were put aside.
    pub fitting: (u32, u32),
    pub aside: (u32, u32),
}

impl Quarantine {
    pub(crate) fn new() -> Self {
        let slot = Slot {
            began: 0.0,
            stretch: Stretch::new(),
        };
        Self {
            slots: [slot.clone(), slot],
            waiting: Stretch::new(),
            fresh: Stretch::new(),
            aside: (0, 0),
            judged: 0,
            silent: 0,
            peak: 0.0,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.stretch.clear());
        self.waiting.clear();
        self.fresh.clear();
        self.aside = (0, 0);
        self.judged = 0;
        self.silent = 0;
        self.peak = 0.0;
    }

    /// Where evidence of this moment goes.
    pub(crate) fn fresh(&mut self, at: f64) -> &mut Stretch {
        self.open(at);
        &mut self.fresh
    }

    /// Ends the segment where it is long enough. `suspicious` is the change detector's opinion at this moment.
    pub(crate) fn advance(&mut self, at: f64, suspicious: bool) {
        if suspicious {
            self.put_aside();
        } else if self.fresh.keys.keys >= SEGMENT.0 || self.fresh.pointer.actions >= SEGMENT.1 {
            let place = self.open(at);
            self.slots[place].stretch.take(&mut self.waiting);
            std::mem::swap(&mut self.waiting, &mut self.fresh);
        }
    }

    fn put_aside(&mut self) {
        for stretch in [&mut self.waiting, &mut self.fresh] {
            self.aside.0 = self.aside.0.saturating_add(stretch.keys.keys);
            self.aside.1 = self.aside.1.saturating_add(stretch.pointer.actions);
            stretch.clear();
        }
    }

    /// What a strong factor at `now` vouches for; nothing where the slot is too old.
    pub(crate) fn vouched(&mut self, now: f64) -> Vouched<'_> {
        let newest = self.newest();
        let began = self.slots[newest].began;
        if now.is_finite() && (-LATE..=JOINABLE).contains(&(now - began)) {
            let Self {
                slots,
                waiting,
                fresh,
                ..
            } = self;
            slots[newest].stretch.take(waiting);
            slots[newest].stretch.take(fresh);
        }
        let stretches: Vec<&Stretch> = self
            .slots
            .iter()
            .filter(|slot| {
                !slot.stretch.is_empty() && (-LATE..=JOINABLE).contains(&(now - slot.began))
            })
            .map(|slot| &slot.stretch)
            .collect();
        let sum = |of: fn(&Stretch) -> u32| {
            stretches
                .iter()
                .fold(0u32, |sum, stretch| sum.saturating_add(of(stretch)))
        };
        Vouched {
            fitting: (sum(|s| s.keys.keys), sum(|s| s.pointer.actions)),
            aside: self.aside,
            stretches,
        }
    }

    fn newest(&self) -> usize {
        usize::from(self.slots[1].began > self.slots[0].began)
    }

    /// The slot that takes segments at this time; the older of the two makes room.
    fn open(&mut self, at: f64) -> usize {
        let newest = self.newest();
        let is_used = self.slots.iter().any(|slot| !slot.stretch.is_empty())
            || !self.waiting.is_empty()
            || !self.fresh.is_empty();
        if is_used && (0.0..OPEN).contains(&(at - self.slots[newest].began)) {
            return newest;
        }
        if is_used {
            // What waits belongs to the slot that closes.
            let Self {
                slots,
                waiting,
                fresh,
                ..
            } = self;
            slots[newest].stretch.take(waiting);
            slots[newest].stretch.take(fresh);
        }
        let place = 1 - newest;
        self.slots[place].stretch.clear();
        self.slots[place].began = at;
        if at <= self.slots[newest].began {
            // A clock that went back: what came before cannot be dated.
            self.slots[newest].stretch.clear();
            self.slots[newest].began = 0.0;
        }
        place
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for number in [self.aside.0, self.aside.1, self.judged, self.silent] {
            out.extend(number.to_le_bytes());
        }
        out.extend(self.peak.to_le_bytes());
        for slot in &self.slots {
            out.extend(slot.began.to_le_bytes());
            slot.stretch.write(out);
        }
        self.waiting.write(out);
        self.fresh.write(out);
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
        let mut quarantine = Self::new();
        quarantine.aside = (from.u32()?, from.u32()?);
        (quarantine.judged, quarantine.silent) = (from.u32()?, from.u32()?);
        quarantine.peak = from.f32(100.0)?.max(0.0);
        for slot in &mut quarantine.slots {
            slot.began = from.f64(NO_CLOCK)?;
            slot.stretch = Stretch::read(from)?;
        }
        quarantine.waiting = Stretch::read(from)?;
        quarantine.fresh = Stretch::read(from)?;
        Ok(quarantine)
    }
}
