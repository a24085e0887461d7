//! The org: where each kind of object is, how it is read, and how one is made, changed and taken away.

mod write;

use super::{
    Error, Organiser, Result, call,
    guard::Administrator,
    millis,
    object::{Key, Kind, Object},
    ours::thumbprint,
    snapshot::{Found, Snapshot},
};
use crate::{
    domain::oidc::is_secret,
    okta::client::{self, Kind as Refused, Organization, Path, Pipeline},
    store::okta_object::OktaObjectRow,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Below `/api/v1`.
fn path(segments: &[&str]) -> Result<Path> {
    let path = Path::new(&["api", "v1"]).and_then(|api| api.then(segments));
    path.map_err(call("naming a resource"))
}

fn text<'v>(body: &'v Value, pointer: &str) -> &'v str {
    body.pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

impl Organiser {
    /// Reads what the objects and the record are about, and no more.
    pub(super) async fn read(
        &self,
        organization: &Organization,
        objects: &[Object],
        rows: &[OktaObjectRow],
    ) -> Result<Snapshot> {
        let recorded = rows.iter().filter_map(|row| Kind::from_code(&row.kind));
        let mut kinds: BTreeSet<Kind> =
            objects.iter().map(|o| o.key.kind).chain(recorded).collect();
        // Whether an identity provider is a factor or a sign-in of its own, its authenticator and the rules tell.
        if kinds.contains(&Kind::Idp) {
            kinds.insert(Kind::Authenticator);
            kinds.insert(Kind::Route);
        }
        let mut snapshot = Snapshot {
            org_id: organization.id.clone(),
            pipeline: organization.pipeline,
            found: BTreeMap::new(),
            discovery_policy: None,
            administrators: Vec::new(),
        };
        for kind in kinds {
            let found = match kind {
                Kind::Connection | Kind::Metadata | Kind::Link => continue,
                Kind::Authenticator if organization.pipeline == Pipeline::Classic => continue,
                Kind::Group => self.groups(objects, rows).await?,
                Kind::Attribute => self.attributes().await?,
                Kind::PolicyRule => self.rules_of(&snapshot, objects, rows).await?,
                Kind::Assignment => self.assignments(&snapshot).await?,
                Kind::App => self.apps(objects, rows).await?,
                Kind::Route => {
                    let policies = self
                        .list(
                            Kind::Route,
                            &path(&["policies"])?.with("type", "IDP_DISCOVERY"),
                        )
                        .await?;
                    let Some(policy) = policies.into_iter().next() else {
                        continue;
                    };
                    let rules = path(&["policies", &policy.id, "rules"])?;
                    let mut found = self.list(Kind::Route, &rules).await?;
                    found.retain(|rule| rule.body.get("system") != Some(&true.into()));
                    snapshot.discovery_policy = Some(policy.id);
                    found
                }
                Kind::Idp => {
                    let mut all = self.list(Kind::Idp, &path(&["idps"])?).await?;
                    for found in &mut all {
                        self.take_secret_out(found).await?;
                    }
                    all
                }
                Kind::Policy => {
                    self.list(kind, &path(&["policies"])?.with("type", "OKTA_SIGN_ON"))
                        .await?
                }
                other => self.list(other, &path(collection(other))?).await?,
            };
            snapshot.found.insert(kind, found);
        }
        snapshot.administrators = self.administrators().await?;
        Ok(snapshot)
    }

    async fn list(&self, kind: Kind, path: &Path) -> Result<Vec<Found>> {
        let all: Vec<Value> = self
            .client
            .list(path)
            .await
            .map_err(call(format!("reading {}", kind.code())))?;
        Ok(all
            .into_iter()
            .map(|body| found(kind, body, None))
            .collect())
    }

