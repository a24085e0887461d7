//! What Okta's public API cannot do, as clicks in its administrator console; and how far they can be seen afterwards.

use super::{
    file::{Usage, Wanted},
    object::{Key, Kind},
    plan::{Action, Plan},
    snapshot::Snapshot,
};
use crate::okta::client::Pipeline;
use serde::Serialize;

/// One thing to click.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Clicks {
    /// What it is for.
    pub title: String,
    /// In their order.
    pub steps: Vec<String>,
    /// Whether it is done, as far as can be read.
    pub seen: Seen,
    /// Of a switch: whether it shall be on.
    pub wish: Option<bool>,
}

/// The title of the switch that decides who offers the choice of factors.
pub const CHOICE: &str = "decide who offers the choice of factors";

/// Whether clicks have been done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "how", rename_all = "snake_case")]
pub enum Seen {
    /// They have, and this shows it.
    Done(String),
    /// They have not.
    Open(String),
    /// The API does not tell.
    Unreadable(String),
}

/// The feature's name in Okta's list of features; the list is public, the name is what administrators see.
pub const SKIP_VERIFY: &str = "Skip the verify screen and redirect to the IdP authenticator";

/// What is to be clicked, in the order in which it makes sense. `skips_verify` is what the list of features says.
pub fn clicks(
    wanted: &Wanted,
    snapshot: &Snapshot,
    plan: &Plan,
    skips_verify: Option<bool>,
) -> Vec<Clicks> {
    let mut all = Vec::new();
    let factors: Vec<_> = wanted
        .idps
        .iter()
        .filter(|idp| idp.usage == Usage::Factor)
        .collect();
    for idp in &factors {
        let name = &idp.name;
        all.push(Clicks {
            title: format!("let {name} be a factor and nothing else"),
            steps: factor_only(name, snapshot.pipeline),
            seen: factor_seen(wanted, snapshot, plan, name),
            wish: None,
        });
        all.push(enrolment(wanted, name, snapshot.pipeline));
    }
    if let Some(idp) = factors.first() {
        all.push(skip_verify(idp.okta_offers_choice, skips_verify));
    }
    for app in &wanted.apps {
        all.push(Clicks {
            title: format!("let Okta end sessions of {}", app.name),
            steps: vec![
                format!("Applications > Applications > {} > General > Logout: Edit", app.name),
                "tick \"Okta system or admin initiates logout\", and enter the application's endpoint for global token revocation".into(),
                "Subject format: Email. Save".into(),
            ],
            seen: Seen::Unreadable("the public API does not show Universal Logout's settings of an application".into()),
            wish: None,
        });
    }
    all
}

fn factor_only(name: &str, pipeline: Pipeline) -> Vec<String> {
    match pipeline {
        Pipeline::Classic => vec![
            format!("Security > Identity Providers > {name} > Configure > Edit"),
            "IdP Usage: choose \"Factor only\". Update".into(),
            format!(
                "Security > Multifactor > Factor Types > IdP Factor: Edit, choose {name}, Save, then Active"
            ),
        ],
        Pipeline::Identity => vec![
            format!("Security > Identity Providers > {name} > Configure Identity Provider > Edit"),
            "General Settings > IdP Usage: choose \"Factor only\". Update Identity Provider".into(),
        ],
    }
}

/// Okta offers an identity provider as an authenticator only if its usage is *Factor only*; so the authenticator shows it.
fn factor_seen(wanted: &Wanted, snapshot: &Snapshot, plan: &Plan, name: &str) -> Seen {
    if snapshot.pipeline == Pipeline::Classic {
        return Seen::Unreadable(
            "Classic does not tell; a person who has set the factor up shows it, and so does the first challenge here".into(),
        );
    }
    let stands = plan
        .step(&Key::new(Kind::Idp, name))
        .and_then(|step| step.id.clone())
        .and_then(|id| authenticator_of(snapshot, &id));
    match stands {
        Some((authenticator, true)) => {
            Seen::Done(format!("the authenticator {authenticator} stands for it"))
        }
        Some((authenticator, false)) => Seen::Open(format!(
            "the authenticator {authenticator} stands for it and is inactive"
        )),
        None if wanted.authenticators.iter().any(|a| a.idp == name) => {
            Seen::Open("no authenticator stands for it yet; `tacit okta apply` makes one".into())
        }
        None => Seen::Open(
            "no authenticator stands for it, and the file has no [[authenticator]] for it".into(),
        ),
    }
}

