//! What the file wants, object by object, in the words of Okta's management API.
//!
//! A body may name an object whose id is not known yet: a [`reference`], which [`resolve`] replaces.

use super::{
    file::{
        Access, Bindings, Idp, Matching, OidcSide, Protocol, SamlSide, SubjectName, Usage, Wanted,
    },
    ours::Ours,
    secret::SecretSource,
};
use serde_json::{Value, json};
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

/// Everything that the file wants, in the order in which it is made.
pub fn objects(wanted: &Wanted, ours: &Ours) -> Vec<Object> {
    let mut all = Vec::new();
    let group_ids = |names: &[String]| -> Vec<Value> {
        names
            .iter()
            .map(|name| reference(&Key::new(Kind::Group, name)))
            .collect()
    };
    for idp in &wanted.idps {
        all.push(Object::new(
            Kind::Connection,
            idp.connection.as_str(),
            connection(wanted, idp),
        ));
    }
    for group in &wanted.groups {
        let mut body = json!({ "profile": { "name": group.name } });
        if let Some(description) = &group.description {
            body["profile"]["description"] = description.as_str().into();
        }
        all.push(Object {
            existing: group.existing,
            ..Object::new(Kind::Group, &group.name, body)
        });
    }
    for attribute in &wanted.attributes {
        let mut body = json!({
            "title": attribute.title,
            "type": attribute.value_type.code(),
            "permissions": [{ "principal": "SELF", "action": "READ_ONLY" }],
        });
        if let Some(description) = &attribute.description {
            body["description"] = description.as_str().into();
        }
        all.push(Object::new(Kind::Attribute, &attribute.name, body));
    }
    for origin in &wanted.origins {
        let scopes = [("CORS", origin.cors), ("REDIRECT", origin.redirect)];
        let scopes: Vec<Value> = scopes
            .iter()
            .filter(|s| s.1)
            .map(|s| json!({ "type": s.0 }))
            .collect();
        let address = origin.origin.as_deref().unwrap_or(&ours.origin);
        let body = json!({ "name": origin.name, "origin": address, "scopes": scopes });
        all.push(Object::new(Kind::Origin, &origin.name, body));
    }
    for idp in &wanted.idps {
        let body = match &idp.protocol {
            Protocol::Saml(side) => {
                let certificates = certificates(idp, ours);
                let keys: Vec<Value> = certificates.iter().map(|c| reference(&c.key)).collect();
                all.extend(certificates);
                saml_idp(idp, side, &keys, ours)
            }
            Protocol::Oidc(side) => oidc_idp(idp, side, ours),
        };
        all.push(Object::new(Kind::Idp, &idp.name, body));
    }
    for idp in &wanted.idps {
        if let Protocol::Saml(_) = idp.protocol {
            all.push(Object {
                parent: Some(Key::new(Kind::Idp, &idp.name)),
                ..Object::new(Kind::Metadata, idp.connection.as_str(), json!({}))
            });
        }
    }
    for authenticator in &wanted.authenticators {
        let idp = reference(&Key::new(Kind::Idp, &authenticator.idp));
        let body = json!({
            "key": "external_idp",
            "name": authenticator.name,
            "provider": { "type": "CLAIMS", "configuration": { "idpId": idp } },
        });
        all.push(Object::new(Kind::Authenticator, &authenticator.name, body));
    }
    for policy in &wanted.policies {
        let mut body = json!({
            "type": "OKTA_SIGN_ON",
            "name": policy.name,
            "conditions": { "people": { "groups": { "include": group_ids(&policy.groups) } } },
        });
        if let Some(description) = &policy.description {
            body["description"] = description.as_str().into();
        }
        if let Some(priority) = policy.priority {
            body["priority"] = priority.into();
        }
        all.push(Object::new(Kind::Policy, &policy.name, body));
        let mut signon = json!({
            "access": "ALLOW",
            "requireFactor": policy.requires_factor,
            "session": {
                "maxSessionIdleMinutes": policy.session_idle,
                "maxSessionLifetimeMinutes": policy.session_lifetime,
                "usePersistentCookie": false,
            },
        });
        if policy.requires_factor {
            signon["factorPromptMode"] = policy.prompt.code().into();
        }
        let body = json!({
            "type": "SIGN_ON",
            "name": policy.name,
            "conditions": { "network": { "connection": "ANYWHERE" }, "authContext": { "authType": "ANY" } },
            "actions": { "signon": signon },
        });
        all.push(Object {
            parent: Some(Key::new(Kind::Policy, &policy.name)),
            ..Object::new(Kind::PolicyRule, &policy.name, body)
        });
    }
    for app in &wanted.apps {
        let mut settings = json!({
            "redirect_uris": app.redirect_uris,
            "response_types": ["code"],
            "grant_types": ["authorization_code"],
            "application_type": "web",
        });
        if !app.post_logout_redirect_uris.is_empty() {
            settings["post_logout_redirect_uris"] = json!(app.post_logout_redirect_uris);
        }
        if let Some(uri) = &app.initiate_login_uri {
            settings["initiate_login_uri"] = uri.as_str().into();
        }
        let body = json!({
            "name": "oidc_client",
            "label": app.name,
            "signOnMode": "OPENID_CONNECT",
            "credentials": { "oauthClient": { "token_endpoint_auth_method": "client_secret_basic", "pkce_required": true } },
            "settings": { "oauthClient": settings },
        });
        all.push(Object::new(Kind::App, &app.name, body));
        for group in &app.groups {
            let id = reference(&Key::new(Kind::Group, group));
            all.push(Object {
                parent: Some(Key::new(Kind::App, &app.name)),
                known_as: group.clone(),
                ..Object::new(
                    Kind::Assignment,
                    &format!("{} / {group}", app.name),
                    json!({ "id": id }),
                )
            });
        }
    }
    let own = wanted
        .run_time
        .as_ref()
        .map(|run_time| run_time.connection.as_str())
        .unwrap_or_default();
    if let Some(run_time) = &wanted.run_time {
        let group = |name: &Option<String>| match name {
            Some(name) => reference(&Key::new(Kind::Group, name)),
            None => Value::Null,
        };
        let body = json!({
            "org": wanted.org.url,
            "group": group(&run_time.keeps_group),
            "attribute": run_time.keeps_attribute,
            "watched_group": group(&run_time.watches_group),
            "on_takeover": run_time.on_takeover,
        });
        let source = match (&run_time.token, &wanted.org.access) {
            (Some(token), _) | (None, Access::Token(token)) => token,
            (None, Access::ServiceApp { key, .. }) => key,
        };
        all.push(Object {
            secret: Some(("/credential", Secret::Named(source.clone()))),
            ..Object::new(Kind::Link, own, body)
        });
    }
    for hook in &wanted.hooks {
        let (url, secret) = match &hook.receiver {
            Some((url, source)) => (url.clone(), Secret::Named(source.clone())),
            None => (ours.event_hook_url(own), Secret::OfReceiver(own.to_owned())),
        };
        let body = json!({
            "name": hook.name,
            "events": { "type": "EVENT_TYPE", "items": hook.events },
            "channel": {
                "type": "HTTP",
                "version": "1.0.0",
                "config": { "uri": url, "authScheme": { "type": "HEADER", "key": "Authorization" } },
            },
        });
        all.push(Object {
            secret: Some(("/channel/config/authScheme/value", secret)),
            ..Object::new(Kind::Hook, &hook.name, body)
        });
    }
    for signals in &wanted.signals {
        let url = signals
            .well_known_url
            .clone()
            .unwrap_or_else(|| ours.ssf_configuration_url(own));
        let body =
            json!({ "name": signals.name, "type": "okta", "settings": { "well_known_url": url } });
        all.push(Object::new(Kind::Signals, &signals.name, body));
    }
    for route in &wanted.routes {
        let patterns: Vec<Value> = route
            .patterns
            .iter()
            .map(|p| json!({ "matchType": p.op.code(), "value": p.value }))
            .collect();
        let mut identifier = json!({ "type": "IDENTIFIER", "patterns": patterns });
        if let Some(attribute) = &route.attribute {
            identifier["type"] = "ATTRIBUTE".into();
            identifier["attribute"] = attribute.as_str().into();
        }
        let kind = match wanted.idp(&route.idp).map(|idp| &idp.protocol) {
            Some(Protocol::Oidc(_)) => "OIDC",
            _ => "SAML2",
        };
        let idp = reference(&Key::new(Kind::Idp, &route.idp));
        let body = json!({
            "type": "IDP_DISCOVERY",
            "name": route.name,
            "priority": route.priority,
            "conditions": { "network": { "connection": "ANYWHERE" }, "userIdentifier": identifier },
            "actions": { "idp": { "providers": [{ "type": kind, "id": idp }], "idpSelectionType": "SPECIFIC" } },
        });
        all.push(Object::new(Kind::Route, &route.name, body));
    }
    // Stable: within a kind the file's own order stays.
    all.sort_by_key(|object| object.key.kind);
    all
}

