//! The TOML file that says what shall be in the org: read whole, checked whole, or refused with line and repair.
//!
//! Nothing of it is a secret, and nothing that looks like one is let through: see [`Fault`].

mod parts;
mod reader;

pub use parts::{
    App, Attribute, Authenticator, Bindings, EventHook, Group, Idp, Matching, OidcSide, Op, Origin,
    Pattern, Policy, Prompt, Protocol, Route, RunTime, SamlSide, Signals, SubjectName, Usage,
    ValueType,
};

use super::secret::SecretSource;
use reader::{Reader, line_of};
use std::{collections::BTreeSet, fmt, path::Path};
use toml::de::DeTable;
use wire::id::Origin as Url;

/// The largest file, in bytes.
pub const FILE: u64 = 256 * 1024;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Under which name the record keeps what this file made.
    pub name: String,
    /// Where, and how to get in.
    pub org: Org,
    /// Groups.
    pub groups: Vec<Group>,
    /// Custom attributes of users.
    pub attributes: Vec<Attribute>,
    /// Trusted origins.
    pub origins: Vec<Origin>,
    /// Identity providers, each with its connection here.
    pub idps: Vec<Idp>,
    /// Authenticators of Identity Engine that stand for an identity provider.
    pub authenticators: Vec<Authenticator>,
    /// Sign-on policies of groups, each with one rule.
    pub policies: Vec<Policy>,
    /// Applications that sign in through Okta.
    pub apps: Vec<App>,
    /// Event hooks.
    pub hooks: Vec<EventHook>,
    /// Transmitters of security events.
    pub signals: Vec<Signals>,
    /// Routing rules.
    pub routes: Vec<Route>,
    /// What the server does at the org while people sign in.
    pub run_time: Option<RunTime>,
}

/// The org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Org {
    /// `https://acme.okta.com`.
    pub url: Url,
    /// Its id, if the file pins it.
    pub id: Option<String>,
    /// How to get in.
    pub access: Access,
    /// Logins of administrators that no routing rule may reach.
    pub administrators: Vec<String>,
}

/// How this program shows who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// An API token.
    Token(SecretSource),
    /// An OAuth service application by its own key.
    ServiceApp {
        /// `0oa…`
        client_id: String,
        /// The name of its key in Okta.
        key_id: String,
        /// PKCS#8 in PEM.
        key: SecretSource,
    },
}

/// Why the file is refused. It never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// Counted from 1.
    pub line: usize,
    /// `routing_rule[0].idp`; empty for the whole file.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub repair: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            place,
            what,
            repair,
        } = self;
        match place.is_empty() {
            true => write!(f, "line {line}: {what} (repair: {repair})"),
            false => write!(f, "line {line}: {place} {what} (repair: {repair})"),
        }
    }
}

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be opened.
    #[error("{0}: {1}")]
    Read(String, std::io::Error),
    /// It is too large.
    #[error("{0} has more than {FILE} bytes: it is no file of ours")]
    Large(String),
    /// It says something wrong.
    #[error("{0}, {1}")]
    Fault(String, Fault),
}

