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

/// Removes the keys and the choice of store; returns the store that held them, if that is known.
pub async fn renew(settings: &Settings) -> Result<Option<Kind>, RenewError> {
    let root = settings.data_dir().ok_or(DataError::NoFolder)?;
    let data = DataFolder::open(root)?;
    let _lock = data.lock()?;
    let kind = match keystore::choose(settings, &data).await {
        Ok(chosen) => {
            chosen.store.remove().await?;
            Some(chosen.store.kind())
        }
        // The record of the choice is damaged: any of them may hold the keys.
        Err(KeystoreError::Unreadable) => {
            keystore::remove_everywhere(settings, &data).await;
            None
        }
        Err(error) => return Err(error.into()),
    };
    keystore::forget(&data)?;
    Ok(kind)
}
