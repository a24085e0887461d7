//! Okta from our side.

mod client;
mod crash;
mod hooks;
mod org;
mod organise;
mod program;
mod runtime;
mod world;
