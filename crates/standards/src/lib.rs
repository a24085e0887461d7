//! The standards that Tacit speaks with others, as pure functions: SAML 2.0 and SCIM 2.0 as an Okta org speaks them, OpenID
//! Connect as a provider speaks it, security events and event hooks, and the part of JOSE that our own protocol needs.
//!
//! No I/O, no clock, no randomness: times, identifiers and signing functions are arguments. What came from outside is an
//! `Unverified…` type without accessors until `verify` has returned the real one. What this crate does *not* do: remember
//! which identifiers were used (replay is the caller's), hold keys, or speak HTTP.
//!
//! # Example
//!
//! ```
//! use standards::saml::authn_request::{AuthnRequestError, UnverifiedAuthnRequest};
//! let refused = UnverifiedAuthnRequest::from_redirect_query(b"SAMLRequest=AAAA&SAMLRequest=BBBB").unwrap_err();
//! assert_eq!(refused, AuthnRequestError::ParameterRepeated { name: "SAMLRequest" });
//! ```
#![warn(missing_docs)]

pub mod event_hook;
pub mod jose;
pub mod oidc;
pub mod saml;
pub mod scim;
pub mod secevent;
