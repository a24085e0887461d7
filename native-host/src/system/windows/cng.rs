//! Keys of CNG key storage providers (ncrypt.dll). Every call is silent: no dialogue in front of a person who asked for
//! nothing.

use std::ffi::c_void;
use windows::Win32::Security::Cryptography::{
    BCRYPT_ECCPUBLIC_BLOB, BCRYPT_OAEP_PADDING_INFO, BCRYPT_SHA256_ALGORITHM, CERT_KEY_SPEC,
    MS_KEY_STORAGE_PROVIDER, MS_PLATFORM_CRYPTO_PROVIDER, NCRYPT_ALLOW_DECRYPT_FLAG,
    NCRYPT_ALLOW_SIGNING_FLAG, NCRYPT_ECDSA_P256_ALGORITHM, NCRYPT_FLAGS, NCRYPT_HANDLE,
    NCRYPT_KEY_HANDLE, NCRYPT_KEY_USAGE_PROPERTY, NCRYPT_LENGTH_PROPERTY,
    NCRYPT_OVERWRITE_KEY_FLAG, NCRYPT_PAD_OAEP_FLAG, NCRYPT_PCP_PLATFORM_TYPE_PROPERTY,
    NCRYPT_PROV_HANDLE, NCRYPT_RSA_ALGORITHM, NCRYPT_SILENT_FLAG, NCryptCreatePersistedKey,
    NCryptDecrypt, NCryptDeleteKey, NCryptEncrypt, NCryptExportKey, NCryptFinalizeKey,
    NCryptFreeObject, NCryptGetProperty, NCryptIsAlgSupported, NCryptOpenKey,
    NCryptOpenStorageProvider, NCryptSetProperty, NCryptSignHash,
};
use windows::Win32::Security::OBJECT_SECURITY_INFORMATION;
use windows::core::{Error, HSTRING, PCWSTR};
use zeroize::Zeroizing;

/// An HRESULT that says what failed.
pub(crate) type Code = u32;

/// Bytes of anything that CNG returns to us: 256 of an RSA-2048 ciphertext are the most.
const BUFFER: usize = 512;
/// Bits of the key that wraps the sealing key: a TPM decrypts with RSA, and with nothing else that CNG offers.
const RSA_BITS: u32 = 2048;

/// Which provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    /// The TPM.
    Platform,
    /// Files that the person's login protects.
    Software,
}

/// An open provider.
pub(crate) struct Store(NCRYPT_PROV_HANDLE);

/// An open key.
pub(crate) struct Key(NCRYPT_KEY_HANDLE);

impl Store {
    /// Opens `provider` and checks that it can sign with P-256: the TPM's answers without a TPM, too.
    pub(crate) fn open(provider: Provider) -> Result<Self, Code> {
        let name = match provider {
            Provider::Platform => MS_PLATFORM_CRYPTO_PROVIDER,
            Provider::Software => MS_KEY_STORAGE_PROVIDER,
        };
        let mut handle = NCRYPT_PROV_HANDLE::default();
        // SAFETY: the name is a constant that ends in zero; `handle` outlives the call.
        unsafe { NCryptOpenStorageProvider(&mut handle, name, 0) }.map_err(code)?;
        let store = Self(handle);
        for algorithm in [NCRYPT_ECDSA_P256_ALGORITHM, NCRYPT_RSA_ALGORITHM] {
            // SAFETY: an open handle and a constant that ends in zero.
            unsafe { NCryptIsAlgSupported(store.0, algorithm, NCRYPT_SILENT_FLAG.0) }
                .map_err(code)?;
        }
        if provider == Provider::Platform {
            store.check_for_tpm()?;
        }
        Ok(store)
    }

    /// This person's key of that name.
    pub(crate) fn find(&self, name: &str) -> Result<Key, Code> {
        let mut handle = NCRYPT_KEY_HANDLE::default();
        let name = HSTRING::from(name);
        // SAFETY: an open handle, a name that ends in zero, and `handle` outlives the call.
        unsafe {
            NCryptOpenKey(
                self.0,
                &mut handle,
                &name,
                CERT_KEY_SPEC(0),
                NCRYPT_SILENT_FLAG,
            )
        }
        .map_err(code)?;
        Ok(Key(handle))
    }

    /// A P-256 key that signs and nothing else; it takes the place of one of that name.
    pub(crate) fn create_signing_key(&self, name: &str) -> Result<Key, Code> {
        let key = self.begin(name, NCRYPT_ECDSA_P256_ALGORITHM)?;
        key.set(NCRYPT_KEY_USAGE_PROPERTY, NCRYPT_ALLOW_SIGNING_FLAG)?;
        key.finish()
    }

    /// An RSA key that decrypts and nothing else; it takes the place of one of that name.
    pub(crate) fn create_wrapping_key(&self, name: &str) -> Result<Key, Code> {
        let key = self.begin(name, NCRYPT_RSA_ALGORITHM)?;
        key.set(NCRYPT_LENGTH_PROPERTY, RSA_BITS)?;
        key.set(NCRYPT_KEY_USAGE_PROPERTY, NCRYPT_ALLOW_DECRYPT_FLAG)?;
        key.finish()
    }

    /// Without a TPM the provider opens and lists what it could do, but cannot say what chip it speaks to.
    fn check_for_tpm(&self) -> Result<(), Code> {
        let mut description = [0; BUFFER];
        let mut length = 0;
        // SAFETY: an open handle, a constant that ends in zero; buffer and length outlive the call.
        unsafe {
            NCryptGetProperty(
                NCRYPT_HANDLE(self.0.0),
                NCRYPT_PCP_PLATFORM_TYPE_PROPERTY,
                Some(&mut description),
                &mut length,
                OBJECT_SECURITY_INFORMATION(NCRYPT_SILENT_FLAG.0),
            )
        }
        .map_err(code)
    }

