//! The background model: how people in general type and move the pointer.
//!
//! `TcM2`, version, then the keyboard's part and the pointer's part, each: everybody, rivals, calibration. Numbers are
//! little-endian; log-times are `u16` in steps of 1/8192, spreads and variances one byte on a logarithmic scale, means of
//! rivals one signed byte.

use crate::calibration::{Calibration, Knot};
use crate::codec::{Fault, Reader, STEP};
use crate::keyboard::{
    CELLS, Cohort, FEATURES, KINDS, KeyModel, Layout, Phrasing, Population, Shift, Typing,
};
use crate::pointer::{COMPONENTS, FEATURES as POINTER_FEATURES, Mixture, PointerModel, Pointing};

/// The first bytes of a model file.
pub(crate) const MAGIC: [u8; 4] = *b"TcM2";
/// Rivals per modality, at most.
pub(crate) const RIVALS: usize = 512;
/// Bytes of the bitmaps of classes and pairs that are known, and of cells.
pub(crate) const KNOWN_PLACES: usize = Layout::CLASSES.cells().div_ceil(8);
pub(crate) const KNOWN_CELLS: usize = CELLS.div_ceil(8);
/// Steps of a rival's mean residual.
pub(crate) const KEY_DELTA: f32 = 48.0;
/// Steps of what a rival's component differs from everybody's.
pub(crate) const POINTER_DELTA: f32 = 32.0;
/// Variances are kept as bytes: steps of their logarithm, and its least value.
pub(crate) const VARIANCE: (f32, f32) = (24.0, -8.0);

/// A background model in memory.
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) version: u32,
    pub(crate) typing: Typing,
    pub(crate) pointing: Pointing,
}

impl Model {
    /// Parses a model file; every length and number is checked.
    pub fn from_bytes(bytes: &[u8]) -> Result<Model, ModelError> {
        let mut from = Reader::new(bytes);
        if from.bytes::<4>()? != MAGIC {
            return Err(ModelError::NotAModel);
        }
        let version = from.u32()?;
        let typing = typing(&mut from)?;
        let pointing = pointing(&mut from)?;
        from.end()?;
        Ok(Model {
            version,
            typing,
            pointing,
        })
    }

    /// The version that answers report.
    pub fn version(&self) -> u32 {
        self.version
    }
}

fn typing(from: &mut Reader<'_>) -> Result<Typing, Fault> {
    let mut kinds = [[0.0; 4]; KINDS];
    for kind in &mut kinds {
        *kind = from.f32s(100.0)?;
        if kind[1..].iter().any(|&spread| spread < 1e-4) {
            return Err(Fault::OutOfRange);
        }
    }
    let mut population = Population::uniform(kinds);
    let scale = |code: u8| libm::expf(f32::from(code) / VARIANCE.0 + VARIANCE.1);
    let places = seen(&from.bytes::<KNOWN_PLACES>()?, Layout::CLASSES.cells());
    let features_of = |cell: usize| Layout::CLASSES.features_of(cell);
    for place in places.into_iter().flat_map(features_of) {
        population.mean[place] = f32::from(from.u16()?) / STEP;
        population.spread[place] = scale(from.u8()?);
    }
    for feature in 0..FEATURES {
        population.within[feature] = scale(from.u8()?);
        population.between[feature] = scale(from.u8()?);
    }
    let rivals = usize::from(from.u16()?);
    if rivals > RIVALS {
        return Err(Fault::OutOfRange);
    }
    let mut cohort = Vec::new();
    let mut count = vec![0.0f32; CELLS];
    let mut sum = vec![0.0f32; FEATURES];
    for _ in 0..rivals {
        let shift = Shift {
            offset: from.f32s(10.0)?,
            ratio: from.f32s(100.0)?,
        };
        if shift.ratio.iter().any(|&ratio| ratio <= 0.0) {
            return Err(Fault::OutOfRange);
        }
        count.fill(0.0);
        sum.fill(0.0);
        for cell in seen(&from.bytes::<KNOWN_CELLS>()?, CELLS) {
            count[cell] = f32::from(from.u8()?);
            for feature in Layout::GROUPS.features_of(cell) {
                let mean = f32::from(i8::from_le_bytes(from.bytes()?)) / KEY_DELTA;
                sum[feature] = mean * count[cell];
            }
        }
        cohort.push(KeyModel::new(
            &population,
            &shift,
            |cell| count[cell],
            |feature| sum[feature],
        ));
    }
    Ok(Typing {
        population,
        cohort: Cohort::new(&cohort),
        weight: from.f32s(10.0)?,
        calibration: calibration(from)?,
        phrasing: phrasing(from)?,
    })
}

