//! How the error falls with the amount that is enrolled, on the same windows.

use super::corpus;
use super::measure::{Roc, Scored};
use super::plot::{Axis, Line, svg};
use super::typing::{self, Cut, FOLLOWERS};
use anyhow::Result;
use std::path::Path;

/// Sessions that are enrolled on; windows come from the sessions after the last of these.
const SESSIONS: [u32; 6] = [1, 2, 3, 5, 7, 10];
const KEYS: usize = 100;
/// Every how many people are evaluated, and how many are background: enough for a curve.
const STEP: usize = 4;

/// Mean keystrokes enrolled, EER, FRR at FAR 1 %.
pub type Curve = Vec<(f64, f64, f64)>;

/// Aalto people with even places are background, those with odd ones are judged (on another part: all).
pub fn curve(background: &Path, evaluate: &Path) -> Result<Curve> {
    let file = "aalto2k";
    if !evaluate.join(format!("{file}.csv.xz")).exists() {
        return Ok(Vec::new());
    }
    let learned: typing::Typists = corpus::typing(background, file)?
        .into_iter()
        .step_by(2)
        .step_by(2)
        .collect();
    let judged: typing::Typists = corpus::typing(evaluate, file)?
        .into_iter()
        .skip(1)
        .step_by(STEP)
        .collect();
    let mut curve = Vec::new();
    for gallery in SESSIONS {
        let cut = Cut {
            file,
            gallery,
            from: SESSIONS[SESSIONS.len() - 1],
            keys: KEYS,
            at_most: Some(2),
            queries: None,
            followers: Some(FOLLOWERS),
        };
        let model = typing::train(&learned, gallery, &[]);
        let claims = typing::claims(&cut, &judged, &model);
        let place = |name: &str| {
            judged
                .iter()
                .position(|(known, _)| known == name)
                .unwrap_or(0) as u32
        };
        let scored = claims.iter().map(|claim| Scored {
            claimed: place(&claim.claimed),
            actual: place(&claim.actual),
            genuine: claim.claimed == claim.actual,
            score: claim.score,
        });
        let figures = Roc::new(scored.collect(), judged.len()).figures();
        let keys: usize = judged
            .iter()
            .flat_map(|(_, sessions)| sessions.iter().filter(|(s, _)| *s < gallery))
            .map(|(_, k)| k.len())
            .sum();
        curve.push((
            keys as f64 / judged.len().max(1) as f64,
            figures.eer,
            figures.frr_at_1,
        ));
        println!(
            "learning curve, {gallery} sessions: EER {:.2} %",
            100.0 * figures.eer
        );
    }
    Ok(curve)
}

pub fn plot(curve: &Curve) -> String {
    let line = |name: &str, of: fn(&(f64, f64, f64)) -> f64| Line {
        name: name.to_owned(),
        points: curve.iter().map(|p| (p.0, of(p))).collect(),
        dots: true,
    };
    let across = Axis {
        title: "keystrokes enrolled",
        ends: (40.0, 600.0),
        marks: [50, 100, 200, 400]
            .map(|k| (f64::from(k), k.to_string()))
            .to_vec(),
        logarithmic: true,
    };
    let up = Axis {
        title: "%",
        ends: (0.005, 0.6),
        marks: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
            .map(|m| (m, format!("{}", m * 100.0)))
            .to_vec(),
        logarithmic: true,
    };
    let lines = [line("EER", |p| p.1), line("FRR at FAR 1 %", |p| p.2)];
    svg(
        "Error against the number of keystrokes enrolled",
        &across,
        &up,
        &lines,
    )
}

pub fn table(curve: &Curve) -> String {
    let mut out = String::from(
        "\n## How much has to be learned\n\nAalto, windows of 100 keystrokes from the last five sentences, the same windows for every size of enrolment; a quarter of the people learned from, a quarter judged.\n\n| keystrokes enrolled | EER % | FRR % at FAR 1 % |\n| --- | --- | --- |\n",
    );
    for (keys, eer, frr) in curve {
        out += &format!("| {keys:.0} | {:.2} | {:.1} |\n", 100.0 * eer, 100.0 * frr);
    }
    out + "\n![Error against the number of keystrokes enrolled](accuracy/learning.svg)\n"
}
