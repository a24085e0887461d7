//! Worker ⇄ host over native messaging: one request, one response with the same `id`.
//!
//! The first request on a port is `hello`. The host refuses anything else before it, checks the calling extension
//! (argv[1]) against its machine configuration, and answers a bad request with [`ResponseBody::Refused`] without closing.

use crate::config::Configuration;
use crate::id::{ChallengeId, DeviceId, Digest, Nonce, Origin, Thumbprint, UserName};
use crate::jws::Jwk;
use crate::statement::{Evidence, Learning, Posture, Presence, ProtectionClass, Provenance};
use crate::version::V;
use serde::{Deserialize, Serialize};

/// Name under which the host registers with browsers.
pub const NAME: &str = "com.tacit.host";

/// Worker → host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Protocol version.
    pub v: V,
    /// Chosen by the worker, repeated in the response.
    pub id: u32,
    /// What is wanted.
    pub body: RequestBody,
}

/// What the worker wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum RequestBody {
    /// Versions; must be the first.
    Hello {
        /// Version of the extension.
        extension: String,
    },
    /// Keystore, key, bindings.
    Status {},
    /// Makes the device key unless there is one.
    EnsureDeviceKey {},
    /// Signs [`crate::statement::Registration`].
    Register {
        /// Thumbprint of the installation key.
        installation: Thumbprint,
    },
    /// Signs [`crate::statement::Binding`].
    OfferBinding {
        /// Origin of the page that asked, from the browser.
        origin: Origin,
        /// The challenge.
        challenge: ChallengeId,
        /// Its nonce.
        nonce: Nonce,
        /// Its request digest.
        req: Digest,
        /// Thumbprint of the installation key.
        installation: Thumbprint,
        /// Where the sign-in came from.
        provenance: Provenance,
    },
    /// Writes the host's own record: this device now belongs to `user`.
    RecordBinding {
        /// The person, as the server confirmed.
        user: UserName,
    },
    /// Removes the record and the sealed data of `user`.
    RemoveBinding {
        /// The person.
        user: UserName,
    },
    /// Signs [`crate::statement::Answer`].
    Answer(Box<AnswerRequest>),
    /// Signs [`crate::statement::Heartbeat`].
    Heartbeat {
        /// Thumbprint of the installation key.
        installation: Thumbprint,
        /// Version of the extension.
        extension: String,
        /// Learning states.
        learning: Vec<Learning>,
    },
    /// Encrypts for this device and `user`.
    Seal {
        /// The person.
        user: UserName,
        /// At most [`crate::limits::TEMPLATE`] bytes.
        #[serde(with = "crate::b64")]
        plain: Vec<u8>,
    },
    /// Decrypts what `seal` made for the same device and `user`.
    Unseal {
        /// The person.
        user: UserName,
        /// What `seal` returned.
        #[serde(with = "crate::b64")]
        sealed: Vec<u8>,
    },
    /// The machine's configuration file.
    Config {},
    /// The machine's state.
    Posture {},
}

/// Fields of an answer. `iss`, `aud`, `sub`, `iat` and the protection class come from the host itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerRequest {
    /// Origin of the page that asked, from the browser; the host compares it with its configuration.
    pub origin: Origin,
    /// The challenge.
    pub challenge: ChallengeId,
    /// Its nonce.
    pub nonce: Nonce,
    /// Its request digest.
    pub req: Digest,
    /// The person the page names: chooses among the host's own records, and nothing else.
    pub subject: UserName,
    /// Thumbprint of the installation key.
    pub installation: Thumbprint,
    /// Where the sign-in came from.
    pub provenance: Provenance,
    /// Whether somebody is there.
    pub presence: Presence,
    /// What the behaviour says.
    pub evidence: Evidence,
}

/// Host → worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// Protocol version.
    pub v: V,
    /// The request's; 0 when the request could not be read.
    pub id: u32,
    /// The result.
    pub body: ResponseBody,
}

/// What the host answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ResponseBody {
    /// To `hello`.
    Hello {
        /// Version of the host.
        host: String,
    },
    /// To `status`.
    Status {
        /// Name of the keystore in use, as `tacit-host status` shows it: `tpm`, `cng-platform`, `keychain`, `software`…
        keystore: String,
        /// How the device key is kept.
        protection_class: ProtectionClass,
        /// The device, once it has a key.
        device: Option<DeviceId>,
        /// The host's binding records.
        bindings: Vec<UserName>,
    },
    /// To `ensure_device_key`.
    DeviceKey {
        /// The device.
        device: DeviceId,
        /// Its public key.
        jwk: Jwk,
        /// How it is kept.
        protection_class: ProtectionClass,
    },
    /// To `register`, `offer_binding`, `answer` and `heartbeat`: a compact JWS.
    Signed {
        /// The statement.
        statement: String,
    },
    /// To `seal`.
    Sealed {
        /// Opaque.
        #[serde(with = "crate::b64")]
        sealed: Vec<u8>,
    },
    /// To `unseal`.
    Unsealed {
        /// What was sealed.
        #[serde(with = "crate::b64")]
        plain: Vec<u8>,
    },
    /// To `config`: `None` if there is no machine file.
    Config {
        /// The machine's configuration.
        configuration: Option<Configuration>,
    },
    /// To `posture`.
    Posture {
        /// The machine's state.
        posture: Posture,
    },
    /// To `record_binding` and `remove_binding`.
    Done {},
    /// To a request that the host does not carry out.
    Refused {
        /// Which kind.
        fault: Fault,
        /// One sentence that names the failing step and its repair; no secrets.
        message: String,
    },
}

/// Kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Not a message of this protocol.
    Malformed,
    /// Extension and host speak different versions.
    Version,
    /// `hello` did not come first.
    NotGreeted,
    /// The calling extension is not allowed by the machine configuration.
    CallerForbidden,
    /// The machine configuration is missing or malformed.
    NotConfigured,
    /// The origin that asked is not the configured server.
    WrongOrigin,
    /// No binding record.
    NotBound,
    /// There is no device key yet.
    NoKey,
    /// The platform's key store failed.
    Keystore,
    /// Sealed data that this device and person did not seal, or that was changed.
    NotUnsealed,
    /// A file could not be read or written.
    Storage,
}
