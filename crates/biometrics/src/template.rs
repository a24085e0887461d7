//! One person's norm.

/// Why bytes are not a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// They end too early.
    #[error("the template ends too early")]
    Truncated,
}
