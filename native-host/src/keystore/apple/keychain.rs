//! Both keys as one generic password of the login keychain, which the person's login unlocks. Other programs have to
//! ask the person before they may read it.

use super::codes::{Failure, keychain_error, meaning};
use crate::keystore::blocking::within;
use crate::keystore::pkcs8::Bytes;
use crate::keystore::{Keys, Keystore, KeystoreError, Kind, Pending};
use security_framework::base::Error;
use security_framework::passwords::{
    delete_generic_password, get_generic_password, set_generic_password,
};
use std::time::Duration;

const SERVICE: &str = "com.tacit.host";
const ACCOUNT: &str = "device key";
/// The first time the system may ask the person.
const PATIENCE: Duration = Duration::from_secs(60);

/// The login keychain.
#[derive(Default)]
pub struct Keychain {}

impl Keychain {
    /// Opened when it is used.
    pub fn new() -> Self {
        Self {}
    }
}

impl Keystore for Keychain {
    fn kind(&self) -> Kind {
        Kind::Keychain
    }

    fn load(&self) -> Pending<'_, Option<Keys>> {
        Box::pin(async {
            let found = within(PATIENCE, "keychain", || {
                match get_generic_password(SERVICE, ACCOUNT) {
                    Ok(bytes) => Ok(Some(Bytes::stored(bytes))),
                    Err(error) if is_absent(error) => Ok(None),
                    Err(error) => Err(failed("SecItemCopyMatching", error)),
                }
            });
            found.await?.map(|bytes| bytes.keys()).transpose()
        })
    }

    fn create(&self) -> Pending<'_, Keys> {
        Box::pin(async {
            let bytes = within(PATIENCE, "keychain", || {
                let bytes = Bytes::generate()?;
                set_generic_password(SERVICE, ACCOUNT, bytes.as_slice())
                    .map_err(|error| failed("SecItemAdd", error))?;
                Ok(bytes)
            });
            bytes.await?.keys()
        })
    }

    fn remove(&self) -> Pending<'_, ()> {
        Box::pin(within(
            PATIENCE,
            "keychain",
            || match delete_generic_password(SERVICE, ACCOUNT) {
                Err(error) if !is_absent(error) => Err(failed("SecItemDelete", error)),
                _ => Ok(()),
            },
        ))
    }
}

fn is_absent(error: Error) -> bool {
    meaning(error.code().into()) == Failure::NoKey
}

fn failed(step: &'static str, error: Error) -> KeystoreError {
    keychain_error(step, error.code().into())
}
