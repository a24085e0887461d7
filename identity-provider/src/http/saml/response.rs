//! The signed Response of a decided challenge, and what is kept in memory so that making one is mostly the signature.

use super::issuer;
use crate::{
    app::App,
    clock::{MINUTE, Millis},
    domain::{
        challenge::{Challenge, Echo, State},
        connection::{Connection, KeyStatus},
        signing::key_context,
    },
    random,
    store::StoreError,
};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde::Serialize;
use standards::saml::{
    CONTEXT_PASSWORD_PROTECTED_TRANSPORT,
    metadata::ServiceProvider,
    response::{
        Assertion, Envelope, Failure, ResponseError, SignedPart, Signing, failure, form_value,
        success,
    },
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Okta's own skew is two minutes; so much before and after.
const NOT_BEFORE: Millis = 2 * MINUTE;
const LIFETIME: Millis = 5 * MINUTE;

/// A form that goes to Okta.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Form {
    /// The assertion consumer service.
    pub action: String,
    /// `SAMLResponse` and, if there was one, `RelayState`.
    pub fields: BTreeMap<&'static str, String>,
}

/// Why there is no Response.
#[derive(Debug, thiserror::Error)]
pub enum SamlError {
    /// Not decided.
    #[error("the challenge is not decided")]
    Undecided,
    /// Its request came by another standard.
    #[error("the request did not come by SAML")]
    Standard,
    /// The connection went away.
    #[error("the connection has no signing key")]
    NoKey,
    /// The stored key does not open under this master key, or is none.
    #[error("the signing key {0} cannot be opened with this master key")]
    Key(String),
    /// The Response could not be written.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the form of a decided challenge.
pub async fn respond(app: &App, challenge: &Challenge, now: Millis) -> Result<Form, SamlError> {
    if !matches!(challenge.state, State::Allowed | State::Declined) {
        return Err(SamlError::Undecided);
    }
    let Echo::Saml(echo) = &challenge.request else {
        return Err(SamlError::Standard);
    };
    let key = app.saml.signer(app, challenge).await?;
    let sign = |message: &[u8]| key.sign(message);
    let signing = Signing {
        certificate_der: &key.certificate,
        sign: &sign,
    };
    let (issuer, id) = (issuer(app, &challenge.connection), name());
    let envelope = Envelope {
        id: &id,
        issue_instant_ms: now,
        issuer: &issuer,
        destination: &echo.acs,
        in_response_to: &echo.id,
    };
    let xml = match challenge.state {
        State::Allowed => {
            let amr: Vec<&str> = challenge.amr.iter().map(String::as_str).collect();
            let (assertion_id, session) = (name(), name());
            let assertion = Assertion {
                id: &assertion_id,
                audience: &echo.audience,
                name_id: &echo.name_id,
                name_id_format: &echo.name_id_format,
                authn_instant_ms: challenge.decided_at,
                session_index: &session,
                context_class: CONTEXT_PASSWORD_PROTECTED_TRANSPORT,
                amr: &amr,
                attributes: &echo.application,
                not_before_ms: NOT_BEFORE,
                lifetime_ms: LIFETIME,
            };
            success(&envelope, &assertion, SignedPart::Assertion, &signing)?
        }
        _ => failure(
            &envelope,
            Failure::AuthnFailed,
            Some("left to the other factors"),
            &signing,
        )?,
    };
    let mut fields = BTreeMap::from([("SAMLResponse", form_value(&xml))]);
    if let Some(relay_state) = &echo.relay_state {
        fields.insert("RelayState", relay_state.clone());
    }
    Ok(Form {
        action: echo.acs.clone(),
        fields,
    })
}

/// A random name in the sense of XML.
fn name() -> String {
    let bytes = random::bytes::<20>();
    bytes.iter().fold(String::from("_"), |mut out, byte| {
        out.push_str(&format!("{byte:02x}"));
        out
    })
}

/// Parsed metadata and opened keys, by what identifies their version.
#[derive(Default)]
pub struct SamlCache {
    providers: Mutex<HashMap<String, (Millis, Arc<ServiceProvider>)>>,
    signers: Mutex<HashMap<String, Arc<Signer>>>,
}

/// An opened signing key.
pub struct Signer {
    certificate: Vec<u8>,
    pair: RsaKeyPair,
}

impl Signer {
    /// Opens a key from PKCS#8.
    pub fn new(certificate: Vec<u8>, pkcs8: &[u8]) -> Option<Self> {
        let pair = RsaKeyPair::from_pkcs8(pkcs8).ok()?;
        Some(Self { certificate, pair })
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256.
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message,
                &mut signature,
            )
            .ok()?;
        Some(signature)
    }
}

impl SamlCache {
    /// The connection's service provider; none if its metadata is missing or cannot be read.
    pub fn service_provider(&self, connection: &Connection) -> Option<Arc<ServiceProvider>> {
        let id = connection.id.as_str();
        if let Some((version, sp)) = lock(&self.providers).get(id)
            && *version == connection.updated_at
        {
            return Some(sp.clone());
        }
        let sp = ServiceProvider::parse(connection.metadata.as_bytes())
            .ok()
            .map(Arc::new)?;
        lock(&self.providers).insert(id.into(), (connection.updated_at, sp.clone()));
        Some(sp)
    }

    async fn signer(&self, app: &App, challenge: &Challenge) -> Result<Arc<Signer>, SamlError> {
        let keys = app.store.signing_keys_of(&challenge.connection).await?;
        let current = keys
            .into_iter()
            .find(|k| k.status == KeyStatus::Current)
            .ok_or(SamlError::NoKey)?;
        if let Some(signer) = lock(&self.signers).get(&current.id) {
            return Ok(signer.clone());
        }
        let context = key_context(challenge.connection.as_str());
        let pkcs8 = app.master.open(&context, &current.sealed_key);
        let signer = pkcs8.and_then(|pkcs8| Signer::new(current.certificate, &pkcs8));
        let signer = Arc::new(signer.ok_or_else(|| SamlError::Key(current.id.clone()))?);
        lock(&self.signers).insert(current.id, signer.clone());
        Ok(signer)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Entries are put in whole, so a panic elsewhere cannot have left half of one.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