/// The authenticator that stands for an identity provider: its name, and whether it is active.
pub fn authenticator_of(snapshot: &Snapshot, idp: &str) -> Option<(String, bool)> {
    let all = snapshot.all(Kind::Authenticator).iter();
    let of_it = all.filter(|found| {
        found.body.pointer("/key").and_then(|v| v.as_str()) == Some("external_idp")
            && found
                .body
                .pointer("/provider/configuration/idpId")
                .and_then(|v| v.as_str())
                == Some(idp)
    });
    of_it
        .map(|found| {
            (
                found.name.clone(),
                found.body.pointer("/status").and_then(|v| v.as_str()) == Some("ACTIVE"),
            )
        })
        .max_by_key(|(_, active)| *active)
}

fn enrolment(wanted: &Wanted, name: &str, pipeline: Pipeline) -> Clicks {
    let groups: Vec<&str> = wanted.groups.iter().map(|g| g.name.as_str()).collect();
    let groups = match groups.as_slice() {
        [] => "the group that shall have it".to_owned(),
        groups => groups.join(", "),
    };
    let authenticator = wanted
        .authenticators
        .iter()
        .find(|a| a.idp == name)
        .map_or(name, |a| a.name.as_str());
    let steps = match pipeline {
        Pipeline::Classic => vec![
            "Security > Multifactor > Factor Enrollment > Add Multifactor Policy".into(),
            format!("Assign to groups: {groups}. IdP Factor: Required. Create Policy"),
            "Add rule: enroll in multi-factor \"the first time a user signs in\". Create Rule"
                .into(),
        ],
        Pipeline::Identity => vec![
            "Security > Authenticators > Enrollment > Add a policy".into(),
            format!(
                "Assign to groups: {groups}. {authenticator}: Required. Create policy, then add its rule"
            ),
        ],
    };
    Clicks {
        title: format!("let people set {name} up"),
        steps,
        seen: Seen::Unreadable(
            "each person sets it up once, at their first sign-in: Set up, Enroll, Finish".into(),
        ),
        wish: None,
    }
}

fn skip_verify(okta_offers_choice: bool, skips: Option<bool>) -> Clicks {
    let (wish, steps) = match okta_offers_choice {
        false => (
            "on",
            "switch it on: without it people click Verify each time. They choose other factors on our page then",
        ),
        true => (
            "off",
            "switch it off: the file says that Okta offers the choice of factors",
        ),
    };
    let seen = match (skips, okta_offers_choice) {
        (None, _) => Seen::Unreadable(
            "the org's list of features cannot be read, or does not name it".into(),
        ),
        (Some(on), choice) if on != choice => {
            Seen::Done(format!("the org's list of features says that it is {wish}"))
        }
        (Some(_), _) => Seen::Open(format!(
            "the org's list of features says that it is not {wish}"
        )),
    };
    Clicks {
        title: CHOICE.into(),
        steps: vec![
            format!("Settings > Features > \"{SKIP_VERIFY}\""),
            steps.into(),
        ],
        seen,
        wish: Some(!okta_offers_choice),
    }
}

/// For people.
pub fn to_text(all: &[Clicks]) -> String {
    let mut out = String::new();
    for clicks in all {
        let (sign, how) = match &clicks.seen {
            Seen::Done(how) => ("done", how),
            Seen::Open(how) => ("open", how),
            Seen::Unreadable(how) => ("to check", how),
        };
        out += &format!("\nby hand: {} ({sign}: {how})\n", clicks.title);
        if !matches!(clicks.seen, Seen::Done(_)) {
            for (n, step) in clicks.steps.iter().enumerate() {
                out += &format!("  {}. {step}\n", n + 1);
            }
        }
    }
    out
}

/// Whether something that can be seen is still to be done.
pub fn is_open(all: &[Clicks], plan: &Plan) -> bool {
    let waits = plan.count(|action| matches!(action, Action::Held(_))) > 0;
    waits
        || all
            .iter()
            .any(|clicks| matches!(clicks.seen, Seen::Open(_)))
}
