//! Pointer movement: actions between pauses and clicks, described by kinematic features, against a Gaussian mixture.
//!
//! A browser delivers pointer positions once per frame, a replay or another mouse at other times. So positions are first
//! put on a grid of 60 per second, and training and scoring see nothing finer than that.

mod actions;
mod mixture;
mod norm;
mod pointing;

pub(crate) use actions::{Action, Actions, FEATURES};
pub(crate) use mixture::{COMPONENTS, Mixture};
pub(crate) use norm::{PointerModel, PointerNorm};
pub(crate) use pointing::Pointing;
