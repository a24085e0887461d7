//! What operations do to a document. The document is a copy until all of them have succeeded.

use super::{Operation, PatchPath, PatchRequest, Verb};
use crate::scim::{
    document::{
        Document, inner_map, is_writable, normal, normal_single, one_primary, within_limit,
    },
    error::ScimError,
    filter::{Comparison, Filter, Literal, matches_element},
    schema::{Attribute, Mutability, ResourceType, Schema, Target},
};
use serde_json::{Map, Value};

impl PatchRequest {
    /// The document after all operations, or why none of them counts.
    pub fn apply(
        &self,
        resource: &ResourceType,
        document: &Document,
    ) -> Result<Document, ScimError> {
        let mut changed = document.clone();
        for operation in &self.operations {
            operation.apply(resource, &mut changed.0)?;
        }
        for extension in resource.extensions {
            if changed.0.get(extension.id) == Some(&Value::Object(Map::new())) {
                changed.0.remove(extension.id);
            }
        }
        Ok(changed)
    }
}

impl Operation {
    fn apply(
        &self,
        resource: &ResourceType,
        map: &mut Map<String, Value>,
    ) -> Result<(), ScimError> {
        match &self.path {
            Some(path) => match extension_of(resource, path) {
                Some(extension) => self.on_extension(resource, extension, map),
                None => self.at(resource, path, map, self.value.clone(), Unknown::Refused),
            },
            None => self.without_path(resource, map),
        }
    }

    /// The value says where: names, paths, and extensions with names of their own.
    fn without_path(
        &self,
        resource: &ResourceType,
        map: &mut Map<String, Value>,
    ) -> Result<(), ScimError> {
        let values = match (self.verb, &self.value) {
            (Verb::Remove, _) => return Err(ScimError::NoTarget),
            (_, Some(Value::Object(values))) => values,
            _ => return Err(ScimError::NotA("an operation with a value")),
        };
        for (name, value) in values {
            if let (Some(extension), Value::Object(inner)) = (resource.extension(name), value) {
                self.each_of(resource, extension, inner, map)?;
            } else if let Ok(path) = PatchPath::parse(name) {
                self.at(
                    resource,
                    &path,
                    map,
                    Some(value.clone()),
                    Unknown::PassedOver,
                )?;
            }
        }
        Ok(())
    }

    fn on_extension(
        &self,
        resource: &ResourceType,
        extension: &'static Schema,
        map: &mut Map<String, Value>,
    ) -> Result<(), ScimError> {
        match (self.verb, &self.value) {
            (Verb::Remove, _) => drop(map.remove(extension.id)),
            (_, Some(Value::Object(inner))) => self.each_of(resource, extension, inner, map)?,
            _ => return Err(ScimError::NotA("an operation with a value")),
        }
        Ok(())
    }

    fn each_of(
        &self,
        resource: &ResourceType,
        extension: &'static Schema,
        values: &Map<String, Value>,
        map: &mut Map<String, Value>,
    ) -> Result<(), ScimError> {
        for (name, value) in values {
            let Ok(mut path) = PatchPath::parse(name) else {
                continue;
            };
            path.schema = Some(extension.id.into());
            self.at(
                resource,
                &path,
                map,
                Some(value.clone()),
                Unknown::PassedOver,
            )?;
        }
        Ok(())
    }

    fn at(
        &self,
        resource: &ResourceType,
        path: &PatchPath,
        map: &mut Map<String, Value>,
        value: Option<Value>,
        unknown: Unknown,
    ) -> Result<(), ScimError> {
        if path.is_schemas() {
            return Ok(());
        }
        let target = match (resource.resolve(&path.attribute_path()), unknown) {
            (Some(target), _) => target,
            (None, Unknown::PassedOver) => return Ok(()),
            (None, Unknown::Refused) => return Err(ScimError::PathAttribute(path.to_string())),
        };
        let read_only = [Some(target.attribute), target.sub]
            .into_iter()
            .flatten()
            .find(|a| a.mutability == Mutability::ReadOnly);
        match (read_only, unknown) {
            (Some(_), Unknown::PassedOver) => return Ok(()),
            (Some(attribute), Unknown::Refused) => return Err(ScimError::ReadOnly(attribute.name)),
            // What is never stored needs no place: a password.
            (None, _) if !is_writable(target.attribute) => return Ok(()),
            (None, _) => {}
        }
        if self.verb != Verb::Remove && value.is_none() {
            return Err(ScimError::NotA("an operation with a value"));
        }
        let holder = match target.extension {
            None => map,
            Some(extension) => inner_map(map, extension),
        };
        change(self.verb, &target, path, holder, value)?;
        if target.attribute.is_required && !holder.contains_key(target.attribute.name) {
            return Err(ScimError::Missing(target.attribute.name));
        }
        Ok(())
    }
}

