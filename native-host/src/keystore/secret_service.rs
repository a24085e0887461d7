//! The desktop's secret store.
use super::{Keys, Keystore, KeystoreError, Kind, Pending};
/// Over the session's D-Bus.
pub struct SecretServiceStore;
impl SecretServiceStore {
    /// Not yet connected.
    pub fn new() -> Self {
        Self
    }
}
impl Keystore for SecretServiceStore {
    fn kind(&self) -> Kind {
        Kind::SecretService
    }
    fn load(&self) -> Pending<'_, Option<Keys>> {
        Box::pin(std::future::ready(Err(
            KeystoreError::SecretServiceMissing("not built".into()),
        )))
    }
    fn create(&self) -> Pending<'_, Keys> {
        Box::pin(std::future::ready(Err(
            KeystoreError::SecretServiceMissing("not built".into()),
        )))
    }
}
