//! Okta as code against the stand-in of an org.

mod behind;
mod faults;
mod safety;
mod scenarios;
mod world;