    async fn groups(&self, objects: &[Object], rows: &[OktaObjectRow]) -> Result<Vec<Found>> {
        let mut all: BTreeMap<String, Found> = BTreeMap::new();
        let doing = "reading groups";
        for object in objects.iter().filter(|o| o.key.kind == Kind::Group) {
            let query = path(&["groups"])?.with("q", &object.key.name);
            let some: Vec<Value> = self.client.list(&query).await.map_err(call(doing))?;
            for body in some {
                let found = found(Kind::Group, body, None);
                all.insert(found.id.clone(), found);
            }
        }
        for id in ids(rows, Kind::Group) {
            if !all.contains_key(id) {
                let body: Option<Value> = self
                    .client
                    .find(&path(&["groups", id])?)
                    .await
                    .map_err(call(doing))?;
                all.extend(body.map(|body| (id.to_owned(), found(Kind::Group, body, None))));
            }
        }
        Ok(all.into_values().collect())
    }

    async fn apps(&self, objects: &[Object], rows: &[OktaObjectRow]) -> Result<Vec<Found>> {
        let mut all: BTreeMap<String, Found> = BTreeMap::new();
        let doing = "reading applications";
        for object in objects.iter().filter(|o| o.key.kind == Kind::App) {
            let query = path(&["apps"])?
                .with("q", &object.key.name)
                .with("limit", "200");
            let some: Vec<Value> = self.client.list(&query).await.map_err(call(doing))?;
            for body in some {
                let found = found(Kind::App, without_secrets(body), None);
                all.insert(found.id.clone(), found);
            }
        }
        for id in ids(rows, Kind::App) {
            if !all.contains_key(id) {
                let body: Option<Value> = self
                    .client
                    .find(&path(&["apps", id])?)
                    .await
                    .map_err(call(doing))?;
                all.extend(
                    body.map(|body| (id.to_owned(), found(Kind::App, without_secrets(body), None))),
                );
            }
        }
        Ok(all.into_values().collect())
    }

    async fn assignments(&self, snapshot: &Snapshot) -> Result<Vec<Found>> {
        let mut all = Vec::new();
        for app in snapshot.all(Kind::App) {
            let doing = "reading an application's groups";
            let some: Vec<Value> = self
                .client
                .list(&path(&["apps", &app.id, "groups"])?)
                .await
                .map_err(call(doing))?;
            for body in some {
                let id = text(&body, "/id").to_owned();
                // Its own list knows it by the group's id alone.
                let named = snapshot
                    .all(Kind::Group)
                    .iter()
                    .find(|group| group.id == id);
                let name = named.map_or_else(|| id.clone(), |group| group.name.clone());
                all.push(Found {
                    id,
                    name,
                    parent: Some(app.id.clone()),
                    ..found(Kind::Assignment, body, None)
                });
            }
        }
        Ok(all)
    }

    async fn attributes(&self) -> Result<Vec<Found>> {
        let schema = self
            .client
            .user_schema()
            .await
            .map_err(call("reading the users' schema"))?;
        let custom = schema
            .definitions
            .get("custom")
            .and_then(|c| c.get("properties"))
            .and_then(Value::as_object);
        let all = custom
            .into_iter()
            .flatten()
            .filter(|(_, body)| !body.is_null());
        Ok(all
            .map(|(name, body)| Found {
                id: name.clone(),
                name: name.clone(),
                ..found(Kind::Attribute, body.clone(), None)
            })
            .collect())
    }

    async fn rules_of(
        &self,
        snapshot: &Snapshot,
        objects: &[Object],
        rows: &[OktaObjectRow],
    ) -> Result<Vec<Found>> {
        let wanted: BTreeSet<&str> = objects
            .iter()
            .filter(|o| o.key.kind == Kind::Policy)
            .map(|o| o.key.name.as_str())
            .collect();
        let recorded: BTreeSet<&str> = ids(rows, Kind::Policy).collect();
        let mut all = Vec::new();
        for policy in snapshot.all(Kind::Policy) {
            if wanted.contains(policy.name.as_str()) || recorded.contains(policy.id.as_str()) {
                let rules: Vec<Value> = self
                    .client
                    .list(&path(&["policies", &policy.id, "rules"])?)
                    .await
                    .map_err(call("reading a policy's rules"))?;
                all.extend(
                    rules
                        .into_iter()
                        .map(|body| found(Kind::PolicyRule, body, Some(policy.id.clone()))),
                );
            }
        }
        Ok(all)
    }

