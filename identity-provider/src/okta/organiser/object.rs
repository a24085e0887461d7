//! What the file wants, object by object, in the words of Okta's management API.
//!
//! A body may name an object whose id is not known yet: a [`reference`], which [`resolve`] replaces.

mod bodies;

pub use bodies::objects;

use super::{file::Wanted, secret::SecretSource};
use serde_json::Value;
use std::fmt;

/// What an object is. The order is the order in which they are made: each needs only what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Ours: the connection behind an identity provider.
    Connection,
    /// A group.
    Group,
    /// A custom attribute of users.
    Attribute,
    /// A trusted origin.
    Origin,
    /// A certificate of ours.
    Certificate,
    /// An identity provider.
    Idp,
    /// Ours: the org's SP metadata in the connection.
    Metadata,
    /// Ours: what the server does at the org while people sign in.
    Link,
    /// An authenticator of Identity Engine.
    Authenticator,
    /// A sign-on policy.
    Policy,
    /// Its rule.
    PolicyRule,
    /// An application.
    App,
    /// A group that may use an application.
    Assignment,
    /// An event hook.
    Hook,
    /// A transmitter of security events.
    Signals,
    /// A routing rule. Last of all: it is what can lock people out.
    Route,
}

impl Kind {
    /// All, in their order.
    pub const ALL: [Self; 16] = [
        Self::Connection,
        Self::Group,
        Self::Attribute,
        Self::Origin,
        Self::Certificate,
        Self::Idp,
        Self::Metadata,
        Self::Link,
        Self::Authenticator,
        Self::Policy,
        Self::PolicyRule,
        Self::App,
        Self::Assignment,
        Self::Hook,
        Self::Signals,
        Self::Route,
    ];

    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Group => "group",
            Self::Attribute => "attribute",
            Self::Origin => "trusted_origin",
            Self::Certificate => "certificate",
            Self::Idp => "identity_provider",
            Self::Metadata => "metadata",
            Self::Link => "run_time",
            Self::Authenticator => "authenticator",
            Self::Policy => "sign_on_policy",
            Self::PolicyRule => "sign_on_rule",
            Self::App => "application",
            Self::Assignment => "assignment",
            Self::Hook => "event_hook",
            Self::Signals => "security_events",
            Self::Route => "routing_rule",
        }
    }

    /// The kind of this name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Whether it is in our database and not in the org.
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Connection | Self::Metadata | Self::Link)
    }

    /// Whether the org can switch it off and on.
    pub const fn has_status(self) -> bool {
        matches!(
            self,
            Self::Origin
                | Self::Idp
                | Self::Authenticator
                | Self::Policy
                | Self::PolicyRule
                | Self::App
                | Self::Hook
                | Self::Signals
                | Self::Route
        )
    }
}

/// Which object; a name is unique within its kind and file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What it is.
    pub kind: Kind,
    /// Its name in the file.
    pub name: String,
}

impl Key {
    /// Of a kind and a name.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.code(), self.name)
    }
}

/// One object as it shall be.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Which.
    pub key: Key,
    /// By what the org's own list tells it from others.
    pub known_as: String,
    /// What is sent, and what has to be found again.
    pub body: Value,
    /// A secret that is sent and never found again, and where in `body` it goes.
    pub secret: Option<(&'static str, Secret)>,
    /// The object it is part of.
    pub parent: Option<Key>,
    /// Only looked up, never made.
    pub existing: bool,
}

/// A secret that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// What the file names.
    Named(SecretSource),
    /// What the org shows at this server's receiver of the connection: made anew whenever it is sent, and known to nobody.
    OfReceiver(String),
}

impl Secret {
    /// Where it is, for people.
    pub fn shown(&self) -> String {
        match self {
            Self::Named(source) => source.shown(),
            Self::OfReceiver(_) => "this server".into(),
        }
    }
}

impl Object {
    fn new(kind: Kind, name: &str, body: Value) -> Self {
        Self {
            key: Key::new(kind, name),
            known_as: name.to_owned(),
            body,
            secret: None,
            parent: None,
            existing: false,
        }
    }
}

/// Begins a reference; files hold no control characters.
const MARK: char = '\u{1}';

/// Stands for the id of an object.
pub fn reference(key: &Key) -> Value {
    Value::String(format!("{MARK}{}{MARK}{}", key.kind.code(), key.name))
}

/// The object that a text stands for.
pub fn referred(text: &str) -> Option<Key> {
    let (kind, name) = text.strip_prefix(MARK)?.split_once(MARK)?;
    Some(Key::new(Kind::from_code(kind)?, name))
}

/// `body` with ids for references; what `id` does not know stays a reference.
pub fn resolve(body: &Value, id: &dyn Fn(&Key) -> Option<String>) -> Value {
    match body {
        Value::String(text) => match referred(text).and_then(|key| id(&key)) {
            Some(id) => Value::String(id),
            None => body.clone(),
        },
        Value::Array(items) => items.iter().map(|item| resolve(item, id)).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), resolve(value, id)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// The first reference in a body.
pub fn unresolved(body: &Value) -> Option<Key> {
    match body {
        Value::String(text) => referred(text),
        Value::Array(items) => items.iter().find_map(unresolved),
        Value::Object(members) => members.values().find_map(unresolved),
        _ => None,
    }
}

/// Where the org sends people back to after a sign-in by OpenID Connect.
pub fn callback(wanted: &Wanted) -> String {
    format!("{}/oauth2/v1/authorize/callback", wanted.org.url)
}
