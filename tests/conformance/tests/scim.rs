//! Okta's SPEC and CRUD suites before our SCIM server; CRUD in both dialects of an org's apps.

use anyhow::{Context, Result, ensure};
use conformance::scim::{
    self, Call,
    okta::{self, Dialect, Org},
    server::Server,
};
use serde_json::{Value, json};
use std::{collections::HashMap, fs, path::PathBuf};

/// The suites of this name: the one in the repository, and Okta's own file where `TACIT_OKTA_SCIM_SUITES` says it lies.
fn suites(ours: &str, theirs: &str) -> Result<Vec<Value>> {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/scim");
    let mut files = vec![fixtures.join(ours)];
    files.extend(std::env::var_os("TACIT_OKTA_SCIM_SUITES").map(|f| PathBuf::from(f).join(theirs)));
    files
        .iter()
        .map(|file| {
            let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
            Ok(serde_json::from_str(&text)?)
        })
        .collect()
}

fn variables(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs
        .iter()
        .map(|(n, v)| ((*n).into(), (*v).into()))
        .collect()
}

fn check(outcome: &scim::Outcome, at_least: usize) -> Result<()> {
    ensure!(outcome.failures.is_empty(), "{:#?}", outcome.failures);
    ensure!(outcome.held >= at_least, "only {} assertions", outcome.held);
    Ok(())
}

#[test]
fn the_spec_suite_holds() -> Result<()> {
    for suite in suites("spec.json", "Okta-SCIM-20-SPEC-Test.json")? {
        let folder = tempfile::tempdir()?;
        let server = Server::start(folder.path())?;
        let (base, auth) = (server.base(), server.authorization());
        // The suite wants one whole person to be there already.
        let seed = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "seed@acme.test", "active": true,
            "name": { "givenName": "Sea", "familyName": "Deed" }, "emails": [{ "value": "seed@acme.test" }],
        });
        let call = Call {
            method: "POST".into(),
            url: format!("{base}/Users"),
            headers: vec![
                ("Authorization".into(), auth.clone()),
                ("Content-Type".into(), "application/scim+json".into()),
            ],
            body: seed.to_string(),
        };
        assert_eq!(server.send(call)?.status, 201);
        let variables = variables(&[
            ("SCIMBaseURL", &base),
            ("auth", &auth),
            ("randomGivenName", "Runscope123"),
            ("randomFamilyName", "Kabcdefgh456"),
            ("randomEmail", "Runscope123Kabcdefgh456@atko.com"),
            ("randomUsername", "Runscope123Kabcdefgh456@atko.com"),
            ("randomUsernameCaps", "RUNSCOPE123KABCDEFGH456@ATKO.COM"),
            ("InvalidUserEmail", "abcdefgh@atko.com"),
            ("UserIdThatDoesNotExist", "010101001010101011001010101011"),
        ]);
        check(&scim::run(&suite, variables, |call| server.send(call))?, 40)?;
    }
    Ok(())
}

#[test]
fn the_crud_suite_holds_in_both_dialects() -> Result<()> {
    for suite in suites("crud.json", "Okta-SCIM-20-CRUD-Test.json")? {
        for dialect in [Dialect::Catalogue, Dialect::Wizard] {
            let folder = tempfile::tempdir()?;
            let server = Server::start(folder.path())?;
            let (base, auth) = (server.base(), server.authorization());
            let mut org = Org::new(dialect, base.clone(), auth.clone(), |call| {
                server.send(call)
            });
            let variables = variables(&[
                ("SCIMUrl", &base),
                ("SCIMAuth", &auth),
                ("oktaOrgUrl", okta::URL),
                ("oktaToken", "token"),
                ("oktaAppId", "0oa1"),
                ("okta_user_firstname", "Runscope123"),
                ("okta_user_firstname_update", "Runscope123update"),
                ("okta_user_lastname", "Kabcdefgh456"),
                ("okta_user_email", "Runscope123Kabcdefgh456@atko.com"),
                ("okta_user_title", "Engineer"),
                ("okta_user_primaryphone", "415.123.4567"),
            ]);
            let outcome = scim::run(&suite, variables, |call| org.answer(call))?;
            check(&outcome, 19).with_context(|| format!("{dialect:?}"))?;
        }
    }
    Ok(())
}

#[test]
fn an_assertion_that_does_not_hold_is_reported() -> Result<()> {
    let suite = json!({ "steps": [{
        "step_type": "request", "method": "GET", "url": "{{u}}/x", "headers": {},
        "assertions": [
            { "source": "response_status", "comparison": "equal_number", "value": 200 },
            { "source": "response_json", "comparison": "is_a_number", "property": "n" },
            { "source": "response_json", "comparison": "equal", "property": "a[0].b", "value": "c" },
            { "source": "response_json", "comparison": "not_empty", "property": "gone" },
        ],
    }] });
    let answer = scim::Answer {
        status: 200,
        body: json!({ "n": "1", "a": [{ "b": "c" }] }),
    };
    let outcome = scim::run(&suite, variables(&[("u", "https://x")]), |_| {
        Ok(answer.clone())
    })?;
    assert_eq!((outcome.held, outcome.failures.len()), (2, 2));
    Ok(())
}
