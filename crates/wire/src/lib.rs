//! Tacit's own protocol: every message between page, worker, host and server.
//!
//! ```text
//! capture.js ──capture──▶ worker ◀──page── answer.js
//!                          │  ▲
//!                popup ────┘  └──host──▶ tacit-host      (framed JSON over stdio)
//!                          │
//!                          └──server──▶ tacit            (HTTPS, DPoP, statements signed by the device key)
//! ```
//!
//! This crate is the specification. It holds types, limits and the text of every reason, and does nothing else:
//! no I/O, no clock, no randomness, no cryptography. Whoever signs or verifies takes the bytes from [`jws`].
//!
//! # Rules that hold for every message
//!
//! - JSON, UTF-8, one object with `"v": 1` ([`version::VERSION`]) and a `"type"` (in `"body"` where there are several). An unknown version or type is refused
//!   with [`version::Refusal`], never guessed at. Unknown fields are refused as well: both ends ship together or shake
//!   hands about their versions first.
//! - Bytes are base64url without padding. Times are milliseconds since 1970 in the sender's clock, except `iat` (seconds,
//!   RFC 7519) and event times (see [`capture`]).
//! - Every length is bounded by a constant of [`limits`], checked while the message is parsed.
//! - Identifiers are newtypes ([`id`]) that cannot hold a malformed value.
//!
//! # Example
//!
//! ```
//! use wire::{host, version::parse};
//! let hello: host::Request = parse(br#"{"v":1,"id":7,"body":{"type":"hello","extension":"0.1.0"}}"#).unwrap();
//! assert_eq!(hello.id, 7);
//! ```
#![warn(missing_docs)]

pub mod b64;
pub mod capture;
pub mod config;
pub mod dpop;
pub mod host;
pub mod id;
pub mod jws;
pub mod limits;
pub mod page;
pub mod popup;
pub mod reason;
pub mod server;
pub mod statement;
pub mod trouble;
pub mod version;
