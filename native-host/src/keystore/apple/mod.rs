//! macOS: keys of the Secure Enclave, or bytes in the login keychain on a Mac without one.
//!
//! Keys of the enclave have to be items of the data-protection keychain, which only a program that is signed with the
//! entitlement of `package/macos/tacit-host.entitlements` may use. The enclave has no symmetric keys: the sealing key is
//! encrypted (ECIES) to a second key of it, and the ciphertext is a file in the data folder.

mod codes;

#[cfg(target_os = "macos")]
mod enclave;
#[cfg(target_os = "macos")]
mod keychain;

#[cfg(target_os = "macos")]
pub use {enclave::Enclave, keychain::Keychain};