/// What becomes of names that the schema does not have: a client that names one in a path means it, in a value it may be
/// one of its own.
#[derive(Clone, Copy)]
enum Unknown {
    Refused,
    PassedOver,
}

/// The extension, if the path is its URN and nothing more: read as a path, that is an attribute called `User`.
fn extension_of(resource: &ResourceType, path: &PatchPath) -> Option<&'static Schema> {
    let urn = format!("{}:{}", path.schema.as_ref()?, path.attribute);
    let is_bare = path.filter.is_none() && path.sub.is_none();
    resource.extension(&urn).filter(|_| is_bare)
}

fn change(
    verb: Verb,
    target: &Target,
    path: &PatchPath,
    holder: &mut Map<String, Value>,
    value: Option<Value>,
) -> Result<(), ScimError> {
    let attribute = target.attribute;
    let value = value.unwrap_or(Value::Null);
    match (&path.filter, target.sub, attribute.is_multi) {
        (Some(_), _, false) => Err(ScimError::PathShape(attribute.name)),
        (None, None, false) => single(verb, attribute, holder, value),
        (None, Some(sub), false) => {
            let mut inner = object(holder.remove(attribute.name));
            set_sub(verb, sub, &mut inner, value)?;
            if !inner.is_empty() {
                holder.insert(attribute.name.into(), inner.into());
            }
            Ok(())
        }
        (filter, sub, true) => {
            let mut values = match holder.remove(attribute.name) {
                Some(Value::Array(values)) => values,
                _ => Vec::new(),
            };
            match filter {
                None => list(verb, attribute, sub, &mut values, value)?,
                Some(filter) => filtered(verb, attribute, filter, sub, &mut values, value)?,
            }
            values.retain(|v| v.as_object().is_none_or(|map| !map.is_empty()));
            within_limit(attribute, values.len())?;
            one_primary(attribute, &values)?;
            if !values.is_empty() {
                holder.insert(attribute.name.into(), values.into());
            }
            Ok(())
        }
    }
}

fn single(
    verb: Verb,
    attribute: &'static Attribute,
    holder: &mut Map<String, Value>,
    value: Value,
) -> Result<(), ScimError> {
    let value = match verb {
        Verb::Remove => None,
        Verb::Add | Verb::Replace => normal_single(attribute, value)?,
    };
    match (value, holder.get_mut(attribute.name)) {
        // The sub-attributes that are said replace theirs; the others stay (RFC 7644, sections 3.5.2.1 and 3.5.2.3).
        (Some(Value::Object(new)), Some(Value::Object(old))) => old.extend(new),
        (Some(value), _) => drop(holder.insert(attribute.name.into(), value)),
        (None, _) => drop(holder.remove(attribute.name)),
    }
    Ok(())
}

/// A list without a filter: the whole of it, or one sub-attribute of each value.
fn list(
    verb: Verb,
    attribute: &'static Attribute,
    sub: Option<&'static Attribute>,
    values: &mut Vec<Value>,
    value: Value,
) -> Result<(), ScimError> {
    if let Some(sub) = sub {
        if values.is_empty() && verb != Verb::Remove {
            values.push(Map::new().into());
        }
        return each(values, |map| set_sub(verb, sub, map, value.clone()));
    }
    let said = match normal(attribute, value.clone())? {
        Some(Value::Array(said)) => said,
        _ => Vec::new(),
    };
    match (verb, value) {
        (Verb::Replace, _) => *values = said,
        (Verb::Add, _) => {
            for value in said {
                add(values, value);
            }
        }
        (Verb::Remove, Value::Null) => values.clear(),
        // The values to remove are said: nothing else goes, and nothing at all if none is.
        (Verb::Remove, _) => values.retain(|old| !said.iter().any(|new| is_same(old, new))),
    }
    Ok(())
}