    /// Client secrets leave the snapshot; what stays is whether it is one of ours.
    async fn take_secret_out(&self, found: &mut Found) -> Result<()> {
        let secret = found.body.pointer_mut("/protocol/credentials/client");
        let secret = secret
            .and_then(Value::as_object_mut)
            .and_then(|client| client.remove("client_secret"));
        let (Some(Value::String(secret)), Some(connection)) =
            (secret, self.connection_of(&found.name))
        else {
            return Ok(());
        };
        // An org that shows stars says nothing.
        if !secret.is_empty() && !secret.bytes().all(|b| b == b'*') {
            found.has_strange_secret = !is_secret(&self.app, connection, &secret).await?;
        }
        Ok(())
    }

    async fn administrators(&self) -> Result<Vec<Administrator>> {
        let mut all = Vec::new();
        for login in &self.wanted.org.administrators {
            let user: Option<Value> = self
                .client
                .find(&path(&["users", login])?)
                .await
                .map_err(call("reading an administrator"))?;
            let roles = match &user {
                Some(user) => self.roles_of(text(user, "/id")).await?,
                None => None,
            };
            all.push(Administrator {
                login: login.clone(),
                user,
                roles,
            });
        }
        Ok(all)
    }

    /// `None` if this token may not read them.
    async fn roles_of(&self, user: &str) -> Result<Option<Vec<String>>> {
        let roles: std::result::Result<Vec<Value>, _> =
            self.client.list(&path(&["users", user, "roles"])?).await;
        match roles {
            Ok(roles) => Ok(Some(
                roles
                    .iter()
                    .filter(|role| text(role, "/status") != "INACTIVE")
                    .map(|role| text(role, "/type").to_owned())
                    .collect(),
            )),
            Err(error) if matches!(error.kind(), Some(Refused::Forbidden | Refused::NotFound)) => {
                Ok(None)
            }
            Err(error) => Err(call("reading an administrator's roles")(error)),
        }
    }

    /// Where one object is.
    pub(super) fn at(
        &self,
        kind: Kind,
        id: &str,
        parent: Option<&str>,
        snapshot: &Snapshot,
    ) -> Result<Path> {
        let mut segments = owners(kind, parent, snapshot);
        segments.push(id);
        path(&segments)
    }

    /// Whether the org's copy of the object is found by its name: after a call of which nobody knows how it ended.
    pub(super) async fn look_again(
        &self,
        object: &Object,
        parent: Option<&str>,
        snapshot: &Snapshot,
    ) -> Result<Option<Found>> {
        let kind = object.key.kind;
        let all = match kind {
            Kind::Group => self.groups(std::slice::from_ref(object), &[]).await?,
            Kind::App => self.apps(std::slice::from_ref(object), &[]).await?,
            Kind::Attribute => self.attributes().await?,
            Kind::Policy => {
                self.list(kind, &path(&["policies"])?.with("type", "OKTA_SIGN_ON"))
                    .await?
            }
            Kind::Assignment => self.assignments(snapshot).await?,
            _ => {
                self.list(kind, &path(&owners(kind, parent, snapshot))?)
                    .await?
            }
        };
        let mut found = all.into_iter().find(|found| found.name == object.known_as);
        if let Some(found) = &mut found {
            found.parent = parent.map(str::to_owned);
            self.take_secret_out(found).await?;
        }
        Ok(found)
    }

    /// What the org made, as the snapshot keeps it.
    pub(super) async fn keep(
        &self,
        object: &Object,
        parent: Option<&str>,
        body: Value,
        snapshot: &mut Snapshot,
    ) -> Result<Found> {
        let kind = object.key.kind;
        let mut made = found(
            kind,
            without_secrets_of_apps(kind, body),
            parent.map(str::to_owned),
        );
        if matches!(kind, Kind::Attribute | Kind::Assignment) {
            made.name.clone_from(&object.known_as);
        }
        if kind == Kind::Attribute {
            made.id.clone_from(&object.key.name);
        }
        self.take_secret_out(&mut made).await?;
        if made.id.is_empty() {
            return Err(Error::Nameless(object.key.clone()));
        }
        let all = snapshot.found.entry(kind).or_default();
        all.retain(|other| other.id != made.id || other.parent != made.parent);
        all.push(made.clone());
        Ok(made)
    }
}

