//! Okta as code: one TOML file says what shall be in the org, and this brings it about, once.
//!
//! ```text
//! file ──▶ objects ─┐                     pure: file, object, compare, plan, guard, clicks, terraform
//! org ───▶ snapshot ├─▶ plan ─▶ apply     shell: remote (the org), local (our side), lock, apply, destroy, doctor
//! record ───────────┘
//! ```
//!
//! - What it makes it writes down before (`intended`) and after (`made`), in the server's own store. So a program that is
//!   killed between any two calls leaves nothing that the next run does not know how to take up.
//! - What it did not make it neither changes nor deletes, unless told to take it over.
//! - Routing rules come last, and only when the way they lead has been walked and an administrator remains whom they do not
//!   reach: see [`guard`].
//! - No secret is in the file, in a plan, in an error or in the log.

pub mod apply;
pub mod clicks;
pub mod compare;
pub mod destroy;
pub mod doctor;
pub mod file;
pub mod guard;
mod local;
mod lock;
pub mod object;
pub mod ours;
pub mod plan;
mod remote;
pub mod secret;
pub mod snapshot;
pub mod terraform;

use super::client::{self, Client, Credential, Options, ServiceApp, ServiceAppError};
use crate::{
    app::App,
    clock::Millis,
    domain::signing::SigningKeyError,
    store::{StoreError, okta_object::OktaObjectRow},
};
use clicks::{Clicks, SKIP_VERIFY, clicks};
use file::{Access, Usage, Wanted};
use guard::administrator_remains;
use object::{Key, Kind, Object, Secret, objects};
use ours::Ours;
use plan::{Input, Plan, Record, Refusal};
use secret::{SecretError, fingerprint};
use snapshot::Snapshot;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
};
use wire::id::ConnectionId;

/// Why the organiser stops.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A secret is missing.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A service application's key.
    #[error("the service application cannot be used: {0}")]
    ServiceApp(#[from] ServiceAppError),
    /// A call failed; the org's own words.
    #[error("{doing}: {cause}")]
    Call {
        /// What was being done.
        doing: String,
        /// Why it failed.
        cause: client::Error,
    },
    /// The link of a connection to its org.
    #[error("run_time: {0}")]
    Link(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A connection's key could not be made.
    #[error(transparent)]
    Key(#[from] SigningKeyError),
    /// A connection's settings do not go together.
    #[error("the connection {0}: {1}")]
    Connection(String, String),
    /// The file's address is another org's than the file says.
    #[error("{url} is the org {is}, and the file is for {shall}: correct `org.url` or `org.id`")]
    OtherOrg {
        /// As in the file.
        url: String,
        /// What answers there.
        is: String,
        /// What the file says.
        shall: String,
    },
    /// Another run holds the lock.
    #[error(
        "another `tacit okta apply` or `destroy` is at work on this machine: wait until it ends"
    )]
    Busy,
    /// Another node's run is at it.
    #[error(
        "{0} is being made by another node at this time: wait until it ends, and run apply again"
    )]
    Elsewhere(Key),
    /// The lock's file.
    #[error("the lock {0}: {1}")]
    Lock(PathBuf, std::io::Error),
    /// Nothing is begun while something is in the way.
    #[error("nothing was changed: {} in the way: {}", .0.len(), .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Blocked(Vec<Key>),
    /// The org answers something that is not what was asked for.
    #[error("{0}: the org's answer does not name what it made")]
    Nameless(Key),
    /// The org took the object and made something else of it.
    #[error("{0} is not as it was sent: {1}")]
    Different(Key, String),
    /// A reference that should be known by now.
    #[error("{0} needs {1}, which is not there")]
    Missing(Key, Key),
    /// The file into which an application's credentials go.
    #[error("the credentials file {0}: {1}")]
    Credentials(PathBuf, std::io::Error),
}

/// What a function of the organiser returns.
pub type Result<T> = std::result::Result<T, Error>;

/// How to get to the org, where that is not as usual: for tests, and for orgs behind something.
#[derive(Debug, Clone, Default)]
pub struct Way {
    /// PEM certificates that are trusted besides the machine's own.
    pub ca: Option<Vec<u8>>,
    /// Where the org's host really is.
    pub address: Option<SocketAddr>,
    /// What calls may take; the usual if none is given.
    pub bounds: Option<client::Bounds>,
}

/// One file, one org, and our own side.
pub struct Organiser {
    app: App,
    wanted: Wanted,
    /// The TOML file's; secrets' files are relative to it.
    folder: PathBuf,
    /// Ours; the lock is in it.
    data: PathBuf,
    client: Client,
    way: Way,
    /// Who acts, for the records.
    actor: String,
}

/// A plan, and what it was made from.
#[derive(Debug)]
pub struct Planned {
    /// What to do.
    pub plan: Plan,
    /// What is.
    pub snapshot: Snapshot,
    /// What has to be done by hand.
    pub clicks: Vec<Clicks>,
}

