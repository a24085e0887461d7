//! What the host can tell about the machine. Whatever the platform does not tell is `None`.

#[cfg(target_os = "linux")]
mod linux;

use wire::statement;

/// The machine's state, as last seen.
#[derive(Default)]
pub struct Posture {}

impl Posture {
    /// Looks again.
    pub async fn refresh(&self) {}

    /// The state now, as far as it can be told at once.
    pub async fn current(&self) -> statement::Posture {
        statement::Posture {
            platform: std::env::consts::OS.into(),
            ..statement::Posture::default()
        }
    }
}
