//! `tacit-host status`: what this user's keys and records are.

use crate::bindings::{BindingError, Bindings};
use crate::data::{DataError, DataFolder};
use crate::host::VERSION;
use crate::keystore::{self, KeystoreError, Kind};
use crate::settings::Settings;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use wire::id::{DeviceId, UserName};
use wire::statement::ProtectionClass;

/// What there is.
#[derive(Debug, Serialize)]
pub struct Status {
    /// This build's version.
    pub version: &'static str,
    /// The key store.
    pub keystore: Kind,
    /// How it keeps the device key.
    pub protection_class: ProtectionClass,
    /// The device; `None` before the key is made.
    pub device: Option<DeviceId>,
    /// The people whom it belongs to.
    pub bindings: Vec<UserName>,
    /// Where keys and records are.
    pub data_dir: PathBuf,
    /// Why better key stores were passed over.
    pub passed_over: Vec<String>,
}

/// Why it cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// A file.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The store.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// The records.
    #[error(transparent)]
    Binding(#[from] BindingError),
}

/// Looks; makes nothing, and opens a TPM only where nothing is known about it yet.
pub async fn status(settings: &Settings) -> Result<Status, StatusError> {
    let root = settings.data_dir().ok_or(DataError::NoFolder)?;
    let data = DataFolder::open(root.clone())?;
    let chosen = keystore::choose(settings, &data).await?;
    let device = chosen.store.device().await?;
    let bindings = match &device {
        Some(device) => Bindings::new(&data, device).list()?,
        None => Vec::new(),
    };
    let kind = chosen.store.kind();
    Ok(Status {
        version: VERSION,
        keystore: kind,
        protection_class: kind.protection_class(),
        device,
        bindings: bindings.into_iter().map(|binding| binding.user).collect(),
        data_dir: root,
        passed_over: chosen.passed_over.iter().map(ToString::to_string).collect(),
    })
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = self.protection_class.code();
        writeln!(f, "version    {}", self.version)?;
        writeln!(f, "key store  {} ({class})", self.keystore.name())?;
        let device = self.device.as_ref().map(DeviceId::as_str);
        writeln!(f, "device     {}", device.unwrap_or("no key yet"))?;
        let users: Vec<&str> = self.bindings.iter().map(UserName::as_str).collect();
        let users = if users.is_empty() {
            "nobody".into()
        } else {
            users.join(", ")
        };
        writeln!(f, "belongs to {users}")?;
        writeln!(f, "data       {}", self.data_dir.display())?;
        for reason in &self.passed_over {
            writeln!(f, "passed over: {reason}")?;
        }
        Ok(())
    }
}
