//! Schemas and resource types as `/Schemas` and `/ResourceTypes` tell them (RFC 7643, sections 6 and 7).

use super::{
    Attribute, CORE_GROUP, CORE_USER, ENTERPRISE_USER, GROUP, Kind, Mutability, ResourceType,
    Returned, Schema, USER,
};
use serde_json::{Value, json};

/// All schemas; `base` is the URL that ends in `/v2`.
pub fn schemas(base: &str) -> Vec<Value> {
    [&CORE_USER, &CORE_GROUP, &ENTERPRISE_USER]
        .map(|s| schema(s, base))
        .into()
}

/// All resource types.
pub fn resource_types(base: &str) -> Vec<Value> {
    [&USER, &GROUP].map(|t| resource_type(t, base)).into()
}

fn schema(schema: &Schema, base: &str) -> Value {
    let attributes: Vec<Value> = schema.attributes.iter().map(attribute).collect();
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": attributes,
        "meta": { "resourceType": "Schema", "location": format!("{base}/Schemas/{}", schema.id) },
    })
}

fn attribute(it: &Attribute) -> Value {
    let mut value = json!({
        "name": it.name,
        "type": match it.kind {
            Kind::Text => "string",
            Kind::Boolean => "boolean",
            Kind::DateTime => "dateTime",
            Kind::Reference => "reference",
            Kind::Binary => "binary",
            Kind::Complex => "complex",
        },
        "multiValued": it.is_multi,
        "description": it.description,
        "required": it.is_required,
        "caseExact": it.is_case_exact,
        "mutability": match it.mutability {
            Mutability::ReadOnly => "readOnly",
            Mutability::ReadWrite => "readWrite",
            Mutability::Immutable => "immutable",
            Mutability::WriteOnly => "writeOnly",
        },
        "returned": match it.returned {
            Returned::Always => "always",
            Returned::Never => "never",
            Returned::Default => "default",
        },
        "uniqueness": it.uniqueness,
    });
    if let Some(value) = value.as_object_mut() {
        if !it.canonical.is_empty() {
            value.insert("canonicalValues".into(), json!(it.canonical));
        }
        if it.kind == Kind::Reference {
            let kinds: &[&str] = match it.references {
                [] => &["external"],
                some => some,
            };
            value.insert("referenceTypes".into(), json!(kinds));
        }
        if !it.subs.is_empty() {
            let subs: Vec<Value> = it.subs.iter().map(attribute).collect();
            value.insert("subAttributes".into(), subs.into());
        }
    }
    value
}

fn resource_type(it: &ResourceType, base: &str) -> Value {
    let extensions: Vec<Value> = it
        .extensions
        .iter()
        .map(|s| json!({ "schema": s.id, "required": false }))
        .collect();
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": it.name,
        "name": it.name,
        "endpoint": it.endpoint,
        "description": it.description,
        "schema": it.core.id,
        "schemaExtensions": extensions,
        "meta": { "resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{}", it.name) },
    })
}
