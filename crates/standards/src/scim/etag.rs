//! Weak entity tags and the conditions of a request (RFC 7644, section 3.14; RFC 9110, sections 8.8 and 13.1).

use super::limits;

/// The condition in an `If-Match` or `If-None-Match` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `*`
    Any,
    /// One of these, by their opaque part: SCIM's versions are weak, and clients drop or keep the `W/` as they like.
    OneOf(Vec<String>),
}

/// The tag of a version.
pub fn weak(version: &str) -> String {
    format!("W/\"{version}\"")
}

impl Condition {
    /// Reads the header; `None` if it is not one.
    pub fn parse(header: &str) -> Option<Self> {
        if header.trim() == "*" {
            return Some(Self::Any);
        }
        let tags: Option<Vec<String>> = header
            .split(',')
            .take(limits::ETAGS + 1)
            .map(opaque)
            .collect();
        tags.filter(|tags| tags.len() <= limits::ETAGS)
            .map(Self::OneOf)
    }

    /// Whether a resource of this version is meant.
    pub fn holds_for(&self, version: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|tag| tag == version),
        }
    }
}

fn opaque(tag: &str) -> Option<String> {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let inner = tag.strip_prefix('"')?.strip_suffix('"')?;
    let allowed = |c: char| !c.is_control() && c != '"';
    inner.chars().all(allowed).then(|| inner.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_compare_weakly() {
        for (header, holds) in [
            ("W/\"3a\"", Some(true)),
            ("\"3a\"", Some(true)),
            ("\"2a\", W/\"3a\"", Some(true)),
            ("*", Some(true)),
            ("W/\"4a\"", Some(false)),
            ("\"\"", Some(false)),
            ("3a", None),
            ("\"3a", None),
            ("", None),
        ] {
            let condition = Condition::parse(header);
            assert_eq!(condition.map(|c| c.holds_for("3a")), holds, "{header}");
        }
        assert_eq!(Condition::parse(&"\"a\",".repeat(100)), None);
        assert_eq!(weak("3a"), "W/\"3a\"");
    }
}