    fn begin(&self, name: &str, algorithm: PCWSTR) -> Result<Key, Code> {
        let mut handle = NCRYPT_KEY_HANDLE::default();
        let name = HSTRING::from(name);
        // SAFETY: an open handle, names that end in zero, and `handle` outlives the call.
        unsafe {
            NCryptCreatePersistedKey(
                self.0,
                &mut handle,
                algorithm,
                &name,
                CERT_KEY_SPEC(0),
                NCRYPT_OVERWRITE_KEY_FLAG,
            )
        }
        .map_err(code)?;
        Ok(Key(handle))
    }
}

impl Key {
    /// BCRYPT_ECCPUBLIC_BLOB of a P-256 key.
    pub(crate) fn public_blob(&self) -> Result<Vec<u8>, Code> {
        let mut blob = [0; BUFFER];
        let mut length = 0;
        // SAFETY: an open handle, a constant that ends in zero; buffer and length outlive the call.
        unsafe {
            NCryptExportKey(
                self.0,
                None,
                BCRYPT_ECCPUBLIC_BLOB,
                None,
                Some(&mut blob),
                &mut length,
                NCRYPT_SILENT_FLAG,
            )
        }
        .map_err(code)?;
        Ok(filled(&blob, length).to_vec())
    }

    /// ECDSA over what hashes to `digest`, as CNG gives it: r ‖ s.
    pub(crate) fn sign(&self, digest: &[u8; 32]) -> Result<Vec<u8>, Code> {
        let mut signature = [0; BUFFER];
        let mut length = 0;
        // SAFETY: an open handle; buffers and length outlive the call.
        unsafe {
            NCryptSignHash(
                self.0,
                None,
                digest,
                Some(&mut signature),
                &mut length,
                NCRYPT_SILENT_FLAG,
            )
        }
        .map_err(code)?;
        Ok(filled(&signature, length).to_vec())
    }

    /// RSA-OAEP with SHA-256, by the public half.
    pub(crate) fn wrap(&self, secret: &[u8]) -> Result<Vec<u8>, Code> {
        let mut wrapped = [0; BUFFER];
        let mut length = 0;
        let padding = oaep();
        // SAFETY: an open handle; padding, buffers and length outlive the call, and the flag says what the padding is.
        unsafe {
            NCryptEncrypt(
                self.0,
                Some(secret),
                Some((&raw const padding).cast::<c_void>()),
                Some(&mut wrapped),
                &mut length,
                flags(NCRYPT_PAD_OAEP_FLAG),
            )
        }
        .map_err(code)?;
        Ok(filled(&wrapped, length).to_vec())
    }

    /// What [`Key::wrap`] wrapped.
    pub(crate) fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Code> {
        let mut secret = Zeroizing::new([0; BUFFER]);
        let mut length = 0;
        let padding = oaep();
        // SAFETY: as in `wrap`.
        unsafe {
            NCryptDecrypt(
                self.0,
                Some(wrapped),
                Some((&raw const padding).cast::<c_void>()),
                Some(&mut secret[..]),
                &mut length,
                flags(NCRYPT_PAD_OAEP_FLAG),
            )
        }
        .map_err(code)?;
        Ok(Zeroizing::new(filled(&secret[..], length).to_vec()))
    }

    /// Removes it from its provider.
    pub(crate) fn delete(self) -> Result<(), Code> {
        // SAFETY: an open handle, which a successful deletion frees, so that it must not be freed again.
        unsafe { NCryptDeleteKey(self.0, NCRYPT_SILENT_FLAG.0) }.map_err(code)?;
        std::mem::forget(self);
        Ok(())
    }

    fn set(&self, property: PCWSTR, value: u32) -> Result<(), Code> {
        let value = value.to_le_bytes();
        // SAFETY: an open handle, a constant that ends in zero, and a DWORD as both properties are.
        unsafe {
            NCryptSetProperty(
                NCRYPT_HANDLE(self.0.0),
                property,
                &value,
                NCRYPT_SILENT_FLAG,
            )
        }
        .map_err(code)
    }

    fn finish(self) -> Result<Self, Code> {
        // SAFETY: a handle from NCryptCreatePersistedKey that was not finalised before.
        unsafe { NCryptFinalizeKey(self.0, NCRYPT_SILENT_FLAG) }.map_err(code)?;
        Ok(self)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: opened by us, freed once. Nothing is lost if it fails.
        let _ = unsafe { NCryptFreeObject(NCRYPT_HANDLE(self.0.0)) };
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: opened by us, freed once. Nothing is lost if it fails.
        let _ = unsafe { NCryptFreeObject(NCRYPT_HANDLE(self.0.0)) };
    }
}

fn oaep() -> BCRYPT_OAEP_PADDING_INFO {
    BCRYPT_OAEP_PADDING_INFO {
        pszAlgId: BCRYPT_SHA256_ALGORITHM,
        pbLabel: std::ptr::null_mut(),
        cbLabel: 0,
    }
}

fn flags(padding: NCRYPT_FLAGS) -> NCRYPT_FLAGS {
    NCRYPT_FLAGS(padding.0 | NCRYPT_SILENT_FLAG.0)
}

fn filled(buffer: &[u8], length: u32) -> &[u8] {
    usize::try_from(length)
        .ok()
        .and_then(|length| buffer.get(..length))
        .unwrap_or_default()
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn code(error: Error) -> Code {
    error.code().0.cast_unsigned()
}
