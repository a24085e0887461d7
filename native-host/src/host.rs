//! Requests in, responses out. The host decides from its own configuration, its own records and its own keys; a message
//! only chooses among them.

use crate::account;
use crate::bindings::{Binding as BindingRecord, Bindings};
use crate::data::DataFolder;
use crate::keystore::{self, Chosen, Keys, KeystoreError};
use crate::posture::Posture;
use crate::refusal::Refusal;
use crate::sealing::SealingKey;
use crate::settings::{ExtensionId, Settings, SettingsError};
use crate::statements::{self, Own, SignError, Statement};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Mutex, OnceCell};
use wire::b64;
use wire::host::{Fault, Request, RequestBody, Response, ResponseBody};
use wire::id::{Origin, Thumbprint, UserName};
use wire::limits;
use wire::statement::{Binding, Confirmation, Heartbeat, Learning, Registration};
use wire::version::{self, V};

/// This build's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Bytes that sealing adds: format, nonce, tag.
const SEAL_OVERHEAD: usize = 1 + 12 + 16;

/// One process's state.
pub struct Host {
    settings: Result<Settings, SettingsError>,
    caller: Option<ExtensionId>,
    greeted: Cell<bool>,
    random: SystemRandom,
    data: OnceCell<DataFolder>,
    store: OnceCell<Chosen>,
    /// Held while they are loaded or made, so that this happens once.
    keys: Mutex<Option<Rc<Keys>>>,
    posture: Posture,
}

impl Host {
    /// A host for the extension whose origin the browser gave as `caller`.
    pub fn new(settings: Result<Settings, SettingsError>, caller: &str) -> Self {
        Self {
            settings,
            caller: ExtensionId::of_caller(caller),
            greeted: Cell::new(false),
            random: SystemRandom::new(),
            data: OnceCell::new(),
            store: OnceCell::new(),
            keys: Mutex::new(None),
            posture: Posture::default(),
        }
    }

    /// The response to one frame.
    pub async fn handle(&self, frame: &[u8]) -> Response {
        let (id, body) = match version::parse::<Request>(frame) {
            Ok(request) => {
                let kind = kind(&request.body);
                tracing::debug!(id = request.id, kind, "request");
                (request.id, self.carry_out(request.body).await)
            }
            Err(refusal) => (id_of(frame), Err(refusal.into())),
        };
        let body = body.unwrap_or_else(|refusal| {
            tracing::info!(id, fault = ?refusal.fault, message = refusal.message, "refused");
            refusal.into()
        });
        Response { v: V, id, body }
    }

    /// Opens the key store ahead of the first request that needs it. A failure is reported when it matters.
    pub async fn warm(&self) {
        if self.greeted.get() && self.settings().is_ok() {
            let _ = self.keys().await;
        }
        // Connects to what it asks, so that the first request for it need not.
        self.posture.current().await;
    }

