//! A resource in its one spelling: names as the schema writes them, values of the schema's types, nothing unassigned, and
//! nothing that only the server may say. What is not in the schema is dropped, as RFC 7644, section 3.3 lets us.

use super::{
    error::ScimError,
    limits,
    path::AttributePath,
    schema::{Attribute, Kind, Mutability, ResourceType, Schema, Target},
};
use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A resource in its one spelling.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document(pub(super) Map<String, Value>);

impl Document {
    /// Reads the body of a POST or PUT. Whether anything is missing, the typed resource says.
    pub fn read(resource: &ResourceType, body: Value) -> Result<Self, ScimError> {
        let Value::Object(body) = body else {
            return Err(ScimError::NotA("a resource"));
        };
        let mut map = Map::new();
        for (name, value) in body {
            if name.eq_ignore_ascii_case("schemas") {
                names_schema(&value, resource.core)?;
            } else if let Some(extension) = resource.extension(&name) {
                let inner = normal_object(extension.attributes, value, extension.name)?;
                if let Some(inner) = inner {
                    map.insert(extension.id.into(), inner);
                }
            } else if let Some(target) = writable(resource, &name)
                && target.sub.is_none()
                && let Some(value) = normal(target.attribute, value)?
            {
                match target.extension {
                    None => drop(map.insert(target.attribute.name.into(), value)),
                    Some(extension) => drop(
                        inner_map(&mut map, extension).insert(target.attribute.name.into(), value),
                    ),
                }
            }
        }
        Ok(Self(map))
    }

