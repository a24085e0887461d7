//! The TPM commands that we use, and what their failures mean.
//!
//! Both keys are children of the storage root key (the ECC template of the owner hierarchy, made anew from the chip's
//! seed each time). They have no password, so `noDA` keeps them usable while the chip is in dictionary-attack lockout
//! for somebody else's wrong passwords. What is secret crosses the bus in a salted session with encrypted parameters.

use super::blobs::Blobs;
use crate::keystore::KeystoreError;
use crate::sealing::SealingKey;
use ring::rand::{SecureRandom, SystemRandom};
use std::path::Path;
use std::str::FromStr;
use tss_esapi::attributes::{ObjectAttributesBuilder, SessionAttributesBuilder};
use tss_esapi::constants::response_code::Tss2ResponseCodeKind;
use tss_esapi::constants::tss::{TPM2_RH_NULL, TPM2_ST_HASHCHECK, TPM2_TRANSIENT_FIRST};
use tss_esapi::constants::{CapabilityType, SessionType};
use tss_esapi::handles::{KeyHandle, ObjectHandle, SessionHandle};
use tss_esapi::interface_types::algorithm::{HashingAlgorithm, PublicAlgorithm};
use tss_esapi::interface_types::ecc::EccCurve;
use tss_esapi::interface_types::resource_handles::Hierarchy;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{
    CapabilityData, Digest, EccPoint, EccScheme, HashScheme, HashcheckTicket, KeyedHashScheme,
    Private, Public, PublicBuilder, PublicEccParametersBuilder, PublicKeyedHashParameters,
    SensitiveData, Signature, SignatureScheme, SymmetricDefinition, SymmetricDefinitionObject,
};
use tss_esapi::tcti_ldr::{DeviceConfig, TctiNameConf};
use tss_esapi::traits::{Marshall, UnMarshall};
use tss_esapi::tss2_esys::TPMT_TK_HASHCHECK;
use tss_esapi::{Context, Error as TssError};
use zeroize::Zeroizing;

/// Handles that a chip can hold at once, generously.
const MAX_HANDLES: u32 = 64;

/// An open chip, perhaps with the device key loaded. Dropping it frees what it loaded.
pub(super) struct Chip {
    context: Context,
    loaded: Option<Loaded>,
}

/// The device key in the chip, and what it takes to open the sealing key.
struct Loaded {
    root: KeyHandle,
    device: KeyHandle,
    blobs: Blobs,
    /// For errors.
    file: String,
}

impl Chip {
    pub(super) fn open(tcti: &str) -> Result<Self, KeystoreError> {
        let name = match tcti.strip_prefix("device:") {
            Some(path) => {
                check_access(path)?;
                // Not through TctiNameConf: its parser compiles four regular expressions.
                DeviceConfig::from_str(path).map(TctiNameConf::Device)
            }
            None => TctiNameConf::from_str(tcti),
        };
        let context = name
            .and_then(Context::new)
            .map_err(|_| KeystoreError::TpmMissing(tcti.to_owned()))?;
        let mut chip = Self {
            context,
            loaded: None,
        };
        if tcti.starts_with("swtpm") || tcti.starts_with("mssim") {
            chip.flush_leftovers()?;
        }
        Ok(chip)
    }

    /// Whether keys could be made.
    pub(super) fn probe(&mut self) -> Result<(), KeystoreError> {
        let root = self.storage_root()?;
        self.flush(root)
    }

    /// Makes both keys and wraps them.
    pub(super) fn create(&mut self) -> Result<Blobs, KeystoreError> {
        let mut secret = Zeroizing::new([0; 32]);
        SystemRandom::new()
            .fill(&mut *secret)
            .map_err(|_| KeystoreError::NoRandomness)?;
        let root = self.storage_root()?;
        let device = self.create_child(root, device_template(), None)?;
        let sealed = SensitiveData::try_from(&secret[..]).map_err(failed("Create"))?;
        let sealing = self.create_child(root, sealing_template(), Some(sealed))?;
        self.flush(root)?;
        Ok(Blobs::new(device, sealing))
    }