impl Wanted {
    /// Reads the file at `path`.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        let name = || path.display().to_string();
        let length = std::fs::metadata(path)
            .map_err(|e| FileError::Read(name(), e))?
            .len();
        if length > FILE {
            return Err(FileError::Large(name()));
        }
        let text = std::fs::read_to_string(path).map_err(|e| FileError::Read(name(), e))?;
        Self::parse(&text).map_err(|fault| FileError::Fault(name(), fault))
    }

    /// Reads and checks a file's text.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        refuse_secrets(text)?;
        let table = DeTable::parse(text).map_err(|error| Fault {
            line: line_of(text, error.span().map_or(0, |span| span.start)),
            place: String::new(),
            what: format!("is not TOML: {}", error.message()),
            repair: "see https://toml.io".into(),
        })?;
        let mut top = Reader::top(text, table.get_ref())?;
        let name = top.required("name")?;
        if name.len() > 40
            || !name
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        {
            return Err(top.fault_of(
                "name",
                "has to be lower-case letters, digits and hyphens, at most 40",
                "write `name = \"twosense\"`",
            ));
        }
        let Some(org) = top.table("org")? else {
            return Err(top.fault_of("org", "is missing", "add [org] with `url` and `token_env`"));
        };
        let mut wanted = Self {
            name,
            org: Org::read(org)?,
            groups: read(&mut top, "group", parts::group)?,
            attributes: read(&mut top, "attribute", parts::attribute)?,
            origins: read(&mut top, "trusted_origin", parts::origin)?,
            idps: read(&mut top, "saml_idp", parts::saml_idp)?,
            authenticators: read(&mut top, "authenticator", parts::authenticator)?,
            policies: read(&mut top, "sign_on_policy", parts::policy)?,
            apps: read(&mut top, "oidc_app", parts::app)?,
            hooks: read(&mut top, "event_hook", parts::hook)?,
            signals: read(&mut top, "security_events", parts::signals)?,
            routes: read(&mut top, "routing_rule", parts::route)?,
            run_time: match top.table("run_time")? {
                Some(mut table) => {
                    let run_time = parts::run_time(&mut table)?;
                    table.finish()?;
                    Some(run_time)
                }
                None => None,
            },
        };
        wanted
            .idps
            .extend(read(&mut top, "oidc_idp", parts::oidc_idp)?);
        wanted.check(&top)?;
        top.finish()?;
        Ok(wanted)
    }

    /// The identity provider of this name.
    pub fn idp(&self, name: &str) -> Option<&Idp> {
        self.idps.iter().find(|idp| idp.name == name)
    }

    /// What has to agree across tables.
    fn check(&self, top: &Reader<'_>) -> Result<(), Fault> {
        let whole = |what: String, repair: &str| Fault {
            line: 1,
            place: String::new(),
            what,
            repair: repair.into(),
        };
        let mut connections = BTreeSet::new();
        for idp in &self.idps {
            if !connections.insert(&idp.connection) {
                let what = format!(
                    "two identity providers share the connection {}",
                    idp.connection
                );
                return Err(whole(what, "give each a connection of its own"));
            }
        }
        for (kind, names) in [
            ("group", names(&self.groups, |g| &g.name)),
            ("attribute", names(&self.attributes, |a| &a.name)),
            ("trusted_origin", names(&self.origins, |o| &o.name)),
            ("identity provider", names(&self.idps, |i| &i.name)),
            ("authenticator", names(&self.authenticators, |a| &a.name)),
            ("sign_on_policy", names(&self.policies, |p| &p.name)),
            ("oidc_app", names(&self.apps, |a| &a.name)),
            ("event_hook", names(&self.hooks, |h| &h.name)),
            ("security_events", names(&self.signals, |s| &s.name)),
            ("routing_rule", names(&self.routes, |r| &r.name)),
        ] {
            let mut seen = BTreeSet::new();
            if let Some(twice) = names
                .into_iter()
                .find(|name| !seen.insert(name.to_ascii_lowercase()))
            {
                return Err(whole(
                    format!("there is more than one {kind} named {twice}"),
                    "rename one",
                ));
            }
        }
        let no_idp = |kind: &str, name: &str| {
            whole(
                format!("{kind} {name} names an identity provider that this file does not have"),
                "write the `name` of a [[saml_idp]] or [[oidc_idp]] of this file",
            )
        };
        for authenticator in &self.authenticators {
            match self.idp(&authenticator.idp) {
                None => return Err(no_idp("authenticator", &authenticator.name)),
                Some(idp) if idp.usage == Usage::Sso => {
                    return Err(whole(
                        format!(
                            "authenticator {} stands for {}, whose usage is \"sso\"",
                            authenticator.name, idp.name
                        ),
                        "an authenticator needs an identity provider with usage = \"factor\"",
                    ));
                }
                Some(_) => {}
            }
        }
        for route in &self.routes {
            match self.idp(&route.idp) {
                None => return Err(no_idp("routing_rule", &route.name)),
                // Routed to, a factor would be the only thing that is asked: behaviour would suffice.
                Some(idp) if idp.usage == Usage::Factor => {
                    return Err(whole(
                        format!(
                            "routing_rule {} leads to {}, which is a factor only",
                            route.name, idp.name
                        ),
                        "route to an identity provider with usage = \"sso\"",
                    ));
                }
                Some(_) => {}
            }
        }
        for (kind, name, groups) in self
            .policies
            .iter()
            .map(|p| ("sign_on_policy", &p.name, &p.groups))
            .chain(self.apps.iter().map(|a| ("oidc_app", &a.name, &a.groups)))
        {
            let missing = groups
                .iter()
                .find(|name| !self.groups.iter().any(|g| g.name == **name));
            if let Some(missing) = missing {
                return Err(whole(
                    format!(
                        "{kind} {name} names the group {missing}, which this file does not have"
                    ),
                    "add a [[group]] of that name; `existing = true` if the org has it already",
                ));
            }
        }
        self.check_run_time(&whole)?;
        if !self.routes.is_empty() && self.org.administrators.is_empty() {
            return Err(top.fault_of(
                "org",
                "names no administrator that stays able to sign in without the routing rules",
                "add `administrators = [\"LOGIN\"]` to [org]: a super administrator whom no routing rule reaches",
            ));
        }
        Ok(())
    }
}

