//! The same as resources of Terraform's okta provider: for those who keep their org in Terraform.
//!
//! Secrets become variables. What Terraform does not know of (our own side, the guard, the clicks) stays with Tacit.

use super::object::{Key, Kind, Object, referred};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The whole file. Objects come from [`super::object::objects`].
pub fn terraform(objects: &[Object]) -> String {
    let names = names(objects);
    let mut file = File {
        out: HEAD.to_owned(),
        names: &names,
        variables: BTreeSet::new(),
    };
    let is_routed = objects.iter().any(|o| o.key.kind == Kind::Route);
    if is_routed {
        file.out += "\ndata \"okta_policy\" \"idp_discovery\" {\n  name = \"Idp Discovery Policy\"\n  type = \"IDP_DISCOVERY\"\n}\n";
    }
    for object in objects {
        file.object(object);
    }
    for variable in &file.variables {
        file.out += &format!(
            "\nvariable \"{variable}\" {{\n  type      = string\n  sensitive = true\n}}\n"
        );
    }
    file.out
}

const HEAD: &str = "terraform {\n  required_providers {\n    okta = {\n      source = \"okta/okta\"\n    }\n  }\n}\n";

struct File<'n> {
    out: String,
    names: &'n BTreeMap<Key, String>,
    variables: BTreeSet<String>,
}

/// One line of a resource, or a block in it.
enum Line<'v> {
    /// `name = value`
    Is(&'v str, Option<&'v Value>),
    /// `name = expression`
    Raw(&'v str, String),
    /// A block of lines.
    Block(&'v str, Vec<Line<'v>>),
}
use Line::{Block, Is, Raw};

