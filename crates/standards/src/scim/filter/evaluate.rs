//! Whether a resource fits a filter that was checked. What does not make sense fits nothing.

use super::{Comparison, Filter, Literal, check::check_element};
use crate::scim::{
    document::{Document, milliseconds, truth},
    error::ScimError,
    fold,
    schema::{Attribute, Kind, ResourceType},
};
use serde_json::Value;

impl Filter {
    /// Whether `document` fits.
    pub fn matches(&self, resource: &ResourceType, document: &Document) -> bool {
        match self {
            Self::And(terms) => terms.iter().all(|t| t.matches(resource, document)),
            Self::Or(terms) => terms.iter().any(|t| t.matches(resource, document)),
            Self::Not(inner) => !inner.matches(resource, document),
            Self::Present(path) => resource.resolve(path).is_some_and(|target| {
                let held = document.held(target.extension, target.attribute);
                match target.sub {
                    None => held.is_some(),
                    Some(sub) => elements(held).any(|e| is_present(e.get(sub.name))),
                }
            }),
            Self::Compare(path, comparison, literal) => {
                resource.resolve(path).is_some_and(|target| {
                    let held = document.held(target.extension, target.attribute);
                    let leaf = target.leaf();
                    let values = elements(held).filter_map(|e| match e {
                        Value::Object(map) => map.get(leaf.name),
                        simple => Some(simple),
                    });
                    compare_any(leaf, values, *comparison, literal)
                })
            }
            Self::Values(path, inner) => resource.resolve(path).is_some_and(|target| {
                let held = document.held(target.extension, target.attribute);
                elements(held).any(|e| holds(inner, target.attribute, e))
            }),
        }
    }
}

/// Whether one value of a list fits the filter in the brackets of a PATCH path.
pub fn matches_element(
    filter: &Filter,
    list: &'static Attribute,
    element: &Value,
) -> Result<bool, ScimError> {
    check_element(filter, list)?;
    Ok(holds(filter, list, element))
}

fn holds(filter: &Filter, list: &'static Attribute, element: &Value) -> bool {
    match filter {
        Filter::And(terms) => terms.iter().all(|t| holds(t, list, element)),
        Filter::Or(terms) => terms.iter().any(|t| holds(t, list, element)),
        Filter::Not(inner) => !holds(inner, list, element),
        Filter::Present(path) => list
            .sub(&path.attribute)
            .is_some_and(|sub| is_present(element.get(sub.name))),
        Filter::Compare(path, comparison, literal) => {
            list.sub(&path.attribute).is_some_and(|sub| {
                compare_any(sub, element.get(sub.name).into_iter(), *comparison, literal)
            })
        }
        Filter::Values(..) => false,
    }
}

/// The values of a list, or the one value.
fn elements(held: Option<&Value>) -> impl Iterator<Item = &Value> {
    let (many, one) = match held {
        Some(Value::Array(values)) => (values.as_slice(), None),
        one => (&[][..], one),
    };
    many.iter().chain(one)
}

fn is_present(value: Option<&Value>) -> bool {
    !matches!(value, None | Some(Value::Null))
}

/// `ne` is the opposite of `eq`: no value is equal. Everything else asks for one value that fits.
fn compare_any<'a>(
    attribute: &Attribute,
    mut values: impl Iterator<Item = &'a Value>,
    comparison: Comparison,
    literal: &Literal,
) -> bool {
    match (comparison, literal) {
        (Comparison::Eq, Literal::Null) => values.next().is_none(),
        (Comparison::Ne, Literal::Null) => values.next().is_some(),
        (Comparison::Ne, _) => !values.any(|v| compare(attribute, v, Comparison::Eq, literal)),
        _ => values.any(|v| compare(attribute, v, comparison, literal)),
    }
}

fn compare(
    attribute: &Attribute,
    value: &Value,
    comparison: Comparison,
    literal: &Literal,
) -> bool {
    match (attribute.kind, value, literal) {
        (Kind::Boolean, Value::Bool(value), Literal::Boolean(wanted)) => value == wanted,
        (Kind::Boolean, Value::Bool(value), Literal::Text(wanted)) => truth(wanted) == Some(*value),
        (Kind::DateTime, Value::String(value), Literal::Text(wanted)) => {
            match (milliseconds(value), milliseconds(wanted)) {
                (Some(value), Some(wanted)) => order(&value, &wanted, comparison),
                _ => false,
            }
        }
        (_, Value::String(value), Literal::Text(wanted)) => match attribute.is_case_exact {
            true => compare_text(value, wanted, comparison),
            false => compare_text(&fold(value), &fold(wanted), comparison),
        },
        _ => false,
    }
}

fn compare_text(value: &str, wanted: &str, comparison: Comparison) -> bool {
    match comparison {
        Comparison::Co => value.contains(wanted),
        Comparison::Sw => value.starts_with(wanted),
        Comparison::Ew => value.ends_with(wanted),
        _ => order(value, wanted, comparison),
    }
}

fn order<T: Ord + ?Sized>(value: &T, wanted: &T, comparison: Comparison) -> bool {
    match comparison {
        Comparison::Eq => value == wanted,
        Comparison::Ne => value != wanted,
        Comparison::Gt => value > wanted,
        Comparison::Ge => value >= wanted,
        Comparison::Lt => value < wanted,
        Comparison::Le => value <= wanted,
        Comparison::Co | Comparison::Sw | Comparison::Ew => false,
    }
}