    /// Takes back what [`Self::into_map`] gave.
    pub fn from_map(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// The JSON object, without `schemas`.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// The value of an attribute of the core schema or of an extension, by its own spelling.
    pub fn held(&self, extension: Option<&Schema>, attribute: &Attribute) -> Option<&Value> {
        let holder = match extension {
            None => &self.0,
            Some(extension) => self.0.get(extension.id)?.as_object()?,
        };
        holder.get(attribute.name)
    }

    /// The value of an attribute of the core schema.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Puts what only the server may say.
    pub fn put(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.insert(name.into(), value.into());
    }

    /// Takes an attribute of the core schema out.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// The whole resource as it is answered: `schemas` names what is in it.
    pub fn answer(mut self, resource: &ResourceType) -> Value {
        let mut schemas = vec![Value::from(resource.core.id)];
        let extensions = resource.extensions.iter();
        schemas.extend(
            extensions
                .filter(|e| self.0.contains_key(e.id))
                .map(|e| e.id.into()),
        );
        self.0.insert("schemas".into(), schemas.into());
        Value::Object(self.0)
    }
}

/// Truth, also as the string that Okta and Entra sometimes send.
pub fn truth(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// An `xsd:dateTime` with its zone, in milliseconds since 1970.
pub fn milliseconds(text: &str) -> Option<i64> {
    let text = Some(text).filter(|t| t.len() <= 40)?;
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

/// Where a name of a body leads, if a client may write there.
pub(super) fn writable(resource: &ResourceType, name: &str) -> Option<Target> {
    let target = resource.resolve(&AttributePath::parse(name)?)?;
    is_writable(target.attribute).then_some(target)
}

/// Whether what a client says about the attribute is kept.
pub(super) fn is_writable(attribute: &Attribute) -> bool {
    !matches!(
        attribute.mutability,
        Mutability::ReadOnly | Mutability::WriteOnly
    )
}

/// The object of an extension; made if it is not there.
pub(super) fn inner_map<'a>(
    map: &'a mut Map<String, Value>,
    extension: &Schema,
) -> &'a mut Map<String, Value> {
    let entry = map.entry(extension.id).or_insert_with(|| Map::new().into());
    if !entry.is_object() {
        *entry = Map::new().into();
    }
    match entry {
        Value::Object(inner) => inner,
        // Invariant: it was made an object above.
        _ => unreachable!("an extension is an object"),
    }
}

/// A value in the schema's type; `None` if that means unassigned (RFC 7643, section 2.5).
pub(super) fn normal(attribute: &Attribute, value: Value) -> Result<Option<Value>, ScimError> {
    if !attribute.is_multi {
        return normal_single(attribute, value);
    }
    let values = match value {
        Value::Null => return Ok(None),
        Value::Array(values) => values,
        // One value where a list should be.
        single => vec![single],
    };
    within_limit(attribute, values.len())?;
    let mut list = Vec::with_capacity(values.len());
    for value in values {
        list.extend(normal_single(attribute, value)?);
    }
    one_primary(attribute, &list)?;
    Ok(Some(list).filter(|list| !list.is_empty()).map(Value::Array))
}

/// Refuses lists that are too long.
pub(super) fn within_limit(attribute: &Attribute, length: usize) -> Result<(), ScimError> {
    let limit = match attribute.name {
        "members" => limits::MEMBERS,
        _ => limits::VALUES,
    };
    match length > limit {
        true => Err(ScimError::TooMany {
            attribute: attribute.name,
            limit,
        }),
        false => Ok(()),
    }
}

/// Refuses a second primary value (RFC 7643, section 2.4).
pub(super) fn one_primary(attribute: &Attribute, list: &[Value]) -> Result<(), ScimError> {
    match list.iter().filter(|v| v["primary"] == true).count() {
        0 | 1 => Ok(()),
        _ => Err(ScimError::PrimaryRepeated(attribute.name)),
    }
}

/// One value, or one value of a list.
pub(super) fn normal_single(
    attribute: &Attribute,
    value: Value,
) -> Result<Option<Value>, ScimError> {
    let wrong = |expected| {
        Err(ScimError::WrongType {
            attribute: attribute.name,
            expected,
        })
    };
    match (attribute.kind, value) {
        (_, Value::Null) => Ok(None),
        (Kind::Complex, Value::Object(map)) => {
            normal_object(attribute.subs, map.into(), attribute.name)
        }
        // `"manager": "id"` and `"emails": ["a@b"]`.
        (Kind::Complex, Value::String(text)) if attribute.sub("value").is_some() => {
            let mut map = Map::new();
            map.insert("value".into(), text.into());
            normal_object(attribute.subs, map.into(), attribute.name)
        }
        (Kind::Complex, _) => wrong("an object"),
        (Kind::Boolean, Value::Bool(value)) => Ok(Some(value.into())),
        (Kind::Boolean, Value::String(text)) => match truth(&text) {
            Some(value) => Ok(Some(value.into())),
            None => wrong("true or false"),
        },
        (Kind::Boolean, _) => wrong("true or false"),
        (Kind::DateTime, Value::String(text)) => match milliseconds(&text) {
            Some(_) => Ok(Some(text.into())),
            None => wrong("a dateTime"),
        },
        (_, Value::String(text)) if text.is_empty() => Ok(None),
        (_, Value::String(text)) => {
            if text.len() > attribute.limit() {
                return Err(ScimError::TooLong {
                    attribute: attribute.name,
                    limit: attribute.limit(),
                });
            }
            // PostgreSQL stores no such text, and nobody means it.
            if text.contains('\0') {
                return Err(ScimError::NulCharacter(attribute.name));
            }
            Ok(Some(text.into()))
        }
        (_, _) => wrong("a string"),
    }
}

fn normal_object(
    attributes: &'static [Attribute],
    value: Value,
    name: &'static str,
) -> Result<Option<Value>, ScimError> {
    let Value::Object(value) = value else {
        return Err(ScimError::WrongType {
            attribute: name,
            expected: "an object",
        });
    };
    let mut map = Map::new();
    for (name, value) in value {
        let known = attributes
            .iter()
            .find(|a| a.name.eq_ignore_ascii_case(&name));
        if let Some(attribute) = known.filter(|a| is_writable(a))
            && let Some(value) = normal(attribute, value)?
        {
            map.insert(attribute.name.into(), value);
        }
    }
    Ok(Some(map).filter(|map| !map.is_empty()).map(Value::Object))
}

fn names_schema(value: &Value, core: &Schema) -> Result<(), ScimError> {
    let names = value.as_array().ok_or(ScimError::NotA("a resource"))?;
    let is_core = |v: &Value| v.as_str().is_some_and(|s| s.eq_ignore_ascii_case(core.id));
    match names.iter().any(is_core) {
        true => Ok(()),
        false => Err(ScimError::SchemaMissing(core.id)),
    }
}
