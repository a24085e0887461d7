//! Signatures of another shape than the one that is accepted, and documents that were changed after they were signed.

use super::{E, S, Tampered};
use crate::okta::{self, ENVELOPED, EXCLUSIVE, Signature, behind_issuer, posted, request, signed};

/// All by POST: a signature of the Redirect binding lies in the query.
pub fn rows() -> Vec<Tampered> {
    let ok = Signature::default();
    let other = request().replace("id216400685678752324916391", "other");
    let object = format!("<ds:Object>{other}</ds:Object>");
    let with_comments = r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#WithComments"></ds:Transform>"#;
    let xslt =
        r#"<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"></ds:Transform>"#;
    let twice = [ENVELOPED, EXCLUSIVE, EXCLUSIVE].concat();
    let backwards = [EXCLUSIVE, ENVELOPED].concat();
    let extra = [ENVELOPED, xslt, EXCLUSIVE].concat();
    let commented = [ENVELOPED, with_comments].concat();
    let xpath = r#"<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>//evil</ds:XPath></ds:Transform>"#;
    let by_xpath = [ENVELOPED, xpath].concat();
    let mut rows: Vec<_> = [
        (
            "by a stranger",
            Signature {
                key: okta::STRANGER_KEY,
                ..ok.clone()
            },
            S::Value,
        ),
        (
            "SHA-1",
            Signature {
                method: "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
                ..ok.clone()
            },
            S::Algorithm,
        ),
        (
            "HMAC",
            Signature {
                method: "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
                ..ok.clone()
            },
            S::Algorithm,
        ),
        (
            "SHA-1 digest",
            Signature {
                digest_method: "http://www.w3.org/2000/09/xmldsig#sha1",
                ..ok.clone()
            },
            S::DigestAlgorithm,
        ),
        (
            "inclusive c14n",
            Signature {
                c14n: "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
                ..ok.clone()
            },
            S::Canonicalization,
        ),
        (
            "external reference",
            Signature {
                uri: "https://evil.test/a.xml",
                ..ok.clone()
            },
            S::ReferenceExternal,
        ),
        (
            "whole document",
            Signature {
                uri: "",
                ..ok.clone()
            },
            S::ReferenceElsewhere,
        ),
        (
            "xpointer",
            Signature {
                uri: "#xpointer(/)",
                ..ok.clone()
            },
            S::ReferenceElsewhere,
        ),
        (
            "another element",
            Signature {
                uri: "#other",
                ..ok.clone()
            },
            S::ReferenceElsewhere,
        ),
        (
            "no transform",
            Signature {
                transforms: "",
                ..ok.clone()
            },
            S::Transforms,
        ),
        (
            "extra transform",
            Signature {
                transforms: &extra,
                ..ok.clone()
            },
            S::Transforms,
        ),
        (
            "transform twice",
            Signature {
                transforms: &twice,
                ..ok.clone()
            },
            S::Transforms,
        ),
        (
            "transforms backwards",
            Signature {
                transforms: &backwards,
                ..ok.clone()
            },
            S::Transforms,
        ),
        (
            "comments in the digest",
            Signature {
                transforms: &commented,
                ..ok.clone()
            },
            S::Transforms,
        ),
        (
            "object inside",
            Signature {
                object: &object,
                ..ok.clone()
            },
            S::Structure,
        ),
        (
            "transform by XPath",
            Signature {
                transforms: &by_xpath,
                ..ok.clone()
            },
            S::Transforms,
        ),
        (
            "ECDSA",
            Signature {
                method: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
                ..ok.clone()
            },
            S::Algorithm,
        ),
        (
            "no algorithm",
            Signature {
                method: "",
                ..ok.clone()
            },
            S::Algorithm,
        ),
        (
            "reference to a file",
            Signature {
                uri: "file:///etc/passwd",
                ..ok.clone()
            },
            S::ReferenceExternal,
        ),
    ]
    .into_iter()
    .map(|(sentence, signature, expected)| {
        let xml = signature.enveloped_in(&request());
        Tampered::posted(sentence, posted(&xml), E::Signature(expected))
    })
    .collect();
    let good = signed(&request());
    for (sentence, from, to) in [
        ("another name", "alice@acme.test", "admin@acme.test"),
        (
            "a flag turned",
            "ForceAuthn=\"true\"",
            "ForceAuthn=\"false\"",
        ),
        ("another time", "00:00:00.000Z", "00:00:00.001Z"),
        (
            "an element more",
            "</saml2:Subject>",
            "</saml2:Subject><saml2p:Extensions/>",
        ),
        ("a space in the name", "alice@", "alice @"),
    ] {
        let spoiled = good.replace(from, to);
        assert_ne!(spoiled, good, "{sentence}: nothing was changed");
        rows.push(Tampered::posted(
            sentence,
            posted(&spoiled),
            E::Signature(S::Digest),
        ));
    }
    let mut push = |sentence, xml: String, expected| {
        rows.push(Tampered::posted(
            sentence,
            posted(&xml),
            E::Signature(expected),
        ));
    };
    push("no signature", request(), S::Missing);
    push("two references", two_references(), S::References);
    push(
        "no reference",
        without(&good, "<ds:Reference", "</ds:Reference>"),
        S::References,
    );
    push("a canonical form that grows", growing(), S::TooLong);
    push(
        "no digest",
        without(&good, "<ds:DigestValue>", "</ds:DigestValue>"),
        S::Structure,
    );
    push(
        "no value",
        without(&good, "<ds:SignatureValue>", "</ds:SignatureValue>"),
        S::Structure,
    );
    let value = okta::between(&good, "<ds:SignatureValue>", "</ds:SignatureValue>");
    push(
        "a value that is not base64",
        good.replace(value, "***"),
        S::NotBase64,
    );
    push("an empty value", good.replace(value, ""), S::Value);
    rows
}

/// `xml` without the first piece from `from` to `to`.
fn without(xml: &str, from: &str, to: &str) -> String {
    let (before, rest) = xml.split_once(from).unwrap();
    let (_, after) = rest.split_once(to).unwrap();
    format!("{before}{after}")
}

fn growing() -> String {
    let children = "<p:b></p:b>".repeat(400);
    let long = format!(
        r#"<saml2p:Extensions xmlns:p="{}">{children}</saml2p:Extensions>"#,
        "u".repeat(20_000)
    );
    let xml = signed(&request()).replacen(
        "</saml2p:AuthnRequest>",
        &format!("{long}</saml2p:AuthnRequest>"),
        1,
    );
    xml
}

fn two_references() -> String {
    let signature = Signature::default().over(&request());
    let at = signature.find("<ds:Reference").unwrap();
    let end = signature.find("</ds:SignedInfo>").unwrap();
    let second = signature[at..end].to_owned();
    let spoiled = signature.replacen("<ds:Reference", &format!("{second}<ds:Reference"), 1);
    behind_issuer(&request(), &spoiled)
}
