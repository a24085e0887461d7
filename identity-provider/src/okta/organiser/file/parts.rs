//! The tables of the file.

mod read;

pub(super) use read::*;

use super::SecretSource;
use crate::domain::okta::OnTakeover;
use wire::id::ConnectionId;

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Unique in the org.
    pub name: String,
    /// In words.
    pub description: Option<String>,
    /// The org has it already; it is looked up and never made.
    pub existing: bool,
}

/// A custom attribute of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name in profiles.
    pub name: String,
    /// What administrators see.
    pub title: String,
    /// In words.
    pub description: Option<String>,
    /// What it holds.
    pub value_type: ValueType,
}

/// What an attribute holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// A number.
    Number,
    /// A whole number.
    Integer,
}

impl ValueType {
    /// Okta's word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Number => "number",
            Self::Integer => "integer",
        }
    }
}

/// An origin that the org's pages may talk to or lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Unique in the org.
    pub name: String,
    /// `https://host[:port]`; this server's own if left out.
    pub origin: Option<String>,
    /// Scripts of that origin may call the org.
    pub cors: bool,
    /// The org may redirect there.
    pub redirect: bool,
}

/// An identity provider, and the connection here that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idp {
    /// Unique in the org.
    pub name: String,
    /// Ours; made if it does not exist.
    pub connection: ConnectionId,
    /// What the org uses it for.
    pub usage: Usage,
    /// Which standard, and what only that has.
    pub protocol: Protocol,
    /// Okta's expression for the user name, such as `idpuser.subjectNameId`.
    pub username: String,
    /// What it is compared with.
    pub matching: Matching,
    /// Whether people whom the org does not know are made; otherwise they are led to Okta's own sign-in page.
    pub creates_users: bool,
    /// Whether the org believes our `amr`.
    pub trusts_claims: bool,
    /// In ms.
    pub max_clock_skew: u32,
    /// A refusal lets people choose another of Okta's factors (the skip-verify switch is off).
    pub okta_offers_choice: bool,
}

/// What the org uses an identity provider for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// *Factor only*.
    Factor,
    /// *SSO only*.
    Sso,
}

/// Which standard, and what only that has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// SAML 2.0.
    Saml(SamlSide),
    /// OpenID Connect.
    Oidc(OidcSide),
}

/// What only a SAML identity provider has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamlSide {
    /// How requests come.
    pub binding: Bindings,
    /// The format of the name that is asked for.
    pub name_format: String,
    /// Which element has to be signed: `ANY`, `RESPONSE` or `TOKEN`.
    pub signature_scope: &'static str,
    /// Requests say for which application they are.
    pub sends_application_context: bool,
}

/// How AuthnRequests come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bindings {
    /// As a form.
    Post,
    /// In the address.
    Redirect,
}

/// What only an OpenID Connect identity provider has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSide {
    /// Scopes that are asked for.
    pub scopes: Vec<String>,
    /// Whether requests carry PKCE.
    pub pkce: bool,
    /// The algorithm that signs requests.
    pub request_signature: Option<&'static str>,
    /// Whether the org asks userinfo.
    pub userinfo: bool,
    /// What `sub` is.
    pub subject: SubjectName,
    /// Groups here whose members may enter; nothing means everybody.
    pub groups: Vec<String>,
}

/// What `sub` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectName {
    /// Our id of the person.
    Id,
    /// The login.
    Login,
}

/// With which attribute of Okta's users the user name is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matching {
    /// The Okta user name.
    Username,
    /// The e-mail address.
    Email,
    /// Either.
    UsernameOrEmail,
    /// This attribute.
    Attribute(String),
}

/// An authenticator of Identity Engine that stands for an identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticator {
    /// What people see.
    pub name: String,
    /// Its identity provider.
    pub idp: String,
}

/// A sign-on policy with its one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Unique among sign-on policies; the rule has it too.
    pub name: String,
    /// In words.
    pub description: Option<String>,
    /// Whom it is for.
    pub groups: Vec<String>,
    /// Its place in the order; Okta's choice if left out.
    pub priority: Option<u32>,
    /// Whether a second factor is demanded.
    pub requires_factor: bool,
    /// How often it is asked for.
    pub prompt: Prompt,
    /// In minutes.
    pub session_idle: u32,
    /// In minutes.
    pub session_lifetime: u32,
}

/// How often a factor is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// At each sign-in.
    Always,
    /// Once per session.
    Session,
    /// Once per device.
    Device,
}

impl Prompt {
    /// Okta's word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Always => "ALWAYS",
            Self::Session => "SESSION",
            Self::Device => "DEVICE",
        }
    }
}

/// A web application that signs its people in through Okta by OpenID Connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its label.
    pub name: String,
    /// Where answers go.
    pub redirect_uris: Vec<String>,
    /// Where a sign-out leads.
    pub post_logout_redirect_uris: Vec<String>,
    /// Where a click on its tile leads.
    pub initiate_login_uri: Option<String>,
    /// Who may use it.
    pub groups: Vec<String>,
    /// Where the client's id and secret are written when it is made, relative to this file.
    pub credentials_file: std::path::PathBuf,
}

/// An event hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventHook {
    /// What administrators see.
    pub name: String,
    /// Where events go, and what the org shows there; this server's own receiver if left out.
    pub receiver: Option<(String, SecretSource)>,
    /// Which.
    pub events: Vec<String>,
}

/// A transmitter of security events, for Identity Threat Protection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signals {
    /// What administrators see.
    pub name: String,
    /// Its description; this server's own if left out.
    pub well_known_url: Option<String>,
}

/// What the server does at the org while people sign in: see [`crate::domain::okta`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTime {
    /// For which connection's people.
    pub connection: ConnectionId,
    /// A group that enrolled people are kept in.
    pub keeps_group: Option<String>,
    /// A boolean attribute that is true for enrolled people.
    pub keeps_attribute: Option<String>,
    /// A group that lets people in.
    pub watches_group: Option<String>,
    /// What happens when somebody else is at the keyboard.
    pub on_takeover: Vec<OnTakeover>,
    /// An API token with fewer rights, for that alone; [`super::Org::access`] if left out.
    pub token: Option<SecretSource>,
}

/// A routing rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Unique among routing rules.
    pub name: String,
    /// Where it leads.
    pub idp: String,
    /// Its place in the order; Okta's choice if left out.
    pub priority: Option<u32>,
    /// The attribute of the person that is looked at; the typed name if there is none.
    pub attribute: Option<String>,
    /// It applies if one of them does.
    pub patterns: Vec<Pattern>,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// How.
    pub op: Op,
    /// With what. Okta compares attributes exactly: `True` is not `true`.
    pub value: String,
}

/// How a text is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// The whole.
    Equals,
    /// The end.
    Suffix,
    /// The beginning.
    StartsWith,
    /// Anywhere.
    Contains,
}

impl Op {
    /// Okta's word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Equals => "EQUALS",
            Self::Suffix => "SUFFIX",
            Self::StartsWith => "STARTS_WITH",
            Self::Contains => "CONTAINS",
        }
    }
}
