//! The signed Response of a decided challenge, and what is kept in memory so that making one is mostly the signature.

use super::issuer;
use crate::{
    app::App,
    clock::{MINUTE, Millis},
    domain::{
        challenge::{Challenge, Echo, SamlEcho, State},
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
    authn_request::AuthnRequest,
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
use tokio::sync::Semaphore;
use wire::id::ConnectionId;

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
    #[error("the connection has no signing key: `tacit connection rotate` makes one")]
    NoKey,
    /// The stored key does not open under this master key, or is none.
    #[error("the signing key {0} cannot be opened with this master key")]
    Key(String),
    /// The thread that signs panicked, or the server stops.
    #[error("the signing ended early")]
    Ended,
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
    let Echo::Saml(echo) = challenge.request.clone() else {
        return Err(SamlError::Standard);
    };
    let key = app.saml.signer(app, &challenge.connection).await?;
    let issuer = issuer(app, &challenge.connection);
    let challenge = challenge.clone();
    app.saml
        .on_a_core(move || form_of(&challenge, &echo, &issuer, &key, now))
        .await
}

fn form_of(
    challenge: &Challenge,
    echo: &SamlEcho,
    issuer: &str,
    key: &Signer,
    now: Millis,
) -> Result<Form, SamlError> {
    let sign = |message: &[u8]| key.sign(message);
    let signing = Signing {
        certificate_der: &key.certificate,
        sign: &sign,
    };
    let envelope = Envelope {
        id: &name(),
        issue_instant_ms: now,
        issuer,
        destination: &echo.acs,
        in_response_to: &echo.id,
    };
    let xml = match challenge.state {
        State::Allowed => {
            let amr: Vec<&str> = challenge.amr.iter().map(String::as_str).collect();
            let assertion = Assertion {
                id: &name(),
                audience: &echo.audience,
                name_id: &echo.name_id,
                name_id_format: &echo.name_id_format,
                authn_instant_ms: challenge.decided_at,
                session_index: &name(),
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
    Ok(form(&echo.acs, &xml, echo.relay_state.as_deref()))
}

/// Makes the form that tells the service provider that nothing can be done without being seen.
pub async fn no_passive(
    app: &App,
    connection: &ConnectionId,
    request: &AuthnRequest,
    now: Millis,
) -> Result<Form, SamlError> {
    let key = app.saml.signer(app, connection).await?;
    let issuer = issuer(app, connection);
    let (acs, id) = (request.acs().to_owned(), request.id().to_owned());
    let relay_state = request.relay_state().map(str::to_owned);
    let made = move || {
        let sign = |message: &[u8]| key.sign(message);
        let signing = Signing {
            certificate_der: &key.certificate,
            sign: &sign,
        };
        let envelope = Envelope {
            id: &name(),
            issue_instant_ms: now,
            issuer: &issuer,
            destination: &acs,
            in_response_to: &id,
        };
        let why = Some("nobody can be recognised without being asked");
        let xml = failure(&envelope, Failure::NoPassive, why, &signing)?;
        Ok(form(&acs, &xml, relay_state.as_deref()))
    };
    app.saml.on_a_core(made).await
}

fn form(acs: &str, xml: &str, relay_state: Option<&str>) -> Form {
    let mut fields = BTreeMap::from([("SAMLResponse", form_value(xml))]);
    if let Some(relay_state) = relay_state {
        fields.insert("RelayState", relay_state.to_owned());
    }
    Form {
        action: acs.to_owned(),
        fields,
    }
}

/// A random name in the sense of XML.
fn name() -> String {
    let bytes = random::bytes::<20>();
    bytes.iter().fold(String::from("_"), |mut out, byte| {
        out.push_str(&format!("{byte:02x}"));
        out
    })
}

/// Parsed metadata and opened keys, by what identifies their version; and the cores that sign.
pub struct SamlCache {
    providers: Mutex<HashMap<String, (Millis, Arc<ServiceProvider>)>>,
    signers: Mutex<HashMap<String, Arc<Signer>>>,
    cores: Semaphore,
}

impl Default for SamlCache {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            providers: Mutex::default(),
            signers: Mutex::default(),
            cores: Semaphore::new(cores),
        }
    }
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

    /// Runs `work` beside the threads that serve connections, on no more threads than there are cores: a signature takes
    /// a core for a quarter of a millisecond, and whoever only waits for the database is not to wait for that.
    async fn on_a_core<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, SamlError> + Send + 'static,
    ) -> Result<T, SamlError> {
        let _core = self.cores.acquire().await.map_err(|_| SamlError::Ended)?;
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or(Err(SamlError::Ended))
    }

    async fn signer(&self, app: &App, connection: &ConnectionId) -> Result<Arc<Signer>, SamlError> {
        let keys = app.store.signing_keys_of(connection).await?;
        let current = keys
            .into_iter()
            .find(|k| k.status == KeyStatus::Current)
            .ok_or(SamlError::NoKey)?;
        if let Some(signer) = lock(&self.signers).get(&current.id) {
            return Ok(signer.clone());
        }
        let context = key_context(connection.as_str());
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
