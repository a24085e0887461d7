//! Free-text typing: log timings per key and per pair of keys, against a person's norm and against everybody.
//!
//! Four timings describe a keystroke *b* that follows *a*: hold of *b*, press to press, release of *a* to press of *b*,
//! release to release. Each is taken as a logarithm, and is Gaussian given key class or pair of classes (its *feature*).

mod classes;
mod model;
mod norm;
mod population;
mod strokes;
mod typing;

pub(crate) use model::{Cohort, KeyEvidence, KeyModel};
pub(crate) use norm::{KeyNorm, Shift};
pub(crate) use population::Population;
#[cfg(feature = "train")]
pub(crate) use strokes::{Stroke, timings_of};
pub(crate) use strokes::{Strokes, Timing};

pub(crate) use typing::Typing;

pub(crate) use classes::{CLASSES, PAIRS, class_of};

/// Kinds of timing: hold, press to press, release to press, release to release.
pub(crate) const KINDS: usize = 4;
/// Every feature: a hold per class, and three timings per ordered pair of classes.
pub(crate) const FEATURES: usize = CLASSES + (KINDS - 1) * PAIRS;
/// Features that are counted apart: the three timings of a pair always come together.
pub(crate) const CELLS: usize = CLASSES + PAIRS;

/// The kind of timing that a feature describes.
pub(crate) const fn kind_of(feature: usize) -> usize {
    if feature < CLASSES {
        0
    } else {
        1 + (feature - CLASSES) / PAIRS
    }
}

/// Where a feature's occurrences are counted.
pub(crate) const fn cell_of(feature: usize) -> usize {
    if feature < CLASSES {
        feature
    } else {
        CLASSES + (feature - CLASSES) % PAIRS
    }
}
