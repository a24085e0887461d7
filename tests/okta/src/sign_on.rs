//! What policies decide of a sign-in: where it is routed to, and whether it needs a factor. Pure functions of the rows.

use serde_json::Value;

use crate::config::Pipeline;
use crate::party::Party;
use crate::resources::idps::Usage;
use crate::resources::policies::{Kind, PolicyRow};
use crate::resources::rules::RuleRow;
use crate::resources::users::{Status, UserRow};
use crate::resources::{Fault, Resources};

/// Who signs in first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// The org itself, with a password.
    Okta,
    /// An identity provider, by its id.
    Idp(String),
}

/// What follows the first factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing: the person is in.
    Session,
    /// The factor of this identity provider.
    Factor {
        idp: String,
    },
    Denied,
}

/// The first routing rule that fits decides. A rule by attribute needs a user who exists.
pub fn route(resources: &Resources, login: &str, app: &str) -> Route {
    let user = resources.user_of_login(login);
    for (_, policy) in resources.policies_of(Kind::IdpDiscovery) {
        let mut rules: Vec<&RuleRow> = policy.rules.iter().map(|(_, rule)| rule).collect();
        rules.sort_by_key(|rule| (rule.is_system, rule.priority));
        for rule in rules.into_iter().filter(|rule| rule.status == "ACTIVE") {
            if !fits_app(rule, app) || !fits_identifier(rule, login, user) {
                continue;
            }
            if let Some(idp) = provider(resources, rule, login) {
                return idp;
            }
        }
    }
    Route::Okta
}

/// Whether somebody could be sent elsewhere, so that the page has to ask for the name first.
pub fn has_routing(resources: &Resources) -> bool {
    let rules = resources
        .policies_of(Kind::IdpDiscovery)
        .into_iter()
        .flat_map(|(_, policy)| policy.rules.iter());
    rules
        .into_iter()
        .any(|(_, rule)| !rule.is_system && rule.status == "ACTIVE")
}

/// Sign-on policies, first that names a group of the user; then, on Identity Engine, the application's own.
///
/// `idp` is the identity provider that has done the first factor, if one has.
pub fn after_first_factor(
    resources: &Resources,
    user: &str,
    app: &str,
    idp: Option<&str>,
) -> Result<Next, Fault> {
    resources.users.row(user)?;
    let mut needs_factor = match rule_for(resources, user, idp) {
        None => false,
        Some(rule) if rule.actions["signon"]["access"] == "DENY" => return Ok(Next::Denied),
        Some(rule) => rule.actions["signon"]["requireFactor"] == true,
    };
    if resources.pipeline == Pipeline::Oie
        && let Some(rule) = access_rule(resources, user, app)
    {
        let sign_on = &rule.actions["appSignOn"];
        if sign_on["access"] == "DENY" {
            return Ok(Next::Denied);
        }
        needs_factor |= sign_on["verificationMethod"]["factorMode"] == "2FA";
    }
    if !needs_factor {
        return Ok(Next::Session);
    }
    // Without a factor that could be asked for, nobody gets in.
    Ok(match factor(resources, user) {
        Some(idp) => Next::Factor { idp },
        None => Next::Denied,
    })
}

/// The identity provider that is this user's factor: the first that is active and that the enrolment policy allows.
pub fn factor(resources: &Resources, user: &str) -> Option<String> {
    let is_usable = |id: &str| {
        resources
            .idps
            .find(id)
            .is_some_and(|row| row.is_active() && row.usage == Usage::Factor)
    };
    match resources.pipeline {
        // Classic: the administrator's click has made it a factor.
        Pipeline::Classic => resources
            .idps
            .iter()
            .map(|(id, _)| id)
            .find(|id| is_usable(id))
            .map(str::to_owned),
        Pipeline::Oie => {
            let mut authenticators = resources.factor_authenticators();
            let found =
                authenticators.find(|(id, idp)| is_usable(idp) && may_enrol(resources, user, id));
            found.map(|(_, idp)| idp.to_owned())
        }
    }
}

