//! SCIM resources, queries and projections.

use serde_json::{Value, json};
use standards::scim::{
    config::service_provider_config,
    document::Document,
    error::ScimError,
    group::Group,
    limits,
    projection::Projection,
    query::Query,
    schema::{self, CORE_GROUP, CORE_USER, ENTERPRISE_USER, GROUP, USER},
    user::User,
};

fn user(extra: Value) -> Result<User, ScimError> {
    let mut body = json!({ "schemas": [CORE_USER.id], "userName": "ann" });
    body.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    User::read(body)
}

#[test]
fn the_person_that_okta_pushes_is_read_whole() {
    let body = json!({
        "schemas": [CORE_USER.id], "userName": "alice@acme.test",
        "name": { "givenName": "Alice", "familyName": "Liddell" },
        "emails": [{ "primary": true, "value": "alice@acme.test", "type": "work" }],
        "displayName": "Alice Liddell", "locale": "en-US", "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [], "password": "1mz050nq", "active": true,
    });
    let user = User::read(body.clone()).unwrap();
    assert_eq!(user.external_id.as_deref(), Some("00ujl29u0le5T6Aj10h7"));
    assert_eq!(
        (user.active, user.email()),
        (Some(true), Some("alice@acme.test"))
    );
    // Everything comes back but the password, and groups, which only membership says.
    let mut expected = body;
    for gone in ["password", "groups"] {
        expected.as_object_mut().unwrap().remove(gone);
    }
    assert_eq!(user.document().answer(&USER), expected);
}

#[test]
fn what_only_the_server_says_is_not_taken_from_a_client() {
    let user = user(json!({
        "id": "chosen", "meta": { "created": "2000-01-01T00:00:00Z" }, "groups": [{ "value": "admins" }], "shoeSize": 9,
        "urn:unknown:extension": { "a": 1 },
    }));
    assert_eq!(
        user,
        Ok(User {
            user_name: "ann".into(),
            ..User::default()
        })
    );
}

#[test]
fn values_have_the_types_of_the_schema() {
    assert_eq!(
        user(json!({ "active": "True" })).unwrap().active,
        Some(true)
    );
    assert_eq!(
        user(json!({ "title": "", "emails": [], "name": {} })),
        user(json!({}))
    );
    let enterprise = user(json!({ ENTERPRISE_USER.id: { "manager": "7" } }))
        .unwrap()
        .enterprise
        .unwrap();
    assert_eq!(enterprise.manager.unwrap().value.as_deref(), Some("7"));
    for extra in [
        json!({ "active": 1 }),
        json!({ "title": 1 }),
        json!({ "title": { "a": 1 } }),
        json!({ "name": "Ann" }),
        json!({ "emails": [7] }),
        json!({ "emails": [{ "primary": "perhaps" }] }),
        json!({ ENTERPRISE_USER.id: "x" }),
        json!({ "title": "a\u{0}" }),
    ] {
        assert_eq!(
            user(extra.clone()).map_err(|e| e.scim_type()),
            Err(Some("invalidValue")),
            "{extra}"
        );
    }
    for (body, scim_type) in [
        (json!({ "schemas": [CORE_USER.id] }), "invalidValue"),
        (
            json!({ "schemas": [CORE_GROUP.id], "userName": "ann" }),
            "invalidSyntax",
        ),
        (json!([]), "invalidSyntax"),
    ] {
        assert_eq!(User::read(body).unwrap_err().scim_type(), Some(scim_type));
    }
}

#[test]
fn a_group_says_whether_it_said_its_members() {
    let group = |extra: Value| {
        let mut body = json!({ "schemas": [CORE_GROUP.id], "displayName": "Staff" });
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        Group::read(body)
    };
    assert_eq!(group(json!({})).unwrap().members, None);
    assert_eq!(
        group(json!({ "members": [] })).unwrap().members,
        Some(vec![])
    );
    assert_eq!(
        group(json!({ "Members": [{ "value": "b" }, { "value": "a" }, { "value": "b" }] }))
            .unwrap()
            .members,
        Some(vec!["a".into(), "b".into()])
    );
    let many = vec![json!({ "value": "a" }); limits::MEMBERS + 1];
    assert!(matches!(
        group(json!({ "members": many })),
        Err(ScimError::TooMany { .. })
    ));
}

