//! The Secure Enclave.

use super::codes::{Failure, enclave_error, fixed, meaning};
use crate::data::DataFolder;
use crate::keystore::blocking::within;
use crate::keystore::{Keys, Keystore, KeystoreError, Kind, OpenKeys, Pending};
use crate::sealing::SealingKey;
use core_foundation::error::CFError;
use ring::rand::{SecureRandom, SystemRandom};
use security_framework::access_control::{ProtectionMode, SecAccessControl};
use security_framework::item::{
    ItemClass, ItemSearchOptions, KeyClass, Location, Reference, SearchResult,
};
use security_framework::key::{Algorithm, GenerateKeyOptions, KeyType, SecKey, Token};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

/// Labels of the keys.
const DEVICE: &str = "Tacit device key";
const WRAPPING: &str = "Tacit sealing key";
/// The encrypted sealing key, in the data folder.
const FILE: &str = "enclave-sealing-key";
const OPENING: Duration = Duration::from_secs(20);
const SIGNING: Duration = Duration::from_secs(5);
/// `kSecAccessControlPrivateKeyUsage`: the key signs and decrypts without asking the person.
const PRIVATE_KEY_USAGE: usize = 1 << 30;
const ECIES: Algorithm = Algorithm::ECIESEncryptionStandardVariableIVX963SHA256AESGCM;

/// The enclave and the data folder.
pub struct Enclave {
    data: DataFolder,
}

impl Enclave {
    /// Opened when it is used.
    pub fn new(data: DataFolder) -> Self {
        Self { data }
    }

    async fn load_keys(&self) -> Result<Option<Keys>, KeystoreError> {
        let found = within(OPENING, "Secure Enclave", || {
            let Some(device) = find(DEVICE)? else {
                // Looking finds nothing even where there is no enclave: a key that nobody keeps shows it.
                generate(None)?;
                return Ok(None);
            };
            let wrapping = find(WRAPPING)?.ok_or(KeystoreError::Unreadable)?;
            Ok(Some((device, wrapping)))
        });
        let Some((device, wrapping)) = found.await? else {
            return Ok(None);
        };
        let wrapped = self.data.read(FILE)?.ok_or(KeystoreError::Unreadable)?;
        open(device, wrapping, wrapped).map(Some)
    }

    /// The device key comes last: where there is one, there is all that belongs to it.
    async fn create_keys(&self) -> Result<Keys, KeystoreError> {
        let (wrapping, wrapped) = within(OPENING, "Secure Enclave", || {
            let mut secret = Zeroizing::new([0; 32]);
            SystemRandom::new()
                .fill(&mut *secret)
                .map_err(|_| KeystoreError::NoRandomness)?;
            remove(WRAPPING)?;
            let key = generate(Some(WRAPPING))?;
            let public = key.public_key().ok_or(KeystoreError::Unreadable)?;
            let wrapped = public.encrypt_data(ECIES, &*secret);
            Ok((key, wrapped.map_err(failed("SecKeyCreateEncryptedData"))?))
        })
        .await?;
        self.data.write(FILE, &wrapped)?;
        let device = within(OPENING, "Secure Enclave", || generate(Some(DEVICE)));
        open(device.await?, wrapping, wrapped)
    }

    async fn remove_keys(&self) -> Result<(), KeystoreError> {
        within(OPENING, "Secure Enclave", || {
            remove(DEVICE)?;
            remove(WRAPPING)
        })
        .await?;
        Ok(self.data.remove(FILE)?)
    }
}

impl Keystore for Enclave {
    fn kind(&self) -> Kind {
        Kind::SecureEnclave
    }

    fn load(&self) -> Pending<'_, Option<Keys>> {
        Box::pin(self.load_keys())
    }

    fn create(&self) -> Pending<'_, Keys> {
        Box::pin(self.create_keys())
    }

    fn remove(&self) -> Pending<'_, ()> {
        Box::pin(self.remove_keys())
    }
}

