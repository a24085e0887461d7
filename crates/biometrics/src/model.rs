//! The background model: how people in general type and move the pointer.

/// A background model in memory.
#[derive(Debug, Clone)]
pub struct Model {
    version: u32,
}

impl Model {
    /// Parses a model file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Model, ModelError> {
        if bytes.len() < 8 {
            return Err(ModelError::Truncated);
        }
        Ok(Model { version: 1 })
    }

    /// The version that answers report.
    pub fn version(&self) -> u32 {
        self.version
    }
}

/// Why bytes are not a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// They end too early.
    #[error("the model ends too early")]
    Truncated,
}
