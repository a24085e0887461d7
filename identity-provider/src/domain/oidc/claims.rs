//! What tokens say of a person and of their sign-in: the truth, and no more.

use super::{OidcClient, OidcEcho, Subject};
use crate::domain::{challenge::Challenge, connection::Role, user::User};
use serde_json::Value;
use std::collections::BTreeMap;

/// What `acr` can be: a passkey whose key cannot be copied, a passkey, and possession of anything else that proves itself.
/// The first two are the registered values of OpenID Connect Extended Authentication Profile (EAP) 1.0.
pub const ACR_VALUES: [&str; 3] = ["phrh", "phr", "urn:tacit:possession"];

/// How good the sign-in was, from what was done.
pub fn acr_of(amr: &[String]) -> &'static str {
    let has = |method: &str| amr.iter().any(|m| m == method);
    match (has("phr"), has("hwk")) {
        (true, true) => ACR_VALUES[0],
        (true, false) => ACR_VALUES[1],
        (false, _) => ACR_VALUES[2],
    }
}

/// `sub` of a person.
pub fn subject_of<'a>(client: &OidcClient, user: &'a User) -> &'a str {
    match client.subject {
        Subject::Id => user.id.as_str(),
        Subject::Login => user.login.as_str(),
    }
}

/// What `scope` opens of a person. As a factor of Okta, `preferred_username` is given back exactly as it was asked for,
/// because Okta compares it; everybody else gets the one spelling that we keep.
pub fn person_claims(
    scope: &str,
    user: &User,
    challenge: &Challenge,
    role: Role,
) -> BTreeMap<String, Value> {
    let mut claims = BTreeMap::new();
    let has = |wanted: &str| scope.split(' ').any(|s| s == wanted);
    let name = match role {
        Role::Factor => challenge.subject.as_str(),
        Role::Sso => user.login.as_str(),
    };
    // Okta's generic OIDC factor compares this whatever scopes were configured.
    if has("profile") || role == Role::Factor {
        claims.insert("preferred_username".into(), name.into());
    }
    if has("email") && user.login.as_str().contains('@') {
        claims.insert("email".into(), user.login.as_str().into());
    }
    claims
}

/// Everything of an ID token that is not of every ID token: the person, and Okta's application context unchanged.
pub(super) fn token_claims(
    echo: &OidcEcho,
    user: &User,
    challenge: &Challenge,
    role: Role,
) -> BTreeMap<String, Value> {
    let mut claims = person_claims(&echo.scope, user, challenge, role);
    for (name, value) in &echo.application {
        claims.insert(name.clone(), value.as_str().into());
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_passkey_is_phishing_resistant_and_only_in_hardware_is_it_so_in_hardware() {
        let acr = |amr: &[&str]| acr_of(&amr.iter().map(|m| (*m).into()).collect::<Vec<_>>());
        assert_eq!(acr(&["hwk", "pop", "phr"]), "phrh");
        assert_eq!(acr(&["swk", "pop", "phr"]), "phr");
        assert_eq!(
            acr(&["hwk", "pop", "mfa"]),
            "urn:tacit:possession",
            "a silent answer"
        );
        assert_eq!(acr(&["otp"]), "urn:tacit:possession");
    }
}
