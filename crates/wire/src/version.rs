//! The protocol's version and the one way from bytes to a message.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _,
};

/// The version this build speaks. It changes when a message changes its meaning; fixtures change with it.
pub const VERSION: u32 = 1;

/// The `"v"` member of every message: always serialised as [`VERSION`], and nothing else is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct V;

impl Serialize for V {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u32(VERSION)
    }
}

impl<'de> Deserialize<'de> for V {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match u32::deserialize(from)? {
            VERSION => Ok(V),
            other => Err(D::Error::custom(format!(
                "protocol version {other} instead of {VERSION}"
            ))),
        }
    }
}

/// Why bytes are not a message of this protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Longer than this kind of message may be.
    #[error("message of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// Bytes received.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not a JSON object with a number in `"v"`.
    #[error("not a JSON object with a protocol version")]
    NotAMessage,
    /// A version that this build does not speak.
    #[error("protocol version {theirs}, and this side speaks {VERSION}: update the older one")]
    Version {
        /// The version the other side sent.
        theirs: u64,
    },
    /// The version fits, but a member is missing, unknown or malformed.
    #[error("malformed at line {line}, column {column}: {what}")]
    Malformed {
        /// 1-based line of the JSON text.
        line: usize,
        /// 1-based column of the JSON text.
        column: usize,
        /// What serde found; contains names and types, never values of secrets.
        what: String,
    },
}

/// Parses one message of at most [`crate::limits::FRAME`] bytes.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    parse_bounded(bytes, crate::limits::FRAME)
}

/// Parses one message of at most `limit` bytes. The version is looked at first, so that a message of another version is
/// reported as such and not as malformed.
pub fn parse_bounded<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, Refusal> {
    #[derive(Deserialize)]
    struct Head {
        v: u64,
    }
    if bytes.len() > limit {
        return Err(Refusal::TooLong {
            length: bytes.len(),
            limit,
        });
    }
    let head: Head = serde_json::from_slice(bytes).map_err(|_| Refusal::NotAMessage)?;
    if head.v != u64::from(VERSION) {
        return Err(Refusal::Version { theirs: head.v });
    }
    serde_json::from_slice(bytes).map_err(|e| Refusal::Malformed {
        line: e.line(),
        column: e.column(),
        what: without_values(&e),
    })
}

/// serde's message quotes offending values (`invalid type: string "hunter2"`); what is between quotes goes.
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let mut out = String::with_capacity(text.len().min(crate::limits::TEXT));
    let mut quoted = false;
    for c in text.chars().take(crate::limits::TEXT) {
        match c {
            '"' if quoted => {
                quoted = false;
                out.push_str("…\"");
            }
            '"' => {
                quoted = true;
                out.push('"');
            }
            _ if quoted => {}
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Ping {
        v: V,
        n: u8,
    }

    #[test]
    fn another_version_is_named_before_anything_else_is_looked_at() {
        let refused = parse::<Ping>(br#"{"v":2,"entirely":"different"}"#);
        assert_eq!(refused, Err(Refusal::Version { theirs: 2 }));
    }

    #[test]
    fn values_never_appear_in_a_refusal() {
        let refused = parse::<Ping>(br#"{"v":1,"n":"hunter2"}"#).unwrap_err();
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
    }

    #[test]
    fn a_long_message_is_refused_unread() {
        let refused = parse_bounded::<Ping>(&[b' '; 11], 10);
        assert_eq!(
            refused,
            Err(Refusal::TooLong {
                length: 11,
                limit: 10
            })
        );
    }
}
