//! The configuration file: TOML, checked completely before anything starts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub const EXAMPLE: &str = include_str!("../example.toml");

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path}: cannot be read: {source}")]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    #[error("{member} = {value:?}: must be https://host or https://host:port, without a path")]
    NotAnOrigin { member: &'static str, value: String },
    #[error("{member} = {value:?}: must start with https:// and have a path")]
    NotAUrl { member: &'static str, value: String },
    #[error("tls_cert and tls_key: give both or neither")]
    HalfTls,
    #[error("idp.id = {0:?}: must be 0oa and 17 letters or digits")]
    IdpId(String),
    #[error("idp.issuer: must not be empty")]
    NoIssuer,
    #[error("users: there must be at least one")]
    NoUsers,
    #[error("users: {0:?} appears twice (case does not count)")]
    UserTwice(String),
    #[error("users: {login:?}: {fault}")]
    User { login: String, fault: &'static str },
    #[error("api_token: must have at least 16 characters")]
    ShortApiToken,
    #[error("transaction_seconds = {0}: must be between 1 and 3600")]
    TransactionSeconds(u32),
    #[error("org_origin and app_origin: must differ")]
    SameOrigin,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default = "default_listen_org")]
    pub listen_org: SocketAddr,
    #[serde(default = "default_listen_app")]
    pub listen_app: SocketAddr,
    #[serde(default = "default_org_origin")]
    pub org_origin: String,
    #[serde(default = "default_app_origin")]
    pub app_origin: String,
    /// PEM files; without them the stand-in makes a self-signed certificate.
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    #[serde(default)]
    pub pipeline: Pipeline,
    /// Okta's feature "Skip the verify screen and redirect to the IdP authenticator".
    #[serde(default)]
    pub skip_verify: bool,
    #[serde(default = "default_api_token")]
    pub api_token: String,
    /// How long a transaction lives after the password; Okta's five minutes.
    #[serde(default = "default_transaction_seconds")]
    pub transaction_seconds: u32,
    #[serde(default = "default_org_name")]
    pub org_name: String,
    #[serde(default = "default_app_name")]
    pub app_name: String,
    #[serde(default = "default_users")]
    pub users: Vec<User>,
    /// An org without it is empty: everything is set up through the management API.
    pub idp: Option<Idp>,
    #[serde(default)]
    pub network: Network,
}

