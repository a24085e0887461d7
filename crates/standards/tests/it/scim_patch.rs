//! SCIM PATCH: every form of path, the habits of clients, and what must not happen.

use proptest::prelude::*;
use serde_json::{Value, json};
use standards::scim::{
    PATCH_OP, body,
    document::Document,
    error::ScimError,
    group::{Change, changes},
    limits,
    patch::{PatchPath, PatchRequest},
    schema::{CORE_USER, USER},
    user::User,
};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn ann() -> Document {
    let body = json!({
        "schemas": [CORE_USER.id], "userName": "ann", "externalId": "00uA", "active": true, "title": "Cook",
        "name": { "givenName": "Ann", "familyName": "Lee" },
        "emails": [{ "value": "a@work", "type": "work", "primary": true }, { "value": "a@home", "type": "home" }],
        ENTERPRISE: { "department": "Kitchen", "manager": { "value": "7" } },
    });
    Document::read(&USER, body).unwrap()
}

fn request(operations: &Value) -> Result<PatchRequest, ScimError> {
    let text = json!({ "schemas": [PATCH_OP], "Operations": operations }).to_string();
    PatchRequest::read(body::parse(text.as_bytes())?)
}

fn patched(operations: Value) -> Result<Value, ScimError> {
    let after = request(&operations)?.apply(&USER, &ann())?;
    // What a PATCH leaves is always a person again.
    User::of(after.clone())?;
    Ok(Value::Object(after.into_map()))
}

/// One operation, and what is different afterwards: path to value, `null` where it is gone.
fn check(operation: Value, differences: Value) {
    let mut expected = Value::Object(ann().into_map());
    for (path, value) in differences.as_object().unwrap() {
        let (holder, name) = path.rsplit_once('/').unwrap();
        let holder = expected
            .pointer_mut(holder)
            .unwrap()
            .as_object_mut()
            .unwrap();
        match value {
            Value::Null => drop(holder.remove(&name.replace("~1", "/"))),
            value => drop(holder.insert(name.into(), value.clone())),
        }
    }
    assert_eq!(patched(json!([operation])), Ok(expected), "{operation}");
}

