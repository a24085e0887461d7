//! Whether what is there is what shall be there. The org says more than it was told, and its order is its own.

use super::object::referred;
use serde_json::Value;

/// Where something differs.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Difference {
    /// `policy.subject.matchType`.
    pub at: String,
    /// What is there.
    pub is: Value,
    /// What shall be there.
    pub shall: Value,
}

impl Difference {
    /// Of a secret: neither side is shown.
    pub fn of_secret(at: &str, from: &str) -> Self {
        Self {
            at: at.into(),
            is: "(another one)".into(),
            shall: format!("(the one in {from})").into(),
        }
    }
}

/// Where `is` lacks something of `shall`. Members that `shall` does not name do not count.
pub fn differences(shall: &Value, is: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", shall, is, &mut found);
    found
}

fn compare(at: &str, shall: &Value, is: &Value, found: &mut Vec<Difference>) {
    if let Value::Object(members) = shall {
        for (name, shall) in members {
            let at = match at {
                "" => name.clone(),
                at => format!("{at}.{name}"),
            };
            compare(&at, shall, is.get(name).unwrap_or(&Value::Null), found);
        }
        return;
    }
    if !is_met(shall, is) {
        found.push(Difference {
            at: at.to_owned(),
            is: is.clone(),
            shall: shown(shall),
        });
    }
}

fn is_met(shall: &Value, is: &Value) -> bool {
    match (shall, is) {
        (Value::Array(shall), Value::Array(is)) if shall.len() == is.len() => {
            // Each of ours has to find one of theirs that no other has taken.
            let mut left: Vec<&Value> = is.iter().collect();
            shall.iter().all(|one| {
                let place = left
                    .iter()
                    .position(|theirs| differences(one, theirs).is_empty());
                place.map(|place| left.swap_remove(place)).is_some()
            })
        }
        (Value::Number(shall), Value::Number(is)) => shall.as_f64() == is.as_f64(),
        _ => shall == is || is_nothing(shall) && is_nothing(is),
    }
}

/// What an API may as well leave out.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// A reference in words.
pub fn shown(value: &Value) -> Value {
    match value {
        Value::String(text) => match referred(text) {
            Some(key) => format!("(the id of {key})").into(),
            None => value.clone(),
        },
        Value::Array(items) => items.iter().map(shown).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), shown(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// `is` with everything that `shall` says: what a PUT sends, so that what others have set, and what nobody documents, stays.
pub fn overlaid(is: &Value, shall: &Value) -> Value {
    match (is, shall) {
        (Value::Object(is), Value::Object(shall)) => {
            let mut all = is.clone();
            for (name, value) in shall {
                let merged = overlaid(is.get(name).unwrap_or(&Value::Null), value);
                all.insert(name.clone(), merged);
            }
            Value::Object(all)
        }
        _ => shall.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_org_adds_and_its_order_are_no_difference() {
        let shall = json!({
            "name": "a", "scopes": [{ "type": "CORS" }, { "type": "REDIRECT" }], "trustClaims": false, "n": 120_000,
            "kids": [],
        });
        let is = json!({
            "id": "tos1", "name": "a", "status": "ACTIVE", "n": 120_000.0,
            "scopes": [{ "type": "REDIRECT", "x": null }, { "type": "CORS" }],
        });
        assert_eq!(differences(&shall, &is), []);
    }

    #[test]
    fn each_difference_names_its_place() {
        let shall = json!({ "a": { "b": 1, "c": ["x", "x"] }, "d": true });
        let is = json!({ "a": { "b": 2, "c": ["x", "y"] } });
        let found = differences(&shall, &is);
        let at: Vec<&str> = found.iter().map(|d| d.at.as_str()).collect();
        assert_eq!(at, ["a.b", "a.c", "d"]);
    }

    #[test]
    fn a_replacement_keeps_what_others_have_set() {
        let is = json!({ "usage": "hidden", "policy": { "maxClockSkew": 0, "mine": 1 }, "scopes": ["a"] });
        let shall = json!({ "policy": { "maxClockSkew": 5 }, "scopes": ["b"] });
        assert_eq!(
            overlaid(&is, &shall),
            json!({ "usage": "hidden", "policy": { "maxClockSkew": 5, "mine": 1 }, "scopes": ["b"] })
        );
    }
}