fn filtered(
    verb: Verb,
    attribute: &'static Attribute,
    filter: &Filter,
    sub: Option<&'static Attribute>,
    values: &mut Vec<Value>,
    value: Value,
) -> Result<(), ScimError> {
    let mut chosen = Vec::new();
    for value in values.iter() {
        chosen.push(matches_element(filter, attribute, value)?);
    }
    // Also where the list is empty, a filter that makes no sense is refused.
    matches_element(filter, attribute, &Value::Null)?;
    let is_new = !chosen.contains(&true);
    if is_new {
        match verb {
            // To remove what is not there leaves it not there.
            Verb::Remove => return Ok(()),
            Verb::Replace => return Err(ScimError::NoTarget),
            Verb::Add => {
                values.push(wished(filter, attribute)?.into());
                chosen.push(true);
            }
        }
    }
    if verb == Verb::Remove && sub.is_none() {
        let mut chosen = chosen.iter();
        values.retain(|_| chosen.next() != Some(&true));
        return Ok(());
    }
    let said = match sub {
        Some(_) => None,
        None => match normal_single(attribute, value.clone())? {
            Some(Value::Object(said)) => Some(said),
            _ => {
                return Err(ScimError::WrongType {
                    attribute: attribute.name,
                    expected: "an object",
                });
            }
        },
    };
    let makes_primary = match (sub, &said) {
        (Some(sub), _) => {
            sub.name == "primary" && normal_single(sub, value.clone())? == Some(true.into())
        }
        (None, said) => said
            .as_ref()
            .is_some_and(|s| s.get("primary") == Some(&true.into())),
    };
    let chosen_only = |n: usize| chosen.get(n) == Some(&true);
    for (n, old) in values.iter_mut().enumerate() {
        let Value::Object(map) = old else { continue };
        match (chosen_only(n), sub, &said) {
            (true, Some(sub), _) => set_sub(verb, sub, map, value.clone())?,
            (true, None, Some(said)) => map.extend(said.clone()),
            // The server makes the others secondary (RFC 7644, section 3.5.2).
            (false, ..) if makes_primary => drop(map.remove("primary")),
            _ => {}
        }
    }
    // A new value that its own path does not describe would be added again by the same request.
    match values.last() {
        Some(last) if is_new && !matches_element(filter, attribute, last)? => {
            Err(ScimError::NoTarget)
        }
        _ => Ok(()),
    }
}

/// The value that an `add` with a filter means where none fits: that of its `eq` terms.
fn wished(filter: &Filter, attribute: &'static Attribute) -> Result<Map<String, Value>, ScimError> {
    match filter {
        Filter::Compare(path, Comparison::Eq, literal) => {
            let sub = attribute.sub(&path.attribute).ok_or(ScimError::NoTarget)?;
            let value = match literal {
                Literal::Text(text) => text.as_str().into(),
                Literal::Boolean(value) => (*value).into(),
                Literal::Number(_) | Literal::Null => return Err(ScimError::NoTarget),
            };
            let mut map = Map::new();
            map.extend(normal_single(sub, value)?.map(|v| (sub.name.to_owned(), v)));
            Ok(map)
        }
        Filter::And(terms) => {
            let mut map = Map::new();
            for term in terms {
                map.extend(wished(term, attribute)?);
            }
            Ok(map)
        }
        _ => Err(ScimError::NoTarget),
    }
}

fn set_sub(
    verb: Verb,
    sub: &'static Attribute,
    map: &mut Map<String, Value>,
    value: Value,
) -> Result<(), ScimError> {
    let value = match verb {
        Verb::Remove => None,
        Verb::Add | Verb::Replace => normal_single(sub, value)?,
    };
    match value {
        Some(value) => drop(map.insert(sub.name.into(), value)),
        None => drop(map.remove(sub.name)),
    }
    Ok(())
}

/// Adds a value, or brings the one that is the same up to date; a primary one makes the others secondary.
fn add(values: &mut Vec<Value>, new: Value) {
    if new["primary"] == true {
        for old in values.iter_mut().filter_map(Value::as_object_mut) {
            old.remove("primary");
        }
    }
    match values.iter_mut().find(|old| is_same(old, &new)) {
        Some(Value::Object(old)) => {
            if let Value::Object(new) = new {
                old.extend(new);
            }
        }
        Some(_) => {}
        None => values.push(new),
    }
}

/// Whether two values of a list are one: the same value for the same purpose, where they have one.
fn is_same(old: &Value, new: &Value) -> bool {
    match (old.get("value"), new.get("value")) {
        (Some(a), Some(b)) => {
            a == b && (new.get("type").is_none() || old.get("type") == new.get("type"))
        }
        (None, None) => old == new,
        _ => false,
    }
}

fn each(
    values: &mut [Value],
    mut change: impl FnMut(&mut Map<String, Value>) -> Result<(), ScimError>,
) -> Result<(), ScimError> {
    values
        .iter_mut()
        .filter_map(Value::as_object_mut)
        .try_for_each(&mut change)
}

fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}
