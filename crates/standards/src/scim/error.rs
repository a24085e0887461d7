//! Why a request is refused, with the `scimType` of RFC 7644, section 3.12.

use super::{ERROR, filter::FilterError, limits};
use serde_json::{Value, json};

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScimError {
    /// The body is not JSON.
    #[error("the body is not JSON (line {line}, column {column})")]
    NotJson {
        /// 1-based.
        line: usize,
        /// 1-based.
        column: usize,
    },
    /// Objects within objects.
    #[error("the body is nested deeper than {} levels", limits::JSON_DEPTH)]
    TooDeep,
    /// Two members of one object have names that differ in case at most.
    #[error("a member of the body occurs twice in one object")]
    NameRepeated,
    /// The body is no such message.
    #[error("the body is not {0}")]
    NotA(&'static str),
    /// `schemas` names something else.
    #[error("schemas does not contain {0}")]
    SchemaMissing(&'static str),
    /// A value of another type.
    #[error("{attribute} has to be {expected}")]
    WrongType {
        /// The attribute's name.
        attribute: &'static str,
        /// What it should have been.
        expected: &'static str,
    },
    /// A required attribute is missing or empty.
    #[error("{0} is required")]
    Missing(&'static str),
    /// Too long a string.
    #[error("{attribute} is longer than {limit} bytes")]
    TooLong {
        /// The attribute's name.
        attribute: &'static str,
        /// Bytes allowed.
        limit: usize,
    },
    /// Too many values.
    #[error("{attribute} has more than {limit} values")]
    TooMany {
        /// The attribute's name.
        attribute: &'static str,
        /// Values allowed.
        limit: usize,
    },
    /// More than one primary value.
    #[error("more than one value of {0} is primary")]
    PrimaryRepeated(&'static str),
    /// A value that cannot be stored.
    #[error("{0} contains the character U+0000")]
    NulCharacter(&'static str),
    /// A member that is a group.
    #[error("a group cannot be a member of a group here")]
    NestedGroup,
    /// Only the server changes it.
    #[error("{0} is read-only")]
    ReadOnly(&'static str),
    /// The filter cannot be read.
    #[error("filter: {0}")]
    Filter(FilterError),
    /// The path of a PATCH operation cannot be read.
    #[error("path: {0}")]
    Path(FilterError),
    /// The filter names what no resource has.
    #[error("the filter names the unknown attribute {0}")]
    FilterAttribute(String),
    /// The comparison makes no sense for the attribute's type.
    #[error("the filter compares {0} in a way its type does not allow")]
    FilterComparison(&'static str),
    /// A path to nowhere.
    #[error("the path names the unknown attribute {0}")]
    PathAttribute(String),
    /// A value filter where there is only one value, or a sub-attribute of something simple.
    #[error("the path does not fit the type of {0}")]
    PathShape(&'static str),
    /// Nothing there that could be replaced or removed.
    #[error("the operation has no target")]
    NoTarget,
    /// Too many operations.
    #[error("the PATCH has more than {} operations", limits::OPERATIONS)]
    TooManyOperations,
    /// A query parameter came twice.
    #[error("the parameter {0} occurs twice")]
    ParameterRepeated(&'static str),
    /// A parameter is not what it should be.
    #[error("the parameter {0} cannot be read")]
    Parameter(&'static str),
    /// Both of two parameters that exclude each other.
    #[error("attributes and excludedAttributes exclude each other")]
    ProjectionTwice,
}

impl ScimError {
    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::TooManyOperations => 413,
            _ => 400,
        }
    }

    /// The `scimType` of RFC 7644, table 9.
    pub const fn scim_type(&self) -> Option<&'static str> {
        Some(match self {
            Self::Filter(_) | Self::FilterAttribute(_) | Self::FilterComparison(_) => {
                "invalidFilter"
            }
            Self::Path(_) | Self::PathAttribute(_) | Self::PathShape(_) => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::ReadOnly(_) => "mutability",
            Self::NotJson { .. }
            | Self::TooDeep
            | Self::NameRepeated
            | Self::NotA(_)
            | Self::SchemaMissing(_) => "invalidSyntax",
            Self::TooManyOperations => return None,
            _ => "invalidValue",
        })
    }

    /// The body of the answer.
    pub fn body(&self) -> Value {
        body(self.status(), self.scim_type(), &self.to_string())
    }
}

/// The body of any error. `status` is a string on the wire.
pub fn body(status: u16, scim_type: Option<&str>, detail: &str) -> Value {
    let mut body = json!({ "schemas": [ERROR], "status": status.to_string(), "detail": detail });
    if let (Some(body), Some(scim_type)) = (body.as_object_mut(), scim_type) {
        body.insert("scimType".into(), scim_type.into());
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_body_of_the_rfc() {
        assert_eq!(
            ScimError::NoTarget.body(),
            json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
                "status": "400", "scimType": "noTarget", "detail": "the operation has no target",
            })
        );
        assert_eq!(body(404, None, "gone")["status"], "404");
    }
}
