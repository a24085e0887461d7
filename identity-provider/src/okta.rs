//! Okta from our side: its management API, and what we tell an org while people sign in.

pub mod client;
pub mod connect;
pub mod delivery;
pub mod organiser;
pub mod transmitter;
