//! A whole world to test in: CA, server, Okta stand-in, key store, native host and browser, all in one temporary folder.
//!
//! Everything that is started ends with the value that stands for it, also when a test fails: each program runs in a
//! process group of its own, which is ended on drop, and asks the kernel to be told when its parent dies.

pub mod browser;
pub mod certificates;
pub mod devtools;
pub mod driver;
pub mod host;
pub mod keystore;
pub mod net;
pub mod okta;
pub mod player;
pub mod policy;
pub mod poll;
pub mod process;
pub mod programs;
pub mod replay;
pub mod signals;
pub mod tacit;
pub mod updates;
pub mod world;

pub use browser::Browser;
pub use world::{Settings, World};
