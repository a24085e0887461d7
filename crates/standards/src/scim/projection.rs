//! `attributes` and `excludedAttributes` (RFC 7644, section 3.4.2.5).

use super::{
    error::ScimError,
    limits,
    path::AttributePath,
    schema::{ResourceType, Returned, Target},
};
use serde_json::{Map, Value};

/// Which attributes an answer has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Projection {
    /// All that are returned by default.
    #[default]
    Default,
    /// These only, and what is always returned.
    Only(Vec<AttributePath>),
    /// All but these.
    Without(Vec<AttributePath>),
}

impl Projection {
    /// Reads the two parameters, which exclude each other. What no resource has is passed over.
    pub fn parse(attributes: Option<&str>, excluded: Option<&str>) -> Result<Self, ScimError> {
        match (attributes, excluded) {
            (Some(_), Some(_)) => Err(ScimError::ProjectionTwice),
            (Some(list), None) => paths(list, "attributes").map(Self::Only),
            (None, Some(list)) => paths(list, "excludedAttributes").map(Self::Without),
            (None, None) => Ok(Self::Default),
        }
    }

    /// Whether the answer will have the attribute of the core schema, so that it has to be read at all.
    pub fn wants(&self, resource: &ResourceType, name: &str) -> bool {
        let names = |paths: &[AttributePath], whole: bool| {
            paths.iter().any(|path| {
                resource.resolve(path).is_some_and(|t| {
                    t.extension.is_none() && t.attribute.name == name && (!whole || t.sub.is_none())
                })
            })
        };
        match self {
            Self::Default => true,
            Self::Only(paths) => names(paths, false),
            Self::Without(paths) => !names(paths, true),
        }
    }

    /// The answer with the attributes asked for. `schemas` and what is always returned stay.
    pub fn of(&self, resource: &ResourceType, answer: Value) -> Value {
        let (paths, only) = match self {
            Self::Default => return answer,
            Self::Only(paths) => (paths, true),
            Self::Without(paths) => (paths, false),
        };
        let Value::Object(mut map) = answer else {
            return answer;
        };
        let mut kept = Map::new();
        let always = ["schemas", "id"];
        for name in always {
            kept.extend(map.get(name).cloned().map(|v| (name.to_owned(), v)));
        }
        for target in paths.iter().filter_map(|path| resource.resolve(path)) {
            match only {
                true => keep(&map, &mut kept, &target),
                false if target.attribute.returned == Returned::Always => {}
                false => leave_out(&mut map, &target),
            }
        }
        Value::Object(if only { kept } else { map })
    }
}

fn keep(from: &Map<String, Value>, to: &mut Map<String, Value>, target: &Target) {
    let (from, to) = match target.extension {
        None => (Some(from), to),
        Some(extension) => {
            let inner = from.get(extension.id).and_then(Value::as_object);
            if inner.is_none() {
                return;
            }
            (inner, super::document::inner_map(to, extension))
        }
    };
    let name = target.attribute.name;
    let Some(value) = from.and_then(|from| from.get(name)) else {
        return;
    };
    let Some(sub) = target.sub else {
        to.insert(name.into(), value.clone());
        return;
    };
    // Several sub-attributes may be asked for, one after the other.
    let part = |whole: &Value, held: Option<&Value>| {
        let mut map = held.and_then(Value::as_object).cloned().unwrap_or_default();
        map.extend(
            whole
                .get(sub.name)
                .cloned()
                .map(|v| (sub.name.to_owned(), v)),
        );
        Value::Object(map)
    };
    let held = to.get(name).cloned();
    let parts = match value {
        Value::Array(values) => {
            let held = |n: usize| held.as_ref().and_then(|h| h.get(n));
            let parts = values.iter().enumerate().map(|(n, v)| part(v, held(n)));
            parts.collect::<Vec<_>>().into()
        }
        single => part(single, held.as_ref()),
    };
    to.insert(name.into(), parts);
}

fn leave_out(map: &mut Map<String, Value>, target: &Target) {
    let holder = match target.extension {
        None => Some(map),
        Some(extension) => map.get_mut(extension.id).and_then(Value::as_object_mut),
    };
    let Some(holder) = holder else { return };
    let name = target.attribute.name;
    match (target.sub, holder.get_mut(name)) {
        (None, _) => drop(holder.remove(name)),
        (Some(sub), Some(Value::Object(inner))) => drop(inner.remove(sub.name)),
        (Some(sub), Some(Value::Array(values))) => {
            for inner in values.iter_mut().filter_map(Value::as_object_mut) {
                inner.remove(sub.name);
            }
        }
        _ => {}
    }
}

fn paths(list: &str, parameter: &'static str) -> Result<Vec<AttributePath>, ScimError> {
    let paths: Option<Vec<_>> = list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .take(limits::PROJECTION + 1)
        .map(AttributePath::parse)
        .collect();
    paths
        .filter(|paths| paths.len() <= limits::PROJECTION)
        .ok_or(ScimError::Parameter(parameter))
}
