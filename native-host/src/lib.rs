//! `tacit-host`: the native-messaging host that keeps the device key.
//!
//! A browser starts one process per profile and speaks length-prefixed JSON with it over stdin and stdout
//! ([`framing`], [`serve`]). The host answers the requests of [`wire::host`] ([`host`]): it makes the device key in the
//! best key store of the machine ([`keystore`]), signs statements that it builds itself ([`statements`]), seals
//! templates ([`sealing`]) and keeps its own record of who the device belongs to ([`bindings`]).
//!
//! It does not talk to the network, never signs bytes that it is handed, and takes the server's origin and the allowed
//! callers from the machine configuration alone ([`settings`]).

mod account;
pub mod bindings;
pub mod browsers;
pub mod data;
pub mod doctor;
pub mod framing;
pub mod host;
pub mod install;
pub mod keystore;
pub mod log;
pub mod platform;
pub mod posture;
pub mod refusal;
#[cfg(windows)]
mod registry;
pub mod renew;
pub mod sealing;
pub mod serve;
pub mod settings;
pub mod statements;
pub mod status;
mod system;
#[cfg(test)]
mod test_folder;
