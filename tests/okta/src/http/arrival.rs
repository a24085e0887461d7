//! Somebody comes back from an identity provider that does the first factor: who of the org is it, and what follows?

use axum::response::Response;
use serde_json::{Value, json};

use super::error::PageError;
use super::login::found;
use super::percent_encode;
use crate::org::{Org, user_entity};
use crate::party::Party;
use crate::resources::idps::UserLink;
use crate::resources::users::Status;
use crate::sign_on::{self, Next};
use crate::state::{Arrival, Completion, PendingRequest, Transaction};
use crate::system_log::{Change, Client};

/// What a verified answer says of a person.
pub struct Told {
    /// NameID or `sub`: what the link is made with.
    pub external_id: String,
    /// Attributes, with the names of templates among them.
    pub values: Vec<(String, String)>,
    pub amr: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("nobody of the org fits")]
    NoMatch,
    #[error("the account could not be made: {0}")]
    NotCreated(String),
    #[error("the user is {0}")]
    NotActive(&'static str),
    #[error("a policy denies the sign-in")]
    Denied,
    #[error("the relay state is used up or expired")]
    Expired,
}

impl Told {
    fn value(&self, name: &str) -> Option<String> {
        let mut values = self.values.iter();
        values
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.clone())
    }
}

impl Refusal {
    /// In Okta's words.
    pub fn text(&self) -> &'static str {
        match self {
            Refusal::NoMatch => "Unable to match the transformed username",
            Refusal::NotCreated(_) => "Unable to JIT user from the Identity Provider",
            Refusal::NotActive(_) => "User Not Found",
            Refusal::Denied => "Sign-on policy evaluation resulted in DENY",
            Refusal::Expired => "Unable to validate incoming SAML Assertion",
        }
    }

    /// Somebody unknown is shown the org's own sign-in page, as the provider's setting says; the others are told.
    pub fn page(&self, org: &Org, transaction: &Transaction) -> Result<Response, PageError> {
        match self {
            Refusal::NoMatch => {
                org.state().cancel(&transaction.token);
                let from = percent_encode(&transaction.from_uri);
                Ok(found(&format!("/login/login.htm?fromURI={from}"), None))
            }
            Refusal::Expired => Err(PageError::expired()),
            other => Err(PageError::general(other.text())),
        }
    }
}

/// Finds or makes the user, links them to the provider, and moves the transaction on.
pub fn complete(
    org: &Org,
    client: &Client,
    party: &Party,
    pending: &PendingRequest,
    told: &Told,
    received: i64,
) -> Result<(Completion, Transaction), Refusal> {
    let (login, next, created) = find_user(org, party, told, received)?;
    if let Some(created) = created {
        org.write_change(created, client);
    }
    if next == Next::Denied {
        return Err(Refusal::Denied);
    }
    let arrival = Arrival {
        login: &login,
        amr: &told.amr,
        received,
        next,
    };
    let completed = org
        .state()
        .sign_in_by_idp(pending, &arrival, &org.config, org.now());
    completed.map_err(|_| Refusal::Expired)
}

fn find_user(
    org: &Org,
    party: &Party,
    told: &Told,
    now: i64,
) -> Result<(String, Next, Option<Change>), Refusal> {
    let mut resources = org.resources();
    let matched = sign_on::match_user(&resources, party, &told.external_id, |name| {
        told.value(name)
    });
    let (id, created) = match matched {
        Some(id) => (id, None),
        None if party.creates_users => {
            let body = json!({ "profile": new_profile(party, told) });
            let id = resources.create_user(&body, true, now);
            let id = id.map_err(|fault| Refusal::NotCreated(fault.to_string()))?;
            let user = resources.users.row_mut(&id).map_err(|_| Refusal::NoMatch)?;
            user.status = Status::Active;
            let entity = user_entity(&id, user);
            let change = Change::new("user.lifecycle.create", "Create Okta user", entity.clone());
            (id, Some(change.entity(entity)))
        }
        None => return Err(Refusal::NoMatch),
    };
    let user = resources.users.row(&id).map_err(|_| Refusal::NoMatch)?;
    if !matches!(user.status, Status::Active | Status::Provisioned) {
        return Err(Refusal::NotActive(user.status.name()));
    }
    let login = user.login().to_owned();
    if let Ok(row) = resources.idps.row_mut(&party.id) {
        row.links.entry(id.clone()).or_insert(UserLink {
            external_id: told.external_id.clone(),
            created: now,
            last_updated: now,
        });
    }
    let next = sign_on::after_first_factor(&resources, &id, &org.app_id, Some(&party.id));
    Ok((login, next.unwrap_or(Next::Denied), created))
}

/// What just-in-time provisioning takes over: e-mail and names, by SAML's and OpenID's words.
fn new_profile(party: &Party, told: &Told) -> Value {
    let any = |names: &[&str]| names.iter().find_map(|name| told.value(name));
    let email = any(&["email", "mail"]);
    let template = party.matching.template.trim_start_matches("idpuser.");
    json!({
        "login": told.value(template).or_else(|| email.clone()),
        "email": email,
        "firstName": any(&["firstName", "given_name"]),
        "lastName": any(&["lastName", "family_name"]),
    })
}
