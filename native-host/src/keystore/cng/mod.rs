//! Windows: keys of CNG's Platform Crypto Provider, which are the TPM's, or of its software provider, which the
//! person's login protects.
//!
//! The device key is a persisted P-256 key. A TPM behind CNG has no symmetric keys of ours, so the sealing key is
//! wrapped by a persisted RSA key that only decrypts, and the wrapped bytes are a file in the data folder.

mod codes;

#[cfg(windows)]
pub use store::Cng;

#[cfg(windows)]
mod store;
