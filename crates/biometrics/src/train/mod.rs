//! Trains background models and scores benchmark windows with the engine's own parts. Natively only.

mod calibrate;
mod keyboard;
mod pointer;
mod random;
mod write;

pub use keyboard::{Keystroke, Row, TypingModel, Typist, rows};
pub use pointer::{Moved, Mover, Person, PointingModel, Sample, SampleKind, actions};

pub use write::model_bytes;
