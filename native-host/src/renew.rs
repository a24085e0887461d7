//! `tacit-host renew`: forgets this user's device key, so that the extension makes a new one and enrols this machine anew.
//!
//! The repair for a key that does not open any more: the TPM was cleared, the disk moved to another machine, the file is
//! damaged. The old device stays known to the server until it expires or is revoked there; it can answer nothing.

use crate::data::{DataError, DataFolder};
use crate::keystore::{self, KeystoreError, Kind};
use crate::settings::Settings;

/// Why the key is still there.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// A file.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The store.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
}

/// Removes the keys and the choice of store; returns the store that held them.
pub async fn renew(settings: &Settings) -> Result<Kind, RenewError> {
    let root = settings.data_dir().ok_or(DataError::NoFolder)?;
    let data = DataFolder::open(root)?;
    let _lock = data.lock()?;
    let chosen = keystore::choose(settings, &data).await?;
    chosen.store.remove().await?;
    keystore::forget(&data)?;
    Ok(chosen.store.kind())
}
