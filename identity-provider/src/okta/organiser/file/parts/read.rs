//! From a table to what it says, or to the fault that names line and repair.

use super::{
    App, Attribute, Authenticator, Bindings, EventHook, Group, Idp, Matching, OidcSide, Op, Origin,
    Pattern, Policy, Prompt, Protocol, Route, RunTime, SamlSide, Signals, SubjectName, Usage,
    ValueType,
};
use crate::{
    domain::okta::OnTakeover,
    okta::organiser::{
        file::{Fault, reader::Reader},
        secret::SecretSource,
    },
};
use clap::ValueEnum as _;
use wire::id::ConnectionId;

pub(in super::super) fn group(table: &mut Reader<'_>) -> Result<Group, Fault> {
    Ok(Group {
        name: table.name(255)?,
        description: table.text("description")?,
        existing: table.flag("existing")?.unwrap_or(false),
    })
}

pub(in super::super) fn attribute(table: &mut Reader<'_>) -> Result<Attribute, Fault> {
    let name = table.required("name")?;
    let fits = name.len() <= 60
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !fits {
        return Err(table.fault_of(
            "name",
            "is no attribute name",
            "write letters, digits and _, beginning with a letter",
        ));
    }
    let types = [
        ("boolean", ValueType::Boolean),
        ("string", ValueType::String),
        ("number", ValueType::Number),
        ("integer", ValueType::Integer),
    ];
    let Some(value_type) = table.choice("type", &types)? else {
        return Err(table.fault_of(
            "type",
            "is missing",
            "add `type = \"boolean\"`, \"string\", \"number\" or \"integer\"",
        ));
    };
    Ok(Attribute {
        title: table.text("title")?.unwrap_or_else(|| name.clone()),
        description: table.text("description")?,
        name,
        value_type,
    })
}

pub(in super::super) fn origin(table: &mut Reader<'_>) -> Result<Origin, Fault> {
    let origin = table.text("origin")?;
    if let Some(text) = &origin
        && wire::id::Origin::new(text.as_str()).is_err()
    {
        return Err(table.fault_of(
            "origin",
            "is no origin",
            "write scheme, host and port only: `origin = \"https://gw.acme.test\"`",
        ));
    }
    let found = Origin {
        name: table.name(255)?,
        origin,
        cors: table.flag("cors")?.unwrap_or(true),
        redirect: table.flag("redirect")?.unwrap_or(true),
    };
    match found.cors || found.redirect {
        true => Ok(found),
        false => Err(table.fault(
            "allows nothing",
            "set `cors` or `redirect` to true, or leave the table out",
        )),
    }
}

pub(in super::super) fn saml_idp(table: &mut Reader<'_>) -> Result<Idp, Fault> {
    let side = SamlSide {
        binding: table
            .choice(
                "request_binding",
                &[("post", Bindings::Post), ("redirect", Bindings::Redirect)],
            )?
            .unwrap_or(Bindings::Post),
        name_format: table
            .text("name_format")?
            .unwrap_or_else(|| "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified".into()),
        signature_scope: table
            .choice(
                "response_signature",
                &[
                    ("any", "ANY"),
                    ("response", "RESPONSE"),
                    ("assertion", "TOKEN"),
                ],
            )?
            .unwrap_or("ANY"),
        sends_application_context: table.flag("application_context")?.unwrap_or(false),
    };
    idp(table, Protocol::Saml(side), "idpuser.subjectNameId")
}

pub(in super::super) fn oidc_idp(table: &mut Reader<'_>) -> Result<Idp, Fault> {
    let algorithms = ["HS256", "HS384", "HS512"].map(|name| (name, Some(name)));
    let algorithms = [algorithms.as_slice(), &[("none", None)]].concat();
    let mut side = OidcSide {
        scopes: table.texts("scopes")?,
        pkce: table.flag("pkce")?.unwrap_or(true),
        request_signature: table
            .choice("request_signature", &algorithms)?
            .unwrap_or(None),
        userinfo: table.flag("userinfo")?.unwrap_or(false),
        subject: table
            .choice(
                "subject",
                &[("id", SubjectName::Id), ("login", SubjectName::Login)],
            )?
            .unwrap_or(SubjectName::Id),
        groups: table.texts("assigned_groups")?,
    };
    if side.scopes.is_empty() {
        side.scopes = ["openid", "profile", "email"].map(str::to_owned).to_vec();
    }
    if !side.scopes.iter().any(|scope| scope == "openid") {
        return Err(table.fault_of(
            "scopes",
            "has no \"openid\"",
            "add it: without it nobody gets an ID token",
        ));
    }
    idp(table, Protocol::Oidc(side), "idpuser.email")
}

