//! The master key, and what is derived from it: sealing at rest, and keyed hashes of things short enough to guess.

use crate::random;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    constant_time, digest, hmac,
};
use std::{fmt, path::Path};
use wire::b64;
use zeroize::Zeroizing;

/// Why a master key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file cannot be read or written.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// Its content is not a key.
    #[error("{0} does not hold 32 bytes as base64url")]
    Content(String),
    /// Others than its owner may read it.
    #[error("{0} may be read by others: chmod 600 it")]
    Readable(String),
}

/// The key above all keys; lives in a file of its own, never in the database.
pub struct MasterKey {
    seal: LessSafeKey,
    codes: hmac::Key,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

impl MasterKey {
    /// From its bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let derive = |label: &[u8]| hmac::sign(&root, label);
        // Invariant: HMAC-SHA-256 gives the 32 bytes that AES-256 wants.
        let seal = UnboundKey::new(&AES_256_GCM, derive(b"tacit seal 1").as_ref())
            .expect("32 bytes make an AES-256 key");
        Self {
            seal: LessSafeKey::new(seal),
            codes: hmac::Key::new(hmac::HMAC_SHA256, derive(b"tacit code 1").as_ref()),
        }
    }

    /// Makes a key and writes it to a file that must not exist yet.
    pub fn generate_file(path: &Path) -> Result<Self, MasterKeyError> {
        let bytes = Zeroizing::new(random::bytes::<32>());
        let text = Zeroizing::new(b64::encode(bytes.as_slice()));
        write_private(path, text.as_bytes())
            .map_err(|e| MasterKeyError::File(path.display().to_string(), e))?;
        Ok(Self::new(&bytes))
    }

    /// Reads a key from its file, which only its owner may read.
    pub fn load_file(path: &Path) -> Result<Self, MasterKeyError> {
        let name = || path.display().to_string();
        let file = |e| MasterKeyError::File(name(), e);
        if is_readable_by_others(path).map_err(file)? {
            return Err(MasterKeyError::Readable(name()));
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(file)?);
        let bytes = b64::decode(text.trim()).map(Zeroizing::new);
        let bytes = bytes.ok_or_else(|| MasterKeyError::Content(name()))?;
        let bytes: &[u8; 32] = bytes
            .as_slice()
            .try_into()
            .map_err(|_| MasterKeyError::Content(name()))?;
        Ok(Self::new(bytes))
    }

    /// Encrypts `plain` for the database; `context` says where it belongs, and it opens nowhere else.
    pub fn seal(&self, context: &str, plain: &[u8]) -> String {
        let nonce = random::bytes::<NONCE_LEN>();
        let mut sealed = plain.to_vec();
        self.seal
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context),
                &mut sealed,
            )
            // Invariant: AES-GCM fails only on inputs of many gigabytes.
            .expect("what is sealed is small");
        b64::encode(&[&nonce[..], &sealed].concat())
    }

    /// Decrypts what [`Self::seal`] made for the same context.
    pub fn open(&self, context: &str, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = b64::decode(sealed)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let length = self
            .seal
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(context),
                &mut sealed,
            )
            .ok()?
            .len();
        sealed.truncate(length);
        Some(sealed)
    }

    /// The keyed hash of a help-desk code: without the master key the database does not give the code away.
    pub fn code_hash(&self, challenge: &str, code: &str) -> String {
        let mut context = hmac::Context::with_key(&self.codes);
        context.update(challenge.as_bytes());
        context.update(b"\0");
        context.update(code.as_bytes());
        b64::encode(context.sign().as_ref())
    }
}

/// SHA-256 as base64url: how cookies and tokens of 32 random bytes are stored.
pub fn hash(secret: &[u8]) -> String {
    b64::encode(digest::digest(&digest::SHA256, secret).as_ref())
}

/// Whether two texts are the same, in a time that does not depend on where they differ.
pub fn same(a: &str, b: &str) -> bool {
    constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}

/// Writes a new file that only its owner may read.
pub fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

pub(crate) fn is_readable_by_others(path: &Path) -> std::io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    std::fs::metadata(path).map(|_| false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_where_it_belongs() {
        let master = MasterKey::new(&[7; 32]);
        let sealed = master.seal("totp ann", b"secret");
        assert_eq!(
            master.open("totp ann", &sealed).unwrap().as_slice(),
            b"secret"
        );
        assert!(master.open("totp ben", &sealed).is_none());
        assert!(MasterKey::new(&[8; 32]).open("totp ann", &sealed).is_none());
        assert!(master.open("totp ann", &sealed[1..]).is_none());
        assert!(master.open("totp ann", "").is_none());
    }

    #[test]
    fn a_master_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        MasterKey::generate_file(&path).unwrap();
        assert!(MasterKey::load_file(&path).is_ok());
        assert!(
            MasterKey::generate_file(&path).is_err(),
            "it is never overwritten"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
            assert!(matches!(
                MasterKey::load_file(&path),
                Err(MasterKeyError::Readable(_))
            ));
        }
    }
}