    async fn carry_out(&self, body: RequestBody) -> Result<ResponseBody, Refusal> {
        self.check_caller()?;
        match body {
            RequestBody::Hello { extension } => {
                statements::check_version_text(&extension)?;
                self.greeted.set(true);
                let host = VERSION.into();
                Ok(ResponseBody::Hello { host })
            }
            _ if !self.greeted.get() => {
                let message = "hello has to be the first request";
                Err(Refusal::new(Fault::NotGreeted, message))
            }
            RequestBody::Config {} => self.config(),
            RequestBody::Posture {} => Ok(ResponseBody::Posture {
                posture: self.posture.current().await,
            }),
            RequestBody::Status {} => self.status().await,
            RequestBody::EnsureDeviceKey {} => self.ensure_device_key().await,
            RequestBody::Register { installation } => self.register(installation).await,
            RequestBody::OfferBinding {
                origin,
                challenge,
                nonce,
                req,
                installation,
                provenance,
            } => {
                let aud = self.check_origin(&origin)?;
                let keys = self.keys().await?;
                let claims = Binding {
                    iss: keys.device.clone(),
                    aud,
                    nonce,
                    jti: challenge,
                    req,
                    iat: now(),
                    cnf: Confirmation { jkt: installation },
                    provenance,
                    protection_class: self.protection_class().await?,
                    os_account: account::name(),
                };
                self.sign(&claims, keys).await
            }
            RequestBody::RecordBinding { user } => {
                let keys = self.keys().await?;
                Bindings::new(self.data().await?, &keys.device).record(&user, &self.random)?;
                Ok(ResponseBody::Done {})
            }
            RequestBody::RemoveBinding { user } => {
                let keys = self.keys().await?;
                Bindings::new(self.data().await?, &keys.device).remove(&user)?;
                Ok(ResponseBody::Done {})
            }
            RequestBody::Answer(request) => {
                let aud = self.check_origin(&request.origin)?;
                let keys = self.keys().await?;
                let own = Own {
                    sub: self.binding(&keys, &request.subject).await?.user,
                    aud,
                    iat: now(),
                    protection_class: self.protection_class().await?,
                };
                let claims = statements::answer(*request, own, &keys)?;
                self.sign(&claims, keys).await
            }
            RequestBody::Heartbeat {
                installation,
                extension,
                learning,
            } => self.heartbeat(installation, extension, learning).await,
            RequestBody::Seal { user, plain } => {
                check_length("plain", plain.len(), limits::TEMPLATE)?;
                let keys = self.keys().await?;
                let binding = self.binding(&keys, &user).await?;
                let device = keys.device.clone();
                let key = self.sealing_key(keys).await?;
                let sealed = key
                    .seal(&device, &binding.user, &binding.salt, &plain, &self.random)
                    .ok_or_else(no_randomness)?;
                Ok(ResponseBody::Sealed { sealed })
            }
            RequestBody::Unseal { user, sealed } => {
                check_length("sealed", sealed.len(), limits::TEMPLATE + SEAL_OVERHEAD)?;
                let keys = self.keys().await?;
                let binding = self.binding(&keys, &user).await?;
                let device = keys.device.clone();
                let key = self.sealing_key(keys).await?;
                let plain = key.unseal(&device, &binding.user, &binding.salt, &sealed)?;
                Ok(ResponseBody::Unsealed { plain })
            }
        }
    }