/// How the org reaches others: identity providers, event hooks, transmitters, SCIM servers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// PEM: who vouches for their certificates.
    pub ca: Option<PathBuf>,
    /// Where a host really listens.
    pub hosts: BTreeMap<String, SocketAddr>,
    /// Speaks plain HTTP to hosts that listen on this machine: for tests of the stand-in itself.
    pub plain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pipeline {
    #[default]
    Classic,
    Oie,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub login: String,
    pub password: String,
    #[serde(default)]
    pub first_name: String,
    #[serde(default)]
    pub last_name: String,
    #[serde(default)]
    pub groups: Vec<String>,
    /// Administrator roles, such as `SUPER_ADMIN`.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Whether the IdP factor is enrolled already, so that the first sign-in verifies.
    #[serde(default)]
    pub enrolled: bool,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("login", &self.login)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

/// An identity provider that is there from the start, usage "Factor only", and a factor that everybody needs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Idp {
    pub id: String,
    pub name: String,
    pub issuer: String,
    pub sso_url: String,
    /// PEM file with the provider's one or two signing certificates.
    /// Without it every Response is refused, as Okta refuses an unconfigured one.
    pub certificate: Option<PathBuf>,
    pub request_binding: Binding,
    pub sign_requests: bool,
    pub send_application_context: bool,
    /// The XML namespace of the two application context elements. Nobody outside Okta
    /// has published it, so a product must go by the local names.
    pub application_context_namespace: String,
    pub response_signature_scope: SignatureScope,
    pub max_clock_skew_ms: u32,
    /// "Trust claims from this identity provider": demands `session.amr`.
    pub trust_claims: bool,
    /// With this table the provider is of type OIDC, and what only SAML knows does not matter.
    pub oidc: Option<crate::oidc::Settings>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Binding {
    Post,
    Redirect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureScope {
    Any,
    Response,
    /// The Assertion ("TOKEN" in Okta's API).
    Token,
}

impl Config {
    /// Reads a file; paths in it are relative to its folder.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let mut config = Config::from_toml(&text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut files = vec![
            &mut config.tls_cert,
            &mut config.tls_key,
            &mut config.network.ca,
        ];
        if let Some(idp) = &mut config.idp {
            files.push(&mut idp.certificate);
            files.extend(idp.oidc.as_mut().map(|oidc| &mut oidc.ca));
        }
        for file in files.into_iter().flatten() {
            *file = folder.join(&*file);
        }
        Ok(config)
    }

    pub fn from_toml(text: &str) -> Result<Config, ConfigError> {
        let mut config: Config = toml::from_str(text)?;
        config.check()?;
        for user in &mut config.users {
            if user.first_name.is_empty() {
                user.first_name = capitalised(user.login.split('@').next().unwrap_or_default());
            }
            if user.last_name.is_empty() {
                user.last_name = "Example".to_owned();
            }
        }
        Ok(config)
    }

    /// `acme.okta-standin.test[:port]`
    pub fn org_host(&self) -> &str {
        self.org_origin.trim_start_matches("https://")
    }

    /// The first label of the org's host: `acme`.
    pub fn org_label(&self) -> &str {
        self.org_host().split(['.', ':']).next().unwrap_or_default()
    }

    fn check(&self) -> Result<(), ConfigError> {
        check_origin("org_origin", &self.org_origin)?;
        check_origin("app_origin", &self.app_origin)?;
        if self.org_origin == self.app_origin {
            return Err(ConfigError::SameOrigin);
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err(ConfigError::HalfTls);
        }
        if self.api_token.len() < 16 {
            return Err(ConfigError::ShortApiToken);
        }
        if !(1..=3600).contains(&self.transaction_seconds) {
            return Err(ConfigError::TransactionSeconds(self.transaction_seconds));
        }
        self.check_users()?;
        self.idp.as_ref().map_or(Ok(()), Idp::check)
    }

    fn check_users(&self) -> Result<(), ConfigError> {
        if self.users.is_empty() {
            return Err(ConfigError::NoUsers);
        }
        let mut seen = std::collections::HashSet::new();
        for user in &self.users {
            let fault = |fault| ConfigError::User {
                login: user.login.clone(),
                fault,
            };
            if user.login.is_empty() || user.login.len() > 100 {
                return Err(fault("login must have 1 to 100 bytes"));
            }
            if user.login.chars().any(char::is_control) {
                return Err(fault("login must not hold control characters"));
            }
            if user.password.is_empty() {
                return Err(fault("password must not be empty"));
            }
            if !seen.insert(user.login.to_lowercase()) {
                return Err(ConfigError::UserTwice(user.login.clone()));
            }
        }
        Ok(())
    }
}

impl Idp {
    pub fn acs_url(&self, config: &Config) -> String {
        format!("{}/sso/saml2/{}", config.org_origin, self.id)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let tail = self.id.strip_prefix("0oa").unwrap_or_default();
        if tail.len() != 17 || !tail.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(ConfigError::IdpId(self.id.clone()));
        }
        if self.issuer.is_empty() {
            return Err(ConfigError::NoIssuer);
        }
        let path = self
            .sso_url
            .strip_prefix("https://")
            .and_then(|rest| rest.split_once('/'));
        match path {
            Some((host, _)) if is_host(host) && !self.sso_url.chars().any(char::is_whitespace) => {
                Ok(())
            }
            _ => Err(ConfigError::NotAUrl {
                member: "idp.sso_url",
                value: self.sso_url.clone(),
            }),
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        // Invariant: every member has a default; `the_empty_file_is_a_whole_configuration`
        // holds it.
        Config::from_toml("").expect("the defaults are a valid configuration")
    }
}