#[test]
fn every_form_of_path_leads_to_its_place() {
    let work = json!({ "value": "a@work", "type": "work", "primary": true });
    let home = json!({ "value": "a@home", "type": "home" });
    for (operation, differences) in [
        (
            json!({"op": "replace", "path": "title", "value": "Chef"}),
            json!({"/title": "Chef"}),
        ),
        (
            json!({"op": "add", "path": "TITLE", "value": "Chef"}),
            json!({"/title": "Chef"}),
        ),
        (
            json!({"op": "remove", "path": "title"}),
            json!({"/title": null}),
        ),
        (
            json!({"op": "replace", "path": "title", "value": null}),
            json!({"/title": null}),
        ),
        (
            json!({"op": "replace", "path": "name.givenName", "value": "Anna"}),
            json!({"/name/givenName": "Anna"}),
        ),
        (
            json!({"op": "remove", "path": "name.givenName"}),
            json!({"/name/givenName": null}),
        ),
        // The other parts of a name stay.
        (
            json!({"op": "replace", "path": "name", "value": {"givenName": "Anna"}}),
            json!({"/name/givenName": "Anna"}),
        ),
        (
            json!({"op": "replace", "path": format!("{}:name.givenName", CORE_USER.id), "value": "Anna"}),
            json!({"/name/givenName": "Anna"}),
        ),
        (
            json!({"op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "Bar"}),
            json!({"/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/department": "Bar"}),
        ),
        (
            json!({"op": "replace", "path": format!("{}:manager.value", ENTERPRISE.to_uppercase()), "value": "8"}),
            json!({"/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager": {"value": "8"}}),
        ),
        (
            json!({"op": "remove", "path": ENTERPRISE}),
            json!({"/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": null}),
        ),
        (
            json!({"op": "add", "path": ENTERPRISE, "value": {"costCenter": "9"}}),
            json!({"/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/costCenter": "9"}),
        ),
        (
            json!({"op": "replace", "path": "emails[type eq \"work\"].value", "value": "b@work"}),
            json!({"/emails": [{"value": "b@work", "type": "work", "primary": true}, home]}),
        ),
        (
            json!({"op": "replace", "path": "emails[type EQ \"HOME\" and value co \"@\"]", "value": {"display": "d"}}),
            json!({"/emails": [work, {"value": "a@home", "type": "home", "display": "d"}]}),
        ),
        (
            json!({"op": "remove", "path": "emails[type eq \"work\"]"}),
            json!({"/emails": [home]}),
        ),
        (
            json!({"op": "remove", "path": "emails[type eq \"nothing\"]"}),
            json!({}),
        ),
        (
            json!({"op": "remove", "path": "emails"}),
            json!({"/emails": null}),
        ),
        (
            json!({"op": "replace", "path": "emails", "value": []}),
            json!({"/emails": null}),
        ),
        (
            json!({"op": "replace", "path": "emails", "value": [home]}),
            json!({"/emails": [home]}),
        ),
        (
            json!({"op": "add", "path": "emails", "value": [home]}),
            json!({}),
        ),
        (
            json!({"op": "add", "path": "emails", "value": [{"value": "c@c", "type": "other", "primary": true}]}),
            json!({"/emails": [{"value": "a@work", "type": "work"}, home, {"value": "c@c", "type": "other", "primary": true}]}),
        ),
        (
            json!({"op": "replace", "path": "emails[type eq \"home\"].primary", "value": "True"}),
            json!({"/emails": [{"value": "a@work", "type": "work"}, {"value": "a@home", "type": "home", "primary": true}]}),
        ),
        // Where nothing fits, an `add` makes the value that its filter describes.
        (
            json!({"op": "add", "path": "phoneNumbers[type eq \"work\"].value", "value": "1"}),
            json!({"/phoneNumbers": [{"type": "work", "value": "1"}]}),
        ),
        // Entra's way to remove some of a list.
        (
            json!({"op": "remove", "path": "emails", "value": [{"value": "a@work"}]}),
            json!({"/emails": [home]}),
        ),
        (
            json!({"op": "remove", "path": "emails", "value": []}),
            json!({}),
        ),
        // Path-less.
        (
            json!({"op": "replace", "value": {"active": false}}),
            json!({"/active": false}),
        ),
        (
            json!({"op": "Replace", "value": {"active": "False"}}),
            json!({"/active": false}),
        ),
        (
            json!({"op": "ADD", "value": {"Title": "Chef", "shoeSize": 9, "id": "x"}}),
            json!({"/title": "Chef"}),
        ),
        (
            json!({"op": "add", "value": {"name.givenName": "Anna"}}),
            json!({"/name/givenName": "Anna"}),
        ),
        (
            json!({"op": "replace", "value": {"emails[type eq \"work\"].value": "b@work"}}),
            json!({"/emails": [{"value": "b@work", "type": "work", "primary": true}, home]}),
        ),
        (
            json!({"op": "replace", "value": {ENTERPRISE: {"department": "Bar"}, "schemas": ["x"]}}),
            json!({"/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/department": "Bar"}),
        ),
        (
            json!({"op": "replace", "value": {format!("{ENTERPRISE}:department"): "Bar"}}),
            json!({"/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/department": "Bar"}),
        ),
        // A password is taken and dropped.
        (
            json!({"op": "replace", "value": {"password": "hunter2"}}),
            json!({}),
        ),
        (
            json!({"op": "replace", "path": "password", "value": "hunter2"}),
            json!({}),
        ),
    ] {
        check(operation, differences);
    }
}

#[test]
fn operations_that_mean_nothing_are_refused_and_change_nothing() {
    for (operation, scim_type) in [
        (json!({"op": "remove"}), "noTarget"),
        (
            json!({"op": "replace", "path": "emails[type eq \"fax\"].value", "value": "x"}),
            "noTarget",
        ),
        (
            json!({"op": "replace", "path": "id", "value": "x"}),
            "mutability",
        ),
        (
            json!({"op": "add", "path": "groups", "value": [{"value": "admins"}]}),
            "mutability",
        ),
        (
            json!({"op": "replace", "path": "meta.version", "value": "x"}),
            "mutability",
        ),
        (
            json!({"op": "replace", "path": "shoeSize", "value": 9}),
            "invalidPath",
        ),
        (
            json!({"op": "replace", "path": "emails[", "value": 9}),
            "invalidPath",
        ),
        (
            json!({"op": "replace", "path": "title[value eq \"a\"]", "value": "x"}),
            "invalidPath",
        ),
        (
            json!({"op": "replace", "path": "emails[shoeSize eq \"a\"].value", "value": "x"}),
            "invalidFilter",
        ),
        (
            json!({"op": "replace", "path": "active", "value": "perhaps"}),
            "invalidValue",
        ),
        (
            json!({"op": "replace", "path": "title", "value": 7}),
            "invalidValue",
        ),
        (
            json!({"op": "replace", "path": "title", "value": "a\u{0}b"}),
            "invalidValue",
        ),
        (
            json!({"op": "replace", "path": "title", "value": "a".repeat(limits::STRING + 1)}),
            "invalidValue",
        ),
        (json!({"op": "remove", "path": "userName"}), "invalidValue"),
        (
            json!({"op": "replace", "path": "userName", "value": ""}),
            "invalidValue",
        ),
        (
            json!({"op": "replace", "path": "emails", "value": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]}),
            "invalidValue",
        ),
        (
            json!({"op": "add", "path": "emails", "value": vec![json!({"value": "a"}); limits::VALUES + 1]}),
            "invalidValue",
        ),
        (
            json!({"op": "merge", "path": "title", "value": "x"}),
            "invalidSyntax",
        ),
        (
            json!({"op": "replace", "path": 7, "value": "x"}),
            "invalidSyntax",
        ),
        (json!({"op": "replace", "value": "x"}), "invalidSyntax"),
        (json!({"op": "replace", "path": "title"}), "invalidSyntax"),
        (json!("replace"), "invalidSyntax"),
    ] {
        // What came before it in the same request does not count either.
        let good = json!({"op": "replace", "path": "title", "value": "Chef"});
        let refused = patched(json!([good, operation])).expect_err(&operation.to_string());
        assert_eq!(
            refused.scim_type(),
            Some(scim_type),
            "{operation}: {refused}"
        );
    }
    let many = Value::from(vec![
        json!({"op": "remove", "path": "title"});
        limits::OPERATIONS + 1
    ]);
    assert_eq!(request(&many), Err(ScimError::TooManyOperations));
    for body in [
        json!([]),
        json!({}),
        json!({"Operations": {}}),
        json!({"schemas": ["x"], "Operations": []}),
    ] {
        assert!(PatchRequest::read(body).is_err());
    }
}

#[test]
fn a_list_never_outgrows_its_limit_by_patching() {
    let fifty: Vec<Value> = (0..50).map(|n| json!({ "value": n.to_string() })).collect();
    let more: Vec<Value> = (50..100)
        .map(|n| json!({ "value": n.to_string() }))
        .collect();
    let twice = json!([
        {"op": "add", "path": "roles", "value": fifty},
        {"op": "add", "path": "roles", "value": more},
    ]);
    assert!(matches!(patched(twice), Err(ScimError::TooMany { .. })));
}

fn group(operations: Value) -> Result<Vec<Change>, ScimError> {
    changes(&request(&operations)?)
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).into()).collect()
}