    /// Loads the device key and returns its public point; `file` is for errors.
    pub(super) fn load(&mut self, blobs: Blobs, file: String) -> Result<[u8; 65], KeystoreError> {
        let root = self.storage_root()?;
        let (device, public) =
            self.load_child(root, &blobs.device_public, &blobs.device_private, &file)?;
        let point = point_of(&public).ok_or(KeystoreError::Unreadable)?;
        self.loaded = Some(Loaded {
            root,
            device,
            blobs,
            file,
        });
        Ok(point)
    }

    /// Unseals the sealing key.
    pub(super) fn open_sealing_key(&mut self) -> Result<SealingKey, KeystoreError> {
        let loaded = self.loaded.take().ok_or(KeystoreError::Unreadable)?;
        let opened = self.unseal(&loaded);
        self.loaded = Some(loaded);
        opened
    }

    fn unseal(&mut self, loaded: &Loaded) -> Result<SealingKey, KeystoreError> {
        let blobs = &loaded.blobs;
        let (sealed, _) = self.load_child(
            loaded.root,
            &blobs.sealing_public,
            &blobs.sealing_private,
            &loaded.file,
        )?;
        let secret = self.encrypted(loaded.root, "Unseal", |context| {
            context.unseal(sealed.into())
        })?;
        self.flush(sealed)?;
        SealingKey::from_bytes(secret.value()).ok_or(KeystoreError::Unreadable)
    }

    /// ES256 over what hashes to `digest`: r ‖ s.
    pub(super) fn sign(&mut self, digest: &[u8; 32]) -> Result<[u8; 64], KeystoreError> {
        let loaded = self.loaded.as_ref().ok_or(KeystoreError::Unreadable)?;
        let key = loaded.device;
        let digest = Digest::try_from(&digest[..]).map_err(failed("Sign"))?;
        // The digest was not made in the chip, and the key is not restricted: the ticket is empty.
        let ticket = HashcheckTicket::try_from(TPMT_TK_HASHCHECK {
            tag: TPM2_ST_HASHCHECK,
            hierarchy: TPM2_RH_NULL,
            digest: Default::default(),
        })
        .map_err(failed("Sign"))?;
        let signature = self
            .context
            .execute_with_session(Some(AuthSession::Password), |context| {
                context.sign(key, digest, SignatureScheme::Null, ticket)
            })
            .map_err(failed("Sign"))?;
        let Signature::EcDsa(signature) = signature else {
            return Err(KeystoreError::Unreadable);
        };
        let mut fixed = [0; 64];
        let r = padded(signature.signature_r().value(), &mut fixed[..32]);
        let s = padded(signature.signature_s().value(), &mut fixed[32..]);
        (r && s).then_some(fixed).ok_or(KeystoreError::Unreadable)
    }

    fn storage_root(&mut self) -> Result<KeyHandle, KeystoreError> {
        let template = storage_root_template()?;
        self.context
            .execute_with_session(Some(AuthSession::Password), |context| {
                context.create_primary(Hierarchy::Owner, template, None, None, None, None)
            })
            .map(|made| made.key_handle)
            .map_err(failed("CreatePrimary"))
    }

    fn create_child(
        &mut self,
        root: KeyHandle,
        template: Result<Public, KeystoreError>,
        secret: Option<SensitiveData>,
    ) -> Result<(Vec<u8>, Vec<u8>), KeystoreError> {
        let template = template?;
        let made = self.encrypted(root, "Create", |context| {
            context.create(root, template, None, secret, None, None)
        })?;
        let public = made.out_public.marshall().map_err(failed("Create"))?;
        Ok((public, made.out_private.value().to_vec()))
    }