/// The authenticator that stands for an identity provider.
pub fn authenticator_of(resources: &Resources, idp: &str) -> String {
    let mut authenticators = resources.factor_authenticators();
    match authenticators.find(|(_, of)| *of == idp) {
        Some((id, _)) => id.to_owned(),
        None => crate::ids::derive_id("aut", idp),
    }
}

/// The first enrolment policy of the user's groups that says something of the authenticator.
///
/// Okta's default for a new authenticator is not documented; where no policy names one, everybody may enrol.
fn may_enrol(resources: &Resources, user: &str, authenticator: &str) -> bool {
    let mut is_named = false;
    for (_, policy) in resources.policies_of(Kind::MfaEnroll) {
        let entries = policy.settings["authenticators"]
            .as_array()
            .into_iter()
            .flatten();
        let mut entries = entries.filter(|entry| {
            entry["key"] == "external_idp"
                && entry["id"].as_str().is_none_or(|id| id == authenticator)
        });
        let Some(entry) = entries.next() else {
            continue;
        };
        is_named = true;
        if policy.status == "ACTIVE" && is_for(resources, policy, user) {
            return entry["enroll"]["self"] != "NOT_ALLOWED";
        }
    }
    !is_named
}

/// Whom an identity provider's user is, by its template and matching rule.
///
/// `value` gives what the provider said under the name of a template: `subjectNameId`, `email`, `externalId`, …
pub fn match_user(
    resources: &Resources,
    party: &Party,
    external_id: &str,
    value: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let row = resources.idps.find(&party.id)?;
    // A link, once made, is followed.
    if let Some((user, _)) = row
        .links
        .iter()
        .find(|(_, link)| link.external_id == external_id)
    {
        return Some(user.clone());
    }
    let name = party
        .matching
        .template
        .trim_start_matches("${")
        .trim_end_matches('}');
    let name = name
        .trim_start_matches("idpuser.")
        .trim_start_matches("saml.");
    let wanted = value(name)?.to_lowercase();
    let fits = |user: &UserRow, attribute: &str| user.text(attribute).to_lowercase() == wanted;
    let mut found = resources.users.iter().filter(|(_, user)| {
        user.status != Status::Deprovisioned
            && match party.matching.match_type.as_str() {
                "EMAIL" => fits(user, "email"),
                "USERNAME_OR_EMAIL" => fits(user, "login") || fits(user, "email"),
                "CUSTOM_ATTRIBUTE" => fits(user, &party.matching.attribute),
                _ => fits(user, "login"),
            }
    });
    match (found.next(), found.next()) {
        (Some((id, _)), None) => Some(id.to_owned()),
        _ => None,
    }
}

fn rule_for<'r>(resources: &'r Resources, user: &str, idp: Option<&str>) -> Option<&'r RuleRow> {
    let policies = resources.policies_of(Kind::SignOn).into_iter();
    let mut policies =
        policies.filter(|(_, policy)| policy.status == "ACTIVE" && is_for(resources, policy, user));
    // The first policy that is for the user decides, with its first rule that fits; if none does, the next policy is asked.
    policies.find_map(|(_, policy)| {
        ordered(policy)
            .into_iter()
            .find(|rule| is_rule_for(resources, rule, user) && fits_provider(rule, idp))
    })
}

fn access_rule<'r>(resources: &'r Resources, user: &str, app: &str) -> Option<&'r RuleRow> {
    let policy = resources
        .policies
        .find(&resources.apps.find(app)?.access_policy)?;
    ordered(policy)
        .into_iter()
        .find(|rule| is_rule_for(resources, rule, user))
}

fn ordered(policy: &PolicyRow) -> Vec<&RuleRow> {
    let mut rules: Vec<&RuleRow> = policy
        .rules
        .iter()
        .map(|(_, rule)| rule)
        .filter(|rule| rule.status == "ACTIVE")
        .collect();
    rules.sort_by_key(|rule| (rule.is_system, rule.priority));
    rules
}

fn is_for(resources: &Resources, policy: &PolicyRow, user: &str) -> bool {
    let groups = policy
        .conditions
        .pointer("/people/groups/include")
        .and_then(Value::as_array);
    groups.is_none_or(|groups| {
        resources
            .groups_of(user)
            .any(|(id, _)| groups.iter().any(|group| group == id))
    })
}