impl Default for Idp {
    fn default() -> Idp {
        Idp {
            id: "0oa1tacitfactor00001".to_owned(),
            name: "Tacit".to_owned(),
            issuer: "https://login.tacit-idp.test/saml/okta/metadata".to_owned(),
            sso_url: "https://login.tacit-idp.test/saml/okta/sso".to_owned(),
            certificate: None,
            request_binding: Binding::Post,
            sign_requests: true,
            send_application_context: false,
            application_context_namespace: "urn:okta:saml:2.0:extensions".to_owned(),
            response_signature_scope: SignatureScope::Any,
            max_clock_skew_ms: 120_000,
            trust_claims: true,
            oidc: None,
        }
    }
}

fn check_origin(member: &'static str, value: &str) -> Result<(), ConfigError> {
    match value.strip_prefix("https://") {
        Some(host) if is_host(host) => Ok(()),
        _ => Err(ConfigError::NotAnOrigin {
            member,
            value: value.to_owned(),
        }),
    }
}

fn is_host(text: &str) -> bool {
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn default_listen_org() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8443))
}

fn default_listen_app() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8444))
}

// Browsers resolve *.localhost to loopback by themselves, and each such name is a site
// of its own, so the defaults need no host rules.
fn default_org_origin() -> String {
    "https://acme.localhost:8443".to_owned()
}

fn default_app_origin() -> String {
    "https://workplace.localhost:8444".to_owned()
}

fn default_api_token() -> String {
    "00standInApiTokenForTestsOnly".to_owned()
}

fn default_transaction_seconds() -> u32 {
    300
}

fn default_org_name() -> String {
    "Acme".to_owned()
}

fn default_app_name() -> String {
    "Workplace".to_owned()
}

fn default_users() -> Vec<User> {
    ["ann@acme.test", "ben@acme.test"]
        .into_iter()
        .map(|login| User {
            login: login.to_owned(),
            password: "correct horse battery staple".to_owned(),
            first_name: String::new(),
            last_name: String::new(),
            groups: vec!["staff".to_owned()],
            roles: Vec::new(),
            enrolled: false,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_file_is_a_whole_configuration() {
        let config = Config::from_toml("").unwrap();
        assert_eq!(config.users.len(), 2);
        assert_eq!(config.users[0].first_name, "Ann");
        assert!(config.idp.is_none());
        assert_eq!(config.org_label(), "acme");
    }

    #[test]
    fn the_example_of_the_help_text_is_valid() {
        let config = Config::from_toml(EXAMPLE).unwrap();
        assert_eq!(config.org_origin, "https://acme.okta-standin.test");
        assert_eq!(config.idp.unwrap().request_binding, Binding::Post);
    }

    #[test]
    fn every_fault_is_named() {
        let check = |toml: &str, expected: &str| {
            let error = Config::from_toml(toml).unwrap_err().to_string();
            assert!(error.contains(expected), "{toml}: {error}");
        };
        check("pipeline = \"oei\"", "unknown variant `oei`");
        check("listen_orgs = 1", "unknown field `listen_orgs`");
        check("listen_org = \"here\"", "invalid socket address");
        check(
            "org_origin = \"http://acme.test\"",
            "org_origin = \"http://acme.test\": must be https://host",
        );
        check("org_origin = \"https://acme.test/\"", "without a path");
        check(
            "org_origin = \"https://a.test\"\napp_origin = \"https://a.test\"",
            "must differ",
        );
        check("tls_cert = \"a.pem\"", "both or neither");
        check("users = []", "at least one");
        check(
            "users = [{ login = \"a\", password = \"\" }]",
            "password must not be empty",
        );
        check(
            "users = [{ login = \"a\", password = \"p\" }, { login = \"A\", password = \"p\" }]",
            "\"A\" appears twice",
        );
        check("[idp]\nid = \"okta\"", "idp.id = \"okta\"");
        check("[idp]\nsso_url = \"https://host\"", "idp.sso_url");
        check("api_token = \"short\"", "at least 16");
        check("transaction_seconds = 0", "between 1 and 3600");
    }

    #[test]
    fn passwords_stay_out_of_debug_output() {
        let shown = format!("{:?}", Config::default());
        assert!(!shown.contains("battery staple"));
    }
}
