//! TPM 2.0.
use super::{Keys, Keystore, KeystoreError, Kind, Pending};
use crate::data::DataFolder;
/// A TPM.
pub struct Tpm;
impl Tpm {
    /// Reached through `tcti`.
    pub fn new(_tcti: &str, _data: DataFolder) -> Self {
        Self
    }
}
impl Keystore for Tpm {
    fn kind(&self) -> Kind {
        Kind::Tpm
    }
    fn load(&self) -> Pending<'_, Option<Keys>> {
        Box::pin(std::future::ready(Err(KeystoreError::TpmLeftOut)))
    }
    fn create(&self) -> Pending<'_, Keys> {
        Box::pin(std::future::ready(Err(KeystoreError::TpmLeftOut)))
    }
}