fn is_rule_for(resources: &Resources, rule: &RuleRow, user: &str) -> bool {
    let people = &rule.conditions["people"];
    let names = |pointer: &str| {
        people
            .pointer(pointer)
            .and_then(Value::as_array)
            .is_some_and(|list| list.iter().any(|id| id == user))
    };
    let list = |pointer: &str| {
        people
            .pointer(pointer)
            .and_then(Value::as_array)
            .filter(|list| !list.is_empty())
    };
    let is_in = |groups: &Vec<Value>| {
        resources
            .groups_of(user)
            .any(|(id, _)| groups.iter().any(|group| group == id))
    };
    let is_excluded = names("/users/exclude") || list("/groups/exclude").is_some_and(is_in);
    let is_included = match (list("/users/include"), list("/groups/include")) {
        (None, None) => true,
        (_, groups) => names("/users/include") || groups.is_some_and(is_in),
    };
    is_included && !is_excluded
}

fn fits_provider(rule: &RuleRow, idp: Option<&str>) -> bool {
    let condition = &rule.conditions["identityProvider"];
    match condition["provider"].as_str() {
        Some("OKTA") => idp.is_none(),
        Some("SPECIFIC_IDP") => condition["idpIds"].as_array().is_some_and(|ids| {
            ids.iter()
                .any(|id| Some(id) == idp.map(Value::from).as_ref())
        }),
        _ => true,
    }
}

fn fits_app(rule: &RuleRow, app: &str) -> bool {
    let list = |which: &str| {
        rule.conditions["app"][which]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    let names = |entry: &Value| entry["id"] == app;
    let (include, exclude) = (list("include"), list("exclude"));
    (include.is_empty() || include.iter().any(names)) && !exclude.iter().any(names)
}

fn fits_identifier(rule: &RuleRow, login: &str, user: Option<&UserRow>) -> bool {
    let condition = &rule.conditions["userIdentifier"];
    let patterns = condition["patterns"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if patterns.is_empty() {
        return true;
    }
    if condition["type"] == "ATTRIBUTE" {
        let Some(value) = user.and_then(|user| user.profile.get(condition["attribute"].as_str()?))
        else {
            return false;
        };
        // A boolean is compared as its text, and case counts: `True` is not `true`.
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        return patterns.iter().any(|pattern| fits_pattern(pattern, &text));
    }
    let login = login.to_lowercase();
    patterns.iter().any(|pattern| {
        let folded = serde_json::json!({ "matchType": pattern["matchType"], "value": pattern["value"].as_str().map(str::to_lowercase) });
        fits_pattern(&folded, &login)
    })
}

fn fits_pattern(pattern: &Value, text: &str) -> bool {
    let value = pattern["value"].as_str().unwrap_or_default();
    match pattern["matchType"].as_str() {
        Some("EQUALS") => text == value,
        // A suffix is a domain: what stands behind the @.
        Some("SUFFIX") => match value.contains('@') {
            true => text.ends_with(value),
            false => text.rsplit('@').next() == Some(value),
        },
        Some("STARTS_WITH") => text.starts_with(value),
        Some("CONTAINS") => text.contains(value),
        // Regular expressions are not evaluated here.
        _ => false,
    }
}

fn provider(resources: &Resources, rule: &RuleRow, login: &str) -> Option<Route> {
    let idp = &rule.actions["idp"];
    if idp["idpSelectionType"] == "DYNAMIC" {
        // The one expression that Okta's own examples use: the domain names the provider.
        let domain = login.split_once('@').map(|(_, domain)| domain)?;
        let mut rows = resources.idps.iter();
        let found = rows
            .find(|(_, row)| row.name() == domain && row.is_active() && row.usage == Usage::Sso);
        return found.map(|(id, _)| Route::Idp(id.to_owned()));
    }
    let first = idp["providers"].get(0)?;
    if first["type"] == "OKTA" {
        return Some(Route::Okta);
    }
    let id = first["id"].as_str()?;
    let row = resources.idps.find(id)?;
    // A provider that is switched off routes nobody: the next rule is asked.
    (row.is_active() && row.usage == Usage::Sso).then(|| Route::Idp(id.to_owned()))
}
