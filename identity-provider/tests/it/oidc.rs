//! The OpenID Provider: the same ceremony as SAML, and the attacks that `standards::oidc` lists.

mod cli;
mod requests;
mod sign_in;
mod tokens;
