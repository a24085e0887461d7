//! Keys that are bytes: what the secret store, the file and the memory store have in common.

use super::{Keys, KeystoreError, OpenKeys, Pending};
use crate::sealing::SealingKey;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use std::rc::Rc;
use zeroize::Zeroizing;

/// Both keys as bytes: `sealing key (32) ‖ PKCS#8 of the device key`.
pub(super) struct Bytes(Zeroizing<Vec<u8>>);

impl Bytes {
    /// Fresh keys.
    pub(super) fn generate() -> Result<Self, KeystoreError> {
        let random = SystemRandom::new();
        let mut bytes = Zeroizing::new(vec![0; 32]);
        random
            .fill(&mut bytes)
            .map_err(|_| KeystoreError::NoRandomness)?;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| KeystoreError::NoRandomness)?;
        // Reserved in one piece: a vector that grows leaves its old, unwiped buffer behind.
        let mut whole = Zeroizing::new(Vec::with_capacity(32 + pkcs8.as_ref().len()));
        whole.extend_from_slice(&bytes);
        whole.extend_from_slice(pkcs8.as_ref());
        Ok(Self(whole))
    }

    /// What was stored.
    pub(super) fn stored(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// What to store.
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Ready for use.
    pub(super) fn keys(&self) -> Result<Keys, KeystoreError> {
        let (sealing, pkcs8) = self
            .0
            .split_at_checked(32)
            .ok_or(KeystoreError::Unreadable)?;
        let sealing = SealingKey::from_bytes(sealing).ok_or(KeystoreError::Unreadable)?;
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random)
            .map_err(|_| KeystoreError::Unreadable)?;
        let point = pair.public_key().as_ref().to_vec();
        let sealing = Rc::new(sealing);
        Keys::new(&point, Box::new(Open { pair, sealing }))
    }
}

struct Open {
    pair: EcdsaKeyPair,
    sealing: Rc<SealingKey>,
}

impl OpenKeys for Open {
    fn sign<'a>(&'a self, message: &'a [u8]) -> Pending<'a, [u8; 64]> {
        let signed = self
            .pair
            .sign(&SystemRandom::new(), message)
            .ok()
            .and_then(|signature| signature.as_ref().try_into().ok())
            .ok_or(KeystoreError::NoRandomness);
        Box::pin(std::future::ready(signed))
    }

    fn sealing_key(&self) -> Pending<'_, Rc<SealingKey>> {
        Box::pin(std::future::ready(Ok(Rc::clone(&self.sealing))))
    }
}
