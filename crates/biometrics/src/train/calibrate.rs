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
