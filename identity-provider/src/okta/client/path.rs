//! The path of a resource, built of names that cannot leave it.

use super::Error;
use std::fmt;

/// The longest name in a path, in bytes.
const SEGMENT: usize = 512;

/// A path on the org, with its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    path: String,
    query: String,
}

impl Path {
    /// Of names that follow each other; whatever they hold, each stays one name.
    pub fn new(segments: &[&str]) -> Result<Self, Error> {
        Self {
            path: String::new(),
            query: String::new(),
        }
        .then(segments)
    }

    /// A path below this one, without its query.
    pub fn then(&self, segments: &[&str]) -> Result<Self, Error> {
        let mut path = self.path.clone();
        for segment in segments {
            // "." and ".." are taken away by whoever reads a URL, encoded or not.
            if segment.is_empty() || segment.len() > SEGMENT || matches!(*segment, "." | "..") {
                return Err(Error::Segment(segment.chars().take(40).collect()));
            }
            path.push('/');
            for byte in segment.bytes() {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                        path.push(char::from(byte));
                    }
                    other => path.push_str(&format!("%{other:02X}")),
                }
            }
        }
        Ok(Self {
            path,
            query: String::new(),
        })
    }

    /// With one more parameter.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        let pair: String = form_urlencoded::Serializer::new(String::new())
            .append_pair(name, value)
            .finish();
        let query = match self.query.is_empty() {
            true => pair,
            false => format!("{}&{pair}", self.query),
        };
        Self { query, ..self }
    }

    /// Without its query.
    pub(super) fn without_query(&self) -> &str {
        &self.path
    }

    /// What a link of the org's says, without scheme and host.
    pub(super) fn of_link(path: &str, query: Option<&str>) -> Self {
        Self {
            path: path.to_owned(),
            query: query.unwrap_or_default().to_owned(),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        match self.query.is_empty() {
            true => Ok(()),
            false => write!(f, "?{}", self.query),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_one_name() {
        let path = |name| Path::new(&["api", "v1", "users", name]).map(|p| p.to_string());
        for (name, expected) in [
            ("00u1", "/api/v1/users/00u1"),
            ("ann@acme.test", "/api/v1/users/ann%40acme.test"),
            ("../groups", "/api/v1/users/..%2Fgroups"),
            ("a?b#c", "/api/v1/users/a%3Fb%23c"),
            ("é %", "/api/v1/users/%C3%A9%20%25"),
            ("...", "/api/v1/users/..."),
        ] {
            assert_eq!(path(name).as_deref(), Ok(expected));
        }
        for name in ["", ".", "..", &"a".repeat(513)] {
            assert!(matches!(path(name), Err(Error::Segment(_))), "{name}");
        }
        let found = Path::new(&["a"])
            .unwrap()
            .with("q", "x y&z")
            .with("limit", "2");
        assert_eq!(found.to_string(), "/a?q=x+y%26z&limit=2");
        assert_eq!(found.then(&["b"]).unwrap().to_string(), "/a/b");
    }
}
