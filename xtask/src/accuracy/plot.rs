//! Small line plots as SVG, readable on light and dark pages.

use std::fmt::Write as _;

/// Colours that are told apart on white and on black, also without red and green.
const COLOURS: [&str; 6] = [
    "#3b82f6", "#d97706", "#10a37f", "#c026d3", "#6b7280", "#e11d48",
];
const SIZE: (f64, f64) = (640.0, 420.0);
/// Left, top, right and bottom margins.
const MARGINS: (f64, f64, f64, f64) = (64.0, 20.0, 20.0, 52.0);

/// One axis: its title, its ends, its marks, and whether it is logarithmic.
pub struct Axis {
    pub title: &'static str,
    pub ends: (f64, f64),
    pub marks: Vec<(f64, String)>,
    pub logarithmic: bool,
}

/// One line with its name.
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
    pub dots: bool,
}

impl Axis {
    fn share(&self, value: f64) -> f64 {
        let place = |v: f64| {
            if self.logarithmic {
                v.max(1e-12).ln()
            } else {
                v
            }
        };
        let (from, to) = (place(self.ends.0), place(self.ends.1));
        ((place(value) - from) / (to - from)).clamp(0.0, 1.0)
    }
}

/// A plot. `description` is what somebody hears who cannot see it.
pub fn svg(description: &str, across: &Axis, up: &Axis, lines: &[Line]) -> String {
    let (left, top, right, bottom) = MARGINS;
    let (wide, high) = (SIZE.0 - left - right, SIZE.1 - top - bottom);
    let x = |v: f64| left + wide * across.share(v);
    let y = |v: f64| top + high * (1.0 - up.share(v));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" font-family=\"sans-serif\" font-size=\"13\">\n<title>{description}</title>\n<style>text{{fill:#1f2937}}.grid{{stroke:#9ca3af;stroke-opacity:.35}}@media(prefers-color-scheme:dark){{text{{fill:#e5e7eb}}}}</style>\n",
        SIZE.0, SIZE.1
    );
    // Writing to a string cannot fail.
    for (value, name) in &across.marks {
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{top}\" y2=\"{1}\"/><text x=\"{0:.1}\" y=\"{2}\" text-anchor=\"middle\">{name}</text>",
            x(*value),
            top + high,
            top + high + 18.0
        );
    }
    for (value, name) in &up.marks {
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{left}\" x2=\"{1}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/><text x=\"{2}\" y=\"{3:.1}\" text-anchor=\"end\">{name}</text>",
            y(*value),
            left + wide,
            left - 8.0,
            y(*value) + 4.0
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        left + wide / 2.0,
        SIZE.1 - 10.0,
        across.title
    );
    let _ = writeln!(
        out,
        "<text transform=\"translate(16 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        top + high / 2.0,
        up.title
    );
    // Names stand in the upper right corner, or in the lower one where lines run through the upper.
    let is_taken = |p: &(f64, f64)| across.share(p.0) > 0.6 && up.share(p.1) > 0.65;
    let first = if lines.iter().flat_map(|line| &line.points).any(is_taken) {
        top + high - 18.0 * lines.len() as f64
    } else {
        top + 16.0
    };
    for (i, line) in lines.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        let points: Vec<String> = line
            .points
            .iter()
            .map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1)))
            .collect();
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>",
            points.join(" ")
        );
        for p in line.points.iter().filter(|_| line.dots) {
            let _ = writeln!(
                out,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\" fill=\"{colour}\"/>",
                x(p.0),
                y(p.1)
            );
        }
        let row = first + 18.0 * i as f64;
        let _ = writeln!(
            out,
            "<line x1=\"{}\" x2=\"{}\" y1=\"{2}\" y2=\"{2}\" stroke=\"{colour}\" stroke-width=\"3\"/><text x=\"{3}\" y=\"{4}\" text-anchor=\"end\">{5}</text>",
            left + wide - 24.0,
            left + wide,
            row - 4.0,
            left + wide - 30.0,
            row,
            line.name
        );
    }
    out.push_str("</svg>\n");
    out
}
