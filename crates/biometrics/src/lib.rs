//! The behavioural verification engine: who is typing and moving the pointer?

mod assessment;
mod automation;
mod calibration;
mod codec;
mod engine;
mod event;
mod explain;
mod keyboard;
mod model;
#[cfg(feature = "parity")]
mod parity;
mod pointer;
mod template;
#[cfg(feature = "train")]
pub mod train;
mod trust;

pub use assessment::{Assessment, Verdict};
pub use engine::{Engine, StateError, Targets};
pub use event::{Event, EventKind};
pub use explain::words;
pub use model::{Model, ModelError};
#[cfg(feature = "parity")]
pub use parity::parity_fixture;
pub use template::TemplateError;
