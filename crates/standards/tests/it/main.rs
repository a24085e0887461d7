//! The crate as a server uses it: whole messages in, values or refusals out.

mod authn_request;
mod dpop;
mod metadata;
mod okta;
mod properties;
mod response;
mod scim_filter;
mod scim_patch;
mod scim_resources;
mod statements;
mod tampered;
mod tampering;
