//! Our Responses and metadata before the judges.

use anyhow::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use conformance::{
    judge,
    okta::{
        IDP_CERTIFICATE, IDP_ENTITY_ID, IDP_KEY, NAME_ID, REQUEST_ID, SP_ENTITY_ID, SSO_URL,
        STRANGER_KEY, failure, idp_metadata, now_ms, success, task,
    },
    xmlsec1_accepts,
};
use serde_json::{Value, json};
use standards::saml::response::SignedPart;

const PARTS: [(SignedPart, &str, &str); 2] = [
    (
        SignedPart::Assertion,
        "assertion",
        "urn:oasis:names:tc:SAML:2.0:assertion:Assertion",
    ),
    (
        SignedPart::Response,
        "response",
        "urn:oasis:names:tc:SAML:2.0:protocol:Response",
    ),
];
const JUDGES: [&str; 2] = ["accept-response/node-saml", "accept-response/samlify"];

fn accept(judge: &str, xml: &str, signed_part: &str) -> Value {
    task(
        judge,
        json!({"saml_response": STANDARD.encode(xml), "signed_part": signed_part}),
    )
}

#[test]
fn node_saml_and_samlify_accept_our_response_and_read_what_we_meant() -> Result<()> {
    let mut tasks = Vec::new();
    for (part, name, _) in PARTS {
        let xml = success(part, IDP_KEY, now_ms(), REQUEST_ID)?;
        tasks.extend(JUDGES.map(|judge| accept(judge, &xml, name)));
    }
    for (task, answer) in tasks.iter().zip(judge(&tasks)?) {
        let case = format!(
            "{} with a signed {}: {answer}",
            task["task"], task["signed_part"]
        );
        assert_eq!(answer["ok"], true, "{case}");
        assert_eq!(answer["name_id"], NAME_ID, "{case}");
        assert_eq!(answer["issuer"], IDP_ENTITY_ID, "{case}");
        assert_eq!(answer["session_index"], "_s1", "{case}");
        assert_eq!(
            answer["attributes"]["session.amr"],
            json!(["hwk", "pop", "mfa"]),
            "{case}"
        );
        assert_eq!(
            answer["attributes"]["OktaAppInstanceId"], "0oaapp",
            "{case}"
        );
        assert_eq!(answer["attributes"]["OktaAppName"], "Work & play", "{case}");
    }
    Ok(())
}

#[test]
fn xmlsec1_accepts_our_signatures_and_refuses_changed_ones() -> Result<()> {
    for (part, name, element) in PARTS {
        let xml = success(part, IDP_KEY, now_ms(), REQUEST_ID)?;
        assert!(
            xmlsec1_accepts(&xml, element, IDP_CERTIFICATE)?,
            "signed {name}"
        );
        for (sentence, spoiled) in tampered(&xml)
            .into_iter()
            .filter(|(_, spoiled)| spoiled.contains("<ds:Signature "))
        {
            assert!(
                !xmlsec1_accepts(&spoiled, element, IDP_CERTIFICATE)?,
                "signed {name}: {sentence}"
            );
        }
        let by_stranger = success(part, STRANGER_KEY, now_ms(), REQUEST_ID)?;
        assert!(
            !xmlsec1_accepts(&by_stranger, element, IDP_CERTIFICATE)?,
            "signed {name} by a stranger"
        );
    }
    let refusal = failure(now_ms())?;
    assert!(xmlsec1_accepts(&refusal, PARTS[1].2, IDP_CERTIFICATE)?);
    Ok(())
}

/// Changes inside the Assertion, which both kinds of signature cover.
fn tampered(xml: &str) -> Vec<(&'static str, String)> {
    let signature_at = xml.find("<ds:Signature ").unwrap();
    let signature_end = xml.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let all = vec![
        ("another name", xml.replace("Alice", "Mallory")),
        (
            "another audience",
            xml.replace(
                &format!("<saml2:Audience>{SP_ENTITY_ID}"),
                "<saml2:Audience>https://evil.test",
            ),
        ),
        ("another method", xml.replace(">hwk<", ">phr<")),
        ("an attribute less", {
            let at = xml.rfind("<saml2:Attribute ").unwrap();
            let end = xml.find("</saml2:AttributeStatement>").unwrap();
            [&xml[..at], &xml[end..]].concat()
        }),
        ("another session", xml.replace("_s1", "_s2")),
        (
            "another digest",
            xml.replace("<ds:DigestValue>", "<ds:DigestValue>AAAA"),
        ),
        (
            "another signature value",
            xml.replace("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"),
        ),
        (
            "no signature",
            [&xml[..signature_at], &xml[signature_end..]].concat(),
        ),
    ];
    assert!(all.iter().all(|(_, spoiled)| spoiled != xml));
    all
}

#[test]
fn tampered_old_and_foreign_responses_are_refused_by_both() -> Result<()> {
    let mut cases = Vec::new();
    for (part, name, _) in PARTS {
        let now = now_ms();
        let good = success(part, IDP_KEY, now, REQUEST_ID)?;
        let mut spoiled = tampered(&good);
        spoiled.push(("old", success(part, IDP_KEY, now - 3_600_000, REQUEST_ID)?));
        spoiled.push((
            "from the future",
            success(part, IDP_KEY, now + 3_600_000, REQUEST_ID)?,
        ));
        spoiled.push((
            "signed by a stranger",
            success(part, STRANGER_KEY, now, REQUEST_ID)?,
        ));
        spoiled.push(("for another request", success(part, IDP_KEY, now, "id2")?));
        for (sentence, xml) in spoiled {
            cases.extend(JUDGES.map(|judge| (sentence, accept(judge, &xml, name))));
        }
    }
    let tasks: Vec<_> = cases.iter().map(|(_, task)| task.clone()).collect();
    for ((sentence, task), answer) in cases.iter().zip(judge(&tasks)?) {
        assert_eq!(
            answer["ok"], false,
            "{sentence}: {} with a signed {}: {answer}",
            task["task"], task["signed_part"]
        );
    }
    Ok(())
}

#[test]
fn a_failure_is_understood_as_one() -> Result<()> {
    let xml = failure(now_ms())?;
    let tasks = JUDGES.map(|judge| accept(judge, &xml, "response"));
    for (task, answer) in tasks.iter().zip(judge(&tasks)?) {
        let said = answer["error"].as_str().unwrap_or_default();
        assert_eq!(answer["ok"], false, "{}: {answer}", task["task"]);
        assert!(
            said.contains("AuthnFailed") || said.contains("declined"),
            "{}: {said}",
            task["task"]
        );
    }
    Ok(())
}

#[test]
fn samlify_reads_our_metadata() -> Result<()> {
    let answer = &judge(&[task(
        "read-metadata/samlify",
        json!({"idp_metadata": idp_metadata()}),
    )])?[0];
    assert_eq!(answer["ok"], true, "{answer}");
    assert_eq!(answer["entity_id"], IDP_ENTITY_ID);
    assert_eq!(
        (&answer["post"], &answer["redirect"]),
        (&json!(SSO_URL), &json!(SSO_URL))
    );
    assert_eq!(answer["want_signed"], true);
    assert_eq!(answer["certificates"].as_array().map(Vec::len), Some(1));
    Ok(())
}