impl Wanted {
    fn check_run_time(&self, whole: &dyn Fn(String, &str) -> Fault) -> Result<(), Fault> {
        let Some(run_time) = &self.run_time else {
            let hook = self
                .hooks
                .iter()
                .find(|hook| hook.receiver.is_none())
                .map(|hook| ("event_hook", &hook.name));
            let signals = self
                .signals
                .iter()
                .find(|s| s.well_known_url.is_none())
                .map(|s| ("security_events", &s.name));
            return match hook.or(signals) {
                None => Ok(()),
                Some((kind, name)) => Err(whole(
                    format!(
                        "{kind} {name} is this server's own, and nothing says of which connection"
                    ),
                    "add [run_time] with `connection = \"NAME\"`",
                )),
            };
        };
        if !self
            .idps
            .iter()
            .any(|idp| idp.connection == run_time.connection)
        {
            return Err(whole(
                format!(
                    "run_time names the connection {}, which no identity provider of this file has",
                    run_time.connection
                ),
                "write the `connection` of a [[saml_idp]] or [[oidc_idp]] of this file",
            ));
        }
        for group in [&run_time.keeps_group, &run_time.watches_group]
            .into_iter()
            .flatten()
        {
            if !self.groups.iter().any(|g| g.name == *group) {
                return Err(whole(
                    format!("run_time names the group {group}, which this file does not have"),
                    "add a [[group]] of that name; `existing = true` if the org has it already",
                ));
            }
        }
        match &run_time.keeps_attribute {
            Some(name)
                if !self
                    .attributes
                    .iter()
                    .any(|a| a.name == *name && a.value_type == ValueType::Boolean) =>
            {
                Err(whole(
                    format!(
                        "run_time names the attribute {name}, which is no boolean attribute of this file"
                    ),
                    "add an [[attribute]] of that name and `type = \"boolean\"`",
                ))
            }
            _ => Ok(()),
        }
    }
}

impl Org {
    fn read(mut table: Reader<'_>) -> Result<Self, Fault> {
        let url = table.required("url")?;
        let url = Url::new(url.trim_end_matches('/')).map_err(|_| {
            table.fault_of(
                "url",
                "is not an https address without a path",
                "write `url = \"https://acme.okta.com\"`",
            )
        })?;
        let token = table.secret("token")?;
        let key = table.secret("key")?;
        let (client_id, key_id) = (table.text("client_id")?, table.text("key_id")?);
        let access = match (token, client_id, key_id, key) {
            (Some(token), None, None, None) => Access::Token(token),
            (None, Some(client_id), Some(key_id), Some(key)) => Access::ServiceApp {
                client_id,
                key_id,
                key,
            },
            _ => {
                return Err(table.fault(
                    "has to say in one way how to get in",
                    "write `token_env = \"OKTA_API_TOKEN\"`, or `client_id`, `key_id` and `key_file` of a service application",
                ));
            }
        };
        let org = Self {
            url,
            id: table.text("id")?,
            access,
            administrators: table.texts("administrators")?,
        };
        table.finish()?;
        Ok(org)
    }
}

fn read<T>(
    top: &mut Reader<'_>,
    key: &'static str,
    one: fn(&mut Reader<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut all = Vec::new();
    for mut table in top.tables(key)? {
        all.push(one(&mut table)?);
        table.finish()?;
    }
    Ok(all)
}

fn names<T>(all: &[T], name: fn(&T) -> &String) -> Vec<&str> {
    all.iter().map(|one| name(one).as_str()).collect()
}

/// Before anything else, and comments too: whatever is in a file ends up in a repository.
fn refuse_secrets(text: &str) -> Result<(), Fault> {
    for (number, line) in text.lines().enumerate() {
        if super::secret::looks_like_one(line) {
            return Err(Fault {
                line: number + 1,
                place: String::new(),
                what: "holds what looks like a secret, and secrets are never in this file".into(),
                repair: "name an environment variable (…_env) or a file (…_file) that holds it, and replace the secret: it has been written down".into(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
