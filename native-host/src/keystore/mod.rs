//! Where the device key is kept. One trait, one implementation per platform store.
//!
//! A store holds two things per OS user: the device key, which signs and nothing else, and the sealing key, which
//! encrypts templates. [`Keystore::load`] hands them out as [`Keys`]; for a TPM the private half never leaves the chip.

#[cfg(any(target_os = "macos", test))]
mod apple;
mod auto;
#[cfg(any(windows, target_os = "macos", test))]
mod blocking;
#[cfg(any(windows, test))]
mod cng;
mod memory;
mod pkcs8;
#[cfg(target_os = "linux")]
mod secret_service;
mod software;
#[cfg(all(target_os = "linux", feature = "tpm"))]
mod tpm;

#[cfg(target_os = "macos")]
pub use apple::{Enclave, Keychain};
pub use auto::{Chosen, choose};
pub(crate) use auto::{forget, record, remove_everywhere};
#[cfg(windows)]
pub use cng::Cng;
#[cfg(debug_assertions)]
pub use memory::Memory;
#[cfg(target_os = "linux")]
pub use secret_service::SecretServiceStore;
pub use software::Software;
#[cfg(all(target_os = "linux", feature = "tpm"))]
pub use tpm::Tpm;

use crate::data::DataError;
use crate::sealing::SealingKey;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use wire::b64;
use wire::id::{DeviceId, Thumbprint};
use wire::jws::Jwk;
use wire::statement::ProtectionClass;
use wire::trouble::Trouble;

/// What a store's operations return; boxed so that the choice of store can be made at run time.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, KeystoreError>> + 'a>>;

/// A place for the keys of one OS user.
pub trait Keystore {
    /// Which one it is.
    fn kind(&self) -> Kind;

    /// The keys made earlier; `None` if this store works and holds none yet.
    fn load(&self) -> Pending<'_, Option<Keys>>;

    /// The device whose key this store holds, as far as possible without opening the store.
    fn device(&self) -> Pending<'_, Option<DeviceId>> {
        Box::pin(async { Ok(self.load().await?.map(|keys| keys.device)) })
    }

    /// Makes the keys. The caller holds the lock of the data folder and has seen that there are none.
    fn create(&self) -> Pending<'_, Keys>;

    /// Removes the keys, also those that do not open any more. The caller holds the lock of the data folder.
    fn remove(&self) -> Pending<'_, ()>;
}

/// The private halves in an open store.
pub trait OpenKeys {
    /// ES256 over `message` by the device key: r ‖ s.
    fn sign<'a>(&'a self, message: &'a [u8]) -> Pending<'a, [u8; 64]>;

    /// The sealing key. A chip fetches it at its first use: an answer, which somebody waits for, does not need it.
    fn sealing_key(&self) -> Pending<'_, Rc<SealingKey>>;
}

/// The kinds of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// TPM 2.0.
    Tpm,
    /// The desktop's secret store over D-Bus.
    SecretService,
    /// The TPM behind Windows' Platform Crypto Provider.
    CngPlatform,
    /// Windows' software provider, under the person's login.
    CngSoftware,
    /// The Secure Enclave of a Mac.
    SecureEnclave,
    /// The login keychain of a Mac.
    Keychain,
    /// An encrypted file.
    Software,
    /// This process's memory.
    Memory,
}

impl Kind {
    /// As `status` names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tpm => "tpm",
            Self::SecretService => "secret-service",
            Self::CngPlatform => "cng-platform",
            Self::CngSoftware => "cng-software",
            Self::SecureEnclave => "secure-enclave",
            Self::Keychain => "keychain",
            Self::Software => "software",
            Self::Memory => "memory",
        }
    }

    /// How well it keeps the device key.
    pub const fn protection_class(self) -> ProtectionClass {
        match self {
            Self::Tpm | Self::CngPlatform | Self::SecureEnclave => ProtectionClass::Hardware,
            Self::SecretService | Self::CngSoftware | Self::Keychain => {
                ProtectionClass::OsProtected
            }
            Self::Software | Self::Memory => ProtectionClass::Software,
        }
    }
}

