//! Free-text typing: log timings per key and per pair of keys, against a person's norm and against everybody.
//!
//! Four timings describe a keystroke *b* that follows *a*: hold of *b*, press to press, release of *a* to press of *b*,
//! release to release. Each is taken as a logarithm and standardised by what everybody does at its *place* (key class or
//! pair of classes); this [`Residual`] is Gaussian given the class of the key, or the groups of the pair (its *feature*).

mod classes;
mod model;
mod norm;
mod phrase;
mod population;
mod strokes;
mod typing;

pub(crate) use model::{Cohort, KeyEvidence, KeyModel};
pub(crate) use norm::{KeyNorm, Shift};
#[cfg(feature = "train")]
pub(crate) use phrase::Repetition;
pub(crate) use phrase::{POSITIONS, PhraseNorm, Phrasing, Watch};
pub(crate) use population::Population;
pub(crate) use population::Residual;
#[cfg(feature = "train")]
pub(crate) use strokes::{Stroke, timings_of};
pub(crate) use strokes::{Strokes, Timing};

pub(crate) use typing::Typing;

pub(crate) use classes::class_of;
use classes::{CLASSES, COMMON_PAIRS, GROUPS, pair_of_person};

/// What an ordered pair of key codes is kept as, of one person.
#[cfg(feature = "train")]
pub(crate) fn kept_pair(before: u8, key: u8) -> u16 {
    pair_of_person(class_of(before), class_of(key)) as u16
}

/// Kinds of timing: hold, press to press, release to press, release to release.
pub(crate) const KINDS: usize = 4;
/// Features of one person: a hold per class of key, and three timings per ordered pair of groups.
pub(crate) const FEATURES: usize = Layout::GROUPS.features();
/// Features that are counted apart: the three timings of a pair always come together.
pub(crate) const CELLS: usize = Layout::GROUPS.cells();
/// The same of classes: places of what is known of everybody.
pub(crate) const PLACES: usize = Layout::CLASSES.features();

/// How features are numbered: a hold per class of key, then three tables of ordered pairs of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Pairs of keys, as far as they are kept apart.
    pairs: usize,
}

impl Layout {
    /// What is kept of one person: pairs of groups.
    pub(crate) const GROUPS: Self = Self {
        pairs: GROUPS * GROUPS + COMMON_PAIRS,
    };
    /// What is known of everybody: pairs of classes.
    pub(crate) const CLASSES: Self = Self {
        pairs: CLASSES * CLASSES,
    };

    pub(crate) const fn cells(self) -> usize {
        CLASSES + self.pairs
    }

    pub(crate) const fn features(self) -> usize {
        CLASSES + (KINDS - 1) * self.pairs
    }

    /// The kind of timing that a feature describes.
    pub(crate) const fn kind_of(self, feature: usize) -> usize {
        if feature < CLASSES {
            0
        } else {
            1 + (feature - CLASSES) / self.pairs
        }
    }

    /// Where a feature's occurrences are counted.
    pub(crate) const fn cell_of(self, feature: usize) -> usize {
        if feature < CLASSES {
            feature
        } else {
            CLASSES + (feature - CLASSES) % self.pairs
        }
    }

    /// The features that are counted in a cell.
    pub(crate) fn features_of(self, cell: usize) -> impl Iterator<Item = usize> {
        let kinds = if cell < CLASSES { 1 } else { KINDS - 1 };
        (0..kinds).map(move |kind| cell + kind * self.pairs)
    }

    const fn pair(self, kind: usize, pair: usize) -> u16 {
        debug_assert!(pair < self.pairs, "a pair of this layout");
        (CLASSES + (kind - 1) * self.pairs + pair) as u16
    }
}
