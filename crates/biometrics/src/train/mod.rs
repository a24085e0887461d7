//! Trains background models and scores benchmark windows with the engine's own parts. Natively only.

mod algebra;
mod calibrate;
mod forest;
mod gestures;
mod hands;
mod keyboard;
mod logistic;
mod phrase;
mod pointer;
mod population;
mod random;
mod tables;
mod words;
mod write;

/// What an ordered pair of keys is counted as in a template.
pub fn kept_pair(before: u8, key: u8) -> u16 {
    crate::keyboard::kept_pair(before, key)
}

pub use gestures::{Cutting, Gesture, LONG, SHORT, gestures};
pub use hands::{Hand, Plan, Pooling};
pub use keyboard::{Evidence, Keystroke, Row, Typed, TypingModel, Typist, rows};
pub use pointer::{Moved, Mover, Person, PointingModel, Sample, SampleKind, actions};

pub use phrase::{Phrase, PhraseModel, Repetition, Time};
pub use write::model_bytes;
