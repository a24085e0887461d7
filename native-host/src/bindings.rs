//! The host's own record of who this device belongs to. `sub` of every answer comes from here and from nowhere else.

use crate::data::{DataError, DataFolder};
use crate::sealing::Salt;
use ring::digest::{SHA256, digest};
use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use wire::id::{DeviceId, UserName};
use wire::{b64, limits};

/// Sub-folder of the data folder.
const FOLDER: &str = "bindings";
/// Version of a record file.
const FORMAT: u32 = 1;

/// This device belongs to `user`.
pub struct Binding {
    /// The person.
    pub user: UserName,
    /// This binding's share of the sealing key.
    pub salt: Salt,
}

/// Why a record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BindingError {
    /// The file.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Nobody has this many accounts on one machine.
    #[error("this device already belongs to {} people", limits::LIST)]
    TooMany,
    /// The system gives none.
    #[error("the system gives no randomness")]
    NoRandomness,
}

/// The binding records of `device` in `data`.
pub struct Bindings<'a> {
    data: &'a DataFolder,
    device: &'a DeviceId,
}

impl<'a> Bindings<'a> {
    /// The records of `device`; those of an earlier device key do not count.
    pub fn new(data: &'a DataFolder, device: &'a DeviceId) -> Self {
        Self { data, device }
    }

    /// The record for exactly this name, else the only one that differs in ASCII case alone.
    pub fn find(&self, user: &UserName) -> Result<Option<Binding>, BindingError> {
        if let Some(binding) = self.load(&file_name(user))? {
            return Ok(Some(binding));
        }
        let mut alike = self.list()?;
        alike.retain(|binding| {
            let name = binding.user.as_str();
            name.eq_ignore_ascii_case(user.as_str())
        });
        Ok(alike.pop().filter(|_| alike.is_empty()))
    }

    /// All of them; a file that is not a record is passed over, so that one bad file takes nobody else's binding away.
    pub fn list(&self) -> Result<Vec<Binding>, BindingError> {
        let names = self.data.list(FOLDER, 4 * limits::LIST)?;
        let mut bindings = Vec::new();
        for name in names {
            match self.load(&name) {
                Ok(binding) => bindings.extend(binding),
                Err(error) => tracing::warn!(%error, "passed over a binding record"),
            }
        }
        bindings.truncate(limits::LIST);
        Ok(bindings)
    }

    /// Writes the record for `user`; an existing one stays as it is, so that what was sealed stays readable.
    pub fn record(&self, user: &UserName, random: &dyn SecureRandom) -> Result<(), BindingError> {
        let _lock = self.data.lock()?;
        if self.load(&file_name(user))?.is_some() {
            return Ok(());
        }
        if self.list()?.len() >= limits::LIST {
            return Err(BindingError::TooMany);
        }
        let mut salt = [0; 32];
        random
            .fill(&mut salt)
            .map_err(|_| BindingError::NoRandomness)?;
        let record = Record {
            v: FORMAT,
            user: user.clone(),
            device: self.device.clone(),
            salt: b64::encode(&salt),
        };
        // A struct of strings: serde_json cannot fail on it.
        let json = serde_json::to_vec(&record).unwrap_or_default();
        let name = format!("{FOLDER}/{}", file_name(user));
        Ok(self.data.write(&name, &json)?)
    }

    /// Removes the record for exactly this name, and with its salt everything sealed under it.
    pub fn remove(&self, user: &UserName) -> Result<(), BindingError> {
        let _lock = self.data.lock()?;
        let name = format!("{FOLDER}/{}", file_name(user));
        Ok(self.data.remove(&name)?)
    }

    fn load(&self, file: &str) -> Result<Option<Binding>, BindingError> {
        let Some(json) = self.data.read(&format!("{FOLDER}/{file}"))? else {
            return Ok(None);
        };
        let Ok(record) = serde_json::from_slice::<Record>(&json) else {
            tracing::warn!(file, "a binding record is malformed and does not count");
            return Ok(None);
        };
        let salt = b64::decode(&record.salt).and_then(|salt| Salt::try_from(salt).ok());
        let ours =
            record.v == FORMAT && record.device == *self.device && file_name(&record.user) == file;
        Ok(salt.filter(|_| ours).map(|salt| Binding {
            user: record.user,
            salt,
        }))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    v: u32,
    user: UserName,
    device: DeviceId,
    salt: String,
}

/// A name has characters that a file system may fold or refuse; its digest has not.
fn file_name(user: &UserName) -> String {
    let digest = digest(&SHA256, user.as_str().as_bytes());
    format!("{}.json", b64::encode(digest.as_ref()))
}
