//! The store itself.

use super::codes::{self, Failure, meaning};
use crate::data::DataFolder;
use crate::keystore::blocking::within;
use crate::keystore::{Keys, Keystore, KeystoreError, Kind, OpenKeys, Pending};
use crate::sealing::SealingKey;
use crate::system::windows::cng::{Code, Key, Provider, Store};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

/// Names of the keys; CNG keeps them apart by person.
const DEVICE: &str = "Tacit device key";
const WRAPPING: &str = "Tacit sealing key";
/// Making keys takes a slow chip seconds.
const OPENING: Duration = Duration::from_secs(30);
/// A signature takes a slow chip some hundred milliseconds.
const SIGNING: Duration = Duration::from_secs(5);

/// One provider and the data folder.
pub struct Cng {
    provider: Provider,
    data: DataFolder,
}

impl Cng {
    /// The TPM.
    pub fn platform(data: DataFolder) -> Self {
        let provider = Provider::Platform;
        Self { provider, data }
    }

    /// The software provider.
    pub fn software(data: DataFolder) -> Self {
        let provider = Provider::Software;
        Self { provider, data }
    }

    const fn file(&self) -> &'static str {
        match self.provider {
            Provider::Platform => "cng-platform-sealing-key",
            Provider::Software => "cng-software-sealing-key",
        }
    }

    async fn load_keys(&self) -> Result<Option<Keys>, KeystoreError> {
        let provider = self.provider;
        let found = within(OPENING, "CNG", move || {
            let store = Store::open(provider).map_err(failed("OpenStorageProvider"))?;
            let Some(device) = existing(&store, DEVICE)? else {
                return Ok(None);
            };
            let wrapping = existing(&store, WRAPPING)?.ok_or(KeystoreError::Unreadable)?;
            Ok(Some((point(&device)?, device, wrapping)))
        });
        let Some((point, device, wrapping)) = found.await? else {
            return Ok(None);
        };
        let wrapped = self.data.read(self.file())?;
        let open = Open::new(device, wrapping, wrapped.ok_or(KeystoreError::Unreadable)?);
        Keys::new(&point, Box::new(open)).map(Some)
    }

    /// The device key comes last: where there is one, there is all that belongs to it.
    async fn create_keys(&self) -> Result<Keys, KeystoreError> {
        let provider = self.provider;
        let (wrapping, wrapped) = within(OPENING, "CNG", move || {
            let mut secret = Zeroizing::new([0; 32]);
            SystemRandom::new()
                .fill(&mut *secret)
                .map_err(|_| KeystoreError::NoRandomness)?;
            let store = Store::open(provider).map_err(failed("OpenStorageProvider"))?;
            let key = store.create_wrapping_key(WRAPPING);
            let key = key.map_err(failed("CreatePersistedKey"))?;
            let wrapped = key.wrap(&*secret).map_err(failed("Encrypt"))?;
            Ok((key, wrapped))
        })
        .await?;
        self.data.write(self.file(), &wrapped)?;
        let (point, device) = within(OPENING, "CNG", move || {
            let store = Store::open(provider).map_err(failed("OpenStorageProvider"))?;
            let key = store.create_signing_key(DEVICE);
            let key = key.map_err(failed("CreatePersistedKey"))?;
            Ok((point(&key)?, key))
        })
        .await?;
        Keys::new(&point, Box::new(Open::new(device, wrapping, wrapped)))
    }

    async fn remove_keys(&self) -> Result<(), KeystoreError> {
        let provider = self.provider;
        within(OPENING, "CNG", move || {
            let store = Store::open(provider).map_err(failed("OpenStorageProvider"))?;
            for name in [DEVICE, WRAPPING] {
                if let Some(key) = existing(&store, name)? {
                    key.delete().map_err(failed("DeleteKey"))?;
                }
            }
            Ok(())
        })
        .await?;
        Ok(self.data.remove(self.file())?)
    }
}

impl Keystore for Cng {
    fn kind(&self) -> Kind {
        match self.provider {
            Provider::Platform => Kind::CngPlatform,
            Provider::Software => Kind::CngSoftware,
        }
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
    device: Arc<Key>,
    wrapping: Arc<Key>,
    wrapped: Vec<u8>,
    sealing: OnceCell<Rc<SealingKey>>,
}

impl Open {
    fn new(device: Key, wrapping: Key, wrapped: Vec<u8>) -> Self {
        Self {
            device: Arc::new(device),
            wrapping: Arc::new(wrapping),
            wrapped,
            sealing: OnceCell::new(),
        }
    }
}

impl OpenKeys for Open {
    fn sign<'a>(&'a self, message: &'a [u8]) -> Pending<'a, [u8; 64]> {
        Box::pin(async move {
            let digest = digest(&SHA256, message);
            let digest: [u8; 32] = digest
                .as_ref()
                .try_into()
                .map_err(|_| KeystoreError::Unreadable)?;
            let key = Arc::clone(&self.device);
            let signature = within(SIGNING, "CNG", move || {
                key.sign(&digest).map_err(failed("SignHash"))
            });
            let signature = signature.await?;
            signature.try_into().map_err(|_| KeystoreError::Unreadable)
        })
    }

    fn sealing_key(&self) -> Pending<'_, Rc<SealingKey>> {
        let open = async {
            let key = Arc::clone(&self.wrapping);
            let wrapped = self.wrapped.clone();
            let secret = within(SIGNING, "CNG", move || {
                key.unwrap(&wrapped).map_err(failed("Decrypt"))
            });
            let key = SealingKey::from_bytes(&secret.await?).ok_or(KeystoreError::Unreadable)?;
            Ok(Rc::new(key))
        };
        Box::pin(async { self.sealing.get_or_try_init(|| open).await.cloned() })
    }
}

fn existing(store: &Store, name: &str) -> Result<Option<Key>, KeystoreError> {
    match store.find(name) {
        Ok(key) => Ok(Some(key)),
        Err(code) if meaning(code) == Failure::NoKey => Ok(None),
        Err(code) => Err(codes::error("OpenKey", code)),
    }
}

fn point(key: &Key) -> Result<[u8; 65], KeystoreError> {
    let blob = key.public_blob().map_err(failed("ExportKey"))?;
    codes::point_of(&blob).ok_or(KeystoreError::Unreadable)
}

fn failed(step: &'static str) -> impl Fn(Code) -> KeystoreError {
    move |code| codes::error(step, code)
}
