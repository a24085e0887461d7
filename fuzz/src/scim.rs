//! SCIM: filters, PATCH paths and PATCH bodies. What is read has to print as itself, and what a PATCH leaves has to be a
//! person again.

use serde_json::json;
use standards::scim::{
    body,
    document::Document,
    filter::Filter,
    group::changes,
    patch::{PatchPath, PatchRequest},
    schema::USER,
    user::User,
};
use std::{mem::discriminant, sync::LazyLock};

pub const WORDS: &[&str] = &[
    "and ",
    "or ",
    "not (",
    "pr",
    " eq ",
    " ne ",
    " co ",
    " sw ",
    " ew ",
    " gt ",
    " le ",
    "(",
    ")",
    "[",
    "]",
    ".",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "true",
    "\"True\"",
    "null",
    "-1e9",
    "userName",
    "emails",
    "emails[type eq \"work\"]",
    "members[value eq \"a\"]",
    "name.givenName",
    "meta.created",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    "$ref",
    "password",
    "{",
    "}",
    ",",
    "\"op\":",
    "\"path\":",
    "\"value\":",
    "\"add\"",
    "\"Remove\"",
    "\"replace\"",
    "\"primary\":true",
    "\u{e4}",
];

static ANN: LazyLock<Document> = LazyLock::new(|| {
    let body = json!({
        "userName": "ann", "title": "Cook", "active": true, "name": { "givenName": "Ann" },
        "emails": [{ "value": "a", "type": "work", "primary": true }, { "value": "b", "type": "home" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Kitchen" },
    });
    Document::read(&USER, body).expect("a person")
});

pub fn filter_seeds() -> Vec<Vec<u8>> {
    [
        r#"userName eq "ann@acme.test""#,
        r#"not (title pr) and (emails[type eq "work" and value co "@"] or meta.created gt "2026-01-01T00:00:00Z")"#,
        r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value ne null"#,
        r#"members[value eq "a" or value eq "b"]"#,
    ]
    .map(|s| s.as_bytes().to_vec())
    .into()
}

pub fn filter(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(path) = PatchPath::parse(&text) {
        assert_eq!(PatchPath::parse(&path.to_string()), Ok(path));
    }
    match Filter::parse(&text) {
        Err(error) => format!("{:?}", error.kind),
        Ok(filter) => {
            let printed = filter.to_string();
            // Printing may make it longer than what is read.
            if printed.len() <= standards::scim::limits::FILTER_BYTES {
                assert_eq!(Filter::parse(&printed).as_ref(), Ok(&filter));
            }
            let fits = filter.matches(&USER, &ANN);
            assert_ne!(
                Filter::Not(Box::new(filter.clone())).matches(&USER, &ANN),
                fits
            );
            format!(
                "{:?} {fits} {:?}",
                discriminant(&filter),
                filter.check(&USER).map_err(|e| discriminant(&e))
            )
        }
    }
}

pub fn patch_seeds() -> Vec<Vec<u8>> {
    let schemas = json!(["urn:ietf:params:scim:api:messages:2.0:PatchOp"]);
    [
        json!([{ "op": "replace", "value": { "active": "False", "name.givenName": "x" } }]),
        json!([{ "op": "add", "path": "emails[type eq \"other\"].value", "value": "c" }, { "op": "remove", "path": "title" }]),
        json!([{ "op": "replace", "path": "emails", "value": [{ "value": "a", "primary": true }] }]),
        json!([{ "op": "remove", "path": "members[value eq \"a\"]" }, { "op": "add", "path": "members", "value": [{ "value": "b" }] }]),
        json!([{ "op": "replace", "value": { "id": "7", "displayName": "Staff" } }]),
    ]
    .map(|operations| json!({ "schemas": schemas, "Operations": operations }).to_string().into_bytes())
    .into()
}

pub fn patch(bytes: &[u8]) -> String {
    let request = match body::parse(bytes).and_then(PatchRequest::read) {
        Ok(request) => request,
        Err(error) => return format!("{:?}", discriminant(&error)),
    };
    let group = changes(&request)
        .map(|c| c.len())
        .map_err(|e| discriminant(&e));
    let person = match request.apply(&USER, &ANN) {
        Err(error) => format!("{:?}", discriminant(&error)),
        Ok(after) => {
            let map = serde_json::Value::Object(after.clone().into_map());
            assert_eq!(Document::read(&USER, map).as_ref(), Ok(&after));
            format!("{}", User::of(after).is_ok())
        }
    };
    format!("{} {group:?} {person}", request.operations.len().min(4))
}