fn idp(table: &mut Reader<'_>, protocol: Protocol, username: &str) -> Result<Idp, Fault> {
    let connection = table.required("connection")?;
    let connection = ConnectionId::new(connection).map_err(|_| {
        table.fault_of(
            "connection",
            "is no name of a connection",
            "write lower-case letters, digits and hyphens",
        )
    })?;
    let usages = [("factor", Usage::Factor), ("sso", Usage::Sso)];
    let Some(usage) = table.choice("usage", &usages)? else {
        return Err(table.fault_of(
            "usage",
            "is missing",
            "add `usage = \"factor\"` (Factor only) or \"sso\" (SSO only)",
        ));
    };
    let username = table
        .text("username")?
        .unwrap_or_else(|| username.to_owned());
    let attribute = table.text("match_attribute")?;
    let matching = match (table.text("match")?.as_deref(), attribute) {
        (None | Some("username"), None) => Matching::Username,
        (Some("email"), None) => Matching::Email,
        (Some("username_or_email"), None) => Matching::UsernameOrEmail,
        (None | Some("attribute"), Some(name)) => Matching::Attribute(name),
        _ => {
            return Err(table.fault_of(
                "match",
                "is not known, or does not go with `match_attribute`",
                "write \"username\", \"email\", \"username_or_email\", or `match_attribute = \"NAME\"` alone",
            ));
        }
    };
    let creates_users = table
        .choice("no_match", &[("sign_in_page", false), ("create", true)])?
        .unwrap_or(false);
    // Okta has none for a factor, and says so only when somebody signs in.
    if usage == Usage::Factor && creates_users {
        return Err(table.fault_of(
            "no_match",
            "has to be \"sign_in_page\" for a factor",
            "leave the key out: a factor makes no users",
        ));
    }
    Ok(Idp {
        name: table.name(100)?,
        connection,
        usage,
        protocol,
        username,
        matching,
        creates_users,
        trusts_claims: table
            .flag("trust_claims")?
            .unwrap_or(usage == Usage::Factor),
        max_clock_skew: table
            .number("max_clock_skew_ms", 0..=300_000)?
            .unwrap_or(120_000),
        okta_offers_choice: table.flag("okta_offers_choice")?.unwrap_or(false),
    })
}

pub(in super::super) fn authenticator(table: &mut Reader<'_>) -> Result<Authenticator, Fault> {
    Ok(Authenticator {
        name: table.name(100)?,
        idp: table.required("idp")?,
    })
}

pub(in super::super) fn policy(table: &mut Reader<'_>) -> Result<Policy, Fault> {
    let policy = Policy {
        name: table.name(50)?,
        description: table.text("description")?,
        groups: table.texts("groups")?,
        priority: table.number("priority", 1..=1_000)?,
        requires_factor: table.flag("require_factor")?.unwrap_or(false),
        prompt: table
            .choice(
                "prompt",
                &[
                    ("always", Prompt::Always),
                    ("session", Prompt::Session),
                    ("device", Prompt::Device),
                ],
            )?
            .unwrap_or(Prompt::Always),
        session_idle: table
            .number("session_idle_minutes", 1..=43_200)?
            .unwrap_or(120),
        session_lifetime: table
            .number("session_lifetime_minutes", 0..=43_200)?
            .unwrap_or(720),
    };
    match policy.groups.is_empty() {
        false => Ok(policy),
        true => Err(table.fault_of(
            "groups",
            "is missing or empty",
            "add `groups = [\"…\"]`: a policy of ours is never for everybody by accident",
        )),
    }
}

pub(in super::super) fn app(table: &mut Reader<'_>) -> Result<App, Fault> {
    let app = App {
        name: table.name(100)?,
        redirect_uris: table.texts("redirect_uris")?,
        post_logout_redirect_uris: table.texts("post_logout_redirect_uris")?,
        initiate_login_uri: table.url("initiate_login_uri")?,
        groups: table.texts("groups")?,
        credentials_file: table.required("credentials_file")?.into(),
    };
    let all = app
        .redirect_uris
        .iter()
        .chain(&app.post_logout_redirect_uris);
    if app.redirect_uris.is_empty() || all.into_iter().any(|uri| !is_https(uri)) {
        return Err(table.fault_of(
            "redirect_uris",
            "has to have https addresses, at least one",
            "add `redirect_uris = [\"https://…\"]`",
        ));
    }
    Ok(app)
}

pub(in super::super) fn hook(table: &mut Reader<'_>) -> Result<EventHook, Fault> {
    let receiver = match (table.url("url")?, table.secret("secret")?) {
        (None, None) => None,
        (Some(url), Some(secret)) => Some((url, secret)),
        _ => {
            return Err(table.fault(
                "has one of address and secret without the other",
                "give `url` and `secret_env` (or `secret_file`), or neither: then this server receives the events",
            ));
        }
    };
    let hook = EventHook {
        name: table.name(100)?,
        receiver,
        events: table.texts("events")?,
    };
    match hook.events.is_empty() {
        false => Ok(hook),
        true => Err(table.fault_of(
            "events",
            "is missing or empty",
            "add `events = [\"group.user_membership.add\", …]`",
        )),
    }
}

