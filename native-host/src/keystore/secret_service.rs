//! The desktop's secret store (gnome-keyring, KWallet) over the session's D-Bus.
//!
//! Both keys are one item of the default collection. Never of any other one: the volatile `session` collection would
//! lose the device at logout. A locked collection is reported and not unlocked: that would put a dialogue in front of a
//! person who asked for nothing.

use super::pkcs8::Bytes;
use super::{Keys, Keystore, KeystoreError, Kind, Pending};
use secret_service::{Collection, EncryptionType, Error, SecretService};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::timeout;

/// For each call; a service that is started on demand takes its time.
const PATIENCE: Duration = Duration::from_secs(5);
const LABEL: &str = "Tacit device key";
const CONTENT_TYPE: &str = "application/octet-stream";

/// Over the session's D-Bus.
#[derive(Default)]
pub struct SecretServiceStore {}

impl SecretServiceStore {
    /// Connects when it is used.
    pub fn new() -> Self {
        Self {}
    }
}

impl Keystore for SecretServiceStore {
    fn kind(&self) -> Kind {
        Kind::SecretService
    }

    fn load(&self) -> Pending<'_, Option<Keys>> {
        Box::pin(async {
            let service = connect().await?;
            let collection = default_collection(&service).await?;
            let found = within("SearchItems", collection.search_items(attributes())).await?;
            let Some(item) = found.first() else {
                return Ok(None);
            };
            let secret = within("GetSecret", item.get_secret()).await?;
            Bytes::stored(secret).keys().map(Some)
        })
    }

    fn create(&self) -> Pending<'_, Keys> {
        Box::pin(async {
            let service = connect().await?;
            let collection = default_collection(&service).await?;
            let bytes = Bytes::generate()?;
            let create =
                collection.create_item(LABEL, attributes(), bytes.as_slice(), true, CONTENT_TYPE);
            within("CreateItem", create).await?;
            bytes.keys()
        })
    }

    fn remove(&self) -> Pending<'_, ()> {
        Box::pin(async {
            let service = connect().await?;
            let collection = default_collection(&service).await?;
            for item in within("SearchItems", collection.search_items(attributes())).await? {
                within("Delete", item.delete()).await?;
            }
            Ok(())
        })
    }
}

/// What the item is found by.
fn attributes() -> HashMap<&'static str, &'static str> {
    HashMap::from([
        ("xdg:schema", "com.tacit.host"),
        ("tacit", "device-key"),
        ("format", "1"),
    ])
}

/// The transfer is encrypted, so that the secret does not stand in a D-Bus monitor.
async fn connect() -> Result<SecretService<'static>, KeystoreError> {
    let connect = SecretService::connect(EncryptionType::Dh);
    match timeout(PATIENCE, connect).await {
        Ok(Ok(service)) => Ok(service),
        Ok(Err(error)) => Err(KeystoreError::SecretServiceMissing(error.to_string())),
        Err(_) => Err(KeystoreError::SecretServiceTimeout("connecting")),
    }
}

async fn default_collection<'a>(
    service: &'a SecretService<'_>,
) -> Result<Collection<'a>, KeystoreError> {
    let collection = match timeout(PATIENCE, service.get_default_collection()).await {
        Ok(Err(Error::NoResult)) => return Err(KeystoreError::NoDefaultCollection),
        Ok(Err(error)) => return Err(failed("ReadAlias", &error)),
        Ok(Ok(collection)) => collection,
        Err(_) => return Err(KeystoreError::SecretServiceTimeout("ReadAlias")),
    };
    match within("Locked", collection.is_locked()).await? {
        true => Err(KeystoreError::CollectionLocked),
        false => Ok(collection),
    }
}

async fn within<T>(
    step: &'static str,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, KeystoreError> {
    match timeout(PATIENCE, call).await {
        Ok(result) => result.map_err(|error| failed(step, &error)),
        Err(_) => Err(KeystoreError::SecretServiceTimeout(step)),
    }
}

fn failed(step: &'static str, error: &Error) -> KeystoreError {
    match error {
        Error::Locked | Error::Prompt | Error::PromptDisconnected => {
            KeystoreError::CollectionLocked
        }
        other => KeystoreError::SecretService {
            step,
            what: other.to_string(),
        },
    }
}
