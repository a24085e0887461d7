//! The model file, as `model` reads it.

use super::{PointingModel, TypingModel};
use crate::calibration::Calibration;
use crate::codec::STEP;
use crate::keyboard::{CELLS, FEATURES, KINDS, KeyNorm, Layout, PLACES, Population};
use crate::model::{KEY_DELTA, KNOWN_CELLS, KNOWN_PLACES, MAGIC, POINTER_DELTA, RIVALS, VARIANCE};

/// A class or pair of classes that all people together typed more rarely has the figures of its kind.
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
    for kind in 0..KINDS {
        // A place that nobody typed at shows what its kind has.
        let of_kind = |place: &usize| Layout::CLASSES.kind_of(*place) == kind;
        let unknown = (0..PLACES).filter(of_kind).find(|&p| model.seen[p] == 0);
        let place = unknown.or_else(|| (0..PLACES).find(of_kind)).unwrap_or(0);
        let feature = (0..FEATURES)
            .find(|&f| Layout::GROUPS.kind_of(f) == kind)
            .unwrap_or(0);
        floats(
            &[
                population.mean[place],
                population.spread[place],
                population.within[feature],
                population.between[feature],
            ],
            out,
        );
    }
    let scale =
        |value: f32| ((libm::logf(value) - VARIANCE.1) * VARIANCE.0 + 0.5).clamp(0.0, 255.0) as u8;
    out.extend(bitmap::<KNOWN_PLACES>(Layout::CLASSES.cells(), is_known));
    let known = (0..Layout::CLASSES.cells()).filter(|&cell| is_known(cell));
    for place in known.flat_map(|cell| Layout::CLASSES.features_of(cell)) {
        out.extend(((population.mean[place] * STEP + 0.5) as u16).to_le_bytes());
        out.push(scale(population.spread[place]));
    }
    for feature in 0..FEATURES {
        out.push(scale(population.within[feature]));
        out.push(scale(population.between[feature]));
    }
    let rivals = &model.rivals[..model.rivals.len().min(RIVALS)];
    out.extend((rivals.len() as u16).to_le_bytes());
    rivals
        .iter()
        .for_each(|rival| write_rival(population, rival, out));
    floats(&model.typing.weight, out);
    write_calibration(&model.typing.calibration, out);
    let phrasing = &model.typing.phrasing;
    let figures = [phrasing.within, phrasing.between];
    floats(figures.as_flattened(), out);
    write_calibration(&phrasing.calibration, out);
}

fn write_rival(population: &Population, rival: &KeyNorm, out: &mut Vec<u8>) {
    let shift = rival.shift(population);
    floats(shift.offset.iter().chain(&shift.ratio), out);
    let is_kept = |cell: usize| rival.count[cell] >= RARE_RIVAL;
    out.extend(bitmap::<KNOWN_CELLS>(CELLS, is_kept));
    for cell in (0..CELLS).filter(|&cell| is_kept(cell)) {
        out.push(rival.count[cell].min(255.0) as u8);
        for feature in Layout::GROUPS.features_of(cell) {
            let mean = rival.sum[feature] / rival.count[cell];
            out.push((mean * KEY_DELTA).round().clamp(-127.0, 127.0) as i8 as u8);
        }
    }
    debug_assert!(rival.sum.len() == FEATURES, "one sum per feature");
}

fn bitmap<const N: usize>(number: usize, is_set: impl Fn(usize) -> bool) -> [u8; N] {
    let mut bits = [0u8; N];
    for i in (0..number).filter(|&i| is_set(i)) {
        bits[i / 8] |= 1 << (i % 8);
    }
    bits
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
