//! SCIM filters: what is read, what is refused and where, and what fits.

use proptest::prelude::*;
use serde_json::json;
use standards::scim::{
    document::Document,
    error::ScimError,
    filter::{Comparison, Filter, FilterErrorKind as Kind, Literal},
    limits,
    path::AttributePath,
    schema::{CORE_GROUP, CORE_USER, GROUP, USER},
};

fn document() -> Document {
    let mut document = Document::read(
        &USER,
        json!({
            "schemas": [CORE_USER.id], "USERNAME": "Ann@Acme.test", "externalId": "00uA", "active": true,
            "name": { "givenName": "Ann", "familyName": "O'Hara \"x\"" },
            "emails": [
                { "value": "ann@acme.test", "type": "work", "primary": true },
                { "value": "ann@home.test", "type": "home" },
            ],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "R&D" },
        }),
    )
    .unwrap();
    document.put("id", "7");
    document.put(
        "meta",
        json!({ "lastModified": "2026-01-01T00:00:00.500Z" }),
    );
    document
}

#[test]
fn filters_choose_what_the_rfc_says() {
    for (text, fits) in [
        (r#"userName eq "ann@acme.TEST""#, true),
        (r#"USERNAME EQ "ann@acme.test""#, true),
        (
            r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "ANN""#,
            true,
        ),
        (r#"userName ne "ann@acme.test""#, false),
        (r#"externalId eq "00ua""#, false), // caseExact
        (r#"externalId eq "00uA""#, true),
        (r#"title pr"#, false),
        (r#"name pr and name.givenName pr and emails pr"#, true),
        (r#"name.familyName co "\"X\"""#, true),
        (r#"active eq true"#, true),
        (r#"active eq "True""#, true),
        (r#"active ne true"#, false),
        (r#"title eq null"#, true),
        (r#"title ne "boss""#, true),
        (r#"emails eq "ann@home.test""#, true),
        (
            r#"emails.type eq "home" and emails.value eq "ann@acme.test""#,
            true,
        ),
        (
            r#"emails[type eq "home" and value eq "ann@acme.test"]"#,
            false,
        ),
        (r#"emails[type eq "work" and value co "@acme"]"#, true),
        (
            r#"emails[not (type eq "work") and value ew "home.test"]"#,
            true,
        ),
        (r#"emails.value ne "ann@home.test""#, false),
        (
            r#"not (userName eq "x") and (title pr or userName gt "a")"#,
            true,
        ),
        // `and` binds closer than `or`.
        (r#"userName pr or title pr and title pr"#, true),
        (r#"(userName pr or title pr) and title pr"#, false),
        (r#"meta.lastModified gt "2026-01-01T01:00:00+01:00""#, true),
        (r#"meta.lastModified le "2026-01-01T00:00:00.499Z""#, false),
        (
            r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "r&d""#,
            true,
        ),
        (r#"userName eq"ann@acme.test""#, true),
    ] {
        let filter = Filter::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(filter.check(&USER), Ok(()), "{text}");
        assert_eq!(filter.matches(&USER, &document()), fits, "{text}");
        assert_eq!(
            Filter::parse(&filter.to_string()).as_ref(),
            Ok(&filter),
            "{text}"
        );
    }
}

#[test]
fn a_filter_that_cannot_be_read_is_refused_with_its_position() {
    let long = format!("userName eq \"{}\"", "a".repeat(limits::FILTER_BYTES));
    let deep = format!("{}title pr{}", "(".repeat(10_000), ")".repeat(10_000));
    let deep = &deep[..limits::FILTER_BYTES];
    let nots = format!("{}title pr{}", "not (".repeat(17), ")".repeat(17));
    let wide = vec!["title pr"; limits::FILTER_TERMS + 1].join(" and ");
    for (text, position, kind) in [
        ("", 0, Kind::AttributeExpected),
        ("userName", 8, Kind::OperatorExpected),
        ("userName is \"a\"", 8, Kind::OperatorExpected),
        ("userName eq", 11, Kind::ValueExpected),
        ("userName eq ann", 12, Kind::ValueMalformed),
        ("userName eq \"ann", 12, Kind::ValueMalformed),
        ("userName eq \"a\\q\"", 12, Kind::ValueMalformed),
        ("userName eq \"a\\u0000\"", 12, Kind::NulCharacter),
        ("userName eq \"a\" title pr", 16, Kind::EndExpected),
        ("userName eq \"a\" and", 19, Kind::AttributeExpected),
        ("(userName pr", 12, Kind::BracketExpected),
        ("not userName pr", 4, Kind::NotWithoutBracket),
        ("emails[type eq \"a\"", 18, Kind::BracketExpected),
        ("emails[ims[type pr]]", 11, Kind::ValuesWithinValues),
        (
            "emails[type eq \"a\"].value eq \"b\"",
            19,
            Kind::EndExpected,
        ),
        ("user name eq \"a\"", 4, Kind::OperatorExpected),
        (&long, limits::FILTER_BYTES, Kind::TooLong),
        (&wide, 64 * "title pr and ".len(), Kind::TooManyTerms),
    ] {
        let error = Filter::parse(text).expect_err(text);
        assert_eq!((error.position, error.kind), (position, kind), "{text}");
    }
    for text in [deep, &nots] {
        assert_eq!(Filter::parse(text).map_err(|e| e.kind), Err(Kind::TooDeep));
    }
}

#[test]
fn filters_are_no_way_to_guess_what_is_never_told() {
    for text in [r#"password eq "x""#, "password pr", r#"PASSWORD sw "a""#] {
        let refused = Filter::parse(text).unwrap().check(&USER);
        assert!(
            matches!(refused, Err(ScimError::FilterAttribute(_))),
            "{text}"
        );
    }
}

#[test]
fn comparisons_that_a_type_does_not_have_are_refused() {
    for text in [
        "active gt true",
        "active eq 1",
        r#"active eq "yes""#,
        "userName eq true",
        "userName gt null",
        r#"name eq "x""#,
        r#"meta.created gt "yesterday""#,
        r#"meta.created co "2026""#,
        r#"name[givenName eq "a"]"#,
        r#"userName[value eq "a"]"#,
        "addresses eq \"x\"",
    ] {
        let refused = Filter::parse(text).unwrap().check(&USER);
        assert!(
            matches!(refused, Err(ScimError::FilterComparison(_))),
            "{text}: {refused:?}"
        );
    }
    for text in ["shoeSize pr", r#"emails[shoeSize eq "1"]"#, "name.value pr"] {
        let refused = Filter::parse(text).unwrap().check(&USER);
        assert!(
            matches!(refused, Err(ScimError::FilterAttribute(_))),
            "{text}"
        );
    }
}

#[test]
fn a_group_is_found_by_its_members() {
    let members: Vec<_> = ["a", "b"].map(|v| json!({ "value": v })).into();
    let group = Document::read(
        &GROUP,
        json!({ "schemas": [CORE_GROUP.id], "displayName": "Staff", "members": members }),
    )
    .unwrap();
    for (text, fits) in [
        (r#"members eq "b""#, true),
        (r#"members[value eq "b"]"#, true),
        (r#"members.value eq "c""#, false),
        (r#"displayName eq "STAFF""#, true),
    ] {
        assert_eq!(
            Filter::parse(text).unwrap().matches(&GROUP, &group),
            fits,
            "{text}"
        );
    }
}

fn path() -> impl Strategy<Value = AttributePath> {
    let known = prop_oneof![
        Just("userName"),
        Just("emails.value"),
        Just("name.givenName"),
        Just("meta.created"),
        Just("active"),
        Just("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value"),
    ];
    prop_oneof![
        3 => known.prop_map(|text| AttributePath::parse(text).unwrap()),
        1 => "[a-zA-Z][a-zA-Z0-9_-]{0,9}(\\.\\$?[a-z]{1,4})?"
            .prop_map(|text| AttributePath::parse(&text).unwrap()),
    ]
}

fn comparison() -> impl Strategy<Value = Filter> {
    use Comparison::*;
    let operator = prop::sample::select(vec![Eq, Ne, Co, Sw, Ew, Gt, Ge, Lt, Le]);
    let literal = prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Boolean),
        any::<i64>().prop_map(|n| Literal::Number(n.into())),
        "[^\\x00]{0,12}".prop_map(Literal::Text),
    ];
    prop_oneof![
        path().prop_map(Filter::Present),
        (path(), operator, literal).prop_map(|(p, o, l)| Filter::Compare(p, o, l)),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let many = |inner: BoxedStrategy<Filter>| prop::collection::vec(inner, 2..4);
    let plain = comparison().boxed().prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            many(inner.clone()).prop_map(Filter::And),
            many(inner.clone()).prop_map(Filter::Or),
            inner.prop_map(|f| Filter::Not(Box::new(f))),
        ]
    });
    let values = (path(), plain.clone()).prop_map(|(p, f)| Filter::Values(p, Box::new(f)));
    prop_oneof![plain, values]
}

proptest! {
    #[test]
    fn what_is_printed_is_read_as_the_same(filter in filter()) {
        let text = filter.to_string();
        prop_assume!(text.len() <= limits::FILTER_BYTES);
        prop_assert_eq!(Filter::parse(&text), Ok(filter));
    }

    #[test]
    fn no_text_panics_and_what_is_read_can_be_printed(text in ".{0,80}") {
        if let Ok(filter) = Filter::parse(&text) {
            prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter.clone()));
            let _ = filter.check(&USER);
            let _ = filter.matches(&USER, &document());
        }
    }

    #[test]
    fn a_filter_and_its_opposite_never_both_fit(filter in filter()) {
        let not = Filter::Not(Box::new(filter.clone()));
        prop_assert_ne!(filter.matches(&USER, &document()), not.matches(&USER, &document()));
    }
}
