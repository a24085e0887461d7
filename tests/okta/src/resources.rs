//! What the org holds: users, groups, identity providers, policies and the rest, as the management API shows them.
//!
//! No I/O; the time is an argument. Rows whose members Okta only stores and shows are JSON as it was checked and completed;
//! rows that the sign-in reads have types. Everything is bounded: a full table refuses.

pub mod apps;
pub mod authenticators;
pub mod fault;
pub mod groups;
pub mod hooks;
pub mod idps;
pub mod keys;
pub mod origins;
pub mod policies;
pub mod rules;
pub mod schema;
pub mod security_events;
mod seeds;
pub mod table;
pub mod users;

use serde_json::{Map, Value, json};

use crate::clock::{Millis, format_iso};
use crate::config::{Config, Pipeline};
use crate::ids;
use crate::keys::ServiceProvider;

pub use fault::Fault;
pub use table::Table;

/// All rows of the org.
#[derive(Debug)]
pub struct Resources {
    /// `https://acme.okta-standin.test`
    pub origin: String,
    pub pipeline: Pipeline,
    /// The administrator whose token the API token is.
    pub admin: String,
    pub users: Table<users::UserRow>,
    pub groups: Table<groups::GroupRow>,
    /// Custom attributes of the user's schema.
    pub attributes: Map<String, Value>,
    pub idps: Table<idps::IdpRow>,
    pub idp_keys: Table<Value>,
    pub policies: Table<policies::PolicyRow>,
    pub trusted_origins: Table<Value>,
    pub authenticators: Table<Value>,
    pub event_hooks: Table<hooks::HookRow>,
    pub security_events_providers: Table<Value>,
    pub apps: Table<apps::AppRow>,
    /// Identifier of the key that the org signs its requests with.
    pub signing_kid: String,
}

impl Resources {
    /// The org of a configuration: its users, groups and identity provider are the first rows.
    pub fn new(
        config: &Config,
        sp: &ServiceProvider,
        certificates: &[Vec<u8>],
        now: Millis,
    ) -> Result<Resources, Fault> {
        let mut resources = Resources {
            origin: config.org_origin.clone(),
            pipeline: config.pipeline,
            admin: ids::derive_id("00u", "admin"),
            users: Table::new("User", 20_000),
            groups: Table::new("UserGroup", 5_000),
            attributes: Map::new(),
            idps: Table::new("IdpAppInstance", 100),
            idp_keys: Table::new("IdpKey", 200),
            policies: Table::new("Policy", 500),
            trusted_origins: Table::new("TrustedOrigin", 100),
            authenticators: Table::new("Authenticator", 50),
            event_hooks: Table::new("EventHook", 25),
            security_events_providers: Table::new("SecurityEventsProvider", 20),
            apps: Table::new("AppInstance", 200),
            signing_kid: ids::derive_id("", &sp.certificate_base64()),
        };
        seeds::fill(&mut resources, config, sp, certificates, now)?;
        Ok(resources)
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// `{"href":…,"hints":{"allow":[…]}}`
    pub fn link(&self, path: &str, allow: &[&str]) -> Value {
        json!({ "href": self.url(path), "hints": { "allow": allow } })
    }
}

/// A date or null.
pub fn date(at: Option<Millis>) -> Value {
    at.map_or(Value::Null, |at| format_iso(at).into())
}

/// A required member that is a string of 1 to `most` characters.
pub fn text<'v>(body: &'v Value, member: &'static str, most: usize) -> Result<&'v str, Fault> {
    match body.pointer(&format!("/{}", member.replace('.', "/"))) {
        None | Some(Value::Null) => Err(Fault::blank(member)),
        Some(Value::String(text)) if text.trim().is_empty() => Err(Fault::blank(member)),
        Some(Value::String(text)) if text.chars().count() > most => Err(Fault::invalid(
            member,
            format!("{member}: The field is too long (at most {most} characters)"),
        )),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Fault::Malformed),
    }
}

/// An `https://` URL in a required member.
pub fn https_url<'v>(body: &'v Value, member: &'static str) -> Result<&'v str, Fault> {
    let url = text(body, member, 1024)?;
    match is_url(url, "https://") {
        true => Ok(url),
        false => Err(Fault::invalid(
            member,
            format!("{member}: The field must be a valid URL"),
        )),
    }
}

/// Scheme, a host, and nothing that a header or a page would trip over.
pub fn is_url(url: &str, scheme: &str) -> bool {
    let Some(rest) = url.strip_prefix(scheme) else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let name = host.split(':').next().unwrap_or_default();
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        && url.bytes().all(|b| b.is_ascii_graphic())
}

/// `status` of a body that may carry one.
pub fn initial_status(body: &Value) -> Result<&'static str, Fault> {
    match body.get("status").and_then(Value::as_str) {
        None | Some("ACTIVE") => Ok("ACTIVE"),
        Some("INACTIVE") => Ok("INACTIVE"),
        Some(_) => Err(Fault::invalid(
            "status",
            "status: must be ACTIVE or INACTIVE",
        )),
    }
}

/// `value` at `path` unless something is there already.
pub fn default_at(body: &mut Value, path: &[&str], value: Value) {
    let mut at = body;
    for member in path {
        if !at.is_object() {
            *at = json!({});
        }
        // Invariant: the line above has made it an object.
        at = &mut at[*member];
    }
    if at.is_null() {
        *at = value;
    }
}
