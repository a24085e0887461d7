//! Keys in a file that file permissions protect.
//!
//! The file is encrypted under a key derived from the machine's and the user's ids, so that a copy of it in a backup or
//! on another machine is of no use by itself. Whoever can run code as this user on this machine can open it: its class
//! is `software`, and the administrator has to allow it.

use super::pkcs8::Bytes;
use super::{Keys, Keystore, KeystoreError, Kind, Pending};
use crate::data::DataFolder;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// In the data folder.
const FILE: &str = "software-keys";
/// Version of the file.
const FORMAT: u8 = 1;
const SALT: usize = 32;

/// The file and what it is bound to.
pub struct Software {
    data: DataFolder,
    place: Vec<u8>,
}

impl Software {
    /// Bound to this machine and this user.
    pub fn new(data: DataFolder) -> Self {
        Self::bound_to(data, &place())
    }

    /// Bound to `place`.
    fn bound_to(data: DataFolder, place: &[u8]) -> Self {
        Self {
            data,
            place: place.to_vec(),
        }
    }

    fn read(&self) -> Result<Option<Keys>, KeystoreError> {
        let Some(file) = self.data.read(FILE)? else {
            return Ok(None);
        };
        let foreign =
            || KeystoreError::SoftwareForeignKey(self.data.path(FILE).display().to_string());
        self.decrypt(&file).ok_or_else(foreign)?.keys().map(Some)
    }

    fn write(&self) -> Result<Keys, KeystoreError> {
        let bytes = Bytes::generate()?;
        let file = self.encrypt(&bytes).ok_or(KeystoreError::NoRandomness)?;
        self.data.write(FILE, &file)?;
        bytes.keys()
    }

    /// `1 ‖ salt (32) ‖ nonce (12) ‖ ciphertext and tag`.
    fn encrypt(&self, bytes: &Bytes) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        let (mut salt, mut nonce) = ([0; SALT], [0; NONCE_LEN]);
        random.fill(&mut salt).ok()?;
        random.fill(&mut nonce).ok()?;
        let mut body = bytes.as_slice().to_vec();
        self.derived(&salt)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from([FORMAT]),
                &mut body,
            )
            .ok()?;
        Some([&[FORMAT], &salt[..], &nonce, &body].concat())
    }

    fn decrypt(&self, file: &[u8]) -> Option<Bytes> {
        let (&FORMAT, rest) = file.split_first()? else {
            return None;
        };
        let (salt, rest) = rest.split_first_chunk::<SALT>()?;
        let (nonce, body) = rest.split_first_chunk()?;
        let mut body = Zeroizing::new(body.to_vec());
        let plain = self
            .derived(salt)?
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from([FORMAT]),
                &mut body,
            )
            .ok()?;
        Some(Bytes::stored(plain.to_vec()))
    }

    fn derived(&self, salt: &[u8; SALT]) -> Option<LessSafeKey> {
        let mut key = Zeroizing::new([0; 32]);
        hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
            .extract(&self.place)
            .expand(&[b"tacit software key store"], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut *key))
            .ok()?;
        UnboundKey::new(&AES_256_GCM, &*key)
            .ok()
            .map(LessSafeKey::new)
    }
}

impl Keystore for Software {
    fn kind(&self) -> Kind {
        Kind::Software
    }

    fn load(&self) -> Pending<'_, Option<Keys>> {
        Box::pin(std::future::ready(self.read()))
    }

    fn create(&self) -> Pending<'_, Keys> {
        Box::pin(std::future::ready(self.write()))
    }

    fn remove(&self) -> Pending<'_, ()> {
        let removed = self.data.remove(FILE).map_err(KeystoreError::from);
        Box::pin(std::future::ready(removed))
    }
}

/// The machine's id and the user's; a machine without an id is bound to the user alone.
fn place() -> Vec<u8> {
    [machine_id().trim_ascii(), b"/", user_id().as_bytes()].concat()
}

#[cfg(not(windows))]
fn machine_id() -> Vec<u8> {
    ["/etc/machine-id", "/var/lib/dbus/machine-id"]
        .iter()
        .find_map(|path| std::fs::read(path).ok().filter(|id| !id.is_empty()))
        .unwrap_or_default()
}

#[cfg(windows)]
fn machine_id() -> Vec<u8> {
    windows_registry::LOCAL_MACHINE
        .open(r"SOFTWARE\Microsoft\Cryptography")
        .and_then(|key| key.get_string("MachineGuid"))
        .unwrap_or_default()
        .into_bytes()
}

#[cfg(unix)]
fn user_id() -> String {
    rustix::process::getuid().as_raw().to_string()
}

#[cfg(not(unix))]
fn user_id() -> String {
    crate::account::name()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::TestFolder;

    #[test]
    fn the_key_file_opens_only_where_it_was_made() {
        let folder = TestFolder::new("software");
        let here = Software::bound_to(folder.data(), b"machine a/1000");
        assert!(here.read().unwrap().is_none());
        let device = here.write().unwrap().device;
        assert_eq!(here.read().unwrap().unwrap().device, device);
        for elsewhere in [&b"machine b/1000"[..], b"machine a/1001"] {
            let copy = Software::bound_to(folder.data(), elsewhere);
            assert!(matches!(
                copy.read(),
                Err(KeystoreError::SoftwareForeignKey(_))
            ));
        }
    }

    #[test]
    fn a_damaged_key_file_is_named_and_left_alone() {
        let folder = TestFolder::new("software-damaged");
        let data = folder.data();
        let store = Software::bound_to(data.clone(), b"here");
        store.write().unwrap();
        let whole = data.read(FILE).unwrap().unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            data.write(FILE, &changed).unwrap();
            assert!(store.read().is_err(), "byte {at}");
        }
        for cut in [0, 1, 33, 45, whole.len() - 1] {
            data.write(FILE, &whole[..cut]).unwrap();
            assert!(store.read().is_err(), "cut at {cut}");
        }
        assert!(data.read(FILE).unwrap().is_some());
    }

    #[test]
    fn nothing_of_the_private_key_stands_in_the_file() {
        let folder = TestFolder::new("software-plain");
        let data = folder.data();
        let store = Software::bound_to(data.clone(), b"here");
        store.write().unwrap();
        let file = data.read(FILE).unwrap().unwrap();
        let plain = store.decrypt(&file).unwrap();
        for secret in plain.as_slice().windows(16) {
            assert!(!file.windows(16).any(|part| part == secret));
        }
    }
}
