//! The whole chain in a real Chromium: server, org, extension installed by policy, native host, key store.
//!
//! `tests/chromium.rs` holds the scenarios, `src/bin/demo.rs` the demo; both are made of what is here.

pub mod demo;
pub mod evidence;
pub mod harness;
pub mod looks;
pub mod native;
pub mod office;
pub mod person;
pub mod policy;
pub mod visit;
