//! `cargo xtask accuracy --report FILE`: score files to a page with tables and plots.

use super::measure::{Figures, Roc, Scored};
use super::plot::{Axis, Line, svg};
use super::{corpus, learning, privacy};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// EER of the reference implementation on the development part, in per cent, and the target of the project.
const KNOWN: [(&str, &str, &str); 15] = [
    ("cmu", "8.60", "per user ≤ 4.5"),
    ("aalto-g5-w50", "6.63", "≤ 4.0, FRR₁ ≤ 15"),
    ("aalto-g5-w100", "4.71", "≤ 2.5"),
    ("aalto-g5-w200", "3.32", ""),
    ("aalto-g10-w50", "4.90", ""),
    ("aalto-g10-w100", "2.98", ""),
    ("aalto-g10-w200", "1.65", "≤ 0.9, FRR₀.₁ ≤ 12"),
    ("aalto-typenet-g5", "7.51", "per user ≤ 2.5"),
    ("monaco-g3-w100", "7.90", "≤ 5.5"),
    ("social-w100", "6.53", ""),
    ("sapimouse-t15", "12.73", "AUC ≥ .945"),
    ("sapimouse-t30", "10.71", ""),
    ("sapimouse-t60", "10.71", "AUC ≥ .980"),
    ("balabit", "6.90", "AUC ≥ .970"),
    ("fused-60s", "0.93", "≤ 1.5, FRR₁ ≤ 3"),
];
/// Protocols whose scores are meant to be log-likelihood ratios.
const CALIBRATED: [&str; 5] = [
    "cmu",
    "aalto-g5-w50",
    "aalto-g10-w200",
    "monaco-g3-w100",
    "social-w100",
];
/// Protocols that are drawn.
const DRAWN: [&str; 6] = [
    "cmu",
    "aalto-g5-w50",
    "aalto-g10-w200",
    "monaco-g3-w100",
    "sapimouse-t60",
    "balabit",
];

/// Writes the page, and its plots into a folder of the same name.
pub fn write(scores: &Path, background: &Path, evaluate: &Path, page: &Path) -> Result<()> {
    let folder = page.with_extension("");
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let mut rocs: Vec<(&str, Roc)> = Vec::new();
    for (name, ..) in KNOWN {
        let file = scores.join(format!("{name}.csv"));
        if file.exists() {
            rocs.push((
                name,
                read(&file, evaluate).with_context(|| format!("reading {}", file.display()))?,
            ));
        }
    }
    let figures: Vec<(&str, Figures)> = rocs
        .iter()
        .map(|(name, roc)| (*name, roc.figures()))
        .collect();
    let mut text = include_str!("page-top.md").to_owned();
    text.push_str(&table(&figures));
    text.push_str(include_str!("page-method.md"));
    let plot = |name: &str, image: String| {
        let file = folder.join(name);
        std::fs::write(&file, image).with_context(|| format!("writing {}", file.display()))
    };
    plot("det.svg", det(&rocs))?;
    plot("reliability.svg", reliability(&rocs))?;
    text.push_str(&calibration(&rocs));
    let curve = learning::curve(background, evaluate)?;
    plot("learning.svg", learning::plot(&curve))?;
    text.push_str(&learning::table(&curve));
    text.push_str(&privacy::table(background)?);
    text.push_str(include_str!("page-end.md"));
    std::fs::write(page, text).with_context(|| format!("writing {}", page.display()))
}

fn read(file: &Path, evaluate: &Path) -> Result<Roc> {
    let text = std::fs::read_to_string(file)?;
    let mut people: BTreeMap<String, u32> = BTreeMap::new();
    let mut number = |name: &str| {
        let next = people.len() as u32;
        *people.entry(name.to_owned()).or_insert(next)
    };
    let mut lines = text.lines();
    let is_balabit = lines.next() == Some("claimed,session,score");
    let illegal = if is_balabit {
        corpus::illegal(evaluate)?
    } else {
        BTreeMap::new()
    };
    let mut claims = Vec::new();
    for line in lines {
        let columns: Vec<&str> = line.split(',').collect();
        let (claimed, actual, score) = match *columns.as_slice() {
            [claimed, actual, _, score] => (claimed, actual, score),
            [claimed, session, score] => (claimed, session, score),
            _ => anyhow::bail!("unexpected line {line:?}"),
        };
        let genuine = if is_balabit {
            illegal.get(actual) == Some(&false)
        } else {
            claimed == actual
        };
        let claimed = number(claimed);
        let actual = if is_balabit { claimed } else { number(actual) };
        claims.push(Scored {
            claimed,
            actual,
            genuine,
            score: score.parse()?,
        });
    }
    let people = people.len();
    Ok(Roc::new(claims, people))
}

