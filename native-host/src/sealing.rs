//! Sealing: AES-256-GCM under a key that belongs to one device and one binding.
//!
//! `1 ‖ nonce (12) ‖ ciphertext and tag`; the additional data is the format, the device and the person, so that a blob
//! opens nowhere else. The key is derived from the platform's sealing key and the binding's own salt: removing the
//! binding makes everything sealed under it unreadable for ever, wherever copies of it are.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, rand::SecureRandom};
use wire::id::{DeviceId, UserName};
use zeroize::Zeroizing;

/// The only format so far.
const FORMAT: u8 = 1;
/// Separates this use of the key from any later one.
const PURPOSE: &[u8] = b"tacit sealed template";

/// The platform's sealing key.
pub struct SealingKey(Zeroizing<[u8; 32]>);

/// A binding's own share of the key; random, not secret by itself.
pub type Salt = [u8; 32];

/// Not sealed by this device for this person, or changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the data was not sealed on this device for this person, or was changed since")]
pub struct NotUnsealed;

impl SealingKey {
    /// Takes the key from where the platform keeps it; `None` if it is not 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        (bytes.len() == key.len()).then(|| {
            key.copy_from_slice(bytes);
            Self(key)
        })
    }

    /// Encrypts `plain` for `user` on `device`; `None` without randomness.
    pub fn seal(
        &self,
        device: &DeviceId,
        user: &UserName,
        salt: &Salt,
        plain: &[u8],
        random: &dyn SecureRandom,
    ) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce).ok()?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.push(FORMAT);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let body = 1 + NONCE_LEN;
        let tag = self
            .derived(salt)?
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                additional(device, user),
                sealed.get_mut(body..)?,
            )
            .ok()?;
        sealed.extend_from_slice(tag.as_ref());
        Some(sealed)
    }

    /// Decrypts what [`SealingKey::seal`] made for the same device, person and salt.
    pub fn unseal(
        &self,
        device: &DeviceId,
        user: &UserName,
        salt: &Salt,
        sealed: &[u8],
    ) -> Result<Vec<u8>, NotUnsealed> {
        let (&format, rest) = sealed.split_first().ok_or(NotUnsealed)?;
        let (nonce, body) = rest.split_first_chunk().ok_or(NotUnsealed)?;
        if format != FORMAT {
            return Err(NotUnsealed);
        }
        let mut body = body.to_vec();
        let length = self
            .derived(salt)
            .ok_or(NotUnsealed)?
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                additional(device, user),
                &mut body,
            )
            .map_err(|_| NotUnsealed)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    fn derived(&self, salt: &Salt) -> Option<LessSafeKey> {
        let mut key = Zeroizing::new([0; 32]);
        hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
            .extract(&*self.0)
            .expand(&[PURPOSE], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut *key))
            .ok()?;
        UnboundKey::new(&AES_256_GCM, &*key)
            .ok()
            .map(LessSafeKey::new)
    }
}

/// A device id is 43 characters without exception, so the parts cannot run into each other.
fn additional(device: &DeviceId, user: &UserName) -> Aad<Vec<u8>> {
    Aad::from(
        [
            &[FORMAT],
            device.as_str().as_bytes(),
            user.as_str().as_bytes(),
        ]
        .concat(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;

    fn device(letter: &str) -> DeviceId {
        DeviceId::new(letter.repeat(42) + "A").unwrap()
    }

    fn ann() -> UserName {
        UserName::new("ann@acme.test").unwrap()
    }

    #[test]
    fn a_blob_opens_only_for_its_key_device_person_and_binding() {
        let key = SealingKey::from_bytes(&[7; 32]).unwrap();
        let random = SystemRandom::new();
        let sealed = key
            .seal(&device("a"), &ann(), &[1; 32], b"template", &random)
            .unwrap();
        let open = |key: &SealingKey, device: &DeviceId, user: &UserName, salt: &Salt| {
            key.unseal(device, user, salt, &sealed)
        };
        assert_eq!(
            open(&key, &device("a"), &ann(), &[1; 32]),
            Ok(b"template".to_vec())
        );
        let ben = UserName::new("ben@acme.test").unwrap();
        let other = SealingKey::from_bytes(&[8; 32]).unwrap();
        assert!(open(&other, &device("a"), &ann(), &[1; 32]).is_err());
        assert!(open(&key, &device("b"), &ann(), &[1; 32]).is_err());
        assert!(open(&key, &device("a"), &ben, &[1; 32]).is_err());
        assert!(open(&key, &device("a"), &ann(), &[2; 32]).is_err());
    }

    #[test]
    fn any_changed_or_missing_byte_is_noticed() {
        let key = SealingKey::from_bytes(&[7; 32]).unwrap();
        let random = SystemRandom::new();
        let sealed = key
            .seal(&device("a"), &ann(), &[1; 32], b"template", &random)
            .unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            let opened = key.unseal(&device("a"), &ann(), &[1; 32], &changed);
            assert_eq!(opened, Err(NotUnsealed), "byte {at}");
            let cut = key.unseal(&device("a"), &ann(), &[1; 32], &sealed[..at]);
            assert_eq!(cut, Err(NotUnsealed), "cut at {at}");
        }
    }
}