#[test]
fn members_change_as_the_client_said_and_no_further() {
    for (operation, expected) in [
        // authentik #25686: one of them, not none, not all.
        (
            json!({"op": "remove", "path": "members[value eq \"b\"]"}),
            Some(Change::Remove(ids(&["b"]))),
        ),
        (
            json!({"op": "Remove", "path": "Members[Value Eq \"b\"]"}),
            Some(Change::Remove(ids(&["b"]))),
        ),
        (
            json!({"op": "remove", "path": "members[value eq \"b\" or value eq \"a\"]"}),
            Some(Change::Remove(ids(&["a", "b"]))),
        ),
        (
            json!({"op": "remove", "path": "members", "value": [{"value": "b"}]}),
            Some(Change::Remove(ids(&["b"]))),
        ),
        (
            json!({"op": "remove", "path": "members", "value": []}),
            None,
        ),
        (
            json!({"op": "remove", "path": "members"}),
            Some(Change::Replace(vec![])),
        ),
        // SCIM-SDK #757: an empty "push now" empties the group.
        (
            json!({"op": "replace", "path": "members", "value": []}),
            Some(Change::Replace(vec![])),
        ),
        (
            json!({"op": "replace", "value": {"members": []}}),
            Some(Change::Replace(vec![])),
        ),
        (
            json!({"op": "replace", "path": "members", "value": [{"value": "b"}, {"value": "b"}]}),
            Some(Change::Replace(ids(&["b"]))),
        ),
        (
            json!({"op": "add", "path": "members", "value": [{"value": "a", "display": "x"}]}),
            Some(Change::Add(ids(&["a"]))),
        ),
        (
            json!({"op": "add", "path": "members", "value": {"value": "a"}}),
            Some(Change::Add(ids(&["a"]))),
        ),
        (json!({"op": "add", "path": "members", "value": []}), None),
        (
            json!({"op": "add", "value": {"members": [{"value": "a"}]}}),
            Some(Change::Add(ids(&["a"]))),
        ),
        (
            json!({"op": "add", "path": "members[value eq \"a\"]"}),
            Some(Change::Add(ids(&["a"]))),
        ),
        // Okta's rename: the id beside the name is passed over.
        (
            json!({"op": "replace", "value": {"id": "7", "displayName": "Staff"}}),
            Some(Change::Rename("Staff".into())),
        ),
        (
            json!({"op": "replace", "path": "displayName", "value": "Staff"}),
            Some(Change::Rename("Staff".into())),
        ),
        (
            json!({"op": "replace", "path": "externalId", "value": "x"}),
            Some(Change::ExternalId("x".into())),
        ),
        (
            json!({"op": "remove", "path": "externalId"}),
            Some(Change::ExternalId(String::new())),
        ),
    ] {
        assert_eq!(
            group(json!([operation])),
            Ok(Vec::from_iter(expected)),
            "{operation}"
        );
    }
    let matching = group(json!([{"op": "remove", "path": "members[not (value eq \"b\")]"}]));
    assert!(matches!(
        matching.unwrap().as_slice(),
        [Change::RemoveMatching(_)]
    ));
    for (operation, scim_type) in [
        (json!({"op": "remove"}), "noTarget"),
        (
            json!({"op": "replace", "path": "id", "value": "7"}),
            "mutability",
        ),
        (
            json!({"op": "replace", "path": "members[value eq \"a\"].value", "value": "b"}),
            "mutability",
        ),
        (
            json!({"op": "remove", "path": "displayName"}),
            "invalidValue",
        ),
        (
            json!({"op": "add", "path": "members", "value": [{"display": "x"}]}),
            "invalidValue",
        ),
        (
            json!({"op": "add", "path": "members", "value": [{"value": "a", "type": "Group"}]}),
            "invalidValue",
        ),
        (
            json!({"op": "remove", "path": "members[shoeSize eq \"a\"]"}),
            "invalidFilter",
        ),
        (json!({"op": "remove", "path": "owners"}), "invalidPath"),
        (
            json!({"op": "remove", "path": "members.value"}),
            "invalidPath",
        ),
        (json!({"op": "replace", "path": "members"}), "invalidSyntax"),
    ] {
        let refused = group(json!([operation])).expect_err(&operation.to_string());
        assert_eq!(
            refused.scim_type(),
            Some(scim_type),
            "{operation}: {refused}"
        );
    }
}