struct Open {
    device: SecKey,
    wrapping: SecKey,
    wrapped: Vec<u8>,
    sealing: OnceCell<Rc<SealingKey>>,
}

impl OpenKeys for Open {
    fn sign<'a>(&'a self, message: &'a [u8]) -> Pending<'a, [u8; 64]> {
        let (key, message) = (self.device.clone(), message.to_vec());
        Box::pin(within(SIGNING, "Secure Enclave", move || {
            let der = key
                .create_signature(Algorithm::ECDSASignatureMessageX962SHA256, &message)
                .map_err(failed("SecKeyCreateSignature"))?;
            fixed(&der).ok_or(KeystoreError::Unreadable)
        }))
    }

    fn sealing_key(&self) -> Pending<'_, Rc<SealingKey>> {
        let open = async {
            let (key, wrapped) = (self.wrapping.clone(), self.wrapped.clone());
            let secret = within(SIGNING, "Secure Enclave", move || {
                key.decrypt_data(ECIES, &wrapped)
                    .map(Zeroizing::new)
                    .map_err(failed("SecKeyCreateDecryptedData"))
            });
            let key = SealingKey::from_bytes(&secret.await?).ok_or(KeystoreError::Unreadable)?;
            Ok(Rc::new(key))
        };
        Box::pin(async { self.sealing.get_or_try_init(|| open).await.cloned() })
    }
}

fn open(device: SecKey, wrapping: SecKey, wrapped: Vec<u8>) -> Result<Keys, KeystoreError> {
    let public = device.public_key().ok_or(KeystoreError::Unreadable)?;
    // Of an elliptic key: the uncompressed point.
    let point = public.external_representation();
    let point = point.ok_or(KeystoreError::Unreadable)?;
    let keys = Open {
        device,
        wrapping,
        wrapped,
        sealing: OnceCell::new(),
    };
    Keys::new(&point, Box::new(keys))
}

/// A P-256 key of the enclave, kept under `label`, or by nobody.
fn generate(label: Option<&str>) -> Result<SecKey, KeystoreError> {
    // Usable from the first unlock on, and on this Mac alone.
    let access = SecAccessControl::create_with_protection(
        Some(ProtectionMode::AccessibleAfterFirstUnlockThisDeviceOnly),
        PRIVATE_KEY_USAGE,
    )
    .map_err(|error| enclave_error("SecAccessControlCreateWithFlags", error.code().into()))?;
    let mut options = GenerateKeyOptions::default();
    options
        .set_key_type(KeyType::ec_sec_prime_random())
        .set_size_in_bits(256)
        .set_token(Token::SecureEnclave)
        .set_access_control(access);
    if let Some(label) = label {
        options
            .set_label(label)
            .set_location(Location::DataProtectionKeychain);
    }
    SecKey::new(&options).map_err(failed("SecKeyCreateRandomKey"))
}

fn find(label: &str) -> Result<Option<SecKey>, KeystoreError> {
    let found = match search(label).load_refs(true).limit(1).search() {
        Ok(found) => found,
        Err(error) if meaning(error.code().into()) == Failure::NoKey => return Ok(None),
        Err(error) => return Err(enclave_error("SecItemCopyMatching", error.code().into())),
    };
    Ok(found.into_iter().find_map(|found| match found {
        SearchResult::Ref(Reference::Key(key)) => Some(key),
        _ => None,
    }))
}

fn remove(label: &str) -> Result<(), KeystoreError> {
    match search(label).delete() {
        Err(error) if meaning(error.code().into()) != Failure::NoKey => {
            Err(enclave_error("SecItemDelete", error.code().into()))
        }
        _ => Ok(()),
    }
}

fn search(label: &str) -> ItemSearchOptions {
    let mut options = ItemSearchOptions::new();
    options
        .ignore_legacy_keychains()
        .class(ItemClass::key())
        .key_class(KeyClass::private())
        .label(label);
    options
}

fn failed(step: &'static str) -> impl Fn(CFError) -> KeystoreError {
    move |error| enclave_error(step, i64::try_from(error.code()).unwrap_or(0))
}
