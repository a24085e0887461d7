//! Whether a filter makes sense for a resource type. One that passed is evaluated without errors.

use super::{Comparison, Filter, Literal};
use crate::scim::{
    error::ScimError,
    path::AttributePath,
    schema::{Attribute, Kind, Mutability, ResourceType},
};

impl Filter {
    /// Refuses unknown attributes, comparisons that a type does not have, and everything that is never told, so that a
    /// filter is no way to guess it.
    pub fn check(&self, resource: &ResourceType) -> Result<(), ScimError> {
        match self {
            Self::And(terms) | Self::Or(terms) => {
                terms.iter().try_for_each(|term| term.check(resource))
            }
            Self::Not(inner) => inner.check(resource),
            Self::Present(path) => attribute(resource, path).map(drop),
            Self::Compare(path, comparison, literal) => {
                comparable(attribute(resource, path)?, *comparison, literal)
            }
            Self::Values(path, inner) => {
                let unknown = || ScimError::FilterAttribute(path.to_string());
                let target = resource.resolve(path).ok_or_else(unknown)?;
                match target.sub {
                    None if target.attribute.is_multi => check_element(inner, target.attribute),
                    _ => Err(ScimError::FilterComparison(target.attribute.name)),
                }
            }
        }
    }
}

/// The same for the filter in the brackets after a list.
pub fn check_element(filter: &Filter, list: &'static Attribute) -> Result<(), ScimError> {
    let sub = |path: &AttributePath| {
        let found = list
            .sub(&path.attribute)
            .filter(|_| path.schema.is_none() && path.sub.is_none());
        found.ok_or_else(|| ScimError::FilterAttribute(path.to_string()))
    };
    match filter {
        Filter::And(terms) | Filter::Or(terms) => {
            terms.iter().try_for_each(|term| check_element(term, list))
        }
        Filter::Not(inner) => check_element(inner, list),
        Filter::Present(path) => sub(path).map(drop),
        Filter::Compare(path, comparison, literal) => comparable(sub(path)?, *comparison, literal),
        Filter::Values(..) => Err(ScimError::FilterComparison(list.name)),
    }
}

fn attribute(
    resource: &ResourceType,
    path: &AttributePath,
) -> Result<&'static Attribute, ScimError> {
    let target = resource
        .resolve(path)
        .filter(|t| t.attribute.mutability != Mutability::WriteOnly)
        .ok_or_else(|| ScimError::FilterAttribute(path.to_string()))?;
    Ok(target.leaf())
}

fn comparable(
    attribute: &'static Attribute,
    comparison: Comparison,
    literal: &Literal,
) -> Result<(), ScimError> {
    use Comparison::{Eq, Ge, Gt, Le, Lt, Ne};
    let refused = Err(ScimError::FilterComparison(attribute.name));
    let equality = matches!(comparison, Eq | Ne);
    let order = matches!(comparison, Gt | Ge | Lt | Le);
    match (attribute.kind, literal) {
        (Kind::Complex, _) => refused,
        (_, Literal::Null) if equality => Ok(()),
        (Kind::Boolean, Literal::Boolean(_)) if equality => Ok(()),
        // `"True"`, as some clients send it.
        (Kind::Boolean, Literal::Text(text))
            if equality && crate::scim::document::truth(text).is_some() =>
        {
            Ok(())
        }
        (Kind::DateTime, Literal::Text(text)) if equality || order => {
            match crate::scim::document::milliseconds(text) {
                Some(_) => Ok(()),
                None => refused,
            }
        }
        (Kind::Binary, Literal::Text(_)) if !order => Ok(()),
        (Kind::Text | Kind::Reference, Literal::Text(_)) => Ok(()),
        _ => refused,
    }
}
