//! Logistic regression of genuine against impostor, both weighing the same: its logit is a log-likelihood ratio.

use crate::calibration::Knot;
use libm::exp;

/// One scored claim.
pub(crate) struct Claim {
    pub score: f32,
    pub genuine: bool,
}

/// The affine map that makes scores of claims that rest on `amount` log-likelihood ratios; `None` without both sides.
pub(crate) fn fit(claims: &[Claim], amount: f32) -> Option<Knot> {
    let genuine = claims.iter().filter(|c| c.genuine).count();
    let impostor = claims.len() - genuine;
    if genuine < 5 || impostor < 5 {
        return None;
    }
    let weight = [0.5 / impostor as f64, 0.5 / genuine as f64];
    let (mut slope, mut offset) = (1.0f64, 0.0f64);
    for _ in 0..50 {
        // Newton's method; the small ridge keeps separable data finite.
        let ridge = 1e-4;
        let (mut gs, mut go) = (-ridge * slope, 0.0);
        let (mut hss, mut hso, mut hoo) = (ridge, 0.0, 1e-9);
        for claim in claims {
            let x = f64::from(claim.score);
            let p = 1.0 / (1.0 + exp(-(slope * x + offset)));
            let w = weight[usize::from(claim.genuine)];
            let error = w * (f64::from(u8::from(claim.genuine)) - p);
            gs += error * x;
            go += error;
            let h = w * p * (1.0 - p);
            hss += h * x * x;
            hso += h * x;
            hoo += h;
        }
        let determinant = hss * hoo - hso * hso;
        if determinant.abs() < 1e-18 {
            break;
        }
        let step = (
            (hoo * gs - hso * go) / determinant,
            (hss * go - hso * gs) / determinant,
        );
        let limit = 1.0f64.min(2.0 / (step.0.abs() + step.1.abs()).max(1e-9));
        slope += step.0 * limit;
        offset += step.1 * limit;
    }
    Some(Knot {
        amount,
        slope: slope as f32,
        offset: offset as f32,
    })
}

/// Slopes of a logistic regression over several features, both sides weighing the same, by gradient ascent; `ridge`
/// pulls the slopes towards their mean.
pub(crate) fn slopes<const N: usize>(claims: &[([f64; N], bool)], ridge: f64) -> [f64; N] {
    let genuine = claims.iter().filter(|(_, genuine)| *genuine).count().max(1);
    let impostor = (claims.len() - genuine.min(claims.len())).max(1);
    let weight = [0.5 / impostor as f64, 0.5 / genuine as f64];
    let (mut slopes, mut offset) = ([1.0f64; N], 0.0f64);
    for _ in 0..400 {
        let mean = slopes.iter().sum::<f64>() / N as f64;
        let mut gradient: [f64; N] = std::array::from_fn(|k| -ridge * (slopes[k] - mean));
        let mut of_offset = 0.0;
        for (x, genuine) in claims {
            let z: f64 = slopes.iter().zip(x).map(|(s, v)| s * v).sum::<f64>() + offset;
            let error = weight[usize::from(*genuine)]
                * (f64::from(u8::from(*genuine)) - 1.0 / (1.0 + exp(-z)));
            of_offset += error;
            gradient
                .iter_mut()
                .zip(x)
                .for_each(|(g, v)| *g += error * v);
        }
        slopes
            .iter_mut()
            .zip(gradient)
            .for_each(|(slope, g)| *slope += STEP * g);
        offset += STEP * of_offset;
    }
    slopes
}

/// Step of the ascent; contributions are of order one, so this is stable.
const STEP: f64 = 4.0;
