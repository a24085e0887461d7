//! Little-endian bytes of models, templates and states; every read is checked.

use crate::keyboard::{CELLS, CLASSES, FEATURES, KINDS, KeyNorm, PAIRS};
use crate::pointer::{COMPONENTS, PointerNorm};

/// Log-milliseconds are kept in steps of 1/8192.
pub(crate) const STEP: f32 = 8_192.0;
/// Counts are kept in steps of 1/128.
const COUNT_STEP: f32 = 128.0;

/// What a read can find wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Truncated,
    Trailing,
    OutOfRange,
}

pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (head, tail) = self.0.split_first_chunk().ok_or(Fault::Truncated)?;
        self.0 = tail;
        Ok(*head)
    }

    pub(crate) fn slice(&mut self, n: usize) -> Result<&'a [u8], Fault> {
        let (head, tail) = self.0.split_at_checked(n).ok_or(Fault::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Fault> {
        Ok(self.bytes::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Fault> {
        Ok(u16::from_le_bytes(self.bytes()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Fault> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    /// A finite number of at most this size.
    pub(crate) fn f32(&mut self, most: f32) -> Result<f32, Fault> {
        let value = f32::from_le_bytes(self.bytes()?);
        if value.abs() <= most {
            Ok(value)
        } else {
            Err(Fault::OutOfRange)
        }
    }

    /// A finite number of at most this size.
    pub(crate) fn f64(&mut self, most: f64) -> Result<f64, Fault> {
        let value = f64::from_le_bytes(self.bytes()?);
        if value.abs() <= most {
            Ok(value)
        } else {
            Err(Fault::OutOfRange)
        }
    }

    pub(crate) fn f32s<const N: usize>(&mut self, most: f32) -> Result<[f32; N], Fault> {
        let mut values = [0.0; N];
        for value in &mut values {
            *value = self.f32(most)?;
        }
        Ok(values)
    }

    pub(crate) fn end(self) -> Result<(), Fault> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Fault::Trailing)
        }
    }

    /// What [`write_keys`] wrote.
    pub(crate) fn keys(&mut self) -> Result<KeyNorm, Fault> {
        let mut norm = KeyNorm::new();
        norm.keys = self.u32()?;
        for square in &mut norm.squares {
            *square = self.f64(1e12)?;
        }
        let seen = self.slice(CELLS.div_ceil(8))?;
        for cell in (0..CELLS).filter(|cell| seen[cell / 8] >> (cell % 8) & 1 == 1) {
            let count = f32::from(self.u16()?) / COUNT_STEP;
            norm.count[cell] = count;
            let kinds = if cell < CLASSES { 1 } else { KINDS - 1 };
            for feature in (0..kinds).map(|k| cell + k * PAIRS) {
                norm.sum[feature] = f32::from(self.u16()?) / STEP * count;
            }
        }
        Ok(norm)
    }

    /// What [`write_pointer`] wrote.
    pub(crate) fn pointer(&mut self) -> Result<PointerNorm, Fault> {
        let mut norm = PointerNorm::new();
        norm.actions = self.u32()?;
        norm.lasted = self.f32(1e12)?;
        if norm.lasted < 0.0 {
            return Err(Fault::OutOfRange);
        }
        if norm.actions > 0 {
            for c in 0..COMPONENTS {
                norm.count[c] = self.f32(1e6)?;
                if norm.count[c] < 0.0 {
                    return Err(Fault::OutOfRange);
                }
                norm.sum[c] = self.f32s(1e7)?;
            }
        }
        Ok(norm)
    }
}

/// Sparse: only cells that were seen. Counts and means are rounded; no order of keys is in it.
pub(crate) fn write_keys(norm: &KeyNorm, out: &mut Vec<u8>) {
    out.extend(norm.keys.to_le_bytes());
    norm.squares
        .iter()
        .for_each(|square| out.extend(square.to_le_bytes()));
    let count = |cell: usize| (norm.count[cell] * COUNT_STEP + 0.5).min(65_535.0) as u16;
    let mut seen = [0u8; CELLS.div_ceil(8)];
    for cell in (0..CELLS).filter(|&cell| count(cell) > 0) {
        seen[cell / 8] |= 1 << (cell % 8);
    }
    out.extend(seen);
    for cell in (0..CELLS).filter(|&cell| count(cell) > 0) {
        out.extend(count(cell).to_le_bytes());
        let kinds = if cell < CLASSES { 1 } else { KINDS - 1 };
        for feature in (0..kinds).map(|k| cell + k * PAIRS) {
            debug_assert!(feature < FEATURES, "a pair's timings lie one table apart");
            let mean = norm.sum[feature] / norm.count[cell];
            out.extend(((mean * STEP + 0.5).clamp(0.0, 65_535.0) as u16).to_le_bytes());
        }
    }
}

pub(crate) fn write_pointer(norm: &PointerNorm, out: &mut Vec<u8>) {
    out.extend(norm.actions.to_le_bytes());
    out.extend(norm.lasted.to_le_bytes());
    if norm.actions > 0 {
        for c in 0..COMPONENTS {
            out.extend(norm.count[c].to_le_bytes());
            norm.sum[c]
                .iter()
                .for_each(|sum| out.extend(sum.to_le_bytes()));
        }
    }
}