    fn load_child(
        &mut self,
        root: KeyHandle,
        public: &[u8],
        private: &[u8],
        file: &str,
    ) -> Result<(KeyHandle, Public), KeystoreError> {
        let public = Public::unmarshall(public).map_err(|_| KeystoreError::Unreadable)?;
        let private = Private::try_from(private).map_err(|_| KeystoreError::Unreadable)?;
        let handle = self
            .context
            .execute_with_session(Some(AuthSession::Password), |context| {
                context.load(root, private, public.clone())
            })
            .map_err(not_loaded(file))?;
        Ok((handle, public))
    }

    /// One command whose parameters nobody on the bus can read.
    fn encrypted<T>(
        &mut self,
        root: KeyHandle,
        step: &'static str,
        command: impl FnOnce(&mut Context) -> Result<T, TssError>,
    ) -> Result<T, KeystoreError> {
        let session = self
            .context
            .start_auth_session(
                Some(root),
                None,
                None,
                SessionType::Hmac,
                SymmetricDefinition::AES_128_CFB,
                HashingAlgorithm::Sha256,
            )
            .map_err(failed("StartAuthSession"))?
            .ok_or(KeystoreError::Unreadable)?;
        let (attributes, mask) = SessionAttributesBuilder::new()
            .with_decrypt(true)
            .with_encrypt(true)
            .build();
        let done = self
            .context
            .tr_sess_set_attributes(session, attributes, mask)
            .and_then(|()| self.context.execute_with_session(Some(session), command));
        self.context
            .flush_context(SessionHandle::from(session).into())
            .map_err(failed("FlushContext"))?;
        done.map_err(failed(step))
    }

    fn flush(&mut self, handle: KeyHandle) -> Result<(), KeystoreError> {
        self.context
            .flush_context(handle.into())
            .map_err(failed("FlushContext"))
    }

    /// A simulated chip has no resource manager and one client at a time: what is loaded belongs to a process that died.
    fn flush_leftovers(&mut self) -> Result<(), KeystoreError> {
        let (loaded, _) = self
            .context
            .get_capability(CapabilityType::Handles, TPM2_TRANSIENT_FIRST, MAX_HANDLES)
            .map_err(failed("GetCapability"))?;
        let CapabilityData::Handles(handles) = loaded else {
            return Ok(());
        };
        for handle in handles.into_inner() {
            let object: ObjectHandle = self
                .context
                .execute_without_session(|context| context.tr_from_tpm_public(handle))
                .map_err(failed("ReadPublic"))?;
            self.context
                .flush_context(object)
                .map_err(failed("FlushContext"))?;
        }
        Ok(())
    }
}

/// Another chip, or another seed of this one, wrapped a key whose integrity check fails.
fn not_loaded(file: &str) -> impl FnOnce(TssError) -> KeystoreError {
    let file = file.to_owned();
    move |error| match kind_of(error) {
        Some(Tss2ResponseCodeKind::Integrity) => KeystoreError::TpmForeignKey(file),
        _ => failed("Load")(error),
    }
}

fn kind_of(error: TssError) -> Option<Tss2ResponseCodeKind> {
    match error {
        TssError::Tss2Error(code) => code.kind(),
        TssError::WrapperError(_) => None,
    }
}

/// What a failed command means to whoever has to mend it.
fn failed(step: &'static str) -> impl Fn(TssError) -> KeystoreError {
    move |error| match kind_of(error) {
        Some(Tss2ResponseCodeKind::Lockout) => KeystoreError::TpmLockout,
        Some(Tss2ResponseCodeKind::BadAuth | Tss2ResponseCodeKind::AuthFail)
            if step == "CreatePrimary" =>
        {
            KeystoreError::TpmOwnerPassword
        }
        _ => KeystoreError::Tpm {
            step,
            what: error.to_string(),
        },
    }
}

/// The TSS would only say "I/O error".
fn check_access(path: &str) -> Result<(), KeystoreError> {
    use rustix::fs::{Access, access};
    match access(Path::new(path), Access::READ_OK | Access::WRITE_OK) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => {
            Err(KeystoreError::TpmPermission(path.to_owned()))
        }
        Err(_) => Err(KeystoreError::TpmMissing(path.to_owned())),
    }
}

