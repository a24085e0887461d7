//! Error rates of scored claims, defined as the benchmark's judge defines them.

use std::collections::BTreeMap;

/// Resamples of users for an interval.
const RESAMPLES: usize = 200;

/// One scored claim, people by number.
#[derive(Debug, Clone, Copy)]
pub struct Scored {
    pub claimed: u32,
    pub actual: u32,
    pub genuine: bool,
    pub score: f64,
}

/// Claims in falling order of scores.
pub struct Roc {
    claims: Vec<Scored>,
    people: usize,
}

/// What a protocol comes to; shares between 0 and 1.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    pub eer: f64,
    /// 90 % interval of the EER when people are drawn again.
    pub interval: (f64, f64),
    /// Mean of people's own EERs, where nine in ten have at least five genuine scores.
    pub user_eer: Option<f64>,
    pub auc: f64,
    pub frr_at_1: f64,
    pub frr_at_01: f64,
    /// FAR and FRR of one half of the people at the threshold that gives the other half a FAR of 1 %.
    pub fixed: (f64, f64),
}

impl Roc {
    pub fn new(mut claims: Vec<Scored>, people: usize) -> Self {
        claims.sort_by(|a, b| b.score.total_cmp(&a.score));
        Self { claims, people }
    }

    pub fn claims(&self) -> &[Scored] {
        &self.claims
    }

    /// (FAR, FRR) after each run of equal scores, with a weight per claim.
    fn rates(&self, weight: impl Fn(&Scored) -> f64) -> Vec<(f64, f64)> {
        let (mut accepted, mut let_in) = (0.0, 0.0);
        let mut points = vec![(0.0, 0.0)];
        for (i, claim) in self.claims.iter().enumerate() {
            let w = weight(claim);
            if claim.genuine {
                accepted += w;
            } else {
                let_in += w;
            }
            let next = self.claims.get(i + 1);
            if next.is_none_or(|next| next.score < claim.score) {
                points.push((let_in, accepted));
            }
        }
        points
            .into_iter()
            .map(|(far, hit)| (far / let_in.max(1e-12), 1.0 - hit / accepted.max(1e-12)))
            .collect()
    }

    /// (FAR, FRR) at every threshold.
    pub fn curve(&self) -> Vec<(f64, f64)> {
        self.rates(|_| 1.0)
    }

    pub fn figures(&self) -> Figures {
        let curve = self.curve();
        let frr = |far: f64| curve.iter().rev().find(|p| p.0 <= far).map_or(1.0, |p| p.1);
        let area = curve
            .windows(2)
            .map(|p| (p[1].0 - p[0].0) * (p[1].1 + p[0].1) / 2.0);
        Figures {
            eer: eer(&curve),
            interval: self.interval(),
            user_eer: self.user_eer(),
            auc: 1.0 - area.sum::<f64>(),
            frr_at_1: frr(0.01),
            frr_at_01: frr(0.001),
            fixed: self.fixed(),
        }
    }

