//! A group, and what a PATCH changes in it. A group may have many members, so a change is never the whole list unless the
//! client says the whole list.

use super::{
    document::{Document, normal, within_limit},
    error::ScimError,
    filter::Filter,
    patch::{PatchPath, PatchRequest, Verb},
    schema::{CORE_GROUP, GROUP, Mutability},
};
use serde_json::Value;

/// A group, as a client may write one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The client's id of the group.
    pub external_id: Option<String>,
    /// Its name.
    pub display_name: String,
    /// Ids of its members, each once; `None` if the client did not say.
    pub members: Option<Vec<String>>,
}

/// One step of a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Another name.
    Rename(String),
    /// Another id of the client's; empty to forget it.
    ExternalId(String),
    /// These become members.
    Add(Vec<String>),
    /// These are members no more.
    Remove(Vec<String>),
    /// All that fit are members no more.
    RemoveMatching(Filter),
    /// These are all the members from now on.
    Replace(Vec<String>),
}

impl Group {
    /// Reads the body of a POST or PUT.
    pub fn read(body: Value) -> Result<Self, ScimError> {
        // Whether members were named at all is seen before the empty list becomes "unassigned".
        let said = body
            .as_object()
            .is_some_and(|b| b.keys().any(|k| k.eq_ignore_ascii_case("members")));
        let mut document = Document::read(&GROUP, body)?;
        let members = member_ids(document.take("members"))?;
        let text = |value: Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            external_id: text(document.take("externalId")),
            display_name: text(document.take("displayName"))
                .ok_or(ScimError::Missing("displayName"))?,
            members: said.then_some(members),
        })
    }
}

/// What the operations of a PATCH change, in their order. Refused as a whole or not at all.
pub fn changes(request: &PatchRequest) -> Result<Vec<Change>, ScimError> {
    let mut changes = Vec::new();
    for operation in &request.operations {
        match (&operation.path, &operation.value) {
            (Some(path), value) => changes.extend(change(operation.verb, path, value.clone())?),
            (None, _) if operation.verb == Verb::Remove => return Err(ScimError::NoTarget),
            (None, Some(Value::Object(values))) => {
                for (name, value) in values {
                    // Okta's rename says the id as well; what only we say is passed over here (RFC 7644, section 3.5.2).
                    let Ok(path) = PatchPath::parse(name) else {
                        continue;
                    };
                    let known = GROUP.resolve(&path.attribute_path());
                    if known.is_some_and(|t| t.attribute.mutability != Mutability::ReadOnly) {
                        changes.extend(change(operation.verb, &path, Some(value.clone()))?);
                    }
                }
            }
            (None, _) => return Err(ScimError::NotA("an operation with a value")),
        }
    }
    Ok(changes)
}

fn change(verb: Verb, path: &PatchPath, value: Option<Value>) -> Result<Option<Change>, ScimError> {
    if path.is_schemas() {
        return Ok(None);
    }
    let target = GROUP
        .resolve(&path.attribute_path())
        .ok_or_else(|| ScimError::PathAttribute(path.to_string()))?;
    let attribute = target.attribute;
    if attribute.mutability == Mutability::ReadOnly {
        return Err(ScimError::ReadOnly(attribute.name));
    }
    if attribute.is_multi {
        return members(verb, path, value);
    }
    if path.filter.is_some() {
        return Err(ScimError::PathShape(attribute.name));
    }
    let text = match (verb, value) {
        (Verb::Remove, _) | (_, None) => None,
        (_, Some(value)) => normal(attribute, value)?,
    };
    let text = text.as_ref().and_then(Value::as_str).map(str::to_owned);
    match (attribute.name, text) {
        ("displayName", Some(name)) => Ok(Some(Change::Rename(name))),
        ("displayName", None) => Err(ScimError::Missing("displayName")),
        (_, id) => Ok(Some(Change::ExternalId(id.unwrap_or_default()))),
    }
}

fn members(
    verb: Verb,
    path: &PatchPath,
    value: Option<Value>,
) -> Result<Option<Change>, ScimError> {
    let shape = Err(ScimError::PathShape("members"));
    let Some(filter) = &path.filter else {
        if path.sub.is_some() {
            return shape;
        }
        // `null` and `[]` are the empty list.
        let ids = member_ids(match value.clone() {
            Some(value) => normal_members(value)?,
            None => None,
        })?;
        return Ok(match (verb, value) {
            (Verb::Add, _) if ids.is_empty() => None,
            (Verb::Add, _) => Some(Change::Add(ids)),
            (Verb::Replace, Some(_)) => Some(Change::Replace(ids)),
            // Nothing said is not "none".
            (Verb::Replace, None) => return Err(ScimError::NotA("an operation with a value")),
            (Verb::Remove, None | Some(Value::Null)) => Some(Change::Replace(Vec::new())),
            // Entra's old way names whom to remove in the value; an empty list names nobody.
            (Verb::Remove, Some(_)) if ids.is_empty() => None,
            (Verb::Remove, Some(_)) => Some(Change::Remove(ids)),
        });
    };
    super::filter::matches_element(filter, list(), &Value::Null)?;
    match (verb, path.sub.as_deref()) {
        (Verb::Remove, None) => Ok(Some(match filter.alternatives("value") {
            Some(ids) => Change::Remove(unique(ids.into_iter().map(Into::into).collect())),
            None => Change::RemoveMatching(filter.clone()),
        })),
        // `add members[value eq "…"]` says the member in the path.
        (Verb::Add, None) => match filter.alternatives("value") {
            Some(ids) => Ok(Some(Change::Add(unique(
                ids.into_iter().map(Into::into).collect(),
            )))),
            None => Err(ScimError::NoTarget),
        },
        // A member's own sub-attributes are immutable (RFC 7643, section 4.2).
        _ => Err(ScimError::ReadOnly("members")),
    }
}

fn list() -> &'static super::schema::Attribute {
    // Invariant: the core schema of groups has this list; the test below reads it.
    GROUP
        .core_attribute("members")
        .unwrap_or(&CORE_GROUP.attributes[1])
}

fn normal_members(value: Value) -> Result<Option<Value>, ScimError> {
    normal(list(), value)
}

/// The ids of members in the one spelling, each once.
fn member_ids(value: Option<Value>) -> Result<Vec<String>, ScimError> {
    let Some(Value::Array(values)) = value else {
        return Ok(Vec::new());
    };
    let mut ids = Vec::with_capacity(values.len());
    for value in &values {
        let kind = value["type"].as_str().unwrap_or("User");
        if !kind.eq_ignore_ascii_case("User") {
            return Err(ScimError::NestedGroup);
        }
        let id = value["value"]
            .as_str()
            .ok_or(ScimError::Missing("members.value"))?;
        ids.push(id.to_owned());
    }
    within_limit(list(), ids.len())?;
    Ok(unique(ids))
}

fn unique(mut ids: Vec<String>) -> Vec<String> {
    ids.sort_unstable();
    ids.dedup();
    ids
}