fn table(figures: &[(&str, Figures)]) -> String {
    let mut out = String::from(
        "| protocol | EER % (90 % interval) | per user % | AUC | FRR % at FAR 1 % | at 0.1 % | FAR / FRR % at the other half's threshold | reference EER % | target |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (name, f) in figures {
        let (_, reference, target) = KNOWN
            .iter()
            .find(|(known, ..)| known == name)
            .copied()
            .unwrap_or((name, "", ""));
        let per_user = f
            .user_eer
            .map_or("–".to_owned(), |e| format!("{:.2}", 100.0 * e));
        out += &format!(
            "| {name} | {:.2} ({:.1}–{:.1}) | {per_user} | {:.4} | {:.1} | {:.1} | {:.2} / {:.1} | {reference} | {target} |\n",
            100.0 * f.eer,
            100.0 * f.interval.0,
            100.0 * f.interval.1,
            f.auc,
            100.0 * f.frr_at_1,
            100.0 * f.frr_at_01,
            100.0 * f.fixed.0,
            100.0 * f.fixed.1,
        );
    }
    out
}

fn percent_axis(title: &'static str) -> Axis {
    let marks = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0];
    Axis {
        title,
        ends: (0.001, 1.0),
        marks: marks
            .map(|m| (m, format!("{}", (m * 1000.0f64).round() / 10.0)))
            .to_vec(),
        logarithmic: true,
    }
}

fn det(rocs: &[(&str, Roc)]) -> String {
    let lines: Vec<Line> = DRAWN
        .iter()
        .filter_map(|name| rocs.iter().find(|(known, _)| known == name))
        .map(|(name, roc)| {
            let curve = roc.curve();
            let mut points: Vec<(f64, f64)> = Vec::new();
            for (far, frr) in curve.into_iter().filter(|p| p.0 >= 0.001 && p.1 >= 0.0005) {
                // A point for every fiftieth part of a decade is as fine as the line.
                if points
                    .last()
                    .is_none_or(|last| far > last.0 * 1.05 || frr < last.1 / 1.05)
                {
                    points.push((far, frr));
                }
            }
            Line {
                name: (*name).to_owned(),
                points,
                dots: false,
            }
        })
        .collect();
    svg(
        "False rejections against false acceptances, both in per cent on logarithmic axes",
        &percent_axis("false acceptances, %"),
        &percent_axis("false rejections, %"),
        &lines,
    )
}

/// Steps of the log-likelihood ratio, in nats, that claims are gathered in.
const STEP: f64 = 1.0;

fn reliability(rocs: &[(&str, Roc)]) -> String {
    let lines = CALIBRATED
        .iter()
        .filter_map(|name| rocs.iter().find(|(known, _)| known == name))
        .map(|(name, roc)| {
            let total = |genuine: bool| {
                roc.claims()
                    .iter()
                    .filter(|c| c.genuine == genuine)
                    .count()
                    .max(1) as f64
            };
            let (all_own, all_others) = (total(true), total(false));
            let mut bins: BTreeMap<i64, (f64, f64, f64)> = BTreeMap::new();
            for claim in roc.claims() {
                let bin = bins
                    .entry((claim.score.clamp(-8.0, 8.0) / STEP).round() as i64)
                    .or_default();
                bin.2 += claim.score.clamp(-8.0, 8.0);
                if claim.genuine {
                    bin.0 += 1.0
                } else {
                    bin.1 += 1.0
                }
            }
            // A bin says something only where both sides fall into it.
            let points = bins
                .values()
                .filter(|(own, others, _)| *own >= 5.0 && *others >= 5.0);
            let points = points
                .map(|(own, others, sum)| {
                    (
                        sum / (own + others),
                        ((own / all_own) / (others / all_others)).ln(),
                    )
                })
                .collect();
            Line {
                name: (*name).to_owned(),
                points,
                dots: true,
            }
        });
    let axis = |title| Axis {
        title,
        ends: (-8.0, 8.0),
        marks: (-4..=4)
            .map(|i| (f64::from(i) * 2.0, format!("{}", i * 2)))
            .collect(),
        logarithmic: false,
    };
    let ideal = Line {
        name: "what it should be".to_owned(),
        points: vec![(-8.0, -8.0), (8.0, 8.0)],
        dots: false,
    };
    svg(
        "Observed against stated log-likelihood ratios",
        &axis("stated log-likelihood ratio, nats"),
        &axis("observed, nats"),
        &lines.chain([ideal]).collect::<Vec<Line>>(),
    )
}

fn calibration(rocs: &[(&str, Roc)]) -> String {
    let mut out = String::from(
        "\n## Calibration\n\nCllr is the cost of the stated ratios in bits: 0 is an oracle, 1 says nothing; *least* is what the best monotone map of the same scores would cost, so the difference is what calibration loses.\nThe people are others than those that the calibration was fitted on.\n\n| protocol | Cllr | least |\n| --- | --- | --- |\n",
    );
    for (name, roc) in rocs.iter().filter(|(name, _)| CALIBRATED.contains(name)) {
        out += &format!("| {name} | {:.3} | {:.3} |\n", roc.cllr(), roc.least_cllr());
    }
    out + "\n![Reliability: observed against stated log-likelihood ratios](accuracy/reliability.svg)\n"
}