fn storage_root_template() -> Result<Public, KeystoreError> {
    let attributes = ObjectAttributesBuilder::new()
        .with_fixed_tpm(true)
        .with_fixed_parent(true)
        .with_sensitive_data_origin(true)
        .with_user_with_auth(true)
        .with_no_da(true)
        .with_restricted(true)
        .with_decrypt(true)
        .build()
        .map_err(failed("CreatePrimary"))?;
    let parameters = PublicEccParametersBuilder::new_restricted_decryption_key(
        SymmetricDefinitionObject::AES_128_CFB,
        EccCurve::NistP256,
    )
    .build()
    .map_err(failed("CreatePrimary"))?;
    PublicBuilder::new()
        .with_public_algorithm(PublicAlgorithm::Ecc)
        .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
        .with_object_attributes(attributes)
        .with_ecc_parameters(parameters)
        .with_ecc_unique_identifier(EccPoint::default())
        .build()
        .map_err(failed("CreatePrimary"))
}

fn device_template() -> Result<Public, KeystoreError> {
    let attributes = ObjectAttributesBuilder::new()
        .with_fixed_tpm(true)
        .with_fixed_parent(true)
        .with_sensitive_data_origin(true)
        .with_user_with_auth(true)
        .with_no_da(true)
        .with_sign_encrypt(true)
        .build()
        .map_err(failed("Create"))?;
    let scheme = EccScheme::EcDsa(HashScheme::new(HashingAlgorithm::Sha256));
    let parameters =
        PublicEccParametersBuilder::new_unrestricted_signing_key(scheme, EccCurve::NistP256)
            .build()
            .map_err(failed("Create"))?;
    PublicBuilder::new()
        .with_public_algorithm(PublicAlgorithm::Ecc)
        .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
        .with_object_attributes(attributes)
        .with_ecc_parameters(parameters)
        .with_ecc_unique_identifier(EccPoint::default())
        .build()
        .map_err(failed("Create"))
}

fn sealing_template() -> Result<Public, KeystoreError> {
    let attributes = ObjectAttributesBuilder::new()
        .with_fixed_tpm(true)
        .with_fixed_parent(true)
        .with_user_with_auth(true)
        .with_no_da(true)
        .build()
        .map_err(failed("Create"))?;
    PublicBuilder::new()
        .with_public_algorithm(PublicAlgorithm::KeyedHash)
        .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
        .with_object_attributes(attributes)
        .with_keyed_hash_parameters(PublicKeyedHashParameters::new(KeyedHashScheme::Null))
        .with_keyed_hash_unique_identifier(Digest::default())
        .build()
        .map_err(failed("Create"))
}

/// The uncompressed point.
pub(super) fn point_of(public: &Public) -> Option<[u8; 65]> {
    let Public::Ecc { unique, .. } = public else {
        return None;
    };
    let mut point = [0x04; 65];
    let x = padded(unique.x().value(), &mut point[1..33]);
    let y = padded(unique.y().value(), &mut point[33..]);
    (x && y).then_some(point)
}

/// A TPM may leave leading zeros out.
fn padded(number: &[u8], into: &mut [u8]) -> bool {
    let Some(start) = into.len().checked_sub(number.len()) else {
        return false;
    };
    into[..start].fill(0);
    into[start..].copy_from_slice(number);
    true
}

#[cfg(test)]
mod tests {
    use super::padded;

    #[test]
    fn short_numbers_are_filled_up_and_long_ones_refused() {
        let mut into = [9; 4];
        assert!(padded(&[1, 2], &mut into));
        assert_eq!(into, [0, 0, 1, 2]);
        assert!(padded(&[], &mut into));
        assert_eq!(into, [0; 4]);
        assert!(!padded(&[1; 5], &mut into));
    }
}
