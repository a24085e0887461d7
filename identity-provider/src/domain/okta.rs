//! What is done at an Okta org, and why. The calls themselves are [`crate::okta::delivery`]'s.
//!
//! # Who could cheat, and how
//!
//! - Forges an event of the org's: the shared secret, compared in constant time; who guesses is not heard for a while.
//! - Plays an event again, or late: each counts once, and an older one does not undo a newer one.
//! - Brings back with an event somebody whom an administrator or SCIM disabled: an event only undoes what an event did.
//! - Names in an event somebody of another connection: people of other connections do not exist for it.
//! - Leads our credential elsewhere: https, one origin, no redirects, no links to other origins.
//! - Has our action hit somebody else: a user found by login has to have that login, as a whole.
//! - Loops the group that we keep with the group that lets people in: they may not be the same.
//! - Lets us flood the org: a limit that is used up is waited for, by all actions of the connection.

use crate::clock::Millis;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::SocketAddr};
use wire::id::{ConnectionId, Origin};

/// The longest identifier or attribute name of an org's, in bytes.
const NAME: usize = 100;

/// The org of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OktaOrg {
    /// Whose.
    pub connection: ConnectionId,
    /// Where it is.
    pub org: Origin,
    /// See [`crate::okta::connect`].
    pub sealed_credential: String,
    /// PEM that is trusted besides the machine's own; empty for none.
    pub ca: String,
    /// Hosts whose address is not asked of DNS.
    pub addresses: BTreeMap<String, SocketAddr>,
    /// What follows from what.
    pub effects: Effects,
    /// Of the event hooks' shared secret; empty if none are taken.
    pub hook_hash: String,
    /// Last change.
    pub updated_at: Millis,
}

/// What follows from what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Effects {
    /// A group of the org's that enrolled people are kept in, and nobody else of ours.
    pub group: Option<String>,
    /// A boolean attribute of the org's that is `true` for enrolled people, and empty for others.
    pub attribute: Option<String>,
    /// A group of the org's that lets people in: who is taken out of it leaves here, too.
    pub watched_group: Option<String>,
    /// What happens when silence is switched off because somebody else is at the keyboard.
    pub on_takeover: Vec<OnTakeover>,
}

/// Why effects cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EffectsError {
    /// Not an identifier of an org's.
    #[error(
        "an identifier or attribute of an org has 1 to {NAME} letters, digits, underscores or hyphens"
    )]
    Name,
    /// One group for both.
    #[error(
        "the group that is kept and the group that is watched have to be different: one would follow from the other"
    )]
    Loop,
    /// A thing twice.
    #[error("each effect of a takeover is named once")]
    Twice,
}

impl Effects {
    /// Refuses what cannot be.
    pub fn checked(self) -> Result<Self, EffectsError> {
        let is_name = |text: &String| {
            (1..=NAME).contains(&text.len())
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        let names = [&self.group, &self.attribute, &self.watched_group];
        if !names.into_iter().flatten().all(is_name) {
            return Err(EffectsError::Name);
        }
        if self.group.is_some() && self.group == self.watched_group {
            return Err(EffectsError::Loop);
        }
        let is_twice = |(n, effect): (usize, &OnTakeover)| self.on_takeover[..n].contains(effect);
        if self.on_takeover.iter().enumerate().any(is_twice) {
            return Err(EffectsError::Twice);
        }
        Ok(self)
    }

    /// The actions that keep the org's picture of enrolled people true.
    pub fn kept(&self) -> Vec<ActionKind> {
        let group = self.group.as_ref().map(|_| ActionKind::Membership);
        let attribute = self.attribute.as_ref().map(|_| ActionKind::Registration);
        group.into_iter().chain(attribute).collect()
    }
}

/// What may happen at the org when somebody else is at a person's keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum OnTakeover {
    /// The person's sessions at the org end.
    EndSessions,
    /// Okta's Universal Logout: they end at the applications as well.
    UniversalLogout,
    /// The person's risk is set to high (Identity Threat Protection).
    RiskHigh,
    /// A signed CAEP event says that the sessions are over.
    SessionRevoked,
    /// A signed event says that the risk went up.
    UserRiskChange,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionKind {
    /// The person is in the kept group if enrolled, and out of it if not.
    Membership,
    /// The kept attribute is set if the person is enrolled, and empty if not.
    Registration,
    /// What follows a takeover.
    Takeover(OnTakeover),
}

impl ActionKind {
    const ALL: [Self; 7] = [
        Self::Membership,
        Self::Registration,
        Self::Takeover(OnTakeover::EndSessions),
        Self::Takeover(OnTakeover::UniversalLogout),
        Self::Takeover(OnTakeover::RiskHigh),
        Self::Takeover(OnTakeover::SessionRevoked),
        Self::Takeover(OnTakeover::UserRiskChange),
    ];

    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Membership => "membership",
            Self::Registration => "registration",
            Self::Takeover(OnTakeover::EndSessions) => "end_sessions",
            Self::Takeover(OnTakeover::UniversalLogout) => "universal_logout",
            Self::Takeover(OnTakeover::RiskHigh) => "risk_high",
            Self::Takeover(OnTakeover::SessionRevoked) => "session_revoked",
            Self::Takeover(OnTakeover::UserRiskChange) => "user_risk_change",
        }
    }

    /// The kind of this name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// What an event of the org says of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The event's name.
    pub event: String,
    /// The person at the org.
    pub okta_id: String,
    /// The person's login there; may be empty.
    pub login: String,
    /// About what.
    pub aspect: Aspect,
    /// Whether the person is out now.
    pub is_out: bool,
    /// When that happened at the org.
    pub at: Millis,
}

