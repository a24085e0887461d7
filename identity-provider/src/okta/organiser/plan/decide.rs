//! What to do about one object.

use super::{Action, Input, Record, Refusal, service_provider_of};
use crate::{
    clock::MINUTE,
    okta::{
        client::Pipeline,
        organiser::{
            compare::{Difference, differences, shown},
            object::{Key, Kind, Object, resolve},
            snapshot::{Found, Snapshot},
        },
    },
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What to do about one object, and the org's id of it.
pub(super) fn decide(
    object: &Object,
    input: &Input<'_>,
    ids: &BTreeMap<Key, String>,
) -> (Action, Option<String>) {
    let record = input.records.get(&object.key);
    match object.key.kind {
        Kind::Connection => return (decide_connection(object, record, input), None),
        Kind::Metadata => return (decide_metadata(object, record, input), None),
        Kind::Link => return (decide_link(object, record, input, ids), None),
        Kind::Authenticator if input.snapshot.pipeline == Pipeline::Classic => {
            let why = "Classic has no authenticators";
            return (
                Action::NotHere(Refusal::new(why, "follow the clicks below")),
                None,
            );
        }
        _ => {}
    }
    let parent = object.parent.as_ref().map(|key| ids.get(key).cloned());
    let found = match &parent {
        // What it is part of is not there yet.
        Some(None) => None,
        Some(Some(parent)) => find(object, record, Some(parent), input.snapshot),
        None => find(object, record, None, input.snapshot),
    };
    let Some((found, is_by_id)) = found else {
        let again = record.is_some_and(|r| !r.is_intended);
        let action = match object.existing {
            true => Action::Blocked(Refusal::new(
                "the file says that it exists already, and the org has none of this name",
                "leave `existing` out, or correct the name",
            )),
            false => Action::Create { again },
        };
        return (held(object, action, input), None);
    };
    let id = Some(found.id.clone());
    if object.existing || object.key.kind == Kind::Certificate {
        return (Action::Leave, id);
    }
    let mut different = differ(object, found, ids);
    let action = match record {
        Some(record) if !record.is_intended && is_by_id => {
            if let Some((at, source)) = &object.secret
                && input.secrets.get(&object.key) != Some(&record.secret)
            {
                different.push(Difference::of_secret(
                    at.trim_start_matches('/'),
                    &source.shown(),
                ));
            }
            match different.is_empty() {
                true => Action::Leave,
                false => Action::Change(different),
            }
        }
        Some(record)
            if record.is_intended && is_of_that_time(found, record) && is_whole(&different) =>
        {
            Action::Resume
        }
        _ if input.adopts => Action::Adopt(different),
        _ => Action::Blocked(Refusal::new(
            format!(
                "the org has one of this name ({}), and it was not made by this file",
                found.id
            ),
            "rename it in the file, or take it over with `tacit okta apply --adopt`",
        )),
    };
    (held(object, action, input), id)
}

/// Only what was switched off or is not verified yet differs: the rest is as we sent it.
fn is_whole(different: &[Difference]) -> bool {
    different
        .iter()
        .all(|d| matches!(d.at.as_str(), "status" | "verificationStatus"))
}

fn held(object: &Object, action: Action, input: &Input<'_>) -> Action {
    match input.holds.get(&object.key) {
        Some(refusal) if action.is_work() => Action::Held(refusal.clone()),
        _ => action,
    }
}

/// The object in the org: by the recorded id, else by name; and whether it was by id.
fn find<'s>(
    object: &Object,
    record: Option<&Record>,
    parent: Option<&str>,
    snapshot: &'s Snapshot,
) -> Option<(&'s Found, bool)> {
    let all = snapshot.all(object.key.kind);
    let fits = |found: &&Found| found.parent.as_deref() == parent;
    if let Some(record) = record
        && let Some(found) = all
            .iter()
            .filter(fits)
            .find(|f| !record.id.is_empty() && f.id == record.id)
    {
        return Some((found, true));
    }
    let by_name = all.iter().filter(fits).find(|f| f.name == object.known_as);
    by_name.map(|found| (found, false))
}

