//! What Okta has and we do not, and back. Okta never sends again what it believes to be sent, so a write that was lost stays
//! lost until somebody compares.

use crate::store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use standards::scim::{fold, limits, query::Query};
use std::collections::{BTreeMap, BTreeSet};

/// What one side has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// People.
    #[serde(default)]
    pub users: Vec<OneUser>,
    /// Groups; not compared if the other side's file has none of that name.
    #[serde(default)]
    pub groups: Option<Vec<OneGroup>>,
}

/// A person of one side. What is not said is not compared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OneUser {
    /// The login.
    pub user_name: String,
    /// Okta's id.
    #[serde(default)]
    pub external_id: Option<String>,
    /// Whether assigned and not suspended.
    #[serde(default)]
    pub active: Option<bool>,
    /// First name.
    #[serde(default)]
    pub given_name: Option<String>,
    /// Last name.
    #[serde(default)]
    pub family_name: Option<String>,
}

/// A group of one side.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OneGroup {
    /// Its name.
    pub display_name: String,
    /// Logins of its members.
    #[serde(default)]
    pub members: Vec<String>,
}

/// A file that cannot be read as either form.
#[derive(Debug, thiserror::Error)]
pub enum DriftError {
    /// Not JSON, or of another shape.
    #[error(
        "neither {{\"users\": [{{\"userName\": …}}], \"groups\": […]}} nor Okta's list of an app's users: {0}"
    )]
    Shape(serde_json::Error),
}

impl Side {
    /// Reads our own form, or Okta's answer to `GET /api/v1/apps/{id}/users`.
    pub fn parse(text: &str) -> Result<Self, DriftError> {
        if !text.trim_start().starts_with('[') {
            return serde_json::from_str(text).map_err(DriftError::Shape);
        }
        let list: Vec<AppUser> = serde_json::from_str(text).map_err(DriftError::Shape)?;
        let user = |u: AppUser| OneUser {
            user_name: u.credentials.user_name,
            external_id: Some(u.id),
            active: Some(!matches!(
                u.status.as_str(),
                "DEPROVISIONED" | "INACTIVE" | "REVOKED"
            )),
            ..OneUser::default()
        };
        Ok(Self {
            users: list.into_iter().map(user).collect(),
            groups: None,
        })
    }
}

#[derive(Deserialize)]
struct AppUser {
    id: String,
    #[serde(default)]
    status: String,
    credentials: Credentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    user_name: String,
}

/// What differs. Empty lists where nothing does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Active people whom Okta has and we have not at all.
    pub users_missing_here: Vec<String>,
    /// Active people whom we have and Okta has not.
    pub users_missing_there: Vec<String>,
    /// People who differ.
    pub users_differing: Vec<Difference>,
    /// Groups that Okta has and we have not.
    pub groups_missing_here: Vec<String>,
    /// Groups that we have and Okta has not.
    pub groups_missing_there: Vec<String>,
    /// Groups whose members differ.
    pub groups_differing: Vec<Members>,
}

/// One attribute of one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Who.
    pub user: String,
    /// What.
    pub attribute: &'static str,
    /// In Okta.
    pub there: String,
    /// Here.
    pub here: String,
}

/// The members of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Members {
    /// The group.
    pub group: String,
    /// Members in Okta only.
    pub missing_here: Vec<String>,
    /// Members here only.
    pub missing_there: Vec<String>,
}

impl Report {
    /// Whether nothing differs.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// Compares. Names are the same without regard to case, as they are for sign-in.
    pub fn of(there: &Side, here: &Side) -> Self {
        let mut report = Self::default();
        let [theirs, ours] = [there, here].map(|side| {
            let users = side.users.iter().map(|u| (fold(&u.user_name), u));
            users.collect::<BTreeMap<_, _>>()
        });
        for (name, their) in &theirs {
            match ours.get(name) {
                // Nobody misses a person who may not sign in anyway.
                None if their.active == Some(false) => {}
                None => report.users_missing_here.push(their.user_name.clone()),
                Some(our) => report.users_differing.extend(differences(their, our)),
            }
        }
        let missing = ours
            .iter()
            .filter(|(name, our)| !theirs.contains_key(*name) && our.active != Some(false));
        report.users_missing_there = missing.map(|(_, our)| our.user_name.clone()).collect();
        if let (Some(their), Some(our)) = (&there.groups, &here.groups) {
            report.compare_groups(their, our);
        }
        report
    }

    fn compare_groups(&mut self, theirs: &[OneGroup], ours: &[OneGroup]) {
        let [theirs, ours] = [theirs, ours].map(|groups| {
            let members = |g: &OneGroup| g.members.iter().map(|m| fold(m)).collect::<BTreeSet<_>>();
            let groups = groups
                .iter()
                .map(|g| (fold(&g.display_name), (&g.display_name, members(g))));
            groups.collect::<BTreeMap<_, _>>()
        });
        for (key, (name, their)) in &theirs {
            let Some((_, our)) = ours.get(key) else {
                self.groups_missing_here.push((*name).clone());
                continue;
            };
            if their != our {
                self.groups_differing.push(Members {
                    group: (*name).clone(),
                    missing_here: their.difference(our).cloned().collect(),
                    missing_there: our.difference(their).cloned().collect(),
                });
            }
        }
        let missing = ours.iter().filter(|(key, _)| !theirs.contains_key(*key));
        self.groups_missing_there = missing.map(|(_, (name, _))| (*name).clone()).collect();
    }
}