impl File<'_> {
    fn object(&mut self, object: &Object) {
        let body = &object.body;
        let at = |pointer: &str| body.pointer(pointer);
        let parent = object
            .parent
            .as_ref()
            .map_or_else(String::new, |key| self.id_of(key));
        let (kind, lines) = match object.key.kind {
            Kind::Connection | Kind::Metadata | Kind::Link => return,
            Kind::Group if object.existing => {
                return self.data("okta_group", object, vec![Is("name", at("/profile/name"))]);
            }
            Kind::Group => (
                "okta_group",
                vec![
                    Is("name", at("/profile/name")),
                    Is("description", at("/profile/description")),
                ],
            ),
            Kind::Attribute => (
                "okta_user_schema_property",
                vec![
                    Raw("index", quoted(&object.key.name)),
                    Is("title", at("/title")),
                    Is("type", at("/type")),
                    Is("description", at("/description")),
                    Raw("permissions", quoted("READ_ONLY")),
                ],
            ),
            Kind::Origin => {
                let scopes = each(at("/scopes"), "type");
                (
                    "okta_trusted_origin",
                    vec![
                        Is("name", at("/name")),
                        Is("origin", at("/origin")),
                        Raw("scopes", list(&scopes)),
                    ],
                )
            }
            Kind::Certificate => ("okta_idp_saml_key", vec![Is("x5c", at("/x5c"))]),
            Kind::Idp if at("/type") == Some(&"OIDC".into()) => {
                ("okta_idp_oidc", self.oidc(object))
            }
            Kind::Idp => ("okta_idp_saml", saml(body)),
            Kind::Authenticator => (
                "okta_authenticator",
                vec![
                    Is("name", at("/name")),
                    Is("key", at("/key")),
                    Raw("legacy_ignore_name", "false".into()),
                    Raw(
                        "provider_json",
                        format!(
                            "jsonencode({})",
                            self.value(at("/provider").unwrap_or(&Value::Null))
                        ),
                    ),
                ],
            ),
            Kind::Policy => (
                "okta_policy_signon",
                vec![
                    Is("name", at("/name")),
                    Is("description", at("/description")),
                    Is("priority", at("/priority")),
                    Is("groups_included", at("/conditions/people/groups/include")),
                ],
            ),
            Kind::PolicyRule => (
                "okta_policy_rule_signon",
                vec![
                    Raw("policy_id", parent),
                    Is("name", at("/name")),
                    Is("access", at("/actions/signon/access")),
                    Is("mfa_required", at("/actions/signon/requireFactor")),
                    Is("mfa_prompt", at("/actions/signon/factorPromptMode")),
                    Is(
                        "session_idle",
                        at("/actions/signon/session/maxSessionIdleMinutes"),
                    ),
                    Is(
                        "session_lifetime",
                        at("/actions/signon/session/maxSessionLifetimeMinutes"),
                    ),
                ],
            ),
            Kind::App => (
                "okta_app_oauth",
                vec![
                    Is("label", at("/label")),
                    Raw("type", quoted("web")),
                    Is("grant_types", at("/settings/oauthClient/grant_types")),
                    Is("response_types", at("/settings/oauthClient/response_types")),
                    Is("redirect_uris", at("/settings/oauthClient/redirect_uris")),
                    Is(
                        "post_logout_redirect_uris",
                        at("/settings/oauthClient/post_logout_redirect_uris"),
                    ),
                    Is("login_uri", at("/settings/oauthClient/initiate_login_uri")),
                    Is(
                        "token_endpoint_auth_method",
                        at("/credentials/oauthClient/token_endpoint_auth_method"),
                    ),
                    Is(
                        "pkce_required",
                        at("/credentials/oauthClient/pkce_required"),
                    ),
                ],
            ),
            Kind::Assignment => (
                "okta_app_group_assignment",
                vec![Raw("app_id", parent), Is("group_id", at("/id"))],
            ),
            Kind::Hook => {
                let secret = self.variable(&object.key, "secret");
                let channel = ["type", "version"]
                    .map(|n| Is(n, body.pointer("/channel").and_then(|c| c.get(n))));
                let mut channel: Vec<Line<'_>> = channel.into();
                channel.push(Is("uri", at("/channel/config/uri")));
                let channel = self.map(&channel);
                let auth = self.map(&[
                    Is("type", at("/channel/config/authScheme/type")),
                    Is("key", at("/channel/config/authScheme/key")),
                    Raw("value", secret),
                ]);
                (
                    "okta_event_hook",
                    vec![
                        Is("name", at("/name")),
                        Is("events", at("/events/items")),
                        Raw("channel", channel),
                        Raw("auth", auth),
                    ],
                )
            }
            Kind::Signals => (
                "okta_security_events_provider",
                vec![
                    Is("name", at("/name")),
                    Is("type", at("/type")),
                    Raw("is_enabled", quoted("ACTIVE")),
                    Block(
                        "settings",
                        vec![Is("well_known_url", at("/settings/well_known_url"))],
                    ),
                ],
            ),
            Kind::Route => ("okta_policy_rule_idp_discovery", route(body)),
        };
        let name = self.names[&object.key].clone();
        self.out += &format!("\nresource \"{kind}\" \"{name}\" {{\n");
        self.lines(&lines, 1);
        self.out += "}\n";
    }

    fn data(&mut self, kind: &str, object: &Object, lines: Vec<Line<'_>>) {
        let name = self.names[&object.key].clone();
        self.out += &format!("\ndata \"{kind}\" \"{name}\" {{\n");
        self.lines(&lines, 1);
        self.out += "}\n";
    }

    fn oidc<'v>(&mut self, object: &'v Object) -> Vec<Line<'v>> {
        let secret = self.variable(&object.key, "client_secret");
        let at = |pointer: &str| object.body.pointer(pointer);
        vec![
            Is("name", at("/name")),
            Is("issuer_url", at("/protocol/issuer/url")),
            Is(
                "authorization_url",
                at("/protocol/endpoints/authorization/url"),
            ),
            Is(
                "authorization_binding",
                at("/protocol/endpoints/authorization/binding"),
            ),
            Is("token_url", at("/protocol/endpoints/token/url")),
            Is("token_binding", at("/protocol/endpoints/token/binding")),
            Is("jwks_url", at("/protocol/endpoints/jwks/url")),
            Is("jwks_binding", at("/protocol/endpoints/jwks/binding")),
            Is("user_info_url", at("/protocol/endpoints/userInfo/url")),
            Is(
                "user_info_binding",
                at("/protocol/endpoints/userInfo/binding"),
            ),
            Is("scopes", at("/protocol/scopes")),
            Is("client_id", at("/protocol/credentials/client/client_id")),
            Raw("client_secret", secret),
            Is(
                "pkce_required",
                at("/protocol/credentials/client/pkce_required"),
            ),
            Is(
                "request_signature_algorithm",
                at("/protocol/algorithms/request/signature/algorithm"),
            ),
            Is(
                "request_signature_scope",
                at("/protocol/algorithms/request/signature/scope"),
            ),
        ]
        .into_iter()
        .chain(subject(&object.body))
        .collect()
    }

    fn variable(&mut self, key: &Key, what: &str) -> String {
        let name = format!("{}_{what}", self.names[key]);
        let used = format!("var.{name}");
        self.variables.insert(name);
        used
    }

    fn lines(&mut self, lines: &[Line<'_>], depth: usize) {
        let indent = "  ".repeat(depth);
        for line in lines {
            match line {
                Is(_, None | Some(Value::Null)) => {}
                Is(name, Some(value)) => {
                    let value = self.value(value);
                    self.out += &format!("{indent}{name} = {value}\n");
                }
                Raw(name, text) => self.out += &format!("{indent}{name} = {text}\n"),
                Block(name, inner) => {
                    self.out += &format!("{indent}{name} {{\n");
                    self.lines(inner, depth + 1);
                    self.out += &format!("{indent}}}\n");
                }
            }
        }
    }

    fn map(&self, lines: &[Line<'_>]) -> String {
        let inner: Vec<String> = lines
            .iter()
            .filter_map(|line| match line {
                Is(name, Some(value)) => Some(format!("{name} = {}", self.value(value))),
                Raw(name, text) => Some(format!("{name} = {text}")),
                Is(_, None) | Block(..) => None,
            })
            .collect();
        format!("{{ {} }}", inner.join(", "))
    }

    fn value(&self, value: &Value) -> String {
        match value {
            Value::String(text) => match referred(text) {
                Some(key) => self.id_of(&key),
                None => quoted(text),
            },
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(|item| self.value(item)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Object(members) => {
                let members: Vec<String> = members
                    .iter()
                    .map(|(name, v)| format!("{name} = {}", self.value(v)))
                    .collect();
                format!("{{ {} }}", members.join(", "))
            }
            other => other.to_string(),
        }
    }

    fn id_of(&self, key: &Key) -> String {
        let name = self.names.get(key).map_or("", String::as_str);
        match key.kind {
            Kind::Group if name.starts_with("existing_") => format!("data.okta_group.{name}.id"),
            Kind::Group => format!("okta_group.{name}.id"),
            Kind::Certificate => format!("okta_idp_saml_key.{name}.id"),
            Kind::Idp if name.starts_with("oidc_") => format!("okta_idp_oidc.{name}.id"),
            Kind::Idp => format!("okta_idp_saml.{name}.id"),
            Kind::Policy => format!("okta_policy_signon.{name}.id"),
            Kind::App => format!("okta_app_oauth.{name}.id"),
            // Nothing else is referred to; a connection that is not made yet has nothing to say.
            _ => quoted("(made by `tacit connection add`)"),
        }
    }
}

fn saml(body: &Value) -> Vec<Line<'_>> {
    let at = |pointer: &str| body.pointer(pointer);
    vec![
        Is("name", at("/name")),
        Is("issuer", at("/protocol/credentials/trust/issuer")),
        Is("kid", at("/protocol/credentials/trust/kid")),
        Is("sso_url", at("/protocol/endpoints/sso/url")),
        Is("sso_destination", at("/protocol/endpoints/sso/destination")),
        Is("sso_binding", at("/protocol/endpoints/sso/binding")),
        Is("acs_type", at("/protocol/endpoints/acs/type")),
        Is("name_format", at("/protocol/settings/nameFormat")),
        Is(
            "request_signature_algorithm",
            at("/protocol/algorithms/request/signature/algorithm"),
        ),
        Is(
            "request_signature_scope",
            at("/protocol/algorithms/request/signature/scope"),
        ),
        Is(
            "response_signature_algorithm",
            at("/protocol/algorithms/response/signature/algorithm"),
        ),
        Is(
            "response_signature_scope",
            at("/protocol/algorithms/response/signature/scope"),
        ),
    ]
    .into_iter()
    .chain(subject(body))
    .collect()
}

fn subject(body: &Value) -> Vec<Line<'_>> {
    let at = |pointer: &str| body.pointer(pointer);
    vec![
        Is(
            "username_template",
            at("/policy/subject/userNameTemplate/template"),
        ),
        Is("subject_match_type", at("/policy/subject/matchType")),
        Is(
            "subject_match_attribute",
            at("/policy/subject/matchAttribute"),
        ),
        Is("provisioning_action", at("/policy/provisioning/action")),
        Is("groups_action", at("/policy/provisioning/groups/action")),
        Is("account_link_action", at("/policy/accountLink/action")),
        Is("max_clock_skew", at("/policy/maxClockSkew")),
    ]
}