/// Our own side as the identity provider needs it.
fn connection(wanted: &Wanted, idp: &Idp) -> Value {
    let mut body = json!({
        "protocol": "saml",
        "role": match idp.usage { Usage::Factor => "factor", Usage::Sso => "sso" },
        "okta_offers_choice": idp.okta_offers_choice,
    });
    if let Protocol::Oidc(side) = &idp.protocol {
        body["protocol"] = "oidc".into();
        body["redirect_uris"] = json!([callback(wanted)]);
        body["request_object"] = json!(side.request_signature);
        body["require_pkce"] = side.pkce.into();
        body["subject"] = match side.subject {
            SubjectName::Id => "id".into(),
            SubjectName::Login => "login".into(),
        };
        body["groups"] = json!(side.groups);
    }
    body
}

/// The certificates of a connection: the one that signs, then the announced one. One to come if it is not made yet.
fn certificates(idp: &Idp, ours: &Ours) -> Vec<Object> {
    let name = idp.connection.as_str();
    let known = ours.certificates(name);
    if known.is_empty() {
        let x5c = reference(&Key::new(Kind::Connection, name));
        let key = format!("{name}/to come");
        return vec![Object::new(
            Kind::Certificate,
            &key,
            json!({ "x5c": [x5c] }),
        )];
    }
    known
        .iter()
        .map(|certificate| Object {
            known_as: certificate.thumbprint.clone(),
            ..Object::new(
                Kind::Certificate,
                &format!("{name}/{}", certificate.thumbprint),
                json!({ "x5c": [certificate.base64] }),
            )
        })
        .collect()
}