/// Where the objects of a kind are, below `/api/v1`.
const fn collection(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Group => &["groups"],
        Kind::Attribute => &["meta", "schemas", "user", "default"],
        Kind::Origin => &["trustedOrigins"],
        Kind::Certificate => &["idps", "credentials", "keys"],
        Kind::Idp => &["idps"],
        Kind::Authenticator => &["authenticators"],
        Kind::Policy | Kind::PolicyRule | Kind::Route => &["policies"],
        Kind::App | Kind::Assignment => &["apps"],
        Kind::Hook => &["eventHooks"],
        Kind::Signals => &["security-events-providers"],
        Kind::Connection | Kind::Metadata | Kind::Link => &[],
    }
}

/// The same for one parent.
fn owners<'a>(kind: Kind, parent: Option<&'a str>, snapshot: &'a Snapshot) -> Vec<&'a str> {
    let mut segments = collection(kind).to_vec();
    let owner = match kind {
        Kind::PolicyRule => parent,
        Kind::Route => snapshot.discovery_policy.as_deref(),
        _ => None,
    };
    if let Some(owner) = owner {
        segments.extend([owner, "rules"]);
    }
    segments
}

fn ids(rows: &[OktaObjectRow], kind: Kind) -> impl Iterator<Item = &str> {
    rows.iter()
        .filter(move |row| row.kind == kind.code() && !row.okta_id.is_empty())
        .map(|row| row.okta_id.as_str())
}

/// One object of the org's.
fn found(kind: Kind, body: Value, parent: Option<String>) -> Found {
    let (id, name) = match kind {
        Kind::Group => ("/id", "/profile/name"),
        Kind::Certificate => ("/kid", "/x5c/0"),
        Kind::App => ("/id", "/label"),
        _ => ("/id", "/name"),
    };
    let mut name = text(&body, name).to_owned();
    if kind == Kind::Certificate {
        name.retain(|c| !c.is_whitespace());
        name = STANDARD
            .decode(name.as_bytes())
            .map(|der| thumbprint(&der))
            .unwrap_or_default();
    }
    Found {
        id: text(&body, id).to_owned(),
        name,
        parent,
        created: millis(text(&body, "/created")),
        has_strange_secret: false,
        body,
    }
}

fn without_secrets(mut body: Value) -> Value {
    if let Some(client) = body
        .pointer_mut("/credentials/oauthClient")
        .and_then(Value::as_object_mut)
    {
        client.remove("client_secret");
    }
    body
}

fn without_secrets_of_apps(kind: Kind, body: Value) -> Value {
    match kind {
        Kind::App => without_secrets(body),
        _ => body,
    }
}

/// Whether the org may have obeyed although it did not say so.
pub(super) fn is_ambiguous(error: &Error) -> bool {
    match error {
        Error::Call { cause, .. } => {
            matches!(
                cause,
                client::Error::Timeout
                    | client::Error::Unreachable(_)
                    | client::Error::Malformed(_)
                    | client::Error::TooLarge(_)
            ) || cause.kind() == Some(Refused::Internal)
        }
        _ => false,
    }
}

/// Whether the org says that something of this name exists.
pub(super) fn may_exist(error: &Error) -> bool {
    match error {
        Error::Call { cause, .. } => {
            matches!(cause.kind(), Some(Refused::Invalid | Refused::Conflict))
        }
        _ => false,
    }
}

/// For a message about an object.
pub(super) fn key_of(row: &OktaObjectRow) -> Option<Key> {
    Some(Key::new(Kind::from_code(&row.kind)?, &row.name))
}
