//! Schema definitions (RFC 7643, sections 2.2, 4, 7 and 8.7): what attributes there are, of which type, and who may change
//! them. Everything else in this module asks here instead of knowing names.

mod definitions;
mod describe;

pub use definitions::{CORE_GROUP, CORE_USER, ENTERPRISE_USER, GROUP, USER};
pub use describe::{resource_types, schemas};

use super::path::AttributePath;

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Truth.
    Boolean,
    /// `xsd:dateTime`.
    DateTime,
    /// A URI.
    Reference,
    /// Base64.
    Binary,
    /// Sub-attributes.
    Complex,
}

/// Who may change an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// Only we.
    ReadOnly,
    /// Everybody who may write.
    ReadWrite,
    /// Only when it is made.
    Immutable,
    /// Never seen again.
    WriteOnly,
}

/// When an attribute is part of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// Always.
    Always,
    /// Never.
    Never,
    /// Unless left out.
    Default,
}

/// One attribute or sub-attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute {
    /// Its name in the RFC's spelling.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether it is a list.
    pub is_multi: bool,
    /// Whether a resource has to have it.
    pub is_required: bool,
    /// Whether case matters in comparisons.
    pub is_case_exact: bool,
    /// Who may change it.
    pub mutability: Mutability,
    /// When it is part of an answer.
    pub returned: Returned,
    /// `server` or `none`.
    pub uniqueness: &'static str,
    /// Sub-attributes of a complex one.
    pub subs: &'static [Attribute],
    /// Values that are suggested.
    pub canonical: &'static [&'static str],
    /// Resources that a reference may lead to.
    pub references: &'static [&'static str],
    /// For the reader of `/Schemas`.
    pub description: &'static str,
}

impl Attribute {
    /// The sub-attribute of this name, in any case.
    pub fn sub(&self, name: &str) -> Option<&'static Attribute> {
        find(self.subs, name)
    }

    /// Bytes that one value may have.
    pub fn limit(&self) -> usize {
        match self.kind {
            Kind::Binary => super::limits::LONG_STRING,
            _ => super::limits::STRING,
        }
    }
}

/// One schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// Its URN.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Its attributes.
    pub attributes: &'static [Attribute],
}

/// A kind of resource: a core schema and what may come with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceType {
    /// `User` or `Group`.
    pub name: &'static str,
    /// `/Users` or `/Groups`.
    pub endpoint: &'static str,
    /// What it is.
    pub description: &'static str,
    /// The schema every such resource has.
    pub core: &'static Schema,
    /// Schemas it may have besides.
    pub extensions: &'static [&'static Schema],
}

/// Where an attribute path leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The extension that holds the attribute; none for the core schema and what all resources have.
    pub extension: Option<&'static Schema>,
    /// The attribute.
    pub attribute: &'static Attribute,
    /// Its sub-attribute.
    pub sub: Option<&'static Attribute>,
}

impl Target {
    /// What is compared: the sub-attribute, else a list's `value`, else the attribute itself.
    pub fn leaf(&self) -> &'static Attribute {
        match (self.sub, self.attribute.is_multi) {
            (Some(sub), _) => sub,
            (None, true) => self.attribute.sub("value").unwrap_or(self.attribute),
            (None, false) => self.attribute,
        }
    }
}

impl ResourceType {
    /// Where `path` leads; `None` if no resource of this type has such an attribute.
    pub fn resolve(&self, path: &AttributePath) -> Option<Target> {
        let (extension, attribute) = match &path.schema {
            None => (None, self.core_attribute(&path.attribute)?),
            Some(urn) if urn.eq_ignore_ascii_case(self.core.id) => {
                (None, self.core_attribute(&path.attribute)?)
            }
            Some(urn) => {
                let extension = self.extension(urn)?;
                (
                    Some(extension),
                    find(extension.attributes, &path.attribute)?,
                )
            }
        };
        let sub = match &path.sub {
            Some(sub) => Some(attribute.sub(sub)?),
            None => None,
        };
        Some(Target {
            extension,
            attribute,
            sub,
        })
    }

    /// The attribute of the core schema, or one that all resources have.
    pub fn core_attribute(&self, name: &str) -> Option<&'static Attribute> {
        find(self.core.attributes, name).or_else(|| find(definitions::COMMON, name))
    }

    /// The extension with this URN, in any case.
    pub fn extension(&self, urn: &str) -> Option<&'static Schema> {
        self.extensions
            .iter()
            .copied()
            .find(|s| s.id.eq_ignore_ascii_case(urn))
    }
}

fn find(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes
        .iter()
        .find(|a| a.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_resolve_in_any_case_and_with_their_urn() {
        let resolve = |text: &str| {
            let target = USER.resolve(&AttributePath::parse(text)?)?;
            Some((
                target.extension.map_or("core", |_| "extension"),
                target.leaf().name,
            ))
        };
        for (text, found) in [
            ("USERNAME", Some(("core", "userName"))),
            ("externalid", Some(("core", "externalId"))),
            ("Name.GIVENNAME", Some(("core", "givenName"))),
            ("emails", Some(("core", "value"))),
            (
                "urn:ietf:params:scim:schemas:CORE:2.0:user:emails.type",
                Some(("core", "type")),
            ),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
                Some(("extension", "value")),
            ),
            ("employeeNumber", None),
            ("name.value", None),
            ("urn:other:2.0:User:title", None),
        ] {
            assert_eq!(resolve(text), found, "{text}");
        }
    }
}
