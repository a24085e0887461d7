//! Whether a stretch of typing has been seen before: bounded sets of salted hashes of timings, no order, no keys.
//!
//! Nine timings in a row (holds and press to press, in steps of 8 ms) make one hash. A person hardly repeats one, a
//! recording that is played again repeats nearly all, and about every other one where it is played a millisecond off.
//! Sets are Bloom filters (Bloom, *Communications of the ACM* 13, 1970): what went in cannot be listed.

use crate::codec::{Fault, Reader};
use crate::keyboard::Timing;
use libm::{expf, floorf};

/// Timings in one hash.
const TIMINGS: usize = 9;
/// Width of a step of time, in ms, and where steps begin: keyboards are polled every 4 or 8 ms and timers tick in whole
/// ms, so that edges between their multiples keep a time in its step when it comes a little late.
const STEP: f32 = 8.0;
const EDGE: f32 = 3.3;
/// Bytes of a set; there are two, the newer and the older.
const BYTES: usize = 4_096;
/// Bits that one hash sets.
const BITS: u32 = 3;
/// Hashes in one set, at most: then it becomes the older one.
const MOST: u32 = 2_500;
/// Hits among the last 32 hashes from which it is a replay.
const HITS: u32 = 12;

/// Two generations of hashes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    salt: u64,
    number: u32,
    newer: Box<[u8]>,
    older: Box<[u8]>,
}

impl Seen {
    pub(crate) fn new(salt: u64) -> Self {
        Self {
            salt,
            number: 0,
            newer: vec![0; BYTES].into(),
            older: vec![0; BYTES].into(),
        }
    }

    pub(crate) fn salt(&self) -> u64 {
        self.salt
    }

    /// Begins anew, with another salt.
    pub(crate) fn restart(&mut self, salt: u64) {
        self.salt = salt;
        self.number = 0;
        self.newer.fill(0);
        self.older.fill(0);
    }

    fn contains(&self, hash: u64) -> bool {
        let is_in = |set: &[u8]| places(hash).all(|(byte, bit)| set[byte] & bit != 0);
        is_in(&self.newer) || is_in(&self.older)
    }

    fn insert(&mut self, hash: u64) {
        if self.number >= MOST {
            self.turn();
        }
        self.number += 1;
        for (byte, bit) in places(hash) {
            self.newer[byte] |= bit;
        }
    }

    fn turn(&mut self) {
        std::mem::swap(&mut self.newer, &mut self.older);
        self.newer.fill(0);
        self.number = 0;
    }

    /// Takes over what another set with the same salt has seen.
    pub(crate) fn merge(&mut self, other: &Seen) {
        if other.salt != self.salt || other.is_empty() {
            return;
        }
        if self.number.saturating_add(other.number) > MOST {
            self.turn();
        }
        self.number = self.number.saturating_add(other.number).min(MOST);
        for (mine, theirs) in [
            (&mut self.newer, &other.newer),
            (&mut self.older, &other.older),
        ] {
            mine.iter_mut()
                .zip(theirs)
                .for_each(|(mine, theirs)| *mine |= theirs);
        }
    }

    fn is_empty(&self) -> bool {
        self.number == 0 && self.older.iter().all(|byte| *byte == 0)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.salt.to_le_bytes());
        out.extend(self.number.to_le_bytes());
        // Sets that are not full are mostly nothing.
        for set in [&self.newer, &self.older] {
            let number = set.iter().filter(|byte| **byte != 0).count();
            let is_sparse = number * 3 < BYTES;
            out.push(u8::from(is_sparse));
            if is_sparse {
                out.extend((number as u16).to_le_bytes());
                for (place, byte) in set.iter().enumerate().filter(|(_, byte)| **byte != 0) {
                    out.extend((place as u16).to_le_bytes());
                    out.push(*byte);
                }
            } else {
                out.extend(set.iter());
            }
        }
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
        let mut seen = Self::new(u64::from_le_bytes(from.bytes()?));
        seen.number = from.u32()?;
        for set in [&mut seen.newer, &mut seen.older] {
            match from.u8()? {
                0 => set.copy_from_slice(from.slice(BYTES)?),
                1 => {
                    for _ in 0..from.u16()? {
                        let place = usize::from(from.u16()?);
                        *set.get_mut(place).ok_or(Fault::OutOfRange)? = from.u8()?;
                    }
                }
                _ => return Err(Fault::OutOfRange),
            }
        }
        if seen.number > MOST {
            return Err(Fault::OutOfRange);
        }
        Ok(seen)
    }
}

/// Where a hash sets its bits.
fn places(hash: u64) -> impl Iterator<Item = (usize, u8)> {
    (0..BITS).map(move |k| {
        let bit = (hash >> (20 * k)) as usize % (BYTES * 8);
        (bit / 8, 1 << (bit % 8))
    })
}

/// Turns timings into hashes, and remembers which of the last were known.
#[derive(Debug, Clone)]
pub(crate) struct Replay {
    /// The last timings in steps; not stored anywhere.
    recent: [u8; TIMINGS],
    filled: usize,
    /// One bit per hash, the newest lowest: whether it was known.
    known: u32,
    pub seen: Seen,
}

impl Replay {
    pub(crate) fn new(salt: u64) -> Self {
        Self {
            recent: [0; TIMINGS],
            filled: 0,
            known: 0,
            seen: Seen::new(salt),
        }
    }

    /// The last timings belong to nothing that follows.
    pub(crate) fn break_off(&mut self) {
        self.filled = 0;
    }

    pub(crate) fn clear(&mut self) {
        let salt = self.seen.salt;
        self.restart(salt);
    }

    pub(crate) fn restart(&mut self, salt: u64) {
        self.break_off();
        self.known = 0;
        self.seen.restart(salt);
    }

    /// Takes one timing; `template` is what the template has seen.
    pub(crate) fn timing(&mut self, timing: Timing, template: Option<&Seen>) {
        if timing.kind > 1 {
            return;
        }
        self.recent.rotate_left(1);
        self.recent[TIMINGS - 1] =
            floorf((expf(timing.value) + EDGE) / STEP).clamp(0.0, 255.0) as u8;
        self.filled = (self.filled + 1).min(TIMINGS);
        if timing.kind == 0 && self.filled == TIMINGS {
            let hash = self.hash();
            let is_known = self.seen.contains(hash) || template.is_some_and(|t| t.contains(hash));
            self.known = self.known << 1 | u32::from(is_known);
            self.seen.insert(hash);
        }
    }

    pub(crate) fn is_replay(&self) -> bool {
        self.known.count_ones() >= HITS
    }

    /// FNV-1a over salt and timings, then mixed so that every bit depends on all.
    fn hash(&self) -> u64 {
        let bytes = self.seen.salt.to_le_bytes();
        let all = bytes.iter().chain(&self.recent);
        let mut h = all.fold(0xcbf2_9ce4_8422_2325u64, |h, byte| {
            (h ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        h = (h ^ h >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        h = (h ^ h >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        h ^ h >> 31
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.known.to_le_bytes());
        self.seen.write(out);
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
        let mut replay = Self::new(0);
        replay.known = from.u32()?;
        replay.seen = Seen::read(from)?;
        Ok(replay)
    }
}