/// The keys of one OS user, ready for use.
pub struct Keys {
    /// The device: the thumbprint of its public key.
    pub device: DeviceId,
    /// The same as `kid`.
    pub thumbprint: Thumbprint,
    /// The public device key.
    pub jwk: Jwk,
    /// The private device key and the sealing key.
    pub open: Box<dyn OpenKeys>,
}

impl Keys {
    /// `point` is the uncompressed public key.
    pub(crate) fn new(point: &[u8], open: Box<dyn OpenKeys>) -> Result<Self, KeystoreError> {
        let (jwk, thumbprint) = name(point).ok_or(KeystoreError::Unreadable)?;
        Ok(Self {
            device: DeviceId::of_key(&thumbprint),
            thumbprint,
            jwk,
            open,
        })
    }
}

/// A public key and its name.
fn name(point: &[u8]) -> Option<(Jwk, Thumbprint)> {
    let jwk = Jwk::from_point(point)?;
    let digest = digest(&SHA256, &jwk.thumbprint_input());
    let thumbprint = Thumbprint::new(b64::encode(digest.as_ref())).ok()?;
    Some((jwk, thumbprint))
}

/// What keeps a store from working. Each text names the step and its repair.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// The TPM device is there and belongs to somebody else.
    #[error(
        "this user may not open the TPM at {0}: add the user to the group tss (usermod -aG tss USER) and log in again, or install the package's udev rule"
    )]
    TpmPermission(String),
    /// No TPM.
    #[error("there is no TPM at {0}: switch it on in the firmware, or choose another key store")]
    TpmMissing(String),
    /// Too many wrong authorisations, by anybody.
    #[error(
        "the TPM is locked after too many failed authorisations: wait for its recovery time, or run tpm2_dictionarylockout --clear-lockout"
    )]
    TpmLockout,
    /// Somebody set an owner password.
    #[error(
        "the TPM's owner hierarchy has a password: clear it with tpm2_changeauth -c owner, or choose another key store"
    )]
    TpmOwnerPassword,
    /// The blob was made under another storage seed.
    #[error(
        "the device key in {0} was made by another TPM, or the TPM was cleared since: run tacit-host renew, and this device enrols again"
    )]
    TpmForeignKey(String),
    /// The chip or its driver stopped, or another program holds it.
    #[error(
        "the TPM did not answer in time: another program may hold it, or use tcti = \"tabrmd:\""
    )]
    TpmTimeout,
    /// Anything else that the TPM says.
    #[error("the TPM failed at {step}: {what}")]
    Tpm {
        /// Which command.
        step: &'static str,
        /// The TSS's words.
        what: String,
    },
    /// This build leaves TPMs out.
    #[error("this build of tacit-host knows no TPM (cargo feature tpm)")]
    TpmLeftOut,
    /// No session bus or nobody on it.
    #[error(
        "no Secret Service answers on the session's D-Bus ({0}): start gnome-keyring or KWallet, or choose another key store"
    )]
    SecretServiceMissing(String),
    /// Without the default collection we would have to put the key anywhere, perhaps where it vanishes at logout.
    #[error(
        "the Secret Service has no default collection: create a keyring with a password in Seahorse and make it the default"
    )]
    NoDefaultCollection,
    /// Nobody unlocked it in this session.
    #[error(
        "the default keyring is locked: unlock it, or let the login unlock it by giving both the same password"
    )]
    CollectionLocked,
    /// D-Bus or the service stopped.
    #[error("the Secret Service did not answer in time at {0}")]
    SecretServiceTimeout(&'static str),
    /// Anything else that the service says.
    #[error("the Secret Service failed at {step}: {what}")]
    SecretService {
        /// Which call.
        step: &'static str,
        /// The library's words.
        what: String,
    },
    /// Windows finds no TPM that it may use.
    #[error(
        "Windows offers no TPM (0x{0:08x}): switch it on in the firmware (tpm.msc shows its state), or choose another key store"
    )]
    CngNoTpm(u32),
    /// Too many wrong authorisations, by anybody.
    #[error(
        "the TPM is locked after too many failed authorisations: leave the machine switched on for two hours (tpm.msc shows its state)"
    )]
    CngLockout,
    /// The TPM was cleared, or the profile came from another machine.
    #[error(
        "the device key was made by another TPM, or the TPM was cleared since: run tacit-host renew, and this device enrols again"
    )]
    CngForeignKey,
    /// Anything else that CNG says.
    #[error("Windows' key store failed at {step} (0x{code:08x})")]
    Cng {
        /// Which function, without its prefix.
        step: &'static str,
        /// The HRESULT.
        code: u32,
    },
    /// The program is not signed as it has to be.
    #[error(
        "this tacit-host may not use the Secure Enclave: it has to be signed with the entitlement keychain-access-groups (package/macos)"
    )]
    EnclaveEntitlement,
    /// An older Mac, or a virtual one.
    #[error("this Mac has no Secure Enclave ({0}): choose another key store")]
    EnclaveMissing(i64),
    /// Nobody unlocked it in this session.
    #[error("the login keychain is locked: unlock it in Keychain Access, or log in again")]
    KeychainLocked,
    /// The person said no, or another program made the item.
    #[error(
        "the keychain did not give out the device key: allow tacit-host in Keychain Access, or run tacit-host renew"
    )]
    KeychainDenied,
    /// Anything else that the keychain says.
    #[error("the keychain failed at {step} (OSStatus {code})")]
    Keychain {
        /// Which function.
        step: &'static str,
        /// The OSStatus.
        code: i64,
    },
    /// A call did not return.
    #[error("the key store ({0}) did not answer in time: restart the machine if it stays so")]
    StoreTimeout(&'static str),
    /// Of another operating system.
    #[error("the key store {0} does not exist on this system: choose another one")]
    WrongPlatform(&'static str),
    /// The administrator did not allow it.
    #[error(
        "the software key store is not allowed: set allow_software = true in the machine configuration"
    )]
    SoftwareNotAllowed,
    /// Encrypted on another machine or for another user, or damaged.
    #[error(
        "the key file {0} does not open on this machine for this user: run tacit-host renew, and this device enrols again"
    )]
    SoftwareForeignKey(String),
    /// In release builds.
    #[error("the memory key store exists in debug builds only")]
    MemoryNotAllowed,
    /// None of the stores that `auto` tries works.
    #[error("no key store works. {0}")]
    NoneWorks(String),
    /// The stored key is not one.
    #[error("the stored device key is damaged: run tacit-host renew, and this device enrols again")]
    Unreadable,
    /// The system gives none.
    #[error("the system gives no randomness")]
    NoRandomness,
    /// A file.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl KeystoreError {
    /// Its code in a diagnosis.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::TpmMissing(_) | Self::CngNoTpm(_) | Self::EnclaveMissing(_) => {
                Trouble::HardwareMissing
            }
            Self::TpmPermission(_) | Self::EnclaveEntitlement => Trouble::HardwareForbidden,
            Self::TpmLockout | Self::CngLockout => Trouble::HardwareLocked,
            Self::TpmOwnerPassword => Trouble::HardwareOwned,
            Self::TpmTimeout | Self::SecretServiceTimeout(_) | Self::StoreTimeout(_) => {
                Trouble::KeystoreTimeout
            }
            Self::SecretServiceMissing(_) | Self::NoDefaultCollection => {
                Trouble::SecretStoreMissing
            }
            Self::CollectionLocked | Self::KeychainLocked => Trouble::SecretStoreLocked,
            Self::SoftwareNotAllowed
            | Self::MemoryNotAllowed
            | Self::TpmLeftOut
            | Self::WrongPlatform(_)
            | Self::KeychainDenied => Trouble::KeystoreNotAllowed,
            Self::NoneWorks(_) => Trouble::KeystoreNone,
            Self::TpmForeignKey(_) | Self::CngForeignKey | Self::SoftwareForeignKey(_) => {
                Trouble::KeyForeign
            }
            Self::Unreadable => Trouble::KeyDamaged,
            Self::Data(_) => Trouble::DataFolder,
            Self::Tpm { .. }
            | Self::SecretService { .. }
            | Self::Cng { .. }
            | Self::Keychain { .. }
            | Self::NoRandomness => Trouble::KeystoreFailed,
        }
    }
}
