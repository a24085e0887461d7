//! Keys that end with the process: for tests, and absent from release builds.
#![cfg(debug_assertions)]

use super::pkcs8::Bytes;
use super::{Keys, Keystore, Kind, Pending};

/// Holds nothing: the keys live in the [`Keys`] that `create` returns.
pub struct Memory;

impl Keystore for Memory {
    fn kind(&self) -> Kind {
        Kind::Memory
    }

    fn load(&self) -> Pending<'_, Option<Keys>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn create(&self) -> Pending<'_, Keys> {
        Box::pin(async { Bytes::generate()?.keys() })
    }

    fn remove(&self) -> Pending<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}
