//! From bytes to JSON, with bounds: depth, and no name twice in one object. Names are attribute names, so two that differ
//! in case only are the same name, and which of them would win is nothing that two readers agree on.

use super::{error::ScimError, limits};
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::{collections::HashSet, fmt};

/// Reads a body. Its length is the caller's to bound.
pub fn parse(bytes: &[u8]) -> Result<Value, ScimError> {
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let refused = |error: serde_json::Error| match error.to_string() {
        // Our own two messages, from below; everything else is the parser's.
        text if text.starts_with(DEEP) => ScimError::TooDeep,
        text if text.starts_with(TWICE) => ScimError::NameRepeated,
        _ => ScimError::NotJson {
            line: error.line(),
            column: error.column(),
        },
    };
    let value = Level(0).deserialize(&mut from).map_err(refused)?;
    from.end().map_err(refused)?;
    Ok(value)
}

const DEEP: &str = "deeper than allowed";
const TWICE: &str = "a name occurs twice";

/// How many containers are open.
#[derive(Clone, Copy)]
struct Level(usize);

impl Level {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        match self.0 {
            n if n >= limits::JSON_DEPTH => Err(E::custom(DEEP)),
            n => Ok(Self(n + 1)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Value;
    fn deserialize<D: de::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = from.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let (mut map, mut names) = (Map::new(), HashSet::new());
        while let Some(name) = from.next_key::<String>()? {
            if !names.insert(super::fold(&name)) {
                return Err(de::Error::custom(TWICE));
            }
            map.insert(name, from.next_value_seed(inner)?);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bodies_are_bounded_and_unambiguous() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(
            parse(br#"{"a":[1,-2,1.5,true,null,"x"]}"#),
            Ok(json!({"a": [1, -2, 1.5, true, null, "x"]}))
        );
        assert!(parse(deep(limits::JSON_DEPTH).as_bytes()).is_ok());
        for (bytes, refused) in [
            (deep(limits::JSON_DEPTH + 1), ScimError::TooDeep),
            (deep(100_000), ScimError::TooDeep),
            (
                r#"{"active":true,"Active":false}"#.into(),
                ScimError::NameRepeated,
            ),
            ("{} {}".into(), ScimError::NotJson { line: 1, column: 4 }),
            ("".into(), ScimError::NotJson { line: 1, column: 0 }),
        ] {
            assert_eq!(
                parse(bytes.as_bytes()),
                Err(refused),
                "{}",
                &bytes[..bytes.len().min(40)]
            );
        }
        assert!(matches!(parse(b"\"\xff\""), Err(ScimError::NotJson { .. })));
    }
}
