//! Attribute paths: `userName`, `name.givenName`, `urn:…:enterprise:2.0:User:manager.value`.

use std::fmt;

/// The path of an attribute, as written (RFC 7644, section 3.10). Names keep their spelling; comparing is by
/// [`super::schema`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributePath {
    /// The schema's URN, if the path begins with one.
    pub schema: Option<String>,
    /// The attribute.
    pub attribute: String,
    /// The sub-attribute after the dot.
    pub sub: Option<String>,
}

impl AttributePath {
    /// Reads a path without any filter; `None` if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        // A URN has dots of its own (`2.0`), so the name begins after the last colon.
        let (schema, name) = match text.rsplit_once(':') {
            Some((schema, name)) if is_urn(schema) => (Some(schema.to_owned()), name),
            Some(_) => return None,
            None => (None, text),
        };
        let (attribute, sub) = match name.split_once('.') {
            Some((attribute, sub)) => (attribute, Some(sub)),
            None => (name, None),
        };
        let is_path = is_name(attribute) && sub.is_none_or(is_name);
        is_path.then(|| Self {
            schema,
            attribute: attribute.into(),
            sub: sub.map(Into::into),
        })
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}:")?;
        }
        f.write_str(&self.attribute)?;
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

/// `ATTRNAME` of RFC 7643, section 2.1, and `$ref`.
fn is_name(text: &str) -> bool {
    let rest = text.strip_prefix('$').unwrap_or(text);
    let mut bytes = rest.bytes();
    bytes.next().is_some_and(|c| c.is_ascii_alphabetic())
        && bytes.all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
}

fn is_urn(text: &str) -> bool {
    let begins = text
        .get(..4)
        .is_some_and(|begin| begin.eq_ignore_ascii_case("urn:"));
    let allowed =
        |c: u8| c.is_ascii_alphanumeric() || matches!(c, b':' | b'.' | b'-' | b'_' | b'/');
    begins && text.len() > 4 && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_and_printed() {
        for text in [
            "userName",
            "name.givenName",
            "members.$ref",
            "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName",
            "URN:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
        ] {
            let path = AttributePath::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(path.to_string(), text);
        }
        for text in [
            "",
            ".",
            "a.",
            ".a",
            "a.b.c",
            "1a",
            "a b",
            "x:y",
            "urn:",
            "urn::a.b.c",
            "a\u{0}",
            "ä",
        ] {
            assert_eq!(AttributePath::parse(text), None, "{text:?}");
        }
    }
}