fn any_operation() -> impl Strategy<Value = Value> {
    let path = prop::sample::select(vec![
        "title",
        "name",
        "name.givenName",
        "emails",
        "emails.display",
        "emails[type eq \"work\"]",
        "emails[type eq \"work\"].value",
        "emails[primary eq true].display",
        "phoneNumbers[type eq \"x\" and value eq \"y\"]",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        "active",
        "roles",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "emails[not (value pr)]",
    ]);
    let value = prop::sample::select(vec![
        json!("text"),
        json!(""),
        json!(null),
        json!(true),
        json!("True"),
        json!({"givenName": "A"}),
        json!({"value": "v"}),
        json!([{"value": "v", "type": "work"}]),
        json!([{"value": "w", "primary": true}, {"value": "x"}]),
        json!([]),
        json!({"title": "t", "emails": [{"value": "n"}]}),
        json!({"department": "d"}),
    ]);
    let verb = prop::sample::select(vec!["add", "Replace", "remove"]);
    (verb, prop::option::of(path), prop::option::of(value)).prop_map(|(op, path, value)| {
        let mut operation = json!({ "op": op });
        if let Some(path) = path {
            operation["path"] = path.into();
        }
        if let Some(value) = value {
            operation["value"] = value;
        }
        operation
    })
}

proptest! {
    #[test]
    fn an_operation_done_twice_is_done_once(operation in any_operation()) {
        let request = request(&json!([operation])).unwrap();
        if let Ok(once) = request.apply(&USER, &ann()) {
            // A replaced value may no longer fit its own filter; then there is no target any more, and nothing changes.
            match request.apply(&USER, &once) {
                Ok(twice) => prop_assert_eq!(&twice, &once),
                Err(refused) => prop_assert_eq!(refused, ScimError::NoTarget),
            }
            User::of(once).unwrap();
        }
    }

    #[test]
    fn what_a_patch_leaves_reads_as_itself(operations in prop::collection::vec(any_operation(), 0..5)) {
        if let Ok(after) = request(&operations.into()).unwrap().apply(&USER, &ann()) {
            let text = Value::Object(after.clone().into_map());
            prop_assert_eq!(Document::read(&USER, text).unwrap(), after.clone());
            prop_assert_eq!(User::of(after.clone()).unwrap().document(), after);
        }
    }

    #[test]
    fn paths_print_as_they_are_read(text in "[a-z.:\\[\\]\" $]{0,40}|emails\\[[a-z]{1,6} (eq|sw) \"[a-z]{0,4}\"\\](\\.[a-z]{1,5})?") {
        if let Ok(path) = PatchPath::parse(&text) {
            prop_assert_eq!(PatchPath::parse(&path.to_string()), Ok(path));
        }
    }
}