fn differences(their: &OneUser, our: &OneUser) -> Vec<Difference> {
    let truth = |value: Option<bool>| value.map(|v| v.to_string());
    let pairs = [
        (
            "userName",
            Some(their.user_name.clone()),
            Some(our.user_name.clone()),
        ),
        (
            "externalId",
            their.external_id.clone(),
            our.external_id.clone(),
        ),
        ("active", truth(their.active), truth(our.active)),
        (
            "givenName",
            their.given_name.clone(),
            our.given_name.clone(),
        ),
        (
            "familyName",
            their.family_name.clone(),
            our.family_name.clone(),
        ),
    ];
    pairs
        .into_iter()
        .filter(|(_, there, here)| there.is_some() && there != here)
        .map(|(attribute, there, here)| Difference {
            user: their.user_name.clone(),
            attribute,
            there: there.unwrap_or_default(),
            here: here.unwrap_or_default(),
        })
        .collect()
}

/// What this connection provisions.
pub async fn here(store: &Store, connection: &str) -> Result<Side, StoreError> {
    let (mut users, mut groups) = (Vec::new(), Vec::new());
    let page = |offset| Query {
        offset,
        count: limits::PAGE,
        ..Query::default()
    };
    let mut looked_at = 0;
    loop {
        let seen = store
            .list_persons(connection, &page(looked_at))
            .await?
            .map_err(|_| StoreError::Corrupt("list"))?;
        looked_at += seen.rows.len();
        let last = seen.rows.len() < limits::PAGE;
        // An administrator's own people are nothing that Okta pushed.
        let pushed = seen.rows.into_iter().filter(|p| !p.connection.is_empty());
        users.extend(pushed.map(|person| {
            let name = person.user.name.unwrap_or_default();
            OneUser {
                user_name: person.user.user_name,
                external_id: person.user.external_id,
                active: person.user.active,
                given_name: name.given_name,
                family_name: name.family_name,
            }
        }));
        if last {
            break;
        }
    }
    loop {
        let seen = store
            .list_groups(connection, &page(groups.len()))
            .await?
            .map_err(|_| StoreError::Corrupt("list"))?;
        let last = seen.rows.len() < limits::PAGE;
        for group in seen.rows {
            let (members, _) = store
                .members_of_groups(std::slice::from_ref(&group))
                .await?;
            groups.push(OneGroup {
                display_name: group.name,
                members: members.into_iter().map(|m| m.name).collect(),
            });
        }
        if last {
            break;
        }
    }
    Ok(Side {
        users,
        groups: Some(groups),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(text: &str) -> Side {
        Side::parse(text).unwrap()
    }

    #[test]
    fn every_kind_of_drift_is_reported() {
        let there = side(
            r#"{"users":[{"userName":"ann","active":true,"externalId":"1"},{"userName":"Ben"},{"userName":"cat","active":false},
            {"userName":"dan","active":false}],"groups":[{"displayName":"Staff","members":["ann","ben"]},{"displayName":"Only"}]}"#,
        );
        let here = side(
            r#"{"users":[{"userName":"Ann","active":false,"externalId":"1"},{"userName":"eve","active":true},
            {"userName":"fay","active":false},{"userName":"dan","active":false}],
            "groups":[{"displayName":"staff","members":["BEN","eve"]},{"displayName":"Ours"}]}"#,
        );
        let report = Report::of(&there, &here);
        assert_eq!(
            report.users_missing_here,
            ["Ben"],
            "cat may not sign in anyway"
        );
        assert_eq!(report.users_missing_there, ["eve"]);
        let differing: Vec<_> = report
            .users_differing
            .iter()
            .map(|d| {
                (
                    d.user.as_str(),
                    d.attribute,
                    d.there.as_str(),
                    d.here.as_str(),
                )
            })
            .collect();
        assert_eq!(
            differing,
            [
                ("ann", "userName", "ann", "Ann"),
                ("ann", "active", "true", "false")
            ]
        );
        assert_eq!(
            (report.groups_missing_here, report.groups_missing_there),
            (vec!["Only".into()], vec!["Ours".into()])
        );
        assert_eq!(
            report.groups_differing,
            [Members {
                group: "Staff".into(),
                missing_here: vec!["ann".into()],
                missing_there: vec!["eve".into()]
            }]
        );
        assert!(Report::of(&there, &there).is_clean());
    }

    #[test]
    fn oktas_own_list_of_an_apps_users_is_read() {
        let list = r#"[{"id":"00u1","status":"ACTIVE","credentials":{"userName":"ann"},"profile":{}},
            {"id":"00u2","status":"DEPROVISIONED","credentials":{"userName":"ben"}}]"#;
        let users = side(list).users;
        assert_eq!(
            (users[0].external_id.as_deref(), users[0].active),
            (Some("00u1"), Some(true))
        );
        assert_eq!(users[1].active, Some(false));
        assert!(Side::parse("{\"people\":[]}").is_err());
        assert!(Side::parse("no").is_err());
    }
}
