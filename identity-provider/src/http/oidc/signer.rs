//! The opened signing keys of OpenID connections, so that making an ID token is mostly the signature.

use crate::{
    app::App,
    domain::{
        connection::{KeyStatus, SigningKey},
        signing::key_context,
    },
    store::StoreError,
};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use standards::oidc::jwt::Alg;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use wire::id::ConnectionId;

/// An opened signing key.
pub struct Signer {
    /// Its name in the JWKS.
    pub kid: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Elliptic(EcdsaKeyPair),
}

impl Signer {
    /// Opens a key from PKCS#8, RSA or P-256.
    pub fn new(kid: String, pkcs8: &[u8]) -> Option<Self> {
        let rsa = RsaKeyPair::from_pkcs8(pkcs8).map(|pair| Pair::Rsa(Box::new(pair)));
        let elliptic = || {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Pair::Elliptic)
        };
        let pair = rsa.or_else(|_| elliptic()).ok()?;
        Some(Self { kid, pair })
    }

    /// What it signs with.
    pub fn alg(&self) -> Alg {
        match self.pair {
            Pair::Rsa(_) => Alg::RS256,
            Pair::Elliptic(_) => Alg::ES256,
        }
    }

    /// RSASSA-PKCS1-v1_5 or ECDSA (r ‖ s), with SHA-256.
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let random = SystemRandom::new();
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .ok()?;
                Some(signature)
            }
            Pair::Elliptic(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).ok()?;
                Some(signature.as_ref().to_vec())
            }
        }
    }
}

/// Opened keys, by their name.
#[derive(Default)]
pub struct OidcCache(Mutex<HashMap<String, Arc<Signer>>>);

/// Why nothing can be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The connection went away.
    #[error("the connection has no signing key")]
    NoKey,
    /// The stored key does not open under this master key, or is none.
    #[error("the signing key {0} cannot be opened with this master key")]
    Key(String),
    /// The library refused.
    #[error("the signing key {0} does not sign")]
    Sign(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OidcCache {
    /// The key that signs for `connection` now.
    pub async fn signer(
        &self,
        app: &App,
        connection: &ConnectionId,
    ) -> Result<Arc<Signer>, SignerError> {
        let keys = app.store.signing_keys_of(connection).await?;
        let current = keys.into_iter().find(|k| k.status == KeyStatus::Current);
        let current = current.ok_or(SignerError::NoKey)?;
        // Entries are put in whole, so a panic elsewhere cannot have left half of one.
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signer) = lock().get(&current.id) {
            return Ok(signer.clone());
        }
        let signer = Arc::new(
            open(app, connection, &current).ok_or_else(|| SignerError::Key(current.id.clone()))?,
        );
        lock().insert(current.id, signer.clone());
        Ok(signer)
    }
}

fn open(app: &App, connection: &ConnectionId, key: &SigningKey) -> Option<Signer> {
    let pkcs8 = app
        .master
        .open(&key_context(connection.as_str()), &key.sealed_key)?;
    Signer::new(key.id.clone(), &pkcs8)
}
