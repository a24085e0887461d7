//! Okta from our side: its management API.

pub mod client;
pub mod organiser;
