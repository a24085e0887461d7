//! The worker of the browser extension.
//!
//! Everything that decides is a pure module below and is tested natively. `browser` alone touches `chrome.*`; `worker`
//! carries out what the pure modules decide, and exists only in the browser. No decision is made in a content script,
//! nothing that was typed is stored or logged, and the worker may be killed between any two lines.

pub mod capture;
pub mod challenge;
pub mod configuration;
pub mod connection;
pub mod decisions;
pub mod digest;
pub mod presence;
pub mod provenance;
pub mod sites;
pub mod summary;

#[cfg(target_arch = "wasm32")]
mod browser;
#[cfg(target_arch = "wasm32")]
mod worker;

/// An age in whole milliseconds, within what the protocol can say.
pub fn whole_ms(ms: f64) -> u32 {
    // `as` saturates, and makes 0 of what is no number.
    ms.max(0.0) as u32
}