fn phrasing(from: &mut Reader<'_>) -> Result<Phrasing, Fault> {
    let (within, between) = (from.f32s(100.0)?, from.f32s(100.0)?);
    let is_variance = |variance: &f32| *variance >= 1e-4;
    if !within.iter().chain(&between).all(is_variance) {
        return Err(Fault::OutOfRange);
    }
    Ok(Phrasing {
        within,
        between,
        calibration: calibration(from)?,
    })
}

/// The places in a bitmap whose bits are set.
fn seen(bits: &[u8], number: usize) -> Vec<usize> {
    let is_set = |i: &usize| bits[i / 8] >> (i % 8) & 1 == 1;
    (0..number).filter(is_set).collect()
}

fn pointing(from: &mut Reader<'_>) -> Result<Pointing, Fault> {
    let mut mixture = Mixture {
        centre: from.f32s(1e6)?,
        scale: from.f32s(1e6)?,
        constant: from.f32s(1e4)?,
        mean: Box::new([[0.0; POINTER_FEATURES]; COMPONENTS]),
        precision: Box::new([[0.0; POINTER_FEATURES]; COMPONENTS]),
    };
    for c in 0..COMPONENTS {
        mixture.mean[c] = from.f32s(100.0)?;
        mixture.precision[c] = from.f32s(1e4)?;
        if mixture.precision[c].iter().any(|&p| p < 0.0) {
            return Err(Fault::OutOfRange);
        }
    }
    let rivals = usize::from(from.u16()?);
    if rivals > RIVALS {
        return Err(Fault::OutOfRange);
    }
    let mut cohort = Vec::new();
    for _ in 0..rivals {
        let mut mean = mixture.mean.clone();
        for component in mean.iter_mut() {
            let deltas: [u8; POINTER_FEATURES] = from.bytes()?;
            for (value, delta) in component.iter_mut().zip(deltas) {
                *value += f32::from(i8::from_le_bytes([delta])) / POINTER_DELTA;
            }
        }
        cohort.push(PointerModel { mean });
    }
    Ok(Pointing {
        mixture,
        cohort,
        calibration: calibration(from)?,
    })
}

fn calibration(from: &mut Reader<'_>) -> Result<Calibration, Fault> {
    let number = from.u8()?;
    let mut knots: Vec<Knot> = Vec::new();
    for _ in 0..number {
        let [amount, slope, offset] = from.f32s(1e4)?;
        if amount <= knots.last().map_or(0.0, |knot| knot.amount) {
            return Err(Fault::OutOfRange);
        }
        knots.push(Knot {
            amount,
            slope,
            offset,
        });
    }
    Ok(Calibration { knots })
}

/// Why bytes are not a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// They begin otherwise than a model does.
    #[error("these bytes are not a background model of this format")]
    NotAModel,
    /// They end too early.
    #[error("the model ends too early")]
    Truncated,
    /// Something follows.
    #[error("the model is followed by other bytes")]
    Trailing,
    /// A number that no model has.
    #[error("the model holds a number that is out of range")]
    OutOfRange,
}

impl From<Fault> for ModelError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Truncated => Self::Truncated,
            Fault::Trailing => Self::Trailing,
            Fault::OutOfRange => Self::OutOfRange,
        }
    }
}
