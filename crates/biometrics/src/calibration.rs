//! From normalised scores to log-likelihood ratios that mean what they say.

use libm::log;

/// No modality may say more than this, in nats, however sure it looks.
const SUREST: f64 = 10.0;

/// An affine map from score to natural-log likelihood ratio for several amounts of evidence, interpolated in between.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Calibration {
    /// In order of `amount`; empty where nothing was trained: then everything is neutral.
    pub knots: Vec<Knot>,
}

/// The map `slope * score + offset` for one amount of evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Knot {
    pub amount: f32,
    pub slope: f32,
    pub offset: f32,
}

impl Calibration {
    /// The log-likelihood ratio of a score that rests on `amount` of evidence.
    pub(crate) fn llr(&self, score: f64, amount: f64) -> f64 {
        self.unbounded(score, amount).clamp(-SUREST, SUREST)
    }

    /// The same without a bound, for benchmarks that only care about the order of scores.
    pub(crate) fn unbounded(&self, score: f64, amount: f64) -> f64 {
        let (Some(first), Some(last)) = (self.knots.first(), self.knots.last()) else {
            return 0.0;
        };
        if amount.is_nan() || amount <= 0.0 || !score.is_finite() {
            return 0.0;
        }
        let value = |knot: &Knot| f64::from(knot.slope) * score + f64::from(knot.offset);
        if amount <= f64::from(first.amount) {
            value(first) * amount / f64::from(first.amount)
        } else if amount >= f64::from(last.amount) {
            value(last)
        } else {
            let after = self
                .knots
                .iter()
                .position(|k| f64::from(k.amount) > amount)
                .unwrap_or(0)
                .max(1);
            let (a, b) = (&self.knots[after - 1], &self.knots[after]);
            let (from, to) = (log(f64::from(a.amount)), log(f64::from(b.amount)));
            let share = (log(amount) - from) / (to - from);
            value(a) * (1.0 - share) + value(b) * share
        }
    }
}

/// The ratio that a share of at most `rate` of strangers reach, where ratios are calibrated and Gaussian given who acts.
///
/// Such ratios have mean -s²/2 and deviation s among strangers; P(ratio ≥ t) = Q((t + s²/2) / s) is greatest for
/// s² = 2t, where it is Q(√2t). So t = z²/2 with Q(z) = rate. (Without the assumption, Markov's bound ln(1/rate) holds;
/// it is so wide that people were hardly ever answered. `cargo xtask streams` measures what rate the threshold has.)
pub(crate) fn threshold(rate: f64) -> f64 {
    let rate = if rate.is_nan() {
        1e-6
    } else {
        rate.clamp(1e-6, 0.5)
    };
    let above = |z: f64| 0.5 * libm::erfc(z * core::f64::consts::FRAC_1_SQRT_2);
    let (mut low, mut high) = (0.0, 6.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if above(middle) > rate {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * high * high
}

/// Standardises a score by what models of other people say about the same evidence (t-norm): the better two fifths of
/// them are the rivals. `rivals` is sorted by this. With fewer than ten it would do harm, so the score stays.
pub(crate) fn normalise(score: f32, rivals: &mut [f32], floor: f32) -> f32 {
    if rivals.len() < 10 {
        return score;
    }
    rivals.sort_unstable_by(|a, b| b.total_cmp(a));
    let top = &rivals[..(rivals.len() * 2 / 5).max(5)];
    let n = top.len() as f32;
    let mean = top.iter().sum::<f32>() / n;
    let spread = top.iter().map(|r| (r - mean) * (r - mean)).sum::<f32>() / n;
    (score - mean) / (libm::sqrtf(spread) + floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_grow_with_evidence_and_stay_bounded() {
        let knot = |amount, slope| Knot {
            amount,
            slope,
            offset: -1.0,
        };
        let calibration = Calibration {
            knots: vec![knot(10.0, 1.0), knot(40.0, 3.0)],
        };
        let table = [
            (0.0, 0.0),
            (5.0, 0.5),
            (10.0, 1.0),
            (20.0, 3.0),
            (40.0, 5.0),
            (1e9, 5.0),
        ];
        for (amount, expected) in table {
            assert!(
                (calibration.llr(2.0, amount) - expected).abs() < 1e-9,
                "{amount}"
            );
        }
        assert_eq!(calibration.llr(1e9, 40.0), SUREST);
        assert_eq!(calibration.llr(f64::NAN, 40.0), 0.0);
        assert_eq!(calibration.llr(2.0, f64::NAN), 0.0);
        assert_eq!(Calibration { knots: Vec::new() }.llr(2.0, 40.0), 0.0);
    }

    #[test]
    fn thresholds_are_half_the_square_of_a_quantile() {
        for (rate, expected) in [
            (0.5, 0.0),
            (0.158_655, 0.5),
            (0.022_750, 2.0),
            (0.001_35, 4.5),
        ] {
            assert!(
                (threshold(rate) - expected).abs() < 1e-3,
                "{rate}: {}",
                threshold(rate)
            );
        }
        assert_eq!(threshold(f64::NAN), threshold(0.0));
        assert!(threshold(-1.0).is_finite());
    }

    #[test]
    fn few_rivals_leave_a_score_alone() {
        assert_eq!(normalise(1.5, &mut [0.0; 9], 0.05), 1.5);
        assert!((normalise(1.5, &mut [0.5; 10], 0.05) - 20.0).abs() < 1e-4);
    }
}
