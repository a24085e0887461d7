//! Runs a SCIM suite in the file format of the two that Okta publishes: requests with variables, assertions, and variables
//! taken from answers.

pub mod okta;
pub mod server;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{collections::HashMap, time::Instant};

/// One request.
#[derive(Debug, Clone)]
pub struct Call {
    /// `GET`, …
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Headers in their order.
    pub headers: Vec<(String, String)>,
    /// The body; may be empty.
    pub body: String,
}

/// Its answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON; null where there is none.
    pub body: Value,
}

/// What a suite found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Assertions that held.
    pub held: usize,
    /// Sentences about those that did not.
    pub failures: Vec<String>,
}

/// Runs all steps in their order; `send` carries a request out.
pub fn run(
    suite: &Value,
    mut variables: HashMap<String, String>,
    mut send: impl FnMut(Call) -> Result<Answer>,
) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let steps = suite["steps"]
        .as_array()
        .context("the suite has no steps")?;
    for (number, step) in steps.iter().enumerate() {
        // Pauses are for servers that are slower than their answers.
        if step["step_type"] != "request" || step["skipped"] == true {
            continue;
        }
        let call = call(step, &variables)?;
        let place = format!("step {number}, {} {}", call.method, call.url);
        let began = Instant::now();
        let answer = send(call).with_context(|| place.clone())?;
        let millis = began.elapsed().as_millis();
        for assertion in list(&step["assertions"]) {
            match holds(assertion, &answer, millis, &variables)? {
                true => outcome.held += 1,
                false => outcome.failures.push(format!(
                    "{place}: {assertion}: {} {}",
                    answer.status, answer.body
                )),
            }
        }
        for variable in list(&step["variables"]) {
            if let (Some(name), Some(property)) =
                (variable["name"].as_str(), variable["property"].as_str())
            {
                let value = property_of(&answer.body, property);
                variables.insert(name.into(), value.map(text).unwrap_or_default());
            }
        }
    }
    Ok(outcome)
}

fn call(step: &Value, variables: &HashMap<String, String>) -> Result<Call> {
    let filled = |value: &Value| filled(value.as_str().unwrap_or_default(), variables);
    let mut headers = Vec::new();
    for (name, values) in step["headers"].as_object().into_iter().flatten() {
        let value = values.get(0).unwrap_or(values);
        headers.push((name.clone(), filled(value)?));
    }
    // The files have filters in plain text.
    let url = filled(&step["url"])?
        .replace(' ', "%20")
        .replace('"', "%22");
    Ok(Call {
        method: step["method"]
            .as_str()
            .context("a step without a method")?
            .into(),
        url,
        headers,
        body: filled(&step["body"])?,
    })
}

fn holds(
    assertion: &Value,
    answer: &Answer,
    millis: u128,
    variables: &HashMap<String, String>,
) -> Result<bool> {
    let wanted = filled(&text(&assertion["value"]), variables)?;
    let found = match assertion["source"].as_str() {
        Some("response_status") => Some(answer.status.into()),
        Some("response_time") => Some(Value::from(u64::try_from(millis)?)),
        Some("response_json") => property_of(
            &answer.body,
            assertion["property"].as_str().unwrap_or_default(),
        )
        .cloned(),
        other => bail!("an unknown source {other:?}"),
    };
    let Some(found) = found else {
        return Ok(false);
    };
    let number = |text: &str| text.parse::<f64>().ok();
    Ok(match assertion["comparison"].as_str() {
        Some("equal") => text(&found) == wanted,
        Some("equal_number") => {
            number(&text(&found)).is_some() && number(&text(&found)) == number(&wanted)
        }
        Some("not_empty") => !matches!(text(&found).as_str(), "" | "null" | "[]" | "{}"),
        Some("is_a_number") => found.is_number(),
        Some("is_less_than") => number(&text(&found)) < number(&wanted),
        Some("has_value") => list(&found).any(|v| text(v) == wanted) || text(&found) == wanted,
        Some("contains") => {
            list(&found).any(|v| text(v) == wanted) || text(&found).contains(&wanted)
        }
        other => bail!("an unknown comparison {other:?}"),
    })
}

/// `Resources[0].emails[0].value`.
fn property_of<'a>(body: &'a Value, property: &str) -> Option<&'a Value> {
    let pointer = property
        .replace('[', ".")
        .replace(']', "")
        .replace('.', "/");
    match pointer.as_str() {
        "" => Some(body),
        path => body.pointer(&format!("/{path}")),
    }
}

/// `text` with `{{name}}` replaced.
fn filled(text: &str, variables: &HashMap<String, String>) -> Result<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after
            .split_once("}}")
            .context("a variable without its end")?;
        out.push_str(before);
        out.push_str(
            variables
                .get(name)
                .with_context(|| format!("the variable {name} has no value"))?,
        );
        rest = after;
    }
    Ok(out + rest)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
