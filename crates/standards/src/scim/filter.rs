//! Filters (RFC 7644, section 3.4.2.2): the tree, its printing, and errors with their position.

mod check;
mod evaluate;
mod parse;

pub use evaluate::matches_element;
pub(super) use parse::parse_patch_path;

use super::{limits, path::AttributePath};
use serde_json::Number;
use std::fmt;

/// A filter expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them; at least two.
    And(Vec<Filter>),
    /// One of them at least; at least two.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// Has a value.
    Present(AttributePath),
    /// Compares a value.
    Compare(AttributePath, Comparison, Literal),
    /// One value of the list for which all of the inner filter holds: `emails[type eq "work" and value co "@"]`. The inner
    /// paths are sub-attributes.
    Values(AttributePath, Box<Filter>),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
}

/// What is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Nothing.
    Null,
    /// Truth.
    Boolean(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(String),
}

/// Where and why a filter cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at position {position}")]
pub struct FilterError {
    /// Byte offset.
    pub position: usize,
    /// What is wrong there.
    pub kind: FilterErrorKind,
}

/// What is wrong with a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FilterErrorKind {
    /// Over the limit of bytes.
    #[error("longer than {} bytes", limits::FILTER_BYTES)]
    TooLong,
    /// Over the limit of depth.
    #[error("nested deeper than {} levels", limits::FILTER_DEPTH)]
    TooDeep,
    /// Over the limit of comparisons.
    #[error("more than {} comparisons", limits::FILTER_TERMS)]
    TooManyTerms,
    /// Here an attribute should be.
    #[error("an attribute is missing")]
    AttributeExpected,
    /// Here an operator should be.
    #[error("an operator is missing")]
    OperatorExpected,
    /// Here a value should be.
    #[error("a value is missing")]
    ValueExpected,
    /// A value that no comparison takes.
    #[error("the value is not a JSON string, number, boolean or null")]
    ValueMalformed,
    /// U+0000, which no stored value contains.
    #[error("the value contains the character U+0000")]
    NulCharacter,
    /// An opening bracket without its end.
    #[error("a closing bracket is missing")]
    BracketExpected,
    /// `not` without a bracket.
    #[error("not has to be followed by a bracket")]
    NotWithoutBracket,
    /// A value filter within another.
    #[error("a value filter within a value filter")]
    ValuesWithinValues,
    /// Something follows that does not belong there.
    #[error("the expression should end")]
    EndExpected,
}

impl Comparison {
    /// The operator's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }

    const ALL: [Self; 9] = [
        Self::Eq,
        Self::Ne,
        Self::Co,
        Self::Sw,
        Self::Ew,
        Self::Gt,
        Self::Ge,
        Self::Lt,
        Self::Le,
    ];
}

impl Filter {
    /// Values that `attribute eq "…"` terms joined by `or` ask for, if the filter is nothing but those: the usual
    /// `members[value eq "…"]`, which needs no scan.
    pub fn alternatives(&self, attribute: &str) -> Option<Vec<&str>> {
        match self {
            Self::Compare(path, Comparison::Eq, Literal::Text(text))
                if path.schema.is_none()
                    && path.sub.is_none()
                    && path.attribute.eq_ignore_ascii_case(attribute) =>
            {
                Some(vec![text])
            }
            Self::Or(terms) => {
                let all: Option<Vec<_>> = terms.iter().map(|t| t.alternatives(attribute)).collect();
                all.map(|lists| lists.concat())
            }
            _ => None,
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(terms) => joined(f, terms, " and "),
            Self::Or(terms) => joined(f, terms, " or "),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Present(path) => write!(f, "{path} pr"),
            Self::Compare(path, comparison, literal) => {
                write!(f, "{path} {} {literal}", comparison.name())
            }
            Self::Values(path, inner) => write!(f, "{path}[{inner}]"),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, terms: &[Filter], word: &str) -> fmt::Result {
    for (n, term) in terms.iter().enumerate() {
        if n > 0 {
            f.write_str(word)?;
        }
        match term {
            Filter::And(_) | Filter::Or(_) => write!(f, "({term})")?,
            _ => write!(f, "{term}")?,
        }
    }
    Ok(())
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(text) => write!(f, "{}", serde_json::Value::from(text.as_str())),
        }
    }
}