impl Organiser {
    /// Reads secrets and sets TLS up. Nothing is connected yet.
    pub fn new(
        app: App,
        wanted: Wanted,
        folder: &Path,
        data: &Path,
        way: Way,
        actor: &str,
    ) -> Result<Self> {
        let credential = match &wanted.org.access {
            Access::Token(source) => Credential::Token(source.read(folder)?),
            Access::ServiceApp {
                client_id,
                key_id,
                key,
            } => {
                let pem = key.read(folder)?;
                let scopes = scopes(&wanted);
                Credential::ServiceApp(ServiceApp::new(client_id, key_id, &scopes, pem.as_bytes())?)
            }
        };
        let mut options = Options::new(wanted.org.url.clone(), credential);
        options.ca.clone_from(&way.ca);
        options.addresses = addresses(&wanted, &way);
        if let Some(bounds) = &way.bounds {
            options.bounds = bounds.clone();
        }
        let client = Client::new(options, app.clock.clone()).map_err(call("setting up"))?;
        Ok(Self {
            app,
            wanted,
            folder: folder.to_owned(),
            data: data.to_owned(),
            client,
            way,
            actor: actor.to_owned(),
        })
    }

    /// What the file says.
    pub const fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Reads the org and decides. Changes nothing anywhere.
    pub async fn plan(&self, adopts: bool) -> Result<Planned> {
        let ours = local::ours(&self.app, &self.wanted).await?;
        let organization = self
            .client
            .organization()
            .await
            .map_err(call("asking the org who it is"))?;
        self.check_org(&organization.id)?;
        let rows = self
            .app
            .store
            .okta_objects(&self.wanted.name, &organization.id)
            .await?;
        let snapshot = self
            .read(&organization, &objects(&self.wanted, &ours), &rows)
            .await?;
        let plan = self.decide(&ours, &snapshot, &rows, adopts).await?;
        let skips = match self
            .wanted
            .idps
            .iter()
            .any(|idp| idp.usage == Usage::Factor)
        {
            true => self.skips_verify().await,
            false => None,
        };
        let clicks = clicks(&self.wanted, &snapshot, &plan, skips);
        Ok(Planned {
            plan,
            snapshot,
            clicks,
        })
    }

