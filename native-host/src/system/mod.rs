//! What only the platform's own API can tell, one small module per platform; all `unsafe` of this crate is here.

#[cfg(target_os = "macos")]
pub(crate) mod macos;
#[cfg(windows)]
pub(crate) mod windows;
