//! PATCH (RFC 7644, section 3.5.2): operations with every form of path, and what they do to a document.
//!
//! Clients differ from the RFC in ways that are harmless and common, so these are understood too: `op` in any case,
//! `"True"` for true, paths as keys of a path-less value (`"name.givenName"`, `"urn:…:User:department"`), a path that is an
//! extension's URN, and values to remove in `value`.

mod apply;

use super::{
    PATCH_OP,
    error::ScimError,
    filter::{Filter, FilterError},
    limits,
    path::AttributePath,
};
use serde_json::Value;
use std::fmt;

/// A PATCH request.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchRequest {
    /// What to do, in this order.
    pub operations: Vec<Operation>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What to do.
    pub verb: Verb,
    /// Where; none if the value says it.
    pub path: Option<PatchPath>,
    /// With what.
    pub value: Option<Value>,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Adds a value.
    Add,
    /// Replaces a value.
    Replace,
    /// Removes a value.
    Remove,
}

/// The path of an operation: `emails[type eq "work"].value`.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchPath {
    /// The schema's URN, if the path begins with one.
    pub schema: Option<String>,
    /// The attribute.
    pub attribute: String,
    /// Which values of a list.
    pub filter: Option<Filter>,
    /// The sub-attribute.
    pub sub: Option<String>,
}

impl PatchRequest {
    /// Reads the body of a PATCH.
    pub fn read(body: Value) -> Result<Self, ScimError> {
        let Value::Object(body) = body else {
            return Err(ScimError::NotA("a PATCH request"));
        };
        let mut operations = None;
        for (name, value) in body {
            if name.eq_ignore_ascii_case("schemas") {
                let is_patch =
                    |v: &Value| v.as_str().is_some_and(|s| s.eq_ignore_ascii_case(PATCH_OP));
                let names = value.as_array().ok_or(ScimError::SchemaMissing(PATCH_OP))?;
                if !names.iter().any(is_patch) {
                    return Err(ScimError::SchemaMissing(PATCH_OP));
                }
            } else if name.eq_ignore_ascii_case("Operations") {
                operations = Some(value);
            }
        }
        let Some(Value::Array(operations)) = operations else {
            return Err(ScimError::NotA("a PATCH request with Operations"));
        };
        if operations.len() > limits::OPERATIONS {
            return Err(ScimError::TooManyOperations);
        }
        let operations: Result<Vec<_>, _> = operations.into_iter().map(operation).collect();
        Ok(Self {
            operations: operations?,
        })
    }
}

fn operation(value: Value) -> Result<Operation, ScimError> {
    let wrong = ScimError::NotA("a list of operations");
    let Value::Object(map) = value else {
        return Err(wrong);
    };
    let (mut verb, mut path, mut value) = (None, None, None);
    for (name, said) in map {
        match (super::fold(&name).as_str(), said) {
            ("op", Value::String(op)) => verb = Verb::of(&op),
            ("path", Value::String(text)) if text.is_empty() => {}
            ("path", Value::String(text)) => {
                path = Some(PatchPath::parse(&text).map_err(ScimError::Path)?)
            }
            ("path", Value::Null) => {}
            ("op" | "path", _) => return Err(wrong),
            ("value", said) => value = Some(said),
            _ => {}
        }
    }
    let verb = verb.ok_or(wrong)?;
    Ok(Operation { verb, path, value })
}

impl Verb {
    /// The verb of this name, in any case.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Add, Self::Replace, Self::Remove]
            .into_iter()
            .find(|v| v.name().eq_ignore_ascii_case(name))
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Replace => "replace",
            Self::Remove => "remove",
        }
    }
}

impl PatchPath {
    /// Reads a path.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let (path, filter, sub) = super::filter::parse_patch_path(text)?;
        Ok(Self {
            schema: path.schema,
            attribute: path.attribute,
            filter,
            sub,
        })
    }

    /// The same without the filter.
    pub fn attribute_path(&self) -> AttributePath {
        AttributePath {
            schema: self.schema.clone(),
            attribute: self.attribute.clone(),
            sub: self.sub.clone(),
        }
    }

    /// Whether it leads to `schemas`, which follows from what a resource has and is nothing to change.
    pub fn is_schemas(&self) -> bool {
        self.schema.is_none() && self.attribute.eq_ignore_ascii_case("schemas")
    }
}

impl fmt::Display for PatchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}:")?;
        }
        f.write_str(&self.attribute)?;
        if let Some(filter) = &self.filter {
            write!(f, "[{filter}]")?;
        }
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}
