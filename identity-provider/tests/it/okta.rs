//! Okta from our side.

mod client;