fn differ(object: &Object, found: &Found, ids: &BTreeMap<Key, String>) -> Vec<Difference> {
    let shall = resolve(&object.body, &|key| ids.get(key).cloned());
    let mut different: Vec<Difference> = differences(&shall, &found.body)
        .into_iter()
        .map(|d| Difference {
            shall: shown(&d.shall),
            ..d
        })
        .collect();
    let says = |member: &str, wanted: &str| {
        let is = found.body.get(member).cloned().unwrap_or(Value::Null);
        let differs = is != wanted;
        differs.then(|| Difference {
            at: member.into(),
            is,
            shall: wanted.into(),
        })
    };
    if object.key.kind.has_status() {
        different.extend(says("status", "ACTIVE"));
    }
    if object.key.kind == Kind::Hook {
        different.extend(says("verificationStatus", "VERIFIED"));
    }
    if found.has_strange_secret {
        different.push(Difference {
            at: "protocol.credentials.client.client_secret".into(),
            is: "(another one)".into(),
            shall: "(one of the connection's)".into(),
        });
    }
    different
}

/// Whether the org says that it was made when we meant to make it. Clocks may differ, and calls may be slow.
fn is_of_that_time(found: &Found, record: &Record) -> bool {
    const BEFORE: i64 = 5 * MINUTE;
    const AFTER: i64 = 20 * MINUTE;
    match found.created {
        Some(at) => at >= record.intended_at - BEFORE && at <= record.intended_at + AFTER,
        None => true,
    }
}

fn decide_connection(object: &Object, record: Option<&Record>, input: &Input<'_>) -> Action {
    let Some(is) = input.ours.connection_body(&object.key.name) else {
        return Action::Create {
            again: record.is_some_and(|r| !r.is_intended),
        };
    };
    let different = differences(&object.body, &is);
    if different.iter().any(|d| d.at == "protocol") {
        return Action::Blocked(Refusal::new(
            "the connection exists and speaks the other standard",
            "give the identity provider another `connection`",
        ));
    }
    match (different.is_empty(), record.is_some() || input.adopts) {
        (true, _) => match record {
            Some(record) if record.is_intended => Action::Resume,
            _ => Action::Leave,
        },
        (false, true) => Action::Change(different),
        (false, false) => Action::Blocked(Refusal::new(
            format!(
                "the connection exists, was not made by this file, and differs in {}",
                different
                    .iter()
                    .map(|d| d.at.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            "change it with `tacit connection update`, or take it over with `tacit okta apply --adopt`",
        )),
    }
}

fn decide_link(
    object: &Object,
    record: Option<&Record>,
    input: &Input<'_>,
    ids: &BTreeMap<Key, String>,
) -> Action {
    let Some(is) = input.ours.links.get(&object.key.name) else {
        return Action::Create {
            again: record.is_some_and(|r| !r.is_intended),
        };
    };
    let shall = resolve(&object.body, &|key| ids.get(key).cloned());
    let mut different: Vec<Difference> = differences(&shall, is)
        .into_iter()
        .map(|d| Difference {
            shall: shown(&d.shall),
            ..d
        })
        .collect();
    if let (Some(record), Some((_, secret))) = (record, &object.secret)
        && input.secrets.get(&object.key) != Some(&record.secret)
    {
        different.push(Difference::of_secret("credential", &secret.shown()));
    }
    match (different.is_empty(), record.is_some() || input.adopts) {
        (true, _) => Action::Leave,
        (false, true) => Action::Change(different),
        (false, false) => Action::Blocked(Refusal::new(
            "the connection does other things at an org, which this file did not set up",
            "change it with `tacit okta connect`, or take it over with `tacit okta apply --adopt`",
        )),
    }
}

fn decide_metadata(object: &Object, record: Option<&Record>, input: &Input<'_>) -> Action {
    let has = input.ours.service_provider(&object.key.name);
    let idp = object.parent.as_ref().and_then(|parent| {
        let record = input.records.get(parent)?;
        input
            .snapshot
            .all(Kind::Idp)
            .iter()
            .find(|f| f.id == record.id)
    });
    let idp = idp.or_else(|| {
        let parent = object.parent.as_ref()?;
        input
            .snapshot
            .all(Kind::Idp)
            .iter()
            .find(|f| f.name == parent.name)
    });
    let Some(wanted) = idp.map(|found| service_provider_of(&found.body)) else {
        return Action::Create { again: false };
    };
    let Some(has) = has else {
        return Action::Create { again: false };
    };
    let different = differences(&wanted, &has);
    match (different.is_empty(), record.is_some() || input.adopts) {
        (true, _) => Action::Leave,
        (false, true) => Action::Change(different),
        (false, false) => Action::Blocked(Refusal::new(
            "the connection holds metadata of another identity provider",
            "give this identity provider a connection of its own, or take it over with `tacit okta apply --adopt`",
        )),
    }
}