    fn check_org(&self, id: &str) -> Result<()> {
        match &self.wanted.org.id {
            Some(shall) if shall != id => Err(Error::OtherOrg {
                url: self.wanted.org.url.to_string(),
                is: id.to_owned(),
                shall: shall.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// The plan, from what was read.
    async fn decide(
        &self,
        ours: &Ours,
        snapshot: &Snapshot,
        rows: &[OktaObjectRow],
        adopts: bool,
    ) -> Result<Plan> {
        let records = records(rows);
        let objects = objects(&self.wanted, ours);
        let secrets = self.fingerprints(&objects, ours)?;
        let holds = self.holds(snapshot, &records).await?;
        Ok(Plan::of(Input {
            objects,
            snapshot,
            records: &records,
            ours,
            secrets: &secrets,
            holds: &holds,
            adopts,
        }))
    }

    fn fingerprints(&self, objects: &[Object], ours: &Ours) -> Result<BTreeMap<Key, String>> {
        let mut secrets = BTreeMap::new();
        for object in objects {
            let print = match &object.secret {
                None => continue,
                Some((_, Secret::Named(source))) => {
                    fingerprint(&self.app.master, &source.read(&self.folder)?)
                }
                Some((_, Secret::OfReceiver(connection))) => ours
                    .hook_hashes
                    .get(connection)
                    .cloned()
                    .unwrap_or_default(),
            };
            secrets.insert(object.key.clone(), print);
        }
        Ok(secrets)
    }

    /// Why each routing rule has to wait; those that need not are left out.
    async fn holds(
        &self,
        snapshot: &Snapshot,
        records: &BTreeMap<Key, Record>,
    ) -> Result<BTreeMap<Key, Refusal>> {
        let mut holds = BTreeMap::new();
        let remains = administrator_remains(&self.wanted.routes, &snapshot.administrators);
        for route in &self.wanted.routes {
            let hold = match &remains {
                Err(refusal) => Some(refusal.clone()),
                Ok(()) => self.is_unwalked(&route.idp, records).await?,
            };
            if let Some(refusal) = hold {
                holds.insert(Key::new(Kind::Route, &route.name), refusal);
            }
        }
        Ok(holds)
    }

    /// Why the way through an identity provider has not been walked yet.
    async fn is_unwalked(
        &self,
        idp: &str,
        records: &BTreeMap<Key, Record>,
    ) -> Result<Option<Refusal>> {
        let Some(connection) = self.wanted.idp(idp).map(|idp| &idp.connection) else {
            return Ok(None);
        };
        let record = records
            .get(&Key::new(Kind::Idp, idp))
            .filter(|r| !r.is_intended);
        let Some(record) = record else {
            return Ok(Some(Refusal::new(
                format!("nobody can have signed in through {idp} yet"),
                "it goes on as soon as somebody has: see the next plan",
            )));
        };
        let seen = self
            .app
            .store
            .last_allowed(connection.as_str(), record.made_at)
            .await?;
        Ok(seen.is_none().then(|| {
            Refusal::new(
                format!("nobody has signed in through the connection {connection} since {idp} was made"),
                format!(
                    "sign in once at {}/sso/idps/{} as somebody of the org, then run `tacit okta apply` again",
                    self.wanted.org.url, record.id
                ),
            )
        }))
    }

    /// Whether the org's list of features says that people skip the verify screen.
    async fn skips_verify(&self) -> Option<bool> {
        let path = client::Path::new(&["api", "v1", "features"]).ok()?;
        // An org that does not tell, or a token that may not ask, is no failure.
        let features: Vec<serde_json::Value> = self.client.list(&path).await.ok()?;
        let text = |feature: &serde_json::Value, member: &str| {
            feature
                .get(member)
                .and_then(|v| v.as_str())
                .unwrap_or_default()
                .to_owned()
        };
        let found = features
            .iter()
            .find(|f| text(f, "name").eq_ignore_ascii_case(SKIP_VERIFY))?;
        Some(text(found, "status") == "ENABLED")
    }

    async fn note(&self, kind: &str, key: &Key, id: &str) -> Result<()> {
        let detail = format!("{}: {key} ({id})", self.wanted.name);
        let now = self.app.now_ms();
        Ok(self
            .app
            .store
            .insert_admin_event(now, kind, &self.actor, &detail)
            .await?)
    }

    fn addresses(&self) -> BTreeMap<String, SocketAddr> {
        addresses(&self.wanted, &self.way)
    }

    fn connection_of(&self, idp: &str) -> Option<&ConnectionId> {
        self.wanted.idp(idp).map(|idp| &idp.connection)
    }
}

/// The same as Terraform resources; needs no org.
pub async fn terraform(app: &App, wanted: &Wanted) -> Result<String> {
    let ours = local::ours(app, wanted).await?;
    Ok(terraform::terraform(&objects(wanted, &ours)))
}

/// The scopes that a file's objects need, as an OAuth service application asks for them.
pub fn scopes(wanted: &Wanted) -> Vec<String> {
    let mut names = BTreeSet::new();
    let mut add = |is: bool, of: &[&'static str]| {
        if is {
            names.extend(of.iter().copied());
        }
    };
    add(!wanted.groups.is_empty(), &["okta.groups.manage"]);
    add(!wanted.attributes.is_empty(), &["okta.schemas.manage"]);
    add(!wanted.origins.is_empty(), &["okta.trustedOrigins.manage"]);
    add(
        !wanted.idps.is_empty(),
        &[
            "okta.idps.manage",
            "okta.authenticators.read",
            "okta.policies.read",
        ],
    );
    add(
        !wanted.authenticators.is_empty(),
        &["okta.authenticators.manage"],
    );
    add(!wanted.policies.is_empty(), &["okta.policies.manage"]);
    add(!wanted.apps.is_empty(), &["okta.apps.manage"]);
    add(!wanted.hooks.is_empty(), &["okta.eventHooks.manage"]);
    add(
        !wanted.signals.is_empty(),
        &["okta.securityEventsProviders.manage"],
    );
    add(
        !wanted.routes.is_empty(),
        &["okta.policies.manage", "okta.users.read", "okta.roles.read"],
    );
    // Who may manage may read.
    let manages = |name: &str| {
        name.strip_suffix(".read")
            .map(|stem| format!("{stem}.manage"))
    };
    let all = names.clone();
    names
        .into_iter()
        .filter(|name| !manages(name).is_some_and(|m| all.contains(m.as_str())))
        .map(str::to_owned)
        .collect()
}

fn addresses(wanted: &Wanted, way: &Way) -> BTreeMap<String, SocketAddr> {
    let host = wanted.org.url.as_str().trim_start_matches("https://");
    let host = host.split(':').next().unwrap_or(host);
    way.address
        .iter()
        .map(|address| (host.to_owned(), *address))
        .collect()
}

fn records(rows: &[OktaObjectRow]) -> BTreeMap<Key, Record> {
    let known = rows.iter().filter_map(|row| {
        let key = Key::new(Kind::from_code(&row.kind)?, &row.name);
        let record = Record {
            id: row.okta_id.clone(),
            is_intended: row.state != "made",
            is_adopted: row.adopted != 0,
            secret: row.secret.clone(),
            intended_at: row.intended_at,
            made_at: row.made_at,
        };
        Some((key, record))
    });
    known.collect()
}

fn call(doing: impl ToString) -> impl FnOnce(client::Error) -> Error {
    move |cause| Error::Call {
        doing: doing.to_string(),
        cause,
    }
}

/// A time as the org writes it.
fn millis(text: &str) -> Option<Millis> {
    text.parse::<jiff::Timestamp>()
        .ok()
        .map(|at| at.as_millisecond())
}
