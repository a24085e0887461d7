//! The behavioural verification engine: who is typing and moving the pointer?

mod assessment;
mod engine;
mod event;
mod model;
mod template;

pub use assessment::{Assessment, Verdict, words};
pub use engine::{Engine, StateError, Targets};
pub use event::{Event, EventKind};
pub use model::{Model, ModelError};
pub use template::TemplateError;
