//! Two JSON values compared by their shape: which members there are, and of which types.

use serde_json::Value;

/// Every difference in a sentence: `$.a.b missing`, `$.a extra`, `$.a null, recorded string`, `$.a "x", recorded "y"`.
pub fn differences(recorded: &Value, ours: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk("$", recorded, ours, &mut found);
    found
}

fn walk(path: &str, recorded: &Value, ours: &Value, found: &mut Vec<String>) {
    if kind(recorded) != kind(ours) {
        found.push(format!(
            "{path} {}, recorded {}",
            kind(ours),
            kind(recorded)
        ));
        return;
    }
    match (recorded, ours) {
        (Value::Object(recorded), Value::Object(ours)) => {
            for (name, value) in recorded {
                match ours.get(name) {
                    Some(ours) => walk(&format!("{path}.{name}"), value, ours, found),
                    None => found.push(format!("{path}.{name} missing")),
                }
            }
            for name in ours.keys().filter(|name| !recorded.contains_key(*name)) {
                found.push(format!("{path}.{name} extra"));
            }
        }
        (Value::Array(recorded), Value::Array(ours)) => list(path, recorded, ours, found),
        (Value::String(recorded), Value::String(ours)) => {
            let name = path.rsplit('.').next().unwrap_or_default();
            if EXACT.contains(&name) && recorded != ours {
                found.push(format!("{path} {ours:?}, recorded {recorded:?}"));
            }
        }
        _ => {}
    }
}

/// Rows are found by their (translated) id; rows of the recorded org that nobody made in the recording are its own.
fn list(path: &str, recorded: &[Value], ours: &[Value], found: &mut Vec<String>) {
    let id = |value: &Value| value["id"].as_str().map(str::to_owned);
    let (with_ids, without): (Vec<&Value>, Vec<&Value>) =
        recorded.iter().partition(|value| id(value).is_some());
    for row in with_ids {
        if let Some(mine) = ours.iter().find(|mine| id(mine) == id(row)) {
            walk(&format!("{path}[]"), row, mine, found);
        } else if row["id"].as_str().is_some_and(|id| id.starts_with("ours:")) {
            found.push(format!("{path}[] missing"));
        }
    }
    if !without.is_empty() && ours.is_empty() {
        found.push(format!("{path} empty, recorded {} elements", without.len()));
    }
    if recorded.is_empty() && !ours.is_empty() {
        found.push(format!("{path} not empty"));
    }
    for (recorded, ours) in without.iter().zip(ours) {
        walk(&format!("{path}[]"), recorded, ours, found);
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Members whose values are facts of the protocol, not of the org.
const EXACT: [&str; 14] = [
    "status",
    "type",
    "errorCode",
    "errorSummary",
    "errorLink",
    "verificationStatus",
    "key",
    "scope",
    "binding",
    "algorithm",
    "action",
    "matchType",
    "objectClass",
    "idpSelectionType",
];
