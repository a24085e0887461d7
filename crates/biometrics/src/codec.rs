//! Little-endian bytes of models, templates and states; every read is checked.

use crate::keyboard::{CELLS, KeyNorm, Layout, POSITIONS, PhraseNorm};
use crate::pointer::{COMPONENTS, PointerNorm};

/// Log-milliseconds are kept in steps of 1/8192.
pub(crate) const STEP: f32 = 8_192.0;
/// Residuals are kept in steps of 1/4096.
pub(crate) const RESIDUAL_STEP: f32 = 4_096.0;
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

    pub(crate) fn i16(&mut self) -> Result<i16, Fault> {
        Ok(i16::from_le_bytes(self.bytes()?))
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
            for feature in Layout::GROUPS.features_of(cell) {
                norm.sum[feature] = f32::from(self.i16()?) / RESIDUAL_STEP * count;
            }
        }
        Ok(norm)
    }

    /// What [`write_phrase`] wrote.
    pub(crate) fn phrase(&mut self) -> Result<PhraseNorm, Fault> {
        let mut norm = PhraseNorm::new();
        let positions = usize::from(self.u8()?);
        if positions > POSITIONS {
            return Err(Fault::OutOfRange);
        }
        let cells = norm.count.iter_mut().zip(&mut norm.sum).take(positions);
        for (counts, sums) in cells {
            for (count, sum) in counts.iter_mut().zip(sums) {
                *count = f32::from(self.u16()?) / COUNT_STEP;
                *sum = f32::from(self.i16()?) / RESIDUAL_STEP * *count;
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

/// A residual in its steps, rounded.
pub(crate) fn residual_step(value: f32) -> i16 {
    libm::roundf(value * RESIDUAL_STEP).clamp(-32_767.0, 32_767.0) as i16
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
        for feature in Layout::GROUPS.features_of(cell) {
            out.extend(residual_step(norm.sum[feature] / norm.count[cell]).to_le_bytes());
        }
    }
}

/// Counts and means per position, up to the last that was seen.
pub(crate) fn write_phrase(norm: &PhraseNorm, out: &mut Vec<u8>) {
    let is_seen = |counts: &[f32]| counts.iter().any(|&count| count > 0.0);
    let positions = norm
        .count
        .iter()
        .rposition(|c| is_seen(c))
        .map_or(0, |p| p + 1);
    out.push(positions as u8);
    for (counts, sums) in norm.count.iter().zip(&norm.sum).take(positions) {
        for (&count, &sum) in counts.iter().zip(sums) {
            let steps = (count * COUNT_STEP + 0.5).min(65_535.0) as u16;
            let mean = if count > 0.0 { sum / count } else { 0.0 };
            out.extend(steps.to_le_bytes());
            out.extend(residual_step(mean).to_le_bytes());
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
