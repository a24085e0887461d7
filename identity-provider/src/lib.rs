//! The identity provider: what `tacit` does when Okta asks for the IdP factor.
//!
//! ```text
//! http/   one file per endpoint: bytes to types, types to bytes
//! domain/ what is decided, as functions of values; where several rows have to agree, of the store too
//! store/  the SQL, one set for SQLite and PostgreSQL
//! okta/   Okta from our side: its management API, and what we tell it
//! cli/    the administrator's commands
//! ```
//!
//! Time comes from [`clock::Clock`] and randomness from [`random`], both through [`app::App`], so that tests hold them.
//! It does not speak SAML or JOSE itself: `standards` does, and `wire` is the protocol with the extension.

pub mod app;
pub mod backoff;
pub mod bench;
pub mod bench_oidc;
pub mod cli;
pub mod clock;
pub mod delivery;
pub mod domain;
pub mod http;
pub mod keys;
pub mod limits;
pub mod mail;
pub mod metrics;
pub mod okta;
pub mod password;
pub mod random;
pub mod settings;
pub mod store;
