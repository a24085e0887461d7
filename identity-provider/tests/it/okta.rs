//! Okta from our side.

mod client;
mod crash;
mod hooks;
mod org;
mod program;
mod runtime;
mod world;
