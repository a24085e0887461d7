//! The model file, as `model` reads it.

use super::{PointingModel, TypingModel};
use crate::calibration::Calibration;
use crate::codec::STEP;
use crate::keyboard::{CELLS, CLASSES, FEATURES, KeyNorm, PAIRS, Population};
use crate::model::{KEY_DELTA, MAGIC, POINTER_DELTA, RIVALS, VARIANCE, features_of};

/// A feature that all people together typed more rarely has the figures of its kind.
const RARE: u32 = 8;
/// A cell that a rival typed more rarely is left out.
const RARE_RIVAL: f32 = 3.0;

/// A model file of both parts.
pub fn model_bytes(version: u32, typing: &TypingModel, pointing: &PointingModel) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(MAGIC);
    out.extend(version.to_le_bytes());
    write_typing(typing, &mut out);
    write_pointing(pointing, &mut out);
    out
}

fn floats<'a>(values: impl IntoIterator<Item = &'a f32>, out: &mut Vec<u8>) {
    values
        .into_iter()
        .for_each(|value| out.extend(value.to_le_bytes()));
}

fn write_typing(model: &TypingModel, out: &mut Vec<u8>) {
    let population = &model.typing.population;
    let is_known = |cell: usize| model.seen[cell] >= RARE;
    for kind in 0..4 {
        // A feature that nobody typed shows what its kind has.
        let range = if kind == 0 {
            0..CLASSES
        } else {
            CLASSES + (kind - 1) * PAIRS..CLASSES + kind * PAIRS
        };
        let unknown = range
            .clone()
            .find(|&f| model.seen[f] == 0)
            .unwrap_or(range.start);
        floats(
            &[
                population.mean[unknown],
                population.within[unknown],
                population.between[unknown],
            ],
            out,
        );
    }
    bitmap(is_known, out);
    for feature in (0..CELLS)
        .filter(|&cell| is_known(cell))
        .flat_map(features_of)
    {
        out.extend(((population.mean[feature] * STEP + 0.5) as u16).to_le_bytes());
        for variance in [population.within[feature], population.between[feature]] {
            out.push(
                ((libm::logf(variance) - VARIANCE.1) * VARIANCE.0 + 0.5).clamp(0.0, 255.0) as u8,
            );
        }
    }
    let rivals = &model.rivals[..model.rivals.len().min(RIVALS)];
    out.extend((rivals.len() as u16).to_le_bytes());
    rivals
        .iter()
        .for_each(|rival| write_rival(population, rival, is_known, out));
    floats(&model.typing.weight, out);
    write_calibration(&model.typing.calibration, out);
}

fn write_rival(
    population: &Population,
    rival: &KeyNorm,
    is_known: impl Fn(usize) -> bool,
    out: &mut Vec<u8>,
) {
    let shift = rival.shift(population);
    floats(shift.offset.iter().chain(&shift.ratio), out);
    let is_kept = |cell: usize| is_known(cell) && rival.count[cell] >= RARE_RIVAL;
    bitmap(is_kept, out);
    for cell in (0..CELLS).filter(|&cell| is_kept(cell)) {
        out.push(rival.count[cell].min(255.0) as u8);
        for feature in features_of(cell) {
            let delta = rival.sum[feature] / rival.count[cell] - population.mean[feature];
            out.push((delta * KEY_DELTA).round().clamp(-127.0, 127.0) as i8 as u8);
        }
    }
    debug_assert!(rival.sum.len() == FEATURES, "one sum per feature");
}

fn bitmap(is_set: impl Fn(usize) -> bool, out: &mut Vec<u8>) {
    let mut bits = [0u8; CELLS.div_ceil(8)];
    for cell in (0..CELLS).filter(|&cell| is_set(cell)) {
        bits[cell / 8] |= 1 << (cell % 8);
    }
    out.extend(bits);
}

fn write_pointing(model: &PointingModel, out: &mut Vec<u8>) {
    let mixture = &model.0.mixture;
    floats(
        mixture
            .centre
            .iter()
            .chain(&mixture.scale)
            .chain(&mixture.constant),
        out,
    );
    for (mean, precision) in mixture.mean.iter().zip(mixture.precision.iter()) {
        floats(mean.iter().chain(precision), out);
    }
    let rivals = &model.0.cohort[..model.0.cohort.len().min(RIVALS)];
    out.extend((rivals.len() as u16).to_le_bytes());
    for rival in rivals {
        for (own, anyone) in rival
            .mean
            .iter()
            .flatten()
            .zip(mixture.mean.iter().flatten())
        {
            out.push(
                ((own - anyone) * POINTER_DELTA)
                    .round()
                    .clamp(-127.0, 127.0) as i8 as u8,
            );
        }
    }
    write_calibration(&model.0.calibration, out);
}

fn write_calibration(calibration: &Calibration, out: &mut Vec<u8>) {
    out.push(calibration.knots.len().min(255) as u8);
    for knot in calibration.knots.iter().take(255) {
        floats(&[knot.amount, knot.slope, knot.offset], out);
    }
}
