//! The lock-out guard: a routing rule takes people away from Okta's own sign-in, so somebody has to be left who can put it
//! back, and the way it leads has to have been walked.

use super::{
    file::{Op, Route},
    plan::Refusal,
};
use serde_json::Value;

/// An administrator whom the file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Administrator {
    /// As the file has it.
    pub login: String,
    /// What the org says of them; `None` if it has nobody of this name.
    pub user: Option<Value>,
    /// Their roles; `None` if they could not be read.
    pub roles: Option<Vec<String>>,
}

/// Roles that can take a routing rule back.
const ROLES: &[&str] = &["SUPER_ADMIN", "ORG_ADMIN"];
/// Who checks a password that needs no identity provider of SAML or OpenID Connect.
const PASSWORDS: &[&str] = &["OKTA", "ACTIVE_DIRECTORY", "LDAP"];

impl Administrator {
    /// Why they could not put things right; `None` if they could.
    pub fn is_helpless(&self, routes: &[Route]) -> Option<String> {
        let login = &self.login;
        let Some(user) = &self.user else {
            return Some(format!("the org has nobody named {login}"));
        };
        let at = |pointer: &str| {
            user.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        if at("/status") != "ACTIVE" {
            return Some(format!("{login} is not active"));
        }
        if !PASSWORDS.contains(&at("/credentials/provider/type")) {
            return Some(format!("{login} has no password in Okta"));
        }
        match &self.roles {
            None => {
                return Some(format!(
                    "whether {login} is an administrator cannot be read (scope okta.roles.read)"
                ));
            }
            Some(roles) if !roles.iter().any(|role| ROLES.contains(&role.as_str())) => {
                return Some(format!(
                    "{login} is neither a super administrator nor an org administrator"
                ));
            }
            Some(_) => {}
        }
        let reached = routes
            .iter()
            .find(|route| reaches(route, &self.login, user));
        reached.map(|route| format!("routing rule {} reaches {login}", route.name))
    }
}

/// Refuses rules that leave no administrator.
pub fn administrator_remains(
    routes: &[Route],
    administrators: &[Administrator],
) -> Result<(), Refusal> {
    let mut reasons = Vec::new();
    for administrator in administrators {
        match administrator.is_helpless(routes) {
            None => return Ok(()),
            Some(reason) => reasons.push(reason),
        }
    }
    Err(Refusal::new(
        format!(
            "no administrator would remain who can sign in without these rules: {}",
            reasons.join("; ")
        ),
        "name in `org.administrators` an active super administrator with a password in Okta whom no rule reaches",
    ))
}

/// Whether a rule takes this person. Where Okta's comparison could be looser than it seems, it is: only ASCII case is
/// ignored, and for attributes too.
fn reaches(route: &Route, login: &str, user: &Value) -> bool {
    let texts: Vec<String> = match &route.attribute {
        None => {
            let profile_login = user.pointer("/profile/login").and_then(Value::as_str);
            [Some(login), profile_login]
                .into_iter()
                .flatten()
                .map(str::to_ascii_lowercase)
                .collect()
        }
        Some(attribute) => match user
            .get("profile")
            .and_then(|profile| profile.get(attribute))
        {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) => vec![text.to_ascii_lowercase()],
            Some(Value::Array(items)) => items
                .iter()
                .map(|i| text_of(i).to_ascii_lowercase())
                .collect(),
            Some(other) => vec![text_of(other)],
        },
    };
    route.patterns.iter().any(|pattern| {
        let value = pattern.value.to_ascii_lowercase();
        texts.iter().any(|text| match pattern.op {
            Op::Equals => *text == value,
            Op::Suffix => text.ends_with(&value),
            Op::StartsWith => text.starts_with(&value),
            Op::Contains => text.contains(&value),
        })
    })
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::okta::organiser::file::Pattern;
    use serde_json::json;

    fn route(attribute: Option<&str>, op: Op, value: &str) -> Route {
        Route {
            name: "to us".into(),
            idp: "us".into(),
            priority: None,
            attribute: attribute.map(Into::into),
            patterns: vec![Pattern {
                op,
                value: value.into(),
            }],
        }
    }

    fn administrator(change: impl FnOnce(&mut Administrator)) -> Administrator {
        let mut one = Administrator {
            login: "Root@acme.test".into(),
            user: Some(json!({
                "status": "ACTIVE",
                "profile": { "login": "root@acme.test", "byndidRegistered": false },
                "credentials": { "provider": { "type": "OKTA", "name": "OKTA" } },
            })),
            roles: Some(vec!["SUPER_ADMIN".into()]),
        };
        change(&mut one);
        one
    }

    #[test]
    fn rules_are_refused_when_no_exempt_administrator_remains() {
        let elsewhere = [route(None, Op::Suffix, "@staff.acme.test")];
        let everyone = [route(None, Op::Suffix, "@ACME.test")];
        let registered = [route(Some("byndidRegistered"), Op::Equals, "true")];
        assert!(administrator_remains(&elsewhere, &[administrator(|_| {})]).is_ok());
        assert!(administrator_remains(&registered, &[administrator(|_| {})]).is_ok());
        for (routes, change, expected) in [
            (&everyone, (|_| {}) as fn(&mut Administrator), "reaches"),
            (
                &registered,
                |a| a.user.as_mut().unwrap()["profile"]["byndidRegistered"] = true.into(),
                "reaches",
            ),
            (
                &elsewhere,
                |a| a.user.as_mut().unwrap()["status"] = "SUSPENDED".into(),
                "not active",
            ),
            (
                &elsewhere,
                |a| {
                    a.user.as_mut().unwrap()["credentials"]["provider"]["type"] =
                        "FEDERATION".into()
                },
                "no password",
            ),
            (
                &elsewhere,
                |a| a.roles = Some(vec!["HELP_DESK_ADMIN".into()]),
                "neither",
            ),
            (&elsewhere, |a| a.roles = None, "okta.roles.read"),
            (&elsewhere, |a| a.user = None, "nobody"),
        ] {
            let refusal = administrator_remains(routes, &[administrator(change)]).unwrap_err();
            assert!(refusal.why.contains(expected), "{refusal:?}");
        }
        assert!(administrator_remains(&elsewhere, &[]).is_err());
        let helpless = administrator(|a| a.user = None);
        assert!(administrator_remains(&elsewhere, &[helpless, administrator(|_| {})]).is_ok());
    }
}
