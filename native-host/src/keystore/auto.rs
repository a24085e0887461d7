//! Which store to use.
//!
//! `auto` takes the best that works, once. From then on the choice is on record: a TPM that fails for a moment must not
//! quietly turn this device into another one with a weaker key.

use super::{Keystore, KeystoreError, Kind};
use crate::data::DataFolder;
use crate::platform::Platform;
use crate::settings::{Choice, Settings};
use serde::{Deserialize, Serialize};

/// In the data folder.
const FILE: &str = "keystore.json";

/// The store that is used.
pub struct Chosen {
    /// The store.
    pub store: Box<dyn Keystore>,
    /// Why better ones were passed over.
    pub passed_over: Vec<KeystoreError>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    v: u32,
    keystore: Kind,
}

/// The store that the settings and the record of `data` call for.
pub async fn choose(settings: &Settings, data: &DataFolder) -> Result<Chosen, KeystoreError> {
    let kind = match settings.keystore {
        Choice::Tpm => Kind::Tpm,
        Choice::SecretService => Kind::SecretService,
        Choice::CngPlatform => Kind::CngPlatform,
        Choice::CngSoftware => Kind::CngSoftware,
        Choice::SecureEnclave => Kind::SecureEnclave,
        Choice::Keychain => Kind::Keychain,
        Choice::Software => Kind::Software,
        Choice::Memory => Kind::Memory,
        Choice::Auto => match recorded(data)? {
            Some(kind) => kind,
            None => return best(settings, data).await,
        },
    };
    Ok(Chosen {
        store: make(kind, settings, data)?,
        passed_over: Vec::new(),
    })
}

/// Records that the keys are in a store of this kind. The caller holds the lock.
pub(crate) fn record(kind: Kind, data: &DataFolder) -> Result<(), KeystoreError> {
    let record = Record {
        v: 1,
        keystore: kind,
    };
    // A struct of a number and a name: serde_json cannot fail on it.
    let json = serde_json::to_vec(&record).unwrap_or_default();
    Ok(data.write(FILE, &json)?)
}

/// Forgets the choice: the best that works is chosen anew. The caller holds the lock.
pub(crate) fn forget(data: &DataFolder) -> Result<(), KeystoreError> {
    Ok(data.remove(FILE)?)
}

/// Removes the keys from every store that `auto` knows. One that does not work is passed over: it is not used either.
/// The caller holds the lock.
pub(crate) async fn remove_everywhere(settings: &Settings, data: &DataFolder) {
    for kind in order(Platform::HERE) {
        if let Ok(store) = make(*kind, settings, data)
            && let Err(error) = store.remove().await
        {
            tracing::warn!(%error, "a key store was passed over");
        }
    }
}

fn recorded(data: &DataFolder) -> Result<Option<Kind>, KeystoreError> {
    let Some(json) = data.read(FILE)? else {
        return Ok(None);
    };
    match serde_json::from_slice(&json) {
        Ok(Record { v: 1, keystore }) => Ok(Some(keystore)),
        _ => Err(KeystoreError::Unreadable),
    }
}

async fn best(settings: &Settings, data: &DataFolder) -> Result<Chosen, KeystoreError> {
    let mut passed_over = Vec::new();
    for kind in order(Platform::HERE) {
        let works = match make(*kind, settings, data) {
            Ok(store) => store.load().await.map(|_| store),
            Err(error) => Err(error),
        };
        match works {
            Ok(store) => {
                return Ok(Chosen { store, passed_over });
            }
            Err(error) => passed_over.push(error),
        }
    }
    let reasons: Vec<String> = passed_over.iter().map(ToString::to_string).collect();
    Err(KeystoreError::NoneWorks(reasons.join("; ")))
}

/// What `auto` tries, the strongest first.
const fn order(platform: Platform) -> &'static [Kind] {
    match platform {
        Platform::Linux => &[Kind::Tpm, Kind::SecretService, Kind::Software],
        Platform::Windows => &[Kind::CngPlatform, Kind::CngSoftware, Kind::Software],
        Platform::MacOs => &[Kind::SecureEnclave, Kind::Keychain, Kind::Software],
    }
}

fn make(
    kind: Kind,
    settings: &Settings,
    data: &DataFolder,
) -> Result<Box<dyn Keystore>, KeystoreError> {
    match kind {
        #[cfg(all(target_os = "linux", feature = "tpm"))]
        Kind::Tpm => Ok(Box::new(super::Tpm::new(&settings.tcti, data.clone()))),
        #[cfg(all(target_os = "linux", not(feature = "tpm")))]
        Kind::Tpm => Err(KeystoreError::TpmLeftOut),
        #[cfg(target_os = "linux")]
        Kind::SecretService => Ok(Box::new(super::SecretServiceStore::new())),
        #[cfg(windows)]
        Kind::CngPlatform => Ok(Box::new(super::Cng::platform(data.clone()))),
        #[cfg(windows)]
        Kind::CngSoftware => Ok(Box::new(super::Cng::software(data.clone()))),
        #[cfg(target_os = "macos")]
        Kind::SecureEnclave => Ok(Box::new(super::Enclave::new(data.clone()))),
        #[cfg(target_os = "macos")]
        Kind::Keychain => Ok(Box::new(super::Keychain::new())),
        Kind::Software if settings.allow_software => {
            Ok(Box::new(super::Software::new(data.clone())))
        }
        Kind::Software => Err(KeystoreError::SoftwareNotAllowed),
        #[cfg(debug_assertions)]
        Kind::Memory => Ok(Box::new(super::Memory)),
        #[cfg(not(debug_assertions))]
        Kind::Memory => Err(KeystoreError::MemoryNotAllowed),
        elsewhere => Err(KeystoreError::WrongPlatform(elsewhere.name())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::statement::ProtectionClass;

    #[test]
    fn every_platform_tries_hardware_first_and_a_file_last() {
        for platform in [Platform::Linux, Platform::Windows, Platform::MacOs] {
            let classes: Vec<_> = order(platform)
                .iter()
                .map(|kind| kind.protection_class())
                .collect();
            let expected = [
                ProtectionClass::Hardware,
                ProtectionClass::OsProtected,
                ProtectionClass::Software,
            ];
            assert_eq!(classes, expected, "{platform:?}");
        }
    }

    #[test]
    fn a_store_of_another_system_is_named_as_such() {
        let folder = crate::test_folder::TestFolder::new("elsewhere");
        let settings = crate::settings::tests::least();
        for kind in [Kind::CngPlatform, Kind::SecureEnclave] {
            let error = make(kind, &settings, &folder.data()).err().unwrap();
            assert!(error.to_string().contains(kind.name()), "{error}");
        }
    }
}
