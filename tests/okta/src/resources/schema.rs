//! The schema of the user: Okta's own attributes and the org's custom ones, and profiles checked against both.

use serde_json::{Map, Value, json};

use super::{Fault, Resources};
use crate::ids;

pub fn type_id() -> String {
    ids::derive_id("oty", "default")
}

pub fn schema_id() -> String {
    ids::derive_id("osc", "default")
}

impl Resources {
    pub fn schema_body(&self) -> Value {
        let base: Map<String, Value> = BASE
            .iter()
            .map(|attribute| (attribute.0.to_owned(), base_attribute(attribute)))
            .collect();
        json!({
            "id": self.url("/meta/schemas/user/default"),
            "$schema": "http://json-schema.org/draft-04/schema#",
            "name": "user",
            "title": "User",
            "description": "Okta user profile template with default permission settings",
            "lastUpdated": "2026-01-01T00:00:00.000Z",
            "created": "2026-01-01T00:00:00.000Z",
            "definitions": {
                "custom": { "id": "#custom", "type": "object", "properties": self.attributes, "required": [] },
                "base": { "id": "#base", "type": "object", "properties": base, "required": REQUIRED },
            },
            "type": "object",
            "properties": { "profile": { "allOf": [
                { "$ref": "#/definitions/custom" }, { "$ref": "#/definitions/base" }] } },
            "_links": {
                "self": { "rel": "self", "href": self.url(&format!("/api/v1/meta/schemas/user/{}", schema_id())),
                          "method": "GET" },
                "type": { "rel": "type", "href": self.url(&format!("/api/v1/meta/types/user/{}", type_id())),
                          "method": "GET" },
            },
        })
    }

    /// `POST /api/v1/meta/schemas/user/default`: adds, changes, and removes what is null. All of it or nothing.
    pub fn change_schema(&mut self, body: &Value) -> Result<(), Fault> {
        let mut attributes = self.attributes.clone();
        if let Some(custom) = body.pointer("/definitions/custom/properties") {
            let custom = custom.as_object().ok_or(Fault::Malformed)?;
            for (name, property) in custom {
                if property.is_null() {
                    attributes.remove(name);
                    continue;
                }
                check_name(name)?;
                let property = complete(name, property)?;
                if let Some(old) = attributes.get(name)
                    && old["type"] != property["type"]
                {
                    return Err(Fault::invalid(
                        name,
                        format!("{name}: the data type of an attribute cannot be changed"),
                    ));
                }
                attributes.insert(name.clone(), property);
            }
        }
        if attributes.len() > MOST_ATTRIBUTES {
            return Err(Fault::Full { what: "UserSchema" });
        }
        self.attributes = attributes;
        // A removed attribute takes its values with it.
        let attributes = &self.attributes;
        for (_, user) in self.users.iter_mut() {
            user.profile
                .retain(|name, _| is_base(name) || attributes.contains_key(name));
        }
        Ok(())
    }
}

/// Whether a profile holds what is required, and nothing that no schema knows.
pub fn check(
    custom: &Map<String, Value>,
    profile: &Map<String, Value>,
    subject: &str,
) -> Result<(), Fault> {
    let mut causes = Vec::new();
    for (name, value) in profile {
        match (is_base(name), custom.get(name)) {
            (true, _) => match value.as_str() {
                Some(text) if text.chars().count() <= 1024 => {}
                _ => causes.push(format!("{name}: The field must be a string")),
            },
            (false, Some(property)) => {
                if let Some(fault) = mismatch(name, property, value) {
                    causes.push(fault);
                }
            }
            (false, None) => {
                causes.push(format!("Property name '{name}' is not defined in profile"));
            }
        }
    }
    for name in REQUIRED {
        if profile
            .get(name)
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
        {
            causes.push(format!("{name}: The field cannot be left blank"));
        }
    }
    causes.truncate(20);
    match causes.is_empty() {
        true => Ok(()),
        false => Err(Fault::Invalid {
            member: subject.to_owned(),
            causes,
        }),
    }
}

fn mismatch(name: &str, property: &Value, value: &Value) -> Option<String> {
    let fits = match property["type"].as_str().unwrap_or_default() {
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.as_array().is_some_and(|list| list.len() <= 1000),
        _ => value.is_string(),
    };
    if !fits {
        let kind = property["type"].as_str().unwrap_or_default();
        return Some(format!("{name}: The value must be of type {kind}"));
    }
    if let Some(allowed) = property["enum"].as_array()
        && !allowed.contains(value)
    {
        return Some(format!(
            "{name}: The value is not one of the enumerated values"
        ));
    }
    let length = value.as_str().map(|text| text.chars().count() as u64);
    if let (Some(length), Some(most)) = (length, property["maxLength"].as_u64())
        && length > most
    {
        return Some(format!("{name}: The field is too long"));
    }
    if let (Some(length), Some(least)) = (length, property["minLength"].as_u64())
        && length < least
    {
        return Some(format!("{name}: The field is too short"));
    }
    None
}