fn route(body: &Value) -> Vec<Line<'_>> {
    let at = |pointer: &str| body.pointer(pointer);
    let mut lines = vec![
        Raw("policy_id", "data.okta_policy.idp_discovery.id".into()),
        Is("name", at("/name")),
        Is("priority", at("/priority")),
        Is("network_connection", at("/conditions/network/connection")),
        Is(
            "user_identifier_type",
            at("/conditions/userIdentifier/type"),
        ),
        Is(
            "user_identifier_attribute",
            at("/conditions/userIdentifier/attribute"),
        ),
    ];
    for pattern in items(at("/conditions/userIdentifier/patterns")) {
        lines.push(Block(
            "user_identifier_patterns",
            vec![
                Is("match_type", pattern.get("matchType")),
                Is("value", pattern.get("value")),
            ],
        ));
    }
    for provider in items(at("/actions/idp/providers")) {
        lines.push(Block(
            "idp_providers",
            vec![
                Is("id", provider.get("id")),
                Is("type", provider.get("type")),
            ],
        ));
    }
    lines
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn each(value: Option<&Value>, member: &str) -> Vec<String> {
    items(value)
        .iter()
        .filter_map(|item| item.get(member)?.as_str().map(str::to_owned))
        .collect()
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// A text in the language's quotes; `${` and `%{` would begin an expression.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '$' | '%' if chars.peek() == Some(&'{') => {
                out.push(c);
                out.push(c);
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// A name in Terraform for each object: unique, and telling of what it is.
fn names(objects: &[Object]) -> BTreeMap<Key, String> {
    let mut names = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for object in objects {
        let mut name: String = object
            .key
            .name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '_'
                }
            })
            .collect();
        if object.key.kind == Kind::Idp && object.body.get("type") == Some(&"OIDC".into()) {
            name = format!("oidc_{name}");
        } else if object.existing {
            name = format!("existing_{name}");
        } else if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            name = format!("_{name}");
        }
        let mut unique = name.clone();
        let mut n = 2;
        while !taken.insert((object.key.kind, unique.clone())) {
            unique = format!("{name}_{n}");
            n += 1;
        }
        names.insert(object.key.clone(), unique);
    }
    names
}