fn saml_idp(idp: &Idp, side: &SamlSide, keys: &[Value], ours: &Ours) -> Value {
    let name = idp.connection.as_str();
    let sso_url = ours.sso_url(name);
    let binding = match side.binding {
        Bindings::Post => "HTTP-POST",
        Bindings::Redirect => "HTTP-REDIRECT",
    };
    let mut settings = json!({ "nameFormat": side.name_format });
    if side.sends_application_context {
        settings["sendApplicationContext"] = true.into();
    }
    let (kid, additional) = keys
        .split_first()
        .map_or((Value::Null, &[][..]), |(k, a)| (k.clone(), a));
    json!({
        "type": "SAML2",
        "name": idp.name,
        "protocol": {
            "type": "SAML2",
            "endpoints": {
                "sso": { "url": sso_url, "binding": binding, "destination": sso_url },
                "acs": { "binding": "HTTP-POST", "type": "INSTANCE" },
            },
            "algorithms": {
                "request": { "signature": { "algorithm": "SHA-256", "scope": "REQUEST" } },
                "response": { "signature": { "algorithm": "SHA-256", "scope": side.signature_scope } },
            },
            "settings": settings,
            "credentials": { "trust": { "issuer": ours.saml_issuer(name), "kid": kid, "additionalKids": additional } },
        },
        "policy": idp_policy(idp),
    })
}

fn oidc_idp(idp: &Idp, side: &OidcSide, ours: &Ours) -> Value {
    let name = idp.connection.as_str();
    let at = |path: &str| ours.oidc_url(name, path);
    let client_id = match ours.client_id(name) {
        Some(id) => Value::from(id),
        None => reference(&Key::new(Kind::Connection, name)),
    };
    let signature = match side.request_signature {
        Some(algorithm) => json!({ "algorithm": algorithm, "scope": "REQUEST" }),
        // Okta wants an algorithm even where nothing is signed.
        None => json!({ "algorithm": "HS256", "scope": "NONE" }),
    };
    let mut endpoints = json!({
        "authorization": { "url": at("authorize"), "binding": "HTTP-REDIRECT" },
        "token": { "url": at("token"), "binding": "HTTP-POST" },
        "jwks": { "url": at("jwks"), "binding": "HTTP-REDIRECT" },
    });
    if side.userinfo {
        endpoints["userInfo"] = json!({ "url": at("userinfo"), "binding": "HTTP-REDIRECT" });
    }
    json!({
        "type": "OIDC",
        "name": idp.name,
        "protocol": {
            "type": "OIDC",
            "endpoints": endpoints,
            "algorithms": { "request": { "signature": signature } },
            "scopes": side.scopes,
            "issuer": { "url": ours.oidc_issuer(name) },
            "credentials": { "client": { "client_id": client_id, "pkce_required": side.pkce } },
        },
        "policy": idp_policy(idp),
    })
}

fn idp_policy(idp: &Idp) -> Value {
    let (kind, attribute) = match &idp.matching {
        Matching::Username => ("USERNAME", None),
        Matching::Email => ("EMAIL", None),
        Matching::UsernameOrEmail => ("USERNAME_OR_EMAIL", None),
        Matching::Attribute(name) => ("CUSTOM_ATTRIBUTE", Some(name.as_str())),
    };
    let mut subject =
        json!({ "userNameTemplate": { "template": idp.username }, "matchType": kind });
    if let Some(attribute) = attribute {
        subject["matchAttribute"] = attribute.into();
    }
    json!({
        "provisioning": {
            "action": match idp.creates_users { true => "AUTO", false => "DISABLED" },
            "profileMaster": false,
            "groups": { "action": "NONE" },
        },
        "accountLink": { "action": "AUTO" },
        "subject": subject,
        "maxClockSkew": idp.max_clock_skew,
        "trustClaims": idp.trusts_claims,
    })
}