    fn interval(&self) -> (f64, f64) {
        let mut state = 20_261_123u64;
        let mut draw = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as usize) % self.people.max(1)
        };
        let mut found: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                let mut times = vec![0.0; self.people];
                (0..self.people).for_each(|_| times[draw()] += 1.0);
                let weight = |c: &Scored| {
                    let claimed = times[c.claimed as usize];
                    if c.claimed == c.actual {
                        claimed
                    } else {
                        claimed * times[c.actual as usize]
                    }
                };
                eer(&self.rates(weight))
            })
            .filter(|e| e.is_finite())
            .collect();
        found.sort_by(f64::total_cmp);
        let at = |share: f64| {
            found
                .get((share * (found.len().max(1) - 1) as f64) as usize)
                .copied()
        };
        (at(0.05).unwrap_or(f64::NAN), at(0.95).unwrap_or(f64::NAN))
    }

    fn user_eer(&self) -> Option<f64> {
        let mut people: BTreeMap<u32, Vec<Scored>> = BTreeMap::new();
        for claim in &self.claims {
            people.entry(claim.claimed).or_default().push(*claim);
        }
        let own: Vec<Vec<Scored>> = people
            .into_values()
            .filter(|c| c.iter().any(|c| c.genuine) && c.iter().any(|c| !c.genuine))
            .collect();
        let mut genuine: Vec<usize> = own
            .iter()
            .map(|c| c.iter().filter(|c| c.genuine).count())
            .collect();
        genuine.sort_unstable();
        if *genuine.get(genuine.len() / 10)? < 5 {
            return None;
        }
        let n = own.len() as f64;
        let people = self.people;
        Some(
            own.into_iter()
                .map(|c| eer(&Roc::new(c, people).curve()))
                .sum::<f64>()
                / n,
        )
    }

    fn fixed(&self) -> (f64, f64) {
        let side = |odd: u32| self.claims.iter().filter(move |c| c.claimed % 2 == odd);
        let (mut far, mut frr) = ((0.0, 0.0), (0.0, 0.0));
        for odd in 0..2 {
            let impostors: Vec<f64> = side(odd).filter(|c| !c.genuine).map(|c| c.score).collect();
            let Some(&threshold) = impostors.get(impostors.len() / 100) else {
                continue;
            };
            for claim in side(1 - odd) {
                let accepted = claim.score > threshold;
                let (rate, wrong) = if claim.genuine {
                    (&mut frr, !accepted)
                } else {
                    (&mut far, accepted)
                };
                *rate = (rate.0 + f64::from(u8::from(wrong)), rate.1 + 1.0);
            }
        }
        let share = |(wrong, all): (f64, f64)| wrong / all.max(1.0);
        (share(far), share(frr))
    }

    /// Cost of log-likelihood ratios in bits (Brümmer and du Preez 2006): 0 for an oracle, 1 for no information.
    pub fn cllr(&self) -> f64 {
        let side = |genuine: bool| {
            let of: Vec<f64> = self
                .claims
                .iter()
                .filter(|c| c.genuine == genuine)
                .map(|c| c.score)
                .collect();
            let sign = if genuine { -1.0 } else { 1.0 };
            of.iter()
                .map(|s| (1.0 + (sign * s).exp()).log2())
                .sum::<f64>()
                / of.len().max(1) as f64
        };
        0.5 * (side(true) + side(false))
    }

    /// The same after the best monotone map of the scores (pool adjacent violators): what calibration could reach.
    pub fn least_cllr(&self) -> f64 {
        let genuine = self.claims.iter().filter(|c| c.genuine).count().max(1) as f64;
        let others = (self.claims.len() as f64 - genuine).max(1.0);
        // Blocks of (genuine, other) weights with equal priors, in rising order of scores.
        let mut blocks: Vec<(f64, f64)> = Vec::new();
        for claim in self.claims.iter().rev() {
            let mut block = if claim.genuine {
                (1.0 / genuine, 0.0)
            } else {
                (0.0, 1.0 / others)
            };
            while let Some(&(g, o)) = blocks.last()
                && g * (block.0 + block.1) >= block.0 * (g + o)
            {
                blocks.pop();
                block = (block.0 + g, block.1 + o);
            }
            blocks.push(block);
        }
        let cost = |(g, o): (f64, f64)| {
            let part = |x: f64| {
                if x > 0.0 {
                    x * ((g + o) / x).log2()
                } else {
                    0.0
                }
            };
            part(g) + part(o)
        };
        0.5 * blocks.into_iter().map(cost).sum::<f64>()
    }
}

/// Where the two rates cross, interpolated linearly.
pub fn eer(curve: &[(f64, f64)]) -> f64 {
    let Some(k) = curve.iter().position(|(far, frr)| far >= frr) else {
        return f64::NAN;
    };
    let (a, b) = (curve[k.max(1) - 1], curve[k]);
    let (before, after) = (a.1 - a.0, b.0 - b.1);
    if before + after <= 0.0 {
        b.0
    } else {
        a.0 + (b.0 - a.0) * before / (before + after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roc(scores: &[(bool, f64)]) -> Roc {
        let claim = |(i, &(genuine, score)): (usize, &(bool, f64))| Scored {
            claimed: (i % 2) as u32,
            actual: if genuine {
                (i % 2) as u32
            } else {
                1 - (i % 2) as u32
            },
            genuine,
            score,
        };
        Roc::new(scores.iter().enumerate().map(claim).collect(), 2)
    }

    #[test]
    fn known_claims_have_known_rates() {
        let roc = roc(&[
            (true, 3.0),
            (true, 2.0),
            (false, 1.0),
            (true, 0.0),
            (false, -1.0),
            (false, -2.0),
        ]);
        let figures = roc.figures();
        assert!((figures.eer - 1.0 / 3.0).abs() < 1e-9, "{figures:?}");
        assert!((figures.auc - 8.0 / 9.0).abs() < 1e-9, "{figures:?}");
        assert!((figures.frr_at_1 - 1.0 / 3.0).abs() < 1e-9, "{figures:?}");
    }

    #[test]
    fn the_cost_of_saying_nothing_is_one_bit_and_the_best_map_never_costs_more() {
        assert!((roc(&[(true, 0.0), (false, 0.0)]).cllr() - 1.0).abs() < 1e-12);
        let roc = roc(&[(true, 9.0), (false, 4.0), (true, 3.0), (false, -9.0)]);
        assert!(roc.least_cllr() <= roc.cllr());
        assert!(
            (roc.least_cllr() - 0.5).abs() < 1e-9,
            "{}",
            roc.least_cllr()
        );
    }
}