#[test]
fn queries_are_bounded_and_say_everything_once() {
    let query = |pairs: &[(&'static str, &'static str)]| Query::from_pairs(pairs.iter().copied());
    let read = |pairs| query(pairs).map(|q| (q.offset, q.count));
    for (pairs, offset, count) in [
        (&[][..], 0, limits::DEFAULT_PAGE),
        (&[("startIndex", "1"), ("count", "2")], 0, 2),
        (&[("startindex", "0"), ("COUNT", "-5")], 0, 0),
        (
            &[
                ("startIndex", "-9223372036854775808"),
                ("count", "9223372036854775807"),
            ],
            0,
            limits::PAGE,
        ),
        (
            &[("startIndex", "11"), ("unknown", "x")],
            10,
            limits::DEFAULT_PAGE,
        ),
    ] {
        assert_eq!(read(pairs), Ok((offset, count)), "{pairs:?}");
    }
    for (pairs, scim_type) in [
        (&[("count", "2"), ("Count", "3")][..], "invalidValue"),
        (&[("count", "two")], "invalidValue"),
        (&[("startIndex", "99999999999999999999")], "invalidValue"),
        (&[("filter", "userName eq")], "invalidFilter"),
        (&[("sortOrder", "upwards")], "invalidValue"),
        (&[("sortBy", "a b")], "invalidValue"),
        (
            &[("attributes", "userName"), ("excludedAttributes", "name")],
            "invalidValue",
        ),
    ] {
        assert_eq!(
            query(pairs).unwrap_err().scim_type(),
            Some(scim_type),
            "{pairs:?}"
        );
    }
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "attributes": ["userName", "name.givenName"],
        "filter": "userName pr", "startIndex": 3, "count": 4, "sortBy": "userName", "sortOrder": "descending",
    });
    let query = Query::from_body(&body).unwrap();
    assert_eq!(
        (query.offset, query.count, query.is_descending),
        (2, 4, true)
    );
    assert!(matches!(query.projection, Projection::Only(ref paths) if paths.len() == 2));
}

#[test]
fn numbers_of_a_list_are_json_integers() {
    let query = Query::from_pairs([("startIndex", "3")]).unwrap();
    let text = query.answer(7, vec![json!({})]).to_string();
    for part in [
        r#""totalResults":7"#,
        r#""startIndex":3"#,
        r#""itemsPerPage":1"#,
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn answers_have_the_attributes_asked_for() {
    let document = Document::read(
        &USER,
        json!({
            "userName": "ann", "title": "Cook", "name": { "givenName": "Ann", "familyName": "Lee" },
            "emails": [{ "value": "a", "type": "work" }, { "value": "b" }],
            ENTERPRISE_USER.id: { "department": "Kitchen", "division": "x" },
        }),
    );
    let mut document = document.unwrap();
    document.put("id", "7");
    let whole = document.answer(&USER);
    let schemas = json!([CORE_USER.id, ENTERPRISE_USER.id]);
    let department = format!("{}:department", ENTERPRISE_USER.id);
    let project = |attributes: Option<&str>, excluded: Option<&str>| {
        Projection::parse(attributes, excluded)
            .unwrap()
            .of(&USER, whole.clone())
    };
    assert_eq!(project(None, None), whole);
    assert_eq!(
        project(Some("USERNAME, name.givenName,nothing"), None),
        json!({ "schemas": schemas, "id": "7", "userName": "ann", "name": { "givenName": "Ann" } })
    );
    assert_eq!(
        project(Some("emails.value,emails.type"), None)["emails"],
        json!([{ "value": "a", "type": "work" }, { "value": "b" }])
    );
    assert_eq!(
        project(Some(&department), None),
        json!({ "schemas": schemas, "id": "7", ENTERPRISE_USER.id: { "department": "Kitchen" } })
    );
    let rest = project(
        None,
        Some(&format!("id,title,emails,name.familyName,{department}")),
    );
    assert_eq!(
        rest,
        json!({
            "schemas": schemas, "id": "7", "userName": "ann", "name": { "givenName": "Ann" },
            ENTERPRISE_USER.id: { "division": "x" },
        })
    );
    assert!(Projection::parse(Some("a b"), None).is_err());
    assert!(Projection::parse(Some(&"a,".repeat(limits::PROJECTION + 1)), None).is_err());
    let members = |p: Projection| p.wants(&GROUP, "members");
    assert!(!members(Projection::parse(None, Some("members")).unwrap()));
    assert!(!members(
        Projection::parse(Some("displayName"), None).unwrap()
    ));
    assert!(members(
        Projection::parse(Some("members.value"), None).unwrap()
    ));
}

#[test]
fn the_server_describes_itself_with_what_it_can_do() {
    let base = "https://login.acme.test/scim/acme/v2";
    let config = service_provider_config(base);
    assert_eq!(
        (&config["patch"]["supported"], &config["bulk"]["supported"]),
        (&true.into(), &false.into())
    );
    let schemas = schema::schemas(base);
    let ids: Vec<_> = schemas.iter().map(|s| s["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [CORE_USER.id, CORE_GROUP.id, ENTERPRISE_USER.id]);
    let password = schemas[0]["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["name"] == "password")
        .unwrap();
    assert_eq!(
        (&password["mutability"], &password["returned"]),
        (&"writeOnly".into(), &"never".into())
    );
    let types = schema::resource_types(base);
    assert_eq!(
        types[0]["schemaExtensions"],
        json!([{ "schema": ENTERPRISE_USER.id, "required": false }])
    );
}