    fn config(&self) -> Result<ResponseBody, Refusal> {
        let configuration = match &self.settings {
            Ok(settings) => Some(settings.configuration.clone()),
            Err(SettingsError::Missing(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(ResponseBody::Config { configuration })
    }

    async fn status(&self) -> Result<ResponseBody, Refusal> {
        let store = &self.store().await?.store;
        let (device, bindings) = match self.keys().await {
            Ok(keys) => {
                let bindings = Bindings::new(self.data().await?, &keys.device).list()?;
                let users = bindings.into_iter().map(|binding| binding.user).collect();
                (Some(keys.device.clone()), users)
            }
            Err(refusal) if refusal.fault == Fault::NoKey => (None, Vec::new()),
            Err(refusal) => return Err(refusal),
        };
        Ok(ResponseBody::Status {
            keystore: store.kind().name().into(),
            protection_class: store.kind().protection_class(),
            device,
            bindings,
        })
    }

    async fn ensure_device_key(&self) -> Result<ResponseBody, Refusal> {
        let keys = match self.keys().await {
            Err(refusal) if refusal.fault == Fault::NoKey => self.create_keys().await?,
            keys => keys?,
        };
        Ok(ResponseBody::DeviceKey {
            device: keys.device.clone(),
            jwk: keys.jwk.clone(),
            protection_class: self.protection_class().await?,
        })
    }

    async fn register(&self, installation: Thumbprint) -> Result<ResponseBody, Refusal> {
        let settings = self.settings()?;
        let keys = self.keys().await?;
        let claims = Registration {
            iss: keys.device.clone(),
            aud: settings.configuration.server_origin.clone(),
            iat: now(),
            cnf: Confirmation { jkt: installation },
            jwk: keys.jwk.clone(),
            protection_class: self.protection_class().await?,
            os_account: account::name(),
            posture: self.posture.current().await,
        };
        self.sign(&claims, keys).await
    }

    /// Learning states of people who are not on record here are left out: a heartbeat speaks for this device alone.
    async fn heartbeat(
        &self,
        installation: Thumbprint,
        extension: String,
        mut learning: Vec<Learning>,
    ) -> Result<ResponseBody, Refusal> {
        statements::check_version_text(&extension)?;
        statements::check_learning(&learning)?;
        let settings = self.settings()?;
        let keys = self.keys().await?;
        let bindings = Bindings::new(self.data().await?, &keys.device).list()?;
        learning.retain(|state| bindings.iter().any(|binding| binding.user == state.user));
        let mut jti = [0; 16];
        self.random.fill(&mut jti).map_err(|_| no_randomness())?;
        let claims = Heartbeat {
            iss: keys.device.clone(),
            aud: settings.configuration.server_origin.clone(),
            iat: now(),
            jti: b64::encode(&jti),
            cnf: Confirmation { jkt: installation },
            protection_class: self.protection_class().await?,
            extension,
            host: VERSION.into(),
            learning,
            posture: self.posture.current().await,
        };
        self.sign(&claims, keys).await
    }

    fn check_caller(&self) -> Result<(), Refusal> {
        let Ok(settings) = &self.settings else {
            // Nobody said who may call, and nothing can be had before somebody does.
            return Ok(());
        };
        let allowed = self
            .caller
            .as_ref()
            .is_some_and(|caller| settings.allowed_extensions.contains(caller));
        allowed.then_some(()).ok_or_else(|| {
            Refusal::new(
                Fault::CallerForbidden,
                "the calling extension is not in allowed_extensions of the machine configuration",
            )
        })
    }

    fn check_origin(&self, origin: &Origin) -> Result<Origin, Refusal> {
        let server = &self.settings()?.configuration.server_origin;
        (origin == server).then(|| server.clone()).ok_or_else(|| {
            Refusal::new(
                Fault::WrongOrigin,
                "the page that asked is not the server of the machine configuration",
            )
        })
    }

    fn settings(&self) -> Result<&Settings, Refusal> {
        self.settings.as_ref().map_err(Refusal::from)
    }

    async fn data(&self) -> Result<&DataFolder, Refusal> {
        let open = async {
            let root = self
                .settings()?
                .data_dir()
                .ok_or(crate::data::DataError::NoFolder)?;
            Ok(DataFolder::open(root)?)
        };
        self.data.get_or_try_init(|| open).await
    }

    async fn store(&self) -> Result<&Chosen, Refusal> {
        let choose = async {
            let chosen = keystore::choose(self.settings()?, self.data().await?).await?;
            for error in &chosen.passed_over {
                tracing::warn!(%error, "passed over a better key store");
            }
            Ok(chosen)
        };
        self.store.get_or_try_init(|| choose).await
    }

    async fn protection_class(&self) -> Result<wire::statement::ProtectionClass, Refusal> {
        Ok(self.store().await?.store.kind().protection_class())
    }

    /// The device's keys, perhaps made by another process meanwhile.
    async fn keys(&self) -> Result<Rc<Keys>, Refusal> {
        let mut keys = self.keys.lock().await;
        if let Some(keys) = &*keys {
            return Ok(Rc::clone(keys));
        }
        let store = &self.store().await?.store;
        let loaded = store.load().await?.ok_or_else(|| {
            let message = "there is no device key yet: ensure_device_key makes one";
            Refusal::new(Fault::NoKey, message)
        })?;
        Ok(Rc::clone(keys.insert(Rc::new(loaded))))
    }

    /// One process at a time looks once more and then makes the keys.
    async fn create_keys(&self) -> Result<Rc<Keys>, Refusal> {
        let mut keys = self.keys.lock().await;
        if let Some(keys) = &*keys {
            return Ok(Rc::clone(keys));
        }
        let data = self.data().await?;
        let store = &self.store().await?.store;
        let _lock = data.lock()?;
        let made = match store.load().await? {
            Some(keys) => keys,
            None => {
                let made = store.create().await?;
                keystore::record(store.kind(), data)?;
                tracing::info!(keystore = store.kind().name(), "made a device key");
                made
            }
        };
        Ok(Rc::clone(keys.insert(Rc::new(made))))
    }

    async fn sign<S: Statement>(
        &self,
        claims: &S,
        keys: Rc<Keys>,
    ) -> Result<ResponseBody, Refusal> {
        let statement = match statements::sign(claims, &keys).await {
            Err(SignError::Keystore(error)) => {
                let keys = self.open_again(keys, error).await?;
                statements::sign(claims, &keys).await?
            }
            signed => signed?,
        };
        Ok(ResponseBody::Signed { statement })
    }

    async fn sealing_key(&self, keys: Rc<Keys>) -> Result<Rc<SealingKey>, Refusal> {
        let error = match keys.open.sealing_key().await {
            Ok(key) => return Ok(key),
            Err(error) => error,
        };
        let keys = self.open_again(keys, error).await?;
        Ok(keys.open.sealing_key().await?)
    }

    /// After a failure of the store: a chip that was reset has forgotten what was loaded. A store that does not answer
    /// at all is not waited for twice.
    async fn open_again(&self, keys: Rc<Keys>, error: KeystoreError) -> Result<Rc<Keys>, Refusal> {
        tracing::warn!(%error, "the key store failed; opening it again");
        let device = keys.device.clone();
        // The last owner closes the store, which must have happened before it is opened again.
        drop(keys);
        *self.keys.lock().await = None;
        if matches!(error, KeystoreError::TpmTimeout) {
            return Err(error.into());
        }
        let keys = self.keys().await?;
        match keys.device == device {
            true => Ok(keys),
            false => Err(error.into()),
        }
    }

    async fn binding(&self, keys: &Keys, user: &UserName) -> Result<BindingRecord, Refusal> {
        let bindings = Bindings::new(self.data().await?, &keys.device);
        bindings.find(user)?.ok_or_else(|| {
            Refusal::new(
                Fault::NotBound,
                "this device is not bound to that person: pass an ordinary factor once to enrol it",
            )
        })
    }
}

fn check_length(member: &str, length: usize, limit: usize) -> Result<(), Refusal> {
    (length <= limit).then_some(()).ok_or_else(|| {
        Refusal::malformed(format!(
            "{member}: {length} bytes are over the limit of {limit}"
        ))
    })
}

fn no_randomness() -> Refusal {
    Refusal::new(Fault::Keystore, "the system gives no randomness")
}

/// Seconds since 1970; 0 on a clock before that, which the server will call off.
fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0))
}

/// The id of a request that is otherwise unreadable, so that the worker knows which one was refused; else 0.
fn id_of(frame: &[u8]) -> u32 {
    #[derive(Deserialize)]
    struct Head {
        id: u32,
    }
    serde_json::from_slice::<Head>(frame).map_or(0, |head| head.id)
}

/// For the log; a request's fields stay out of it.
fn kind(body: &RequestBody) -> &'static str {
    match body {
        RequestBody::Hello { .. } => "hello",
        RequestBody::Status {} => "status",
        RequestBody::EnsureDeviceKey {} => "ensure_device_key",
        RequestBody::Register { .. } => "register",
        RequestBody::OfferBinding { .. } => "offer_binding",
        RequestBody::RecordBinding { .. } => "record_binding",
        RequestBody::RemoveBinding { .. } => "remove_binding",
        RequestBody::Answer(_) => "answer",
        RequestBody::Heartbeat { .. } => "heartbeat",
        RequestBody::Seal { .. } => "seal",
        RequestBody::Unseal { .. } => "unseal",
        RequestBody::Config {} => "config",
        RequestBody::Posture {} => "posture",
    }
}