pub(in super::super) fn run_time(table: &mut Reader<'_>) -> Result<RunTime, Fault> {
    let connection = table.required("connection")?;
    let connection = ConnectionId::new(connection).map_err(|_| {
        table.fault_of(
            "connection",
            "is no name of a connection",
            "write lower-case letters, digits and hyphens",
        )
    })?;
    let mut on_takeover = Vec::new();
    for text in table.texts("on_takeover")? {
        let known = OnTakeover::value_variants().iter().find(|one| {
            one.to_possible_value()
                .is_some_and(|v| v.matches(&text, false))
        });
        match known {
            Some(one) => on_takeover.push(*one),
            None => {
                let all: Vec<String> = OnTakeover::value_variants()
                    .iter()
                    .filter_map(|one| Some(format!("\"{}\"", one.to_possible_value()?.get_name())))
                    .collect();
                return Err(table.fault_of(
                    "on_takeover",
                    "is not known",
                    format!("write some of {}", all.join(", ")),
                ));
            }
        }
    }
    let run_time = RunTime {
        connection,
        keeps_group: table.text("keeps_group")?,
        keeps_attribute: table.text("keeps_attribute")?,
        watches_group: table.text("watches_group")?,
        on_takeover,
        token: table.secret("token")?,
    };
    match run_time.keeps_group.is_some() && run_time.keeps_group == run_time.watches_group {
        false => Ok(run_time),
        true => Err(table.fault_of(
            "watches_group",
            "is the group that is kept: one would follow from the other",
            "name another group",
        )),
    }
}

pub(in super::super) fn signals(table: &mut Reader<'_>) -> Result<Signals, Fault> {
    Ok(Signals {
        name: table.name(100)?,
        well_known_url: table.url("well_known_url")?,
    })
}

pub(in super::super) fn route(table: &mut Reader<'_>) -> Result<Route, Fault> {
    let mut patterns = Vec::new();
    for (key, op) in [
        ("equals", Op::Equals),
        ("suffix", Op::Suffix),
        ("starts_with", Op::StartsWith),
        ("contains", Op::Contains),
    ] {
        let values = table.texts(key)?;
        patterns.extend(values.into_iter().map(|value| Pattern { op, value }));
    }
    if patterns.is_empty() {
        return Err(table.fault(
            "would route everybody",
            "add `suffix = [\"@acme.test\"]`, or `equals`, `starts_with`, `contains`; with `attribute = \"NAME\"` for an attribute",
        ));
    }
    Ok(Route {
        name: table.name(50)?,
        idp: table.required("idp")?,
        priority: table.number("priority", 1..=1_000)?,
        attribute: table.text("attribute")?,
        patterns,
    })
}

fn is_https(text: &str) -> bool {
    text.strip_prefix("https://").is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        wire::id::Origin::new(format!("https://{host}")).is_ok()
            && !text.contains(char::is_whitespace)
    })
}

impl Reader<'_> {
    /// A name of at most `most` characters.
    fn name(&mut self, most: usize) -> Result<String, Fault> {
        let name = self.required("name")?;
        match name.chars().count() <= most {
            true => Ok(name),
            false => Err(self.fault_of(
                "name",
                format!("has more than {most} characters"),
                "shorten it",
            )),
        }
    }

    /// An address by https.
    fn url(&mut self, key: &'static str) -> Result<Option<String>, Fault> {
        match self.text(key)? {
            Some(url) if !is_https(&url) => Err(self.fault_of(
                key,
                "is no https address",
                format!("write `{key} = \"https://…\"`"),
            )),
            found => Ok(found),
        }
    }

    /// `{what}_env` or `{what}_file`, never both.
    pub(in super::super) fn secret(
        &mut self,
        what: &'static str,
    ) -> Result<Option<SecretSource>, Fault> {
        let (env, file) = match what {
            "token" => ("token_env", "token_file"),
            "key" => ("key_env", "key_file"),
            _ => ("secret_env", "secret_file"),
        };
        match (self.text(env)?, self.text(file)?) {
            (None, None) => Ok(None),
            (None, Some(path)) => Ok(Some(SecretSource::File(path.into()))),
            (Some(name), None) => {
                let fits = name.len() <= 100
                    && name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
                    && name
                        .bytes()
                        .all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
                match fits {
                    true => Ok(Some(SecretSource::Env(name))),
                    false => Err(self.fault_of(
                        env,
                        "is no name of an environment variable",
                        "write the variable's name in capitals, not what it holds; if that was the secret, replace it",
                    )),
                }
            }
            (Some(_), Some(_)) => {
                Err(self.fault_of(env, format!("and {file} are both given"), "leave one out"))
            }
        }
    }
}