/// A custom attribute as Okta gives it back.
fn complete(name: &str, sent: &Value) -> Result<Value, Fault> {
    let kind = sent["type"].as_str().unwrap_or_default();
    if !["string", "boolean", "number", "integer", "array"].contains(&kind) {
        return Err(Fault::invalid(
            name,
            format!("{name}: type must be string, boolean, number, integer or array"),
        ));
    }
    let title = sent["title"].as_str().unwrap_or_default();
    if title.is_empty() || title.chars().count() > 255 {
        return Err(Fault::blank("title"));
    }
    let mut out = json!({
        "title": title,
        "type": kind,
        "mutability": sent["mutability"].as_str().unwrap_or("READ_WRITE"),
        "scope": sent["scope"].as_str().unwrap_or("NONE"),
        "permissions": match &sent["permissions"] {
            Value::Array(list) if !list.is_empty() && list.len() <= 5 => sent["permissions"].clone(),
            _ => json!([{ "principal": "SELF", "action": "READ_ONLY" }]),
        },
    });
    for member in [
        "description",
        "format",
        "items",
        "enum",
        "oneOf",
        "minLength",
        "maxLength",
        "unique",
        "externalName",
        "externalNamespace",
        "union",
        "pattern",
    ] {
        if let Some(value) = sent.get(member).filter(|value| !value.is_null()) {
            out[member] = value.clone();
        }
    }
    if sent["required"] == true {
        out["required"] = json!(true);
    }
    out["master"] = match &sent["master"] {
        Value::Object(_) => sent["master"].clone(),
        _ => json!({ "type": "PROFILE_MASTER" }),
    };
    Ok(out)
}

fn check_name(name: &str) -> Result<(), Fault> {
    let starts_well = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    let is_clean = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !starts_well || !is_clean || name.len() > 32 {
        return Err(Fault::invalid(
            name.chars().take(100).collect::<String>(),
            "name: the variable name must start with a letter and contain only letters, digits and underscores",
        ));
    }
    match is_base(name) {
        true => Err(Fault::invalid(
            name,
            format!("{name}: is an attribute of the base schema"),
        )),
        false => Ok(()),
    }
}

pub(super) fn is_base(name: &str) -> bool {
    BASE.iter().any(|attribute| attribute.0 == name)
}

type Attribute = (
    &'static str,
    &'static str,
    Option<&'static str>,
    Option<(u32, u32)>,
    &'static str,
);

fn base_attribute((name, title, format, length, action): &Attribute) -> Value {
    let mut out = json!({
        "title": title,
        "type": "string",
        "mutability": "READ_WRITE",
        "scope": "NONE",
        "permissions": [{ "principal": "SELF", "action": action }],
        "master": { "type": "PROFILE_MASTER" },
    });
    if REQUIRED.contains(name) {
        out["required"] = json!(true);
    }
    if let Some(format) = format {
        out["format"] = json!(format);
    }
    if let Some((least, most)) = length {
        out["maxLength"] = json!(most);
        if *least > 0 {
            out["minLength"] = json!(least);
        }
    }
    out
}

const MOST_ATTRIBUTES: usize = 100;
const REQUIRED: [&str; 4] = ["login", "firstName", "lastName", "email"];

/// Name, title, format, least and greatest length, and what the person may do with it.
const BASE: [Attribute; 31] = [
    ("login", "Username", None, Some((5, 100)), "READ_ONLY"),
    ("firstName", "First name", None, Some((1, 50)), "READ_WRITE"),
    ("lastName", "Last name", None, Some((1, 50)), "READ_WRITE"),
    ("middleName", "Middle name", None, None, "READ_ONLY"),
    (
        "honorificPrefix",
        "Honorific prefix",
        None,
        None,
        "READ_ONLY",
    ),
    (
        "honorificSuffix",
        "Honorific suffix",
        None,
        None,
        "READ_ONLY",
    ),
    ("email", "Primary email", Some("email"), None, "READ_WRITE"),
    ("title", "Title", None, None, "READ_ONLY"),
    ("displayName", "Display name", None, None, "READ_ONLY"),
    ("nickName", "Nickname", None, None, "READ_ONLY"),
    ("profileUrl", "Profile Url", Some("uri"), None, "READ_ONLY"),
    (
        "secondEmail",
        "Secondary email",
        Some("email"),
        None,
        "READ_WRITE",
    ),
    (
        "mobilePhone",
        "Mobile phone",
        None,
        Some((0, 100)),
        "READ_WRITE",
    ),
    (
        "primaryPhone",
        "Primary phone",
        None,
        Some((0, 100)),
        "HIDE",
    ),
    ("streetAddress", "Street address", None, None, "HIDE"),
    ("city", "City", None, None, "HIDE"),
    ("state", "State", None, None, "HIDE"),
    ("zipCode", "Zip code", None, None, "HIDE"),
    (
        "countryCode",
        "Country code",
        Some("country-code"),
        None,
        "HIDE",
    ),
    ("postalAddress", "Postal Address", None, None, "HIDE"),
    (
        "preferredLanguage",
        "Preferred language",
        Some("language-code"),
        None,
        "READ_ONLY",
    ),
    ("locale", "Locale", Some("locale"), None, "READ_ONLY"),
    ("timezone", "Time zone", Some("timezone"), None, "READ_ONLY"),
    ("userType", "User type", None, None, "READ_ONLY"),
    ("employeeNumber", "Employee number", None, None, "READ_ONLY"),
    ("costCenter", "Cost center", None, None, "READ_ONLY"),
    ("organization", "Organization", None, None, "READ_ONLY"),
    ("division", "Division", None, None, "READ_ONLY"),
    ("department", "Department", None, None, "READ_ONLY"),
    ("managerId", "ManagerId", None, None, "READ_ONLY"),
    ("manager", "Manager", None, None, "READ_ONLY"),
];