/// What an event may be about. A person is out who is out in one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// Active, suspended, deactivated, deleted.
    Life,
    /// In the watched group or not.
    Watched,
}

/// What follows from an event, for each person it is about.
pub fn heard(event: &standards::event_hook::LogEvent, effects: &Effects) -> Vec<Heard> {
    if !event.is_success {
        return Vec::new();
    }
    let (aspect, is_out) = match event.kind.as_str() {
        "user.lifecycle.deactivate"
        | "user.lifecycle.suspend"
        | "user.lifecycle.delete.initiated" => (Aspect::Life, true),
        "user.lifecycle.activate" | "user.lifecycle.reactivate" | "user.lifecycle.unsuspend" => {
            (Aspect::Life, false)
        }
        "group.user_membership.remove" => (Aspect::Watched, true),
        "group.user_membership.add" => (Aspect::Watched, false),
        _ => return Vec::new(),
    };
    let is_watched = |group: &standards::event_hook::Target| {
        effects.watched_group.as_deref() == Some(group.id.as_str())
    };
    if aspect == Aspect::Watched && !event.groups.iter().any(is_watched) {
        return Vec::new();
    }
    let people = event.users.iter().map(|user| Heard {
        event: event.uuid.clone(),
        okta_id: user.id.clone(),
        login: user.login.clone(),
        aspect,
        is_out,
        at: event.published_ms,
    });
    people.collect()
}

/// The types of event that [`heard`] understands, for whoever sets a hook up.
pub const EVENT_TYPES: [&str; 8] = [
    "user.lifecycle.deactivate",
    "user.lifecycle.suspend",
    "user.lifecycle.delete.initiated",
    "user.lifecycle.activate",
    "user.lifecycle.reactivate",
    "user.lifecycle.unsuspend",
    "group.user_membership.remove",
    "group.user_membership.add",
];

#[cfg(test)]
mod tests {
    use super::*;
    use standards::event_hook::{LogEvent, Target};

    #[test]
    fn kinds_have_one_name_each() {
        for kind in ActionKind::ALL {
            assert_eq!(ActionKind::from_code(kind.code()), Some(kind));
        }
        assert_eq!(ActionKind::from_code("surprise"), None);
    }

    #[test]
    fn effects_that_cannot_be_are_refused() {
        let with = |group: &str, watched: &str| Effects {
            group: Some(group.into()),
            watched_group: Some(watched.into()),
            ..Effects::default()
        };
        assert!(with("00g1", "00g2").checked().is_ok());
        assert_eq!(with("00g1", "00g1").checked(), Err(EffectsError::Loop));
        for bad in ["", "a/b", "a b", "é", &"a".repeat(101)] {
            assert_eq!(with(bad, "00g2").checked(), Err(EffectsError::Name));
        }
        let twice = Effects {
            on_takeover: vec![OnTakeover::EndSessions, OnTakeover::EndSessions],
            ..Effects::default()
        };
        assert_eq!(twice.checked(), Err(EffectsError::Twice));
    }

    #[test]
    fn only_events_about_people_coming_and_going_are_heard() {
        let target = |id: &str| Target {
            id: id.into(),
            login: String::new(),
        };
        let event = |kind: &str, groups: &[&str]| LogEvent {
            uuid: "e1".into(),
            published_ms: 5,
            kind: kind.into(),
            is_success: true,
            users: vec![target("00u1"), target("00u2")],
            groups: groups.iter().map(|g| target(g)).collect(),
        };
        let effects = Effects {
            watched_group: Some("00g1".into()),
            ..Effects::default()
        };
        let check = |event: &LogEvent, expected: &[(Aspect, bool)]| {
            let found: Vec<_> = heard(event, &effects)
                .iter()
                .map(|h| (h.aspect, h.is_out))
                .collect();
            assert_eq!(found, expected, "{}", event.kind);
        };
        for kind in EVENT_TYPES {
            assert_eq!(heard(&event(kind, &["00g1"]), &effects).len(), 2, "{kind}");
        }
        check(
            &event("user.lifecycle.suspend", &[]),
            &[(Aspect::Life, true); 2],
        );
        check(
            &event("group.user_membership.add", &["00g9", "00g1"]),
            &[(Aspect::Watched, false); 2],
        );
        check(&event("group.user_membership.remove", &["00g9"]), &[]);
        check(&event("user.session.start", &[]), &[]);
        let failed = LogEvent {
            is_success: false,
            ..event("user.lifecycle.suspend", &[])
        };
        check(&failed, &[]);
    }
}
